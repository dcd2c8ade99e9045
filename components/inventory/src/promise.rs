//! Promises kept: reserved units that leave, and those that come back.

use crate::item;
use crate::model::{Kind, Movement, Reservation, State};
use crate::problem::Refused;
use crate::reservation::{ORDERS, WantedLine, wanted};
use crate::rules::{self, Units, Wanted};
use crate::store::movement;
use crate::store::reservation::{self as store, Allocation, Stored};
use axum::Json;
use axum::response::Response;
use garde::Validate;
use serde::Deserialize;
use souk_kit::id::{MovementId, OrderId};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Attempt, Caller, Ctx, PathId, Problem, Result, Submit, Timestamp, Tx};
use utoipa::ToSchema;

/// Lines of a shipment or a return.
const MAX_LINES: usize = 200;

/// What leaves.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ship {
    /// All that has not left yet, if absent.
    #[serde(default)]
    #[garde(length(min = 1, max = MAX_LINES), dive)]
    lines: Option<Vec<WantedLine>>,
}

/// What comes back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeBack {
    /// No more than has left.
    #[garde(length(min = 1, max = MAX_LINES), dive)]
    lines: Vec<WantedLine>,
    /// Whether it is put where it was, to be sold again.
    #[garde(skip)]
    restock: bool,
}

/// Ship committed units of an order: they leave the stock. For the service orders. With lines it needs a key, so that a
/// repetition ships nothing more; without lines it ships what is left.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/ship", tag = "inventory", request_body = Ship,
    params(("order_id" = OrderId, Path, description = "The order"),
        ("Idempotency-Key" = Option<String>, Header, description = "Required with lines")),
    responses(
        (status = 200, description = "Shipped", body = Reservation),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`reservation-state`, `reservation-lines`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn ship(
    ctx: Ctx,
    caller: Caller,
    PathId(order): PathId<OrderId>,
    request: Submit<Ship>,
) -> Result<Response> {
    caller.must_be_service(ORDERS)?;
    let once = if request.body.lines.is_some() { request.once.required()? } else { request.once };
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut stored = store::find(&tx, order).await?.ok_or_else(Problem::not_found)?;
    let units = match (stored.state, &request.body.lines) {
        (State::Committed, Some(lines)) => taken(&wanted(lines), &stored, |it| it.held)?,
        (State::Committed, None) => with_room(&stored, |it| it.held),
        (State::Shipped, None) => Vec::new(),
        (state, _) => return Err(Refused::ReservationState { state, why: "It is not committed." }.into()),
    };
    if !units.is_empty() {
        leave(&tx, &mut stored, &units, &caller).await?;
        item::publish(&tx).await?;
    }
    once.commit(tx, Json(Reservation::from(stored))).await
}

/// Take back units of an order that had left. For the service orders.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/return", tag = "inventory", request_body = TakeBack,
    params(("order_id" = OrderId, Path, description = "The order"),
        ("Idempotency-Key" = String, Header, description = "New for each return")),
    responses(
        (status = 200, description = "Taken back", body = Reservation),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`reservation-lines`: so many have not left", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn take_back(
    ctx: Ctx,
    caller: Caller,
    PathId(order): PathId<OrderId>,
    request: Submit<TakeBack>,
) -> Result<Response> {
    caller.must_be_service(ORDERS)?;
    let once = request.once.required()?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut stored = store::find(&tx, order).await?.ok_or_else(Problem::not_found)?;
    let units = taken(&wanted(&request.body.lines), &stored, |it| it.shipped - it.returned)?;
    store::take_back(&tx, &stored, &units).await?;
    for (it, quantity) in of_each(&mut stored, &units) {
        it.returned += quantity;
    }
    if request.body.restock {
        let movements = movements(Kind::Return, &stored, &units, &caller);
        movement::write(&tx, &movements).await?;
        item::publish(&tx).await?;
    }
    once.commit(tx, Json(Reservation::from(stored))).await
}

/// Notes first that the units are reserved no more, then that they have left: what is on hand is never less than reserved.
async fn leave(tx: &Tx, stored: &mut Stored, units: &[Units], caller: &Caller) -> Result<()> {
    for (it, quantity) in of_each(stored, units) {
        it.held -= quantity;
        it.shipped += quantity;
    }
    let all = stored.allocations.iter().all(|it| it.held == 0);
    stored.state = if all { State::Shipped } else { State::Committed };
    store::ship(tx, stored, units, Timestamp::now()).await?;
    Ok(movement::write(tx, &movements(Kind::Ship, stored, units, caller)).await?)
}

/// The allocations that units are taken from, and how many from each.
fn of_each<'a>(
    stored: &'a mut Stored,
    units: &'a [Units],
) -> impl Iterator<Item = (&'a mut Allocation, i64)> {
    stored.allocations.iter_mut().filter_map(|it| {
        let of_it = units.iter().find(|units| units.0 == it.variant && units.1 == it.location)?;
        Some((it, of_it.2))
    })
}

/// All that a reservation has room for.
fn with_room(stored: &Stored, room: impl Fn(&Allocation) -> i64) -> Vec<Units> {
    let all = stored.allocations.iter().map(|it| Units(it.variant, it.location, room(it)));
    all.filter(|units| units.2 > 0).collect()
}

/// Where named units are taken from.
fn taken(wanted: &Wanted, stored: &Stored, room: impl Fn(&Allocation) -> i64) -> Result<Vec<Units>> {
    Ok(rules::allocate(wanted, &with_room(stored, room)).map_err(Refused::ReservationLines)?)
}

fn movements(kind: Kind, stored: &Stored, units: &[Units], caller: &Caller) -> Vec<Movement> {
    let sign = if kind == Kind::Ship { -1 } else { 1 };
    let reason = match kind {
        Kind::Ship => "shipped for an order",
        _ => "came back from an order",
    };
    let movement = |Units(variant, location, quantity): &Units| Movement {
        id: MovementId::new(),
        kind,
        variant_id: *variant,
        location_id: *location,
        quantity: sign * quantity,
        other_location_id: None,
        order_id: Some(stored.order),
        reason: reason.into(),
        author: caller.subject.to_string(),
        created_at: Timestamp::now(),
    };
    units.iter().map(movement).collect()
}
