//! Cards as buyers type them in. Nothing of a card leaves this request but its brand and its last four digits.

use souk_kit::{FieldError, Problem, Result, Secret, Timestamp};

/// The last year that a card can be good for, counted from now.
const LONGEST_YEARS: i64 = 20;

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

/// The card of a number and a date, unless the card has expired.
pub fn typed_in(number: &Secret, expiry: &str, now: Timestamp) -> Result<Card> {
    let last_month = months(expiry).unwrap_or_default();
    let this_month = this_month(now);
    if last_month < this_month {
        return Err(Problem::invalid(vec![FieldError::at("/method/expiry", "has passed")]));
    }
    if last_month > this_month + 12 * LONGEST_YEARS {
        return Err(Problem::invalid(vec![FieldError::at("/method/expiry", "is too far in the future")]));
    }
    Ok(Card { number: Secret::new(digits(number.expose())) })
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

/// Refuses what cannot be the number of a card.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
pub fn is_card_number(number: &Secret, (): &()) -> garde::Result {
    let digits = digits(number.expose());
    let fits = (12..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits && passes_luhn(&digits) { Ok(()) } else { Err(garde::Error::new("is not the number of a card")) }
}

/// Refuses what is no month.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
pub fn is_expiry(expiry: &str, (): &()) -> garde::Result {
    months(expiry).map(|_| ()).ok_or_else(|| garde::Error::new("must be MM/YY or MM/YYYY"))
}

/// Refuses what cannot be the code of a card.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
pub fn is_cvc(cvc: &Secret, (): &()) -> garde::Result {
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
        let number = Secret::new("4242 4242 4242 4242");
        let now = Timestamp::from_millis(1_795_253_400_123); // in November 2026
        assert_eq!(typed_in(&number, "11/26", now).unwrap().last4(), "4242");
        assert!(typed_in(&number, "10/26", now).is_err() && typed_in(&number, "12/46", now).is_err());
    }
}
