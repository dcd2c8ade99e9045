//! The SQL of receipts.

use crate::model::{Receipt, Try};
use souk_kit::id::{AttemptId, TransactionId};
use souk_kit::{Conn, DbError, Problem, Result, Row, Timestamp, Tx, params};

fn receipt(row: &Row<'_>) -> Result<Receipt, DbError> {
    Ok(Receipt {
        id: row.parse("id")?,
        currency: row.parse("currency")?,
        amount: row.get("amount")?,
        reference: row.get("reference")?,
        from_iban: row.get("from_iban")?,
        name: row.get("name")?,
        attempt_id: row.optional("attempt_id")?,
        used: row.get("used")?,
        returning: row.get("sending_back")?,
        returned: row.get("returned")?,
        received_at: row.get("received_at")?,
    })
}

/// Notes money that came; false when it was noted before.
pub async fn insert(tx: &Tx, receipt: &Receipt) -> Result<bool, DbError> {
    let noted = tx
        .one(
            "INSERT INTO receipts (id, currency, amount, reference, from_iban, name, received_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING RETURNING 1 AS noted",
            params![
                receipt.id,
                receipt.currency,
                receipt.amount,
                receipt.reference.as_deref(),
                receipt.from_iban.as_deref(),
                receipt.name.as_deref(),
                receipt.received_at,
            ],
            |row| row.get::<i64>("noted"),
        )
        .await?;
    Ok(noted.is_some())
}

/// Stores what became of a receipt; when something of it is to be sent back, it is from now on.
pub async fn save(tx: &Tx, receipt: &Receipt) -> Result<(), DbError> {
    tx.exec(
        "UPDATE receipts SET attempt_id = ?2, used = ?3, sending_back = ?4, returned = ?5, ask_at = ?6 WHERE id = ?1",
        params![
            receipt.id,
            receipt.attempt_id,
            receipt.used,
            receipt.returning,
            receipt.returned,
            (receipt.returning > 0).then(Timestamp::now),
        ],
    )
    .await
}

/// A receipt.
pub async fn find(conn: &Conn, id: TransactionId) -> Result<Receipt> {
    let found = conn.one("SELECT * FROM receipts WHERE id = ?1", params![id], |row| receipt(&row)).await?;
    found.ok_or_else(Problem::not_found)
}

/// What has come for a try so far, in minor units. Index: `receipts_by_attempt`.
pub async fn received(conn: &Conn, attempt: AttemptId) -> Result<i64, DbError> {
    let sql = "SELECT coalesce(sum(used), 0) AS received FROM receipts WHERE attempt_id = ?1";
    Ok(conn.one(sql, params![attempt], |row| row.get("received")).await?.unwrap_or_default())
}

/// What has come for each of these tries, of those for which something has.
pub async fn received_for(conn: &Conn, tries: &[Try]) -> Result<Vec<(AttemptId, i64)>, DbError> {
    let ids = serde_json::json!(tries.iter().map(|attempt| attempt.id).collect::<Vec<_>>()).to_string();
    conn.all(
        "SELECT attempt_id, sum(used) AS received FROM receipts
          WHERE attempt_id IN (SELECT value FROM json_each(?1)) GROUP BY attempt_id",
        params![ids],
        |row| Ok((row.parse("attempt_id")?, row.get("received")?)),
    )
    .await
}

/// Sets aside, to be sent back, what came for a try, if that came to nothing; what has no sender waits for somebody to find
/// its use. What is on its way back from the same receipt goes first: a key belongs to one sum. Index: `receipts_by_attempt`.
pub async fn give_up(tx: &Tx, attempt: AttemptId) -> Result<(), DbError> {
    tx.exec(
        "UPDATE receipts SET used = 0, sending_back = iif(from_iban IS NULL, 0, used), ask_at = iif(from_iban IS NULL, NULL, ?1)
          WHERE attempt_id = ?2 AND used > 0 AND sending_back = 0
            AND (SELECT state FROM attempts WHERE id = ?2) IN ('voided', 'declined')",
        params![Timestamp::now(), attempt],
    )
    .await
}

/// Receipts of which something is to be sent back; for a while nobody else sends it. Index: `receipts_to_return`.
pub async fn to_return(conn: &Conn, until: Timestamp, limit: u32) -> Result<Vec<Receipt>, DbError> {
    conn.all(
        "UPDATE receipts SET ask_at = ?2 WHERE id IN (
           SELECT id FROM receipts WHERE ask_at <= ?1 ORDER BY ask_at LIMIT ?3) RETURNING *",
        params![Timestamp::now(), until, limit],
        |row| receipt(&row),
    )
    .await
}

/// Receipts, the newest first. Indexes: the primary key, `receipts_open`.
pub async fn list(
    conn: &Conn,
    open_only: bool,
    before: Option<TransactionId>,
    limit: u32,
) -> Result<Vec<Receipt>, DbError> {
    let open = if open_only { "amount > used + sending_back + returned" } else { "true" };
    let sql = format!("SELECT * FROM receipts WHERE {open} AND id < ?1 ORDER BY id DESC LIMIT ?2");
    let before = before.map_or_else(|| "~".to_owned(), |id| id.to_string());
    conn.all(&sql, params![before, limit], |row| receipt(&row)).await
}
