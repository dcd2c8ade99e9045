//! Money of payments: what payments tells of captures and refunds is moved in the ledger, too.
//!
//! Each event has the sums of its payment, so the ledger moves what they are beyond what it has moved already: an event that
//! comes twice, late or after a newer one moves nothing. The money of wallets is moved before payments can tell of it.

use crate::access::Who;
use crate::model::{Kind, Role};
use crate::payment::PAYMENTS;
use crate::rules::draft::Draft;
use crate::rules::settlement::{Home, Sums};
use crate::store::book::{self as store_book, Needed};
use crate::store::settlement;
use crate::{books, config, event};
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::{Level, Money, Problem, Result, Timestamp, Tx, log};

/// The provider of events that name none.
const FIRST_PROVIDER: &str = "card-simulator";

/// What payments tells of a payment.
#[derive(Debug, Deserialize)]
pub struct Told {
    intent_id: PaymentId,
    order_id: OrderId,
    #[serde(default = "first_provider")]
    provider: String,
    captured: Money,
    refunded: Money,
}

fn first_provider() -> String {
    FIRST_PROVIDER.into()
}

/// Money that is to be moved between two of the suite's own accounts.
#[derive(Debug, Clone, Copy)]
struct Move {
    kind: Kind,
    from: Role,
    to: Role,
    amount: i64,
}

/// Moves what an event tells beyond what was moved.
pub async fn book(tx: &Tx, told: &Told) -> Result<()> {
    let moved = settlement::of(tx, told.intent_id).await?;
    let moved = moved.map_or_else(Sums::default, |it| Sums { captured: it.captured, refunded: it.refunded });
    let sums = Sums { captured: told.captured.amount, refunded: told.refunded.amount };
    let (more, home) = (sums.beyond(moved), Home::of(&told.provider));
    let capture = (Kind::Capture, more.captured, home.captured_from.map(|from| (from, Role::Sales)));
    let refund = (Kind::Refund, more.refunded, home.refunded_to.map(|to| (Role::Sales, to)));
    let mut moves = Vec::new();
    for (kind, amount, between) in [capture, refund] {
        match between {
            _ if amount == 0 => {}
            Some((from, to)) => moves.push(Move { kind, from, to, amount }),
            None => tell_of_nothing_booked(told, kind, amount),
        }
    }
    if moves.is_empty() {
        return Ok(());
    }
    enter(tx, told, &moves).await
}

/// Reconciliation shows it as long as it lasts.
fn tell_of_nothing_booked(told: &Told, kind: Kind, amount: i64) {
    let fields =
        json!({"payment.id": told.intent_id, "provider": told.provider, "kind": kind, "amount": amount});
    log(Level::Warn, "payments tells of money that the ledger has not moved, and does not book", fields);
}

async fn enter(tx: &Tx, told: &Told, moves: &[Move]) -> Result<()> {
    let (now, config, currency) = (Timestamp::now(), config::load().await?, told.captured.currency);
    let roles = moves.iter().flat_map(|it| [(it.from, currency), (it.to, currency)]).collect();
    let mut needed = Needed { roles, ..Needed::default() };
    needed.dedup();
    let mut book = books::open(tx, &needed, config, now).await?;
    for it in moves {
        let own = |role| book.by_role(role, currency).map(|account| account.number);
        let between = own(it.from).zip(own(it.to));
        let (from, to) = between.ok_or_else(|| Problem::internal("no account of the suite's own"))?;
        let by = Who::service(PAYMENTS).name;
        let draft = Draft {
            payment: Some(told.intent_id),
            label: format!("payment {}", told.intent_id),
            metadata: Some(json!({"order_id": told.order_id, "provider": told.provider})),
            ..Draft::between(it.kind, from, to, Money::new(it.amount, currency), &by)
        };
        book.enter(draft, now)?;
    }
    store_book::write(tx, &book, now).await?;
    event::tell_all(tx, &book).await
}
