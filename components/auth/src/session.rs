//! One's own sessions: where one is signed in.

use crate::audit::{self, Entry, Kind};
use crate::store;
use axum::Json;
use http::StatusCode;
use serde::Serialize;
use souk_kit::id::{SessionId, UserId};
use souk_kit::permission::scope;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Problem, Result, Timestamp};
use utoipa::ToSchema;

/// A sign-in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    id: SessionId,
    /// Whether it is the one that the access token belongs to.
    current: bool,
    /// Where it was begun.
    address: Option<String>,
    /// With what.
    user_agent: Option<String>,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
}

/// All of one's sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    /// The last used first; at most 50.
    items: Vec<Session>,
}

/// List one's sessions.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth", security(("bearer" = ["account"])),
    responses((status = 200, body = Sessions)))]
pub async fn list(ctx: Ctx, caller: Caller) -> Result<Json<Sessions>> {
    caller.needs(scope::ACCOUNT)?;
    let sessions = store::list(&ctx.conn().await?, caller.user_id()?).await?;
    let view = |session: store::Session| Session {
        id: session.id,
        current: caller.session.as_deref() == Some(&session.id.to_string()),
        expires_at: session.ends_at(),
        address: session.address,
        user_agent: session.user_agent,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
    };
    Ok(Json(Sessions { items: sessions.into_iter().map(view).collect() }))
}

/// End one of one's sessions.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth", security(("bearer" = ["account"])),
    params(("id" = SessionId, Path, description = "The sign-in")), responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn end(ctx: Ctx, caller: Caller, PathId(id): PathId<SessionId>) -> Result<StatusCode> {
    caller.needs(scope::ACCOUNT)?;
    match end_of(&ctx, id, caller.user_id()?).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}

/// Ends a session of a person, and notes who did. Whether there was one.
pub async fn end_of(ctx: &Ctx, id: SessionId, user: UserId) -> Result<bool> {
    let tx = ctx.begin().await?;
    if !store::end(&tx, id, Some(user)).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    audit::record(&tx, Entry::new(Kind::SessionEnded, ctx).user(user).session(id)).await?;
    tx.commit().await?;
    Ok(true)
}
