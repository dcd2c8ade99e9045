//! Clients.

use crate::clients::{Client, Kind};
use serde_json::json;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};

fn client(row: Row<'_>) -> Result<Client, DbError> {
    let kind = match row.get("kind")? {
        "public" => Kind::Public,
        _ => Kind::Confidential,
    };
    Ok(Client {
        id: row.get("id")?,
        name: row.get("name")?,
        kind,
        secret_hash: row.get("secret_hash")?,
        old_secret_hash: row.get("old_secret_hash")?,
        old_secret_until: row.get("old_secret_until")?,
        redirect_uris: row.json("redirect_uris")?,
        post_logout_redirect_uris: row.json("post_logout_redirect_uris")?,
        scopes: row.json("scopes")?,
        grants: row.json("grants")?,
        first_party: row.get("first_party")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        version: row.get("version")?,
        disabled_at: row.get("disabled_at")?,
    })
}

/// The client of this id.
pub async fn find(conn: &Conn, id: &str) -> Result<Option<Client>, DbError> {
    conn.one("SELECT * FROM clients WHERE id = ?1", params![id], client).await
}

/// Clients by their ids, without the suite's own; one more than `limit`, which tells that there is another page.
pub async fn list(conn: &Conn, after: Option<&str>, limit: u32) -> Result<Vec<Client>, DbError> {
    let sql = "SELECT * FROM clients WHERE id > ?1 AND id <> 'souk-web' ORDER BY id LIMIT ?2 + 1";
    conn.all(sql, params![after.unwrap_or_default(), limit], client).await
}

/// Adds a client.
pub async fn add(conn: &Conn, new: &Client) -> Result<(), DbError> {
    let sql = "INSERT INTO clients (id, name, kind, redirect_uris, post_logout_redirect_uris, scopes, grants,
                                    first_party, disabled_at, updated_at, secret_hash, created_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let mut values = values(new);
    values.extend(params![new.secret_hash.clone(), new.created_at]);
    conn.exec(sql, values).await
}

/// Stores what may change of a client, as its next version.
pub async fn update(tx: &mut Tx, changed: &Client) -> Result<(), DbError> {
    tx.exec(
        "UPDATE clients SET name = ?2, kind = ?3, redirect_uris = ?4, post_logout_redirect_uris = ?5, scopes = ?6,
                grants = ?7, first_party = ?8, disabled_at = ?9, updated_at = ?10, version = version + 1
          WHERE id = ?1",
        values(changed),
    )
    .await
}

fn values(client: &Client) -> Vec<spin_sdk::sqlite::Value> {
    let kind = match client.kind {
        Kind::Public => "public",
        Kind::Confidential => "confidential",
    };
    let list = |list: &[String]| json!(list).to_string();
    params![
        client.id.as_str(),
        client.name.as_str(),
        kind,
        list(&client.redirect_uris),
        list(&client.post_logout_redirect_uris),
        list(&client.scopes),
        json!(client.grants).to_string(),
        i64::from(client.first_party),
        client.disabled_at,
        client.updated_at
    ]
}

/// Gives a client a new secret. The one before it stays good until `until`, if that is given.
pub async fn set_secret(
    tx: &mut Tx,
    id: &str,
    hash: &[u8],
    until: Option<Timestamp>,
) -> Result<Option<Client>, DbError> {
    tx.one(
        "UPDATE clients SET old_secret_hash = iif(?3 IS NULL, NULL, secret_hash), old_secret_until = ?3,
                secret_hash = ?2, updated_at = ?4, version = version + 1
          WHERE id = ?1 RETURNING *",
        params![id, hash.to_vec(), until, Timestamp::now()],
        client,
    )
    .await
}

/// Forgets a client, and with it its sessions, its codes and what people have allowed it.
pub async fn delete(tx: &mut Tx, id: &str) -> Result<(), DbError> {
    for table in ["sessions", "codes", "consents"] {
        tx.exec(&format!("DELETE FROM {table} WHERE client_id = ?1"), params![id]).await?;
    }
    tx.exec("DELETE FROM clients WHERE id = ?1", params![id]).await
}

/// Forgets secrets that are good no longer.
pub async fn purge(conn: &Conn, now: Timestamp) -> Result<(), DbError> {
    let sql =
        "UPDATE clients SET old_secret_hash = NULL, old_secret_until = NULL WHERE old_secret_until <= ?1";
    conn.exec(sql, params![now]).await
}
