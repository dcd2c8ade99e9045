//! Accounts, transactions and holds, as they are answered.

use crate::access::Who;
use crate::model::{Account, AccountKind, Hold, HoldState, Kind, Line, Role, Stage, Transaction};
use crate::rules::book::Book;
use crate::rules::iban::Iban;
use crate::rules::state::State;
use serde::Serialize;
use souk_kit::id::{AccountId, BatchId, HoldId, QuoteId, TransactionId, UserId};
use souk_kit::{Currency, Money, Timestamp};
use utoipa::ToSchema;

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerAccount)]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// Its number.
    pub iban: Iban,
    /// What it is to the shop: a customer's wallet is a liability.
    pub kind: AccountKind,
    /// What the suite itself uses it for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Its currency.
    pub currency: Currency,
    /// Whose it is; absent for the shop's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// What it is called.
    pub label: String,
    /// `open` or `closed`.
    #[schema(example = "open")]
    pub state: &'static str,
    /// What is in it.
    pub balance: Balance,
    /// What it allows.
    pub limits: LimitsView,
    /// When it was opened.
    pub created_at: Timestamp,
}

/// What is in an account. Assets and expenses count debits up, the others credits.
#[derive(Debug, Serialize, ToSchema)]
pub struct Balance {
    /// What has been posted.
    pub posted: Money,
    /// What of it is set aside by holds.
    pub held: Money,
    /// What can be spent.
    pub available: Money,
}

/// What an account allows.
#[derive(Debug, Serialize, ToSchema)]
pub struct LimitsView {
    /// What must stay available; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_balance: Option<i64>,
    /// What may go out to others on a day (UTC); absent for the shop's usual limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_out: Option<i64>,
}

impl From<&Account> for AccountView {
    fn from(it: &Account) -> Self {
        Self {
            id: it.id,
            iban: it.iban.clone(),
            kind: it.kind,
            role: it.role,
            currency: it.currency,
            owner: it.owner,
            label: it.label.clone(),
            state: if it.is_open { "open" } else { "closed" },
            balance: Balance::of(it),
            limits: LimitsView { min_balance: it.min_balance, daily_out: it.daily_out },
            created_at: it.created_at,
        }
    }
}

impl Balance {
    /// Of an account, now.
    pub fn of(it: &Account) -> Self {
        let available = it.available() - it.min_balance.unwrap_or_default();
        Self { posted: it.money(it.standing()), held: it.money(it.held), available: it.money(available) }
    }
}

/// One side of a transaction.
#[derive(Debug, Serialize, ToSchema)]
pub struct Party {
    /// The account, if the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Its number.
    pub iban: Iban,
    /// Whose it is said to be, outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A line of a transaction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerPosting)]
pub struct PostingView {
    /// The account, if the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Its number.
    pub iban: Iban,
    /// Above zero is a credit, below zero a debit.
    pub amount: Money,
}

/// A transaction.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerTransaction)]
pub struct TransactionView {
    /// Its id.
    pub id: TransactionId,
    /// What it does.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// What happens to it next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// When that happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Where money goes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Party>,
    /// Where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Party>,
    /// How much leaves; absent for postings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// How much arrives, if in another currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<Money>,
    /// What is posted, or is to be. In each currency they sum to zero.
    pub postings: Vec<PostingView>,
    /// What people wrote.
    pub label: String,
    /// What was added later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What programs wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<serde_json::Value>,
    /// What came with money from outside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What the bank outside knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_to_end_id: Option<String>,
    /// The quote that it was made at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote_id: Option<QuoteId>,
    /// The batch that it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The transaction that it undoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverses: Option<TransactionId>,
    /// The transaction that undid it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reversed_by: Option<TransactionId>,
    /// Why it failed, or was reversed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was posted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posted_at: Option<Timestamp>,
}

impl TransactionView {
    /// As somebody may see it. The book must have its accounts.
    pub fn new(it: &Transaction, book: &Book, who: &Who) -> Self {
        let known = |number: &i64| book.account(*number);
        let visible = |account: &Account| who.may_see(account).then_some(account.id);
        let party = |account: &Account| {
            let (account_id, iban) = (visible(account), account.iban.clone());
            Party { account_id, iban, name: None }
        };
        let outside = it.outside.as_ref();
        let beyond = || {
            outside.map(|it| Party { account_id: None, iban: it.iban.clone(), name: Some(it.name.clone()) })
        };
        let comes_in = matches!(it.kind, Kind::Incoming | Kind::Return);
        let (mut from, mut to) =
            (it.from.as_ref().and_then(known).map(party), it.to.as_ref().and_then(known).map(party));
        if let Some(beyond) = beyond() {
            *(if comes_in { &mut from } else { &mut to }) = Some(beyond);
        }
        let postings = it.lines.iter().filter_map(|Line(number, amount)| {
            let account = known(number)?;
            let (account_id, iban) = (visible(account), account.iban.clone());
            Some(PostingView { account_id, iban, amount: account.money(*amount) })
        });
        Self {
            id: it.id,
            kind: it.kind,
            state: it.state,
            stage: it.due.map(|(stage, _)| stage),
            due_at: it.due.map(|(_, at)| at),
            from,
            to,
            amount: it.amount,
            received: it.received,
            postings: postings.collect(),
            label: it.label.clone(),
            note: it.note.clone(),
            metadata: it.metadata.clone(),
            reference: outside.and_then(|it| it.reference.clone()),
            end_to_end_id: outside.and_then(|it| it.end_to_end_id.clone()),
            quote_id: it.quote_id,
            batch_id: it.batch_id,
            reverses: it.reverses,
            reversed_by: it.reversed_by,
            reason: it.reason.clone(),
            created_at: it.created_at,
            posted_at: it.posted_at,
        }
    }
}

/// Money that is set aside.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LedgerHold)]
pub struct HoldView {
    /// Its id.
    pub id: HoldId,
    /// The account.
    pub account_id: AccountId,
    /// What was set aside.
    pub amount: Money,
    /// What was taken of it.
    pub captured: Money,
    /// What it still sets aside.
    pub remaining: Money,
    /// Where it stands.
    pub state: HoldState,
    /// What for.
    pub purpose: String,
    /// The payment that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl HoldView {
    /// Of an account.
    pub fn new(it: &Hold, account: &Account) -> Self {
        Self {
            id: it.id,
            account_id: account.id,
            amount: account.money(it.amount),
            captured: account.money(it.captured),
            remaining: account.money(it.remaining()),
            state: it.state,
            purpose: it.purpose.clone(),
            payment_id: it.payment_id.clone(),
            expires_at: it.expires_at,
            created_at: it.created_at,
        }
    }
}
