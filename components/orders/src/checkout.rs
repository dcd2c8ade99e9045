//! Checkout: from a cart, or from lines, to an order that waits for its payment.
//!
//! It is a saga. First the order is stored as a draft, with the step that is next; then its stock is held, then its
//! payment is asked for; then it waits. Every step can be repeated: whoever comes back to a draft (the buyer who asks
//! again, or the maintenance route after a crash) goes on where it stands. What cannot be brought to its end is called
//! off, and inventory and payments hear of that.

use crate::ask::{self, Intent};
use crate::buyer::{self, Buyer, Owner};
use crate::life;
use crate::model::{Order, OrderLine};
use crate::pricing::Priced;
use crate::problem::OrdersError;
use crate::saga;
use crate::state::State;
use crate::store::cart::{self, StoredCart};
use crate::store::coupon;
use crate::store::order::{self, Stored};
use crate::store::step::{self, Due, Kind};
use crate::wish::{Delivery, NewOrder, Quote, Source, delivery, quote};
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::problem::{ProblemDocument, kinds};
use souk_kit::{Attempt, Conn, Ctx, Money, Once, Problem, Refusal, Result, Submit, Timestamp};
use std::time::Duration;
use utoipa::ToSchema;

/// How long a buyer has to pay.
const PAYMENT_WINDOW: Duration = Duration::from_secs(30 * 60);
/// By how much longer stock is held than a payment may come, so that what is paid is there.
pub const SPARE: Duration = Duration::from_secs(15 * 60);
/// How long stock is held.
pub const HELD: Duration = Duration::from_secs(45 * 60);
/// How often a draft is tried before it is called off.
const MAX_ATTEMPTS: u32 = 10;
/// How often a price is asked for again, when a coupon's uses change meanwhile.
const MAX_QUOTES: u32 = 3;

/// An order that was placed, and how it is paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct Placed {
    /// The order.
    #[serde(flatten)]
    order: Order,
    /// How to pay it; null when there is nothing to pay.
    payment: Option<Payment>,
    /// Opens a guest's order that was made without a cart, in the header `guest-token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// How an order is paid.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payment {
    /// The payment intent: confirm it at `/payments/intents/{id}/confirm`.
    id: PaymentId,
    /// Goes with it, in the header `client-secret`.
    client_secret: String,
    /// When the order is called off unless it is paid.
    pay_before: Timestamp,
}

/// Place an order.
///
/// Products, prices, discounts, tax, shipping and stock are verified now. The stock is held until the order is paid, for
/// half an hour at most. `expected_total` is what the buyer saw: when it is another one, nothing is ordered, and the
/// problem says what it costs now.
#[utoipa::path(post, path = "/orders", tag = "orders", request_body = NewOrder, security((), ("bearer" = ["account"])),
    params(("Idempotency-Key" = String, Header, description = "New for each order; repeating it orders nothing twice"),
        ("guest-token" = Option<String>, Header, description = "Opens a guest's cart")),
    responses((status = 201, body = Placed), (status = 400, body = ProblemDocument, description = "`idempotency-key-required`"),
        (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument,
        description = "`cart-empty`, `cart-checked-out`, `not-for-sale`, `out-of-stock`, `total-changed`, `shipping-unavailable`, `coupon-taken`"),
        (status = 422, body = ProblemDocument), (status = 503, body = ProblemDocument)))]
