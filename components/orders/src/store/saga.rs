//! Orders that somebody must come back to.

use souk_kit::id::OrderId;
use souk_kit::{Conn, DbError, Timestamp, Tx, params};
use std::time::Duration;

/// What is to be done next for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Hold its stock and ask for its payment.
    Reserve,
    /// Call it off, unless it is paid by then.
    AwaitPayment,
}

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::AwaitPayment => "await_payment",
        }
    }
}

/// An order whose time has come.
pub struct Due {
    pub order: OrderId,
    pub step: Step,
    pub attempts: u32,
}

/// Sets what is to be done for an order, and when.
pub async fn set(tx: &Tx, order: OrderId, step: Step, due_at: Timestamp) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO sagas (order_id, step, due_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (order_id) DO UPDATE SET step = ?2, due_at = ?3, attempts = 0, last_error = NULL",
        params![order, step.name(), due_at],
    )
    .await
}

/// Nothing is to be done for it any more.
pub async fn end(tx: &Tx, order: OrderId) -> Result<(), DbError> {
    tx.exec("DELETE FROM sagas WHERE order_id = ?1", params![order]).await
}

/// Takes up to `limit` orders whose time has come, for `lease`: nobody else gets them meanwhile.
pub async fn take_due(conn: &Conn, lease: Duration, limit: u32) -> Result<Vec<Due>, DbError> {
    let now = Timestamp::now();
    conn.all(
        "UPDATE sagas SET due_at = ?2, attempts = attempts + 1 WHERE order_id IN (
           SELECT order_id FROM sagas WHERE due_at <= ?1 ORDER BY due_at LIMIT ?3)
         RETURNING order_id, step, attempts",
        params![now, now.after(lease), limit],
        |row| {
            let step = match row.get("step")? {
                "reserve" => Step::Reserve,
                _ => Step::AwaitPayment,
            };
            Ok(Due { order: row.parse("order_id")?, step, attempts: row.get("attempts")? })
        },
    )
    .await
}

/// Notes why a step failed.
pub async fn failed(conn: &Conn, order: OrderId, error: &str) -> Result<(), DbError> {
    conn.exec("UPDATE sagas SET last_error = ?2 WHERE order_id = ?1", params![order, error]).await
}
