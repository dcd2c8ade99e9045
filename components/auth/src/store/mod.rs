//! The SQL.

pub mod browsers;
pub mod clients;
pub mod codes;
pub mod consents;
pub mod revoked;

use serde::Serialize;
use souk_kit::id::{BrowserId, SessionId, UserId};
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};
use std::time::Duration;

/// How long a session lasts that is not used.
pub const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a browser's session lasts that is not used.
pub const BROWSER_IDLE: Duration = Duration::from_secs(12 * 3600);
/// How long a session lasts at most.
pub const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
/// How many sessions a person can have; the least used one ends for a new one.
const MAX_SESSIONS: u32 = 50;
/// How long news of a password is kept: longer than any sign-in takes, which is all that they are for.
const NEWS_KEPT: Duration = Duration::from_secs(3600);
/// The version that comes after every password: the account is gone.
pub const NO_PASSWORD: i64 = i64::MAX;

/// A sign-in.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub client_id: String,
    pub browser_id: Option<BrowserId>,
    /// What was granted; nothing when it is all that the roles give.
    pub scope: Option<String>,
    /// When the person proved who they are; nothing when that was when it began.
    pub auth_time: Option<Timestamp>,
    pub methods: Vec<String>,
    pub salt: Vec<u8>,
    pub password_version: i64,
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
        client_id: row.get("client_id")?,
        browser_id: row.optional("browser_id")?,
        scope: row.get("scope")?,
        auth_time: row.get("auth_time")?,
        methods: row.json("methods")?,
        salt: row.get("salt")?,
        password_version: row.get("password_version")?,
        generation: row.get("generation")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Adds a sign-in, and ends the person's least used ones beyond what is allowed. False when its password is no longer the
/// account's.
pub async fn begin(tx: &mut Tx, session: &Session) -> Result<bool, DbError> {
    let begun = tx
        .one(
            "INSERT INTO sessions (id, user_id, salt, address, user_agent, created_at, last_used_at, expires_at,
                                   password_version, client_id, browser_id, scope, auth_time, methods)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13
              WHERE NOT EXISTS (SELECT 1 FROM newest_passwords WHERE user_id = ?2 AND password_version > ?8)
             RETURNING 1 AS begun",
            params![
                session.id,
                session.user_id,
                session.salt.clone(),
                session.address.as_deref(),
                session.user_agent.as_deref(),
                session.created_at,
                session.expires_at,
                session.password_version,
                session.client_id.as_str(),
                session.browser_id,
                session.scope.as_deref(),
                session.auth_time,
                serde_json::json!(session.methods).to_string()
            ],
            |row| row.get::<i64>("begun"),
        )
        .await?;
    tx.exec(
        "DELETE FROM sessions WHERE id IN (
           SELECT id FROM sessions WHERE user_id = ?1 ORDER BY last_used_at DESC, id DESC LIMIT -1 OFFSET ?2)",
        params![session.user_id, MAX_SESSIONS],
    )
    .await?;
    Ok(begun.is_some())
}

/// A sign-in that has not ended.
pub async fn find(conn: &Conn, id: SessionId) -> Result<Option<Session>, DbError> {
    let found = conn.one("SELECT * FROM sessions WHERE id = ?1", params![id], session).await?;
    Ok(found.filter(|session| !session.ends_at().has_passed()))
}

/// Moves a session to its next generation; nothing when somebody else has.
pub async fn advance(conn: &Conn, of: &Session) -> Result<Option<Session>, DbError> {
    conn.one(
        "UPDATE sessions SET generation = generation + 1, last_used_at = ?3 WHERE id = ?1 AND generation = ?2
         RETURNING *",
        params![of.id, of.generation, Timestamp::now()],
        session,
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

/// Ends the sessions of a person's earlier passwords, but for one that may go on as if begun with the newest, and lets no
/// more of them begin; where such a password opened a browser's session, or gave a code, that ends too. News may come late,
/// twice and in any order. Answers how many sessions ended.
pub async fn end_before(
    tx: &mut Tx,
    user_id: &str,
    password_version: i64,
    keep: Option<&str>,
) -> Result<usize, DbError> {
    tx.exec(
        "INSERT INTO newest_passwords (user_id, password_version, heard_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (user_id) DO UPDATE SET
           password_version = max(password_version, excluded.password_version), heard_at = excluded.heard_at",
        params![user_id, password_version, Timestamp::now()],
    )
    .await?;
    tx.exec(
        "UPDATE sessions SET password_version = max(password_version, ?2) WHERE id = ?3 AND user_id = ?1",
        params![user_id, password_version, keep],
    )
    .await?;
    let mut ended = 0;
    for table in ["sessions", "browsers", "codes"] {
        let sql =
            format!("DELETE FROM {table} WHERE user_id = ?1 AND password_version < ?2 RETURNING 1 AS ended");
        let rows = tx.all(&sql, params![user_id, password_version], |row| row.get::<i64>("ended")).await?;
        ended += if table == "codes" { 0 } else { rows.len() };
    }
    Ok(ended)
}

/// Forgets what somebody who left has allowed.
pub async fn forget_consents(tx: &mut Tx, user_id: &str) -> Result<(), DbError> {
    tx.exec("DELETE FROM consents WHERE user_id = ?1", params![user_id]).await
}

/// A person's sessions and the names of their clients, the last used first.
pub async fn list_named(conn: &Conn, user_id: UserId) -> Result<Vec<(Session, String)>, DbError> {
    let sql = "SELECT sessions.*, clients.name AS client FROM sessions JOIN clients ON clients.id = client_id
                WHERE user_id = ?1 AND expires_at > ?2 AND last_used_at > ?3
                ORDER BY last_used_at DESC, sessions.id DESC";
    let now = Timestamp::now();
    conn.all(sql, params![user_id, now, now.before(IDLE)], |row| {
        let client = row.get("client")?;
        Ok((session(row)?, client))
    })
    .await
}

/// Forgets what has ended by itself, old news, and keys that signed nothing that still holds.
pub async fn purge(conn: &Conn) -> Result<(), DbError> {
    let now = Timestamp::now();
    conn.exec("DELETE FROM browsers WHERE expires_at <= ?1", params![now]).await?;
    let idle = params![now.before(BROWSER_IDLE)];
    conn.exec("DELETE FROM browsers WHERE last_used_at <= ?1", idle).await?;
    codes::purge(conn, now).await?;
    clients::purge(conn, now).await?;
    revoked::purge(conn, now).await?;
    conn.exec("DELETE FROM sessions WHERE expires_at <= ?1", params![now]).await?;
    conn.exec("DELETE FROM sessions WHERE last_used_at <= ?1", params![now.before(IDLE)]).await?;
    let news = params![now.before(NEWS_KEPT)];
    conn.exec("DELETE FROM newest_passwords WHERE heard_at <= ?1", news).await?;
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

impl StoredKey {
    /// Whether its time to sign has come.
    pub fn is_due(&self) -> bool {
        self.signs_from.has_passed()
    }
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
