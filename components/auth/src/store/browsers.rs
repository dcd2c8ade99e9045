//! Browsers in which a person is signed in.

use super::BROWSER_IDLE;
use crate::browser::Browser;
use souk_kit::id::{BrowserId, SessionId, UserId};
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};
use std::time::Duration;

/// How long a browser stays signed in at most.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// In how many browsers a person can be signed in; the least used one is signed out for a new one.
const MAX_BROWSERS: u32 = 50;

fn browser(row: Row<'_>) -> Result<Browser, DbError> {
    Ok(Browser {
        id: row.parse("id")?,
        user_id: row.parse("user_id")?,
        auth_time: row.get("auth_time")?,
        methods: row.json("methods")?,
        password_version: row.get("password_version")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Adds a browser by the hash of its cookie's secret, and signs the person's least used ones out beyond what is allowed. False
/// when its password is no longer the account's.
pub async fn begin(tx: &mut Tx, browser: &Browser, secret_hash: Vec<u8>) -> Result<bool, DbError> {
    let begun = tx
        .one(
            "INSERT INTO browsers (id, secret_hash, user_id, auth_time, methods, password_version, address, user_agent,
                                   created_at, last_used_at, expires_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10
              WHERE NOT EXISTS (SELECT 1 FROM newest_passwords WHERE user_id = ?3 AND password_version > ?6)
             RETURNING 1 AS begun",
            params![
                browser.id,
                secret_hash,
                browser.user_id,
                browser.auth_time,
                serde_json::json!(browser.methods).to_string(),
                browser.password_version,
                browser.address.as_deref(),
                browser.user_agent.as_deref(),
                browser.created_at,
                browser.expires_at
            ],
            |row| row.get::<i64>("begun"),
        )
        .await?;
    tx.exec(
        "DELETE FROM browsers WHERE id IN (
           SELECT id FROM browsers WHERE user_id = ?1 ORDER BY last_used_at DESC, id DESC LIMIT -1 OFFSET ?2)",
        params![browser.user_id, MAX_BROWSERS],
    )
    .await?;
    Ok(begun.is_some())
}

/// Lets what the person began in one browser session belong to the next one of the same browser.
pub async fn hand_over(tx: &mut Tx, from: BrowserId, to: &Browser) -> Result<(), DbError> {
    for sql in [
        "UPDATE sessions SET browser_id = ?2 WHERE browser_id = ?1 AND user_id = ?3",
        "UPDATE codes SET browser_id = ?2 WHERE browser_id = ?1 AND user_id = ?3",
    ] {
        tx.exec(sql, params![from, to.id, to.user_id]).await?;
    }
    tx.exec("DELETE FROM browsers WHERE id = ?1", params![from]).await
}

fn going_on(found: Option<Browser>) -> Option<Browser> {
    found.filter(|browser| !browser.ends_at().has_passed())
}

/// The browser whose cookie's secret has this hash, if it is still signed in.
pub async fn find(conn: &Conn, secret_hash: Vec<u8>) -> Result<Option<Browser>, DbError> {
    let sql = "SELECT * FROM browsers WHERE secret_hash = ?1";
    Ok(going_on(conn.one(sql, params![secret_hash], browser).await?))
}

/// The same by its id.
pub async fn find_by_id(conn: &Conn, id: BrowserId) -> Result<Option<Browser>, DbError> {
    Ok(going_on(conn.one("SELECT * FROM browsers WHERE id = ?1", params![id], browser).await?))
}

/// The browser from which a person's session with a client was begun.
pub async fn of_session(conn: &Conn, id: SessionId, user: UserId) -> Result<Option<BrowserId>, DbError> {
    let sql = "SELECT browser_id FROM sessions WHERE id = ?1 AND user_id = ?2";
    let found = conn.one(sql, params![id, user], |row| row.optional("browser_id")).await?;
    Ok(found.flatten())
}

/// Notes that it was used.
pub async fn touch(conn: &Conn, id: BrowserId) -> Result<(), DbError> {
    conn.exec("UPDATE browsers SET last_used_at = ?2 WHERE id = ?1", params![id, Timestamp::now()]).await
}

/// Signs a browser out, of this person alone if one is named, and ends what clients began from it. Whether it was there.
pub async fn end(tx: &mut Tx, id: BrowserId, user: Option<UserId>) -> Result<bool, DbError> {
    let ended = tx
        .one(
            "DELETE FROM browsers WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2) RETURNING 1 AS ended",
            params![id, user],
            |row| row.get::<i64>("ended"),
        )
        .await?;
    if ended.is_none() {
        return Ok(false);
    }
    tx.exec("DELETE FROM sessions WHERE browser_id = ?1", params![id]).await?;
    // One that was used is remembered, to be known when it comes again.
    tx.exec("DELETE FROM codes WHERE browser_id = ?1 AND used_at IS NULL", params![id]).await?;
    Ok(true)
}

/// The browsers in which a person is signed in, the last used first.
pub async fn list(conn: &Conn, user_id: UserId) -> Result<Vec<Browser>, DbError> {
    let sql = "SELECT * FROM browsers WHERE user_id = ?1 AND expires_at > ?2 AND last_used_at > ?3
               ORDER BY last_used_at DESC, id DESC";
    let now = Timestamp::now();
    conn.all(sql, params![user_id, now, now.before(BROWSER_IDLE)], browser).await
}
