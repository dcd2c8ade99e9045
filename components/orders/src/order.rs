//! Orders: reading, listing, changing, calling off, deleting, refunding.

use crate::buyer::Buyer;
use crate::life;
use crate::model::{HistoryEntry, Order, OrderSummary};
use crate::problem::OrdersError;
use crate::state::State;
use crate::store::order::{self, Filter};
use axum::Json;
use axum::response::Response;
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use souk_kit::id::{OrderId, RefundId, UserId};
use souk_kit::permission::scope::{ORDERS_READ, ORDERS_WRITE};
use souk_kit::problem::ProblemDocument;
use souk_kit::{
    Attempt, Caller, Ctx, IfNoneMatch, Money, Page, PageQuery, PathId, Result, Submit, Tagged, ValidQuery,
};
use utoipa::{IntoParams, ToSchema};

/// Which orders to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Whose: only with the scope `orders:read`, which sees everybody's when this is absent.
    #[garde(skip)]
    user_id: Option<UserId>,
    /// In which state.
    #[garde(skip)]
    state: Option<State>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// List orders, newest first: one's own, or with the scope `orders:read` everybody's.
#[utoipa::path(get, path = "/orders", tag = "orders", params(ListQuery), security(("bearer" = ["account"])),
    responses((status = 200, body = Page<OrderSummary>), (status = 401, body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Page<OrderSummary>> {
    let user = match caller.has(ORDERS_READ) {
        true => query.user_id,
        false => Some(caller.user_id()?),
    };
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let filter = Filter { user, state: query.state, before: page.after()?, limit: page.limit() + 1 };
    let orders = order::list(&ctx.conn().await?, &filter).await?;
    let summaries = orders.iter().map(OrderSummary::from).collect();
    Page::new(summaries, page.limit(), |order: &OrderSummary| order.id)
}

/// Read an order.
#[utoipa::path(get, path = "/orders/{id}", tag = "orders", params(("id" = OrderId, Path, description = "The order"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's order")), security((), ("bearer" = ["account"])),
    responses((status = 200, body = Order), (status = 304), (status = 404, body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    buyer: Buyer,
    PathId(id): PathId<OrderId>,
    known: IfNoneMatch,
) -> Result<Tagged<Order>> {
    let stored = order::find(&ctx.conn().await?, id).await?;
    buyer.must_see(&stored.owner)?;
    Ok(Tagged::new(stored.version, stored.order).unless(&known))
}

/// What an order has been through.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    /// From the first on.
    items: Vec<HistoryEntry>,
}

/// Read an order's history: every change of state, with time, author and reason.
#[utoipa::path(get, path = "/orders/{id}/history", tag = "orders", params(("id" = OrderId, Path, description = "The order"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's order")), security((), ("bearer" = ["account"])),
    responses((status = 200, body = History), (status = 404, body = ProblemDocument)))]
pub async fn history(ctx: Ctx, buyer: Buyer, PathId(id): PathId<OrderId>) -> Result<Json<History>> {
    let conn = ctx.conn().await?;
    let stored = order::find(&conn, id).await?;
    buyer.must_see(&stored.owner)?;
    Ok(Json(History { items: order::history(&conn, id, 0).await? }))
}

/// Why something is done.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// For the history.
    #[garde(length(chars, min = 1, max = 500))]
    reason: String,
}

/// Call an order off: its buyer until somebody begins with it, a merchant until something has left. What was paid goes back.
#[utoipa::path(post, path = "/orders/{id}/cancel", tag = "orders", params(("id" = OrderId, Path, description = "The order"),
    ("Idempotency-Key" = String, Header, description = "Makes the request repeatable"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's order")), security((), ("bearer" = ["account"])),
    request_body = Reason, responses((status = 200, body = Order), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`order-state`"), (status = 422, body = ProblemDocument)))]
pub async fn cancel(
    ctx: Ctx,
    buyer: Buyer,
    PathId(id): PathId<OrderId>,
    request: Submit<Reason>,
) -> Result<Response> {
    let once = request.once.required()?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut stored = order::find(&tx, id).await?;
    buyer.must_change(&stored.owner)?;
    if !buyer.is_merchant() && !stored.order.state.buyer_may_cancel() {
        return Err(OrdersError::State(stored.order.state).into());
    }
    life::cancel(&tx, &mut stored, &buyer.author(), &request.body.reason).await?;
    let once = once.about(stored.owner.user_id);
    once.commit(tx, Tagged::new(stored.version, stored.order)).await
}

/// Delete an order that came to nothing: a draft, or one that was called off before anything was paid.
#[utoipa::path(delete, path = "/orders/{id}", tag = "orders", params(("id" = OrderId, Path, description = "The order")),
    security(("bearer" = ["orders:write"])), responses((status = 204), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument, description = "`order-state`")))]
