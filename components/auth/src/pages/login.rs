//! Signing in.

use super::texts::texts;
use super::{View, other_step, step};
use crate::page::{Field, Page, field};
use axum::response::Response;
use http::StatusCode;
use maud::html;

/// The page where somebody signs in: what they filled in before, what was wrong with it, and its status.
pub fn login(view: View<'_>, email: Option<&str>, alert: Option<&str>, status: StatusCode) -> Response {
    let texts = texts(view.language);
    // Who sees their address already goes on with the password.
    let has_email = email.is_some_and(|email| !email.is_empty());
    let is_wrong = status == StatusCode::UNPROCESSABLE_ENTITY;
    let email = Field {
        name: "email",
        label: texts.email,
        kind: "email",
        autocomplete: "username",
        value: email,
        is_first: !has_email,
        is_wrong,
        ..Field::default()
    };
    let password = Field {
        name: "password",
        label: texts.password,
        kind: "password",
        autocomplete: "current-password",
        is_first: has_email,
        is_wrong,
        ..Field::default()
    };
    let content = html! {
        p.soft { (texts.sign_in_for.replace("{client}", view.client)) }
        (view.form(html! {
            (field(&email))
            (field(&password))
            (step("login", texts.sign_in))
            (other_step("deny", texts.cancel))
            p { a href=(format!("/oauth2/forgot?ui_locales={}", view.language.code())) { (texts.forgot) } }
        }))
    };
    Page::new(view.language, texts.sign_in)
        .status(status)
        .alert(alert)
        .leads_to(view.redirect_uri)
        .with(content)
}
