//! Choosing the account, and allowing an application what it asks for.

use super::texts::texts;
use super::{View, other_step, step};
use crate::page::{self, Page};
use axum::response::Response;
use http::StatusCode;
use maud::html;

/// The page that asks with which account to go on.
pub fn choose(view: View<'_>, who: &str) -> Response {
    let texts = texts(view.language);
    let content = html! {
        p { (texts.choose_for.replace("{client}", view.client)) }
        (view.form(html! {
            (step("account", &texts.go_on_as.replace("{who}", who)))
            (other_step("other", texts.use_other))
            (other_step("deny", texts.cancel))
        }))
    };
    Page::new(view.language, texts.choose).leads_to(view.redirect_uri).with(content)
}

/// The page that asks whether the application may have what it asks for.
pub fn consent(view: View<'_>, who: &str, scope: &[&str], alert: Option<&str>) -> Response {
    let texts = texts(view.language);
    let title = texts.consent.replace("{client}", view.client);
    let place = page::source(view.redirect_uri).unwrap_or_default();
    let content = html! {
        p { (texts.consent_who.replace("{who}", who)) }
        p { (texts.consent_list.replace("{client}", view.client)) }
        ul { @for name in scope { li { (texts.scope(name)) } } }
        p.soft { (texts.leads_to.replace("{place}", &place)) }
        (view.form(html! {
            (step("consent", texts.allow))
            (other_step("deny", texts.deny))
            (other_step("other", texts.use_other))
        }))
    };
    let status = if alert.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    Page::new(view.language, &title).status(status).alert(alert).leads_to(view.redirect_uri).with(content)
}
