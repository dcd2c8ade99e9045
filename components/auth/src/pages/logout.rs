//! Signing out.

use super::texts::texts;
use super::{other_step, step};
use crate::page::{Page, hidden};
use axum::response::Response;
use http::StatusCode;
use maud::html;
use souk_kit::Language;

/// The page that asks whether to sign out.
pub fn ask(
    language: Language,
    query: &str,
    csrf: &str,
    leads_to: Option<&str>,
    alert: Option<&str>,
) -> Response {
    let texts = texts(language);
    let content = html! {
        p { (texts.sign_out_ask) }
        form method="post" action=(format!("/oauth2/logout?{query}")) {
            (hidden("csrf", csrf))
            (step("logout", texts.sign_out))
            (other_step("stay", texts.sign_out_no))
        }
    };
    let status = if alert.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let page = Page::new(language, texts.sign_out).status(status).alert(alert);
    match leads_to {
        Some(uri) => page.leads_to(uri).with(content),
        None => page.with(content),
    }
}

/// The page that says that somebody is signed out, or still signed in.
pub fn told(language: Language, is_out: bool) -> Response {
    let texts = texts(language);
    let (title, about) = match is_out {
        true => (texts.signed_out, texts.signed_out_about),
        false => (texts.still_signed_in, texts.still_signed_in_about),
    };
    Page::new(language, title).with(html! { p { (about) } })
}
