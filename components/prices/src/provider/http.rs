//! Questions to the world outside: bounded in time and size, and failing in so many words.

use super::Failure;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use souk_kit::client::within;
use souk_kit::wire;
use std::time::Duration;

/// How long a provider may take to answer one question.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// Nobody is left alone for longer, whatever they ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Asks, and gives the body of an answer with 200.
pub async fn ask(request: http::request::Builder, body: Option<Vec<u8>>) -> Result<Bytes, Failure> {
    // Some of them turn away whoever does not say what it is.
    let request = request.header(header::USER_AGENT, concat!("souk/", env!("CARGO_PKG_VERSION")));
    let request = match body {
        Some(json) => request
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, json.len())
            .body(Body::from(json)),
        None => request.body(Body::empty()),
    };
    let request = request.map_err(|_| Failure::new("its address is not valid"))?;
    let answer = within(PATIENCE, exchange(request)).await;
    answer.unwrap_or_else(|| Err(Failure::new("did not answer in time")))
}

async fn exchange(request: Request<Body>) -> Result<Bytes, Failure> {
    let response = wire::send(request).await.map_err(|_| Failure::new("cannot be reached"))?;
    let (parts, body) = response.into_parts();
    if parts.status != StatusCode::OK {
        let why = format!("answered {}", parts.status.as_u16());
        return Err(Failure { why, retry_after: retry_after(&parts.headers) });
    }
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    body.map(|body| body.to_bytes()).map_err(|_| Failure::new("did not answer to the end, or with too much"))
}

/// `Retry-After` in seconds. One that is a date is not believed: clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}
