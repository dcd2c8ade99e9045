//! Forms (`application/x-www-form-urlencoded`) as OAuth has them: a name comes once, one without a value was not sent, and
//! unknown ones are ignored (RFC 6749, section 3.1).

use crate::problem::{Problem, Result, kinds};
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The largest form that is read, in bytes.
pub const MAX_FORM: usize = 64 * 1024;
/// The most fields that are read.
const MAX_FIELDS: usize = 64;

/// A form's fields, as a `T`, whose own are texts that may be absent. For handlers that answer bad forms themselves:
/// `form: Result<Form<T>, BadForm>`.
#[derive(Debug)]
pub struct Form<T>(pub T);

/// Why a form cannot be read. The texts are ASCII without quotes, as OAuth's descriptions must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadForm {
    /// It is of another media type.
    MediaType,
    /// It is larger than [`MAX_FORM`], or has too many fields.
    TooLarge,
    /// It is not text in UTF-8 that is percent-encoded.
    Encoding,
    /// A field comes twice.
    Twice(String),
    /// A field is missing.
    Missing(String),
}

impl std::fmt::Display for BadForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MediaType => f.write_str("the body must be of type application/x-www-form-urlencoded"),
            Self::TooLarge => write!(f, "the form is larger than {MAX_FORM} bytes or has too many fields"),
            Self::Encoding => f.write_str("the form is not percent-encoded UTF-8"),
            Self::Twice(name) => write!(f, "{} comes more than once", plain(name)),
            Self::Missing(name) => write!(f, "{} is required", plain(name)),
        }
    }
}

/// A name that somebody else chose, in the letters that names have.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "_-.".contains(*c)).take(40).collect()
}

impl From<BadForm> for Problem {
    fn from(bad: BadForm) -> Self {
        let kind = match bad {
            BadForm::MediaType => kinds::UNSUPPORTED_MEDIA_TYPE,
            BadForm::TooLarge => kinds::BODY_TOO_LARGE,
            BadForm::Encoding | BadForm::Twice(_) | BadForm::Missing(_) => kinds::MALFORMED_REQUEST,
        };
        Self::new(kind, format!("It cannot be read: {bad}."))
    }
}

impl IntoResponse for BadForm {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Form<T> {
    type Rejection = BadForm;

    async fn from_request(request: Request, _: &S) -> Result<Self, BadForm> {
        let (parts, body) = request.into_parts();
        if !is_form(&parts.headers) {
            return Err(BadForm::MediaType);
        }
        let bytes = to_bytes(body, MAX_FORM).await.map_err(|_| BadForm::TooLarge)?;
        parse(&bytes).map(Self)
    }
}

/// Whether a body says to be a form.
pub fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Reads `T` from a form or from a query. Its fields are texts, and may be missing when they are `Option`s.
pub fn parse<T: DeserializeOwned>(encoded: &[u8]) -> Result<T, BadForm> {
    let mut fields = Map::new();
    for pair in encoded.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default()).ok_or(BadForm::Encoding)?;
        let value = decode(halves.next().unwrap_or_default()).ok_or(BadForm::Encoding)?;
        if fields.len() >= MAX_FIELDS {
            return Err(BadForm::TooLarge);
        }
        if fields.insert(name.clone(), Value::String(value)).is_some() {
            return Err(BadForm::Twice(name));
        }
    }
    fields.retain(|_, value| value != "");
    serde_json::from_value(Value::Object(fields)).map_err(|error| {
        let text = error.to_string();
        let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        missing.map_or(BadForm::Encoding, |name| BadForm::Missing(name.to_owned()))
    })
}

/// Undoes the encoding of a name or of a value; nothing when it is not well-formed UTF-8, or has a NUL.
pub fn decode(encoded: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter().copied();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => digit(bytes.next()?)? * 16 + digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok().filter(|text| !text.contains('\0'))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A name or a value as it stands in a form or in a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            other => encoded += &format!("%{other:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Asked {
        grant: String,
        scope: Option<String>,
    }

    fn read(form: &str) -> Result<Asked, BadForm> {
        parse(form.as_bytes())
    }

    #[test]
    fn a_form_is_read_as_oauth_says() {
        let asked = |grant: &str, scope: Option<&str>| {
            Ok(Asked { grant: grant.into(), scope: scope.map(str::to_owned) })
        };
        assert_eq!(read("grant=a&scope=b+c%20d&unknown=1"), asked("a", Some("b c d")));
        assert_eq!(read("grant=%E2%82%AC&scope="), asked("€", None));
        assert_eq!(read("&grant=a%3Db&&"), asked("a=b", None));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        assert_eq!(read("grant=a&grant=a"), Err(BadForm::Twice("grant".into())));
        assert_eq!(read("grant=a&x=&x="), Err(BadForm::Twice("x".into())));
        assert_eq!(read("scope=a"), Err(BadForm::Missing("grant".into())));
        assert_eq!(read("grant="), Err(BadForm::Missing("grant".into())));
        for bad in ["grant=%", "grant=%4", "grant=%zz", "grant=%FF", "grant=a%00b", "%FF=1&grant=a"] {
            assert_eq!(read(bad), Err(BadForm::Encoding), "{bad}");
        }
        let many: String = (0..100).map(|n| format!("f{n}=1&")).collect();
        assert_eq!(read(&many), Err(BadForm::TooLarge));
    }

    #[test]
    fn every_text_survives_its_encoding() {
        for text in ["", "a b+c&d=e%", "é€😀", "~-._/?#"] {
            assert_eq!(decode(encode(text).as_bytes()).as_deref(), Some(text));
        }
    }
}
