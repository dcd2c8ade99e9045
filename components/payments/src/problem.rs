//! Everything this service refuses, beside what the kit does.

use crate::model::State;
use serde_json::{Map, Value, json};
use souk_kit::{FieldError, Money, Refusal, Spec};

const PAYMENT_STATE: Spec = Spec::new(
    409,
    "payment-state",
    "The payment is in another state",
    "The operation is not for a payment in this state; `state` says which it is in.",
);
const CAPTURE_EXCEEDS: Spec = Spec::new(
    409,
    "capture-exceeds-authorization",
    "More than was authorized",
    "No more can be taken than what was authorized and has not been taken yet: `available`.",
);
const REFUND_EXCEEDS: Spec = Spec::new(
    409,
    "refund-exceeds-capture",
    "More than was captured",
    "No more can be given back than what was taken and has not been given back yet: `available`.",
);
const UNKNOWN_TEST_CARD: Spec = Spec::new(
    422,
    "unknown-test-card",
    "Not one of the test cards",
    "The card simulator knows the documented test numbers alone. Never send it the number of a real card.",
);
const METHOD_UNAVAILABLE: Spec = Spec::new(
    422,
    "method-unavailable",
    "This method is not offered here",
    "The shop has not set the method up. `GET /payments/methods` lists those that it has.",
);
const RECEIPT_SPENT: Spec = Spec::new(
    409,
    "receipt-spent",
    "Nothing is left of the receipt",
    "The money is used by another payment, or on its way back.",
);
const RECEIPT_WITHOUT_SENDER: Spec = Spec::new(
    409,
    "receipt-without-sender",
    "Nobody knows where the money came from",
    "The bank told no account to send it back to. Pay it out from the ledger, once that is known.",
);
const INVALID_SIGNATURE: Spec = Spec::new(
    401,
    "invalid-signature",
    "The webhook's signature is not valid",
    "The card simulator's is `webhook-signature: t=<unix seconds>,v1=<hex>`, the HMAC-SHA256 of `<t>.<body>`, not older than \
     five minutes. PayPal's is in its own headers, and not older than three days.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[
    PAYMENT_STATE,
    CAPTURE_EXCEEDS,
    REFUND_EXCEEDS,
    UNKNOWN_TEST_CARD,
    METHOD_UNAVAILABLE,
    RECEIPT_SPENT,
    RECEIPT_WITHOUT_SENDER,
    INVALID_SIGNATURE,
];

/// A refusal of this service.
#[derive(Debug, PartialEq, Eq)]
pub enum PaymentsError {
    /// Not in this state.
    State(State),
    /// Only this much can still be captured.
    CaptureExceeds(Money),
    /// Only this much can still be refunded.
    RefundExceeds(Money),
    /// The simulator does not know the card.
    UnknownTestCard,
    /// The shop does not offer the method.
    MethodUnavailable,
    /// There is nothing left to allocate.
    ReceiptSpent,
    /// There is no account to send it back to.
    ReceiptWithoutSender,
    /// Nobody who has the key wrote the webhook, or long ago.
    InvalidSignature,
}

impl Refusal for PaymentsError {
    fn spec(&self) -> Spec {
        match self {
            Self::State(_) => PAYMENT_STATE,
            Self::CaptureExceeds(_) => CAPTURE_EXCEEDS,
            Self::RefundExceeds(_) => REFUND_EXCEEDS,
            Self::UnknownTestCard => UNKNOWN_TEST_CARD,
            Self::MethodUnavailable => METHOD_UNAVAILABLE,
            Self::ReceiptSpent => RECEIPT_SPENT,
            Self::ReceiptWithoutSender => RECEIPT_WITHOUT_SENDER,
            Self::InvalidSignature => INVALID_SIGNATURE,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::State(state) => format!("The payment is `{}`.", state.name()),
            Self::CaptureExceeds(left) | Self::RefundExceeds(left) => {
                format!("At most {} {} (minor units) are left.", left.amount, left.currency)
            }
            _ => format!("{}.", self.spec().title),
        }
    }

    fn errors(&self) -> Vec<FieldError> {
        match self {
            Self::UnknownTestCard => vec![FieldError::at("/method/number", "is not a test number")],
            Self::MethodUnavailable => vec![FieldError::at("/method/type", "is not offered here")],
            Self::CaptureExceeds(_) | Self::RefundExceeds(_) => {
                vec![FieldError::at("/amount/amount", "is more than what is left")]
            }
            _ => Vec::new(),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let member = match self {
            Self::State(state) => ("state", json!(state)),
            Self::CaptureExceeds(left) | Self::RefundExceeds(left) => ("available", json!(left)),
            _ => return Map::new(),
        };
        Map::from_iter([(member.0.to_owned(), member.1)])
    }
}
