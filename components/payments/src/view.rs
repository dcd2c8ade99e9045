//! Payments as they are shown.

use crate::model::{
    Action, AttemptState, Capture, CardTrace, Intent, Kind, State, Transfer, TransferState, Try,
};
use crate::provider::bank_transfer;
use crate::store;
use serde::Serialize;
use souk_kit::id::{AttemptId, OrderId, PaymentId, UserId};
use souk_kit::{Conn, Money, Result, Timestamp};
use std::collections::HashMap;
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
    /// What was held, and is let go without being taken.
    pub released: Money,
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
    /// What was let go, the first first.
    pub releases: Vec<PaymentTransfer>,
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
    /// The card; null when it is not a card that pays.
    pub card: Option<CardTrace>,
    /// By what the provider, or who transfers money, calls it.
    pub reference: Option<String>,
    /// What has come for it by transfer so far; null when it is paid otherwise.
    pub received: Option<Money>,
    /// What the buyer is to do, while that is waited for. A challenge is told to the buyer alone.
    pub action: Option<Action>,
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

/// Money that was taken, let go or given back.
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

/// What belongs to intents.
struct Belongings {
    tries: Vec<Try>,
    transfers: Vec<Transfer>,
    /// What has come by transfer, in minor units.
    received: HashMap<AttemptId, i64>,
}

/// An intent with all that belongs to it.
pub async fn payment(conn: &Conn, intent: Intent) -> Result<Payment> {
    let Belongings { tries, transfers, received } = of(conn, std::slice::from_ref(&intent)).await?;
    Ok(show(&intent, tries, &transfers, &received))
}

/// Intents with all that belongs to them, by as many statements as one.
pub async fn payments(conn: &Conn, intents: Vec<Intent>) -> Result<Vec<Payment>> {
    let Belongings { tries, transfers, received } = of(conn, &intents).await?;
    let (mut tries, mut transfers) =
        (grouped(tries, |attempt| attempt.intent_id), grouped(transfers, |transfer| transfer.intent_id));
    let shown = intents.iter().map(|intent| {
        let tries = tries.remove(&intent.id).unwrap_or_default();
        let transfers = transfers.remove(&intent.id).unwrap_or_default();
        show(intent, tries, &transfers, &received)
    });
    Ok(shown.collect())
}

fn grouped<T>(all: Vec<T>, intent: impl Fn(&T) -> PaymentId) -> HashMap<PaymentId, Vec<T>> {
    let mut groups: HashMap<_, Vec<T>> = HashMap::new();
    for one in all {
        groups.entry(intent(&one)).or_default().push(one);
    }
    groups
}

async fn of(conn: &Conn, intents: &[Intent]) -> Result<Belongings> {
    let tries = store::tries(conn, intents).await?;
    let transfers = store::transfers(conn, intents).await?;
    let received = match tries.iter().any(|attempt| attempt.provider == bank_transfer::NAME) {
        true => store::receipt::received_for(conn, &tries).await?.into_iter().collect(),
        false => HashMap::new(),
    };
    Ok(Belongings { tries, transfers, received })
}

fn show_try(intent: &Intent, attempt: Try, received: &HashMap<AttemptId, i64>) -> PaymentAttempt {
    let is_awaited = attempt.state == AttemptState::RequiresAction;
    let by_transfer = attempt.provider == bank_transfer::NAME;
    PaymentAttempt {
        id: attempt.id,
        received: by_transfer.then(|| intent.money(received.get(&attempt.id).copied().unwrap_or_default())),
        provider: attempt.provider,
        card: attempt.card,
        reference: attempt.notes.reference,
        action: attempt.notes.action.filter(|_| is_awaited),
        amount: intent.money(attempt.amount),
        state: attempt.state,
        code: attempt.code,
        created_at: attempt.created_at,
    }
}

fn show(
    intent: &Intent,
    tries: Vec<Try>,
    transfers: &[Transfer],
    received: &HashMap<AttemptId, i64>,
) -> Payment {
    let attempts = tries.into_iter().map(|attempt| show_try(intent, attempt, received));
    let shown = |kind| {
        let of_kind = transfers.iter().filter(|transfer| transfer.kind == kind).cloned();
        of_kind.map(|transfer| PaymentTransfer::of(intent, transfer)).collect()
    };
    Payment {
        id: intent.id,
        order_id: intent.order_id,
        user_id: intent.user_id,
        state: intent.state,
        amount: intent.money(intent.amount),
        authorized: intent.money(intent.authorized),
        captured: intent.money(intent.captured),
        released: intent.money(intent.released),
        refunded: intent.money(intent.refunded),
        capture: intent.capture,
        return_url: intent.return_url.clone(),
        attempts: attempts.collect(),
        captures: shown(Kind::Capture),
        releases: shown(Kind::Release),
        refunds: shown(Kind::Refund),
        created_at: intent.created_at,
        updated_at: intent.updated_at,
    }
}
