//! The token endpoint: a grant for tokens (RFC 6749, section 3.2).

use crate::client_auth::Credentials;
use crate::clients::{Client, Grant};
use crate::code::{self, Spent};
use crate::family::{self, Begun, Stop};
use crate::id_token;
use crate::oauth_error::{OAuthError, OAuthErrorDocument};
use crate::refresh;
use crate::scopes;
use crate::store::{self, Session};
use crate::token;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use souk_kit::permission::{Role, scope};
use souk_kit::{BadForm, Caller, Ctx, Form, Secret, settings};
use utoipa::ToSchema;

/// A grant, and what it is to give.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TokenRequest {
    /// `authorization_code`, `refresh_token` or `client_credentials`.
    grant_type: Option<String>,
    /// The code that came with the redirect.
    code: Option<Secret>,
    /// If it is sent, the address that the code was sent to.
    redirect_uri: Option<String>,
    /// What the code's challenge was made of (PKCE, RFC 7636): 43 to 128 characters.
    code_verifier: Option<Secret>,
    /// The newest refresh token.
    refresh_token: Option<Secret>,
    /// What the access token is to allow, separated by spaces; all that is granted, if absent.
    scope: Option<String>,
    /// The client, unless `Authorization: Basic` names it.
    client_id: Option<String>,
    /// Its secret, unless that is in `Authorization: Basic`.
    client_secret: Option<Secret>,
}

/// Tokens (RFC 6749, section 5.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenAnswer {
    /// A JWT (RFC 9068) for the `Authorization` header.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: u64,
    /// Good once, for new tokens; if the client may have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Who signed in (OpenID Connect), if the scope has `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    /// What the access token allows, separated by spaces.
    scope: String,
}

impl IntoResponse for TokenAnswer {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// Get tokens.
///
/// A client authenticates with `client_secret_basic` or `client_secret_post`, or, if it is public, just names itself. PKCE
/// is always required. Errors are those of RFC 6749, section 5.2.
#[utoipa::path(post, path = "/oauth2/token", tag = "auth",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenAnswer),
        (status = 400, body = OAuthErrorDocument, description = "`invalid_request`, `invalid_grant`, `invalid_scope`, `unauthorized_client`, `unsupported_grant_type`"),
        (status = 401, body = OAuthErrorDocument, description = "`invalid_client`")))]
pub async fn exchange(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    form: Result<Form<TokenRequest>, BadForm>,
) -> Result<TokenAnswer, OAuthError> {
    let Form(mut request) = form?;
    let kind = match request.grant_type.as_deref() {
        Some("authorization_code") => Grant::AuthorizationCode,
        Some("refresh_token") => Grant::RefreshToken,
        Some("client_credentials") => Grant::ClientCredentials,
        Some(_) => return Err(OAuthError::unsupported_grant_type("there is no such grant here")),
        None => return Err(OAuthError::invalid_request("grant_type is required")),
    };
    let (id, secret) = (request.client_id.take(), request.client_secret.take());
    let client = Credentials::read(&headers, id, secret)?.verify(&ctx).await?;
    if !client.may(kind) {
        return Err(OAuthError::unauthorized_client("this client may not use this grant"));
    }
    match kind {
        Grant::AuthorizationCode => by_code(&ctx, &client, &caller, &headers, request).await,
        Grant::RefreshToken => by_refresh_token(&ctx, &client, request).await,
        Grant::ClientCredentials => by_itself(&ctx, &client, request).await,
    }
}

