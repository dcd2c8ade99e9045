//! What happens to paid orders: parcels leave and arrive, goods come back.

use crate::buyer::Buyer;
use crate::life;
use crate::model::{MAX_LINES, Order, OrderLine, Return, ReturnState, Shipment, Units, some_lines};
use crate::problem::OrdersError;
use crate::saga;
use crate::state::State;
use crate::store::order;
use crate::store::step::Kind;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::{OrderId, ReturnId, ShipmentId};
use souk_kit::permission::scope::ORDERS_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Attempt, Caller, Ctx, PathId, PathIds, Problem, Result, Submit, Tagged, Timestamp, Valid};
use utoipa::ToSchema;

/// Begin with an order: from now on its buyer cannot call it off.
#[utoipa::path(post, path = "/orders/{id}/fulfil", tag = "fulfilment", params(("id" = OrderId, Path, description = "The order")),
    security(("bearer" = ["orders:write"])), responses((status = 200, body = Order), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument, description = "`order-state`")))]
pub async fn begin(ctx: Ctx, caller: Caller, PathId(id): PathId<OrderId>) -> Result<Tagged<Order>> {
    caller.needs(ORDERS_WRITE)?;
    let tx = ctx.begin().await?;
    let mut stored = order::find(&tx, id).await?;
    life::advance(&tx, &mut stored, State::Fulfilling, &caller.subject.to_string(), "picking began").await?;
    tx.commit().await?;
    Ok(Tagged::new(stored.version, stored.order))
}

/// A parcel to send.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShipment {
    /// Who carries it.
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(example = "Colissimo")]
    carrier: String,
    /// The carrier's number for it.
    #[garde(inner(length(chars, min = 1, max = 100)))]
    #[serde(default)]
    tracking_number: Option<String>,
    /// Where the carrier shows it.
    #[garde(inner(url, length(max = 500), prefix("https://")))]
    #[serde(default)]
    tracking_url: Option<String>,
    /// What is in it; everything that has not left yet if absent.
    #[garde(custom(some_lines), dive)]
    #[serde(default)]
    lines: Option<Vec<Units>>,
}

/// Send a parcel: all of the order, or some lines of it.
#[utoipa::path(post, path = "/orders/{id}/shipments", tag = "fulfilment", params(("id" = OrderId, Path, description = "The order"),
    ("Idempotency-Key" = String, Header, description = "Makes the request repeatable")), security(("bearer" = ["orders:write"])),
    request_body = NewShipment, responses((status = 201, body = Order), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument, description = "`order-state`, `quantity-exceeds`"),
    (status = 422, body = ProblemDocument)))]
pub async fn ship(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    request: Submit<NewShipment>,
) -> Result<Response> {
    caller.needs(ORDERS_WRITE)?;
    let Submit { body, once } = request;
    let once = once.required()?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut stored = order::find(&tx, id).await?;
    let lines = body.lines.unwrap_or_else(|| unsent(&stored.order.lines));
    take(&mut stored.order.lines, &lines, |line| (&mut line.shipped, line.line.quantity))?;
    let all = stored.order.lines.iter().all(|line| line.shipped == line.line.quantity);
    let shipment = Shipment {
        id: ShipmentId::new(),
        carrier: body.carrier,
        tracking_number: body.tracking_number,
        tracking_url: body.tracking_url,
        lines,
        shipped_at: Timestamp::now(),
        delivered_at: None,
    };
    let number = shipment.tracking_number.as_deref().unwrap_or("no number");
    let told = format!("sent with {}, {number}", shipment.carrier);
    let facts = json!({
        "order_id": id, "shipment_id": shipment.id,
        "lines": life::by_variant(&stored.order.lines, &shipment.lines),
    });
    stored.order.shipments.push(shipment);
    let author = caller.subject.to_string();
    let next = if all { State::Shipped } else { State::PartiallyShipped };
    match (stored.order.state, next) {
        // A second part of several.
        (State::PartiallyShipped, State::PartiallyShipped) => {
            order::update(&tx, &mut stored).await?;
            order::note(&tx, id, next, &author, &told).await?;
        }
        _ => life::advance(&tx, &mut stored, next, &author, &told).await?,
    }
    let lines = json!({"lines": facts["lines"]});
    saga::add(&tx, id, Kind::Ship, facts["shipment_id"].as_str().unwrap_or_default(), lines).await?;
    tx.emit("souk.order.shipped", id, facts).await?;
    let once = once.about(stored.owner.user_id);
    once.commit(tx, (StatusCode::CREATED, Tagged::new(stored.version, stored.order)).into_response()).await
}

