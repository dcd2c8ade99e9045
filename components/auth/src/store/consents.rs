//! What people have allowed clients.

use souk_kit::id::UserId;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};

/// What somebody has allowed a client.
#[derive(Debug, Clone)]
pub struct Consent {
    pub client_id: String,
    pub client: String,
    pub scope: String,
    pub granted_at: Timestamp,
}

fn consent(row: Row<'_>) -> Result<Consent, DbError> {
    Ok(Consent {
        client_id: row.get("client_id")?,
        client: row.get("name")?,
        scope: row.get("scope")?,
        granted_at: row.get("granted_at")?,
    })
}

/// What a person has allowed a client, if anything.
pub async fn find(conn: &Conn, user: UserId, client_id: &str) -> Result<Option<String>, DbError> {
    let sql = "SELECT scope FROM consents WHERE user_id = ?1 AND client_id = ?2";
    conn.one(sql, params![user, client_id], |row| row.get("scope")).await
}

/// Everything that a person has allowed, by the names of the clients.
pub async fn list(conn: &Conn, user: UserId) -> Result<Vec<Consent>, DbError> {
    let sql = "SELECT client_id, name, scope, granted_at FROM consents JOIN clients ON clients.id = client_id
                WHERE user_id = ?1 ORDER BY name, client_id";
    conn.all(sql, params![user], consent).await
}

/// Notes what a person allows a client, in place of what they did before.
pub async fn put(tx: &mut Tx, user: UserId, client_id: &str, scope: &str) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, granted_at = excluded.granted_at",
        params![user, client_id, scope, Timestamp::now()],
    )
    .await
}

/// Takes back what a person has allowed a client, and ends what it began by that. Whether there was anything.
pub async fn withdraw(tx: &mut Tx, user: UserId, client_id: &str) -> Result<bool, DbError> {
    let sql = "DELETE FROM consents WHERE user_id = ?1 AND client_id = ?2 RETURNING 1 AS gone";
    let gone = tx.one(sql, params![user, client_id], |row| row.get::<i64>("gone")).await?;
    if gone.is_none() {
        return Ok(false);
    }
    for sql in [
        "DELETE FROM sessions WHERE client_id = ?2 AND user_id = ?1",
        "DELETE FROM codes WHERE client_id = ?2 AND user_id = ?1 AND used_at IS NULL",
    ] {
        tx.exec(sql, params![user, client_id]).await?;
    }
    Ok(true)
}
