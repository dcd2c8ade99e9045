//! Validated input: every field error at once, unknown fields refused, bodies bounded.
//!
//! serde stops at the first field that does not fit. So that a client learns of all of them in one answer, the offending
//! value is noted, replaced by a placeholder of the right shape, and the body is read again; the rules of `garde` then
//! judge the fields that were really sent.

use crate::json;
use crate::once::Once;
use crate::problem::{FieldError, Problem, Result, kinds};
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Path, Query, Request};
use bytes::Bytes;
use garde::Validate;
use http::request::Parts;
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_path_to_error::Segment;
use std::str::FromStr;

/// The largest JSON body that is read, in bytes.
pub const MAX_BODY: usize = 1 << 20;
/// The most errors that one answer lists.
const MAX_ERRORS: usize = 50;

/// A JSON body that is a valid `T`.
pub struct Valid<T>(pub T);

impl<T, S> FromRequest<S> for Valid<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self> {
        let (parts, body) = request.into_parts();
        parse(&json_body(&parts.headers, body).await?).map(Self)
    }
}

/// A body that need not be there: nothing at all is taken for none, and so is `null`.
impl<T, S> OptionalFromRequest<S> for Valid<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>> {
        let (parts, body) = request.into_parts();
        let bytes = body_within(body, MAX_BODY).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        must_be_json(&parts.headers)?;
        match bytes.trim_ascii() {
            b"null" => Ok(None),
            json => parse(json).map(|body| Some(Self(body))),
        }
    }
}

/// A write: its valid body, and the key that makes it repeatable.
pub struct Submit<T> {
    /// What is to be done.
    pub body: T,
    /// How it is done once.
    pub once: Once,
}

impl<T, S> FromRequest<S> for Submit<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let (mut parts, body) = request.into_parts();
        let once = Once::from_request_parts(&mut parts, state).await?;
        let bytes = json_body(&parts.headers, body).await?;
        Ok(Self { body: parse(&bytes)?, once: once.with_body(&bytes)? })
    }
}

/// Query parameters that are a valid `T`.
pub struct ValidQuery<T>(pub T);

impl<T, S> FromRequestParts<S> for ValidQuery<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Query(query) = Query::<T>::try_from_uri(&parts.uri).map_err(|rejection| bad_query(&rejection))?;
        match query.validate() {
            Ok(()) => Ok(Self(query)),
            Err(report) => {
                let errors = report
                    .iter()
                    .map(|(path, error)| FieldError::parameter(path.to_string(), error.to_string()));
                Err(Problem::invalid(errors.collect()))
            }
        }
    }
}

/// Names the parameter, as axum's text begins with it: `limit: invalid digit found in string`.
fn bad_query(rejection: &QueryRejection) -> Problem {
    let text = rejection.body_text();
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
    let unknown = text.split_once("unknown field `").and_then(|(_, rest)| rest.split_once('`'));
    if let Some(name) = missing_field(text) {
        return Problem::invalid(vec![FieldError::parameter(name, "is required")]);
    }
    match (unknown, text.split_once(": ")) {
        (Some((name, _)), _) => {
            Problem::invalid(vec![FieldError::parameter(name, "is not a parameter of this list")])
        }
        (None, Some((name, detail))) => Problem::invalid(vec![FieldError::parameter(name, detail)]),
        (None, None) => Problem::new(kinds::MALFORMED_REQUEST, format!("The query cannot be read: {text}.")),
    }
}

/// A field that is there: null is a value like any other, so it is told from one that is absent, and refused where none is
/// allowed. With `#[serde(default, deserialize_with = "present")]`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The most ids that one request asks for.
const MAX_IDS: usize = 100;

/// Ids in a query parameter, with commas between: 1 to 100 of them, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdList<T>(pub Vec<T>);

impl<'de, T: FromStr + PartialEq> Deserialize<'de> for IdList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let mut ids = Vec::new();
        for part in text.split(',') {
            let id = part.parse().map_err(|_| Error::custom("has something that is not a valid id"))?;
            if !ids.contains(&id) {
                ids.push(id);
            }
            if ids.len() > MAX_IDS {
                return Err(Error::custom(format!("has more than {MAX_IDS} ids")));
            }
        }
        Ok(Self(ids))
    }
}

/// An id in the path. What is no id names nothing: 404.
pub struct PathId<T>(pub T);

