//! What other services tell: payments of money, billing of invoices, inventory of stock that is gone, customers of people
//! who want to be forgotten.

use crate::life;
use crate::state::State;
use crate::store::order::{self, Stored};
use futures::future::BoxFuture;
use serde::Deserialize;
use souk_kit::id::{OrderId, UserId};
use souk_kit::{Event, Money, Result, Tx};

/// Takes an event in.
pub fn on_event<'a>(tx: &'a mut Tx, event: &'a Event) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        match event.kind.as_str() {
            "souk.payment.captured" => captured(tx, &event.data()?).await,
            "souk.payment.failed" => failed(tx, &event.data()?).await,
            "souk.payment.refunded" => refunded(tx, &event.data()?).await,
            "souk.payment.refund_failed" => refund_failed(tx, &event.data()?).await,
            "souk.invoice.issued" => invoiced(tx, &event.data()?).await,
            "souk.stock.lost" => stock_lost(tx, &event.data()?).await,
            "souk.customer.erased" => forget(tx, &event.data()?).await,
            _ => Ok(()),
        }
    })
}

/// What payments says of an intent.
#[derive(Deserialize)]
struct PaymentNews {
    order_id: OrderId,
    captured: Money,
    #[serde(default)]
    refund_id: Option<String>,
    #[serde(default)]
    amount: Option<Money>,
    #[serde(default)]
    reason: Option<String>,
}

/// The order is paid, unless it was called off: then the money goes back.
async fn captured(tx: &Tx, news: &PaymentNews) -> Result<()> {
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    let is_all = news.captured.amount >= stored.order.totals.total.amount;
    match stored.order.state {
        State::Draft | State::PendingPayment if is_all => {
            life::pay(tx, &mut stored, "payments", "payment captured").await
        }
        State::Cancelled if stored.order.paid_at.is_none() => give_back(tx, &mut stored, news.captured).await,
        _ => Ok(()),
    }
}

/// Money that came for an order that was called off.
async fn give_back(tx: &Tx, stored: &mut Stored, captured: Money) -> Result<()> {
    let amount = captured.amount.min(stored.refundable());
    if amount > 0 {
        life::refund(tx, stored, amount, "orders", "paid after it was cancelled").await?;
    }
    Ok(())
}

/// An attempt failed: the buyer may try again until the order is called off.
async fn failed(tx: &Tx, news: &PaymentFailed) -> Result<()> {
    let Some(stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    if stored.order.state != State::PendingPayment {
        return Ok(());
    }
    let told = format!("payment failed: {}", news.code.as_deref().unwrap_or("declined"));
    Ok(order::note(tx, news.order_id, stored.order.state, "payments", &told).await?)
}

#[derive(Deserialize)]
struct PaymentFailed {
    order_id: OrderId,
    #[serde(default)]
    code: Option<String>,
}

/// Money has gone back.
async fn refunded(tx: &Tx, news: &PaymentNews) -> Result<()> {
    let (Some(id), Some(amount)) = (news.refund_id.as_deref(), news.amount) else { return Ok(()) };
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    if let Some((asked, reason)) = order::end_refund(tx, id, "done").await? {
        stored.refunding -= asked;
        return life::refunded(tx, &mut stored, id, asked, &reason).await;
    }
    // One that a merchant began in payments.
    if order::adopt_refund(tx, id, news.order_id, amount.amount).await? {
        let reason = news.reason.as_deref().unwrap_or("refunded in payments");
        return life::refunded(tx, &mut stored, id, amount.amount, reason).await;
    }
    Ok(())
}

#[derive(Deserialize)]
struct RefundFailed {
    order_id: OrderId,
    refund_id: String,
    #[serde(default)]
    reason: Option<String>,
}

/// Money could not go back: somebody must look.
async fn refund_failed(tx: &Tx, news: &RefundFailed) -> Result<()> {
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    let Some((asked, _)) = order::end_refund(tx, &news.refund_id, "failed").await? else { return Ok(()) };
    stored.refunding -= asked;
    order::update(tx, &mut stored).await?;
    let told = format!("refund failed: {}", news.reason.as_deref().unwrap_or("payments refused it"));
    Ok(order::note(tx, news.order_id, stored.order.state, "payments", &told).await?)
}

#[derive(Deserialize)]
struct Invoiced {
    order_id: OrderId,
    number: String,
}

async fn invoiced(tx: &Tx, news: &Invoiced) -> Result<()> {
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    stored.order.invoice = Some(news.number.clone());
    Ok(order::update(tx, &mut stored).await?)
}

#[derive(Deserialize)]
struct StockLost {
    order_id: OrderId,
}

/// The stock of a paid order had been let go before the payment came: the order cannot be kept.
async fn stock_lost(tx: &Tx, news: &StockLost) -> Result<()> {
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    match stored.order.state.allows(State::Cancelled) {
        true => life::cancel(tx, &mut stored, "inventory", "sold out before the payment came").await,
        false => Ok(()),
    }
}

#[derive(Deserialize)]
struct Erased {
    user_id: Option<UserId>,
}

/// Forgets a person: at once where the order has ended, else when it does.
async fn forget(tx: &Tx, news: &Erased) -> Result<()> {
    let Some(user) = news.user_id else { return Ok(()) };
    for mut stored in order::all_of(tx, user).await? {
        stored.forget = true;
        if stored.order.state.is_over() {
            life::forget(&mut stored.order);
        }
        order::update(tx, &mut stored).await?;
    }
    Ok(())
}
