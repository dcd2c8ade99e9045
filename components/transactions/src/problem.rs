//! Everything that the ledger refuses, beside what the kit does.

use crate::model::HoldState;
use crate::rules::state::State;
use serde_json::{Map, Value, json};
use souk_kit::{Currency, Money, Refusal, Spec};

const INSUFFICIENT_FUNDS: Spec = Spec::new(
    409,
    "insufficient-funds",
    "Not enough money",
    "The account would fall below its limit; nothing was moved. `available` says what can be spent, `wanted` what was asked.",
);
const DAILY_LIMIT: Spec = Spec::new(
    409,
    "daily-limit",
    "The limit of the day is reached",
    "More would leave the account today (UTC) than its limit allows. `limit` is the limit, `left` what of it is left.",
);
const ACCOUNT_CLOSED: Spec =
    Spec::new(409, "account-closed", "The account is closed", "A closed account takes and gives nothing.");
const ACCOUNT_NOT_EMPTY: Spec = Spec::new(
    409,
    "account-not-empty",
    "The account is not empty",
    "Only an account without money, holds and limits below zero can be closed. `balance` and `held` say how it stands.",
);
const LIMIT_NOT_MET: Spec = Spec::new(
    409,
    "limit-not-met",
    "The account is below this limit",
    "An account must have what a new limit demands. `available` says what it has.",
);
const TOO_MANY_ACCOUNTS: Spec = Spec::new(
    409,
    "too-many-accounts",
    "That are too many accounts",
    "Nobody may have more accounts than this; close one that is not needed.",
);
const CURRENCY_MISMATCH: Spec = Spec::new(
    422,
    "currency-mismatch",
    "The currencies do not match",
    "Amount and accounts must be in one currency; between two, a transfer needs a `quote`.",
);
const BALANCE_OUT_OF_RANGE: Spec = Spec::new(
    409,
    "balance-out-of-range",
    "The balance would be too large",
    "No account holds more than can be counted exactly.",
);
const TRANSACTION_STATE: Spec = Spec::new(
    409,
    "transaction-state",
    "The transaction does not allow it",
    "What is pending can be changed or cancelled, what is posted can be reversed, once. `state` says where it stands.",
);
const HOLD_STATE: Spec = Spec::new(
    409,
    "hold-state",
    "The hold does not allow it",
    "The hold has ended, or is another one. `state` says where it stands.",
);
const HOLD_EXCEEDED: Spec = Spec::new(
    409,
    "hold-exceeded",
    "That is more than there is",
    "More was asked than the hold has left, or than was captured and not given back. `left` says how much that is.",
);
const PAYOUT_EXCEEDS: Spec = Spec::new(
    409,
    "payout-exceeds",
    "More than was taken would go back",
    "The ledger has heard of less that was taken for the payment, and not given back: `left` says how much. What was taken \
     just now is heard of in a moment.",
)
.transient();
const END_TO_END_ID_REUSED: Spec = Spec::new(
    409,
    "end-to-end-id-reused",
    "Another transfer has this end-to-end id",
    "The id came with another account or amount before.",
);
const QUOTE_REFUSED: Spec = Spec::new(
    409,
    "quote-refused",
    "The quote cannot be used",
    "It is used, expired, of other amounts, or not the caller's: `why` says `used`, `expired`, `mismatch` or `unknown`. \
     Ask for a new one.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[
    INSUFFICIENT_FUNDS,
    DAILY_LIMIT,
    ACCOUNT_CLOSED,
    ACCOUNT_NOT_EMPTY,
    LIMIT_NOT_MET,
    TOO_MANY_ACCOUNTS,
    CURRENCY_MISMATCH,
    BALANCE_OUT_OF_RANGE,
    TRANSACTION_STATE,
    HOLD_STATE,
    HOLD_EXCEEDED,
    PAYOUT_EXCEEDS,
    END_TO_END_ID_REUSED,
    QUOTE_REFUSED,
];

