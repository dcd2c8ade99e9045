//! One's own sign-ins: the applications that one is signed in to, and the browsers in which.

use crate::audit::{self, Act, Entry};
use crate::browser::Browser;
use crate::store::{self, browsers};
use axum::Json;
use http::StatusCode;
use serde::Serialize;
use souk_kit::id::{BrowserId, SessionId, UserId};
use souk_kit::permission::scope;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Problem, Result, Timestamp};
use utoipa::ToSchema;

/// What one is signed in to, or in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An application, which has tokens.
    App,
    /// A browser, which has a cookie: applications that send it here need no password.
    Browser,
}

/// A sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    #[schema(example = "ses_06b8xk2m0q3v5t7w9y1z3b5d7f")]
    id: String,
    kind: Kind,
    /// The name of the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    /// Whether it is the one that the access token belongs to, or the browser that this one was begun in.
    current: bool,
    /// Where it was begun.
    address: Option<String>,
    /// With what.
    user_agent: Option<String>,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
}

impl Session {
    fn of_app(session: store::Session, client: String, is_current: bool) -> Self {
        Self {
            id: session.id.to_string(),
            kind: Kind::App,
            client: Some(client),
            current: is_current,
            expires_at: session.ends_at(),
            address: session.address,
            user_agent: session.user_agent,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
        }
    }

    fn of_browser(browser: Browser, is_current: bool) -> Self {
        Self {
            id: browser.id.to_string(),
            kind: Kind::Browser,
            client: None,
            current: is_current,
            expires_at: browser.ends_at(),
            address: browser.address,
            user_agent: browser.user_agent,
            created_at: browser.created_at,
            last_used_at: browser.last_used_at,
        }
    }
}

/// All of one's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    /// The last used first; at most 50 of each kind.
    items: Vec<Session>,
}

/// List one's sessions.
///
/// Those with applications, and the browsers in which one is signed in.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth", security(("bearer" = ["account"])),
    responses((status = 200, body = Sessions)))]
pub async fn list(ctx: Ctx, caller: Caller) -> Result<Json<Sessions>> {
    caller.needs(scope::ACCOUNT)?;
    let (user, conn) = (caller.user_id()?, ctx.conn().await?);
    let apps = store::list_named(&conn, user).await?;
    let is_current = |id: &SessionId| caller.session.as_deref() == Some(&id.to_string());
    let here = apps.iter().find(|(session, _)| is_current(&session.id)).and_then(|(it, _)| it.browser_id);
    let browsers = browsers::list(&conn, user).await?.into_iter();
    let browsers = browsers.map(|browser| {
        let is_current = here == Some(browser.id);
        Session::of_browser(browser, is_current)
    });
    let apps = apps.into_iter().map(|(session, client)| {
        let is_current = is_current(&session.id);
        Session::of_app(session, client, is_current)
    });
    let mut items: Vec<Session> = apps.chain(browsers).collect();
    items.sort_by_key(|session| std::cmp::Reverse(session.last_used_at));
    Ok(Json(Sessions { items }))
}

/// What a session's id says that it is.
#[derive(Debug)]
pub enum Id {
    App(SessionId),
    Browser(BrowserId),
}

impl std::str::FromStr for Id {
    type Err = souk_kit::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::App).or_else(|_| text.parse().map(Self::Browser))
    }
}

/// End one of one's sessions.
///
/// With that of a browser, what applications began from it ends as well.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth", security(("bearer" = ["account"])),
    params(("id" = String, Path, description = "The sign-in: `ses_…` or `brs_…`")), responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn end(ctx: Ctx, caller: Caller, PathId(id): PathId<Id>) -> Result<StatusCode> {
    caller.needs(scope::ACCOUNT)?;
    match end_of(&ctx, id, caller.user_id()?).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}

/// Ends a session of a person, and notes who did. Whether there was one.
pub async fn end_of(ctx: &Ctx, id: Id, user: UserId) -> Result<bool> {
    let mut tx = ctx.begin().await?;
    let has_ended = match id {
        Id::App(id) => store::end(&tx, id, Some(user)).await?,
        Id::Browser(id) => browsers::end(&mut tx, id, Some(user)).await?,
    };
    if !has_ended {
        tx.rollback().await?;
        return Ok(false);
    }
    let entry = Entry::new(Act::SessionEnded, ctx).user(user);
    let entry = match id {
        Id::App(id) => entry.session(id),
        Id::Browser(id) => entry.session(id),
    };
    audit::record(&tx, entry).await?;
    tx.commit().await?;
    Ok(true)
}
