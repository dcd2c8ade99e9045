//! Payments as they are shown.

use crate::model::{AttemptState, Capture, Intent, Kind, State, Transfer, TransferState, Try};
use crate::store;
use serde::Serialize;
use souk_kit::id::{AttemptId, OrderId, PaymentId, UserId};
use souk_kit::{Conn, Money, Result, Timestamp};
use utoipa::ToSchema;

/// What an order wants paid, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// The order that it pays.
    pub order_id: OrderId,
    /// Whose order it is; null for a guest's.
    pub user_id: Option<UserId>,
    /// Where it stands.
    #[schema(inline)]
    pub state: State,
    /// What is to be paid.
    pub amount: Money,
    /// What is held or taken.
    pub authorized: Money,
    /// What is taken.
    pub captured: Money,
    /// What is given back.
    pub refunded: Money,
    /// When the money is taken.
    #[schema(inline)]
    pub capture: Capture,
    /// Where the buyer goes on afterwards.
    pub return_url: Option<String>,
    /// Every try to pay, the first first.
    pub attempts: Vec<PaymentAttempt>,
    /// What was taken after it was authorized, in parts or in full, the first first.
    pub captures: Vec<PaymentTransfer>,
    /// What was given back, the first first.
    pub refunds: Vec<PaymentTransfer>,
    /// Since when.
    pub created_at: Timestamp,
    /// When it changed.
    pub updated_at: Timestamp,
}

/// A try to pay.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentAttempt {
    /// Its id.
    pub id: AttemptId,
    /// Who was asked for the money.
    #[schema(example = "card-simulator")]
    pub provider: String,
    /// The kind of the card.
    #[schema(example = "visa")]
    pub brand: String,
    /// Its last four digits.
    #[schema(example = "4242")]
    pub last4: String,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    #[schema(inline)]
    pub state: AttemptState,
    /// Why it was declined.
    pub code: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// Money that was taken or given back.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentTransfer {
    /// Its id.
    #[schema(example = "rfd_06b8xk2m0q3v5t7w9y1z3b5d7f")]
    pub id: String,
    /// The payment.
    pub intent_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: Option<String>,
    /// Where it stands.
    #[schema(inline)]
    pub state: TransferState,
    /// When.
    pub created_at: Timestamp,
}

impl PaymentTransfer {
    /// A transfer of an intent.
    pub fn of(intent: &Intent, transfer: Transfer) -> Self {
        let Transfer { id, intent_id, amount, reason, state, created_at, .. } = transfer;
        Self { id, intent_id, amount: intent.money(amount), reason, state, created_at }
    }
}

/// An intent with all that belongs to it.
pub async fn payment(conn: &Conn, intent: Intent) -> Result<Payment> {
    let attempts = store::tries(conn, intent.id).await?.into_iter().map(|attempt| {
        let Try { id, provider, brand, last4, amount, state, code, created_at, .. } = attempt;
        PaymentAttempt { id, provider, brand, last4, amount: intent.money(amount), state, code, created_at }
    });
    let attempts = attempts.collect();
    let (captures, refunds): (Vec<_>, Vec<_>) = store::transfers(conn, intent.id)
        .await?
        .into_iter()
        .partition(|transfer| transfer.kind == Kind::Capture);
    let shown = |transfers: Vec<Transfer>| {
        transfers.into_iter().map(|transfer| PaymentTransfer::of(&intent, transfer)).collect()
    };
    Ok(Payment {
        id: intent.id,
        order_id: intent.order_id,
        user_id: intent.user_id,
        state: intent.state,
        amount: intent.money(intent.amount),
        authorized: intent.money(intent.authorized),
        captured: intent.money(intent.captured),
        refunded: intent.money(intent.refunded),
        capture: intent.capture,
        return_url: intent.return_url.clone(),
        attempts,
        captures: shown(captures),
        refunds: shown(refunds),
        created_at: intent.created_at,
        updated_at: intent.updated_at,
    })
}
