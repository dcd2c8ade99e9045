//! Counts: somebody has looked what really lies there.

use crate::item::{self, MAX_UNITS};
use crate::model::{Kind, Movement};
use crate::movement::must_be_locations;
use crate::store::movement as store;
use axum::Json;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::id::{LocationId, MovementId, VariantId};
use souk_kit::permission::scope::INVENTORY_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::{Attempt, Caller, Ctx, FieldError, Problem, Result, Submit, Timestamp};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Lines of one count. Its transaction holds up every buyer, for some 20 ms.
const MAX_LINES: usize = 1000;

/// What was counted at a location.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Where.
    #[garde(skip)]
    location_id: LocationId,
    /// In words.
    #[garde(length(chars, min = 1, max = 200), custom(text::line))]
    reason: String,
    /// At most 1,000 variants, each once.
    #[garde(length(min = 1, max = MAX_LINES), dive)]
    counts: Vec<Counted>,
}

/// What was counted of a variant.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// The variant.
    #[garde(skip)]
    variant_id: VariantId,
    /// How many units lie there.
    #[garde(range(min = 0, max = MAX_UNITS))]
    on_hand: i64,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// So many were thought to be there.
    Unchanged,
    /// An adjustment was made.
    Adjusted,
    /// Fewer were counted than are reserved: nothing was done.
    Reserved,
}

/// What became of a line of a count.
#[derive(Debug, Serialize, ToSchema)]
pub struct Line {
    /// The variant.
    variant_id: VariantId,
    /// What was done.
    outcome: Outcome,
    /// How many units were thought to be there.
    before: i64,
    /// How many of them are reserved.
    reserved: i64,
    /// How many were counted.
    counted: i64,
}

/// What became of a count.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountReport {
    /// In the order of the request.
    lines: Vec<Line>,
}

/// Say what was counted at a location. What differs becomes an adjustment, line by line.
#[utoipa::path(post, path = "/inventory/counts", tag = "inventory", request_body = Count,
    security(("bearer" = ["inventory:write"])),
    params(("Idempotency-Key" = String, Header, description = "New for each count")),
    responses(
        (status = 200, description = "What became of each line", body = CountReport),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn count(ctx: Ctx, caller: Caller, request: Submit<Count>) -> Result<Response> {
    caller.needs(INVENTORY_WRITE)?;
    let (count, once) = (request.body, request.once.required()?);
    let variants = each_once(&count.counts)?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    must_be_locations(&tx, &[("/location_id", Some(count.location_id))]).await?;
    let lying = store::lying(&tx, count.location_id, &variants).await?;
    let lines: Vec<Line> = count
        .counts
        .iter()
        .map(|counted| judge(counted, lying.get(&counted.variant_id).copied().unwrap_or_default()))
        .collect();
    let author = caller.subject.to_string();
    let adjusted = lines.iter().filter(|line| line.outcome == Outcome::Adjusted);
    let movements: Vec<Movement> = adjusted.map(|line| adjustment(&count, line, &author)).collect();
    if !movements.is_empty() {
        store::write(&tx, &movements).await?;
        item::publish(&tx).await?;
    }
    once.commit(tx, Json(CountReport { lines })).await
}

fn each_once(counts: &[Counted]) -> Result<Vec<VariantId>> {
    let mut seen = BTreeSet::new();
    let twice = counts.iter().enumerate().filter(|(_, counted)| !seen.insert(counted.variant_id));
    let errors: Vec<_> = twice
        .map(|(index, _)| FieldError::at(format!("/counts/{index}/variant_id"), "is there twice"))
        .collect();
    match errors.is_empty() {
        true => Ok(counts.iter().map(|counted| counted.variant_id).collect()),
        false => Err(Problem::invalid(errors)),
    }
}

fn judge(counted: &Counted, (before, reserved): (i64, i64)) -> Line {
    let outcome = match counted.on_hand {
        on_hand if on_hand == before => Outcome::Unchanged,
        on_hand if on_hand < reserved => Outcome::Reserved,
        _ => Outcome::Adjusted,
    };
    Line { variant_id: counted.variant_id, outcome, before, reserved, counted: counted.on_hand }
}

fn adjustment(count: &Count, line: &Line, author: &str) -> Movement {
    Movement {
        id: MovementId::new(),
        kind: Kind::Adjust,
        variant_id: line.variant_id,
        location_id: count.location_id,
        quantity: line.counted - line.before,
        other_location_id: None,
        order_id: None,
        reason: count.reason.clone(),
        author: author.to_owned(),
        created_at: Timestamp::now(),
    }
}
