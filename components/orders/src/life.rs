//! What happens to an order, each in one transaction with its history and with what others must hear of it.

use crate::model::{Order, OrderLine, Units};
use crate::problem::OrdersError;
use crate::saga;
use crate::state::State;
use crate::store::cart;
use crate::store::coupon;
use crate::store::order::{self, Stored};
use crate::store::step::{self, Kind};
use serde_json::{Value, json};
use souk_kit::guest;
use souk_kit::id::{OrderId, RefundId, VariantId};
use souk_kit::{Language, Money, Result, Timestamp, Tx};

/// Brings an order into its next state, if that may follow.
pub async fn advance(tx: &Tx, stored: &mut Stored, next: State, author: &str, reason: &str) -> Result<()> {
    if !stored.order.state.allows(next) {
        return Err(OrdersError::State(stored.order.state).into());
    }
    stored.order.state = next;
    if stored.forget && next.is_over() {
        forget(&mut stored.order);
    }
    order::update(tx, stored).await?;
    Ok(order::note(tx, stored.order.id, next, author, reason).await?)
}

/// The order is paid: invoice and stock follow.
pub async fn pay(tx: &Tx, stored: &mut Stored, author: &str, reason: &str) -> Result<()> {
    (stored.order.paid_at, stored.order.pay_until) = (Some(Timestamp::now()), None);
    advance(tx, stored, State::Paid, author, reason).await?;
    let id = stored.order.id;
    let dropped = step::drop_all(tx, id).await?;
    if dropped.contains(&Kind::Change) {
        coupon::keep_only(tx, id, &stored.order.coupons).await?;
    }
    // A change that was made or not made may have left stock held that is not this order's.
    let align = dropped.iter().any(|kind| matches!(kind, Kind::Change | Kind::Align));
    saga::add(tx, id, Kind::Commit, "", json!({"align": align})).await?;
    tx.emit("souk.order.paid", id, for_billing(stored)).await
}

/// Calls an order off: its stock is let go, and what was paid goes back.
pub async fn cancel(tx: &Tx, stored: &mut Stored, author: &str, reason: &str) -> Result<()> {
    let (id, before) = (stored.order.id, stored.order.state);
    // Nobody knows yet how much may be paid, and so how much would have to go back.
    if step::find(tx, id, Kind::Change).await?.is_some() {
        return Err(OrdersError::Changing.into());
    }
    stored.order.pay_until = None;
    advance(tx, stored, State::Cancelled, author, reason).await?;
    step::drop_all(tx, id).await?;
    saga::add(tx, id, Kind::Release, "", Value::Null).await?;
    return_coupons(tx, &stored.order).await?;
    if let Some(cart) = stored.cart_id.filter(|_| before == State::Draft) {
        cart::reopen(tx, cart).await?;
    }
    if !before.is_paid() && stored.order.totals.total.amount > 0 {
        saga::add(tx, id, Kind::CancelPayment, "", Value::Null).await?;
    }
    let was_due = !before.is_paid() && stored.order.payment_reference.is_some();
    let facts =
        json!({"order_id": id, "reason": reason, "was_due": was_due, "cancelled_at": Timestamp::now()});
    tx.emit("souk.order.cancelled", id, facts).await?;
    // What came of an order that was never paid is a part of it.
    let came = match before.is_paid() {
        true => stored.refundable(),
        false => stored.order.received.amount.min(stored.refundable()),
    };
    if came > 0 {
        refund(tx, stored, came, author, reason).await?;
    }
    Ok(())
}

/// Forgets an order that came to nothing before anybody saw it; its cart is open again.
pub async fn discard(tx: &Tx, stored: &Stored) -> Result<()> {
    let id = stored.order.id;
    return_coupons(tx, &stored.order).await?;
    if let Some(cart) = stored.cart_id {
        cart::reopen(tx, cart).await?;
    }
    step::drop_all(tx, id).await?;
    Ok(order::delete(tx, stored).await?)
}

/// Lets others have the coupons of an order that comes to nothing.
async fn return_coupons(tx: &Tx, order: &Order) -> Result<()> {
    match order.coupons.is_empty() {
        true => Ok(()),
        false => Ok(coupon::keep_only(tx, order.id, &[]).await?),
    }
}

/// Sends money back. Payments does it, and says when it is done.
pub async fn refund(
    tx: &Tx,
    stored: &mut Stored,
    amount: i64,
    author: &str,
    reason: &str,
) -> Result<RefundId> {
    let currency = stored.order.currency;
    if amount > stored.refundable() {
        return Err(OrdersError::RefundExceeds(Money::new(stored.refundable(), currency)).into());
    }
    let (id, order_id) = (RefundId::new(), stored.order.id);
    let amount = Money::new(amount, currency);
    stored.refunding += amount.amount;
    order::request_refund(tx, id, order_id, amount.amount, reason).await?;
    order::update(tx, stored).await?;
    let told = format!("refund of {} {currency} requested: {reason}", decimal(amount));
    order::note(tx, order_id, stored.order.state, author, &told).await?;
    send_back(tx, order_id, id, amount, reason).await?;
    Ok(id)
}

