//! What is held on a person, and what an erasure means here.

use crate::model::{CreditNote, Invoice};
use crate::store;
use axum::Json;
use serde::{Deserialize, Serialize};
use souk_kit::id::{CustomerId, UserId};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Event, PathId, Result, Tx};
use utoipa::ToSchema;

/// Everything that is held here on a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct Held {
    /// All invoices, oldest first.
    invoices: Vec<Invoice>,
    /// All credit notes, oldest first.
    credit_notes: Vec<CreditNote>,
}

/// Everything that is held here on the person who has this account, for the export of personal data.
#[utoipa::path(get, path = "/internal/persons/{user_id}", tag = "internal",
    params(("user_id" = UserId, Path, description = "The account")),
    responses((status = 200, body = Held), (status = 403, body = ProblemDocument)))]
pub async fn person(ctx: Ctx, caller: Caller, PathId(user): PathId<UserId>) -> Result<Json<Held>> {
    caller.must_be_service("customers")?;
    let conn = ctx.conn().await?;
    let invoices = store::invoices_of(&conn, user).await?;
    let credit_notes = store::credit_notes_of(&conn, user).await?;
    Ok(Json(Held { invoices, credit_notes }))
}

/// Notes that a customer was erased. Invoices stay: the law requires them, with whom they were made out to.
pub async fn note_erasure(tx: &mut Tx, event: &Event) -> Result<()> {
    #[derive(Deserialize)]
    struct Erased {
        user_id: Option<UserId>,
        customer_id: CustomerId,
    }
    let Erased { user_id, customer_id } = event.data()?;
    match user_id {
        Some(user) => Ok(store::note_erasure(tx, customer_id, user, event.time).await?),
        None => Ok(()),
    }
}
