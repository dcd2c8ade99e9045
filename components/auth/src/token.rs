//! Access tokens: JWTs in the form of RFC 9068.

use crate::keys;
use crate::store::Session;
use jwt_simple::algorithms::ECDSAP256KeyPairLike;
use jwt_simple::claims::Claims;
use jwt_simple::common::HeaderOptions;
use serde::Serialize;
use souk_kit::id::TokenId;
use souk_kit::permission::{Role, scopes_of};
use souk_kit::{Ctx, Problem, Result, settings};
use std::time::Duration;

/// How long an access token holds.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// By how much verifiers' clocks may differ.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// Whom access tokens are for.
const AUDIENCE: &str = "souk";
/// The client that signs people in with their password: the suite's own.
const CLIENT: &str = "souk-web";

#[derive(Serialize)]
struct Custom<'a> {
    client_id: &'static str,
    scope: &'a str,
    roles: &'a [Role],
    sid: String,
}

/// An access token, and the scope that it carries.
pub async fn access(ctx: &Ctx, session: &Session, roles: &[Role]) -> Result<(String, String)> {
    let scope = scopes_of(roles).join(" ");
    let custom = Custom { client_id: CLIENT, scope: &scope, roles, sid: session.id.to_string() };
    let claims =
        Claims::with_custom_claims(custom, jwt_simple::prelude::Duration::from_secs(LIFETIME.as_secs()))
            .with_issuer(settings::variable("public_url").await?)
            .with_audience(AUDIENCE)
            .with_subject(session.user_id)
            .with_jwt_id(TokenId::new());
    let options = HeaderOptions { signature_type: Some("at+jwt".into()), ..HeaderOptions::default() };
    let token = keys::current(ctx).await?.sign_with_options(claims, &options);
    let token = token.map_err(|error| Problem::internal(format!("sign: {error}")))?;
    Ok((token, scope))
}
