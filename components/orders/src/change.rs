//! Changing an order: who is told and where it goes, and, until it is paid, what is in it.

use crate::buyer::Buyer;
use crate::contents::{MAX_COUPONS, code, tidy_codes};
use crate::model::{Order, some_lines};
use crate::problem::OrdersError;
use crate::revision;
use crate::state::State;
use crate::store::order;
use crate::wish::{NewOrderLine, not_negative};
use axum::response::Response;
use garde::Validate;
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use souk_address::Address;
use souk_kit::id::OrderId;
use souk_kit::problem::ProblemDocument;
use souk_kit::valid::present;
use souk_kit::{Attempt, Ctx, FieldError, IfMatch, Money, PathId, Problem, Result, Submit, Tagged};
use utoipa::ToSchema;

/// What changes in an order. What is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"lines": [{"variant_id": "var_06b8xk2m0q3v5t7w9y1z3b5d7f", "quantity": 2}],
    "expected_total": {"amount": 11800, "currency": "EUR"}}))]
pub struct OrderChange {
    /// Where mails about it go.
    #[garde(inner(email, length(max = 254)))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Where it goes, before anything has left. Another country or region, on which its taxes and shipping depend: before it
    /// is paid.
    #[garde(dive)]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub shipping_address: Option<Address>,
    /// Whom the invoice is for: before it is paid.
    #[garde(dive)]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    billing_address: Option<Address>,
    /// All that is ordered from now on, before it is paid: variants that are not among them are taken out.
    #[garde(custom(some_lines), dive)]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<NewOrderLine>>,
    /// How it is sent, before it is paid.
    #[garde(inner(length(min = 1, max = 64)))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<String>,
    /// All the coupon codes to apply from now on, at most 10, before it is paid.
    #[garde(inner(length(max = MAX_COUPONS), inner(length(chars, min = 1, max = 40), custom(code))))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub coupons: Option<Vec<String>>,
    /// What the buyer has agreed to pay: required with lines, coupons, a shipping method, or another country or region.
    #[garde(inner(custom(not_negative)))]
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<Money>,
}

impl OrderChange {
    /// Whether the order costs something else with it, perhaps.
    fn is_reckoned_anew(&self, order: &Order) -> bool {
        self.lines.is_some()
            || self.shipping_method.is_some()
            || self.coupons.is_some()
            || (order.state == State::PendingPayment && self.moves(order))
    }

    /// Whether it goes to another country or region.
    fn moves(&self, order: &Order) -> bool {
        let same = |old: &Address, new: &Address| old.country == new.country && old.region == new.region;
        match (&order.shipping_address, &self.shipping_address) {
            (Some(old), Some(new)) => !same(old, new),
            (_, new) => new.is_some(),
        }
    }

    /// Changes who is told and where it goes.
    pub fn put(self, order: &mut Order) {
        order.shipping_address = self.shipping_address.or(order.shipping_address.take());
        order.billing_address = self.billing_address.or(order.billing_address.take());
        order.email = self.email.or(order.email.take());
    }
}

/// Change an order: where it goes, who is told, and until it is paid what is in it.
///
/// What it costs is reckoned anew with lines, coupons, a shipping method, or another country or region: at today's prices,
/// for stock that is held at once, all or nothing. `expected_total` is what the buyer agreed to, as at the checkout; the
/// payment then asks for that, and not for what it asked before. A payment that is under way or made wins: 409. That is so
/// too once the buyer was told to transfer the money: the invoice, and whom it is for, stay as they are.
#[utoipa::path(patch, path = "/orders/{id}", tag = "orders", params(("id" = OrderId, Path, description = "The order"),
    ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is changed"),
    ("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable; this or `If-Match` is required where it is reckoned anew"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's order")), security((), ("bearer" = ["account"])),
    request_body = OrderChange, responses((status = 200, body = Order),
    (status = 400, body = ProblemDocument, description = "`idempotency-key-required`"), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`order-state`, `order-changing`, `payment-under-way`, `not-for-sale`, `out-of-stock`, `total-changed`, `shipping-unavailable`, `coupon-taken`, `cart-full`"),
    (status = 412, body = ProblemDocument), (status = 422, body = ProblemDocument), (status = 503, body = ProblemDocument)))]
pub async fn change(
    ctx: Ctx,
    buyer: Buyer,
    PathId(id): PathId<OrderId>,
    expected: IfMatch,
    headers: HeaderMap,
    request: Submit<OrderChange>,
) -> Result<Response> {
    let Submit { body: mut change, once } = request;
    change.coupons = change.coupons.map(tidy_codes);
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut stored = order::find(&tx, id).await?;
    buyer.must_change(&stored.owner)?;
    if change.is_reckoned_anew(&stored.order) {
        tx.rollback().await?;
        let once = if headers.contains_key(header::IF_MATCH) { once } else { once.required()? };
        return revision::revise(&ctx, &once, &buyer, &expected, stored, change).await;
    }
    expected.check(stored.version)?;
    must_allow(&stored.order, &change)?;
    change.put(&mut stored.order);
    order::update(&tx, &mut stored).await?;
    order::note(&tx, id, stored.order.state, &buyer.author(), "addresses changed").await?;
    once.commit(tx, Tagged::new(stored.version, stored.order)).await
}

fn must_allow(order: &Order, change: &OrderChange) -> Result<()> {
    let state = order.state;
    if change.shipping_address.is_some() {
        if !matches!(state, State::PendingPayment | State::Paid | State::Fulfilling) {
            return Err(OrdersError::State(state).into());
        }
        if change.moves(order) {
            let detail = "must stay in the country and region that tax and shipping were paid for";
            return Err(Problem::invalid(vec![FieldError::at("/shipping_address/country", detail)]));
        }
    }
    if change.billing_address.is_some() && state != State::PendingPayment {
        return Err(OrdersError::State(state).into());
    }
    // It stands on the invoice.
    if change.billing_address.is_some() && order.payment_reference.is_some() {
        return Err(OrdersError::PaymentUnderWay.into());
    }
    match change.email.is_some() && state.is_over() {
        true => Err(OrdersError::State(state).into()),
        false => Ok(()),
    }
}
