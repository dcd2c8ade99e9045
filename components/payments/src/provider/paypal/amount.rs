//! Amounts as PayPal writes them: decimal strings, with the digits that PayPal has for a currency.

use serde_json::{Value, json};
use souk_kit::Money;

/// The currencies that PayPal takes. https://developer.paypal.com/api/rest/reference/currency-codes/
const CURRENCIES: &[&str] = &[
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY", "MXN", "MYR",
    "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
];
/// Those of them that ISO 4217 has decimals for, and PayPal does not.
const WITHOUT_DECIMALS: &[&str] = &["HUF", "TWD"];

/// An amount for PayPal; nothing when PayPal has no such amount, in a currency that it does not take or too small a unit.
pub fn of(money: Money) -> Option<Value> {
    let code = money.currency.code();
    if !CURRENCIES.contains(&code) || money.amount <= 0 {
        return None;
    }
    let (whole, rest) = match money.currency.decimals() {
        0 => (money.amount, 0),
        _ => (money.amount / 100, money.amount % 100),
    };
    let value = match (money.currency.decimals(), WITHOUT_DECIMALS.contains(&code)) {
        (0, _) => whole.to_string(),
        (_, true) if rest == 0 => whole.to_string(),
        (_, true) => return None,
        (_, false) => format!("{whole}.{rest:02}"),
    };
    Some(json!({ "currency_code": code, "value": value }))
}

/// An amount of PayPal's; nothing when it is none that we could have asked for.
pub fn read(value: &Value) -> Option<Money> {
    let currency: souk_kit::Currency = value["currency_code"].as_str()?.parse().ok()?;
    let (whole, fraction) = {
        let text = value["value"].as_str()?;
        text.split_once('.').unwrap_or((text, ""))
    };
    let digits = usize::try_from(currency.decimals()).ok()?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // PayPal writes some amounts without decimals, and some yen with zeros.
    let (kept, beyond) = fraction.split_at_checked(digits).unwrap_or((fraction, ""));
    if whole.is_empty() || !is_number(whole) || !is_number(kept) || beyond.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let amount = format!("{whole}{kept:0<digits$}").parse().ok()?;
    Some(Money::new(amount, currency))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(amount: i64, code: &str) -> Money {
        Money::new(amount, code.parse().unwrap())
    }

    fn written(amount: i64, code: &str) -> Option<String> {
        of(money(amount, code)).map(|value| value["value"].as_str().unwrap().to_owned())
    }

    #[test]
    fn amounts_have_the_digits_that_paypal_wants() {
        assert_eq!(written(1999, "EUR").unwrap(), "19.99");
        assert_eq!(written(5, "USD").unwrap(), "0.05");
        assert_eq!(written(500, "JPY").unwrap(), "500");
        assert_eq!(written(50_000, "HUF").unwrap(), "500");
        assert_eq!(written(50_050, "HUF"), None);
        assert_eq!(written(1000, "TND"), None);
        assert_eq!(written(0, "EUR"), None);
    }

    #[test]
    fn what_is_no_amount_is_not_read() {
        for (code, value) in
            [("EUR", "1.999"), ("EUR", "-1.00"), ("EUR", "x"), ("EUR", ""), ("XXX", "1"), ("JPY", "1.5")]
        {
            assert_eq!(read(&json!({"currency_code": code, "value": value})), None, "{value} {code}");
        }
        assert_eq!(read(&json!({"currency_code": "JPY", "value": "500.00"})), Some(money(500, "JPY")));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(amount in 1_i64..=souk_kit::money::MAX_AMOUNT, code in prop::sample::select(CURRENCIES)) {
            if let Some(value) = of(money(amount, code)) {
                prop_assert_eq!(read(&value), Some(money(amount, code)));
            }
        }
    }
}
