//! What one has allowed applications: to look at, and to take back.

use crate::audit::{self, Act, Entry};
use crate::store::consents;
use axum::Json;
use http::StatusCode;
use serde::Serialize;
use souk_kit::id::ClientId;
use souk_kit::permission::scope;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Problem, Result, Timestamp};
use utoipa::ToSchema;

/// What one has allowed an application.
#[derive(Debug, Serialize, ToSchema)]
pub struct Consent {
    /// The application.
    #[schema(value_type = ClientId)]
    client_id: String,
    /// Its name.
    client: String,
    /// What it may, separated by spaces.
    #[schema(example = "openid profile")]
    scope: String,
    granted_at: Timestamp,
}

/// Everything that one has allowed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Consents {
    /// By the names of the applications.
    items: Vec<Consent>,
}

/// List what one has allowed applications.
#[utoipa::path(get, path = "/auth/consents", tag = "auth", security(("bearer" = ["account"])),
    responses((status = 200, body = Consents)))]
pub async fn list(ctx: Ctx, caller: Caller) -> Result<Json<Consents>> {
    caller.needs(scope::ACCOUNT)?;
    let consents = consents::list(&ctx.conn().await?, caller.user_id()?).await?;
    let view = |consent: consents::Consent| Consent {
        client_id: consent.client_id,
        client: consent.client,
        scope: consent.scope,
        granted_at: consent.granted_at,
    };
    Ok(Json(Consents { items: consents.into_iter().map(view).collect() }))
}

/// Take back what one has allowed an application.
///
/// Its sessions end; an access token that it has stays good until it expires, ten minutes at most. When it asks again, you are
/// asked again.
#[utoipa::path(delete, path = "/auth/consents/{client_id}", tag = "auth", security(("bearer" = ["account"])),
    params(("client_id" = ClientId, Path, description = "The application")),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub async fn withdraw(ctx: Ctx, caller: Caller, PathId(id): PathId<ClientId>) -> Result<StatusCode> {
    caller.needs(scope::ACCOUNT)?;
    let user = caller.user_id()?;
    let mut tx = ctx.begin().await?;
    if !consents::withdraw(&mut tx, user, &id.to_string()).await? {
        tx.rollback().await?;
        return Err(Problem::not_found());
    }
    audit::record(&tx, Entry::new(Act::ConsentWithdrawn, &ctx).user(user).client(id)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
