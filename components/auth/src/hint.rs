//! An id token that comes back as a hint of who is meant (`id_token_hint`): ours and unchanged, but it may have expired.

use crate::store;
use jwt_simple::algorithms::{ECDSAP256PublicKeyLike, ES256PublicKey};
use jwt_simple::common::VerificationOptions;
use jwt_simple::token::Token;
use serde::Deserialize;
use souk_kit::id::{SessionId, UserId};
use souk_kit::{Ctx, Result, settings};
use std::collections::HashSet;

/// Longer tokens than ours ever are.
const MAX_TOKEN: usize = 8192;
/// How long ago a hint may have been made; the key that signed it is forgotten long before that.
const TEN_YEARS: u64 = 10 * 366;

/// Who is meant.
#[derive(Debug)]
pub struct Hint {
    /// The person.
    pub user_id: UserId,
    /// The client that it was made for.
    pub client_id: String,
    /// Their session with that client.
    pub session: Option<SessionId>,
}

#[derive(Deserialize)]
struct Custom {
    #[serde(default)]
    sid: Option<String>,
}

/// Reads a hint; nothing when it is none of ours, or something else of ours.
pub async fn read(ctx: &Ctx, token: &str) -> Result<Option<Hint>> {
    let Ok(metadata) = Token::decode_metadata(token) else { return Ok(None) };
    let is_other = metadata.signature_type().is_some_and(|kind| !kind.eq_ignore_ascii_case("jwt"));
    if is_other || metadata.algorithm() != "ES256" {
        return Ok(None);
    }
    let keys = store::keys(&ctx.conn().await?).await?;
    let Some(key) = keys.iter().find(|key| Some(key.kid.as_str()) == metadata.key_id()) else {
        return Ok(None);
    };
    let Ok(key) = ES256PublicKey::from_jwk(&key.jwk) else { return Ok(None) };
    let options = VerificationOptions {
        allowed_issuers: Some(HashSet::from([settings::variable("public_url").await?])),
        time_tolerance: Some(jwt_simple::prelude::Duration::from_days(TEN_YEARS)),
        max_token_length: Some(MAX_TOKEN),
        ..VerificationOptions::default()
    };
    let Ok(claims) = key.verify_token::<Custom>(token, Some(options)) else { return Ok(None) };
    let user_id = claims.subject.as_deref().and_then(|subject| subject.parse().ok());
    let client_id = claims.audiences.and_then(|audiences| audiences.into_string().ok());
    let session = claims.custom.sid.and_then(|sid| sid.parse().ok());
    Ok(user_id.zip(client_id).map(|(user_id, client_id)| Hint { user_id, client_id, session }))
}
