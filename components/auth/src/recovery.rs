//! The pages that mails lead to, and the one to ask for such a mail: a forgotten password, a new one, a confirmed address.
//!
//! Keeps: opening a link changes nothing, since programs that look through mail open them too; whoever asks for a mail is told the
//! same whether the address is known or not. Users decides what a link is worth.

use crate::cookie::Jar;
use crate::csrf::{self, Csrf, Form, Shown};
use crate::page;
use crate::pages::{self, recovery, texts::texts};
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use souk_kit::form::{self, MAX_FORM};
use souk_kit::{Caller, Ctx, Language, Problem, Result};

#[derive(Default, Deserialize)]
struct Parameters {
    token: Option<String>,
    ui_locales: Option<String>,
}

#[derive(Default, Deserialize)]
struct Filled {
    csrf: Option<String>,
    email: Option<String>,
    password: Option<String>,
}

/// Somebody on one of the pages.
struct Visit {
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    form: Form,
    query: String,
    token: Option<String>,
    language: Language,
    csrf: Csrf,
}

/// What a form led to.
enum Outcome {
    /// It was done.
    Done,
    /// What was filled in will not do.
    Wrong,
    /// The link is worth nothing any more.
    Gone,
}

/// Ask for a new password: the page.
#[utoipa::path(get, path = "/oauth2/forgot", tag = "auth",
    params(("ui_locales" = Option<String>, Query, description = "Languages, the best first")),
    responses((status = 200, description = "A page", content_type = "text/html")))]
pub async fn forgot(ctx: Ctx, caller: Caller, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    visit(ctx, caller, headers, Form::Forgot, query, None).await
}

/// Ask for a new password, by the page's form.
#[utoipa::path(post, path = "/oauth2/forgot", tag = "auth",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A page: if there is such an account, mail is on its way", content_type = "text/html"),
        (status = 403, description = "A page: the form is none of ours, or too old", content_type = "text/html"),
        (status = 422, description = "A page: that is no e-mail address", content_type = "text/html")))]
pub async fn ask(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    visit(ctx, caller, headers, Form::Forgot, query, Some(body)).await
}

/// Choose a new password: the page that a mail leads to.
#[utoipa::path(get, path = "/oauth2/reset", tag = "auth", params(("token" = Option<String>, Query, description = "What the link carries"),
    ("ui_locales" = Option<String>, Query, description = "Languages, the best first")),
    responses((status = 200, description = "A page", content_type = "text/html"),
        (status = 410, description = "A page: the link is not valid", content_type = "text/html")))]
pub async fn reset(ctx: Ctx, caller: Caller, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    visit(ctx, caller, headers, Form::Reset, query, None).await
}

/// Choose a new password, by the page's form.
#[utoipa::path(post, path = "/oauth2/reset", tag = "auth",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A page: the password is changed", content_type = "text/html"),
        (status = 403, description = "A page: the form is none of ours, or too old", content_type = "text/html"),
        (status = 410, description = "A page: the link is not valid", content_type = "text/html"),
        (status = 422, description = "A page: the password will not do", content_type = "text/html")))]
pub async fn renew(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    visit(ctx, caller, headers, Form::Reset, query, Some(body)).await
}

/// Confirm an e-mail address: the page that a mail leads to.
#[utoipa::path(get, path = "/oauth2/verify", tag = "auth", params(("token" = Option<String>, Query, description = "What the link carries"),
    ("ui_locales" = Option<String>, Query, description = "Languages, the best first")),
    responses((status = 200, description = "A page", content_type = "text/html"),
        (status = 410, description = "A page: the link is not valid", content_type = "text/html")))]
pub async fn verify(ctx: Ctx, caller: Caller, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    visit(ctx, caller, headers, Form::Verify, query, None).await
}

/// Confirm an e-mail address, by the page's form.
#[utoipa::path(post, path = "/oauth2/verify", tag = "auth",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "A page: the address is confirmed", content_type = "text/html"),
        (status = 403, description = "A page: the form is none of ours, or too old", content_type = "text/html"),
        (status = 410, description = "A page: the link is not valid", content_type = "text/html")))]
pub async fn confirm(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    visit(ctx, caller, headers, Form::Verify, query, Some(body)).await
}

