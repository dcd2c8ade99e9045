//! Amounts of instruments, in their smallest units.

use crate::model::Code;
use num_bigint::BigUint;
use serde::{Deserialize, Deserializer, Serialize};
use souk_kit::money::MAX_AMOUNT;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The digits of the largest amount of a token: 256 bits.
const MAX_TOKEN_DIGITS: usize = 78;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
