//! Money: an amount of a currency's minor units. Never a float.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Currencies with no minor unit (ISO 4217).
const WITHOUT_MINOR_UNIT: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Currencies with three decimals (ISO 4217).
const WITH_THREE_DECIMALS: &[&str] = &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// All others that are legal tender, with two decimals (ISO 4217).
const WITH_TWO_DECIMALS: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BMD",
    "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CUP",
    "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP",
    "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR",
    "KPW", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP",
    "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN",
    "PGK", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP",
    "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD",
    "TZS", "UAH", "USD", "UYU", "UZS", "VED", "VES", "WST", "XCD", "YER", "ZAR", "ZMW", "ZWG",
];

/// A currency, by its ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(&'static str);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self("EUR");

    /// Every one of them, in no order.
    pub fn all() -> impl Iterator<Item = Self> {
        [WITH_TWO_DECIMALS, WITHOUT_MINOR_UNIT, WITH_THREE_DECIMALS]
            .into_iter()
            .flatten()
            .map(|code| Self(code))
    }

    /// Its code.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// How many decimals its amounts have.
    pub fn decimals(self) -> u32 {
        match self.0 {
            code if WITHOUT_MINOR_UNIT.contains(&code) => 0,
            code if WITH_THREE_DECIMALS.contains(&code) => 3,
            _ => 2,
        }
    }
}

/// The text is no ISO 4217 code in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCurrency;

impl fmt::Display for UnknownCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not an ISO 4217 currency code")
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        [WITH_TWO_DECIMALS, WITHOUT_MINOR_UNIT, WITH_THREE_DECIMALS]
            .into_iter()
            .flatten()
            .find(|code| **code == text)
            .map(|code| Self(code))
            .ok_or(UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl From<Currency> for spin_sdk::sqlite::Value {
    fn from(currency: Currency) -> Self {
        Self::Text(currency.0.to_owned())
    }
}

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Z]{3}$")).examples(["EUR"]).into()
    }
}

impl ToSchema for Currency {
    fn name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// In minor units: 1999 is 19.99 of a currency with two decimals.
    #[schema(example = 1999)]
    pub amount: i64,
    /// ISO 4217 code.
    pub currency: Currency,
}

/// The largest amount that is accepted, in minor units: below 2^53, so that JavaScript reads it exactly.
pub const MAX_AMOUNT: i64 = 1_000_000_000_000_000;

impl Money {
    /// An amount in minor units.
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// The sum; nothing when the currencies differ or the sum is too large.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let same = self.currency == other.currency;
        let amount = self.amount.checked_add(other.amount).filter(|sum| sum.abs() <= MAX_AMOUNT);
        amount.filter(|_| same).map(|amount| Self { amount, ..self })
    }

    /// This amount `units` times; nothing when that is too large.
    pub fn checked_times(self, units: u32) -> Option<Self> {
        let amount = self.amount.checked_mul(units.into()).filter(|product| product.abs() <= MAX_AMOUNT);
        amount.map(|amount| Self { amount, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_currencies_do_not_add_up() {
        let (euro, yen) = (Money::new(1, Currency::EUR), Money::new(1, "JPY".parse().unwrap()));
        assert_eq!(euro.checked_add(euro), Some(Money::new(2, Currency::EUR)));
        assert_eq!(euro.checked_add(yen), None);
    }

    #[test]
    fn an_amount_never_wraps() {
        let most = Money::new(MAX_AMOUNT, Currency::EUR);
        assert_eq!(most.checked_add(Money::new(1, Currency::EUR)), None);
        assert_eq!(most.checked_times(u32::MAX), None);
    }

    #[test]
    fn decimals_are_those_of_iso_4217() {
        let decimals = |code: &str| code.parse::<Currency>().unwrap().decimals();
        assert_eq!((decimals("EUR"), decimals("JPY"), decimals("TND")), (2, 0, 3));
        assert!("eur".parse::<Currency>().is_err() && "EURO".parse::<Currency>().is_err());
    }
}
