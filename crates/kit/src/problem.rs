//! The one error format: problem details (RFC 9457).
//!
//! Each service lists what it refuses in its `problem.rs`: an enum that implements [`Refusal`]. `?` turns a refusal into
//! a [`Problem`], and the kit renders it once, at the boundary, with the request id. Faults of the machinery (a database
//! that does not answer, a bug) become a problem too, whose cause is logged there and never shown.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;
use utoipa::ToSchema;

/// What a handler gives: its answer, or why not.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// A kind of refusal: the part of the contract that clients may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Spec {
    /// HTTP status.
    pub status: u16,
    /// Last segment of the problem's `type` (`/problems/{kind}`).
    pub kind: &'static str,
    /// Short, the same for every occurrence.
    pub title: &'static str,
    /// What it means and what to do, for the documentation.
    pub about: &'static str,
    /// Whether the same request may succeed later.
    pub transient: bool,
}

impl Spec {
    /// A refusal that the same request will meet again.
    pub const fn new(status: u16, kind: &'static str, title: &'static str, about: &'static str) -> Self {
        Self { status, kind, title, about, transient: false }
    }

    /// A refusal that may pass by itself.
    pub const fn transient(mut self) -> Self {
        self.transient = true;
        self
    }
}

/// What the kit itself refuses, on behalf of every service.
pub mod kinds {
    use super::Spec;

    /// One constant per kind, and the list of them all.
    macro_rules! kinds {
        ($($name:ident = $spec:expr;)+) => {
            $(#[expect(missing_docs, reason = "the specification says what it is")] pub const $name: Spec = $spec;)+
            /// All of them, for the documentation.
            pub const ALL: &[Spec] = &[$($name),+];
        };
    }

    kinds! {
        INVALID_REQUEST = Spec::new(422, "invalid-request", "The request has invalid fields",
            "One or more fields are missing, unknown or out of bounds; `errors` names each by JSON pointer.");
        MALFORMED_JSON = Spec::new(400, "malformed-json", "The body is not JSON",
            "The body could not be parsed; `detail` says where.");
        MALFORMED_REQUEST = Spec::new(400, "malformed-request", "The request is malformed",
            "A header, path or query parameter cannot be read.");
        UNSUPPORTED_MEDIA_TYPE = Spec::new(415, "unsupported-media-type", "Unsupported media type",
            "Send the media type that the operation documents, usually `application/json`.");
        BODY_TOO_LARGE = Spec::new(413, "body-too-large", "The body is too large",
            "The body is larger than the operation accepts.");
        UNAUTHENTICATED = Spec::new(401, "unauthenticated", "Sign in first",
            "The operation needs a valid access token.");
        FORBIDDEN = Spec::new(403, "forbidden", "Not allowed",
            "The caller is known but lacks the scope, the role or the ownership that the operation needs.");
        NOT_FOUND = Spec::new(404, "not-found", "Not found",
            "Nothing is there, or nothing that the caller may see.");
        METHOD_NOT_ALLOWED = Spec::new(405, "method-not-allowed", "Method not allowed",
            "The resource does not support the method; `Allow` lists those it does.");
        PRECONDITION_FAILED = Spec::new(412, "precondition-failed", "It changed meanwhile",
            "`If-Match` names another version than the current one: read it again, then repeat.");
        KEY_REQUIRED = Spec::new(400, "idempotency-key-required", "An Idempotency-Key is required",
            "The operation must be repeatable: send an `Idempotency-Key` header of 1 to 255 characters.");
        ANSWER_ERASED = Spec::new(410, "answer-erased", "The answer was erased",
            "The request was carried out before; its answer had data of a person who was erased since. Nothing was done again.");
        KEY_REUSED = Spec::new(422, "idempotency-key-reused", "The Idempotency-Key was used for something else",
            "The same key came with another request before. Use a new key for a new request.");
        TOO_MANY_REQUESTS = Spec::new(429, "too-many-requests", "Too many requests",
            "Wait as long as `Retry-After` says.").transient();
        INTERNAL = Spec::new(500, "internal", "Internal error",
            "Something of ours is broken. The request id finds it in the logs.");
        UPSTREAM_FAILED = Spec::new(502, "upstream-failed", "A service answered with nonsense",
            "Another service that this one needs gave an answer that cannot be used.").transient();
        UNAVAILABLE = Spec::new(503, "unavailable", "Not available right now",
            "A service or its database is down or busy. Repeat after `Retry-After` seconds.").transient();
        TIMEOUT = Spec::new(504, "timeout", "It took too long",
            "A service did not answer in time. A write may or may not have happened: repeat it with its key.").transient();
    }
}

/// What users refuse to whoever proves an identity, and auth passes on.
pub mod sign_in {
    use super::Spec;

    /// The password is not that of the account, or there is no account.
    pub const WRONG_CREDENTIALS: Spec = Spec::new(
        401,
        "wrong-credentials",
        "Wrong e-mail address or password",
        "No account has this e-mail address and password together. Which of them is wrong is not said.",
    );
    /// What was signed does not prove a wallet, or not here and now.
    pub const WALLET_NOT_PROVEN: Spec = Spec::new(
        401,
        "wallet-not-proven",
        "The wallet is not proven",
        "The message is for another site, chain or time, its nonce is not good, or its signature is not that of the address. Ask for a new nonce and sign again.",
    );
    /// The account has been guessed at too often.
    pub const TOO_MANY_ATTEMPTS: Spec = Spec::new(
        429,
        "too-many-attempts",
        "Too many failed attempts",
        "The pause grows with every failure, to at most a quarter of an hour. Wait as long as `Retry-After` says.",
    )
    .transient();
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field in the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/email")]
    pub pointer: Option<String>,
    /// Name of the query or path parameter, or of the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// About a field of the body.
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, detail: detail.into() }
    }

    /// About a query or path parameter, or a header.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.into()), detail: detail.into() }
    }
}

