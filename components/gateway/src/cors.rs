//! Cross-origin requests from browsers (the Fetch standard, CORS protocol): the suite's own origin and those allowed.

use crate::access;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use souk_kit::{Result, settings};

const REQUEST_HEADERS: &str =
    "authorization, content-type, idempotency-key, if-match, if-none-match, accept-language, traceparent";
const EXPOSED_HEADERS: &str =
    "etag, link, location, x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset";
const MAX_AGE_SECONDS: &str = "600";

/// Answers preflights, and tells browsers which origins may read the answers.
pub async fn apply(request: Request, next: Next) -> Result<Response> {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return Ok(next.run(request).await);
    };
    let public_url = settings::variable("public_url").await?;
    let allowed = is_allowed(&origin, &public_url, &settings::variable("cors_origins").await?);
    let is_preflight = *request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match is_preflight {
        true => preflight(request.uri().path()),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
    Ok(response)
}

fn preflight(path: &str) -> Response {
    let operations =
        access::service_path(path).filter(|_| access::is_plain(path)).and_then(access::operations);
    let methods = operations.map(access::allowed).unwrap_or_default();
    let pairs: [(HeaderName, &str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, &methods),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
    ];
    (StatusCode::NO_CONTENT, pairs).into_response()
}

fn is_allowed(origin: &HeaderValue, public_url: &str, list: &str) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    origin == public_url || list.split_whitespace().any(|allowed| allowed == "*" || allowed == origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_allowed() {
        let allowed = |origin: &'static str, list: &str| {
            is_allowed(&HeaderValue::from_static(origin), "https://shop.example", list)
        };
        assert!(allowed("https://shop.example", ""));
        assert!(
            allowed("https://a.example", "https://b.example https://a.example")
                && allowed("https://x.example", "*")
        );
        assert!(!allowed("https://evil.example", "https://a.example") && !allowed("null", ""));
        assert!(!allowed("https://shop.example.evil.example", ""));
    }
}
