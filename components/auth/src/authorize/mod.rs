//! Asking for an authorization: `GET` shows a page or sends back, and the form of the page comes back to the same address.
//!
//! Keeps: nothing is remembered between the steps but who is signed in and what they have allowed; each step validates the
//! request anew. A code is given only to a client and an address that are proven, for a person who is signed in as the request
//! wants it, and for what they have allowed.

mod next;
pub mod request;
mod visit;

use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::response::Response;
use http::HeaderMap;
use souk_kit::{Caller, Ctx};
use visit::Visit;

pub use visit::see_other;

/// Ask for an authorization code.
///
/// For browsers (RFC 6749, section 4.1; OpenID Connect Core, section 3.1.2). Shows pages to sign in and to allow, or sends the
/// browser back to the client's `redirect_uri` with `code`, or with `error`; always with `state` and `iss`. PKCE with `S256` is
/// required of every client.
#[utoipa::path(get, path = "/oauth2/authorize", tag = "auth", params(
    ("client_id" = String, Query, description = "The client"),
    ("redirect_uri" = String, Query, description = "Where the answer goes: one of the client's, exactly; the port of `127.0.0.1` and `[::1]` may differ"),
    ("response_type" = String, Query, description = "`code`"),
    ("scope" = String, Query, description = "What is asked for, separated by spaces"),
    ("code_challenge" = String, Query, description = "SHA-256 of the verifier in base64url"),
    ("code_challenge_method" = String, Query, description = "`S256`"),
    ("state" = Option<String>, Query, description = "Comes back with the answer"),
    ("nonce" = Option<String>, Query, description = "Stands in the id token"),
    ("prompt" = Option<String>, Query, description = "`none`, or any of `login`, `consent`, `select_account`"),
    ("max_age" = Option<u32>, Query, description = "How many seconds ago the person may have signed in"),
    ("login_hint" = Option<String>, Query, description = "The e-mail address to begin with"),
    ("id_token_hint" = Option<String>, Query, description = "Who is expected to be signed in"),
    ("ui_locales" = Option<String>, Query, description = "Languages, the best first")),
    responses((status = 200, description = "A page", content_type = "text/html"),
        (status = 303, description = "Back to the client, with `code` or `error`"),
        (status = 400, description = "A page: the client or its address is not known", content_type = "text/html")))]
pub async fn show(ctx: Ctx, caller: Caller, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let mut visit = match Visit::begin(ctx.clone(), caller, headers, query.unwrap_or_default()).await {
        Ok(visit) => visit,
        Err(problem) => return crate::pages::fault(Default::default(), &ctx, problem),
    };
    let outcome = visit.shows().await;
    visit.end(outcome).await
}

/// Take a step on a page of the authorization.
///
/// For the forms of our own pages. A client that asks by `POST` is sent on to the same question by `GET`.
#[utoipa::path(post, path = "/oauth2/authorize", tag = "auth",
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The next page", content_type = "text/html"),
        (status = 303, description = "Back to the client, with `code` or `error`"),
        (status = 400, description = "A page: the client or its address is not known", content_type = "text/html"),
        (status = 403, description = "A page: the form is none of ours, or too old", content_type = "text/html"),
        (status = 422, description = "A page: the e-mail address or the password is wrong", content_type = "text/html"),
        (status = 429, description = "A page: too many attempts have failed", content_type = "text/html")))]
pub async fn step(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let mut visit = match Visit::begin(ctx.clone(), caller, headers, query.unwrap_or_default()).await {
        Ok(visit) => visit,
        Err(problem) => return crate::pages::fault(Default::default(), &ctx, problem),
    };
    let outcome = visit.steps(&body).await;
    visit.end(outcome).await
}