/// Everything a service can refuse, with its status and type in one place.
pub trait Refusal {
    /// Which kind it is.
    fn spec(&self) -> Spec;
    /// What happened this time, for a person.
    fn detail(&self) -> String;
    /// The fields that are to blame, if any.
    fn errors(&self) -> Vec<FieldError> {
        Vec::new()
    }
    /// Further members of the document, which the kind documents.
    fn members(&self) -> Map<String, Value> {
        Map::new()
    }
    /// How long to wait before repeating.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
    /// `WWW-Authenticate` (RFC 9110, section 11.6.1), where it says more than that a token is needed.
    fn challenge(&self) -> Option<String> {
        None
    }
}

impl<R: Refusal> From<R> for Problem {
    fn from(refusal: R) -> Self {
        let problem = Self(Box::new(Parts {
            spec: refusal.spec(),
            detail: refusal.detail(),
            errors: refusal.errors(),
            members: refusal.members(),
            retry_after: refusal.retry_after(),
            headers: HeaderMap::new(),
            cause: None,
        }));
        match refusal.challenge() {
            Some(challenge) => problem.header(header::WWW_AUTHENTICATE, &challenge),
            None => problem,
        }
    }
}

/// A refusal on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    spec: Spec,
    detail: String,
    errors: Vec<FieldError>,
    members: Map<String, Value>,
    retry_after: Option<Duration>,
    headers: HeaderMap,
    cause: Option<String>,
}

/// The media type of problem documents (RFC 9457, section 6.1).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// How long a client should wait when we cannot know better.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

impl Problem {
    /// A problem of `spec`, with what happened this time.
    pub fn new(spec: Spec, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            spec,
            detail: detail.into(),
            errors: Vec::new(),
            members: Map::new(),
            retry_after: None,
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// Fields that are missing, unknown or out of bounds.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("One field is invalid: {}.", only.detail.trim_end_matches('.')),
            many => format!("{} fields are invalid.", many.len()),
        };
        let mut problem = Self::new(kinds::INVALID_REQUEST, detail);
        problem.0.errors = errors;
        problem
    }

    /// A parameter of the path, the query or a header that cannot be read.
    pub fn bad_parameter(name: &str, detail: impl Into<String>) -> Self {
        let error = FieldError::parameter(name, detail);
        let mut problem = Self::new(kinds::MALFORMED_REQUEST, format!("`{name}` {}.", error.detail));
        problem.0.errors = vec![error];
        problem
    }

    /// Nothing is there, or nothing that the caller may see: both look the same from outside.
    pub fn not_found() -> Self {
        Self::new(kinds::NOT_FOUND, "There is nothing at this address that you may see.")
    }

    /// No valid access token came with the request.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Self::new(kinds::UNAUTHENTICATED, detail)
    }

    /// The caller is known and may not.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(kinds::FORBIDDEN, detail)
    }

    /// A fault of ours. `cause` is logged with the request id and never shown.
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::fault(kinds::INTERNAL, "Something went wrong on our side. It has been logged.", cause)
    }

    /// A part of the machinery is down or busy. `cause` is logged and never shown.
    pub fn unavailable(cause: impl Into<String>) -> Self {
        let mut problem = Self::fault(kinds::UNAVAILABLE, "Please repeat the request in a moment.", cause);
        problem.0.retry_after = Some(DEFAULT_RETRY_AFTER);
        problem
    }

    /// A fault of `spec`, whose `cause` is logged and never shown.
    pub fn fault(spec: Spec, detail: impl Into<String>, cause: impl Into<String>) -> Self {
        let mut problem = Self::new(spec, detail);
        problem.0.cause = Some(cause.into());
        problem
    }

    /// The same with a header on the response.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// The same, which says more to the caller.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// The same with `Retry-After`.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// Which kind it is.
    pub fn spec(&self) -> Spec {
        self.0.spec
    }

    /// What happened this time.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The fields that are to blame, if any.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// What the logs should say and the caller should not see.
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    /// The document, as it goes to the caller.
    pub fn render(&self, request_id: &str) -> Response {
        let Parts { spec, detail, errors, members, retry_after, headers, .. } = &*self.0;
        let mut document = json!({
            "type": format!("/problems/{}", spec.kind),
            "title": spec.title,
            "status": spec.status,
            "detail": detail,
            "request_id": request_id,
        });
        if let Value::Object(map) = &mut document {
            map.extend(members.clone());
            if !errors.is_empty() {
                map.insert("errors".into(), json!(errors));
            }
        }
        let status = StatusCode::from_u16(spec.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, document.to_string()).into_response();
        response.headers_mut().extend(headers.clone());
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if spec.status == 401 {
            // RFC 9110, section 15.5.2: every 401 carries a challenge.
            let challenge = HeaderValue::from_static("Bearer realm=\"souk\"");
            response.headers_mut().entry(header::WWW_AUTHENTICATE).or_insert(challenge);
        }
        if let Some(wait) = retry_after {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds as u64));
        }
        response
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.0.detail, self.0.spec.kind)
    }
}

/// Only a marker travels with the response: [`crate::serve`] renders it, because only there is the request id known.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

/// The document that an error answers with, for OpenAPI.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// URI reference of the kind; `/problems/{kind}` explains it.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-request")]
    pub kind: String,
    /// Short, the same for every occurrence.
    pub title: String,
    /// HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What happened this time, for a person.
    pub detail: String,
    /// Finds the request in the logs.
    #[schema(example = "req_06b8xk2m0q3v5t7w9y1z3b5d7f")]
    pub request_id: String,
    /// Every field that is to blame.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}
