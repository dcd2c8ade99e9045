//! One line of text about a person, as it is read and judged: in an address, and wherever else people are named.

use serde::{Deserialize, Deserializer};
use souk_kit::text::{is_control, is_visible};

/// A text without the spaces that forms and clipboards leave around it.
pub fn tidy<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| text.trim().to_owned())
}

/// The same for a code.
pub(crate) fn capitals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    tidy(deserializer).map(|text| text.to_ascii_uppercase())
}

/// The same for what may be absent: forms send what was left empty as an empty text.
pub fn tidy_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

pub(crate) fn capitals_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(tidy_or_none(deserializer)?.map(|text| text.to_ascii_uppercase()))
}

/// Refuses text that would not show as it is.
pub fn plain(text: &str, (): &()) -> garde::Result {
    match is_visible(text) && !text.chars().any(is_control) {
        true => Ok(()),
        false => Err(garde::Error::new("must be visible text on one line")),
    }
}

/// Refuses what nobody could call.
pub fn telephone(text: &str, (): &()) -> garde::Result {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let known = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-. ()/".contains(&byte));
    match known && (4..=20).contains(&digits) {
        true => Ok(()),
        false => Err(garde::Error::new("must be a telephone number")),
    }
}