pub async fn place(ctx: Ctx, buyer: Buyer, request: Submit<NewOrder>) -> Result<Response> {
    let Submit { body, once } = request;
    let once = once.required()?;
    let mut source = Source::of(&ctx, &buyer, &body).await?;
    if let Some(order) = source.cart.as_ref().and_then(|cart| cart.order_id) {
        return again(&ctx, &once, order).await;
    }
    if source.cart.is_none() {
        // Before anything is verified: the same request gets the same answer, though the last unit may be sold by now.
        let tx = match once.begin(&ctx).await? {
            Attempt::Repeated(answer) => return Ok(answer),
            Attempt::First(tx) => tx,
        };
        let known = begun(&tx, &once).await?;
        tx.rollback().await?;
        if let Some(stored) = known {
            return go_on(&ctx, &once, stored).await;
        }
    }
    let delivery = delivery(&ctx, &buyer, &body).await?;
    let mut drafted = None;
    for _ in 0..MAX_QUOTES {
        let quote = quote(&ctx, &source, &delivery, &body).await?;
        match draft(&ctx, &once, &buyer, &source, &delivery, quote, &body).await? {
            Draft::Made(stored) => {
                drafted = Some(stored);
                break;
            }
            Draft::Repeated(answer) => return Ok(answer),
            Draft::CouponsMoved => source = Source::of(&ctx, &buyer, &body).await?,
        }
    }
    let stored = drafted.ok_or(OrdersError::CouponTaken)?;
    go_on(&ctx, &once, *stored).await
}

enum Draft {
    Made(Box<Stored>),
    Repeated(Response),
    CouponsMoved,
}

/// Stores the order as a draft, with the step that is next, and closes its cart.
async fn draft(
    ctx: &Ctx,
    once: &Once,
    buyer: &Buyer,
    source: &Source,
    delivery: &Delivery,
    quote: Quote,
    body: &NewOrder,
) -> Result<Draft> {
    let tx = match once.begin(ctx).await? {
        Attempt::Repeated(answer) => return Ok(Draft::Repeated(answer)),
        Attempt::First(tx) => tx,
    };
    if source.cart.is_none()
        && let Some(stored) = begun(&tx, once).await?
    {
        return Ok(Draft::Made(Box::new(stored)));
    }
    let customer = quote.customer.clone();
    // The last use of a coupon may have gone to somebody else since the rules were asked.
    if coupon::uses(&tx, &source.coupons, Some(&customer), None).await? != quote.uses {
        tx.rollback().await?;
        return Ok(Draft::CouponsMoved);
    }
    let now = Timestamp::now();
    let id = OrderId::new();
    if let Some(cart) = &source.cart
        && !cart::check_out(&tx, cart, id).await?
    {
        return Err(moved(&cart::find(&tx, cart.id).await?));
    }
    let number = order::next_number(&tx, now).await?;
    let order = compose(id, number, now, source, delivery, quote, body)?;
    let coupons = order.coupons.clone();
    let cart_id = source.cart.as_ref().map(|cart| cart.id);
    let mut owner = source.owner.clone();
    if owner == Owner::default() {
        owner.token_hash = Some(buyer::hash(buyer::token_of(id).await?.expose()));
    }
    let stored = Stored { order, owner, cart_id, refunding: 0, forget: false, version: 1 };
    order::insert(&tx, &stored).await?;
    coupon::take(&tx, id, &customer, &coupons).await?;
    order::note(&tx, id, State::Draft, &buyer.author(), "placed").await?;
    step::add(&tx, id, Kind::Reserve, "", &Value::Null, now.after(saga::LEASE)).await?;
    if cart_id.is_none()
        && let Some(request) = once.name()
    {
        order::note_request(&tx, id, &request, once.body()).await?;
    }
    tx.commit().await?;
    Ok(Draft::Made(Box::new(stored)))
}

/// Why a cart cannot be ordered as it was seen.
fn moved(cart: &StoredCart) -> Problem {
    match cart.order_id {
        Some(order) => OrdersError::CartCheckedOut(order).into(),
        None => Problem::new(kinds::PRECONDITION_FAILED, "The cart changed while it was being ordered."),
    }
}

