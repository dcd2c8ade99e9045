//! The codes of instruments.

use serde::{Deserialize, Deserializer, Serialize};
use souk_kit::Currency;
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The code of an instrument: of ISO 4217, or of a token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Code(String);

impl Code {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The currency of ISO 4217 that it is, if it is one. No token has such a code.
    pub fn currency(&self) -> Option<Currency> {
        self.0.parse().ok()
    }
}

impl From<Currency> for Code {
    fn from(currency: Currency) -> Self {
        Self(currency.code().to_owned())
    }
}

/// The text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCode;

impl fmt::Display for NoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be the code of an instrument: 2 to 12 capital letters and digits, a letter first")
    }
}

impl FromStr for Code {
    type Err = NoCode;

    fn from_str(text: &str) -> Result<Self, NoCode> {
        let fits = (2..=12).contains(&text.len())
            && text.starts_with(|first: char| first.is_ascii_uppercase())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if fits { Ok(Self(text.to_owned())) } else { Err(NoCode) }
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Borrow<str> for Code {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&Code> for spin_sdk::sqlite::Value {
    fn from(code: &Code) -> Self {
        Self::Text(code.0.clone())
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[A-Z][A-Z0-9]{1,11}$"))
            .examples(["EUR"])
            .into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        "InstrumentCode".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_short_and_in_capitals() {
        for good in ["EUR", "ETH", "SOUK", "USDC", "A1", "ABCDEFGHIJKL"] {
            assert!(good.parse::<Code>().is_ok(), "{good}");
        }
        for bad in ["", "A", "eur", "1INCH", "ABCDEFGHIJKLM", "E R", "É1", "EUR/USD"] {
            assert!(bad.parse::<Code>().is_err(), "{bad}");
        }
    }
}
