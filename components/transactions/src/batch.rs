//! Batches: many transactions in one request, all or none, or each for itself.

use crate::access::Who;
use crate::desk::Desk;
use crate::input::NewTransaction;
use crate::model::Transaction;
use crate::rules::book::Book;
use crate::rules::state::State;
use crate::store::book::{self as store, Needed};
use crate::{books, config, event, transaction};
use axum::response::Response;
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use souk_kit::id::{BatchId, TransactionId};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Attempt, Caller, Ctx, FieldError, Problem, Result, Submit, Timestamp};
use utoipa::ToSchema;

/// Transactions of one batch.
const MAX_TRANSACTIONS: usize = 1000;

/// Transactions that are to be made in this order.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBatch {
    /// 1 to 1000 of them, without quotes.
    #[garde(length(min = 1, max = MAX_TRANSACTIONS), dive)]
    transactions: Vec<NewTransaction>,
    /// All or none, which is so if it is absent; else each for itself.
    #[serde(default = "linked")]
    #[garde(skip)]
    linked: bool,
}

const fn linked() -> bool {
    true
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct Batch {
    /// Its id.
    id: BatchId,
    /// Whether it was all or none.
    linked: bool,
    /// What became of each, in their order.
    transactions: Vec<Outcome>,
}

/// What became of a transaction of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Outcome {
    /// It was made.
    Made {
        /// Its id.
        id: TransactionId,
        /// Where it stands.
        state: State,
    },
    /// It was refused, and moved nothing.
    Refused {
        /// Why.
        problem: OutcomeProblem,
    },
}

/// Why a transaction of a batch was refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomeProblem {
    /// URI reference of the kind.
    #[serde(rename = "type")]
    kind: String,
    /// The status that it would have had alone.
    status: u16,
    /// What happened.
    detail: String,
    /// The fields that are to blame.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl From<&Transaction> for Outcome {
    fn from(it: &Transaction) -> Self {
        Self::Made { id: it.id, state: it.state }
    }
}

impl From<Problem> for Outcome {
    fn from(problem: Problem) -> Self {
        let spec = problem.spec();
        let (kind, status) = (format!("/problems/{}", spec.kind), spec.status);
        let (detail, errors) = (problem.detail().to_owned(), problem.errors().to_vec());
        Self::Refused { problem: OutcomeProblem { kind, status, detail, errors } }
    }
}

/// Make many transactions, in their order: all or none (`linked`), or each for itself.
#[utoipa::path(post, path = "/transactions/batches", tag = "transactions", request_body = NewBatch,
    security(("bearer" = ["account"])),
    params(("Idempotency-Key" = String, Header, description = "New for each batch: repeated, it moves nothing more")),
    responses(
        (status = 201, description = "Done", body = Batch),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "As for a transaction; nothing was moved", body = ProblemDocument),
        (status = 422, description = "As for a transaction; nothing was moved", body = ProblemDocument)))]
pub async fn create(ctx: Ctx, caller: Caller, request: Submit<NewBatch>) -> Result<Response> {
    let who = Who::of(&caller)?;
    let (new, once) = (request.body, request.once.required()?);
    let (now, config) = (Timestamp::now(), config::load().await?);
    let wrong: Vec<_> =
        new.transactions.iter().enumerate().map(|(index, it)| errors(index, it, now)).collect();
    if new.linked && wrong.iter().any(|errors| !errors.is_empty()) {
        return Err(Problem::invalid(wrong.into_iter().flatten().take(MAX_ERRORS).collect()));
    }
    let beneficiaries = transaction::named(&ctx, &who, &new.transactions).await?;
    let mut needed = Needed::default();
    new.transactions.iter().for_each(|it| it.needs(config, &beneficiaries, &mut needed));
    needed.dedup();
    let id = BatchId::new();
    let desk =
        Desk { who: &who, config, beneficiaries: &beneficiaries, batch: Some(id), received: None, now };
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut book = books::open(&tx, &needed, config, now).await?;
    let mut outcomes = Vec::with_capacity(new.transactions.len());
    for (index, (new_one, wrong)) in new.transactions.iter().zip(wrong).enumerate() {
        let made = match wrong.is_empty() {
            true => enter(&desk, new_one, &mut book),
            false => Err(Problem::invalid(wrong)),
        };
        match made {
            Err(problem) if new.linked => return Err(of_item(index, problem)),
            made => outcomes.push(made.unwrap_or_else(Outcome::from)),
        }
    }
    store::write(&tx, &book, now).await?;
    event::tell_all(&tx, &book).await?;
    let done = Batch { id, linked: new.linked, transactions: outcomes };
    once.commit(tx, (StatusCode::CREATED, axum::Json(done))).await
}

/// The most errors that one answer lists.
const MAX_ERRORS: usize = 50;

fn errors(index: usize, it: &NewTransaction, now: Timestamp) -> Vec<FieldError> {
    let mut errors = it.errors(now);
    if it.quote.is_some() {
        errors.push(FieldError::at("/quote", "does not belong into a batch"));
    }
    errors.into_iter().map(|error| within(index, error)).collect()
}

fn within(index: usize, error: FieldError) -> FieldError {
    match error.pointer {
        Some(pointer) => FieldError::at(format!("/transactions/{index}{pointer}"), error.detail),
        None => error,
    }
}

fn enter(desk: &Desk<'_>, new: &NewTransaction, book: &mut Book) -> Result<Outcome> {
    let draft = desk.draft(new, book, TransactionId::new())?;
    Ok(Outcome::from(book.enter(draft, desk.now)?))
}

/// The refusal of a whole batch for one of its transactions.
fn of_item(index: usize, problem: Problem) -> Problem {
    if !problem.errors().is_empty() {
        return Problem::invalid(
            problem.errors().iter().cloned().map(|error| within(index, error)).collect(),
        );
    }
    let detail = format!("Transaction {index} (counted from 0): {}", problem.detail());
    problem.with_detail(detail)
}
