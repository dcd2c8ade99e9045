//! Account numbers in IBAN form (ISO 13616): a country, two check digits (ISO 7064, mod 97-10), and up to 30 characters.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Lengths that countries have registered; where a country is not listed, any length that the standard allows will do.
const LENGTHS: &[(&str, usize)] = &[
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NL", 18),
    ("NO", 15),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SC", 31),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
];
const SHORTEST: usize = 15;
const LONGEST: usize = 34;

/// An account number with the right check digits, written without spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iban(String);

/// Why a text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAnIban {
    /// It does not look like one.
    Form,
    /// Its country has numbers of another length.
    Length,
    /// Its check digits are wrong.
    Digits,
}

impl fmt::Display for NotAnIban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "is not an account number in IBAN form",
            Self::Length => "is an account number of the wrong length for its country",
            Self::Digits => "has wrong check digits",
        })
    }
}

impl Iban {
    /// The number of account `number` at a bank: its check digits are computed.
    pub fn make(country: &str, bank: &str, number: u64) -> Result<Self, NotAnIban> {
        let own = format!("{bank}{number:012}");
        let rest = remainder(&format!("{own}{country}00")).ok_or(NotAnIban::Form)?;
        format!("{country}{:02}{own}", 98 - rest).parse()
    }

    /// Whether it is of this bank.
    pub fn is_of(&self, country: &str, bank: &str) -> bool {
        self.0.starts_with(country) && self.0.get(4..).is_some_and(|own| own.starts_with(bank))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The number modulo 97, letters counted as 10 to 35.
fn remainder(text: &str) -> Option<u32> {
    text.chars().try_fold(0, |rest, c| {
        let value = c.to_digit(36)?;
        Some((rest * if value < 10 { 10 } else { 100 } + value) % 97)
    })
}

impl FromStr for Iban {
    type Err = NotAnIban;

    fn from_str(text: &str) -> Result<Self, NotAnIban> {
        if text.len() > 2 * LONGEST {
            return Err(NotAnIban::Form);
        }
        let text: String = text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_uppercase()).collect();
        let bytes = text.as_bytes();
        let form = (SHORTEST..=LONGEST).contains(&bytes.len())
            && bytes.iter().all(u8::is_ascii_alphanumeric)
            && bytes[..2].iter().all(u8::is_ascii_alphabetic)
            && bytes[2..4].iter().all(u8::is_ascii_digit);
        if !form {
            return Err(NotAnIban::Form);
        }
        if LENGTHS.iter().any(|(country, length)| text.starts_with(country) && text.len() != *length) {
            return Err(NotAnIban::Length);
        }
        let (head, own) = text.split_at(4);
        // Some other digits give the same remainder; only 02 to 98 are made.
        let made = (2..=98).contains(&head[2..].parse::<u32>().unwrap_or_default());
        match remainder(&format!("{own}{head}")) {
            Some(1) if made => Ok(Self(text)),
            _ => Err(NotAnIban::Digits),
        }
    }
}

impl fmt::Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Iban {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Iban {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Iban {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("An account number in IBAN form (ISO 13616); spaces are ignored"))
            .examples(["XS11SOUK000000000042"])
            .into()
    }
}

impl utoipa::ToSchema for Iban {
    fn name() -> std::borrow::Cow<'static, str> {
        "Iban".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_of_real_banks_are_accepted() {
        for text in ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "fr1420041010050500013m02606"] {
            assert!(text.parse::<Iban>().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for (text, why) in [
            ("", NotAnIban::Form),
            ("DE89", NotAnIban::Form),
            ("DE8937040044053201300É", NotAnIban::Form),
            ("8989370400440532013000", NotAnIban::Form),
            ("DE8937040044053201300", NotAnIban::Length),
            ("DE88370400440532013000", NotAnIban::Digits),
            ("DE89370400440532013001", NotAnIban::Digits),
        ] {
            assert_eq!(text.parse::<Iban>(), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn our_numbers_are_valid_and_any_wrong_digit_shows(number in 0_u64..1_000_000_000_000, at in 2_usize..20, by in 1_u32..10) {
            let iban = Iban::make("XS", "SOUK", number).unwrap();
            prop_assert!(iban.is_of("XS", "SOUK") && !iban.is_of("XS", "BANK"));
            prop_assert_eq!(iban.as_str().parse::<Iban>(), Ok(iban.clone()));
            let mut wrong: Vec<char> = iban.as_str().chars().collect();
            if let Some(digit) = wrong[at].to_digit(10) {
                wrong[at] = char::from_digit((digit + by) % 10, 10).unwrap();
                prop_assert!(wrong.iter().collect::<String>().parse::<Iban>().is_err());
            }
        }

        #[test]
        fn two_digits_changed_round_show(number in 0_u64..1_000_000_000_000, at in 8_usize..19) {
            let iban = Iban::make("XS", "SOUK", number).unwrap();
            let mut wrong: Vec<char> = iban.as_str().chars().collect();
            if wrong[at] != wrong[at + 1] {
                wrong.swap(at, at + 1);
                prop_assert!(wrong.iter().collect::<String>().parse::<Iban>().is_err());
            }
        }
    }
}
