//! The SQL of requests for a new password.

use crate::rules;
use souk_kit::{Conn, DbError, Timestamp, Tx, params};
use std::time::Duration;

/// How often within an hour an address is looked into.
const MAX_TIMES: u32 = 5;
const HOUR: Duration = Duration::from_secs(3600);
/// How long whoever took the request in has it for itself.
const LEASE: Duration = Duration::from_secs(5);
/// The most requests of one round.
const BATCH: u32 = 50;

/// Notes that somebody asks for a new password; nobody looks whether the address is anybody's. Answers what to look into.
pub async fn ask(tx: &mut Tx, email: &str) -> Result<Vec<u8>, DbError> {
    let (hash, now) = (super::email_hash(email), Timestamp::now());
    tx.exec(
        "INSERT INTO reset_requests (email_hash, email, times, first_at, next_attempt_at) VALUES (?1, ?2, 1, ?3, ?4)
         ON CONFLICT (email_hash) DO UPDATE SET
           email = CASE WHEN first_at > ?5 AND times >= ?6 THEN email ELSE excluded.email END,
           times = CASE WHEN first_at > ?5 THEN min(times + 1, 1000000) ELSE 1 END,
           first_at = CASE WHEN first_at > ?5 THEN first_at ELSE excluded.first_at END,
           next_attempt_at = excluded.next_attempt_at",
        params![hash.clone(), email, now, now.after(LEASE), now.before(HOUR), MAX_TIMES],
    )
    .await?;
    Ok(hash)
}

/// Takes a request to look into it; nothing when somebody else has.
pub async fn take(tx: &mut Tx, hash: &[u8]) -> Result<Option<String>, DbError> {
    let sql = "SELECT email FROM reset_requests WHERE email_hash = ?1 AND email IS NOT NULL";
    let email = tx.one(sql, params![hash.to_vec()], |row| row.get("email")).await?;
    tx.exec("UPDATE reset_requests SET email = NULL WHERE email_hash = ?1", params![hash.to_vec()]).await?;
    Ok(email)
}

/// The requests that nobody has looked into. Index: reset_requests_due.
pub async fn due(conn: &Conn) -> Result<Vec<Vec<u8>>, DbError> {
    let sql = "SELECT email_hash FROM reset_requests WHERE email IS NOT NULL AND next_attempt_at <= ?1
               ORDER BY next_attempt_at LIMIT ?2";
    conn.all(sql, params![Timestamp::now(), BATCH], |row| row.get("email_hash")).await
}

/// Forgets who asked long ago, and the oldest beyond what is kept.
pub async fn purge(conn: &Conn) -> Result<(), DbError> {
    let sql = "DELETE FROM reset_requests WHERE first_at <= ?1 AND email IS NULL";
    conn.exec(sql, params![Timestamp::now().before(HOUR)]).await?;
    conn.exec(
        "DELETE FROM reset_requests WHERE email_hash IN (
           SELECT email_hash FROM reset_requests ORDER BY first_at DESC LIMIT -1 OFFSET ?1)",
        params![rules::MAX_FAILURES_KEPT],
    )
    .await
}
