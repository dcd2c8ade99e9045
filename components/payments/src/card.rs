//! Cards as buyers type them in. Nothing of a card leaves this request but its brand and its last four digits.

use garde::Validate;
use serde::{Deserialize, Deserializer};
use souk_kit::{FieldError, Problem, Result, Secret, Timestamp};
use utoipa::ToSchema;

/// The last year that a card can be good for, counted from now.
const LONGEST_YEARS: i64 = 20;

/// Which kind of method it is.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// A payment card.
    Card,
}

/// What to pay with.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Always `card` for now.
    #[serde(rename = "type")]
    #[garde(skip)]
    #[schema(inline)]
    #[expect(dead_code, reason = "there is one kind, and reading it is all that is to be done about it")]
    kind: MethodKind,
    /// The number on the card; spaces and dashes do not matter.
    #[serde(deserialize_with = "unseen")]
    #[garde(custom(is_card_number))]
    number: Secret,
    /// `MM/YY` or `MM/YYYY`.
    #[garde(custom(is_expiry))]
    #[schema(example = "12/30")]
    expiry: String,
    /// The code on its back.
    #[serde(deserialize_with = "unseen")]
    #[garde(custom(is_cvc))]
    cvc: Secret,
    /// The name on it.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 200)))]
    holder: Option<String>,
}

/// A card whose number, date and code may belong together.
pub struct Card {
    number: Secret,
}

impl Card {
    /// Its number: for the provider alone.
    pub fn number(&self) -> &str {
        self.number.expose()
    }

    /// The last four digits of it.
    pub fn last4(&self) -> &str {
        &self.number()[self.number().len() - 4..]
    }
}

impl Method {
    /// The card, unless it has expired.
    pub fn card(&self, now: Timestamp) -> Result<Card> {
        let last_month = months(&self.expiry).unwrap_or_default();
        let this_month = this_month(now);
        if last_month < this_month {
            return Err(Problem::invalid(vec![FieldError::at("/method/expiry", "has passed")]));
        }
        if last_month > this_month + 12 * LONGEST_YEARS {
            return Err(Problem::invalid(vec![FieldError::at("/method/expiry", "is too far in the future")]));
        }
        Ok(Card { number: Secret::new(digits(self.number.expose())) })
    }

    /// What tells this request from another one, without the secrets in it.
    pub fn redacted(&self) -> String {
        let digits = digits(self.number.expose());
        format!("card {} {}", &digits[digits.len() - 4..], self.expiry)
    }
}

/// A text that no error may repeat, as serde's own would.
fn unseen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Secret::deserialize(deserializer).map_err(|_| serde::de::Error::custom("must be a text"))
}

fn digits(number: &str) -> String {
    number.chars().filter(|c| !matches!(c, ' ' | '-')).collect()
}

/// Months since the year 0 of `MM/YY` or `MM/YYYY`.
fn months(expiry: &str) -> Option<i64> {
    let (month, year) = expiry.split_once('/')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if month.len() != 2 || !matches!(year.len(), 2 | 4) || !is_number(month) || !is_number(year) {
        return None;
    }
    let century = if year.len() == 2 { 2000 } else { 0 };
    let (month, year): (i64, i64) = (month.parse().ok()?, year.parse().ok()?);
    (1..=12).contains(&month).then_some((century + year) * 12 + month - 1)
}

/// Months since the year 0, now.
fn this_month(now: Timestamp) -> i64 {
    let text = now.to_string(); // 2026-11-21T…
    let part = |range: std::ops::Range<usize>| text.get(range).and_then(|part| part.parse::<i64>().ok());
    part(0..4).zip(part(5..7)).map_or(0, |(year, month)| year * 12 + month - 1)
}

/// The check digit of ISO/IEC 7812-1 (Luhn).
fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            let doubled = if place % 2 == 1 { digit * 2 } else { digit };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn is_card_number(number: &Secret, (): &()) -> garde::Result {
    let digits = digits(number.expose());
    let fits = (12..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits && passes_luhn(&digits) { Ok(()) } else { Err(garde::Error::new("is not the number of a card")) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn is_expiry(expiry: &str, (): &()) -> garde::Result {
    months(expiry).map(|_| ()).ok_or_else(|| garde::Error::new("must be MM/YY or MM/YYYY"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn is_cvc(cvc: &Secret, (): &()) -> garde::Result {
    let text = cvc.expose();
    let fits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { Ok(()) } else { Err(garde::Error::new("must be three digits")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_month() {
        assert_eq!(months("01/26"), Some(2026 * 12));
        assert_eq!(months("12/2026"), Some(2026 * 12 + 11));
        for text in ["", "1/26", "13/26", "00/26", "12-26", "12/026", "12/+6", "+1/26", "12/26/1", "é/26"] {
            assert_eq!(months(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_has_its_check_digit() {
        let good = |text: &str| is_card_number(&Secret::new(text), &()).is_ok();
        assert!(good("4242424242424242") && good("4242 4242-4242 4242"));
        for text in ["", "4242424242424241", "42424242424", "42424242424242424242", "４２４２", "4242x", "0"]
        {
            assert!(!good(text), "{text}");
        }
    }

    #[test]
    fn a_card_is_good_until_its_month_has_passed() {
        let method = |expiry: &str| Method {
            kind: MethodKind::Card,
            number: Secret::new("4242 4242 4242 4242"),
            expiry: expiry.into(),
            cvc: Secret::new("123"),
            holder: None,
        };
        let now = Timestamp::from_millis(1_795_253_400_123); // in November 2026
        assert_eq!(method("11/26").card(now).unwrap().last4(), "4242");
        assert!(method("10/26").card(now).is_err() && method("12/46").card(now).is_err());
    }
}
