//! The saga of each order: the steps that a change of the order asks of other services.
//!
//! A step is written with the change, taken as soon as the change is answered, and taken again by the maintenance route
//! until it is done: after a crash, and while the other side does not answer. Each can be repeated: the other side knows
//! it by the order, or by the shipment, return or refund that it is about.

use crate::ask;
use crate::checkout;
use crate::due;
use crate::life;
use crate::revision;
use crate::store::order;
use crate::store::step::{self, Due, Kind};
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use souk_kit::client::Reply;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::{Ctx, GRACE, Level, Problem, Result, Timestamp, Tx, log};
use std::time::Duration;

/// After this time somebody else takes a step that was begun.
pub const LEASE: Duration = Duration::from_secs(20);
/// How many steps one round takes.
const ROUND: u32 = 50;
/// The longest pause between attempts.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// From this attempt on a failure is worth an operator's look.
const WORRYING: u32 = 8;

/// Takes the steps whose time has come.
pub async fn run(ctx: Ctx) -> Result<()> {
    loop {
        let due = step::take_due(&ctx.conn().await?, LEASE, ROUND).await?;
        let is_last = due.len() < ROUND as usize;
        for step in due {
            attempt(ctx.clone(), step).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// A step to be taken as soon as this transaction is committed and its request answered.
pub async fn add(tx: &Tx, order: OrderId, kind: Kind, subject: &str, body: Value) -> Result<()> {
    step::add(tx, order, kind, subject, &body, Timestamp::now().after(GRACE)).await?;
    let step = Due { order, kind, subject: subject.to_owned(), body, attempts: 1 };
    tx.afterwards(move |ctx| attempt(ctx, step));
    Ok(())
}

/// Takes a step. Boxed, since one step may lead to the next.
fn attempt(ctx: Ctx, step: Due) -> BoxFuture<'static, Result<()>> {
    Box::pin(async move {
        match take(&ctx, &step).await {
            Ok(()) => Ok(step::done(&ctx.relaxed().await?, &step).await?),
            Err(problem) => postpone(&ctx, &step, &problem).await,
        }
    })
}

async fn take(ctx: &Ctx, step: &Due) -> Result<()> {
    match step.kind {
        Kind::Reserve => checkout::resume(ctx, step.order, step.attempts).await,
        Kind::AwaitPayment => checkout::time_out(ctx, step).await,
        Kind::Extend => due::hold(ctx, step.order).await,
        Kind::Commit => commit(ctx, step).await,
        Kind::Release => release(ctx, step.order).await,
        Kind::CancelPayment => cancel_payment(ctx, step.order).await,
        Kind::Ship => to_inventory(ctx, step, "ship").await,
        Kind::TakeBack => to_inventory(ctx, step, "return").await,
        Kind::Refund => refund(ctx, step).await,
        Kind::Change => revision::resume(ctx, step).await,
        Kind::Align => revision::align(ctx, step.order).await,
    }
}

async fn postpone(ctx: &Ctx, step: &Due, problem: &Problem) -> Result<()> {
    let cause = problem.cause().unwrap_or(problem.detail());
    let level = if step.attempts >= WORRYING { Level::Error } else { Level::Warn };
    let fields = json!({"service": "orders", "order": step.order, "step": step.kind.name(), "cause": cause});
    log(level, "a step of an order failed; it will be taken again", fields);
    let pause = Duration::from_secs(1 << step.attempts.min(6)).min(MAX_PAUSE);
    Ok(step::again(&ctx.conn().await?, step, Timestamp::now().after(pause), cause).await?)
}

/// Keeps a paid order's stock. If it was let go before the payment came, it is taken again; if it is sold by now, the order
/// is called off and the money goes back.
async fn commit(ctx: &Ctx, step: &Due) -> Result<()> {
    let id = step.order;
    if step.body["align"] == true {
        revision::align_stock(ctx, id).await?;
    }
    let path = format!("/inventory/reservations/{id}/commit");
    let reply = ctx.call(Method::POST, "inventory", path).idempotency_key(id.to_string()).send().await?;
    if reply.status.is_success() {
        return Ok(());
    }
    if !matches!(reply.status, StatusCode::CONFLICT | StatusCode::NOT_FOUND) {
        return Err(reply.unexpected());
    }
    let stored = order::look_up(&ctx.conn().await?, id).await?;
    let Some(stored) = stored.filter(|stored| stored.order.state.is_paid()) else { return Ok(()) };
    match ask::reserve(ctx, id, life::wanted(&stored.order), checkout::HELD).await {
        Ok(()) => Err(Problem::unavailable("the stock was held anew and is to be committed")),
        Err(problem) if checkout::is_out_of_stock(&problem) => {
            checkout::call_off(ctx, id, stored.order.state, "sold out before the payment came").await
        }
        Err(problem) => Err(problem),
    }
}

/// Lets a cancelled order's stock go. There is none if the order never got that far.
async fn release(ctx: &Ctx, id: OrderId) -> Result<()> {
    let path = format!("/inventory/reservations/{id}/release");
    let reply = ctx.call(Method::POST, "inventory", path).idempotency_key(id.to_string()).send().await?;
    settled(&reply)
}

/// Makes the payment of a cancelled order impossible. What was captured already comes back as an event, and is refunded.
async fn cancel_payment(ctx: &Ctx, id: OrderId) -> Result<()> {
    let Some(payment) = payment_of(ctx, id).await? else { return Ok(()) };
    let path = format!("/payments/intents/{payment}/cancel");
    let reply = ctx.call(Method::POST, "payments", path).idempotency_key(id.to_string()).send().await?;
    settled(&reply)
}

/// The payment of an order. A draft that was cut off may have one that it does not know of, and so may one that is gone.
async fn payment_of(ctx: &Ctx, id: OrderId) -> Result<Option<PaymentId>> {
    let stored = order::look_up(&ctx.conn().await?, id).await?;
    match stored.and_then(|stored| stored.order.payment_id) {
        Some(known) => Ok(Some(known)),
        None => ask::payment_of(ctx, id).await,
    }
}

/// Done, if the other side did it or has nothing that it could be done to.
fn settled(reply: &Reply) -> Result<()> {
    match reply.status {
        status if status.is_success() => Ok(()),
        StatusCode::NOT_FOUND | StatusCode::CONFLICT => Ok(()),
        _ => Err(reply.unexpected()),
    }
}

/// Units that left, or came back. While their stock is not committed yet, inventory refuses, and is asked again.
async fn to_inventory(ctx: &Ctx, step: &Due, what: &str) -> Result<()> {
    let path = format!("/inventory/reservations/{}/{what}", step.order);
    let call = ctx.call(Method::POST, "inventory", path).idempotency_key(&step.subject).json(&step.body)?;
    let reply = call.send().await?;
    match reply.status.is_success() {
        true => Ok(()),
        false => Err(reply.unexpected()),
    }
}

/// Gives money back. That it is back comes as an event; that it cannot be is known at once.
async fn refund(ctx: &Ctx, step: &Due) -> Result<()> {
    let Some(payment) = payment_of(ctx, step.order).await? else {
        return Err(Problem::internal("a refund of an order that has no payment"));
    };
    let path = format!("/payments/intents/{payment}/refunds");
    let call = ctx.call(Method::POST, "payments", path).idempotency_key(&step.subject).json(&step.body)?;
    let reply = call.send().await?;
    if reply.status.is_success() {
        return Ok(());
    }
    if reply.status != StatusCode::CONFLICT {
        return Err(reply.unexpected());
    }
    let reason = reply.kind().unwrap_or_else(|| "payments refused it".into());
    let tx = ctx.begin().await?;
    life::refund_failed(&tx, step.order, &step.subject, &reason).await?;
    tx.commit().await?;
    Ok(())
}
