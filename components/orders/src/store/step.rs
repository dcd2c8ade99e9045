//! The steps of each order's saga.

use serde_json::Value;
use souk_kit::id::OrderId;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};
use std::time::Duration;

/// What is to be done with other services, or waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hold the stock of a draft and ask for its payment.
    Reserve,
    /// Call the order off, unless it is paid by then.
    AwaitPayment,
    /// Hold the stock of an order for longer: it waits for a transfer.
    Extend,
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
    /// Hold other stock and want another amount, for an order that changes before it is paid.
    Change,
    /// Hold the stock and want the amount that the order says, after a change or the end of one.
    Align,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Reserve,
        Self::AwaitPayment,
        Self::Extend,
        Self::Commit,
        Self::Release,
        Self::CancelPayment,
        Self::Ship,
        Self::TakeBack,
        Self::Refund,
        Self::Change,
        Self::Align,
    ];

    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::AwaitPayment => "await_payment",
            Self::Extend => "extend",
            Self::Commit => "commit",
            Self::Release => "release",
            Self::CancelPayment => "cancel_payment",
            Self::Ship => "ship",
            Self::TakeBack => "take_back",
            Self::Refund => "refund",
            Self::Change => "change",
            Self::Align => "align",
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

/// A step to be taken at `due_at`.
pub async fn add(
    tx: &Tx,
    order: OrderId,
    kind: Kind,
    subject: &str,
    body: &Value,
    due_at: Timestamp,
) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO steps (order_id, kind, subject, body, due_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![order, kind.name(), subject, body.to_string(), due_at],
    )
    .await
}

/// A step that is followed by another.
pub async fn replace(
    tx: &Tx,
    order: OrderId,
    done: Kind,
    next: Kind,
    due_at: Timestamp,
) -> Result<(), DbError> {
    let replaced = tx
        .one(
            "UPDATE steps SET kind = ?3, due_at = ?4, attempts = 0, last_error = NULL
              WHERE order_id = ?1 AND kind = ?2 AND subject = '' RETURNING 1 AS replaced",
            params![order, done.name(), next.name(), due_at],
            |row| row.get::<i64>("replaced"),
        )
        .await?;
    match replaced {
        Some(_) => Ok(()),
        None => add(tx, order, next, "", &Value::Null, due_at).await,
    }
}

/// Drops every step of an order: what it was to be is no more. Which ones these were.
pub async fn drop_all(tx: &Tx, order: OrderId) -> Result<Vec<Kind>, DbError> {
    let sql = "DELETE FROM steps WHERE order_id = ?1 RETURNING kind";
    tx.all(sql, params![order], |row| kind(&row)).await
}

/// Drops an order's steps of one kind.
pub async fn drop(tx: &Tx, order: OrderId, kind: Kind) -> Result<(), DbError> {
    tx.exec("DELETE FROM steps WHERE order_id = ?1 AND kind = ?2", params![order, kind.name()]).await
}

/// Whether a step is still to be taken.
pub async fn is_wanted(conn: &Conn, step: &Due) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS wanted FROM steps WHERE order_id = ?1 AND kind = ?2 AND subject = ?3";
    let parameters = params![step.order, step.kind.name(), step.subject.as_str()];
    Ok(conn.one(sql, parameters, |row| row.get::<i64>("wanted")).await?.is_some())
}

/// An order's step of a kind that it has one of at most.
pub async fn find(conn: &Conn, order: OrderId, kind: Kind) -> Result<Option<Due>, DbError> {
    let sql = "SELECT order_id, kind, subject, body, attempts FROM steps WHERE order_id = ?1 AND kind = ?2";
    conn.one(sql, params![order, kind.name()], due).await
}

/// Takes a step for `lease`, unless somebody else has it. One that has failed is had by nobody, though its time has not come.
pub async fn seize(conn: &Conn, step: &Due, lease: Duration) -> Result<bool, DbError> {
    let now = Timestamp::now();
    let taken = conn
        .one(
            "UPDATE steps SET due_at = ?5, attempts = attempts + 1, last_error = NULL
              WHERE order_id = ?1 AND kind = ?2 AND subject = ?3 AND (due_at <= ?4 OR last_error <> '')
             RETURNING 1 AS taken",
            params![step.order, step.kind.name(), step.subject.as_str(), now, now.after(lease)],
            |row| row.get::<i64>("taken"),
        )
        .await?;
    Ok(taken.is_some())
}

fn kind(row: &Row<'_>) -> Result<Kind, DbError> {
    let name: &str = row.get("kind")?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    kind.ok_or_else(|| DbError::Column(format!("kind {name}")))
}

fn due(row: Row<'_>) -> Result<Due, DbError> {
    Ok(Due {
        order: row.parse("order_id")?,
        kind: kind(&row)?,
        subject: row.get("subject")?,
        body: row.json("body")?,
        attempts: row.get("attempts")?,
    })
}

/// Takes up to `limit` steps whose time has come, for `lease`: nobody else gets them meanwhile.
pub async fn take_due(conn: &Conn, lease: Duration, limit: u32) -> Result<Vec<Due>, DbError> {
    let now = Timestamp::now();
    conn.all(
        "UPDATE steps SET due_at = ?2, attempts = attempts + 1 WHERE (order_id, kind, subject) IN (
           SELECT order_id, kind, subject FROM steps WHERE due_at <= ?1 ORDER BY due_at LIMIT ?3)
         RETURNING order_id, kind, subject, body, attempts",
        params![now, now.after(lease), limit],
        due,
    )
    .await
}

/// A step that is done, or of no use any more. One that a power cut brings back is taken again, and changes nothing.
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
        "UPDATE steps SET due_at = ?4, last_error = ?5, attempts = ?6
          WHERE order_id = ?1 AND kind = ?2 AND subject = ?3",
        params![step.order, step.kind.name(), step.subject.as_str(), at, error, step.attempts],
    )
    .await
}
