//! Sessions: the families of refresh tokens, however they began.

use crate::audit::{self, Act, Entry};
use crate::clients::Client;
use crate::opaque;
use crate::refresh::{Claim, Usage};
use crate::store::{self, Session};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::{BrowserId, SessionId, UserId};
use souk_kit::permission::Role;
use souk_kit::{Ctx, Level, Problem, Result, Secret, Timestamp, settings};

/// The longest name of a browser that is remembered.
const MAX_USER_AGENT: usize = 200;

/// How a person came to a session.
#[derive(Debug, Clone)]
pub struct Begun {
    pub user_id: UserId,
    pub password_version: i64,
    pub auth_time: Timestamp,
    pub methods: Vec<String>,
    pub browser_id: Option<BrowserId>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
}

impl Session {
    /// A new one, which nobody has stored yet.
    pub fn begin(begun: Begun, client_id: &str, scope: Option<String>) -> Result<Self> {
        let now = Timestamp::now();
        Ok(Self {
            id: SessionId::new(),
            user_id: begun.user_id,
            client_id: client_id.to_owned(),
            browser_id: begun.browser_id,
            scope,
            auth_time: Some(begun.auth_time),
            methods: begun.methods,
            salt: opaque::random::<16>()?.to_vec(),
            password_version: begun.password_version,
            generation: 1,
            address: begun.address,
            user_agent: begun.user_agent,
            created_at: now,
            last_used_at: now,
            expires_at: now.after(store::LIFETIME),
        })
    }
}

/// With what a request is made, as it says itself.
pub fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    text.map(|text| text.chars().take(MAX_USER_AGENT).collect())
}

/// Why a session does not go on.
#[derive(Debug)]
pub enum Stop {
    /// The token was never given, has expired, its session has ended, or it is another client's.
    Unknown,
    /// The token was used before; its session has been ended.
    Reused,
    /// Something of ours failed.
    Fault(Problem),
}

impl<E: Into<Problem>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

/// The session of a genuine refresh token, of whatever generation; nothing when there is none.
pub async fn of_token(ctx: &Ctx, token: &Secret) -> Result<Option<(Session, Claim)>> {
    let Some(claim) = Claim::read(token) else { return Ok(None) };
    let Some(session) = store::find(&ctx.conn().await?, claim.session).await? else { return Ok(None) };
    let is_genuine = claim.is_genuine(&session, &settings::key("auth_encryption_key").await?)?;
    Ok(is_genuine.then_some((session, claim)))
}

/// The session that a client's refresh token may go on with. One that comes back ends it.
pub async fn open(ctx: &Ctx, token: &Secret, client_id: &str) -> Result<(Session, Claim), Stop> {
    let found = of_token(ctx, token).await?.filter(|(session, _)| session.client_id == client_id);
    let (session, claim) = found.ok_or(Stop::Unknown)?;
    if claim.usage(&session, Timestamp::now()) == Usage::Reuse {
        return Err(end_of_reused(ctx, &session).await);
    }
    Ok((session, claim))
}

/// Moves a session to its next generation, unless the same token has done so a moment ago.
pub async fn go_on(ctx: &Ctx, session: Session, claim: &Claim) -> Result<Session, Stop> {
    let conn = ctx.conn().await?;
    if claim.usage(&session, Timestamp::now()) == Usage::First
        && let Some(next) = store::advance(&conn, &session).await?
    {
        return Ok(next);
    }
    // Somebody else was faster: the session has gone on, or it has ended.
    let session = store::find(&conn, session.id).await?.ok_or(Stop::Unknown)?;
    match claim.usage(&session, Timestamp::now()) {
        Usage::Again => Ok(session),
        Usage::First | Usage::Reuse => Err(end_of_reused(ctx, &session).await),
    }
}

async fn end_of_reused(ctx: &Ctx, session: &Session) -> Stop {
    if let Err(problem) = end_and_note(ctx, session).await {
        return Stop::Fault(problem);
    }
    souk_kit::log(
        Level::Warn,
        "a refresh token was used twice; its session has been ended",
        json!({"request.id": ctx.request_id(), "session.id": session.id, "user.id": session.user_id,
               "client.id": session.client_id}),
    );
    Stop::Reused
}

async fn end_and_note(ctx: &Ctx, session: &Session) -> Result<()> {
    let tx = ctx.begin().await?;
    if store::end(&tx, session.id, None).await? {
        let entry = Entry::new(Act::RefreshReused, ctx).user(session.user_id).session(session.id);
        audit::record(&tx, entry.client(&session.client_id)).await?;
    }
    Ok(tx.commit().await?)
}

/// What a person is to the shop, as users says.
#[derive(Deserialize)]
struct Standing {
    roles: Vec<Role>,
}

/// What a person is to the shop, now; nothing when there is no such person any more.
pub async fn roles_of(ctx: &Ctx, user: UserId) -> Result<Option<Vec<Role>>> {
    let reply = ctx.call(Method::GET, "users", format!("/internal/users/{user}")).send().await?;
    if reply.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    Ok(Some(reply.json::<Standing>()?.roles))
}

/// What the session's owner is to the shop, now. The session of who is nobody any more ends.
pub async fn roles_now(ctx: &Ctx, session: &Session) -> Result<Vec<Role>, Stop> {
    if let Some(roles) = roles_of(ctx, session.user_id).await? {
        return Ok(roles);
    }
    store::end(&ctx.conn().await?, session.id, None).await?;
    Err(Stop::Unknown)
}

/// What a session's tokens may do now: no more than was granted, than its client may ask for, and than its person's roles
/// give.
pub fn scope_now(session: &Session, client: &Client, roles: &[Role]) -> Vec<&'static str> {
    let granted = session.scope.as_deref().unwrap_or_default();
    let granted: Vec<_> = granted.split(' ').filter_map(souk_kit::permission::scope::named).collect();
    crate::scopes::of_person(&granted, client, roles)
}
