//! Sign in, go on, sign out.

use crate::audit::{self, Entry, Kind, Origin};
use crate::problem::AuthError;
use crate::refresh::{self, Claim, Usage};
use crate::session;
use crate::store::{self, Session};
use crate::token;
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::client::Reply;
use souk_kit::id::{SessionId, UserId};
use souk_kit::permission::Role;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Problem, Result, Secret, Timestamp, Valid, settings};
use utoipa::ToSchema;

/// E-mail address and password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ana@example.com", "password": "correct horse battery"}))]
pub struct Login {
    /// The account's e-mail address.
    #[garde(length(min = 1, max = 1000))]
    email: String,
    /// Its password.
    #[garde(length(chars, min = 1, max = 1000))]
    password: Secret,
}

/// A refresh token.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The newest one of the session.
    #[garde(length(chars, min = 1, max = 1000))]
    refresh_token: Secret,
}

/// Which session to end.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// Its newest refresh token; if absent, the access token says which session.
    #[garde(inner(length(chars, min = 1, max = 1000)))]
    #[serde(default)]
    refresh_token: Option<Secret>,
}

/// Tokens (RFC 6749, section 5.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct Tokens {
    /// A JWT for the `Authorization` header.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: u64,
    /// Good once, for new tokens.
    refresh_token: String,
    /// Seconds until the refresh token expires, if it is not used.
    refresh_expires_in: u64,
    /// What the access token allows, separated by spaces.
    scope: String,
    /// Whose it is.
    user_id: UserId,
}

impl IntoResponse for Tokens {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// Whose password it is, as users says.
#[derive(Deserialize)]
struct Proven {
    user_id: UserId,
    roles: Vec<Role>,
    password_version: i64,
}

/// What a person is to the shop, as users says.
#[derive(Deserialize)]
struct Standing {
    roles: Vec<Role>,
}

async fn tokens(ctx: &Ctx, session: &Session, roles: &[Role]) -> Result<Tokens> {
    let key = settings::key("auth_encryption_key").await?;
    let (access_token, scope) = token::access(ctx, session, roles).await?;
    Ok(Tokens {
        access_token,
        token_type: "Bearer",
        expires_in: token::LIFETIME.as_secs(),
        refresh_token: refresh::issue(session, session.generation, &key)?,
        refresh_expires_in: session.ends_at().remaining().as_secs(),
        scope,
        user_id: session.user_id,
    })
}

/// Sign in with e-mail address and password.
///
/// An unknown address and a wrong password get the same answer after the same time. Failures slow down the network that
/// they come from.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = Login, responses((status = 200, body = Tokens),
    (status = 401, body = ProblemDocument, description = "`wrong-credentials`"),
    (status = 429, body = ProblemDocument, description = "`too-many-attempts`")))]
pub async fn login(ctx: Ctx, caller: Caller, origin: Origin, Valid(login): Valid<Login>) -> Result<Tokens> {
    let check = json!({"email": login.email, "password": login.password.expose(), "address": caller.address});
    let reply = ctx.call(Method::POST, "users", "/internal/credentials/check").json(&check)?.send().await?;
    if !reply.status.is_success() {
        return Err(refused(&ctx, &origin, &login.email, &reply).await?);
    }
    let who: Proven = reply.json()?;
    let mut salt = vec![0; 16];
    getrandom::fill(&mut salt).map_err(|error| Problem::internal(format!("randomness: {error}")))?;
    let now = Timestamp::now();
    let session = Session {
        id: SessionId::new(),
        user_id: who.user_id,
        salt,
        password_version: who.password_version,
        generation: 1,
        address: caller.address,
        user_agent: origin.user_agent.clone(),
        created_at: now,
        last_used_at: now,
        expires_at: now.after(store::LIFETIME),
    };
    let tokens = tokens(&ctx, &session, &who.roles).await?;
    let mut tx = ctx.begin().await?;
    if !store::begin(&mut tx, &session).await? {
        return Err(AuthError::WrongCredentials.into()); // It was changed after users had checked it.
    }
    let entry = Entry::new(Kind::SignedIn, &origin).user(session.user_id).session(session.id);
    audit::record(&tx, entry.email(&login.email).await?).await?;
    tx.commit().await?;
    Ok(tokens)
}

/// Notes that users refused to confirm a password, and answers what that means here.
async fn refused(ctx: &Ctx, origin: &Origin, email: &str, reply: &Reply) -> Result<Problem> {
    let kind = match reply.status {
        StatusCode::UNAUTHORIZED => Kind::SignInFailed,
        StatusCode::TOO_MANY_REQUESTS => Kind::SignInSlowed,
        _ => return Ok(AuthError::of_check(reply)),
    };
    audit::record_failure(ctx, Entry::new(kind, origin).email(email).await?).await?;
    Ok(AuthError::of_check(reply))
}

