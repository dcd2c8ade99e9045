//! Taking a token back (RFC 7009).

use crate::clients::Client;
use crate::family;
use crate::introspection::TokenForm;
use crate::oauth_error::{OAuthError, OAuthErrorDocument};
use crate::store::{self, revoked};
use crate::token;
use http::{HeaderMap, StatusCode, header};
use souk_kit::{BadForm, Ctx, Form};

/// Take a token back.
///
/// A refresh token ends its session; so does an access token that belongs to one, and one that does not is remembered as
/// taken back until it expires, for introspection: the gateway believes an access token for its ten minutes. A token that is
/// not good any more is no error.
#[utoipa::path(post, path = "/oauth2/revoke", tag = "auth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "It is not good any more."),
        (status = 400, body = OAuthErrorDocument, description = "`invalid_request`, `invalid_grant` (another client's token)"),
        (status = 401, body = OAuthErrorDocument, description = "`invalid_client`")))]
pub async fn revoke(
    ctx: Ctx,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, BadForm>,
) -> Result<(StatusCode, [(header::HeaderName, &'static str); 1]), OAuthError> {
    let Form(form) = form?;
    let (token, client) = form.open(&ctx, &headers).await?;
    let done = (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]);
    if let Some((session, _)) = family::of_token(&ctx, &token).await? {
        must_be_of(&client, &session.client_id)?;
        store::end(&ctx.conn().await?, session.id, None).await?;
        return Ok(done);
    }
    let Some(access) = token::read(&ctx, token.expose()).await? else { return Ok(done) };
    must_be_of(&client, &access.client_id)?;
    let conn = ctx.conn().await?;
    match access.session.as_deref().and_then(|id| id.parse().ok()) {
        Some(session) => {
            store::end(&conn, session, None).await?;
        }
        None => revoked::add(&conn, &access.id, access.expires_at).await?,
    }
    Ok(done)
}

fn must_be_of(client: &Client, owner: &str) -> Result<(), OAuthError> {
    match client.id == owner {
        true => Ok(()),
        false => Err(OAuthError::invalid_grant("the token is another client's")),
    }
}
