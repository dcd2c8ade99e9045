//! What is held on a person: the quotes that they asked for.

use crate::quote::QuoteView;
use crate::store;
use axum::Json;
use serde::Serialize;
use souk_kit::id::UserId;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Event, PathId, Problem, Result, Tx};
use utoipa::ToSchema;

/// The most quotes that are told of.
const MOST: u32 = 1000;

/// Everything that is held on a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct PricesOfPerson {
    /// The newest first.
    quotes: Vec<QuoteView>,
}

/// Tell customers what is held on a person.
#[utoipa::path(get, path = "/internal/persons/{user_id}", tag = "prices",
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 200, body = PricesOfPerson), (status = 403, body = ProblemDocument)))]
pub async fn told(ctx: Ctx, caller: Caller, PathId(user): PathId<UserId>) -> Result<Json<PricesOfPerson>> {
    caller.must_be_service("customers")?;
    let quotes = store::quote::of(&ctx.conn().await?, &user.to_string(), MOST).await?;
    Ok(Json(PricesOfPerson { quotes: quotes.into_iter().map(QuoteView::from).collect() }))
}

/// An account is gone: whose its quotes were is forgotten, and nobody can use them any more.
pub async fn hear(tx: &mut Tx, event: &Event) -> Result<()> {
    if event.source != "/users" {
        return Err(Problem::forbidden("Only users can tell of accounts."));
    }
    match event.kind.as_str() {
        "souk.user.deleted" => Ok(store::quote::forget_owner(tx, &event.subject).await?),
        _ => Ok(()),
    }
}
