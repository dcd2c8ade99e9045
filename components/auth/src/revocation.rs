//! Taking a token back (RFC 7009).

use crate::audit::{self, Act, Entry};
use crate::clients::Client;
use crate::family;
use crate::introspection::TokenForm;
use crate::oauth_error::{OAuthError, OAuthErrorDocument};
use crate::store::{self, revoked};
use crate::token;
use http::{HeaderMap, StatusCode, header};
use souk_kit::id::SessionId;
use souk_kit::{BadForm, Caller, Ctx, Form, Result};

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
    _: Caller,
    headers: HeaderMap,
    form: Result<Form<TokenForm>, BadForm>,
) -> Result<(StatusCode, [(header::HeaderName, &'static str); 1]), OAuthError> {
    let Form(form) = form?;
    let (token, client) = form.open(&ctx, &headers).await?;
    let done = (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]);
    if let Some((session, _)) = family::of_token(&ctx, &token).await? {
        must_be_of(&client, &session.client_id)?;
        ends(&ctx, &client, session.id).await?;
        return Ok(done);
    }
    let Some(access) = token::read(&ctx, token.expose()).await? else { return Ok(done) };
    must_be_of(&client, &access.client_id)?;
    match access.session.as_deref().and_then(|id| id.parse().ok()) {
        Some(session) => ends(&ctx, &client, session).await?,
        None => {
            let tx = ctx.begin().await?;
            revoked::add(&tx, &access.id, access.expires_at).await?;
            let entry = Entry::new(Act::TokenRevoked, &ctx).client(&client.id).with("jti", &access.id);
            audit::record(&tx, entry).await?;
            tx.commit().await?;
        }
    }
    Ok(done)
}

/// Ends a session for its client. Whether it lived does not matter, but only then there is something to note.
async fn ends(ctx: &Ctx, client: &Client, id: SessionId) -> Result<()> {
    let tx = ctx.begin().await?;
    let session = store::find(&tx, id).await?;
    store::end(&tx, id, None).await?;
    if let Some(session) = session {
        let entry = Entry::new(Act::TokenRevoked, ctx).client(&client.id).user(session.user_id);
        audit::record(&tx, entry.session(id)).await?;
    }
    Ok(tx.commit().await?)
}

fn must_be_of(client: &Client, owner: &str) -> Result<(), OAuthError> {
    match client.id == owner {
        true => Ok(()),
        false => Err(OAuthError::invalid_grant("the token is another client's")),
    }
}
