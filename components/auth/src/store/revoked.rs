//! Access tokens that were taken back and belong to no session.

use souk_kit::{Conn, DbError, Timestamp, params};

/// Takes a token back until it expires.
pub async fn add(conn: &Conn, jti: &str, expires_at: Timestamp) -> Result<(), DbError> {
    let sql = "INSERT INTO revoked_tokens (jti, expires_at) VALUES (?1, ?2) ON CONFLICT (jti) DO NOTHING";
    conn.exec(sql, params![jti, expires_at]).await
}

/// Whether a token was taken back.
pub async fn has(conn: &Conn, jti: &str) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS found FROM revoked_tokens WHERE jti = ?1";
    Ok(conn.one(sql, params![jti], |row| row.get::<i64>("found")).await?.is_some())
}

/// Forgets those that have expired.
pub async fn purge(conn: &Conn, now: Timestamp) -> Result<(), DbError> {
    conn.exec("DELETE FROM revoked_tokens WHERE expires_at <= ?1", params![now]).await
}
