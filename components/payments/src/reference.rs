//! Creditor references (ISO 11649): `RF`, two check digits, and what tells one transfer from another.

use sha2::{Digest, Sha256};
use souk_kit::id::AttemptId;

/// The digits after the check digits.
const DIGITS: usize = 18;

/// The reference of a try: always the same for the same one.
pub fn of(attempt: AttemptId) -> String {
    let hash = Sha256::digest(attempt.to_string());
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    let number = u64::from_be_bytes(first) % 10_u64.pow(DIGITS as u32);
    let body = format!("{number:0DIGITS$}");
    let check = 98 - remainder(&format!("{body}RF00"));
    format!("RF{check:02}{body}")
}

/// The reference in what somebody wrote into a transfer, with whatever spaces and words around it.
pub fn find(text: &str) -> Option<String> {
    let text: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let text = text.to_ascii_uppercase();
    let candidates = text.match_indices("RF").filter_map(|(at, _)| text.get(at..at + 4 + DIGITS));
    candidates.filter(|it| is_valid(it)).map(str::to_owned).next()
}

fn is_valid(reference: &str) -> bool {
    let (head, body) = reference.split_at(4);
    head[2..].bytes().chain(body.bytes()).all(|byte| byte.is_ascii_digit())
        && remainder(&format!("{body}{head}")) == 1
}

/// What is left of a text divided by 97, with A = 10 to Z = 35 (ISO 7064, MOD 97-10).
fn remainder(text: &str) -> u32 {
    text.chars().filter_map(|c| c.to_digit(36)).fold(0, |rest, digit| {
        let shifted = if digit < 10 { rest * 10 } else { rest * 100 };
        (shifted + digit) % 97
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example_is_valid() {
        assert_eq!(remainder("539007547034RF18"), 1); // RF18 5390 0754 7034, ISO 11649.
    }

    #[test]
    fn a_reference_is_found_in_what_people_write() {
        let reference = of(AttemptId::new());
        assert_eq!(find(&reference).as_ref(), Some(&reference));
        let spaced: Vec<_> = reference.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        let written = format!("order 12, ref. {} thanks", spaced.join(" ").to_lowercase());
        assert_eq!(find(&written).as_ref(), Some(&reference));
    }

    #[test]
    fn a_wrong_digit_is_noticed() {
        let reference = of(AttemptId::new());
        for at in 2..reference.len() {
            let mut wrong = reference.clone().into_bytes();
            wrong[at] = if wrong[at] == b'9' { b'0' } else { wrong[at] + 1 };
            assert_eq!(find(std::str::from_utf8(&wrong).unwrap()), None);
        }
        for text in ["", "RF", "RF18", "é RF", "hello"] {
            assert_eq!(find(text), None, "{text}");
        }
    }
}