fn compose(
    id: OrderId,
    number: String,
    now: Timestamp,
    source: &Source,
    delivery: &Delivery,
    quote: Quote,
    body: &NewOrder,
) -> Result<Order> {
    let Priced { lines, shipping, coupons, totals, .. } = quote.priced;
    let applied = coupons.into_iter().filter(|coupon| coupon.status == "applied").map(|coupon| coupon.code);
    Ok(Order {
        id,
        number,
        state: State::Draft,
        user_id: source.owner.user_id,
        email: Some(delivery.email.clone()),
        language: delivery.language,
        currency: source.currency,
        lines: lines.into_iter().map(|line| OrderLine { line, shipped: 0, returned: 0 }).collect(),
        shipping: shipping.ok_or_else(|| Problem::internal("an order without shipping"))?,
        shipping_address: Some(delivery.shipping.clone()),
        billing_address: Some(delivery.billing.clone()),
        coupons: applied.collect(),
        totals,
        received: Money::new(0, source.currency),
        refunded: Money::new(0, source.currency),
        payment_id: None,
        pay_until: None,
        payment_reference: None,
        invoice: None,
        shipments: Vec::new(),
        returns: Vec::new(),
        note: body.note.clone(),
        provisional: quote.provisional,
        created_at: now,
        paid_at: None,
        updated_at: now,
    })
}

/// Answers a checkout of a cart that has become an order: goes on with it when nobody has brought it to its end.
async fn again(ctx: &Ctx, once: &Once, id: OrderId) -> Result<Response> {
    let stored = order::look_up(&ctx.conn().await?, id).await?.ok_or(OrdersError::CartCheckedOut(id))?;
    if stored.order.state == State::Draft {
        return go_on(ctx, once, stored).await;
    }
    match once.begin(ctx).await? {
        Attempt::Repeated(answer) => Ok(answer),
        Attempt::First(_) => Err(OrdersError::CartCheckedOut(id).into()),
    }
}

/// The order that this request made when it came first, if it was cut off before its answer.
async fn begun(conn: &Conn, once: &Once) -> Result<Option<Stored>> {
    let Some(request) = once.name() else { return Ok(None) };
    let Some((stored, body)) = order::made_by(conn, &request).await? else { return Ok(None) };
    once.must_be_of(&body)?;
    Ok(Some(stored))
}

/// Goes on with an order that has not been answered, and answers it.
async fn go_on(ctx: &Ctx, once: &Once, stored: Stored) -> Result<Response> {
    if !matches!(stored.order.state, State::Draft | State::PendingPayment) {
        return match once.begin(ctx).await? {
            Attempt::Repeated(answer) => Ok(answer),
            Attempt::First(_) => Err(OrdersError::State(stored.order.state).into()),
        };
    }
    bring_to_payment(ctx, once, stored).await
}

/// Takes a draft through its steps, and answers the buyer.
async fn bring_to_payment(ctx: &Ctx, once: &Once, stored: Stored) -> Result<Response> {
    let id = stored.order.id;
    let intent = match prepare(ctx, &stored.order).await {
        Ok(intent) => intent,
        Err(problem) => {
            if is_out_of_stock(&problem) {
                give_up(ctx, id).await?;
            }
            return Err(problem);
        }
    };
    let tx = match once.begin(ctx).await? {
        Attempt::First(tx) => tx,
        Attempt::Repeated(answer) => return Ok(answer),
    };
    let mut stored = order::find(&tx, id).await?;
    let from = if stored.order.state == State::Draft { Timestamp::now() } else { stored.order.created_at };
    let pay_before = from.after(PAYMENT_WINDOW);
    settle(&tx, &mut stored, intent.as_ref(), pay_before).await?;
    let mut token = None;
    if stored.cart_id.is_none() {
        order::note_answered(&tx, id).await?;
        if stored.owner.user_id.is_none() {
            token = Some(buyer::token_of(id).await?.expose().to_owned());
        }
    }
    let payment =
        intent.map(|intent| Payment { id: intent.id, client_secret: intent.client_secret, pay_before });
    let location = [(header::LOCATION, format!("/api/v1/orders/{id}"))];
    let placed = Placed { order: stored.order, payment, token };
    once.commit(tx, (StatusCode::CREATED, location, Json(placed)).into_response()).await
}

