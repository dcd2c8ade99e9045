//! What the ledger is made of: accounts, transactions, holds, as they are kept.

use crate::rules::iban::Iban;
use crate::rules::state::State;
use serde::{Deserialize, Serialize};
use souk_kit::id::{AccountId, BatchId, HoldId, PaymentId, QuoteId, TransactionId, UserId};
use souk_kit::{Currency, Money, Timestamp};
use utoipa::ToSchema;

/// An enum whose values have names, in JSON and in SQL.
macro_rules! named {
    ($(#[$doc:meta])+ $name:ident { $($(#[$about:meta])+ $value:ident = $text:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
            utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$about])+ $value,)+ }

        impl $name {
            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($text => Ok(Self::$value),)+ _ => Err(()) }
            }
        }
    };
}
pub(crate) use named;

named! {
    /// What an account is to the shop.
    AccountKind {
        /// What the shop has, such as money at a bank.
        Asset = "asset",
        /// What it owes, such as a customer's wallet.
        Liability = "liability",
        /// What it earned.
        Revenue = "revenue",
        /// What it spent.
        Expense = "expense",
    }
}

impl AccountKind {
    /// Whether debits raise it.
    pub const fn is_debit(self) -> bool {
        matches!(self, Self::Asset | Self::Expense)
    }

    /// An amount of the ledger (above zero is a credit) as this kind of account counts it, and back.
    pub const fn side(self, amount: i64) -> i64 {
        if self.is_debit() { -amount } else { amount }
    }
}

named! {
    /// What the suite itself uses an account for; each currency has one of each.
    Role {
        /// Money at the bank outside, through which everything comes in and goes out.
        Clearing = "clearing",
        /// What was sold.
        Sales = "sales",
        /// What was charged for services.
        Fees = "fees",
        /// Stands between two currencies.
        Conversion = "conversion",
        /// Money that came in for nobody known.
        Suspense = "suspense",
        /// Money that buyers transfer to the shop.
        Collection = "collection",
        /// What buyers paid by card, and their banks owe the shop.
        CardReceivable = "card_receivable",
        /// What buyers paid by PayPal, and PayPal owes the shop.
        PaypalReceivable = "paypal_receivable",
    }
}

impl Role {
    /// What kind of account it has.
    pub const fn kind(self) -> AccountKind {
        match self {
            Self::Clearing | Self::CardReceivable | Self::PaypalReceivable => AccountKind::Asset,
            Self::Sales | Self::Fees => AccountKind::Revenue,
            Self::Conversion | Self::Suspense | Self::Collection => AccountKind::Liability,
        }
    }

    /// Below what it must not fall.
    pub const fn min_balance(self) -> Option<i64> {
        match self {
            Self::Suspense => Some(0),
            Self::Clearing
            | Self::Sales
            | Self::Fees
            | Self::Conversion
            | Self::Collection
            | Self::CardReceivable
            | Self::PaypalReceivable => None,
        }
    }
}

named! {
    /// What a transaction does.
    Kind {
        /// From one account to another, or outside.
        Transfer = "transfer",
        /// In through the clearing account.
        Deposit = "deposit",
        /// Out through the clearing account.
        Withdrawal = "withdrawal",
        /// Whatever the shop's books need.
        Posting = "posting",
        /// Money from outside.
        Incoming = "incoming",
        /// What was held is taken.
        Capture = "capture",
        /// What was captured is given back.
        Refund = "refund",
        /// It undoes another one.
        Reversal = "reversal",
        /// A transfer to outside comes back.
        Return = "return",
    }
}

named! {
    /// What is to become of a pending transaction.
    Stage {
        /// It is posted at its time.
        Scheduled = "scheduled",
        /// It is on its way outside.
        Clearing = "clearing",
        /// It was posted, and will come back.
        Returning = "returning",
    }
}

named! {
    /// Where a hold stands.
    HoldState {
        /// It sets money aside.
        Active = "active",
        /// Something of it was taken, and nothing is set aside any more.
        Captured = "captured",
        /// It was let go.
        Released = "released",
        /// Its time was over.
        Expired = "expired",
    }
}