fn unsent(lines: &[OrderLine]) -> Vec<Units> {
    lines
        .iter()
        .map(|line| Units { line_id: line.line.id, quantity: line.line.quantity - line.shipped })
        .filter(|units| units.quantity > 0)
        .collect()
}

/// Counts units of lines: `count` gives the counter of a line and how far it may go.
fn take(
    lines: &mut [OrderLine],
    units: &[Units],
    count: impl Fn(&mut OrderLine) -> (&mut u32, u32),
) -> Result<()> {
    for Units { line_id, quantity } in units {
        let exceeds = || OrdersError::QuantityExceeds(line_id.to_string());
        let line = lines.iter_mut().find(|line| line.line.id == *line_id).ok_or_else(exceeds)?;
        let (counter, most) = count(line);
        *counter = counter.checked_add(*quantity).filter(|all| *all <= most).ok_or_else(exceeds)?;
    }
    Ok(())
}

/// Say that a parcel has arrived. The order is delivered once all of it has.
#[utoipa::path(post, path = "/orders/{id}/shipments/{shipment}/deliver", tag = "fulfilment",
    params(("id" = OrderId, Path, description = "The order"), ("shipment" = ShipmentId, Path, description = "The parcel")),
    security(("bearer" = ["orders:write"])), responses((status = 200, body = Order), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument)))]
pub async fn deliver(
    ctx: Ctx,
    caller: Caller,
    PathIds(id, shipment): PathIds<OrderId, ShipmentId>,
) -> Result<Tagged<Order>> {
    caller.needs(ORDERS_WRITE)?;
    let tx = ctx.begin().await?;
    let mut stored = order::find(&tx, id).await?;
    let parcel = stored.order.shipments.iter_mut().find(|parcel| parcel.id == shipment);
    let parcel = parcel.ok_or_else(Problem::not_found)?;
    if parcel.delivered_at.is_some() {
        tx.rollback().await?;
        return Ok(Tagged::new(stored.version, stored.order));
    }
    parcel.delivered_at = Some(Timestamp::now());
    let author = caller.subject.to_string();
    let all = stored.order.shipments.iter().all(|parcel| parcel.delivered_at.is_some());
    if all && stored.order.state == State::Shipped {
        life::advance(&tx, &mut stored, State::Delivered, &author, "delivered").await?;
    } else {
        order::update(&tx, &mut stored).await?;
        order::note(&tx, id, stored.order.state, &author, "a parcel was delivered").await?;
    }
    tx.commit().await?;
    Ok(Tagged::new(stored.version, stored.order))
}

/// Goods to send back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReturn {
    /// What.
    #[garde(length(min = 1, max = MAX_LINES), dive)]
    lines: Vec<Units>,
    /// Why.
    #[garde(length(chars, min = 1, max = 500))]
    reason: String,
}

