//! What others are told.

use crate::model::{Action, Intent, State, Transfer, Try};
use serde::Serialize;
use souk_kit::id::{OrderId, PaymentId, UserId};
use souk_kit::{Money, Result, Timestamp, Tx};

/// The money is held.
pub const AUTHORIZED: &str = "souk.payment.authorized";
/// Money was taken: all of it, or another part.
pub const CAPTURED: &str = "souk.payment.captured";
/// Too many methods were declined; nothing will come of this intent. A single decline is not told: another card may do.
pub const FAILED: &str = "souk.payment.failed";
/// Money was given back.
pub const REFUNDED: &str = "souk.payment.refunded";
/// The buyer was told to transfer the money, which takes days; until when it is waited for.
pub const AWAITED: &str = "souk.payment.awaited";
/// It was called off before anything was taken.
pub const CANCELLED: &str = "souk.payment.cancelled";

#[derive(Serialize)]
struct Data<'a> {
    intent_id: PaymentId,
    order_id: OrderId,
    user_id: Option<UserId>,
    /// Who takes the money; none while nobody does.
    provider: Option<&'a str>,
    state: State,
    amount: Money,
    captured: Money,
    refunded: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_amount: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

/// What an event is about, beside its intent.
#[derive(Clone, Copy)]
pub enum About<'a> {
    /// The intent alone.
    Intent,
    /// A try to pay it.
    Try(&'a Try),
    /// What was given back of what a try has taken.
    Refund(&'a Try, &'a Transfer),
}

/// Tells how the intent stands now that `kind` has happened to it.
pub async fn emit(tx: &Tx, kind: &str, intent: &Intent, about: About<'_>) -> Result<()> {
    let (by, refund) = match about {
        About::Intent => (None, None),
        About::Try(by) => (Some(by), None),
        About::Refund(by, refund) => (Some(by), Some(refund)),
    };
    let awaited = match by.and_then(|by| by.notes.action.as_ref()) {
        Some(Action::Transfer { until, reference, .. }) if kind == AWAITED => {
            Some((*until, reference.as_str()))
        }
        _ => None,
    };
    let data = Data {
        user_id: intent.user_id,
        provider: by.map(|by| by.provider.as_str()),
        intent_id: intent.id,
        order_id: intent.order_id,
        state: intent.state,
        amount: intent.money(intent.amount),
        captured: intent.money(intent.captured),
        refunded: intent.money(intent.refunded),
        refund_id: refund.map(|refund| refund.id.as_str()),
        refund_key: refund.map(|refund| refund.key.as_str()),
        refund_amount: refund.map(|refund| intent.money(refund.amount)),
        until: awaited.map(|(until, _)| until),
        reference: awaited.map(|(_, reference)| reference),
    };
    tx.emit(kind, intent.id, data).await
}
