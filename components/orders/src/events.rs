//! What other services tell: payments of money, billing of invoices, customers of people who want to be forgotten.

use crate::due;
use crate::life;
use crate::revision;
use crate::state::State;
use crate::store::group;
use crate::store::order::{self, Stored};
use futures::future::BoxFuture;
use serde::Deserialize;
use souk_kit::id::{OrderId, RefundId, UserId};
use souk_kit::{Event, Money, Problem, Result, Tx, once};

/// Takes an event in.
pub fn on_event<'a>(tx: &'a mut Tx, event: &'a Event) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        // The kit has checked that the caller is the source; that the source may say such things is for us to check.
        match (event.source.as_str(), event.kind.as_str()) {
            ("/payments", "souk.payment.awaited") => due::wait_for(tx, &event.data()?).await,
            ("/payments", "souk.payment.captured") => captured(tx, &event.data()?).await,
            ("/payments", "souk.payment.failed") => failed(tx, &event.data()?).await,
            ("/payments", "souk.payment.refunded") => refunded(tx, &event.data()?).await,
            ("/billing", "souk.invoice.issued") => invoiced(tx, &event.data()?).await,
            ("/customers", "souk.customer.changed") => regroup(tx, &event.data()?).await,
            ("/customers", "souk.customer.erased") => forget(tx, &event.data()?).await,
            ("/payments" | "/billing" | "/customers", _) => Ok(()),
            _ => Err(Problem::forbidden("Only payments, billing and customers are listened to.")),
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
    /// What we, or a merchant, call the refund.
    #[serde(default)]
    refund_key: Option<String>,
    #[serde(default)]
    refund_amount: Option<Money>,
}

/// The order is paid, unless it was called off: then the money goes back.
async fn captured(tx: &Tx, news: &PaymentNews) -> Result<()> {
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else {
        // It was deleted while the buyer paid.
        let reason = "paid after the order was deleted";
        return life::send_back(tx, news.order_id, RefundId::new(), news.captured, reason).await;
    };
    // A change whose amount was paid is made, though its saga has not come so far.
    revision::take_in(tx, &mut stored, news.captured).await?;
    let is_all = news.captured.amount >= stored.order.totals.total.amount;
    let is_more = news.captured.amount > stored.order.received.amount;
    stored.order.received.amount = news.captured.amount.max(stored.order.received.amount);
    match stored.order.state {
        State::Draft | State::PendingPayment if is_all => {
            life::pay(tx, &mut stored, "payments", "payment captured").await
        }
        State::Cancelled if stored.order.paid_at.is_none() => give_back(tx, &mut stored, news.captured).await,
        State::PendingPayment if is_more => Ok(order::update(tx, &mut stored).await?),
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

/// Too many cards were declined: nothing will come of this payment.
async fn failed(tx: &Tx, news: &PaymentNews) -> Result<()> {
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    match stored.order.state {
        State::PendingPayment => life::cancel(tx, &mut stored, "payments", "payment failed").await,
        _ => Ok(()),
    }
}

/// Money has gone back.
async fn refunded(tx: &Tx, news: &PaymentNews) -> Result<()> {
    let (Some(id), Some(key)) = (news.refund_id.as_deref(), news.refund_key.as_deref()) else {
        return Ok(());
    };
    let Some(amount) = news.refund_amount else { return Ok(()) };
    let Some(mut stored) = order::look_up(tx, news.order_id).await? else { return Ok(()) };
    if let Some((asked, reason)) = order::end_refund(tx, key, "done").await? {
        stored.refunding -= asked;
        return life::refunded(tx, &mut stored, key, asked, &reason).await;
    }
    // One that a merchant began in payments.
    if order::adopt_refund(tx, id, news.order_id, amount.amount).await? {
        return life::refunded(tx, &mut stored, id, amount.amount, "refunded in payments").await;
    }
    Ok(())
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
struct Changed {
    user_id: Option<UserId>,
    groups: Vec<String>,
    version: i64,
}

/// A person is in these groups from now on.
async fn regroup(tx: &Tx, news: &Changed) -> Result<()> {
    let Some(user) = news.user_id else { return Ok(()) };
    Ok(group::set(tx, user, &news.groups, news.version).await?)
}

#[derive(Deserialize)]
struct Erased {
    user_id: Option<UserId>,
}

/// Forgets a person: at once where the order has ended, else when it does.
async fn forget(tx: &Tx, news: &Erased) -> Result<()> {
    let Some(user) = news.user_id else { return Ok(()) };
    once::forget(tx, user).await?;
    group::forget(tx, user).await?;
    for mut stored in order::all_of(tx, user).await? {
        stored.forget = true;
        if stored.order.state.is_over() {
            life::forget(&mut stored.order);
        }
        order::update(tx, &mut stored).await?;
    }
    Ok(())
}
