//! Sign in, go on, sign out.

use crate::audit::{self, Act, Entry};
use crate::clients::OURS;
use crate::family::{self, Begun};
use crate::problem::AuthError;
use crate::refresh;
use crate::session::{self, Id};
use crate::store::{self, Session};
use crate::token;
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderMap, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::id::UserId;
use souk_kit::permission::Role;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Result, Secret, Timestamp, Valid, settings};
use std::time::Duration;
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
pub struct Proven {
    pub user_id: UserId,
    pub roles: Vec<Role>,
    pub password_version: i64,
}

/// What users says of a password.
pub enum Checked {
    /// It is the password of this account.
    Proven(Proven),
    /// No account has this e-mail address and password.
    Wrong,
    /// Too many attempts have failed.
    TooMany(Duration),
}

/// Asks users whether a password is right. A wrong one is noted.
pub async fn check(ctx: &Ctx, email: &str, password: &Secret, address: Option<&str>) -> Result<Checked> {
    let check = json!({"email": email, "password": password.expose(), "address": address});
    let reply = ctx.call(Method::POST, "users", "/internal/credentials/check").json(&check)?.send().await?;
    let (kind, refused) = match reply.status {
        StatusCode::UNAUTHORIZED => (Act::SignInFailed, Checked::Wrong),
        StatusCode::TOO_MANY_REQUESTS => {
            (Act::SignInSlowed, Checked::TooMany(reply.retry_after().unwrap_or_default()))
        }
        _ => return reply.json().map(Checked::Proven),
    };
    audit::record_failure(ctx, Entry::new(kind, ctx).email(email).await?).await?;
    Ok(refused)
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
pub async fn login(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    Valid(login): Valid<Login>,
) -> Result<Tokens> {
    let who = match check(&ctx, &login.email, &login.password, caller.address.as_deref()).await? {
        Checked::Proven(who) => who,
        Checked::Wrong => return Err(AuthError::WrongCredentials.into()),
        Checked::TooMany(wait) => return Err(AuthError::TooManyAttempts(wait).into()),
    };
    let tokens = begin(&ctx, caller, &headers, &who, Credential::Password(&login.email)).await?;
    tokens.ok_or_else(|| AuthError::WrongCredentials.into())
}

/// What somebody has proved by to be somebody.
pub enum Credential<'a> {
    /// The password of the account with this e-mail address.
    Password(&'a str),
    /// A linked wallet.
    Wallet,
}

impl Credential<'_> {
    /// Its name in tokens (`amr`).
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Password(_) => "pwd",
            Self::Wallet => "siwe",
        }
    }
}

/// Begins a session of our own client; nothing when the account's credentials were changed after users had checked this one.
pub async fn begin(
    ctx: &Ctx,
    caller: Caller,
    headers: &HeaderMap,
    who: &Proven,
    credential: Credential<'_>,
) -> Result<Option<Tokens>> {
    let begun = Begun {
        user_id: who.user_id,
        password_version: who.password_version,
        auth_time: Timestamp::now(),
        methods: vec![credential.method().into()],
        browser_id: None,
        address: caller.address,
        user_agent: family::user_agent(headers),
    };
    let session = Session::begin(begun, OURS, None)?;
    let tokens = tokens(ctx, &session, &who.roles).await?;
    let mut tx = ctx.begin().await?;
    if !store::begin(&mut tx, &session).await? {
        return Ok(None);
    }
    let entry = Entry::new(Act::SignedIn, ctx).user(session.user_id).session(session.id).client(OURS);
    let entry = match credential {
        Credential::Password(email) => entry.email(email).await?,
        Credential::Wallet => entry,
    };
    audit::record(&tx, entry.with("method", credential.method())).await?;
    tx.commit().await?;
    Ok(Some(tokens))
}

/// Get new tokens for a refresh token.
///
/// Each refresh token is good once. For ten seconds it may be sent again, and gets the same successor: two tabs may refresh
/// at once. A later use means that it was stolen, before or now: the session ends (RFC 9700, section 4.14.2). Roles are read
/// anew.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = Refresh, responses((status = 200, body = Tokens),
    (status = 401, body = ProblemDocument, description = "`invalid-refresh-token`, `refresh-token-reused`")))]
pub async fn refresh(ctx: Ctx, _: Caller, Valid(body): Valid<Refresh>) -> Result<Tokens> {
    let (session, claim) = family::open(&ctx, &body.refresh_token, OURS).await.map_err(AuthError::of_stop)?;
    let roles = family::roles_now(&ctx, &session).await.map_err(AuthError::of_stop)?;
    let session = family::go_on(&ctx, session, &claim).await.map_err(AuthError::of_stop)?;
    tokens(&ctx, &session, &roles).await
}

/// Sign out.
///
/// Ends the session of the refresh token or, if none is sent, that of the access token; then no body is needed. An access token that is out there
/// stays good until it expires, ten minutes at most. Signing out twice is no error.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = Option<Logout>, responses((status = 204),
    (status = 401, body = ProblemDocument)))]
pub async fn logout(ctx: Ctx, caller: Caller, body: Option<Valid<Logout>>) -> Result<StatusCode> {
    let ended = match body.and_then(|Valid(body)| body.refresh_token) {
        Some(token) => {
            family::of_token(&ctx, &token).await?.map(|(session, _)| (session.id, session.user_id))
        }
        None => {
            let user = caller.user_id()?;
            caller.session.as_deref().and_then(|id| id.parse().ok()).map(|id| (id, user))
        }
    };
    if let Some((id, user)) = ended {
        session::end_of(&ctx, Id::App(id), user).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
