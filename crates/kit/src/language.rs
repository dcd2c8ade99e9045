//! The languages that people are written to in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A language that messages and documents are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Language {
    /// Every language.
    const ALL: [Self; 2] = [Self::En, Self::Fr];

    /// Its ISO 639-1 code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }

    /// What a client would rather read (`Accept-Language`, RFC 9110, section 12.5.4); nothing when it names none of ours.
    pub fn preferred(accept: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for wish in accept.split(',') {
            let (range, weight) = wish.split_once(';').unwrap_or((wish, "q=1"));
            let primary = range.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let weight = weight.trim().strip_prefix("q=").and_then(|q| q.trim().parse().ok()).unwrap_or(0.0);
            let known = primary.parse().ok().filter(|_| weight > 0.0);
            if let Some(language) = known
                && best.is_none_or(|(heaviest, _)| weight > heaviest)
            {
                best = Some((weight, language));
            }
        }
        best.map(|(_, language)| language)
    }
}

/// The text is no code of a language that we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLanguage;

impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        Self::ALL.into_iter().find(|language| language.code() == text).ok_or(UnknownLanguage)
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, En, Fr};

    #[test]
    fn the_heaviest_wish_that_we_speak_wins() {
        for (accept, expected) in [
            ("fr-CH, fr;q=0.9, en;q=0.8, *;q=0.5", Some(Fr)),
            ("de, en;q=0.3, fr;q=0.7", Some(Fr)),
            ("en-GB,fr;q=0.9", Some(En)),
            ("fr;q=0, en;q=0.1", Some(En)),
            ("de, *", None),
            ("", None),
            (";;,q=1;q=x", None),
        ] {
            assert_eq!(Language::preferred(accept), expected, "{accept}");
        }
    }
}
