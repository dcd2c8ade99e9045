//! Everything this service refuses, beside what the kit does.

use crate::model::Code;
use serde_json::{Map, Value, json};
use souk_kit::{Refusal, Spec, Timestamp};

const RATE_STALE: Spec = Spec::new(
    409,
    "rate-stale",
    "The rate is too old",
    "No source has told a newer rate, and this one is too old to be used for money; `as_of` says when it was so.",
)
.transient();
const RATE_MISSING: Spec = Spec::new(
    409,
    "rate-missing",
    "No rate is known",
    "Both instruments are known, but no rate leads from one to the other, not even through euros and dollars.",
)
.transient();
const AMOUNT_TOO_SMALL: Spec = Spec::new(
    422,
    "amount-too-small",
    "It comes to nothing",
    "At this rate the amount is worth less than half of the smallest unit: no price can be promised for it.",
);
const INSTRUMENT_FIXED: Spec = Spec::new(
    409,
    "instrument-fixed",
    "The instrument is of another kind",
    "The kind and the decimals of an instrument that exists do not change, since amounts of it are about.",
);
const TOO_MANY_INSTRUMENTS: Spec = Spec::new(
    409,
    "too-many-instruments",
    "There are enough instruments",
    "At most 500 instruments can be set. Delete one first.",
);
const TOO_MANY_RATES: Spec = Spec::new(
    409,
    "too-many-rates",
    "There are enough rates",
    "At most 2,000 pairs can have a rate: others are derived, through euros and dollars. Take one back first.",
);
const TOO_MANY_QUOTES: Spec = Spec::new(
    409,
    "too-many-quotes",
    "Too many quotes are open",
    "At most 100 quotes of a person are open at once. They expire by themselves.",
)
.transient();
const QUOTE_USED: Spec = Spec::new(
    409,
    "quote-used",
    "The quote has been used",
    "A quote is used once, and this one was, for something else. Ask for a new one.",
);
const QUOTE_EXPIRED: Spec = Spec::new(
    410,
    "quote-expired",
    "The quote has expired",
    "It held until `expires_at`. Ask for a new one.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[
    RATE_STALE,
    RATE_MISSING,
    AMOUNT_TOO_SMALL,
    INSTRUMENT_FIXED,
    TOO_MANY_INSTRUMENTS,
    TOO_MANY_RATES,
    TOO_MANY_QUOTES,
    QUOTE_USED,
    QUOTE_EXPIRED,
];

/// A refusal of this service.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The rate is too old to be used.
    RateStale { as_of: Timestamp, age_s: i64 },
    /// There is no way from one to the other.
    RateMissing(Code, Code),
    /// The other side of the amount is nothing.
    AmountTooSmall,
    /// Amounts of it are about.
    InstrumentFixed,
    /// No more of them.
    TooManyInstruments,
    /// No more of them.
    TooManyRates,
    /// No more of them at once.
    TooManyQuotes,
    /// Used for something else.
    QuoteUsed,
    /// It held until then.
    QuoteExpired(Timestamp),
}

impl Refusal for Refused {
    fn spec(&self) -> Spec {
        match self {
            Self::RateStale { .. } => RATE_STALE,
            Self::RateMissing(..) => RATE_MISSING,
            Self::AmountTooSmall => AMOUNT_TOO_SMALL,
            Self::InstrumentFixed => INSTRUMENT_FIXED,
            Self::TooManyInstruments => TOO_MANY_INSTRUMENTS,
            Self::TooManyRates => TOO_MANY_RATES,
            Self::TooManyQuotes => TOO_MANY_QUOTES,
            Self::QuoteUsed => QUOTE_USED,
            Self::QuoteExpired(_) => QUOTE_EXPIRED,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::RateStale { as_of, .. } => format!("The last rate is of {as_of}."),
            Self::RateMissing(from, to) => format!("No rate leads from {from} to {to}."),
            Self::QuoteExpired(at) => format!("The quote held until {at}."),
            Self::AmountTooSmall
            | Self::InstrumentFixed
            | Self::TooManyInstruments
            | Self::TooManyRates
            | Self::TooManyQuotes
            | Self::QuoteUsed => format!("{}.", self.spec().title),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::RateStale { as_of, age_s } => json!({"as_of": as_of, "age_s": age_s}),
            Self::QuoteExpired(at) => json!({"expires_at": at}),
            Self::RateMissing(..)
            | Self::AmountTooSmall
            | Self::InstrumentFixed
            | Self::TooManyInstruments
            | Self::TooManyRates
            | Self::TooManyQuotes
            | Self::QuoteUsed => json!({}),
        };
        members.as_object().cloned().unwrap_or_default()
    }
}
