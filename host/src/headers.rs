//! What Spin tells a component about its request, in `spin-*` headers.
//!
//! As in Spin, values are added after those that the client sent under the same name, and none is taken away: a
//! component that trusts one must take the last, or a front door must strip them.

use std::net::SocketAddr;

use http::header::HOST;
use http::{HeaderName, HeaderValue, Request};

use crate::routes::Match;

/// Adds the headers. `None` when a header of the request is not text, which Spin does not serve either.
pub(crate) fn add<B>(request: &mut Request<B>, route: &Match, client: SocketAddr) -> Option<()> {
    if request.headers().values().any(|value| std::str::from_utf8(value.as_bytes()).is_err()) {
        return None;
    }
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let full_url = format!("{}://{host}{path}", uri.scheme_str().unwrap_or("http"));
    let fixed = [
        ("spin-path-info", route.path_info.as_str()),
        ("spin-full-url", &full_url),
        ("spin-matched-route", &route.matched_route),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", &route.raw_route),
        ("spin-component-route", route.component_route()),
        ("spin-client-addr", &client.to_string()),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes())));
    let named = route.named.iter().filter_map(|(name, value)| {
        let name = format!("spin-path-match-{}", name.to_ascii_lowercase().replace('_', "-"));
        Some((name.parse().ok()?, HeaderValue::from_bytes(value.as_bytes())))
    });
    for (name, value) in fixed.into_iter().chain(named.collect::<Vec<_>>()) {
        if let Ok(value) = value {
            request.headers_mut().append(name, value);
        }
    }
    Some(())
}
