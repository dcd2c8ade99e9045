//! Access tokens: JWTs in the form of RFC 9068.

use crate::keys;
use crate::store::Session;
use jwt_simple::algorithms::ECDSAP256KeyPairLike;
use jwt_simple::claims::Claims;
use jwt_simple::common::{HeaderOptions, VerificationOptions};
use jwt_simple::prelude::Duration as Seconds;
use serde::{Deserialize, Serialize};
use souk_kit::id::TokenId;
use souk_kit::permission::{Role, scopes_of};
use souk_kit::{Ctx, Problem, Result, Timestamp, settings};
use std::collections::HashSet;
use std::time::Duration;

/// How long an access token holds.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// By how much verifiers' clocks may differ.
pub const LEEWAY: Duration = Duration::from_secs(60);
/// What says that a JWT is an access token (RFC 9068, section 2.1).
const KIND: &str = "at+jwt";

/// Whom access tokens are for.
pub const AUDIENCE: &str = "souk";

#[derive(Serialize, Deserialize)]
struct Custom {
    client_id: String,
    scope: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
}

/// An access token of the suite's own client, and the scope that it carries: all that the roles give.
pub async fn access(ctx: &Ctx, session: &Session, roles: &[Role]) -> Result<(String, String)> {
    let scope = scopes_of(roles).join(" ");
    Ok((of_person(ctx, session, roles, &scope).await?, scope))
}

/// A token by which a client acts for a person.
pub async fn of_person(ctx: &Ctx, session: &Session, roles: &[Role], scope: &str) -> Result<String> {
    let custom = Custom {
        client_id: session.client_id.clone(),
        scope: scope.to_owned(),
        roles: roles.to_vec(),
        sid: Some(session.id.to_string()),
    };
    sign(ctx, &session.user_id.to_string(), custom).await
}

/// A token by which a client acts for itself.
pub async fn of_client(ctx: &Ctx, client_id: &str, scope: &str) -> Result<String> {
    let custom =
        Custom { client_id: client_id.to_owned(), scope: scope.to_owned(), roles: Vec::new(), sid: None };
    sign(ctx, client_id, custom).await
}

async fn sign(ctx: &Ctx, subject: &str, custom: Custom) -> Result<String> {
    let claims = Claims::with_custom_claims(custom, Seconds::from_secs(LIFETIME.as_secs()))
        .with_issuer(settings::variable("public_url").await?)
        .with_audience(AUDIENCE)
        .with_subject(subject)
        .with_jwt_id(TokenId::new());
    let options = HeaderOptions { signature_type: Some(KIND.into()), ..HeaderOptions::default() };
    let token = keys::current(ctx).await?.sign_with_options(claims, &options);
    token.map_err(|error| Problem::internal(format!("sign: {error}")))
}

/// What an access token says.
#[derive(Debug)]
pub struct Access {
    pub subject: String,
    pub client_id: String,
    pub scope: String,
    pub session: Option<String>,
    pub id: String,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Reads an access token of ours; nothing when it is none, or has expired.
pub async fn read(ctx: &Ctx, token: &str) -> Result<Option<Access>> {
    let options = VerificationOptions {
        required_signature_type: Some(KIND.into()),
        allowed_issuers: Some(HashSet::from([settings::variable("public_url").await?])),
        allowed_audiences: Some(HashSet::from([AUDIENCE.to_owned()])),
        time_tolerance: Some(Seconds::from_secs(0)),
        ..VerificationOptions::default()
    };
    let Some(claims) = keys::verify::<Custom>(ctx, token, options).await? else { return Ok(None) };
    let time = |seconds: Option<Seconds>| seconds.and_then(|at| i64::try_from(at.as_millis()).ok());
    let (times, names) =
        (time(claims.issued_at).zip(time(claims.expires_at)), claims.subject.zip(claims.jwt_id));
    let read = times.zip(names).map(|((issued_at, expires_at), (subject, id))| Access {
        subject,
        client_id: claims.custom.client_id,
        scope: claims.custom.scope,
        session: claims.custom.sid,
        id,
        issued_at: Timestamp::from_millis(issued_at),
        expires_at: Timestamp::from_millis(expires_at),
    });
    Ok(read)
}