/// Ask to send goods back that have left.
#[utoipa::path(post, path = "/orders/{id}/returns", tag = "fulfilment", params(("id" = OrderId, Path, description = "The order"),
    ("Idempotency-Key" = String, Header, description = "Makes the request repeatable"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's order")), security((), ("bearer" = ["account"])),
    request_body = NewReturn, responses((status = 201, body = Order), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`order-state`, `quantity-exceeds`"), (status = 422, body = ProblemDocument)))]
pub async fn ask_return(
    ctx: Ctx,
    buyer: Buyer,
    PathId(id): PathId<OrderId>,
    request: Submit<NewReturn>,
) -> Result<Response> {
    let Submit { body, once } = request;
    let once = once.required()?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut stored = order::find(&tx, id).await?;
    buyer.must_change(&stored.owner)?;
    if !stored.order.state.has_left() {
        return Err(OrdersError::State(stored.order.state).into());
    }
    take(&mut stored.order.lines, &body.lines, |line| (&mut line.returned, line.shipped))?;
    stored.order.returns.push(Return {
        id: ReturnId::new(),
        state: ReturnState::Requested,
        lines: body.lines,
        reason: body.reason.clone(),
        requested_at: Timestamp::now(),
        decided_at: None,
    });
    order::update(&tx, &mut stored).await?;
    let told = format!("return requested: {}", body.reason);
    order::note(&tx, id, stored.order.state, &buyer.author(), &told).await?;
    let once = once.about(stored.owner.user_id);
    once.commit(tx, (StatusCode::CREATED, Tagged::new(stored.version, stored.order)).into_response()).await
}

/// How a return ends.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Whether the goods were taken back.
    #[garde(skip)]
    accepted: bool,
    /// Whether they can be sold again; yes if absent.
    #[garde(skip)]
    #[serde(default = "yes")]
    restock: bool,
    /// What is given back, in minor units of the order's currency; what was paid for the units if absent.
    #[garde(inner(range(min = 0)))]
    #[serde(default)]
    refund: Option<i64>,
}

const fn yes() -> bool {
    true
}

/// Receive returned goods, or refuse them. What was paid for them goes back.
#[utoipa::path(post, path = "/orders/{id}/returns/{return}/decide", tag = "fulfilment",
    params(("id" = OrderId, Path, description = "The order"), ("return" = ReturnId, Path, description = "The return")),
    security(("bearer" = ["orders:write"])), request_body = Decision, responses((status = 200, body = Order),
    (status = 403, body = ProblemDocument), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`order-state`, `refund-exceeds`")))]
pub async fn decide(
    ctx: Ctx,
    caller: Caller,
    PathIds(id, return_id): PathIds<OrderId, ReturnId>,
    Valid(decision): Valid<Decision>,
) -> Result<Tagged<Order>> {
    caller.needs(ORDERS_WRITE)?;
    let tx = ctx.begin().await?;
    let mut stored = order::find(&tx, id).await?;
    let place = stored.order.returns.iter().position(|it| it.id == return_id);
    let place = place.ok_or_else(Problem::not_found)?;
    if stored.order.returns[place].state != ReturnState::Requested {
        return Err(OrdersError::State(stored.order.state).into());
    }
    let author = caller.subject.to_string();
    let lines = stored.order.returns[place].lines.clone();
    stored.order.returns[place].decided_at = Some(Timestamp::now());
    if !decision.accepted {
        stored.order.returns[place].state = ReturnState::Refused;
        for units in &lines {
            if let Some(line) = stored.order.lines.iter_mut().find(|line| line.line.id == units.line_id) {
                line.returned = line.returned.saturating_sub(units.quantity);
            }
        }
        order::update(&tx, &mut stored).await?;
        order::note(&tx, id, stored.order.state, &author, "return refused").await?;
        tx.commit().await?;
        return Ok(Tagged::new(stored.version, stored.order));
    }
    stored.order.returns[place].state = ReturnState::Received;
    order::update(&tx, &mut stored).await?;
    order::note(&tx, id, stored.order.state, &author, "return received").await?;
    let facts = json!({
        "order_id": id, "return_id": return_id, "restock": decision.restock,
        "lines": life::by_variant(&stored.order.lines, &lines),
    });
    let body = json!({"lines": facts["lines"], "restock": decision.restock});
    saga::add(&tx, id, Kind::TakeBack, &return_id.to_string(), body).await?;
    tx.emit("souk.order.returned", id, facts).await?;
    let amount = decision.refund.unwrap_or_else(|| worth(&stored.order.lines, &lines));
    let amount = if decision.refund.is_none() { amount.min(stored.refundable()) } else { amount };
    if amount > 0 {
        life::refund(&tx, &mut stored, amount, &author, "goods returned").await?;
    }
    tx.commit().await?;
    Ok(Tagged::new(stored.version, stored.order))
}

/// What was paid for units, in minor units, rounded down; all of a line is its whole total.
fn worth(lines: &[OrderLine], units: &[Units]) -> i64 {
    let of = |units: &Units| {
        let line = &lines.iter().find(|line| line.line.id == units.line_id)?.line;
        Some(line.total.amount * i64::from(units.quantity) / i64::from(line.quantity))
    };
    units.iter().filter_map(of).sum()
}