/// What the ledger refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Too little is there.
    InsufficientFunds {
        /// What can be spent.
        available: Money,
        /// What was asked.
        wanted: Money,
    },
    /// Too much for one day.
    DailyLimit {
        /// The limit.
        limit: Money,
        /// What of it is left.
        left: Money,
    },
    /// The account is closed.
    AccountClosed,
    /// There is something in it.
    AccountNotEmpty {
        /// Its balance.
        balance: Money,
        /// What is set aside.
        held: Money,
    },
    /// It has less than the limit demands.
    LimitNotMet {
        /// What it has.
        available: Money,
    },
    /// More than anybody needs.
    TooManyAccounts,
    /// One currency is not the other.
    CurrencyMismatch {
        /// What was expected.
        expected: Currency,
        /// What came.
        found: Currency,
    },
    /// More than can be counted exactly.
    BalanceOutOfRange,
    /// The transaction stands elsewhere.
    TransactionState {
        /// Where.
        state: State,
        /// What that means here.
        why: &'static str,
    },
    /// The hold stands elsewhere.
    HoldState {
        /// Where.
        state: HoldState,
        /// What that means here.
        why: &'static str,
    },
    /// More than is held, or was captured.
    HoldExceeded {
        /// How much there is.
        left: Money,
    },
    /// More than was captured and not given back.
    PayoutExceeds {
        /// How much there is.
        left: Money,
    },
    /// The bank's id is another transfer's.
    EndToEndIdReused,
    /// No such price.
    UnusableQuote(&'static str),
}

impl Refusal for Refused {
    fn spec(&self) -> Spec {
        match self {
            Self::InsufficientFunds { .. } => INSUFFICIENT_FUNDS,
            Self::DailyLimit { .. } => DAILY_LIMIT,
            Self::AccountClosed => ACCOUNT_CLOSED,
            Self::AccountNotEmpty { .. } => ACCOUNT_NOT_EMPTY,
            Self::LimitNotMet { .. } => LIMIT_NOT_MET,
            Self::TooManyAccounts => TOO_MANY_ACCOUNTS,
            Self::CurrencyMismatch { .. } => CURRENCY_MISMATCH,
            Self::BalanceOutOfRange => BALANCE_OUT_OF_RANGE,
            Self::TransactionState { .. } => TRANSACTION_STATE,
            Self::HoldState { .. } => HOLD_STATE,
            Self::HoldExceeded { .. } => HOLD_EXCEEDED,
            Self::PayoutExceeds { .. } => PAYOUT_EXCEEDS,
            Self::EndToEndIdReused => END_TO_END_ID_REUSED,
            Self::UnusableQuote(_) => QUOTE_REFUSED,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::InsufficientFunds { available, wanted } => {
                let (available, wanted) = (available.amount, wanted);
                format!("{} {} are wanted, {available} are available.", wanted.amount, wanted.currency)
            }
            Self::DailyLimit { limit, left } => {
                format!("{} of {} {} are left today.", left.amount, limit.amount, limit.currency)
            }
            Self::AccountClosed => "The account is closed.".into(),
            Self::AccountNotEmpty { balance, held } => {
                format!("It has {} {}, of which {} are held.", balance.amount, balance.currency, held.amount)
            }
            Self::LimitNotMet { available } => {
                format!("The account has {} {}.", available.amount, available.currency)
            }
            Self::TooManyAccounts => "You have as many accounts as anybody may have.".into(),
            Self::CurrencyMismatch { expected, found } => format!("{found} is not {expected}."),
            Self::BalanceOutOfRange => "An account would hold more than can be counted.".into(),
            Self::TransactionState { why, .. } | Self::HoldState { why, .. } => (*why).into(),
            Self::HoldExceeded { left } | Self::PayoutExceeds { left } => {
                format!("{} {} are left.", left.amount, left.currency)
            }
            Self::EndToEndIdReused => "Another transfer came with this id before.".into(),
            Self::UnusableQuote(why) => format!("The quote cannot be used: {why}."),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let members: &[(&str, Value)] = match self {
            Self::InsufficientFunds { available, wanted } => {
                &[("available", json!(available)), ("wanted", json!(wanted))]
            }
            Self::DailyLimit { limit, left } => &[("limit", json!(limit)), ("left", json!(left))],
            Self::AccountNotEmpty { balance, held } => &[("balance", json!(balance)), ("held", json!(held))],
            Self::LimitNotMet { available } => &[("available", json!(available))],
            Self::TransactionState { state, .. } => &[("state", json!(state))],
            Self::HoldState { state, .. } => &[("state", json!(state))],
            Self::HoldExceeded { left } | Self::PayoutExceeds { left } => &[("left", json!(left))],
            Self::UnusableQuote(why) => &[("why", json!(why))],
            Self::AccountClosed
            | Self::TooManyAccounts
            | Self::CurrencyMismatch { .. }
            | Self::BalanceOutOfRange
            | Self::EndToEndIdReused => &[],
        };
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }
}
