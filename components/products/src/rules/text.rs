//! What a text may be, and how it is sorted.

use crate::model::Texts;
use souk_kit::text::{is_control, is_visible};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

const MAX_SLUG: usize = 100;
/// Slugs that would hide behind a route of the same name.
const RESERVED: &[&str] = &["export", "images", "import", "search", "variants"];

/// Whether `slug` can name something in an address.
pub fn slug_is_fit(slug: &str) -> Result<(), String> {
    let fits = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if slug.len() > MAX_SLUG || !slug.split('-').all(fits) {
        return Err(format!(
            "must have 1 to {MAX_SLUG} lower-case letters and digits, in groups with a hyphen between"
        ));
    }
    if RESERVED.contains(&slug) {
        return Err("is reserved".into());
    }
    Ok(())
}

/// Whether it is one line of 1 to `max` characters.
pub fn line(text: &str, max: usize) -> Result<(), String> {
    if !is_visible(text) || text.trim() != text || text.chars().count() > max {
        return Err(format!("must have 1 to {max} characters, without white space at either end"));
    }
    match text.chars().any(is_control) {
        true => Err("must not contain control characters".into()),
        false => Ok(()),
    }
}

/// Whether it is a text of at most `max` characters.
pub fn multiline(text: &str, max: usize) -> Result<(), String> {
    if text.chars().count() > max {
        return Err(format!("must have at most {max} characters"));
    }
    match text.chars().any(|c| is_control(c) && !matches!(c, '\n' | '\r' | '\t')) {
        true => Err("must not contain control characters other than line breaks and tabs".into()),
        false => Ok(()),
    }
}

/// Whether it looks like a language tag: 2 or 3 letters, then groups of 2 to 8 letters and digits (RFC 5646).
pub fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let primary = parts.next().unwrap_or_default();
    tag.len() <= 35
        && matches!(primary.len(), 2 | 3)
        && primary.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// The title in `language`, or in the nearest other one, as it is sorted: lower case, without accents.
pub fn sort_key(title: &Texts, language: &str) -> String {
    let spoken = title.iter().find(|(tag, _)| tag.split('-').next() == Some(language));
    let text = title.get(language).or(spoken.map(|(_, text)| text)).or(title.get("en"));
    let text = text.or(title.values().next()).map(String::as_str).unwrap_or_default();
    /// Enough to put titles in order; a cursor has it, too.
    const MAX: usize = 60;
    text.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).take(MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_sort_without_accents_in_the_language_that_is_there() {
        let title = Texts::from([("en".into(), "Lamp".into()), ("fr-CA".into(), "Élan".into())]);
        assert_eq!((sort_key(&title, "fr").as_str(), sort_key(&title, "en").as_str()), ("elan", "lamp"));
        let german = Texts::from([("de".into(), "Öl".into())]);
        assert_eq!(sort_key(&german, "fr"), "ol");
    }
}