/// The session of a genuine refresh token, of whatever generation; nothing when there is none.
async fn session_of(ctx: &Ctx, token: &Secret) -> Result<Option<(Session, Claim)>> {
    let Some(claim) = Claim::read(token) else { return Ok(None) };
    let Some(session) = store::find(&ctx.conn().await?, claim.session).await? else { return Ok(None) };
    let is_genuine = claim.is_genuine(&session, &settings::key("auth_encryption_key").await?)?;
    Ok(is_genuine.then_some((session, claim)))
}

/// Get new tokens for a refresh token.
///
/// Each refresh token is good once. For ten seconds it may be sent again, and gets the same successor: two tabs may refresh
/// at once. A later use means that it was stolen, before or now: the session ends (RFC 9700, section 4.14.2). Roles are read
/// anew.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh, responses((status = 200, body = Tokens),
    (status = 401, body = ProblemDocument, description = "`invalid-refresh-token`, `refresh-token-reused`")))]
pub async fn refresh(ctx: Ctx, origin: Origin, Valid(body): Valid<Refresh>) -> Result<Tokens> {
    let (session, claim) =
        session_of(&ctx, &body.refresh_token).await?.ok_or(AuthError::InvalidRefreshToken)?;
    if claim.usage(&session, Timestamp::now()) == Usage::Reuse {
        return reused(&ctx, &session, &origin).await;
    }
    let roles = roles_of(&ctx, &session).await?;
    let session = go_on(&ctx, session, &claim, &origin).await?;
    tokens(&ctx, &session, &roles).await
}

/// What the session's owner is to the shop, now. The session of who is nobody any more ends.
async fn roles_of(ctx: &Ctx, session: &Session) -> Result<Vec<Role>> {
    let path = format!("/internal/users/{}", session.user_id);
    let reply = ctx.call(Method::GET, "users", path).send().await?;
    if reply.status == StatusCode::NOT_FOUND {
        store::end(&ctx.conn().await?, session.id, None).await?;
        return Err(AuthError::InvalidRefreshToken.into());
    }
    Ok(reply.json::<Standing>()?.roles)
}

/// Moves a session to its next generation, unless the same token has done so a moment ago.
async fn go_on(ctx: &Ctx, session: Session, claim: &Claim, origin: &Origin) -> Result<Session> {
    let conn = ctx.conn().await?;
    if claim.usage(&session, Timestamp::now()) == Usage::First
        && let Some(next) = store::advance(&conn, &session).await?
    {
        return Ok(next);
    }
    // Somebody else was faster: the session has gone on, or it has ended.
    let session = store::find(&conn, session.id).await?.ok_or(AuthError::InvalidRefreshToken)?;
    match claim.usage(&session, Timestamp::now()) {
        Usage::Again => Ok(session),
        Usage::First | Usage::Reuse => reused(ctx, &session, origin).await,
    }
}

async fn reused<T>(ctx: &Ctx, session: &Session, origin: &Origin) -> Result<T> {
    let tx = ctx.begin().await?;
    if store::end(&tx, session.id, None).await? {
        let entry = Entry::new(Kind::RefreshReused, origin).user(session.user_id).session(session.id);
        audit::record(&tx, entry).await?;
    }
    tx.commit().await?;
    souk_kit::log(
        souk_kit::Level::Warn,
        "a refresh token was used twice; its session has been ended",
        json!({"request.id": ctx.request_id(), "session.id": session.id, "user.id": session.user_id}),
    );
    Err(AuthError::RefreshTokenReused.into())
}

/// Sign out.
///
/// Ends the session of the refresh token or, if none is sent, that of the access token; then no body is needed. An access token that is out there
/// stays good until it expires, ten minutes at most. Signing out twice is no error.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = Option<Logout>, responses((status = 204),
    (status = 401, body = ProblemDocument)))]
pub async fn logout(
    ctx: Ctx,
    caller: Caller,
    origin: Origin,
    body: Option<Valid<Logout>>,
) -> Result<StatusCode> {
    let ended = match body.and_then(|Valid(body)| body.refresh_token) {
        Some(token) => session_of(&ctx, &token).await?.map(|(session, _)| (session.id, session.user_id)),
        None => {
            let user = caller.user_id()?;
            caller.session.as_deref().and_then(|id| id.parse().ok()).map(|id| (id, user))
        }
    };
    if let Some((id, user)) = ended {
        session::end_of(&ctx, id, user, &origin).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
