//! Taking in what a provider says, from whichever side it comes: its answer, its webhook, or when it is asked again.

use crate::event;
use crate::model::{AttemptState, Capture, Intent, Kind, Transfer, TransferState, Try};
use crate::provider::{Charge, Part, Said, Settled, Standing, Unanswered, bank_transfer};
use crate::rules::{self, News};
use crate::store;
use serde_json::json;
use souk_kit::id::AttemptId;
use souk_kit::{Level, Result, Timestamp, Tx, log};

/// A try as its provider knows it.
pub fn charge(intent: &Intent, attempt: &Try) -> Charge {
    Charge {
        key: attempt.id,
        payment: intent.id,
        order: intent.order_id,
        user: intent.user_id,
        amount: intent.money(attempt.amount),
        capture: intent.capture == Capture::Automatic,
        last4: attempt.card.as_ref().map(|card| card.last4.clone()),
        return_url: intent.return_url.clone(),
        since: attempt.created_at,
        notes: attempt.notes.clone(),
    }
}

/// A transfer as its provider knows it.
pub fn part(intent: &Intent, transfer: &Transfer) -> Part {
    Part { key: transfer.id.clone(), amount: intent.money(transfer.amount) }
}

/// What is known when no answer came: that somebody is working on it, perhaps.
pub fn or_processing(answer: Result<Said, Unanswered>, attempt: &Try) -> Said {
    answer.unwrap_or_else(|unanswered| {
        let fields = json!({"attempt.id": attempt.id, "provider": attempt.provider, "cause": unanswered.0});
        log(Level::Warn, "a provider did not answer; it will be asked again", fields);
        Standing::Processing.into()
    })
}

/// Stores what a provider says of a try, with all that follows from it. Says nothing new, changes nothing.
pub async fn attempt(tx: &Tx, intent: &mut Intent, attempt: &mut Try, said: &Said) -> Result<()> {
    let is_noted = said.notes.as_ref().is_none_or(|notes| *notes == attempt.notes);
    if let Some(notes) = &said.notes {
        attempt.notes.clone_from(notes);
    }
    let news = rules::apply(intent, attempt, &said.standing, Timestamp::now());
    // Who was asked for the last time has said so.
    let is_answered = said.standing != Standing::Processing && rules::is_final(attempt.state);
    let is_asked_no_more = is_answered && attempt.ask_at.take().is_some();
    if news != News::Old || !is_noted || is_asked_no_more {
        save(tx, attempt).await?;
    }
    if news == News::Old {
        return Ok(());
    }
    store::save(tx, intent).await?;
    match news {
        News::Told(kind) => event::emit(tx, kind, intent, event::About::Try(attempt)).await,
        News::Old | News::Quiet => Ok(()),
    }
}

/// Stores where a try stands. What was transferred for one that has come to nothing goes back.
async fn save(tx: &Tx, attempt: &Try) -> Result<()> {
    store::save_try(tx, attempt).await?;
    let is_nothing = matches!(attempt.state, AttemptState::Voided | AttemptState::Declined);
    if is_nothing && attempt.provider == bank_transfer::NAME {
        store::receipt::give_up(tx, attempt.id).await?;
    }
    Ok(())
}

/// The same for a try that may have gone on since it was read.
pub async fn latest(tx: &Tx, id: AttemptId, said: &Said) -> Result<(Intent, Try)> {
    let mut tried = store::find_try(tx, id).await?;
    let mut intent = store::find(tx, tried.intent_id).await?.intent;
    attempt(tx, &mut intent, &mut tried, said).await?;
    Ok((intent, tried))
}

/// Stores what a provider says of a transfer, with all that follows from it.
pub async fn transfer(tx: &Tx, intent: &mut Intent, transfer: &mut Transfer, settled: Settled) -> Result<()> {
    if transfer.state != TransferState::Pending {
        return Ok(());
    }
    transfer.state = match settled {
        Settled::Done => TransferState::Succeeded,
        Settled::Refused => TransferState::Failed,
    };
    transfer.ask_at = None;
    let kind = rules::book(intent, transfer.kind, transfer.amount, transfer.state);
    store::save_transfer(tx, transfer).await?;
    store::save(tx, intent).await?;
    let Some(kind) = kind else { return Ok(()) };
    let by = store::authorized_try(tx, intent.id).await?;
    let about = match transfer.kind {
        Kind::Refund => event::About::Refund(&by, transfer),
        Kind::Capture | Kind::Release => event::About::Try(&by),
    };
    event::emit(tx, kind, intent, about).await
}

/// Gives a living try up: nothing may come of it any more. Whether its provider must be told.
pub async fn give_up(tx: &Tx, intent: &Intent, attempt: &mut Try) -> Result<bool> {
    let is_over = crate::provider::of(&attempt.provider)?.gives_up_here(&charge(intent, attempt));
    attempt.state = if is_over { AttemptState::Voided } else { AttemptState::Voiding };
    attempt.ask_at = (!is_over).then(|| Timestamp::now().after(rules::CALL_LASTS));
    save(tx, attempt).await?;
    Ok(!is_over)
}
