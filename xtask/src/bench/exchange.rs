//! What people convert, as a plan for the load generator.

use anyhow::Result;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::api::Api;

/// A euro in other currencies, as on some day.
const EURO: [(&str, &str); 8] = [
    ("USD", "1.0944"),
    ("JPY", "147.34"),
    ("GBP", "0.88073"),
    ("CHF", "0.9842"),
    ("PLN", "4.6138"),
    ("SEK", "11.323"),
    ("CAD", "1.4739"),
    ("AUD", "1.6301"),
];
/// Tokens in dollars.
const TOKENS: [(&str, &str); 2] = [("BENCHETH", "3000.5"), ("BENCHBTC", "67187.33")];
/// Amounts of each pair.
const AMOUNTS: u64 = 20;

/// Sets the rates, until long after the run.
pub fn opens(admin: &Api) -> Result<()> {
    let put = |path: String, body: Value| {
        let headers = [("content-type", "application/json")];
        admin.send(Method::PUT, &path, &headers, body.to_string().into_bytes())?.expect(200, "setting rates")
    };
    let rate = |base: &str, quote: &str, rate: &str| {
        let body = json!({"rate": rate, "valid_until": "2999-01-01T00:00:00Z"});
        put(format!("/api/v1/prices/rates/{base}/{quote}"), body)
    };
    for (quote, text) in EURO {
        rate("EUR", quote, text)?;
    }
    for (code, text) in TOKENS {
        let token = json!({"kind": "token", "name": code, "decimals": 18});
        put(format!("/api/v1/prices/instruments/{code}"), token)?;
        rate(code, "USD", text)?;
    }
    Ok(())
}

/// Conversions of many amounts, in turn: by a rate, by its inverse, and by two and three rates one after the other.
pub fn conversions() -> Vec<Value> {
    let path = |amount: u64, unit: &str, from: &str, to: &str| json!({"path": format!("/api/v1/prices/convert?amount={amount}{unit}&from={from}&to={to}")});
    let of_amount = |number: u64| {
        let amount = 1_999 + 7 * number;
        let money = EURO.windows(2).flat_map(move |pair| {
            let (one, other) = (pair[0].0, pair[1].0);
            [path(amount, "", "EUR", one), path(amount, "", one, "EUR"), path(amount, "", one, other)]
        });
        let tokens = TOKENS.map(|(code, _)| {
            [path(amount, "000000000000000", code, "USD"), path(amount, "000000000000000", code, "PLN")]
        });
        money.chain(tokens.into_iter().flatten())
    };
    (0..AMOUNTS).flat_map(of_amount).collect()
}
