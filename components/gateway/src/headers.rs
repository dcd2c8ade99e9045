//! Headers: which ones pass, in either direction, and which every answer carries.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use souk_kit::{Result, settings};

/// Headers that belong to one connection (RFC 9110, section 7.6.1), or that only we may set.
fn is_ours(name: &HeaderName) -> bool {
    let text = name.as_str();
    matches!(
        text,
        "authorization"
            | "cookie"
            | "host"
            | "connection"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
            | "forwarded"
            | "x-real-ip"
            | "x-request-id"
            | "traceparent"
            | "http2-settings"
    ) || ["proxy-", "x-forwarded-", "souk-", "spin-"].iter().any(|prefix| text.starts_with(prefix))
}

/// What of a client's headers a service may hear.
pub fn for_service(client: &HeaderMap) -> HeaderMap {
    let listed = listed_in_connection(client);
    let passes = |name: &HeaderName| !is_ours(name) && !listed.iter().any(|it| it == name.as_str());
    client
        .iter()
        .filter(|(name, _)| passes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What of a service's headers a client may hear.
pub fn for_client(service: &mut HeaderMap) {
    let listed = listed_in_connection(service);
    let kept = [header::HOST, header::AUTHORIZATION];
    let drop: Vec<HeaderName> = service
        .keys()
        .filter(|name| (is_ours(name) && !kept.contains(name)) || listed.iter().any(|it| it == name.as_str()))
        .cloned()
        .collect();
    for name in drop {
        service.remove(name);
    }
}

fn listed_in_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
}

/// Adds what protects a browser, unless the answer has its own.
pub async fn harden(request: Request, next: Next) -> Result<Response> {
    let is_https = settings::variable("public_url").await?.starts_with("https://");
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    // Another origin may not read it, and a caller may see more than a stranger: caches keep the answers apart.
    headers.append(header::VARY, HeaderValue::from_static("authorization, origin"));
    if is_https {
        let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_client_cannot_set_what_only_we_may() {
        let client = map(&[
            ("souk-identity", "forged"),
            ("spin-client-addr", "1.2.3.4"),
            ("x-forwarded-for", "1.2.3.4"),
            ("authorization", "Bearer x"),
            ("x-request-id", "req_1"),
            ("connection", "close, x-mine"),
            ("x-mine", "1"),
            ("accept", "*/*"),
            ("idempotency-key", "a"),
        ]);
        let passed = for_service(&client);
        let mut names: Vec<_> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "idempotency-key"]);
    }
}
