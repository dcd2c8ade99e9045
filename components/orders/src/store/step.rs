//! The steps of each order's saga.

use serde_json::Value;
use souk_kit::id::OrderId;
use souk_kit::{Conn, DbError, Timestamp, Tx, params};
use std::time::Duration;

/// What is to be done with other services, or waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hold the stock of a draft and ask for its payment.
    Reserve,
    /// Call the order off, unless it is paid by then.
    AwaitPayment,
    /// Keep the stock of a paid order until it is shipped.
    Commit,
    /// Let the stock of a cancelled order go.
    Release,
    /// Make the payment of a cancelled order impossible.
    CancelPayment,
    /// Take what has left out of the stock.
    Ship,
    /// Put what came back into the stock.
    TakeBack,
    /// Give money back.
    Refund,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Reserve,
        Self::AwaitPayment,
        Self::Commit,
        Self::Release,
        Self::CancelPayment,
        Self::Ship,
        Self::TakeBack,
        Self::Refund,
    ];

    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::AwaitPayment => "await_payment",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::CancelPayment => "cancel_payment",
            Self::Ship => "ship",
            Self::TakeBack => "take_back",
            Self::Refund => "refund",
        }
    }
}

/// A step whose time has come.
#[derive(Debug)]
pub struct Due {
    pub order: OrderId,
    pub kind: Kind,
    pub subject: String,
    pub body: Value,
    pub attempts: u32,
}

/// A step to be taken at once, or at `due_at`.
pub async fn add(
    tx: &Tx,
    order: OrderId,
    kind: Kind,
    subject: &str,
    body: &Value,
    due_at: Timestamp,
) -> Result<(), DbError> {
    if due_at.has_passed() {
        tx.leaves_work();
    }
    tx.exec(
        "INSERT INTO steps (order_id, kind, subject, body, due_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![order, kind.name(), subject, body.to_string(), due_at],
    )
    .await
}

/// The same for what needs no more than the order's id.
pub async fn add_now(tx: &Tx, order: OrderId, kind: Kind) -> Result<(), DbError> {
    add(tx, order, kind, "", &Value::Null, Timestamp::now()).await
}

/// Drops every step of an order: what it was to be is no more.
pub async fn drop_all(tx: &Tx, order: OrderId) -> Result<(), DbError> {
    tx.exec("DELETE FROM steps WHERE order_id = ?1", params![order]).await
}

/// Takes up to `limit` steps whose time has come, for `lease`: nobody else gets them meanwhile.
pub async fn take_due(conn: &Conn, lease: Duration, limit: u32) -> Result<Vec<Due>, DbError> {
    let now = Timestamp::now();
    conn.all(
        "UPDATE steps SET due_at = ?2, attempts = attempts + 1 WHERE (order_id, kind, subject) IN (
           SELECT order_id, kind, subject FROM steps WHERE due_at <= ?1 ORDER BY due_at LIMIT ?3)
         RETURNING order_id, kind, subject, body, attempts",
        params![now, now.after(lease), limit],
        |row| {
            let name: &str = row.get("kind")?;
            let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
            Ok(Due {
                order: row.parse("order_id")?,
                kind: kind.ok_or_else(|| DbError::Column(format!("kind {name}")))?,
                subject: row.get("subject")?,
                body: row.json("body")?,
                attempts: row.get("attempts")?,
            })
        },
    )
    .await
}

/// A step that is done, or of no use any more.
pub async fn done(conn: &Conn, step: &Due) -> Result<(), DbError> {
    conn.exec(
        "DELETE FROM steps WHERE order_id = ?1 AND kind = ?2 AND subject = ?3",
        params![step.order, step.kind.name(), step.subject.as_str()],
    )
    .await
}

/// A step that failed, to be taken again.
pub async fn again(conn: &Conn, step: &Due, at: Timestamp, error: &str) -> Result<(), DbError> {
    conn.exec(
        "UPDATE steps SET due_at = ?4, last_error = ?5 WHERE order_id = ?1 AND kind = ?2 AND subject = ?3",
        params![step.order, step.kind.name(), step.subject.as_str(), at, error],
    )
    .await
}
