//! The groups that customers are in, as customers told: a price may depend on them, and a cart should not have to ask.

use serde_json::json;
use souk_kit::id::UserId;
use souk_kit::{Conn, DbError, Tx, params};

/// The groups of a person.
pub async fn of(conn: &Conn, user: Option<UserId>) -> Result<Vec<String>, DbError> {
    let Some(user) = user else { return Ok(Vec::new()) };
    let sql = "SELECT groups FROM customer_groups WHERE user_id = ?1";
    Ok(conn.one(sql, params![user], |row| row.json("groups")).await?.unwrap_or_default())
}

/// Stores what customers told, unless something later was told before.
pub async fn set(tx: &Tx, user: UserId, groups: &[String], version: i64) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO customer_groups (user_id, groups, version) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET groups = excluded.groups, version = excluded.version
          WHERE version < excluded.version",
        params![user, json!(groups).to_string(), version],
    )
    .await
}

/// Forgets a person's.
pub async fn forget(tx: &Tx, user: UserId) -> Result<(), DbError> {
    tx.exec("DELETE FROM customer_groups WHERE user_id = ?1", params![user]).await
}
