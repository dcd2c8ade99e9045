//! What prices speak of: instruments, amounts of them, and rates.

use crate::decimal::Rate;
use num_bigint::BigUint;
use serde::{Deserialize, Deserializer, Serialize};
use souk_kit::money::MAX_AMOUNT;
use souk_kit::{Currency, Timestamp};
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The currencies that rates between others go through.
pub const PIVOTS: [&str; 2] = ["EUR", "USD"];
/// The digits of the largest amount of a token: 256 bits.
const MAX_TOKEN_DIGITS: usize = 78;

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

/// A number of smallest units as JSON has it: a number for money, a text of digits for tokens, which may have more than a
/// number holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Units(pub BigUint);

/// Why a text is no number of units.
const NO_UNITS: &str = "must be a whole number of smallest units, such as 1999 or \"1999\"";

impl FromStr for Units {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NO_UNITS);
        }
        if text.len() > MAX_TOKEN_DIGITS {
            return Err("must have at most 78 digits");
        }
        text.parse().map(Self).map_err(|_| NO_UNITS)
    }
}

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Units;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of smallest units, as a number or as a text of digits")
            }

            fn visit_u64<E: serde::de::Error>(self, units: u64) -> Result<Units, E> {
                Ok(Units(units.into()))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Units, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl PartialSchema for Units {
    fn schema() -> RefOr<Schema> {
        let minor = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).examples([1999]);
        let smallest = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^\d{1,78}$"));
        OneOfBuilder::new()
            .item(smallest.examples(["1500000000000000000"]))
            .item(minor)
            .description(Some(
                "Of money a number of minor units, of a token a text: so many of its smallest unit.",
            ))
            .into()
    }
}

impl ToSchema for Units {
    fn name() -> Cow<'static, str> {
        "Units".into()
    }
}

/// An amount of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct Amount {
    /// How many of its smallest units.
    #[schema(value_type = Units)]
    pub amount: BigUint,
    /// Of what.
    pub currency: Code,
}

/// Why there can be no such amount.
pub const TOO_LARGE: &str = "is more than there can be of it";

impl Amount {
    /// An amount, if there can be so much: of money what the suite accepts, of a token what 256 bits hold.
    pub fn new(amount: BigUint, currency: Code) -> Option<Self> {
        let fits = match currency.currency() {
            Some(_) => amount <= BigUint::from(MAX_AMOUNT.unsigned_abs()),
            None => amount.bits() <= 256,
        };
        fits.then_some(Self { amount, currency })
    }

    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.amount.bits() == 0
    }
}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut amount = serializer.serialize_struct("Amount", 2)?;
        match (self.currency.currency(), u64::try_from(&self.amount)) {
            (Some(_), Ok(minor)) => amount.serialize_field("amount", &minor)?,
            _ => amount.serialize_field("amount", &self.amount.to_string())?,
        }
        amount.serialize_field("currency", &self.currency)?;
        amount.end()
    }
}

/// What kind of thing an instrument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Legal tender, of ISO 4217.
    Fiat,
    /// A token.
    Token,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fiat => "fiat",
            Self::Token => "token",
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "fiat" => Ok(Self::Fiat),
            "token" => Ok(Self::Token),
            _ => Err(()),
        }
    }
}

/// By what names providers know an instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, garde::Validate, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sources {
    /// Its id at CoinGecko.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(coin)))]
    #[schema(example = "ethereum")]
    pub coingecko: Option<String>,
    /// The Chainlink feeds of what it is worth.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 4), dive)]
    pub chainlink: Vec<Feed>,
}

/// A contract that tells what an instrument is worth (Chainlink's AggregatorV3Interface).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, garde::Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// In what.
    #[garde(skip)]
    #[schema(example = "USD")]
    pub quote: Code,
    /// Its address.
    #[garde(custom(address))]
    #[schema(example = "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419")]
    pub feed: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn coin(id: &str, (): &()) -> garde::Result {
    let fits = (1..=100).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
    if fits { Ok(()) } else { Err(garde::Error::new("must be an id of CoinGecko, such as `ethereum`")) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn address(text: &str, (): &()) -> garde::Result {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40);
    match digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some(_) => Ok(()),
        None => Err(garde::Error::new("must be an address: 0x and 40 hexadecimal digits")),
    }
}