pub async fn delete(ctx: Ctx, caller: Caller, PathId(id): PathId<OrderId>) -> Result<StatusCode> {
    caller.needs(ORDERS_WRITE)?;
    let tx = ctx.begin().await?;
    let mut stored = order::find(&tx, id).await?;
    let state = stored.order.state;
    if state == State::Draft {
        life::cancel(&tx, &mut stored, &caller.subject.to_string(), "deleted").await?;
    }
    if !matches!(state, State::Draft | State::Cancelled) || stored.order.paid_at.is_some() {
        return Err(OrdersError::State(state).into());
    }
    order::delete(&tx, &stored).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Money to give back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// How much.
    #[garde(custom(positive))]
    amount: Money,
    /// For the history and the credit note.
    #[garde(length(chars, min = 1, max = 500))]
    reason: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn positive(amount: &Money, (): &()) -> garde::Result {
    match amount.amount > 0 {
        true => Ok(()),
        false => Err(garde::Error::new("must be above zero")),
    }
}

/// A refund that is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refund {
    /// Its id.
    id: RefundId,
    /// How much.
    amount: Money,
    /// What may still be given back after it.
    refundable: Money,
}

/// Give money back, in part or all of it.
#[utoipa::path(post, path = "/orders/{id}/refunds", tag = "orders", params(("id" = OrderId, Path, description = "The order"),
    ("Idempotency-Key" = String, Header, description = "Makes the request repeatable")), security(("bearer" = ["orders:write"])),
    request_body = NewRefund, responses((status = 202, description = "On its way", body = Refund), (status = 403, body = ProblemDocument),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument, description = "`order-state`, `refund-exceeds`, `currency-mixed`"),
    (status = 422, body = ProblemDocument)))]
pub async fn refund(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    request: Submit<NewRefund>,
) -> Result<Response> {
    caller.needs(ORDERS_WRITE)?;
    let once = request.once.required()?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let NewRefund { amount, reason } = request.body;
    let mut stored = order::find(&tx, id).await?;
    if !stored.order.state.is_paid() {
        return Err(OrdersError::State(stored.order.state).into());
    }
    if amount.currency != stored.order.currency {
        return Err(OrdersError::CurrencyMixed.into());
    }
    let author = caller.subject.to_string();
    let refund_id = life::refund(&tx, &mut stored, amount.amount, &author, &reason).await?;
    let refundable = Money::new(stored.refundable(), amount.currency);
    let answer = (StatusCode::ACCEPTED, Json(Refund { id: refund_id, amount, refundable }));
    once.commit(tx, answer).await
}

/// What orders hold on a person, for customers, which asks when the person wants to know.
#[derive(Debug, Serialize, ToSchema)]
pub struct Held {
    /// Every order, as it is.
    orders: Vec<Order>,
}

/// Everything held on a person.
#[utoipa::path(get, path = "/internal/persons/{user_id}", tag = "internal", params(("user_id" = UserId, Path, description = "The person")),
    responses((status = 200, body = Held), (status = 403, body = ProblemDocument)))]
pub async fn held(ctx: Ctx, caller: Caller, PathId(user): PathId<UserId>) -> Result<Json<Held>> {
    caller.must_be_service("customers")?;
    let orders = order::all_of(&ctx.conn().await?, user).await?;
    Ok(Json(Held { orders: orders.into_iter().map(|stored| stored.order).collect() }))
}