async fn visit(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    form: Form,
    query: Option<String>,
    body: Option<Bytes>,
) -> Response {
    let query = query.unwrap_or_default();
    let parameters: Parameters = form::parse(query.as_bytes()).unwrap_or_default();
    let language = page::language(parameters.ui_locales.as_deref(), &headers);
    let failed = |problem| pages::fault(language, &ctx, problem);
    let jar = match Jar::of_suite().await {
        Ok(jar) => jar,
        Err(problem) => return failed(problem),
    };
    let csrf = match Csrf::of(&headers, jar).await {
        Ok(csrf) => csrf,
        Err(problem) => return failed(problem),
    };
    let token = parameters.token;
    let visit = Visit { ctx: ctx.clone(), caller, headers, form, query, token, language, csrf };
    let answer = match body {
        None => visit.shows(StatusCode::OK, None),
        Some(body) => visit.steps(&body).await,
    };
    answer.unwrap_or_else(failed)
}

impl Visit {
    fn shown(&self) -> Shown<'_> {
        Shown { form: self.form, query: &self.query, session: "" }
    }

    /// The page with its form; without a link to begin with there is none.
    fn shows(&self, status: StatusCode, alert: Option<&str>) -> Result<Response> {
        if self.form != Form::Forgot && self.token.is_none() {
            return Ok(recovery::gone(self.language, self.form));
        }
        let code = self.csrf.code(self.shown())?;
        let mut response = recovery::form(self.language, self.form, &self.query, &code, status, alert);
        if let Some(cookie) = self.csrf.set_cookie()? {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }

    async fn steps(&self, body: &[u8]) -> Result<Response> {
        let texts = texts(self.language);
        let filled = match form::parse::<Filled>(body) {
            Ok(filled) if form::is_form(&self.headers) && body.len() <= MAX_FORM => filled,
            _ => {
                let why = texts.bad_request.replace("{why}", "form");
                return Ok(pages::refusal(self.language, &self.ctx, StatusCode::BAD_REQUEST, &why));
            }
        };
        if !csrf::is_from_here(&self.headers).await? {
            let status = StatusCode::FORBIDDEN;
            return Ok(pages::refusal(self.language, &self.ctx, status, texts.foreign_form));
        }
        if !self.csrf.accepts(filled.csrf.as_deref().unwrap_or_default(), self.shown())? {
            return self.shows(StatusCode::FORBIDDEN, Some(texts.page_too_old));
        }
        match self.acts(filled).await? {
            Outcome::Done => Ok(recovery::done(self.language, self.form)),
            Outcome::Gone => Ok(recovery::gone(self.language, self.form)),
            Outcome::Wrong => {
                let alert = if self.form == Form::Forgot { texts.no_email } else { texts.weak_password };
                self.shows(StatusCode::UNPROCESSABLE_ENTITY, Some(alert))
            }
        }
    }

    /// Has users do what the form asks for.
    async fn acts(&self, filled: Filled) -> Result<Outcome> {
        let token = self.token.as_deref().unwrap_or_default();
        let (path, asked): (_, Value) = match self.form {
            Form::Forgot => ("/users/password-reset", json!({"email": filled.email.unwrap_or_default()})),
            Form::Reset => (
                "/users/password-reset/confirm",
                json!({"token": token, "password": filled.password.unwrap_or_default()}),
            ),
            Form::Verify => ("/users/email/verify", json!({"token": token})),
            other => return Err(Problem::internal(format!("no page of recovery: {other:?}"))),
        };
        let call = self.ctx.call(Method::POST, "users", path).on_behalf_of(&self.caller).json(&asked)?;
        let reply = call.send().await?;
        match reply.status {
            status if status.is_success() => Ok(Outcome::Done),
            StatusCode::GONE => Ok(Outcome::Gone),
            // A token that is too long is as good as any other that was never sent.
            StatusCode::UNPROCESSABLE_ENTITY if self.form == Form::Verify => Ok(Outcome::Gone),
            StatusCode::UNPROCESSABLE_ENTITY => Ok(Outcome::Wrong),
            _ => Err(reply.unexpected()),
        }
    }
}
