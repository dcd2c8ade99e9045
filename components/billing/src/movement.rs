//! Money that moved, as payments tell it.

use crate::model::MovementKind;
use crate::store;
use serde::Deserialize;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::{Event, Money, Problem, Result, Timestamp, Tx};

/// How a payment stands (`souk.payment.captured`, `souk.payment.refunded`): the sums so far, and of a refund which it is.
#[derive(Debug, Deserialize)]
struct News {
    intent_id: PaymentId,
    order_id: OrderId,
    provider: Option<String>,
    captured: Money,
    #[serde(default)]
    refund_id: Option<String>,
    #[serde(default)]
    refund_key: Option<String>,
    #[serde(default)]
    refund_amount: Option<Money>,
}

/// Money that moved.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    pub order: OrderId,
    pub payment: PaymentId,
    pub provider: &'a str,
    pub amount: Money,
    /// What a refund is called: by payments, and by whoever wanted it.
    pub refund: Option<(&'a str, &'a str)>,
    pub at: Timestamp,
}

/// Notes what has moved since payments told last. News that come twice, or late, change nothing: captures are told as a sum,
/// which only grows, and refunds by name.
pub async fn note(tx: &Tx, event: &Event) -> Result<()> {
    let news: News = event.data()?;
    let provider = news.provider.as_deref();
    let provider = provider.ok_or_else(|| Problem::internal(format!("event {}: no provider", event.id)))?;
    let more = news.captured.amount - store::captured(tx, news.intent_id).await?;
    let moved = Moved {
        order: news.order_id,
        payment: news.intent_id,
        provider,
        amount: Money::new(more, news.captured.currency),
        refund: None,
        at: event.time,
    };
    if more > 0 {
        store::move_once(tx, MovementKind::Captured, &moved).await?;
    }
    let refund = news.refund_id.as_deref().zip(news.refund_key.as_deref());
    match news.refund_amount {
        Some(amount) if refund.is_some() => {
            Ok(store::move_once(tx, MovementKind::Refunded, &Moved { amount, refund, ..moved }).await?)
        }
        _ => Ok(()),
    }
}
