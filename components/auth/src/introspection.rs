//! Whether a token is good, for services that cannot tell themselves (RFC 7662).

use crate::client_auth::Credentials;
use crate::clients::{self, Client, Kind};
use crate::family;
use crate::oauth_error::{OAuthError, OAuthErrorDocument};
use crate::refresh::Usage;
use crate::store::{self, revoked};
use crate::token::{self, Access};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use souk_kit::permission::scope;
use souk_kit::{BadForm, Caller, Ctx, Form, Result, Secret, Timestamp, settings};
use utoipa::ToSchema;

/// A token.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TokenForm {
    /// An access token or a refresh token.
    pub token: Option<Secret>,
    /// `access_token` or `refresh_token`; what it is shows without it.
    #[serde(rename = "token_type_hint")]
    #[expect(dead_code, reason = "it may be sent, and a token shows what it is")]
    hint: Option<String>,
    /// The client, unless `Authorization: Basic` names it.
    pub client_id: Option<String>,
    /// Its secret, unless that is in `Authorization: Basic`.
    pub client_secret: Option<Secret>,
}

impl TokenForm {
    /// The token, and the proven client that brings it.
    pub async fn open(self, ctx: &Ctx, headers: &HeaderMap) -> Result<(Secret, Client), OAuthError> {
        let client = Credentials::read(headers, self.client_id, self.client_secret)?.verify(ctx).await?;
        let token = self.token.ok_or_else(|| OAuthError::invalid_request("token is required"))?;
        Ok((token, client))
    }
}

/// What a token is good for; of one that is not good nothing is said.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Introspection {
    /// Whether it is good now.
    active: bool,
    /// What it allows, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The client that it was given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// `Bearer` for an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// When it expires, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// Whom it speaks for: a person, or the client itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// Whom it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'static str>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

impl IntoResponse for Introspection {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// Ask whether a token is good.
///
/// A confidential client may ask of its own tokens, and, if it was given the scope `tokens:introspect`, of everybody's.
/// Unlike the gateway, which believes an access token until it expires, this looks whether its session still lives.
#[utoipa::path(post, path = "/oauth2/introspect", tag = "auth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Introspection),
        (status = 400, body = OAuthErrorDocument, description = "`invalid_request`"),
        (status = 401, body = OAuthErrorDocument, description = "`invalid_client`")))]
pub async fn introspect(
    ctx: Ctx,
    _: Caller,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, BadForm>,
) -> Result<Introspection, OAuthError> {
    let Form(form) = form?;
    let (token, client) = form.open(&ctx, &headers).await?;
    if client.kind == Kind::Public {
        return Err(OAuthError::invalid_client("only a confidential client may ask"));
    }
    let found = match token::read(&ctx, token.expose()).await? {
        Some(access) => of_access_token(&ctx, access).await?,
        None => of_refresh_token(&ctx, &token).await?,
    };
    let sees_all = client.scopes.iter().any(|name| name == scope::TOKENS_INTROSPECT);
    let is_shown = |it: &Introspection| sees_all || it.client_id.as_deref() == Some(client.id.as_str());
    Ok(found.filter(is_shown).unwrap_or_default())
}

/// An access token, unless its session has ended, it was taken back, or its client is no more.
async fn of_access_token(ctx: &Ctx, access: Access) -> Result<Option<Introspection>> {
    let conn = ctx.conn().await?;
    let lives = match access.session.as_deref().map(str::parse) {
        Some(Ok(session)) => store::find(&conn, session).await?.is_some(),
        Some(Err(_)) => false,
        None => true,
    };
    let is_good = lives
        && !revoked::has(&conn, &access.id).await?
        && clients::find(&conn, &access.client_id).await?.is_some();
    if !is_good {
        return Ok(None);
    }
    Ok(Some(Introspection {
        active: true,
        scope: Some(access.scope),
        client_id: Some(access.client_id),
        token_type: Some("Bearer"),
        exp: Some(access.expires_at.as_seconds()),
        iat: Some(access.issued_at.as_seconds()),
        sub: Some(access.subject),
        aud: Some(token::AUDIENCE),
        iss: Some(settings::variable("public_url").await?),
        jti: Some(access.id),
    }))
}

/// A refresh token, if it is the newest of its session. Asking is no use of it.
async fn of_refresh_token(ctx: &Ctx, token: &Secret) -> Result<Option<Introspection>> {
    let Some((session, claim)) = family::of_token(ctx, token).await? else { return Ok(None) };
    if claim.usage(&session, Timestamp::now()) != Usage::First
        || clients::find(&ctx.conn().await?, &session.client_id).await?.is_none()
    {
        return Ok(None);
    }
    Ok(Some(Introspection {
        active: true,
        exp: Some(session.ends_at().as_seconds()),
        iat: Some(session.last_used_at.as_seconds()),
        sub: Some(session.user_id.to_string()),
        iss: Some(settings::variable("public_url").await?),
        scope: session.scope,
        client_id: Some(session.client_id),
        ..Introspection::default()
    }))
}
