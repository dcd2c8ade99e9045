//! What others are told.

use crate::SERVICE;
use crate::model::{Kind, Line, Role, Transaction};
use crate::rules::book::Book;
use crate::rules::iban::Iban;
use crate::rules::state::State;
use serde::Serialize;
use serde_json::json;
use souk_kit::id::TransactionId;
use souk_kit::{Money, Result, Tx};

/// Its entries are in the ledger.
pub const POSTED: &str = "souk.transaction.posted";
/// It could not be posted.
pub const FAILED: &str = "souk.transaction.failed";
/// Another one has undone it.
pub const REVERSED: &str = "souk.transaction.reversed";
/// A transfer to outside came back.
pub const RETURNED: &str = "souk.transaction.returned";
/// Money came in on the shop's collection account, or for nobody known.
pub const RECEIVED: &str = "souk.transfer.received";

/// Tells what became of a transaction, if anybody wants to know.
pub async fn tell(tx: &Tx, kind: &str, it: &Transaction, book: &Book) -> Result<()> {
    if kind == POSTED {
        received(tx, it, book).await?;
    }
    if !SERVICE.subscriptions.iter().any(|subscription| subscription.event == kind) {
        return Ok(());
    }
    let posting = |Line(number, amount): &Line| {
        let account = book.account(*number)?;
        Some(json!({"account_id": account.id, "amount": account.money(*amount)}))
    };
    let postings: Vec<_> = it.lines.iter().filter_map(posting).collect();
    let data = json!({"transaction_id": it.id, "kind": it.kind, "postings": postings, "label": it.label});
    tx.emit(kind, it.id, data).await
}

/// Tells of everything that was posted just now.
pub async fn tell_all(tx: &Tx, book: &Book) -> Result<()> {
    for it in book.transactions.iter().filter(|it| it.state == State::Posted) {
        tell(tx, POSTED, it, book).await?;
    }
    Ok(())
}

/// Money from outside that somebody has to find the use of.
#[derive(Debug, Serialize)]
pub struct Received<'a> {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// How much.
    pub amount: Money,
    /// What the sender wrote.
    pub reference: Option<&'a str>,
    /// Whose account it came from.
    pub from_iban: Option<&'a Iban>,
    /// The sender's name.
    pub name: Option<&'a str>,
    /// Whether the account that it was for is not one of ours.
    pub unallocated: bool,
}

/// Tells of money that came in for the shop, or for nobody known.
async fn received(tx: &Tx, it: &Transaction, book: &Book) -> Result<()> {
    let role = it.to.and_then(|to| book.account(to)).and_then(|to| to.role);
    let (Kind::Transfer | Kind::Incoming, Some(Role::Collection | Role::Suspense)) = (it.kind, role) else {
        return Ok(());
    };
    let (Some(amount), Some(from)) = (it.amount, it.from.and_then(|from| book.account(from))) else {
        return Ok(());
    };
    let outside = it.outside.as_ref();
    let reference = outside.and_then(|it| it.reference.as_deref()).unwrap_or(&it.label);
    let sender = match it.kind {
        // Without a number of its own it has that of the clearing account.
        Kind::Incoming => outside.map(|it| &it.iban).filter(|iban| **iban != from.iban),
        _ => Some(&from.iban),
    };
    let data = Received {
        transaction_id: it.id,
        amount: it.received.unwrap_or(amount),
        reference: Some(reference).filter(|text| !text.is_empty()),
        from_iban: sender,
        name: outside.filter(|_| it.kind == Kind::Incoming).map(|it| it.name.as_str()),
        unallocated: role == Some(Role::Suspense),
    };
    tx.emit(RECEIVED, it.id, data).await
}