/// Something that has a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Instrument {
    /// Its code.
    pub code: Code,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its name.
    #[schema(example = "Euro")]
    pub name: String,
    /// How many decimals its amounts have.
    #[schema(example = 2)]
    pub decimals: u32,
    /// By what names providers know it.
    pub sources: Sources,
    /// The `ETag` tells it.
    #[serde(skip)]
    pub version: i64,
}

impl Instrument {
    /// A currency of ISO 4217, of which nothing has been set.
    pub fn of_iso(currency: Currency) -> Self {
        Self {
            code: Code(currency.code().to_owned()),
            kind: Kind::Fiat,
            name: currency.code().to_owned(),
            decimals: currency.decimals(),
            sources: Sources::default(),
            version: 0,
        }
    }
}

/// When something was so, when it was fetched, and how long it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it was so.
    pub as_of: Timestamp,
    /// When we learned of it.
    pub fetched_at: Timestamp,
    /// From when on it is stale.
    pub stale_at: Timestamp,
    /// From when on it counts for nothing.
    pub refuse_at: Timestamp,
}

impl Times {
    /// Those of something that depends on both.
    pub fn and(self, other: Self) -> Self {
        Self {
            as_of: self.as_of.min(other.as_of),
            fetched_at: self.fetched_at.max(other.fetched_at),
            stale_at: self.stale_at.min(other.stale_at),
            refuse_at: self.refuse_at.min(other.refuse_at),
        }
    }
}

/// What one source said last of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub base: Code,
    pub quote: Code,
    pub source: String,
    pub rate: Rate,
    pub times: Times,
    /// Why it was not believed.
    pub refused: Option<String>,
    /// Who set it by hand.
    pub set_by: Option<String>,
}

/// The rate of a pair that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub rate: Rate,
    pub times: Times,
}

/// A promised price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub id: souk_kit::id::QuoteId,
    pub owner: String,
    pub from: Amount,
    pub to: Amount,
    pub rate: String,
    pub as_of: Timestamp,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_by: Option<String>,
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

    #[test]
    fn money_is_a_number_and_tokens_are_text() {
        let amount = |units: u32, code: &str| Amount::new(units.into(), code.parse().unwrap()).unwrap();
        let json = |amount| serde_json::to_value(amount).unwrap();
        assert_eq!(json(amount(1999, "EUR")), serde_json::json!({"amount": 1999, "currency": "EUR"}));
        assert_eq!(json(amount(1999, "ETH")), serde_json::json!({"amount": "1999", "currency": "ETH"}));
    }

    #[test]
    fn there_is_a_largest_amount_of_everything() {
        let (euro, ether): (Code, Code) = ("EUR".parse().unwrap(), "ETH".parse().unwrap());
        let most = BigUint::from(MAX_AMOUNT.unsigned_abs());
        assert!(Amount::new(most.clone(), euro.clone()).is_some());
        assert!(Amount::new(most + 1_u32, euro).is_none());
        let most = (BigUint::from(1_u32) << 256_u32) - 1_u32;
        assert!(Amount::new(most.clone(), ether.clone()).is_some());
        assert!(Amount::new(most + 1_u32, ether).is_none());
    }

    #[test]
    fn units_are_whole_and_bounded() {
        let read = |json: &str| serde_json::from_str::<Units>(json).map(|Units(units)| units.to_string());
        assert_eq!(read("1999").unwrap(), "1999");
        assert_eq!(read("\"0012\"").unwrap(), "12");
        for bad in [
            "-1",
            "1.5",
            "1e3",
            "\"\"",
            "\"1.5\"",
            "\"-1\"",
            "\"+1\"",
            "null",
            "[]",
            "18446744073709551616",
            "\" 1\"",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("\"{}\"", "9".repeat(79))).is_err());
    }

    #[test]
    fn addresses_and_coins_are_checked() {
        assert!(address("0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419", &()).is_ok());
        for bad in [
            "",
            "0x",
            "5f4eC3Df9cbd43714FE2740f5E3616155c5b8419",
            "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b841g",
        ] {
            assert!(address(bad, &()).is_err(), "{bad}");
        }
        assert!(coin("usd-coin", &()).is_ok());
        assert!(coin("", &()).is_err() && coin("a&ids=b", &()).is_err() && coin("ETH", &()).is_err());
    }
}
