//! Secrets: values that neither print nor tell by timing how much of a guess was right.

use sha2::{Digest, Sha256};

/// A secret text. `Debug` shows nothing of it; it has no `Display` and no `Serialize`.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: for the one place that needs it, never for a message.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `guess` is the secret. Both are hashed first, so that the time taken depends on neither.
    pub fn matches(&self, guess: &str) -> bool {
        let (ours, theirs) = (Sha256::digest(&self.0), Sha256::digest(guess));
        same(&ours, &theirs)
    }
}

/// Whether two hashes are the same. The time taken depends on nothing but their length.
pub fn same(ours: &[u8], theirs: &[u8]) -> bool {
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl utoipa::PartialSchema for Secret {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .into()
    }
}

impl utoipa::ToSchema for Secret {
    fn name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }
}

impl garde::rules::length::chars::HasChars for Secret {
    fn num_chars(&self) -> usize {
        self.0.chars().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(…)");
    }

    #[test]
    fn only_the_secret_matches() {
        let secret = Secret::new("hunter2");
        assert!(secret.matches("hunter2"));
        assert!(!secret.matches("hunter") && !secret.matches("hunter22") && !secret.matches(""));
    }
}