/// An account, as it is kept. Above zero is a credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its place in the table.
    pub number: i64,
    /// Its id.
    pub id: AccountId,
    /// Its number, for people.
    pub iban: Iban,
    /// What it is to the shop.
    pub kind: AccountKind,
    /// What the suite uses it for.
    pub role: Option<Role>,
    /// Its currency.
    pub currency: Currency,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// What its owner calls it.
    pub label: String,
    /// Whether it can be used.
    pub is_open: bool,
    /// The sum of its entries.
    pub balance: i64,
    /// What holds set aside.
    pub held: i64,
    /// Below what its standing must not fall.
    pub min_balance: Option<i64>,
    /// What may go out on a day.
    pub daily_out: Option<i64>,
    /// The day of `out_today`.
    pub out_day: i64,
    /// What went out on that day.
    pub out_today: i64,
    /// Counts changes of label, limits and state.
    pub version: i64,
    /// When it was opened.
    pub created_at: Timestamp,
}

impl Account {
    /// Its balance, as its kind counts it.
    pub const fn standing(&self) -> i64 {
        self.kind.side(self.balance)
    }

    /// What of it is not set aside.
    pub const fn available(&self) -> i64 {
        self.standing() - self.held
    }

    /// An amount in its currency.
    pub const fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.currency)
    }
}

/// A line of a transaction: an account by its place, and the amount; above zero is a credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line(pub i64, pub i64);

/// Who is on the other side, outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Outside {
    /// The number of the account.
    pub iban: Iban,
    /// Whose it is said to be.
    pub name: String,
    /// What came with money from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What the bank knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_to_end_id: Option<String>,
}

/// A transaction, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// Its place in the table.
    pub number: i64,
    /// Its id.
    pub id: TransactionId,
    /// What it does.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// What happens to it next, and when.
    pub due: Option<(Stage, Timestamp)>,
    /// Where money goes from.
    pub from: Option<i64>,
    /// Where it goes.
    pub to: Option<i64>,
    /// How much leaves.
    pub amount: Option<Money>,
    /// How much arrives, if in another currency.
    pub received: Option<Money>,
    /// What is posted, or is to be.
    pub lines: Vec<Line>,
    /// Its first and last entry.
    pub entries: Option<(i64, i64)>,
    /// What counts towards the limit of a day, and which.
    pub counted: (i64, i64),
    /// What people wrote.
    pub label: String,
    /// What was added later.
    pub note: Option<String>,
    /// What programs wrote.
    pub metadata: Option<serde_json::Value>,
    /// The other side, outside.
    pub outside: Option<Outside>,
    /// The price that it was made at.
    pub quote_id: Option<QuoteId>,
    /// The batch that it came with.
    pub batch_id: Option<BatchId>,
    /// What it undoes.
    pub reverses: Option<TransactionId>,
    /// What undid it.
    pub reversed_by: Option<TransactionId>,
    /// Why it failed, or was reversed.
    pub reason: Option<String>,
    /// What somebody else knows it by.
    pub key: Option<String>,
    /// The payment whose money it is.
    pub payment: Option<PaymentId>,
    /// Who asked for it.
    pub created_by: String,
    /// Counts its changes.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its entries were made.
    pub posted_at: Option<Timestamp>,
}

/// A hold, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Of which account.
    pub account: i64,
    /// What was set aside.
    pub amount: i64,
    /// What was taken of it.
    pub captured: i64,
    /// Where it stands.
    pub state: HoldState,
    /// What for.
    pub purpose: String,
    /// The payment that it is for.
    pub payment_id: Option<String>,
    /// The transaction in clearing that it is for.
    pub transaction: Option<i64>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Who asked for it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

impl Hold {
    /// What it still sets aside.
    pub const fn remaining(&self) -> i64 {
        match self.state {
            HoldState::Active => self.amount - self.captured,
            HoldState::Captured | HoldState::Released | HoldState::Expired => 0,
        }
    }
}
