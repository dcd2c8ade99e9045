//! Bearer tokens: who the caller is, by a JWT that auth has signed (RFC 6750, RFC 9068).
//!
//! A verification costs half a millisecond in Wasm, so an instance remembers what it has verified until it expires.

use crate::SERVICE;
use crate::keys;
use crate::problem::GatewayError;
use http::{HeaderMap, header};
use jwt_simple::algorithms::ECDSAP256PublicKeyLike;
use jwt_simple::common::VerificationOptions;
use jwt_simple::token::Token;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use souk_kit::permission::Role;
use souk_kit::{Caller, Ctx, Problem, Result, Subject, Timestamp, settings};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

/// Whom access tokens must be for.
const AUDIENCE: &str = "souk";
/// By how much auth's clock may differ.
const LEEWAY_SECONDS: u64 = 5;
/// Longer tokens than ours ever are.
const MAX_TOKEN: usize = 8192;
/// How many verified tokens an instance remembers.
const MAX_REMEMBERED: usize = 4096;

#[derive(Deserialize)]
struct Custom {
    #[serde(default)]
    scope: String,
    #[serde(default)]
    roles: Vec<Role>,
    #[serde(default)]
    sid: Option<String>,
}

struct Verified {
    caller: Caller,
    expires_at: Timestamp,
}

static VERIFIED: Mutex<Option<HashMap<[u8; 32], Verified>>> = Mutex::new(None);

/// The bearer token of a request, if there is one.
pub fn of_request(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::bad_parameter("Authorization", "must not be sent twice"));
    }
    let token = value.to_str().ok().and_then(|text| text.split_once(' '));
    match token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim()) {
        Some(token) if !token.is_empty() && token.len() <= MAX_TOKEN => Ok(Some(token)),
        _ => Err(GatewayError::InvalidToken("must be sent as a Bearer token").into()),
    }
}

/// The caller whom a token speaks for.
pub async fn caller(ctx: &Ctx, token: &str) -> Result<Caller> {
    let digest: [u8; 32] = Sha256::digest(token).into();
    if let Some(caller) = remembered(&digest) {
        return Ok(caller);
    }
    let verified = verify(ctx, token).await?;
    let caller = verified.caller.clone();
    if let Ok(mut known) = VERIFIED.lock() {
        let known = known.get_or_insert_default();
        if known.len() >= MAX_REMEMBERED {
            known.clear();
        }
        known.insert(digest, verified);
    }
    Ok(caller)
}

fn remembered(digest: &[u8; 32]) -> Option<Caller> {
    let known = VERIFIED.lock().ok()?;
    let verified = known.as_ref()?.get(digest).filter(|verified| !verified.expires_at.has_passed())?;
    Some(verified.caller.clone())
}

async fn verify(ctx: &Ctx, token: &str) -> Result<Verified> {
    let invalid = |why| Problem::from(GatewayError::InvalidToken(why));
    let metadata = Token::decode_metadata(token).map_err(|_| invalid("is malformed"))?;
    if metadata.algorithm() != "ES256" {
        return Err(invalid("is not signed with ES256"));
    }
    let kid = metadata.key_id().ok_or_else(|| invalid("names no key"))?;
    let key = keys::find(ctx, kid).await?.ok_or_else(|| invalid("names an unknown key"))?;
    let options = VerificationOptions {
        required_signature_type: Some("at+jwt".into()),
        allowed_issuers: Some(HashSet::from([settings::variable("public_url").await?])),
        allowed_audiences: Some(HashSet::from([AUDIENCE.to_owned()])),
        time_tolerance: Some(jwt_simple::prelude::Duration::from_secs(LEEWAY_SECONDS)),
        max_token_length: Some(MAX_TOKEN),
        ..VerificationOptions::default()
    };
    let claims =
        key.verify_token::<Custom>(token, Some(options)).map_err(|_| invalid("is invalid or has expired"))?;
    let expires_at = claims.expires_at.ok_or_else(|| invalid("never expires"))?;
    let subject: Option<Subject> = claims.subject.as_deref().and_then(|text| text.parse().ok());
    let subject = subject.filter(|subject| matches!(subject, Subject::User(_) | Subject::Client(_)));
    let caller = Caller {
        subject: subject.ok_or_else(|| invalid("is for nobody"))?,
        roles: claims.custom.roles,
        scopes: claims.custom.scope.split(' ').map(str::to_owned).collect(),
        session: claims.custom.sid,
        ..Caller::anonymous(&SERVICE)
    };
    let expires_at = i64::try_from(expires_at.as_millis()).unwrap_or_default();
    Ok(Verified { caller, expires_at: Timestamp::from_millis(expires_at) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn request(values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_token_is_taken_from_one_bearer_header() {
        assert_eq!(of_request(&request(&[])).unwrap(), None);
        assert_eq!(of_request(&request(&["bearer abc"])).unwrap(), Some("abc"));
        for bad in [&["Basic abc"][..], &["Bearer"], &["Bearer "], &["abc"], &["Bearer a", "Bearer b"]] {
            assert!(of_request(&request(bad)).is_err(), "{bad:?}");
        }
    }
}
