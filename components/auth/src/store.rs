//! The SQL.

use serde::Serialize;
use souk_kit::id::{SessionId, UserId};
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};
use std::time::Duration;

/// How long a session lasts that is not used.
pub const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a session lasts at most.
pub const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
/// How many sessions a person can have; the least used one ends for a new one.
const MAX_SESSIONS: u32 = 50;

/// A sign-in.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub salt: Vec<u8>,
    pub generation: i64,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Session {
    /// When it ends if it is not used again.
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.last_used_at.after(IDLE))
    }
}

fn session(row: Row<'_>) -> Result<Session, DbError> {
    Ok(Session {
        id: row.parse("id")?,
        user_id: row.parse("user_id")?,
        salt: row.get("salt")?,
        generation: row.get("generation")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Adds a sign-in, and ends the person's least used ones beyond what is allowed.
pub async fn begin(tx: &mut Tx, session: &Session) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO sessions (id, user_id, salt, address, user_agent, created_at, last_used_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
        params![
            session.id,
            session.user_id,
            session.salt.clone(),
            session.address.as_deref(),
            session.user_agent.as_deref(),
            session.created_at,
            session.expires_at
        ],
    )
    .await?;
    tx.exec(
        "DELETE FROM sessions WHERE id IN (
           SELECT id FROM sessions WHERE user_id = ?1 ORDER BY last_used_at DESC, id DESC LIMIT -1 OFFSET ?2)",
        params![session.user_id, MAX_SESSIONS],
    )
    .await
}

/// A sign-in that has not ended.
pub async fn find(conn: &Conn, id: SessionId) -> Result<Option<Session>, DbError> {
    let found = conn.one("SELECT * FROM sessions WHERE id = ?1", params![id], session).await?;
    Ok(found.filter(|session| !session.ends_at().has_passed()))
}

/// Moves a session to its next generation; nothing when somebody else has.
pub async fn advance(conn: &Conn, session: &Session) -> Result<Option<i64>, DbError> {
    conn.one(
        "UPDATE sessions SET generation = generation + 1, last_used_at = ?3 WHERE id = ?1 AND generation = ?2
         RETURNING generation",
        params![session.id, session.generation, Timestamp::now()],
        |row| row.get("generation"),
    )
    .await
}

/// Ends a session; of this person alone, if one is named. Whether there was one.
pub async fn end(conn: &Conn, id: SessionId, user: Option<UserId>) -> Result<bool, DbError> {
    let ended = conn
        .one(
            "DELETE FROM sessions WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2) RETURNING 1 AS ended",
            params![id, user],
            |row| row.get::<i64>("ended"),
        )
        .await?;
    Ok(ended.is_some())
}

/// Ends all of a person's sessions, but for one that may go on.
pub async fn end_all(tx: &mut Tx, user_id: &str, keep: Option<&str>) -> Result<(), DbError> {
    tx.exec("DELETE FROM sessions WHERE user_id = ?1 AND id IS NOT ?2", params![user_id, keep]).await
}

/// A person's sessions, the last used first.
pub async fn list(conn: &Conn, user_id: UserId) -> Result<Vec<Session>, DbError> {
    let sql = "SELECT * FROM sessions WHERE user_id = ?1 AND expires_at > ?2 AND last_used_at > ?3
               ORDER BY last_used_at DESC, id DESC";
    let now = Timestamp::now();
    conn.all(sql, params![user_id, now, now.before(IDLE)], session).await
}

/// Forgets sessions that have ended by themselves, and keys that signed nothing that still holds.
pub async fn purge(conn: &Conn) -> Result<(), DbError> {
    let now = Timestamp::now();
    conn.exec("DELETE FROM sessions WHERE expires_at <= ?1", params![now]).await?;
    conn.exec("DELETE FROM sessions WHERE last_used_at <= ?1", params![now.before(IDLE)]).await?;
    conn.exec("DELETE FROM signing_keys WHERE published_until <= ?1", params![now]).await
}

/// A signing key as it is stored.
#[derive(Debug, Clone, Serialize)]
pub struct StoredKey {
    pub kid: String,
    #[serde(skip)]
    pub sealed: Vec<u8>,
    pub jwk: String,
    pub signs_from: Timestamp,
}

/// The keys that are published, newest first.
pub async fn keys(conn: &Conn) -> Result<Vec<StoredKey>, DbError> {
    conn.all(
        "SELECT kid, sealed, jwk, signs_from FROM signing_keys
          WHERE published_until IS NULL OR published_until > ?1 ORDER BY signs_from DESC, kid",
        params![Timestamp::now()],
        |row| {
            Ok(StoredKey {
                kid: row.get("kid")?,
                sealed: row.get("sealed")?,
                jwk: row.get("jwk")?,
                signs_from: row.get("signs_from")?,
            })
        },
    )
    .await
}

/// Adds the newest key; those before it stay published until `published_until`.
pub async fn add_key(tx: &mut Tx, key: &StoredKey, published_until: Timestamp) -> Result<(), DbError> {
    tx.exec(
        "UPDATE signing_keys SET published_until = ?1 WHERE published_until IS NULL",
        params![published_until],
    )
    .await?;
    tx.exec(
        "INSERT INTO signing_keys (kid, sealed, jwk, signs_from) VALUES (?1, ?2, ?3, ?4)",
        params![key.kid.as_str(), key.sealed.clone(), key.jwk.as_str(), key.signs_from],
    )
    .await
}
