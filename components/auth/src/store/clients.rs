//! Clients.

use crate::clients::{Client, Kind};
use souk_kit::{Conn, DbError, Row, params};

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
