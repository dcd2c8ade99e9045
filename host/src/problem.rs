//! What the host itself answers: problem documents (RFC 9457) that tell nothing of its inside.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::WasiBody;

/// A response that is only a problem.
pub(crate) fn problem(status: StatusCode) -> Response<WasiBody> {
    let title = status.canonical_reason().unwrap_or("Error");
    let document = serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16() });
    let mut response = Response::new(whole(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// A body that is there at once.
pub(crate) fn whole(text: impl Into<Bytes>) -> WasiBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}
