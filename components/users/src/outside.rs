//! Questions to the world outside: bounded in time and size.

use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use souk_kit::client::within;
use souk_kit::wire;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 256 << 10;

/// Sends JSON, and gives the answer, whatever its status. What went wrong is told without address or key.
pub async fn ask(
    request: http::request::Builder,
    json: Vec<u8>,
    time_left: Duration,
) -> Result<(StatusCode, Bytes), &'static str> {
    let request = request
        .header(header::USER_AGENT, concat!("souk/", env!("CARGO_PKG_VERSION")))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_LENGTH, json.len())
        .body(Body::from(json))
        .map_err(|_| "has no valid address")?;
    within(PATIENCE.min(time_left), exchange(request)).await.unwrap_or(Err("did not answer in time"))
}

async fn exchange(request: Request<Body>) -> Result<(StatusCode, Bytes), &'static str> {
    let response = wire::send(request).await.map_err(|_| "cannot be reached")?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    body.map(|body| (parts.status, body.to_bytes()))
        .map_err(|_| "did not answer to the end, or with too much")
}