/// The steps outside: holds the stock and asks for the payment, both at once. Both can be repeated.
async fn prepare(ctx: &Ctx, order: &Order) -> Result<Option<Intent>> {
    if order.state == State::Draft {
        ask::reserve(ctx, order.id, life::wanted(order), HELD).await?;
    }
    match order.totals.total.amount {
        0 => Ok(None),
        _ => ask::intent(ctx, order.id, order.totals.total, order.user_id).await.map(Some),
    }
}

/// The draft's stock is held and its payment asked for: now it waits. What costs nothing is paid.
async fn settle(
    tx: &souk_kit::Tx,
    stored: &mut Stored,
    intent: Option<&Intent>,
    pay_before: Timestamp,
) -> Result<()> {
    match stored.order.state {
        State::Draft => {}
        State::Cancelled => return Err(OrdersError::State(State::Cancelled).into()),
        _ => return Ok(()), // Somebody else was faster.
    }
    stored.order.payment_id = intent.map(|intent| intent.id);
    if intent.is_none() {
        return life::pay(tx, stored, "orders", "nothing to pay").await;
    }
    stored.order.pay_until = Some(pay_before);
    life::advance(tx, stored, State::PendingPayment, "orders", "stock held, waiting for payment").await?;
    Ok(step::replace(tx, stored.order.id, Kind::Reserve, Kind::AwaitPayment, pay_before).await?)
}

pub fn is_out_of_stock(problem: &Problem) -> bool {
    problem.spec() == OrdersError::OutOfStock(Value::Null).spec()
}

/// A draft that has no stock never was an order.
async fn give_up(ctx: &Ctx, id: OrderId) -> Result<()> {
    let tx = ctx.begin().await?;
    if let Some(stored) = order::look_up(&tx, id).await?.filter(|stored| stored.order.state == State::Draft) {
        life::discard(&tx, &stored).await?;
    }
    Ok(tx.commit().await?)
}

/// Goes on with a draft that somebody left.
pub async fn resume(ctx: &Ctx, id: OrderId, attempts: u32) -> Result<()> {
    let Some(stored) = order::look_up(&ctx.conn().await?, id).await? else { return Ok(()) };
    let intent = match prepare(ctx, &stored.order).await {
        Ok(intent) => intent,
        Err(problem) if is_out_of_stock(&problem) => return give_up(ctx, id).await,
        Err(_) if attempts >= MAX_ATTEMPTS => {
            return call_off(ctx, id, State::Draft, "could not be brought to payment").await;
        }
        Err(problem) => return Err(problem),
    };
    let tx = ctx.begin().await?;
    let stored = order::look_up(&tx, id).await?;
    if let Some(mut stored) = stored.filter(|stored| stored.order.state == State::Draft) {
        settle(&tx, &mut stored, intent.as_ref(), Timestamp::now().after(PAYMENT_WINDOW)).await?;
    }
    Ok(tx.commit().await?)
}

/// Calls an order off that was not paid in time, unless it waits for longer by now.
pub async fn time_out(ctx: &Ctx, step: &Due) -> Result<()> {
    let tx = ctx.begin().await?;
    let stored = match step::is_wanted(&tx, step).await? {
        true => order::look_up(&tx, step.order).await?,
        false => None,
    };
    if let Some(mut stored) = stored.filter(|stored| stored.order.state == State::PendingPayment) {
        life::cancel(&tx, &mut stored, "orders", "not paid in time").await?;
    }
    Ok(tx.commit().await?)
}

/// Calls an order off, if it is still in this state.
pub async fn call_off(ctx: &Ctx, id: OrderId, state: State, reason: &str) -> Result<()> {
    let tx = ctx.begin().await?;
    if let Some(mut stored) = order::look_up(&tx, id).await?.filter(|stored| stored.order.state == state) {
        life::cancel(&tx, &mut stored, "orders", reason).await?;
    }
    Ok(tx.commit().await?)
}