impl<T: FromStr + Send, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        text.parse().map(Self).map_err(|_| Problem::not_found())
    }
}

/// Two ids in the path, one below the other. What is no id names nothing: 404.
pub struct PathIds<A, B>(pub A, pub B);

impl<A: FromStr + Send, B: FromStr + Send, S: Send + Sync> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Path((outer, inner)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found())?;
        outer.parse().ok().zip(inner.parse().ok()).map(|(a, b)| Self(a, b)).ok_or_else(Problem::not_found)
    }
}

/// A whole body of at most `limit` bytes.
pub async fn body_within(body: Body, limit: usize) -> Result<Bytes> {
    to_bytes(body, limit)
        .await
        .map_err(|_| Problem::new(kinds::BODY_TOO_LARGE, format!("At most {limit} bytes are accepted here.")))
}

async fn json_body(headers: &HeaderMap, body: Body) -> Result<Bytes> {
    must_be_json(headers)?;
    body_within(body, MAX_BODY).await
}

fn must_be_json(headers: &HeaderMap) -> Result<()> {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    let detail = "Send JSON, with `Content-Type: application/json`.";
    Err(Problem::new(kinds::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// Reads `T` from JSON, or says everything that is wrong with it.
pub fn parse<T: DeserializeOwned + Validate<Context = ()>>(json: &[u8]) -> Result<T> {
    let malformed = |error: serde_json::Error| {
        Problem::new(kinds::MALFORMED_JSON, format!("The body is not valid JSON: {error}."))
    };
    json::check(json).map_err(malformed)?;
    // serde takes a list for a struct's fields in their order, which nobody means.
    let is_list = json.trim_ascii_start().starts_with(b"[");
    // The straight way first: a good body needs no tree.
    if !is_list
        && let Ok(value) = serde_json::from_slice::<T>(json)
        && value.validate().is_ok()
    {
        return Ok(value);
    }
    let mut tree: Value = serde_json::from_slice(json).map_err(malformed)?;
    if is_list {
        return Err(Problem::invalid(vec![FieldError::at("", "must be an object")]));
    }
    let mut errors: Vec<FieldError> = Vec::new();
    let value = loop {
        match read::<T>(&tree) {
            Ok(value) => break Some(value),
            Err(error) if errors.len() >= MAX_ERRORS || !errors_progress(&errors, &error) => break None,
            Err(error) => {
                errors.push(error.clone());
                match repair::<T>(&tree, &error) {
                    Some(repaired) => tree = repaired,
                    None => break None,
                }
            }
        }
    };
    if let Some(Err(report)) = value.as_ref().map(Validate::validate) {
        let shape: Vec<String> = errors.iter().filter_map(|error| error.pointer.clone()).collect();
        let rules =
            report.iter().map(|(path, error)| FieldError::at(pointer(&path.to_string()), error.to_string()));
        errors.extend(rules.filter(|error| !shape.iter().any(|bad| covers(bad, error))));
        errors.truncate(MAX_ERRORS);
    }
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(Problem::invalid(errors)),
    }
}

fn errors_progress(errors: &[FieldError], next: &FieldError) -> bool {
    !errors.contains(next)
}

/// Whether `error` is about the field at `pointer`, or about something inside it.
fn covers(pointer: &str, error: &FieldError) -> bool {
    error
        .pointer
        .as_deref()
        .and_then(|at| at.strip_prefix(pointer))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads `T` from the tree; an error names the field by JSON pointer.
fn read<T: DeserializeOwned>(tree: &Value) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let mut at = String::new();
        for segment in error.path().iter() {
            match segment {
                Segment::Map { key } => at += &format!("/{}", escape(key)),
                Segment::Seq { index } => at += &format!("/{index}"),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let detail = error.inner().to_string();
        match missing_field(&detail) {
            Some(field) => FieldError::at(format!("{at}/{}", escape(field)), "is required"),
            None => FieldError::at(at, detail),
        }
    })
}

fn missing_field(detail: &str) -> Option<&str> {
    detail.strip_prefix("missing field `")?.split('`').next()
}

/// The tree with the offending field removed (if it is unknown) or replaced by a placeholder that fits.
fn repair<T: DeserializeOwned>(tree: &Value, error: &FieldError) -> Option<Value> {
    let at = error.pointer.as_deref()?;
    let (parent, key) = at.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let fits = |candidate: &Value| match read::<T>(candidate) {
        Ok(_) => true,
        Err(next) => next.pointer != error.pointer,
    };
    let mut without = tree.clone();
    if error.detail.starts_with("unknown field") {
        without.pointer_mut(parent)?.as_object_mut()?.remove(&key)?;
        return Some(without);
    }
    let variants = error.detail.split("expected").nth(1).unwrap_or_default().split('`').skip(1).step_by(2);
    // "EUR" for a currency, whose codes are too many for serde to list.
    let placeholders = [
        Value::Null,
        "".into(),
        0.into(),
        false.into(),
        Value::Array(vec![]),
        serde_json::json!({}),
        "EUR".into(),
    ];
    placeholders.into_iter().chain(variants.map(Value::from)).find_map(|placeholder| {
        let mut candidate = tree.clone();
        match candidate.pointer_mut(parent)? {
            Value::Object(map) => {
                map.insert(key.clone(), placeholder);
            }
            Value::Array(list) => *list.get_mut(key.parse::<usize>().ok()?)? = placeholder,
            _ => return None,
        }
        fits(&candidate).then_some(candidate)
    })
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `variants[0].sku` as a JSON pointer.
fn pointer(path: &str) -> String {
    let mut pointer = String::new();
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        pointer.push('/');
        pointer.push_str(&escape(part.trim_end_matches(']')));
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[garde(length(min = 1, max = 5))]
        name: String,
        #[garde(length(min = 1), dive)]
        lines: Vec<Line>,
        #[garde(skip)]
        #[serde(default)]
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Line {
        #[garde(length(min = 1))]
        sku: String,
        #[garde(range(min = 1))]
        units: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Gift,
    }

    fn pointers(json: &str) -> Vec<String> {
        let problem = parse::<Order>(json.as_bytes()).unwrap_err();
        problem.errors().iter().filter_map(|error| error.pointer.clone()).collect()
    }

    #[test]
    fn a_good_body_is_read() {
        let order: Order = parse(br#"{"name":"ana","lines":[{"sku":"A","units":2}],"kind":"gift"}"#).unwrap();
        assert_eq!((order.name.as_str(), order.lines[0].sku.as_str(), order.lines[0].units), ("ana", "A", 2));
        assert!(matches!(order.kind, Some(Kind::Gift)));
    }

    #[test]
    fn every_error_is_told_at_once() {
        let json =
            r#"{"name":7,"lines":[{"sku":"","units":-1},{"units":0,"color":"red"}],"kind":"loan","x":1}"#;
        let mut found = pointers(json);
        found.sort();
        let expected =
            ["/kind", "/lines/0/sku", "/lines/0/units", "/lines/1/color", "/lines/1/sku", "/lines/1/units"];
        assert_eq!(found, [&expected[..], &["/name", "/x"]].concat());
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(pointers("{}"), ["/name", "/lines"]);
    }

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Change {
        #[garde(skip)]
        #[serde(default)]
        name: Option<String>,
    }

    #[test]
    fn a_list_is_no_object_with_its_fields_in_order() {
        for json in ["[]", " [\"ana\"]"] {
            assert_eq!(
                parse::<Change>(json.as_bytes()).unwrap_err().spec(),
                kinds::INVALID_REQUEST,
                "{json}"
            );
        }
        assert_eq!(parse::<Change>(b"{\"name\":\"ana\"}").unwrap().name.as_deref(), Some("ana"));
    }

    #[test]
    fn a_body_of_another_shape_is_refused() {
        for json in ["[]", "7", "null", "\"x\""] {
            let problem = parse::<Order>(json.as_bytes()).unwrap_err();
            assert_eq!(problem.spec(), kinds::INVALID_REQUEST, "{json}");
        }
        assert_eq!(parse::<Order>(b"{").unwrap_err().spec(), kinds::MALFORMED_JSON);
        let twice = parse::<Order>(br#"{"name":"ana","lines":[{"sku":"A","units":2}],"name":"bob"}"#);
        assert_eq!(twice.unwrap_err().spec(), kinds::MALFORMED_JSON);
        let deep = "[".repeat(100_000);
        assert_eq!(parse::<Order>(deep.as_bytes()).unwrap_err().spec(), kinds::MALFORMED_JSON);
    }
}
