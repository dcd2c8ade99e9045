//! A reservation of other lines: an order that changes before it is paid.

use crate::item;
use crate::model::{Reservation, State};
use crate::problem::Refused;
use crate::reservation::{MAX_LINES, ORDERS, WantedLine, is_due, wanted};
use crate::rules::{self, Units, Wanted};
use crate::store::reservation::{self as store, Stored};
use axum::Json;
use garde::Validate;
use serde::Deserialize;
use souk_kit::id::OrderId;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Problem, Result, Timestamp, Tx, Valid};
use utoipa::ToSchema;

/// What is to be held instead.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// All of them or nothing: then what was held stays held.
    #[garde(length(min = 1, max = MAX_LINES), dive)]
    lines: Vec<WantedLine>,
    /// Grows with every change: an older one than the last changes nothing.
    #[garde(range(min = 1))]
    revision: i64,
}

/// Change the lines of an order's reservation, all or nothing. For the service orders. Units that stay are never free for
/// others; a reservation that has ended is not begun anew. Repeating it changes nothing and answers the same.
#[utoipa::path(patch, path = "/inventory/reservations/{order_id}", tag = "inventory", request_body = Exchange,
    params(("order_id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "Changed", body = Reservation),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`out-of-stock`; `reservation-state`: it is committed, has ended, or a later change came first",
            body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn exchange(
    ctx: Ctx,
    caller: Caller,
    PathId(order): PathId<OrderId>,
    Valid(request): Valid<Exchange>,
) -> Result<Json<Reservation>> {
    caller.must_be_service(ORDERS)?;
    let (wanted, now) = (wanted(&request.lines), Timestamp::now());
    let tx = ctx.begin().await?;
    let mut stored = store::find(&tx, order).await?.ok_or_else(Problem::not_found)?;
    let held = rules::merged(stored.allocations.iter().map(|it| (it.variant, it.quantity)));
    if stored.state == State::Open && stored.revision == request.revision && held == wanted {
        return Ok(Json(stored.into()));
    }
    must_allow(&stored, request.revision)?;
    let plan = find(&tx, &stored, &wanted, now).await?;
    store::hold_instead(&tx, &mut stored, &plan, (request.revision, now)).await?;
    item::publish(&tx).await?;
    tx.commit().await?;
    Ok(Json(stored.into()))
}

fn must_allow(stored: &Stored, revision: i64) -> Result<()> {
    let why = match stored.state {
        State::Open if is_due(stored) => "The reservation has ended.",
        State::Open if revision > stored.revision => return Ok(()),
        State::Open => "It has been changed since.",
        State::Committed | State::Shipped => "It is committed.",
        State::Released | State::Expired => "The reservation has ended.",
    };
    Err(Refused::ReservationState { state: stored.state, why }.into())
}

/// Where the units are, when those whose time has come make room if they must.
async fn find(tx: &Tx, stored: &Stored, wanted: &Wanted, now: Timestamp) -> Result<Vec<Units>> {
    let held: Vec<Units> =
        stored.allocations.iter().map(|it| Units(it.variant, it.location, it.held)).collect();
    let seen = store::look(tx, stored.order, wanted, now).await?;
    let short = match rules::changed(&held, wanted, &seen.free) {
        Ok(plan) => return Ok(plan),
        Err(short) => short,
    };
    if !seen.some_are_due || store::expire(tx, now).await? == 0 {
        return Err(Refused::OutOfStock(short).into());
    }
    let seen = store::look(tx, stored.order, wanted, now).await?;
    Ok(rules::changed(&held, wanted, &seen.free).map_err(Refused::OutOfStock)?)
}
