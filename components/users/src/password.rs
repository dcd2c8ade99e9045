//! Passwords: argon2id (RFC 9106), with the parameters that OWASP gives for 19 MiB.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use souk_kit::db::between_transactions;
use souk_kit::{Problem, Result, Secret};
use unicode_normalization::UnicodeNormalization;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The hash of a password that nobody has: verified when there is no account, so that the answer takes as long.
const DUMMY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c291ay1kdW1teS1zYWx0$Z1bKhwrDqOgVWb0SVZtXHEoPhfCvMLXr7FqPdPzGWh8";

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| fault(&error))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn fault(error: &dyn std::fmt::Display) -> Problem {
    Problem::internal(format!("argon2: {error}"))
}

/// The same text typed on two keyboards is the same password (NIST SP 800-63B, 5.1.1.2).
fn normalised(password: &Secret) -> String {
    password.expose().nfkc().collect()
}

/// The PHC string of a password. Takes some 50 ms: never inside a transaction.
pub async fn hash(password: &Secret) -> Result<String> {
    between_transactions().await;
    hash_at_once(password)
}

/// Whether this is the password; without a hash it takes as long to say no.
pub async fn verify(password: &Secret, hash: Option<&str>) -> Result<bool> {
    between_transactions().await;
    verify_at_once(password, hash)
}

fn hash_at_once(password: &Secret) -> Result<String> {
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(|error| fault(&error))?;
    let hash = argon2()?
        .hash_password_with_salt(normalised(password).as_bytes(), &salt)
        .map_err(|error| fault(&error))?;
    Ok(hash.to_string())
}

/// Whether the hash is not what [`hash()`] would make today.
pub fn is_outdated(hash: &str) -> bool {
    !hash.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
}

fn verify_at_once(password: &Secret, hash: Option<&str>) -> Result<bool> {
    let parsed = PasswordHash::new(hash.unwrap_or(DUMMY)).map_err(|error| fault(&error))?;
    let right = argon2()?.verify_password(normalised(password).as_bytes(), &parsed).is_ok();
    Ok(right && hash.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_fits_its_hash() {
        let hash = hash_at_once(&Secret::new("correct horse battery")).unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(!is_outdated(&hash) && !is_outdated(DUMMY));
        assert!(is_outdated(&hash.replace("t=2", "t=1")) && is_outdated(&hash.replace("v=19", "v=16")));
        assert!(verify_at_once(&Secret::new("correct horse battery"), Some(&hash)).unwrap());
        assert!(!verify_at_once(&Secret::new("correct horse"), Some(&hash)).unwrap());
    }

    #[test]
    fn nobody_has_no_password() {
        assert!(!verify_at_once(&Secret::new("correct horse battery"), None).unwrap());
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same_password() {
        let hash = hash_at_once(&Secret::new("caf\u{e9} au lait")).unwrap();
        assert!(verify_at_once(&Secret::new("cafe\u{301} au lait"), Some(&hash)).unwrap());
    }
}
