//! Money that comes by transfer: told by the ledger, found out by its reference what it pays, sent back when it pays nothing.

use crate::model::{AttemptState, Capture, Intent, Receipt, Try};
use crate::provider::bank_transfer::{self, PAYER_IBAN, PAYER_NAME, Payout};
use crate::provider::{Said, Settled, Standing};
use crate::store::{self, receipt as receipts};
use crate::{reference, rules, settle};
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::TransactionId;
use souk_kit::{Ctx, Event, Level, Money, Problem, Result, Timestamp, Tx, log};

/// The most returns that one round sends.
const BATCH: u32 = 50;

/// What the ledger tells.
#[derive(Debug, Deserialize)]
struct Received {
    transaction_id: TransactionId,
    amount: Money,
    reference: Option<String>,
    from_iban: Option<String>,
    name: Option<String>,
    /// Whether it came for an account that nobody has: then it is not ours.
    unallocated: bool,
}

/// Takes an event in.
pub async fn hear(tx: &mut Tx, event: &Event) -> Result<()> {
    match (event.source.as_str(), event.kind.as_str()) {
        ("/transactions", "souk.transfer.received") => received(tx, event.data()?).await,
        ("/transactions", _) => Ok(()),
        _ => Err(Problem::forbidden("Only transactions is listened to.")),
    }
}

async fn received(tx: &Tx, news: Received) -> Result<()> {
    if news.unallocated {
        return Ok(());
    }
    let mut receipt = Receipt {
        id: news.transaction_id,
        currency: news.amount.currency,
        amount: news.amount.amount,
        reference: news.reference,
        from_iban: news.from_iban,
        name: news.name,
        attempt_id: None,
        used: 0,
        returning: 0,
        returned: 0,
        received_at: Timestamp::now(),
    };
    if !receipts::insert(tx, &receipt).await? {
        return Ok(());
    }
    let Some(reference) = receipt.reference.as_deref().and_then(reference::find) else { return Ok(()) };
    let Some(attempt) = store::try_by_reference(tx, bank_transfer::NAME, &reference).await? else {
        return Ok(());
    };
    let intent = store::find(tx, attempt.intent_id).await?.intent;
    if may_take(&intent, &attempt, &receipt) {
        take(tx, intent, attempt, &mut receipt).await?;
    }
    Ok(())
}

/// Whether a try still waits for money of this currency.
pub fn may_take(intent: &Intent, attempt: &Try, receipt: &Receipt) -> bool {
    let waits = matches!(attempt.state, AttemptState::RequiresAction | AttemptState::Processing);
    waits && attempt.provider == bank_transfer::NAME && intent.currency == receipt.currency
}

/// Gives a try what it needs of what is left of a receipt. With all that was asked for, it is paid.
pub async fn take(tx: &Tx, mut intent: Intent, mut attempt: Try, receipt: &mut Receipt) -> Result<()> {
    let before = receipts::received(tx, attempt.id).await?;
    let used = receipt.left().min(attempt.amount - before);
    (receipt.attempt_id, receipt.used) = (Some(attempt.id), used);
    receipts::save(tx, receipt).await?;
    if before + used < attempt.amount {
        return Ok(());
    }
    let mut notes = attempt.notes.clone();
    let payer = [(PAYER_IBAN, &receipt.from_iban), (PAYER_NAME, &receipt.name)];
    notes.ids.extend(payer.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it.clone()?))));
    let standing = match intent.capture {
        Capture::Automatic => Standing::Captured,
        Capture::Manual => Standing::Authorized,
    };
    let said = Said { standing, notes: Some(notes) };
    settle::attempt(tx, &mut intent, &mut attempt, &said).await
}

/// Sends back what is set aside for it.
pub async fn give_back(ctx: &Ctx) -> Result<()> {
    let until = Timestamp::now().after(rules::ASK_AGAIN);
    for receipt in receipts::to_return(&ctx.conn().await?, until, BATCH).await? {
        let id = receipt.id;
        if let Err(problem) = send(ctx, receipt).await {
            let cause = problem.cause().unwrap_or(problem.detail());
            let fields = json!({"receipt.id": id, "cause": cause});
            log(Level::Warn, "money that came could not be sent back; it is tried again", fields);
        }
    }
    Ok(())
}

async fn send(ctx: &Ctx, receipt: Receipt) -> Result<()> {
    let Some(iban) = receipt.from_iban.as_deref() else { return Ok(()) };
    let amount = Money::new(receipt.returning, receipt.currency);
    // A receipt goes back at most once for each sum that went back before.
    let key = format!("{}:{}", receipt.id, receipt.returned);
    let name = receipt.name.as_deref().unwrap_or_default();
    let payout = Payout { key: &key, amount, iban, name, from: "collection" };
    let sent = bank_transfer::pay_out(ctx, &receipt.id.to_string(), &payout).await;
    let sent = sent.map_err(|unanswered| Problem::unavailable(unanswered.0))?;
    let tx = ctx.begin().await?;
    let mut latest = receipts::find(&tx, receipt.id).await?;
    if latest.returned != receipt.returned {
        return Ok(());
    }
    latest.returning -= receipt.returning;
    if sent == Settled::Done {
        latest.returned += receipt.returning;
    }
    receipts::save(&tx, &latest).await?;
    // What it was used for may have come to nothing meanwhile.
    if let Some(attempt) = latest.attempt_id {
        receipts::give_up(&tx, attempt).await?;
    }
    Ok(tx.commit().await?)
}
