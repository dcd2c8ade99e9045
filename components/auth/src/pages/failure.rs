//! What went wrong, for a person to read.

use super::texts::texts;
use crate::page::Page;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::html;
use serde_json::json;
use souk_kit::{Ctx, Language, Level, Problem};

/// The page that says that a request cannot be served, and why. Nobody is sent anywhere from here.
pub fn refusal(language: Language, ctx: &Ctx, status: StatusCode, why: &str) -> Response {
    let texts = texts(language);
    let content = html! {
        p { (texts.cannot_what_to_do) }
        p.soft { (texts.request_id) ": " code { (ctx.request_id()) } }
    };
    Page::new(language, texts.cannot).status(status).alert(Some(why)).with(content)
}

/// The page for a fault of ours, whose cause is logged here.
pub fn fault(language: Language, ctx: &Ctx, problem: Problem) -> Response {
    let Some(cause) = problem.cause() else { return problem.into_response() };
    let spec = problem.spec();
    let fields =
        json!({"request.id": ctx.request_id(), "trace": ctx.traceparent(), "http.status": spec.status});
    souk_kit::log(Level::Error, cause, fields);
    let texts = texts(language);
    let (title, about) = match spec.transient {
        true => (texts.busy, texts.busy_about),
        false => (texts.broken, texts.broken_about),
    };
    let content = html! { p.soft { (texts.request_id) ": " code { (ctx.request_id()) } } };
    let status = StatusCode::from_u16(spec.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Page::new(language, title).status(status).alert(Some(about)).with(content);
    if spec.transient {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// Logs the cause of a fault that is told in another way than by a problem document.
pub fn log_fault(ctx: &Ctx, problem: &Problem) {
    let spec = problem.spec();
    let fields =
        json!({"request.id": ctx.request_id(), "trace": ctx.traceparent(), "http.status": spec.status});
    souk_kit::log(Level::Error, problem.cause().unwrap_or(spec.title), fields);
}
