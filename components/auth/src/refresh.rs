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
use souk_kit::{Problem, Result, Secret, Timestamp};
use std::time::Duration;

const PREFIX: &str = "srt_";
/// How long the token before the current one is still answered, with the current one: two tabs of a browser may send the
/// same token at the same moment, and an answer may get lost on the way.
const GRACE: Duration = Duration::from_secs(10);

/// What it means that a genuine token comes in.
#[derive(Debug, PartialEq, Eq)]
pub enum Usage {
    /// It is the current one.
    First,
    /// It was the current one a moment ago.
    Again,
    /// It was used before: by the owner or by a thief, and nobody knows who of them this is.
    Reuse,
}

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

    /// What it means that the token, which is genuine, comes in now.
    pub fn usage(&self, session: &Session, now: Timestamp) -> Usage {
        if self.generation == session.generation {
            return Usage::First;
        }
        let is_last = self.generation == session.generation - 1;
        // Both ways, so that a clock that steps back does not make the grace any longer.
        let since = now.as_millis().abs_diff(session.last_used_at.as_millis());
        if is_last && u128::from(since) <= GRACE.as_millis() { Usage::Again } else { Usage::Reuse }
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
    use crate::family::Begun;
    use souk_kit::id::UserId;

    fn session() -> Session {
        let now = Timestamp::now();
        let begun = Begun {
            user_id: UserId::new(),
            password_version: 1,
            auth_time: now,
            methods: vec!["pwd".into()],
            browser_id: None,
            address: None,
            user_agent: None,
        };
        let session = Session::begin(begun, "souk-web", None).unwrap();
        Session { salt: vec![7; 16], generation: 3, last_used_at: now, ..session }
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
    fn the_token_before_the_current_one_is_good_for_seconds() {
        let session = session();
        let usage = |generation: i64, millis: i64| {
            let claim = Claim { session: session.id, generation, code: Vec::new() };
            claim.usage(&session, Timestamp::from_millis(session.last_used_at.as_millis() + millis))
        };
        assert_eq!([usage(3, 0), usage(3, 1_000_000)], [Usage::First, Usage::First]);
        assert_eq!(
            [usage(2, 0), usage(2, 10_000), usage(2, -10_000)],
            [Usage::Again, Usage::Again, Usage::Again]
        );
        assert_eq!([usage(2, 10_001), usage(2, -10_001)], [Usage::Reuse, Usage::Reuse]);
        assert_eq!([usage(1, 0), usage(4, 0)], [Usage::Reuse, Usage::Reuse]);
    }

    #[test]
    fn noise_is_no_token() {
        for text in ["", "srt_", "srt_x.1.y", "Bearer srt_", "srt_..", "srt_ses_00000000000000000000000000.1"]
        {
            assert!(Claim::read(&Secret::new(text)).is_none(), "{text}");
        }
    }
}
