//! Authorization codes.

use crate::code::CodeGrant;
use souk_kit::id::SessionId;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};
use std::time::Duration;

/// How long a code is known after it has expired, so that what it gave ends when it comes again.
const REMEMBERED: Duration = Duration::from_secs(600);

/// Adds a code by its hash.
pub async fn add(tx: &mut Tx, hash: &[u8], grant: &CodeGrant, expires_at: Timestamp) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO codes (hash, client_id, user_id, browser_id, redirect_uri, scope, nonce, challenge, auth_time,
                            methods, password_version, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            hash.to_vec(),
            grant.client_id.as_str(),
            grant.user_id,
            grant.browser_id,
            grant.redirect_uri.as_str(),
            grant.scope.as_str(),
            grant.nonce.as_deref(),
            grant.challenge.as_str(),
            grant.auth_time,
            serde_json::json!(grant.methods).to_string(),
            grant.password_version,
            expires_at
        ],
    )
    .await
}

/// A code as it is stored.
pub struct StoredCode {
    pub grant: CodeGrant,
    pub expires_at: Timestamp,
    pub is_used: bool,
    /// What it gave.
    pub session_id: Option<SessionId>,
}

fn code(row: Row<'_>) -> Result<StoredCode, DbError> {
    let grant = CodeGrant {
        client_id: row.get("client_id")?,
        user_id: row.parse("user_id")?,
        browser_id: row.optional("browser_id")?,
        redirect_uri: row.get("redirect_uri")?,
        scope: row.get("scope")?,
        nonce: row.get("nonce")?,
        challenge: row.get("challenge")?,
        auth_time: row.get("auth_time")?,
        methods: row.json("methods")?,
        password_version: row.get("password_version")?,
    };
    let is_used = row.get::<Option<i64>>("used_at")?.is_some();
    Ok(StoredCode {
        grant,
        expires_at: row.get("expires_at")?,
        is_used,
        session_id: row.optional("session_id")?,
    })
}

/// A code, used or not.
pub async fn find(conn: &Conn, hash: &[u8]) -> Result<Option<StoredCode>, DbError> {
    conn.one("SELECT * FROM codes WHERE hash = ?1", params![hash.to_vec()], code).await
}

/// Marks a code as used, for a session; false when it was.
pub async fn spend(tx: &mut Tx, hash: &[u8], session: SessionId) -> Result<bool, DbError> {
    let spent = tx.one(
        "UPDATE codes SET used_at = ?2, session_id = ?3 WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2
         RETURNING 1 AS spent",
        params![hash.to_vec(), Timestamp::now(), session],
        |row| row.get::<i64>("spent"),
    );
    Ok(spent.await?.is_some())
}

/// Marks a code as used for nothing. What it gave before is answered.
pub async fn burn(tx: &mut Tx, hash: &[u8]) -> Result<Option<SessionId>, DbError> {
    let sql = "UPDATE codes SET used_at = coalesce(used_at, ?2) WHERE hash = ?1 RETURNING session_id";
    let row = tx.one(sql, params![hash.to_vec(), Timestamp::now()], |row| row.optional("session_id"));
    Ok(row.await?.flatten())
}

/// Forgets codes that have expired, but not before they could have come again.
pub async fn purge(conn: &Conn, now: Timestamp) -> Result<(), DbError> {
    conn.exec("DELETE FROM codes WHERE expires_at <= ?1", params![now.before(REMEMBERED)]).await
}
