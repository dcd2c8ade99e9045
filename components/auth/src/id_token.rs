//! Id tokens: who signed in, when and how, for the client alone (OpenID Connect Core, section 2).

use crate::keys;
use crate::store::Session;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::ECDSAP256KeyPairLike;
use jwt_simple::claims::Claims;
use jwt_simple::prelude::Duration as Seconds;
use serde::Serialize;
use sha2::{Digest, Sha256};
use souk_kit::{Ctx, Problem, Result, settings};
use std::time::Duration;

/// How long an id token holds.
const LIFETIME: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Custom<'a> {
    auth_time: i64,
    amr: &'a [String],
    sid: String,
    at_hash: String,
}

/// The id token of a session, to go with an access token.
pub async fn make(ctx: &Ctx, session: &Session, nonce: Option<&str>, access_token: &str) -> Result<String> {
    let custom = Custom {
        auth_time: session.auth_time.unwrap_or(session.created_at).as_seconds(),
        amr: &session.methods,
        sid: session.id.to_string(),
        at_hash: half_hash(access_token),
    };
    let mut claims = Claims::with_custom_claims(custom, Seconds::from_secs(LIFETIME.as_secs()))
        .with_issuer(settings::variable("public_url").await?)
        .with_audience(&session.client_id)
        .with_subject(session.user_id);
    claims.nonce = nonce.map(str::to_owned);
    let token = keys::current(ctx).await?.sign(claims);
    token.map_err(|error| Problem::internal(format!("sign: {error}")))
}

/// The left half of a hash, which binds one token to another (OpenID Connect Core, section 3.1.3.6).
fn half_hash(token: &str) -> String {
    let hash = Sha256::digest(token);
    URL_SAFE_NO_PAD.encode(hash.split_at(hash.len() / 2).0)
}

#[cfg(test)]
mod tests {
    /// The example of OpenID Connect Core, appendix A.3.
    #[test]
    fn an_access_token_is_bound_by_half_of_its_hash() {
        assert_eq!(super::half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
