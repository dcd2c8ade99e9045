//! Questions to PayPal: with a token that is asked for when there is none, bounded in time and size.

use crate::provider::Unanswered;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use souk_kit::client::within;
use souk_kit::{Result, Secret, Timestamp, settings, wire};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long PayPal may take to answer one question. Well below what a charge is given before it is asked about again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// A token is not used any more so long before it ends.
const MARGIN: Duration = Duration::from_secs(60);

/// What PayPal answers, when it is clear.
#[derive(Debug)]
pub enum Reply {
    /// It is done, or it is so.
    Done(Value),
    /// It is refused, and was not done.
    Refused(Refused),
}

/// PayPal says no.
#[derive(Debug)]
pub struct Refused {
    /// The status.
    pub status: StatusCode,
    /// PayPal's codes.
    issues: Vec<String>,
}

impl Refused {
    /// Whether this is the reason, or one of them.
    pub fn is(&self, issue: &str) -> bool {
        self.issues.iter().any(|it| it == issue)
    }

    /// The reason as buyers are told: `instrument_declined`.
    pub fn code(&self) -> String {
        let code = self.issues.first().map_or("refused", String::as_str).to_ascii_lowercase();
        code.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(100).collect()
    }
}

/// The address of PayPal's API; empty when the shop has no PayPal.
pub async fn url() -> Result<String> {
    Ok(settings::variable("paypal_url").await?.trim_end_matches('/').to_owned())
}

struct Token {
    text: Secret,
    ends_at: Timestamp,
}

static TOKEN: Mutex<Option<Token>> = Mutex::new(None);

fn kept() -> Option<Secret> {
    let token = TOKEN.lock().unwrap_or_else(PoisonError::into_inner);
    token.as_ref().filter(|token| !token.ends_at.has_passed()).map(|token| token.text.clone())
}

/// A token: the one that this instance has, or a new one.
async fn token() -> Result<Secret, Unanswered> {
    if let Some(token) = kept() {
        return Ok(token);
    }
    let (id, secret) =
        (settings::variable("paypal_client_id").await?, settings::variable("paypal_secret").await?);
    let body = "grant_type=client_credentials";
    let request = Request::post(format!("{}/v1/oauth2/token", url().await?))
        .header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::CONTENT_LENGTH, body.len())
        .body(Body::from(body));
    let (status, answer) = exchange(request).await?;
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let (Some(text), Some(lasts)) = (answer["access_token"].as_str(), answer["expires_in"].as_u64()) else {
        return Err(Unanswered(format!("PayPal gives no token: {status}")));
    };
    let text = Secret::new(text);
    let ends_at = Timestamp::now().after(Duration::from_secs(lasts).saturating_sub(MARGIN));
    *TOKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(Token { text: text.clone(), ends_at });
    Ok(text)
}

/// Reads something.
pub async fn get(path: &str) -> Result<Reply, Unanswered> {
    call(Method::GET, path, None, Bytes::new()).await
}

/// Has something done, once for each key.
pub async fn post(path: &str, key: &str, body: &Value) -> Result<Reply, Unanswered> {
    call(Method::POST, path, Some(key), Bytes::from(body.to_string())).await
}

/// Asks something with a body that is sent as it is.
pub async fn post_raw(path: &str, body: String) -> Result<Reply, Unanswered> {
    call(Method::POST, path, None, Bytes::from(body)).await
}

async fn call(method: Method, path: &str, key: Option<&str>, body: Bytes) -> Result<Reply, Unanswered> {
    let (mut status, mut answer) = try_once(&method, path, key, &body).await?;
    if status == StatusCode::UNAUTHORIZED {
        // The token ended early.
        TOKEN.lock().unwrap_or_else(PoisonError::into_inner).take();
        (status, answer) = try_once(&method, path, key, &body).await?;
    }
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    if status.is_success() {
        return Ok(Reply::Done(answer));
    }
    let details = answer["details"].as_array().into_iter().flatten();
    let issues: Vec<String> = details.filter_map(|it| it["issue"].as_str().map(str::to_owned)).collect();
    match status {
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => {
            Ok(Reply::Refused(Refused { status, issues }))
        }
        // Whoever set the shop up must look at the rest of the 4xx; until then nobody knows.
        _ => {
            let debug_id = answer["debug_id"].as_str().unwrap_or_default();
            Err(Unanswered(format!("PayPal answers {status} {} (debug id {debug_id})", issues.join(" "))))
        }
    }
}

async fn try_once(
    method: &Method,
    path: &str,
    key: Option<&str>,
    body: &Bytes,
) -> Result<(StatusCode, Bytes), Unanswered> {
    let token = token().await?;
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", url().await?))
        .header(header::AUTHORIZATION, format!("Bearer {}", token.expose()))
        .header("prefer", "return=representation");
    if let Some(key) = key {
        request = request.header("paypal-request-id", key);
    }
    let request = match body.is_empty() {
        true => request.body(Body::empty()),
        false => request
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len())
            .body(Body::from(body.clone())),
    };
    exchange(request).await
}

/// Sends a request, and reads the whole answer.
pub async fn exchange(request: http::Result<Request<Body>>) -> Result<(StatusCode, Bytes), Unanswered> {
    let mut request = request.map_err(|_| Unanswered("the address is not valid".into()))?;
    let agent = header::HeaderValue::from_static(concat!("souk/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(header::USER_AGENT, agent);
    let answer = within(PATIENCE, async {
        let response = wire::send(request).await.map_err(|error| Unanswered(format!("PayPal: {error}")))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|_| Unanswered("PayPal did not answer to the end".into()))?;
        Ok((parts.status, body.to_bytes()))
    });
    answer.await.unwrap_or_else(|| Err(Unanswered("PayPal did not answer in time".into())))
}
