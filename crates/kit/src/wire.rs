//! Bodies that need no hands: what has none is sent without a stream, and what is only passed on stays in the host.
//!
//! A body that goes through the guest costs a stream, a task and a copy in each direction; for small answers that is most
//! of the price of a gateway.

use crate::problem::{Problem, Result};
use axum::body::Body;
use axum::response::Response;
use http_body::Body as _;
use spin_sdk::http::IntoResponse;
use spin_sdk::wasip3::http::types::{self, ErrorCode};
use spin_sdk::wasip3::http_compat::IncomingResponseBody;
use spin_sdk::wasip3::wit_future;
use std::sync::{Arc, Mutex};

/// Another service's answer whose body nobody has touched.
#[derive(Clone)]
pub(crate) struct Untouched(Arc<Mutex<Option<types::Response>>>);

/// Sends a request: without a stream when it has no body. Who calls it adds identity, deadline and trace.
#[expect(clippy::disallowed_methods, reason = "this is where every request leaves the guest")]
pub async fn send(request: http::Request<Body>) -> Result<http::Response<IncomingResponseBody>, ErrorCode> {
    if request.body().size_hint().exact() != Some(0) {
        return spin_sdk::http::send(request).await;
    }
    let (parts, _) = request.into_parts();
    let refused = |()| ErrorCode::HttpRequestUriInvalid;
    let headers = parts.headers.try_into().map_err(|_| ErrorCode::HttpProtocolError)?;
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (bare, _) = types::Request::new(headers, None, trailers, None);
    bare.set_method(&parts.method.into()).map_err(|()| ErrorCode::HttpRequestMethodInvalid)?;
    bare.set_scheme(parts.uri.scheme().map(Into::into).as_ref()).map_err(refused)?;
    bare.set_authority(parts.uri.authority().map(http::uri::Authority::as_str)).map_err(refused)?;
    bare.set_path_with_query(parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str))
        .map_err(refused)?;
    spin_sdk::http::send(bare).await
}

/// Another service's answer as ours: its status and headers, and its body as the host has it.
pub fn pass_on(response: http::Response<IncomingResponseBody>) -> Response {
    let (parts, mut body) = response.into_parts();
    match body.take_unstarted() {
        Some(untouched) => {
            // A body of unknown length: axum would write down that an empty one has none.
            let unknown =
                Body::from_stream(futures::stream::empty::<Result<bytes::Bytes, std::convert::Infallible>>());
            let mut response = Response::from_parts(parts, unknown);
            response.extensions_mut().insert(Untouched(Arc::new(Mutex::new(Some(untouched)))));
            response
        }
        None => Response::from_parts(parts, Body::new(body)),
    }
}

/// How long an answer is, if that is known here.
pub(crate) fn length(response: &Response) -> Option<u64> {
    match response.extensions().get::<Untouched>() {
        Some(_) => None,
        None => response.body().size_hint().exact(),
    }
}

/// The answer as it leaves the guest.
pub(crate) struct Outgoing(pub Response);

impl IntoResponse for Outgoing {
    fn into_response(self) -> Result<types::Response, ErrorCode> {
        let mut response = self.0;
        let untouched = response.extensions_mut().remove::<Untouched>();
        let untouched = untouched.and_then(|Untouched(held)| held.lock().ok()?.take());
        if untouched.is_none() && response.body().size_hint().exact() != Some(0) {
            return IntoResponse::into_response(response);
        }
        let (parts, _) = response.into_parts();
        let headers = parts.headers.try_into().map_err(|_| ErrorCode::HttpProtocolError)?;
        let (stream, trailers) = match untouched {
            Some(untouched) => {
                let (_, read) = wit_future::new(|| Ok(()));
                let (stream, trailers) = types::Response::consume_body(untouched, read);
                (Some(stream), trailers)
            }
            None => (None, wit_future::new(|| Ok(None)).1),
        };
        let (response, _) = types::Response::new(headers, stream, trailers);
        response.set_status_code(parts.status.as_u16()).map_err(|()| ErrorCode::HttpProtocolError)?;
        Ok(response)
    }
}

/// The problem of a call that got no answer.
pub fn no_answer(service: &str, error: &ErrorCode) -> Problem {
    Problem::unavailable(format!("{service}: {error}"))
}
