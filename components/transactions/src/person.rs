//! What is held on a person: their accounts, and whom they send money to.

use crate::beneficiary::Beneficiary;
use crate::store;
use crate::view::AccountView;
use axum::Json;
use serde::Serialize;
use souk_kit::id::UserId;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Event, PathId, Result, Tx};
use utoipa::ToSchema;

/// More than anybody may have of either.
const MOST: u32 = 1000;

/// What is held on a person, but for the transactions of their accounts: those are in their statements.
#[derive(Debug, Serialize, ToSchema)]
pub struct LedgerOfPerson {
    /// The oldest first.
    accounts: Vec<AccountView>,
    /// The oldest first.
    beneficiaries: Vec<Beneficiary>,
}

/// Tell customers what is held on a person.
#[utoipa::path(get, path = "/internal/persons/{user_id}", tag = "transactions",
    params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 200, body = LedgerOfPerson), (status = 403, body = ProblemDocument)))]
pub async fn told(ctx: Ctx, caller: Caller, PathId(user): PathId<UserId>) -> Result<Json<LedgerOfPerson>> {
    caller.must_be_service("customers")?;
    let conn = ctx.conn().await?;
    let accounts = store::account::list(&conn, Some(user), 0, MOST).await?;
    let beneficiaries = store::beneficiary::list(&conn, user, None, MOST).await?;
    Ok(Json(LedgerOfPerson { accounts: accounts.iter().map(AccountView::from).collect(), beneficiaries }))
}

/// An account of the suite is gone: whom its owner sent money to is forgotten. The ledger stays as it is, as the law wants
/// books to be kept.
pub async fn forget(tx: &mut Tx, event: &Event) -> Result<()> {
    Ok(store::beneficiary::forget_of(tx, &event.subject).await?)
}