/// Asks payments to send money back. The order itself may be gone.
pub async fn send_back(tx: &Tx, order: OrderId, id: RefundId, amount: Money, reason: &str) -> Result<()> {
    let body = json!({"amount": amount, "reason": reason, "key": id});
    saga::add(tx, order, Kind::Refund, &id.to_string(), body).await
}

/// Money has gone back: `amount`, for this reason.
pub async fn refunded(
    tx: &Tx,
    stored: &mut Stored,
    refund_id: &str,
    amount: i64,
    reason: &str,
) -> Result<()> {
    let order_id = stored.order.id;
    let amount = Money::new(amount, stored.order.currency);
    stored.order.refunded.amount += amount.amount;
    let is_all = stored.order.refunded.amount >= stored.order.totals.total.amount;
    let told = format!("{} {} refunded: {reason}", decimal(amount), amount.currency);
    if is_all && stored.order.state.allows(State::Refunded) {
        advance(tx, stored, State::Refunded, "payments", &told).await?;
    } else {
        order::update(tx, stored).await?;
        order::note(tx, order_id, stored.order.state, "payments", &told).await?;
    }
    // What came back from an order that was never paid in time was never invoiced.
    if stored.order.paid_at.is_none() {
        return Ok(());
    }
    let facts = json!({
        "order_id": order_id, "refund_id": refund_id, "amount": amount, "reason": reason,
        "refunded_at": Timestamp::now(),
    });
    tx.emit("souk.order.refunded", order_id, facts).await
}

/// Money could not go back: somebody must look.
pub async fn refund_failed(tx: &Tx, id: OrderId, refund_id: &str, reason: &str) -> Result<()> {
    let Some(mut stored) = order::look_up(tx, id).await? else { return Ok(()) };
    let Some((asked, _)) = order::end_refund(tx, refund_id, "failed").await? else { return Ok(()) };
    stored.refunding -= asked;
    order::update(tx, &mut stored).await?;
    let told = format!("refund failed: {reason}");
    Ok(order::note(tx, id, stored.order.state, "payments", &told).await?)
}

/// Blanks what is personal. What was ordered stays, for the books.
pub fn forget(order: &mut Order) {
    order.email = None;
    order.shipping_address = None;
    order.billing_address = None;
    order.note = None;
}

/// Units as inventory knows them.
pub fn by_variant(lines: &[OrderLine], units: &[Units]) -> Vec<Value> {
    let variant = |units: &Units| lines.iter().find(|line| line.line.id == units.line_id);
    units
        .iter()
        .filter_map(|units| {
            Some(json!({"variant_id": variant(units)?.line.variant_id, "quantity": units.quantity}))
        })
        .collect()
}

/// `12.34`: an amount for people, in the history.
pub fn decimal(money: Money) -> String {
    let decimals = money.currency.decimals();
    let whole = 10i64.pow(decimals);
    match decimals {
        0 => money.amount.to_string(),
        _ => format!("{}.{:0width$}", money.amount / whole, money.amount % whole, width = decimals as usize),
    }
}

/// The order as billing hears of it.
pub fn for_billing(Stored { order, owner, .. }: &Stored) -> Value {
    let language = match order.language {
        Language::En => "en",
        Language::Fr => "fr",
    };
    let title = |line: &OrderLine| {
        let titles = &line.line.title;
        titles
            .get(language)
            .or_else(|| titles.values().next())
            .cloned()
            .unwrap_or_else(|| line.line.sku.clone())
    };
    let lines: Vec<Value> = order
        .lines
        .iter()
        .map(|line| {
            let OrderLine { line: it, .. } = line;
            json!({
                "line_id": it.id, "product_id": it.product_id, "variant_id": it.variant_id, "sku": it.sku,
                "title": title(line), "quantity": it.quantity, "unit_price": it.unit_price,
                "discounts": it.discounts, "taxes": it.taxes, "total": it.total,
            })
        })
        .collect();
    let shipping = &order.shipping;
    let token_hash = owner.token_hash.as_deref().filter(|_| owner.user_id.is_none());
    json!({
        "order_id": order.id, "number": order.number, "currency": order.currency, "user_id": order.user_id,
        "token_hash": token_hash.map(guest::text), "email": order.email, "language": language, "billing_address": order.billing_address,
        "shipping_address": order.shipping_address, "lines": lines,
        "shipping": {
            "code": shipping.code, "label": shipping.label, "price": shipping.price, "discounts": [],
            "taxes": shipping.taxes, "total": shipping.total,
        },
        "totals": order.totals, "payment_id": order.payment_id, "paid_at": order.paid_at,
        "due_at": order.pay_until, "payment_reference": order.payment_reference,
    })
}

/// Every unit of an order, as inventory is asked for it.
pub fn wanted(order: &Order) -> impl Iterator<Item = (VariantId, u32)> {
    order.lines.iter().map(|line| (line.line.variant_id, line.line.quantity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_has_the_decimals_of_its_currency() {
        let money = |amount, code: &str| Money::new(amount, code.parse().unwrap());
        assert_eq!(decimal(money(1999, "EUR")), "19.99");
        assert_eq!(decimal(money(5, "EUR")), "0.05");
        assert_eq!(decimal(money(1999, "JPY")), "1999");
        assert_eq!(decimal(money(1999, "TND")), "1.999");
    }
}
