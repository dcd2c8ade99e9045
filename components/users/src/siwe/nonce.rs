//! Nonces that need no room: ours are known by a code in them, and only those that were used are stored.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use souk_kit::{Problem, Result, Secret, Timestamp, secret};
use std::time::Duration;

/// How long a person may take to sign.
const LIFETIME: Duration = Duration::from_secs(600);
/// What is in it: the time, chance, and the code.
const TIME: usize = 6;
const CHANCE: usize = 10;
const CODE: usize = 16;
const LENGTH: usize = TIME + CHANCE + CODE;

/// A nonce of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; LENGTH]);

fn code(known: &[u8], key: &Secret) -> Result<[u8; CODE]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
    mac.update(b"souk wallet nonce");
    mac.update(known);
    let mut code = [0; CODE];
    code.copy_from_slice(&mac.finalize().into_bytes()[..CODE]);
    Ok(code)
}

impl Nonce {
    /// A new one.
    pub fn issue(now: Timestamp, key: &Secret) -> Result<Self> {
        let mut bytes = [0; LENGTH];
        bytes[..TIME].copy_from_slice(&now.as_millis().to_be_bytes()[2..]);
        getrandom::fill(&mut bytes[TIME..TIME + CHANCE])
            .map_err(|error| Problem::internal(format!("randomness: {error}")))?;
        let code = code(&bytes[..TIME + CHANCE], key)?;
        bytes[TIME + CHANCE..].copy_from_slice(&code);
        Ok(Self(bytes))
    }

    /// Reads one that is ours and has not expired.
    pub fn read(text: &str, now: Timestamp, key: &Secret) -> Result<Option<Self>> {
        let mut nonce = Self([0; LENGTH]);
        // In one form only, or the same one could be spent in another.
        if hex::decode_to_slice(text, &mut nonce.0).is_err() || nonce.to_string() != text {
            return Ok(None);
        }
        let (known, theirs) = nonce.0.split_at(TIME + CHANCE);
        let is_ours = secret::same(&code(known, key)?, theirs);
        Ok(Some(nonce).filter(|nonce| is_ours && nonce.expires_at() > now))
    }

    /// Until when it can be used.
    pub fn expires_at(&self) -> Timestamp {
        let mut millis = [0; 8];
        millis[2..].copy_from_slice(&self.0[..TIME]);
        Timestamp::from_millis(i64::from_be_bytes(millis)).after(LIFETIME)
    }
}

impl std::fmt::Display for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ours_are_taken_and_only_in_time() {
        let (now, key) = (Timestamp::from_millis(1_795_253_400_123), Secret::new("k".repeat(32)));
        let nonce = Nonce::issue(now, &key).unwrap();
        let text = nonce.to_string();
        let read = |text: &str, at, key: &Secret| Nonce::read(text, at, key).unwrap();
        assert_eq!(read(&text, now, &key), Some(nonce));
        assert_eq!(read(&text, now.after(LIFETIME - Duration::from_millis(1)), &key), Some(nonce));
        assert_eq!(read(&text, now.after(LIFETIME), &key), None);
        assert_eq!(read(&text, now, &Secret::new("l".repeat(32))), None);
        assert_eq!(read(&text.to_uppercase(), now, &key), None);
        for at in [0, 5, 11, 31, 32, 63] {
            let mut forged = text.clone().into_bytes();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(read(std::str::from_utf8(&forged).unwrap(), now, &key), None, "{at}");
        }
        for noise in ["", "12345678", &text[1..], &format!("{text}00")] {
            assert_eq!(read(noise, now, &key), None, "{noise}");
        }
    }
}
