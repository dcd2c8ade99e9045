//! Entity tags: a change names the version that it changes (RFC 9110, section 13).

use crate::problem::{Problem, Result, kinds};
use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// The tag of a version, counted from 1.
fn tag(version: i64) -> String {
    format!("\"v{version}\"")
}

fn header_text<'a>(parts: &'a Parts, name: &header::HeaderName) -> Option<&'a str> {
    parts.headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Whether a list of tags, or `*`, has `wanted`. Weak tags compare as their strong ones: the gateway may
/// have compressed the answer.
fn names(list: &str, wanted: &str) -> bool {
    list.trim() == "*" || list.split(',').any(|one| one.trim().trim_start_matches("W/") == wanted)
}

/// The version that a change is meant for, if the client says (`If-Match`).
#[derive(Debug, Clone)]
pub struct IfMatch(Option<String>);

impl IfMatch {
    /// Refuses the change when the current version is another one.
    pub fn check(&self, current: i64) -> Result<()> {
        match &self.0 {
            Some(list) if !names(list, &tag(current)) => {
                let detail = format!("The current version is {}.", tag(current));
                Err(Problem::new(kinds::PRECONDITION_FAILED, detail))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(header_text(parts, &header::IF_MATCH).map(str::to_owned)))
    }
}

/// The version that the client has already (`If-None-Match`).
#[derive(Debug, Clone)]
pub struct IfNoneMatch(Option<String>);

impl IfNoneMatch {
    /// Whether the client has this version: then 304 is the answer.
    pub fn has(&self, version: i64) -> bool {
        self.has_tag(&tag(version))
    }

    /// Whether the client has what bears this tag, for things whose tag is no version.
    pub fn has_tag(&self, tag: &str) -> bool {
        self.0.as_deref().is_some_and(|list| names(list, tag))
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Ok(Self(header_text(parts, &header::IF_NONE_MATCH).map(str::to_owned)))
    }
}

/// An answer with the tag of its version; 304 without a body when the client has it.
pub struct Tagged<T> {
    version: i64,
    value: T,
    not_modified: bool,
}

impl<T> Tagged<T> {
    /// `value` at `version`.
    pub const fn new(version: i64, value: T) -> Self {
        Self { version, value, not_modified: false }
    }

    /// The same, unless the client has this version.
    pub fn unless(mut self, known: &IfNoneMatch) -> Self {
        self.not_modified = known.has(self.version);
        self
    }
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = match self.not_modified {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false => Json(self.value).into_response(),
        };
        if let Ok(value) = HeaderValue::try_from(tag(self.version)) {
            response.headers_mut().insert(header::ETAG, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_another_version_is_refused() {
        assert!(IfMatch(Some("\"v1\"".into())).check(2).is_err());
        for accepted in [None, Some("*"), Some("\"v2\""), Some("\"v1\", W/\"v2\"")] {
            assert!(IfMatch(accepted.map(str::to_owned)).check(2).is_ok(), "{accepted:?}");
        }
    }
}
