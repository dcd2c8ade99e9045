//! What must happen without anybody asking: questions that got no answer are asked again, and the simulator's webhooks sent.

use crate::model::{AttemptState, Transfer, Try};
use crate::provider::{self, CARD_SIMULATOR, Said, simulator_books};
use crate::{receipt, rules, settle, store, transfer, webhook};
use serde_json::json;
use souk_kit::{Ctx, Level, Result, Timestamp, log};
use std::time::Duration;

/// The most questions of a kind that one round asks.
const BATCH: u32 = 50;
/// How long the id of a webhook is remembered: far longer than any provider repeats one.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// One round. What fails waits for the next, and holds nothing else up.
pub async fn run(ctx: Ctx) -> Result<()> {
    send_webhooks(&ctx).await?;
    let until = Timestamp::now().after(rules::ASK_AGAIN);
    let attempts = store::tries_to_ask(&ctx.conn().await?, until, BATCH).await?;
    for attempt in attempts {
        let id = attempt.id.to_string();
        or_later(&id, ask_about(&ctx, attempt).await);
    }
    let transfers = store::transfers_to_ask(&ctx.conn().await?, until, BATCH).await?;
    for transfer in transfers {
        let id = transfer.id.clone();
        or_later(&id, ask_for(&ctx, transfer).await);
    }
    receipt::give_back(&ctx).await?;
    let oldest = Timestamp::now().before(REMEMBERED);
    Ok(store::forget_webhooks(&ctx.conn().await?, oldest).await?)
}

/// Notes what went wrong. It was leased before it was tried, so its turn comes again.
fn or_later(what: &str, done: Result<()>) {
    if let Err(problem) = done {
        let cause = problem.cause().unwrap_or(problem.detail());
        let fields = json!({"service": "payments", "of": what, "cause": cause});
        log(Level::Warn, "maintenance of one payment failed; it is tried again", fields);
    }
}

/// Sends the simulator's webhooks, by the way that others come in.
async fn send_webhooks(ctx: &Ctx) -> Result<()> {
    for sent in simulator_books::due(ctx).await? {
        match webhook::take_in(ctx, CARD_SIMULATOR, &sent.headers, sent.body.as_bytes()).await {
            Ok(()) => simulator_books::taken(ctx, sent.id).await?,
            Err(problem) => or_later(&format!("webhook {}", sent.id), Err(problem)), // It is sent again.
        }
    }
    Ok(())
}

/// Asks how a charge stands, by its key.
pub async fn ask_about(ctx: &Ctx, attempt: Try) -> Result<()> {
    let provider = provider::of(&attempt.provider)?;
    let intent = store::find(&ctx.conn().await?, attempt.intent_id).await?.intent;
    let charge = settle::charge(&intent, &attempt);
    let answer = match attempt.state {
        AttemptState::Voiding => provider.cancel(ctx, &charge).await.map(Said::from),
        _ => provider.resume(ctx, &charge).await,
    };
    let said = settle::or_processing(answer, &attempt);
    let tx = ctx.begin().await?;
    settle::latest(&tx, attempt.id, &said).await?;
    Ok(tx.commit().await?)
}

/// Asks again to move a part of a charge, by its key.
pub async fn ask_for(ctx: &Ctx, transfer: Transfer) -> Result<()> {
    let (intent, attempt) = {
        let conn = ctx.conn().await?;
        let intent = store::find(&conn, transfer.intent_id).await?.intent;
        (intent, store::authorized_try(&conn, transfer.intent_id).await?)
    };
    let charge = settle::charge(&intent, &attempt);
    let answer = transfer::ask(ctx, &attempt.provider, &charge, &intent, &transfer).await;
    let tx = ctx.begin().await?;
    let mut intent = store::find(&tx, transfer.intent_id).await?.intent;
    let mut transfer = store::find_transfer(&tx, &transfer.id).await?;
    transfer::take_in(&tx, &mut intent, &mut transfer, answer).await?;
    Ok(tx.commit().await?)
}
