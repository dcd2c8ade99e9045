//! Reservations: units that are promised to an order, until it is paid or given up.

use crate::item;
use crate::model::{Reservation, State};
use crate::problem::Refused;
use crate::rules::{self, Wanted};
use crate::store::reservation::{self as store, Stored};
use axum::Json;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use souk_kit::id::{OrderId, VariantId};
use souk_kit::permission::scope::INVENTORY_READ;
use souk_kit::problem::ProblemDocument;
use souk_kit::turn::Turns;
use souk_kit::{Caller, Ctx, DbError, PathId, Problem, Result, Subject, Timestamp, Valid};
use std::time::Duration;
use utoipa::ToSchema;

/// Lines of an order.
pub const MAX_LINES: usize = 200;
/// Units of a line.
const MAX_QUANTITY: i64 = 1_000_000;
/// A week.
const LONGEST_S: u64 = 7 * 24 * 3600;
/// A quarter of a year.
const FURTHEST: Duration = Duration::from_secs(92 * 24 * 3600);
/// How often somebody else may be faster before the caller is asked to come again.
const TRIES: usize = 10;

/// Buyers of one instance, one at a time: they would queue for the write lock anyway. And who comes after the last unit is
/// gone sees so without asking for the lock at all.
static QUEUE: Turns = Turns::new();

/// The only caller.
pub const ORDERS: &str = "orders";

/// What is to be reserved.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// All of them or nothing.
    #[garde(length(min = 1, max = MAX_LINES), dive)]
    lines: Vec<WantedLine>,
    /// After so many seconds it ends unless it is committed; a quarter of an hour if absent.
    #[serde(default = "quarter_of_an_hour")]
    #[garde(range(min = 1, max = LONGEST_S))]
    expires_in_s: u64,
}

const fn quarter_of_an_hour() -> u64 {
    900
}

/// Units of one variant.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WantedLine {
    /// Which variant.
    #[garde(skip)]
    pub variant_id: VariantId,
    /// How many.
    #[garde(range(min = 1, max = MAX_QUANTITY))]
    pub quantity: i64,
}

/// How much of which variant lines name.
pub fn wanted(lines: &[WantedLine]) -> Wanted {
    rules::merged(lines.iter().map(|line| (line.variant_id, line.quantity)))
}

