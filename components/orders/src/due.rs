//! An order whose buyer was told to transfer the money: it is invoiced, and waits for as long as payments does.

use crate::ask;
use crate::checkout;
use crate::life;
use crate::model::Order;
use crate::revision;
use crate::saga;
use crate::state::State;
use crate::store::order;
use crate::store::step::{self, Kind};
use serde::Deserialize;
use serde_json::Value;
use souk_kit::id::OrderId;
use souk_kit::{Ctx, Money, Problem, Result, Timestamp, Tx};

/// What payments says of a transfer that the buyer is to make.
#[derive(Debug, Deserialize)]
pub struct Awaited {
    order_id: OrderId,
    amount: Money,
    until: Timestamp,
    reference: String,
}

/// The order waits for its buyer's bank, with its stock, and is invoiced. Of two waits the longer one holds.
pub async fn wait_for(tx: &Tx, news: &Awaited) -> Result<()> {
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    if stored.order.state == State::Draft {
        return Err(Problem::unavailable("the order is being placed: to be told again"));
    }
    // A change whose amount is to be transferred is made, though its saga has not come so far.
    revision::take_in(tx, &mut stored, news.amount).await?;
    if !is_news(&stored.order, news) {
        return Ok(());
    }
    let order = &mut stored.order;
    let id = order.id;
    let until = order.pay_until.map_or(news.until, |until| until.max(news.until));
    (order.pay_until, order.payment_reference) = (Some(until), Some(news.reference.clone()));
    order::update(tx, &mut stored).await?;
    let told = format!("a transfer is awaited until {until}");
    order::note(tx, id, State::PendingPayment, "payments", &told).await?;
    // Another step than the one before, which somebody may just have begun to take.
    let wait = stored.version.to_string();
    step::drop(tx, id, Kind::AwaitPayment).await?;
    step::add(tx, id, Kind::AwaitPayment, &wait, &Value::Null, until).await?;
    step::drop(tx, id, Kind::Extend).await?;
    saga::add(tx, id, Kind::Extend, &wait, Value::Null).await?;
    tx.emit("souk.order.due", id, life::for_billing(&stored)).await
}

/// Whether the order waits, for this amount, and neither as long nor longer already.
fn is_news(order: &Order, news: &Awaited) -> bool {
    order.state == State::PendingPayment
        && order.totals.total == news.amount
        && (order.payment_reference.is_none() || order.pay_until.is_none_or(|until| until < news.until))
}

/// Holds the stock for as long as the order waits. If it was let go before payments spoke, it is taken again; if it is sold by
/// now, the order is called off.
pub async fn hold(ctx: &Ctx, id: OrderId) -> Result<()> {
    let stored = order::look_up(&ctx.conn().await?, id).await?;
    let Some(stored) = stored.filter(|stored| stored.order.state == State::PendingPayment) else {
        return Ok(());
    };
    let Some(until) = stored.order.pay_until else { return Ok(()) };
    if ask::extend(ctx, id, until.after(checkout::SPARE)).await? {
        return Ok(());
    }
    match ask::reserve(ctx, id, life::wanted(&stored.order), checkout::HELD).await {
        Ok(()) => Err(Problem::unavailable("the stock was held anew and is to be held for longer")),
        Err(problem) if checkout::is_out_of_stock(&problem) => {
            checkout::call_off(ctx, id, State::PendingPayment, "sold out before the payment came").await
        }
        Err(problem) => Err(problem),
    }
}