/// For what a person has just granted in their browser.
async fn by_code(
    ctx: &Ctx,
    client: &Client,
    caller: &Caller,
    headers: &HeaderMap,
    request: TokenRequest,
) -> Result<TokenAnswer, OAuthError> {
    let code = request.code.ok_or_else(|| OAuthError::invalid_request("code is required"))?;
    let verifier =
        request.code_verifier.ok_or_else(|| OAuthError::invalid_request("code_verifier is required"))?;
    let presented = code::Presented { code: &code, verifier: &verifier, redirect_uri: request.redirect_uri };
    let grant = code::open(ctx, client, &presented).await?;
    let bad = || OAuthError::invalid_grant("the code is not good any more");
    let roles = family::roles_of(ctx, grant.user_id).await?.ok_or_else(bad)?;
    let asked: Vec<_> = grant.scope.split(' ').filter_map(scope::named).collect();
    let scope = granted(scopes::of_person(&asked, client, &roles))?;
    let begun = Begun {
        user_id: grant.user_id,
        password_version: grant.password_version,
        auth_time: grant.auth_time,
        methods: grant.methods.clone(),
        browser_id: grant.browser_id,
        address: caller.address.clone(),
        user_agent: family::user_agent(headers),
    };
    let mut session = Session::begin(begun, &client.id, Some(scope.join(" ")))?;
    if !client.may(Grant::RefreshToken) {
        // Nobody can go on with it: it lasts as long as what it gives now.
        session.expires_at = session.created_at.after(token::LIFETIME).after(token::LEEWAY);
    }
    let answer = answer(ctx, client, &session, &roles, &scope, grant.nonce.as_deref()).await?;
    let mut tx = ctx.begin().await?;
    match code::spend(&mut tx, &code, session.id).await? {
        Spent::Now => {}
        Spent::Before(earlier) => {
            code::end_of_reused(&mut tx, ctx, &grant, earlier, &client.id).await?;
            tx.commit().await?;
            return Err(bad());
        }
    }
    // False when the password was changed meanwhile.
    if !store::begin(&mut tx, &session).await? {
        return Err(bad());
    }
    tx.commit().await?;
    Ok(answer)
}

/// For the newest token of a family.
async fn by_refresh_token(
    ctx: &Ctx,
    client: &Client,
    request: TokenRequest,
) -> Result<TokenAnswer, OAuthError> {
    let token = request.refresh_token;
    let token = token.ok_or_else(|| OAuthError::invalid_request("refresh_token is required"))?;
    let asked = request.scope.as_deref().map(scopes::read).transpose()?;
    let (session, claim) = family::open(ctx, &token, &client.id).await?;
    let roles = family::roles_now(ctx, &session).await?;
    let mut scope = family::scope_now(&session, client, &roles);
    if let Some(asked) = asked {
        let all = session.scope.as_deref().unwrap_or_default();
        if asked.iter().any(|name| !all.split(' ').any(|granted| granted == *name)) {
            return Err(OAuthError::invalid_scope("this was not granted"));
        }
        scope.retain(|name| asked.contains(name));
    }
    let scope = granted(scope)?;
    let session = family::go_on(ctx, session, &claim).await?;
    answer(ctx, client, &session, &roles, &scope, None).await
}

/// For a client that acts for itself.
async fn by_itself(ctx: &Ctx, client: &Client, request: TokenRequest) -> Result<TokenAnswer, OAuthError> {
    let scope = scopes::of_machine(request.scope.as_deref(), client)?.join(" ");
    Ok(TokenAnswer {
        access_token: token::of_client(ctx, &client.id, &scope).await?,
        token_type: "Bearer",
        expires_in: token::LIFETIME.as_secs(),
        refresh_token: None,
        id_token: None,
        scope,
    })
}

fn granted(scope: Vec<&'static str>) -> Result<Vec<&'static str>, OAuthError> {
    match scope.is_empty() {
        true => Err(OAuthError::invalid_scope("nothing is left of what was granted")),
        false => Ok(scope),
    }
}

/// The tokens of a session.
async fn answer(
    ctx: &Ctx,
    client: &Client,
    session: &Session,
    roles: &[Role],
    scope: &[&'static str],
    nonce: Option<&str>,
) -> Result<TokenAnswer, OAuthError> {
    let text = scope.join(" ");
    let access_token = token::of_person(ctx, session, roles, &text).await?;
    let id_token = match scope.contains(&scope::OPENID) {
        true => Some(id_token::make(ctx, session, nonce, &access_token).await?),
        false => None,
    };
    let refresh_token = match client.may(Grant::RefreshToken) {
        true => {
            let key = settings::key("auth_encryption_key").await?;
            Some(refresh::issue(session, session.generation, &key)?)
        }
        false => None,
    };
    let expires_in = token::LIFETIME.as_secs();
    Ok(TokenAnswer { access_token, token_type: "Bearer", expires_in, refresh_token, id_token, scope: text })
}

impl From<Stop> for OAuthError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Unknown => Self::invalid_grant("the refresh token is unknown, or its session has ended"),
            Stop::Reused => Self::invalid_grant("the refresh token was used before; its session has ended"),
            Stop::Fault(problem) => Self::Fault(problem),
        }
    }
}
