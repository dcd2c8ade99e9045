//! What others are told.

use crate::model::{Intent, State, Transfer};
use serde::Serialize;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::{Money, Result, Tx};

/// The money is held.
pub const AUTHORIZED: &str = "souk.payment.authorized";
/// Money was taken: all of it, or another part.
pub const CAPTURED: &str = "souk.payment.captured";
/// Too many methods were declined; nothing will come of this intent. A single decline is not told: another card may do.
pub const FAILED: &str = "souk.payment.failed";
/// Money was given back.
pub const REFUNDED: &str = "souk.payment.refunded";
/// It was called off before anything was taken.
pub const CANCELLED: &str = "souk.payment.cancelled";

#[derive(Serialize)]
struct Data<'a> {
    intent_id: PaymentId,
    order_id: OrderId,
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
}

/// Tells how the intent stands now that `kind` has happened to it.
pub async fn emit(tx: &Tx, kind: &str, intent: &Intent, refund: Option<&Transfer>) -> Result<()> {
    let data = Data {
        intent_id: intent.id,
        order_id: intent.order_id,
        state: intent.state,
        amount: intent.money(intent.amount),
        captured: intent.money(intent.captured),
        refunded: intent.money(intent.refunded),
        refund_id: refund.map(|refund| refund.id.as_str()),
        refund_key: refund.map(|refund| refund.key.as_str()),
        refund_amount: refund.map(|refund| intent.money(refund.amount)),
    };
    tx.emit(kind, intent.id, data).await
}
