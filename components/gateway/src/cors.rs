//! Cross-origin requests from browsers (the Fetch standard, CORS protocol): the suite's own origin and those allowed.

use crate::access;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use souk_kit::{Result, settings};

const REQUEST_HEADERS: &str = concat!(
    "authorization, content-type, idempotency-key, if-match, if-none-match, accept-language, traceparent, ",
    "guest-token, client-secret, last-event-id"
);
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
    let preflight = is_preflight.then(|| preflight(request.uri().path())).flatten();
    let mut response = match preflight {
        Some(response) => response,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    if allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
    Ok(response)
}

/// What may be asked for at a path of the API; nothing when there is no such path.
fn preflight(path: &str) -> Option<Response> {
    let inner = access::service_path(path).filter(|_| access::is_plain(path))?;
    let methods = access::allowed(access::operations(inner)?);
    let pairs: [(HeaderName, &str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, &methods),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS),
    ];
    Some((StatusCode::NO_CONTENT, pairs).into_response())
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
