//! A transaction that somebody wants, before the books have entered it.

use crate::model::{Kind, Line, Outside, Transaction};
use crate::rules::state::State;
use souk_kit::id::{BatchId, PaymentId, QuoteId, TransactionId};
use souk_kit::{Money, Timestamp};

/// When a transaction is to be posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Now.
    Now,
    /// At this time.
    At(Timestamp),
    /// It goes through clearing, which will be done at this time. Until then the money is set aside.
    Cleared(Timestamp),
}

/// A transaction that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its id.
    pub id: TransactionId,
    /// What it does.
    pub kind: Kind,
    /// Where money goes from.
    pub from: Option<i64>,
    /// Where it goes.
    pub to: Option<i64>,
    /// How much leaves.
    pub amount: Option<Money>,
    /// How much arrives, if in another currency.
    pub received: Option<Money>,
    /// What is posted.
    pub lines: Vec<Line>,
    /// When.
    pub when: When,
    /// Whether it counts towards the limit per day, and what that is for an account without one of its own.
    pub limited: Option<Option<i64>>,
    /// What people wrote.
    pub label: String,
    /// What programs wrote.
    pub metadata: Option<serde_json::Value>,
    /// The other side, outside.
    pub outside: Option<Outside>,
    /// The price that it is made at.
    pub quote_id: Option<QuoteId>,
    /// The batch that it comes with.
    pub batch_id: Option<BatchId>,
    /// What it undoes.
    pub reverses: Option<TransactionId>,
    /// Why.
    pub reason: Option<String>,
    /// What somebody else knows it by.
    pub key: Option<String>,
    /// The payment whose money it is.
    pub payment: Option<PaymentId>,
    /// Who asked for it.
    pub created_by: String,
}

impl Draft {
    /// From one account to another in one currency, now.
    pub fn between(kind: Kind, from: i64, to: i64, amount: Money, created_by: &str) -> Self {
        Self {
            id: TransactionId::new(),
            kind,
            from: Some(from),
            to: Some(to),
            amount: Some(amount),
            received: None,
            lines: vec![Line(from, -amount.amount), Line(to, amount.amount)],
            when: When::Now,
            limited: None,
            label: String::new(),
            metadata: None,
            outside: None,
            quote_id: None,
            batch_id: None,
            reverses: None,
            reason: None,
            key: None,
            payment: None,
            created_by: created_by.to_owned(),
        }
    }

    /// The transaction that it becomes, pending so far.
    pub fn into_transaction(self, number: i64, counted: (i64, i64), now: Timestamp) -> Transaction {
        Transaction {
            number,
            id: self.id,
            kind: self.kind,
            state: State::Pending,
            due: None,
            from: self.from,
            to: self.to,
            amount: self.amount,
            received: self.received,
            lines: self.lines,
            entries: None,
            counted,
            label: self.label,
            note: None,
            metadata: self.metadata,
            outside: self.outside,
            quote_id: self.quote_id,
            batch_id: self.batch_id,
            reverses: self.reverses,
            reversed_by: None,
            reason: self.reason,
            key: self.key,
            payment: self.payment,
            created_by: self.created_by,
            version: 1,
            created_at: now,
            posted_at: None,
        }
    }
}
