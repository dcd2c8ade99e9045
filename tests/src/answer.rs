//! Answers, judged as they come in.
//!
//! Whatever a test asks, an answer that is not a success must be a problem document (RFC 9457) of a documented kind with
//! the request's id, must not be a fault of ours unless the test injects faults, and no answer may tell of the inside.

use crate::contract;
use crate::person::Person;
use crate::request::Request;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;

/// What no answer may say, unless the request said it first: it would come from SQLite, Rust or the machinery.
const INSIDES: &[&str] = &[
    "sqlite",
    "SELECT ",
    "INSERT INTO",
    "UPDATE ",
    "DELETE FROM",
    "constraint failed",
    "no such table",
    "panicked",
    ".rs:",
    "backtrace",
    "spin.internal",
    "wasm",
    "$argon2",
    "RUST_",
];

/// What OAuth's own endpoints refuse with.
const OAUTH_ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// An answer.
#[must_use = "say what is expected of the answer: `is`, `is_refused`, `accept`"]
#[derive(Debug)]
pub struct Answer {
    what: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    json: Option<Value>,
}

impl Answer {
    pub(crate) async fn read(
        person: &Person,
        request: &Request<'_>,
        response: reqwest::Response,
    ) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let what = format!("{}: {} {}", person.name(), request.method, request.path);
        let json = serde_json::from_slice(&body).ok();
        let answer = Self { what, status, headers, body, json };
        answer.tells_nothing_of_the_inside(person, request);
        if status.is_client_error() || status.is_server_error() {
            let fault = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
            assert!(!fault || person.place().expects_faults(), "{answer} is a fault of ours");
            match answer.header("content-type").unwrap_or_default() {
                _ if request.method == Method::HEAD => {}
                "application/json" if request.path.starts_with("/oauth2/") => answer.is_an_oauth_error(),
                kind if kind.starts_with("text/html") && request.path.starts_with("/oauth2/") => {}
                _ => answer.is_a_problem_document(contract::problem_kinds(person).await),
            }
        }
        Ok(answer)
    }

    fn tells_nothing_of_the_inside(&self, person: &Person, request: &Request<'_>) {
        let text = String::from_utf8_lossy(&self.body);
        for secret in person.place().secrets() {
            assert!(!text.contains(secret.as_str()), "{self} tells a secret");
        }
        if !self.status.is_success() || text.contains("$argon2") {
            let (path, body) = (decoded(&request.path), String::from_utf8_lossy(&request.body));
            let asked = format!("{path}{body}{:?}", request.headers);
            // Chance may spell any word in the id of a request.
            let text = text.replace(self.header("x-request-id").unwrap_or("-"), "");
            let told = INSIDES.iter().find(|inside| text.contains(**inside) && !asked.contains(**inside));
            assert!(told.is_none(), "{self} tells of the inside: {told:?}");
        }
    }

    fn is_a_problem_document(&self, known: &contract::Kinds) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "the media type of {self}");
        let document = self.json.as_ref().unwrap_or_else(|| panic!("{self} is no JSON"));
        let kind = kind_of(document).unwrap_or_else(|| panic!("{self} has no type of ours"));
        let (status, title) = known.get(kind).unwrap_or_else(|| panic!("{self} is of an unknown kind"));
        assert_eq!(u64::from(self.status.as_u16()), *status, "the documented status of {kind} in {self}");
        assert_eq!(document["status"], *status, "the status in {self}");
        assert_eq!(document["title"], title.as_str(), "the title of {kind} in {self}");
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{self} has no detail");
        let id = document["request_id"].as_str().unwrap_or_else(|| panic!("{self} has no request_id"));
        assert_eq!(self.header("x-request-id"), Some(id), "the request id of {self}");
        let needed = match self.status.as_u16() {
            401 => Some(header::WWW_AUTHENTICATE),
            405 => Some(header::ALLOW),
            429 | 503 => Some(header::RETRY_AFTER),
            _ => None,
        };
        assert!(
            needed.as_ref().is_none_or(|name| self.headers.contains_key(name)),
            "{self} lacks {needed:?}"
        );
    }

    /// RFC 6749, section 5.2.
    fn is_an_oauth_error(&self) {
        let document = self.json.as_ref().unwrap_or_else(|| panic!("{self} is no JSON"));
        let code = document["error"].as_str().unwrap_or_else(|| panic!("{self} has no error"));
        let wanted = if code == "invalid_client" { 401 } else { 400 };
        assert_eq!(self.status.as_u16(), wanted, "the status of {code} in {self}");
        assert!(OAUTH_ERRORS.contains(&code), "{self} is of an unknown kind");
        let about = document["error_description"].as_str().unwrap_or_default();
        let is_allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        assert!(!about.is_empty() && about.bytes().all(is_allowed), "the description of {self}");
        assert_eq!(self.header("cache-control"), Some("no-store"), "caching of {self}");
        let challenge = self.header("www-authenticate");
        assert_eq!(
            challenge.is_some_and(|it| it.starts_with("Basic ")),
            wanted == 401,
            "{self}: {challenge:?}"
        );
    }

    /// A refusal of an OAuth endpoint, by its code.
    #[track_caller]
    pub fn is_oauth_error(self, code: &str) -> Refused {
        let document = self.json.as_ref().unwrap_or_else(|| panic!("{self} is no JSON"));
        assert_eq!(document["error"], code, "{self}");
        Refused(self)
    }

    /// A success with exactly this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "the status of {self}");
        self
    }

    /// A refusal with this status and kind.
    #[track_caller]
    pub fn is_refused(self, status: u16, kind: &str) -> Refused {
        assert_eq!(self.status.as_u16(), status, "the status of {self}");
        assert_eq!(self.kind(), Some(kind), "the kind of {self}");
        Refused(self)
    }

    /// Any refusal whose fault is the client's.
    #[track_caller]
    pub fn is_refused_somehow(self) -> Refused {
        assert!(self.status.is_client_error(), "{self} should have been refused");
        Refused(self)
    }

    /// Whatever it is, it has passed the judgement that every answer has to.
    pub fn accept(self) {}

    /// Whether it is a success.
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> &Value {
        self.json.as_ref().unwrap_or_else(|| panic!("{self} is no JSON"))
    }

    /// A member of the body that is a text, by JSON pointer.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> &str {
        let value = self.json().pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("{self} has no text at {pointer}"))
    }

    /// The last segment of a problem's `type`.
    pub fn kind(&self) -> Option<&str> {
        self.json.as_ref().and_then(kind_of)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The version tag of what was answered.
    #[track_caller]
    pub fn etag(&self) -> &str {
        self.header("etag").unwrap_or_else(|| panic!("{self} has no ETag"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = String::from_utf8_lossy(&self.body).chars().take(1200).collect();
        write!(f, "the answer to «{}»: {} {text}", self.what, self.status)
    }
}

/// A path and query as a service reads them.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn kind_of(document: &Value) -> Option<&str> {
    document["type"].as_str()?.strip_prefix("/problems/")
}

/// A refusal that a test looks at more closely.
#[derive(Debug)]
pub struct Refused(Answer);

impl Refused {
    /// It blames this field of the body, a JSON pointer, or this parameter.
    #[track_caller]
    pub fn with_field(self, field: &str) -> Self {
        assert!(self.blamed().any(|name| name == field), "{} does not blame {field}", self.0);
        self
    }

    /// It blames exactly these fields, in any order.
    #[track_caller]
    pub fn with_fields(self, fields: &[&str]) -> Self {
        let mut blamed: Vec<&str> = self.blamed().collect();
        let mut wanted = fields.to_vec();
        blamed.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(blamed, wanted, "what {} blames", self.0);
        self
    }

    /// The answer itself.
    pub fn answer(&self) -> &Answer {
        &self.0
    }

    fn blamed(&self) -> impl Iterator<Item = &str> {
        let errors = self.0.json.as_ref().and_then(|document| document["errors"].as_array());
        errors
            .into_iter()
            .flatten()
            .filter_map(|error| error["pointer"].as_str().or(error["parameter"].as_str()))
    }
}
