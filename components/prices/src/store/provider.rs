//! Who asks which provider when, in SQL.

use serde::Serialize;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};

/// A day, in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

/// How it stands with a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Turn {
    pub next_at: Timestamp,
    pub lease_until: Timestamp,
    pub failures: u32,
    /// How often it was asked today.
    pub calls: i64,
}

fn turn(row: &Row<'_>, now: Timestamp) -> Result<Turn, DbError> {
    let is_today = row.get::<i64>("day")? == day(now);
    Ok(Turn {
        next_at: row.get("next_at")?,
        lease_until: row.get("lease_until")?,
        failures: row.get("failures")?,
        calls: if is_today { row.get("calls")? } else { 0 },
    })
}

const fn day(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY)
}

/// How it stands.
pub async fn read(conn: &Conn, name: &str, now: Timestamp) -> Result<Option<Turn>, DbError> {
    conn.one("SELECT * FROM provider WHERE name = ?1", params![name], |row| turn(&row, now)).await
}

/// Takes the turn to ask a provider, if nobody has it: from now on it is counted, and nobody else asks until then.
pub async fn lease(
    conn: &Conn,
    name: &str,
    lease: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, DbError> {
    let taken = conn
        .one(
            "UPDATE provider SET lease = ?2, lease_until = ?3, calls = CASE day WHEN ?4 THEN calls + 1 ELSE 1 END, day = ?4
              WHERE name = ?1 AND lease_until <= ?5 RETURNING 1 AS taken",
            params![name, lease, until, day(now), now],
            |row| row.get::<i64>("taken"),
        )
        .await?;
    Ok(taken.is_some())
}

/// Gives the turn back after an answer; false when somebody else has it by now, whose answer is newer.
pub async fn succeed(
    tx: &Tx,
    name: &str,
    lease: &str,
    now: Timestamp,
    next_at: Timestamp,
) -> Result<bool, DbError> {
    let ended = tx
        .one(
            "UPDATE provider SET lease = NULL, lease_until = 0, failures = 0, next_at = ?3, succeeded_at = ?4, last_error = NULL
              WHERE name = ?1 AND lease = ?2 RETURNING 1 AS ended",
            params![name, lease, next_at, now],
            |row| row.get::<i64>("ended"),
        )
        .await?;
    Ok(ended.is_some())
}

/// Gives the turn back without an answer.
pub async fn fail(
    conn: &Conn,
    name: &str,
    lease: &str,
    next_at: Timestamp,
    error: &str,
) -> Result<(), DbError> {
    conn.exec(
        "UPDATE provider SET lease = NULL, lease_until = 0, failures = failures + 1, next_at = ?3, last_error = ?4
          WHERE name = ?1 AND lease = ?2",
        params![name, lease, next_at, error],
    )
    .await
}
