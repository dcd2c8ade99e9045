//! Holds in SQL. What they set aside is added up by the triggers of the schema.

use crate::model::{Hold, HoldState};
use souk_kit::id::HoldId;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};

/// Holds that one statement ends because their time has come.
const EXPIRED_AT_ONCE: u32 = 100;

fn read(row: &Row<'_>) -> Result<Hold, DbError> {
    Ok(Hold {
        id: row.parse("id")?,
        account: row.get("account")?,
        amount: row.get("amount")?,
        captured: row.get("captured")?,
        state: row.parse("state")?,
        purpose: row.get("purpose")?,
        payment_id: row.get("payment_id")?,
        transaction: row.get("number")?,
        expires_at: row.get("expires_at")?,
        created_by: row.get("created_by")?,
        created_at: row.get("created_at")?,
    })
}

/// A hold by its id.
pub async fn find(conn: &Conn, id: HoldId) -> Result<Option<Hold>, DbError> {
    conn.one("SELECT * FROM holds WHERE id = ?1", params![id], |row| read(&row)).await
}

/// The hold of a payment.
pub async fn by_payment(conn: &Conn, payment: &str) -> Result<Option<Hold>, DbError> {
    conn.one("SELECT * FROM holds WHERE payment_id = ?1", params![payment], |row| read(&row)).await
}

/// The hold of a transaction in clearing.
pub async fn by_transaction(conn: &Conn, number: i64) -> Result<Option<Hold>, DbError> {
    conn.one("SELECT * FROM holds WHERE number = ?1", params![number], |row| read(&row)).await
}

/// Up to `limit` holds of an account, newest first, before one.
pub async fn list(
    conn: &Conn,
    account: i64,
    before: Option<String>,
    limit: u32,
) -> Result<Vec<Hold>, DbError> {
    let sql = "SELECT * FROM holds WHERE account = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
    conn.all(sql, params![account, before.unwrap_or_else(|| "~".into()), limit], |row| read(&row)).await
}

/// Sets money aside. The schema refuses more than there is (`never_below_its_limit`).
pub async fn write(tx: &Tx, hold: &Hold) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO holds (id, account, amount, captured, state, purpose, payment_id, number, expires_at, created_by,
                            created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11)",
        params![
            hold.id,
            hold.account,
            hold.amount,
            hold.captured,
            hold.state.name(),
            hold.purpose.as_str(),
            hold.payment_id.as_deref(),
            hold.transaction,
            hold.expires_at,
            hold.created_by.as_str(),
            hold.created_at
        ],
    )
    .await
}

/// Stores what was taken of a hold, and where it stands.
pub async fn save(tx: &Tx, hold: &Hold, now: Timestamp) -> Result<(), DbError> {
    tx.exec(
        "UPDATE holds SET amount = ?2, captured = ?3, state = ?4, updated_at = ?5 WHERE id = ?1",
        params![hold.id, hold.amount, hold.captured, hold.state.name(), now],
    )
    .await
}

/// Ends holds whose time has come, the oldest first; how many.
pub async fn expire(conn: &Conn, now: Timestamp) -> Result<usize, DbError> {
    let ended = conn
        .all(
            "UPDATE holds SET state = ?3, updated_at = ?1
              WHERE id IN (SELECT id FROM holds WHERE state = 'active' AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2)
             RETURNING id",
            params![now, EXPIRED_AT_ONCE, HoldState::Expired.name()],
            |_| Ok(()),
        )
        .await?;
    Ok(ended.len())
}
