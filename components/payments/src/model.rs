//! What is stored: intents, attempts, transfers, and the states that they go through.

use serde::{Deserialize, Serialize};
use souk_kit::id::{AttemptId, OrderId, PaymentId, TransactionId, UserId};
use souk_kit::{Currency, Money, Timestamp};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An enum whose variants stand in JSON and in the database by the same names.
macro_rules! names {
    ($(#[$doc:meta])+ $name:ident { $($(#[$about:meta])+ $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$about])+ $variant,)+ }

        impl $name {
            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($text => Ok(Self::$variant),)+ _ => Err(()) }
            }
        }
    };
}

names! {
    /// Where a payment stands.
    State {
        /// Nobody has tried yet, or the last method was declined: another one may be tried.
        RequiresMethod = "requires_method",
        /// The buyer must pass a challenge.
        RequiresAction = "requires_action",
        /// A provider has not answered yet.
        Processing = "processing",
        /// The money is held.
        Authorized = "authorized",
        /// Some of the money is taken.
        PartiallyCaptured = "partially_captured",
        /// All of the money is taken, but for what was let go.
        Captured = "captured",
        /// Some of what was taken is given back.
        PartiallyRefunded = "partially_refunded",
        /// All that was taken is given back.
        Refunded = "refunded",
        /// Called off before anything was taken.
        Cancelled = "cancelled",
        /// Too many methods were declined.
        Failed = "failed",
    }
}

names! {
    /// Where a try stands.
    AttemptState {
        /// The provider is being asked.
        Pending = "pending",
        /// The buyer must pass a challenge.
        RequiresAction = "requires_action",
        /// The provider has not answered yet.
        Processing = "processing",
        /// The money is held.
        Authorized = "authorized",
        /// The money is taken, or parts of it.
        Captured = "captured",
        /// The method was refused.
        Declined = "declined",
        /// It was given up; the provider is being told.
        Voiding = "voiding",
        /// It was given up, and costs nothing.
        Voided = "voided",
    }
}

names! {
    /// When the money is taken.
    Capture {
        /// With the authorization.
        Automatic = "automatic",
        /// When the shop says so.
        Manual = "manual",
    }
}

names! {
    /// Which way a transfer goes.
    Kind {
        /// Money is taken.
        Capture = "capture",
        /// Money that is held is let go.
        Release = "release",
        /// Money is given back.
        Refund = "refund",
    }
}

names! {
    /// Where a transfer stands.
    TransferState {
        /// The provider has not answered yet.
        Pending = "pending",
        /// Done.
        Succeeded = "succeeded",
        /// The provider refused it; nothing moved.
        Failed = "failed",
    }
}

/// What an order wants paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub id: PaymentId,
    pub order_id: OrderId,
    pub user_id: Option<UserId>,
    pub currency: Currency,
    pub amount: i64,
    pub capture: Capture,
    pub return_url: Option<String>,
    /// Of what the order wants.
    pub revision: i64,
    pub state: State,
    pub authorized: i64,
    pub capturing: i64,
    pub captured: i64,
    pub released: i64,
    pub refunding: i64,
    pub refunded: i64,
    pub declines: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Intent {
    /// An amount in its currency.
    pub const fn money(&self, amount: i64) -> Money {
        Money::new(amount, self.currency)
    }
}

/// What the buyer is to do before a provider goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Action {
    /// Pass a challenge: send the code to `url`.
    Challenge {
        /// Where the answer goes.
        #[schema(example = "/api/v1/payments/intents/pay_06b8xk2m0q3v5t7w9y1z3b5d7f/challenge")]
        url: String,
        /// Which challenge it answers.
        challenge_id: AttemptId,
    },
    /// Approve it at the provider's, then come back and `continue`.
    Redirect {
        /// Where to send the browser.
        url: String,
    },
    /// Transfer the money; it is recognized by its reference.
    Transfer {
        /// To which account.
        iban: String,
        /// Whose account that is.
        name: String,
        /// What to write into the transfer: a creditor reference (ISO 11649).
        #[schema(example = "RF18539007547034")]
        reference: String,
        /// How much.
        amount: Money,
        /// Until when it is waited for.
        until: Timestamp,
    },
}

/// What a provider must remember of a charge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// By what the provider, or who transfers money, calls it. No other charge of the provider has the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// What the buyer is to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Whatever else belongs to it, by names of the provider's own: ids, mostly. Never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ids: BTreeMap<String, String>,
}

/// The card of a try, as far as it may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CardTrace {
    /// Its kind.
    #[schema(example = "visa")]
    pub brand: String,
    /// Its last four digits.
    #[schema(example = "4242")]
    pub last4: String,
}

/// A try to pay an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    pub id: AttemptId,
    pub intent_id: PaymentId,
    pub provider: String,
    /// None when it is not a card that pays.
    pub card: Option<CardTrace>,
    pub notes: Notes,
    pub amount: i64,
    pub state: AttemptState,
    pub code: Option<String>,
    pub ask_at: Option<Timestamp>,
    /// Which request asked last, if it can be repeated.
    pub asked_by: Option<String>,
    pub created_at: Timestamp,
}

impl Try {
    /// A try that nobody has been asked about yet.
    pub fn new(intent: &Intent, provider: &str, card: Option<CardTrace>) -> Self {
        Self {
            id: AttemptId::new(),
            intent_id: intent.id,
            provider: provider.to_owned(),
            card,
            notes: Notes::default(),
            amount: intent.amount,
            state: AttemptState::Pending,
            code: None,
            ask_at: None,
            asked_by: None,
            created_at: Timestamp::now(),
        }
    }
}

/// Money taken, let go or given back after it was authorized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub id: String,
    pub intent_id: PaymentId,
    pub kind: Kind,
    pub key: String,
    pub amount: i64,
    pub reason: Option<String>,
    pub state: TransferState,
    pub ask_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl Transfer {
    /// A transfer that nobody has been asked for yet.
    pub fn new(id: impl std::fmt::Display, intent: &Intent, kind: Kind, key: String, amount: i64) -> Self {
        Self {
            id: id.to_string(),
            intent_id: intent.id,
            kind,
            key,
            amount,
            reason: None,
            state: TransferState::Pending,
            ask_at: None,
            created_at: Timestamp::now(),
        }
    }
}

/// Money that came by transfer. The id is the ledger's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub id: TransactionId,
    pub currency: Currency,
    pub amount: i64,
    /// What the sender wrote.
    pub reference: Option<String>,
    pub from_iban: Option<String>,
    pub name: Option<String>,
    /// The try that it pays.
    pub attempt_id: Option<AttemptId>,
    /// How much of it that try has; what is left is nobody's yet.
    pub used: i64,
    /// How much is on its way back.
    pub returning: i64,
    pub returned: i64,
    pub received_at: Timestamp,
}

impl Receipt {
    /// What nobody has a use for yet.
    pub const fn left(&self) -> i64 {
        self.amount - self.used - self.returning - self.returned
    }
}
