//! Refresh tokens: `srt_<session>.<generation>.<authentication code>`.
//!
//! The code is HMAC-SHA256 over session, generation and the session's salt, so a token needs no row of its own, and one of
//! an earlier generation is known to be genuine, and reused, for as long as its session lasts (RFC 9700, section 4.14.2).

use crate::store::Session;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use souk_kit::id::SessionId;
use souk_kit::{Problem, Result, Secret};

const PREFIX: &str = "srt_";

/// What a refresh token says of itself; to be believed once [`Claim::is_genuine`].
pub struct Claim {
    /// The sign-in.
    pub session: SessionId,
    /// How often the token had been rotated.
    pub generation: i64,
    code: Vec<u8>,
}

impl Claim {
    /// Reads a token; nothing when it has not the form of one.
    pub fn read(token: &Secret) -> Option<Self> {
        let mut parts = token.expose().strip_prefix(PREFIX)?.split('.');
        let session = parts.next()?.parse().ok()?;
        let generation = parts.next()?.parse().ok()?;
        let code = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
        parts.next().is_none().then_some(Self { session, generation, code })
    }

    /// Whether we made the token. Compared in constant time.
    pub fn is_genuine(&self, session: &Session, key: &Secret) -> Result<bool> {
        Ok(mac(session, self.generation, key)?.verify_slice(&self.code).is_ok())
    }
}

/// The session's token of a generation.
pub fn issue(session: &Session, generation: i64, key: &Secret) -> Result<String> {
    let code = mac(session, generation, key)?.finalize().into_bytes();
    Ok(format!("{PREFIX}{}.{generation}.{}", session.id, URL_SAFE_NO_PAD.encode(code)))
}

fn mac(session: &Session, generation: i64, key: &Secret) -> Result<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
    mac.update(b"souk refresh token");
    mac.update(&session.salt);
    mac.update(session.id.to_string().as_bytes());
    mac.update(&generation.to_be_bytes());
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use souk_kit::Timestamp;
    use souk_kit::id::UserId;

    fn session() -> Session {
        let now = Timestamp::now();
        let (address, user_agent) = (None, None);
        Session {
            id: SessionId::new(),
            user_id: UserId::new(),
            salt: vec![7; 16],
            generation: 3,
            address,
            user_agent,
            created_at: now,
            last_used_at: now,
            expires_at: now,
        }
    }

    #[test]
    fn a_token_is_genuine_for_its_session_and_generation_alone() {
        let (session, key) = (session(), Secret::new("k".repeat(64)));
        let token = issue(&session, 3, &key).unwrap();
        let claim = Claim::read(&Secret::new(token.clone())).unwrap();
        assert_eq!((claim.session, claim.generation), (session.id, 3));
        assert!(claim.is_genuine(&session, &key).unwrap());
        let later = Claim::read(&Secret::new(token.replace(".3.", ".4."))).unwrap();
        assert!(!later.is_genuine(&session, &key).unwrap());
        let elsewhere = Session { salt: vec![8; 16], ..session };
        assert!(!claim.is_genuine(&elsewhere, &key).unwrap());
    }

    #[test]
    fn noise_is_no_token() {
        for text in ["", "srt_", "srt_x.1.y", "Bearer srt_", "srt_..", "srt_ses_00000000000000000000000000.1"]
        {
            assert!(Claim::read(&Secret::new(text)).is_none(), "{text}");
        }
    }
}