/// Reserve units for an order, all or nothing. For the service orders. Repeating it changes nothing and answers the same.
#[utoipa::path(put, path = "/inventory/reservations/{order_id}", tag = "inventory", request_body = Reserve,
    params(("order_id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "It was reserved before", body = Reservation),
        (status = 201, description = "Reserved", body = Reservation),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`out-of-stock`, `reservation-state`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn reserve(
    ctx: Ctx,
    caller: Caller,
    PathId(order): PathId<OrderId>,
    Valid(request): Valid<Reserve>,
) -> Result<(StatusCode, Json<Reservation>)> {
    caller.must_be_service(ORDERS)?;
    let wanted = wanted(&request.lines);
    let turn = QUEUE.take(ctx.time_left()).await;
    let conn = ctx.conn().await?;
    for _ in 0..TRIES {
        if ctx.time_left().is_zero() {
            break;
        }
        let now = Timestamp::now();
        let seen = store::look(&conn, order, &wanted, now).await?;
        match seen.existing {
            Some(existing) if !is_due(&existing) => return repeated(existing, &wanted),
            Some(_) => {
                store::expire(&conn, now).await?;
                continue;
            }
            None => {}
        }
        let plan = match rules::allocate(&wanted, &seen.free) {
            Ok(plan) => plan,
            Err(_) if seen.some_are_due && store::expire(&conn, now).await? > 0 => continue,
            Err(short) => return Err(Refused::OutOfStock(short).into()),
        };
        let until = now.after(Duration::from_secs(request.expires_in_s));
        match store::hold(&conn, order, &plan, (now, until)).await {
            Ok(held) => {
                drop(turn);
                item::publish_after(&ctx, held.is_news).await;
                return Ok((StatusCode::CREATED, Json(held.stored.into())));
            }
            // Somebody was faster, for these units or for this order: look again.
            Err(error) if error.violates("never_oversold") || error.violates("reservation.order_id") => {}
            // Nothing was done: whoever has the lock may have taken the last unit, which a look tells.
            Err(DbError::Busy) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::unavailable("others were faster every time"))
}

/// Whether its time has come, though nobody has ended it yet.
pub fn is_due(stored: &Stored) -> bool {
    stored.state == State::Open && stored.expires_at.is_some_and(Timestamp::has_passed)
}

/// The answer when the order has a reservation: the same one, if it is of the same lines.
fn repeated(existing: Stored, wanted: &Wanted) -> Result<(StatusCode, Json<Reservation>)> {
    let held = rules::merged(existing.allocations.iter().map(|it| (it.variant, it.quantity)));
    if held == *wanted {
        return Ok((StatusCode::OK, Json(existing.into())));
    }
    let why = "The order has a reservation of other lines: change it, or release it first.";
    Err(Refused::ReservationState { state: existing.state, why }.into())
}

/// Read an order's reservation: the one that it has, or the last that it had.
#[utoipa::path(get, path = "/inventory/reservations/{order_id}", tag = "inventory",
    security(("bearer" = ["inventory:read"])),
    params(("order_id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, body = Reservation),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn read(ctx: Ctx, caller: Caller, PathId(order): PathId<OrderId>) -> Result<Json<Reservation>> {
    if caller.subject != Subject::Service {
        caller.needs(INVENTORY_READ)?;
    }
    let found = store::find(&ctx.conn().await?, order).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(found.into()))
}

/// Until when units are to be held.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// Within a quarter of a year.
    #[garde(custom(foreseeable))]
    until: Timestamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn foreseeable(until: &Timestamp, (): &()) -> garde::Result {
    match until.remaining() <= FURTHEST {
        true => Ok(()),
        false => Err(garde::Error::new("must be within a quarter of a year")),
    }
}

/// Hold an order's reservation for longer: until then at least, unless it is committed. For the service orders; can be
/// repeated. A reservation that has ended is not begun anew.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/extend", tag = "inventory", request_body = Extend,
    params(("order_id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "Held until then or longer", body = Reservation),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`reservation-state`: it has ended", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn extend(
    ctx: Ctx,
    caller: Caller,
    PathId(order): PathId<OrderId>,
    Valid(request): Valid<Extend>,
) -> Result<Json<Reservation>> {
    caller.must_be_service(ORDERS)?;
    let conn = ctx.conn().await?;
    if let Some(extended) = store::extend(&conn, order, (Timestamp::now(), request.until)).await? {
        return Ok(Json(extended.into()));
    }
    let found = store::find(&conn, order).await?.ok_or_else(Problem::not_found)?;
    match found.state {
        State::Committed | State::Shipped => Ok(Json(found.into())),
        state @ (State::Open | State::Released | State::Expired) => {
            Err(Refused::ReservationState { state, why: "The reservation has ended." }.into())
        }
    }
}

/// Make an order's reservation last until it is shipped or released. For the service orders; can be repeated.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/commit", tag = "inventory",
    params(("order_id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "Committed", body = Reservation),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`reservation-state`: it has ended", body = ProblemDocument)))]
pub async fn commit(ctx: Ctx, caller: Caller, PathId(order): PathId<OrderId>) -> Result<Json<Reservation>> {
    caller.must_be_service(ORDERS)?;
    let conn = ctx.conn().await?;
    if let Some(committed) = store::commit(&conn, order, Timestamp::now()).await? {
        return Ok(Json(committed.into()));
    }
    let found = store::find(&conn, order).await?.ok_or_else(Problem::not_found)?;
    match found.state {
        State::Committed | State::Shipped => Ok(Json(found.into())),
        // Made by a repetition of the first call, after the look.
        State::Open => Err(Problem::unavailable("the reservation has just been made")),
        state @ (State::Released | State::Expired) => {
            Err(Refused::ReservationState { state, why: "The reservation has ended." }.into())
        }
    }
}

/// Give up what an order's reservation still holds. For the service orders; can be repeated.
#[utoipa::path(post, path = "/inventory/reservations/{order_id}/release", tag = "inventory",
    params(("order_id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "Released, or expired before", body = Reservation),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`reservation-state`: all of it has left", body = ProblemDocument)))]
pub async fn release(ctx: Ctx, caller: Caller, PathId(order): PathId<OrderId>) -> Result<Json<Reservation>> {
    caller.must_be_service(ORDERS)?;
    let conn = ctx.conn().await?;
    if let Some(released) = store::release(&conn, order, Timestamp::now()).await? {
        item::publish_after(&ctx, released.is_news).await;
        return Ok(Json(released.stored.into()));
    }
    let found = store::find(&conn, order).await?.ok_or_else(Problem::not_found)?;
    match found.state {
        State::Released | State::Expired => Ok(Json(found.into())),
        State::Open | State::Committed => Err(Problem::unavailable("the reservation has just been made")),
        state @ State::Shipped => Err(Refused::ReservationState { state, why: "All of it has left." }.into()),
    }
}
