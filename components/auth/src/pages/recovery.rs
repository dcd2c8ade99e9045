//! A forgotten password, a new one, a confirmed address.

use super::step;
use super::texts::{Texts, texts};
use crate::csrf::Form;
use crate::page::{Field, Page, field, hidden};
use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};
use souk_kit::Language;

/// What a page says above its form, and on its button.
fn words(form: Form, texts: &Texts) -> (&str, &str, &str) {
    match form {
        Form::Forgot => (texts.forgot, texts.forgot_about, texts.forgot_go),
        Form::Verify => (texts.verify, texts.verify_about, texts.verify_go),
        _ => (texts.reset, texts.reset_about, texts.reset_go),
    }
}

/// The page with the form of its own.
pub fn form(
    language: Language,
    form: Form,
    query: &str,
    csrf: &str,
    status: StatusCode,
    alert: Option<&str>,
) -> Response {
    let texts = texts(language);
    let (title, about, go) = words(form, texts);
    let is_wrong = status == StatusCode::UNPROCESSABLE_ENTITY;
    let fields = match form {
        Form::Forgot => email(texts, is_wrong),
        Form::Reset => password(texts, is_wrong),
        _ => html! {},
    };
    let content = html! {
        p { (about) }
        form method="post" action=(format!("{}?{query}", path(form))) {
            (hidden("csrf", csrf))
            (fields)
            (step("go", go))
        }
    };
    Page::new(language, title).status(status).alert(alert).with(content)
}

fn path(form: Form) -> &'static str {
    match form {
        Form::Forgot => "/oauth2/forgot",
        Form::Verify => "/oauth2/verify",
        _ => "/oauth2/reset",
    }
}

fn email(texts: &Texts, is_wrong: bool) -> Markup {
    field(&Field {
        name: "email",
        label: texts.email,
        kind: "email",
        autocomplete: "username",
        is_first: true,
        is_wrong,
        ..Field::default()
    })
}

fn password(texts: &Texts, is_wrong: bool) -> Markup {
    field(&Field {
        name: "password",
        label: texts.new_password,
        kind: "password",
        autocomplete: "new-password",
        hint: Some(texts.new_password_hint),
        is_first: true,
        is_wrong,
        ..Field::default()
    })
}

/// The page that says that it was done. Of a mail it says that there may be one: nothing tells whether there is.
pub fn done(language: Language, form: Form) -> Response {
    let texts = texts(language);
    let (title, about) = match form {
        Form::Forgot => (texts.forgot_done, texts.forgot_done_about),
        Form::Verify => (texts.verify_done, texts.verify_done_about),
        _ => (texts.reset_done, texts.reset_done_about),
    };
    Page::new(language, title).with(html! { p role="status" { (about) } })
}

/// The page for a link that is worth nothing any more.
pub fn gone(language: Language, form: Form) -> Response {
    let texts = texts(language);
    let content = html! {
        @if form == Form::Verify {
            p { (texts.gone_verify) }
        } @else {
            p { a href=(format!("/oauth2/forgot?ui_locales={}", language.code())) { (texts.gone_reset) } }
        }
    };
    Page::new(language, texts.cannot).status(StatusCode::GONE).alert(Some(texts.gone)).with(content)
}
