//! PayPal's amounts: decimal strings in the currencies that PayPal has, with the digits that PayPal wants.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The currencies that PayPal takes, and those of them that it takes no decimals in.
/// https://developer.paypal.com/api/rest/reference/currency-codes/
const CURRENCIES: &[&str] = &[
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR",
    "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
];
const WITHOUT_DECIMALS: &[&str] = &["HUF", "JPY", "TWD"];

/// An amount in the smallest unit that PayPal has for its currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// ISO 4217.
    pub currency: String,
    /// Cents, or yen.
    pub units: i64,
}

impl Money {
    /// So many units of the same currency.
    pub fn of(&self, units: i64) -> Self {
        Self { currency: self.currency.clone(), units }
    }

    /// As PayPal writes it.
    pub fn json(&self) -> Value {
        let value = match digits(&self.currency) {
            0 => self.units.to_string(),
            _ => format!("{}.{:02}", self.units / 100, self.units % 100),
        };
        json!({ "currency_code": self.currency, "value": value })
    }

    /// An amount above zero of a request whose schema was checked. Otherwise PayPal's issue.
    pub fn parse(value: &Value) -> Result<Self, &'static str> {
        let currency = value["currency_code"].as_str().unwrap_or_default();
        if !CURRENCIES.contains(&currency) {
            return Err("INVALID_CURRENCY_CODE");
        }
        let text = value["value"].as_str().unwrap_or_default();
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        if whole.starts_with('-') {
            return Err("CANNOT_BE_ZERO_OR_NEGATIVE");
        }
        let wanted = digits(currency);
        if decimals.len() > wanted {
            return Err(if wanted == 0 { "DECIMALS_NOT_SUPPORTED" } else { "DECIMAL_PRECISION" });
        }
        let units = format!("{whole}{decimals:0<wanted$}").parse().map_err(|_| "MAX_VALUE_EXCEEDED")?;
        if units == 0 {
            return Err("CANNOT_BE_ZERO_OR_NEGATIVE");
        }
        Ok(Self { currency: currency.to_owned(), units })
    }
}

fn digits(currency: &str) -> usize {
    if WITHOUT_DECIMALS.contains(&currency) { 0 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(currency: &str, value: &str) -> Result<i64, &'static str> {
        Money::parse(&json!({"currency_code": currency, "value": value})).map(|money| money.units)
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        assert_eq!(parse("EUR", "19.99"), Ok(1999));
        assert_eq!(parse("EUR", "19.9"), Ok(1990));
        assert_eq!(parse("EUR", "20"), Ok(2000));
        assert_eq!(parse("EUR", ".05"), Ok(5));
        assert_eq!(parse("JPY", "500"), Ok(500));
        assert_eq!(parse("JPY", "500.00"), Err("DECIMALS_NOT_SUPPORTED"));
        assert_eq!(parse("EUR", "1.999"), Err("DECIMAL_PRECISION"));
        assert_eq!(parse("EUR", "0.00"), Err("CANNOT_BE_ZERO_OR_NEGATIVE"));
        assert_eq!(parse("EUR", "-1.00"), Err("CANNOT_BE_ZERO_OR_NEGATIVE"));
        assert_eq!(parse("TND", "1.000"), Err("INVALID_CURRENCY_CODE"));
        let written = Money { currency: "EUR".into(), units: 1905 }.json();
        assert_eq!(written["value"], "19.05");
    }
}
