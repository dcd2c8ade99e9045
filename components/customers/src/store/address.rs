//! The SQL of addresses.

use crate::model::Entry;
use crate::rules::MAX_ADDRESSES;
use souk_kit::id::{AddressId, CustomerId};
use souk_kit::{Conn, DbError, Problem, Result, Row, Tx, params};

const ENTRY: &str =
    "SELECT id, address, default_shipping, default_billing, version, created_at, updated_at FROM addresses";

fn entry(row: Row<'_>) -> Result<Entry, DbError> {
    Ok(Entry {
        id: row.parse("id")?,
        address: row.json("address")?,
        default_shipping: row.get("default_shipping")?,
        default_billing: row.get("default_billing")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        version: row.get("version")?,
    })
}

/// How many addresses a customer has.
pub async fn count(conn: &Conn, customer: CustomerId) -> Result<u32, DbError> {
    let sql = "SELECT count(*) AS addresses FROM addresses WHERE customer_id = ?1";
    Ok(conn.one(sql, params![customer], |row| row.get("addresses")).await?.unwrap_or_default())
}

/// An address of this customer.
pub async fn find(conn: &Conn, customer: CustomerId, id: AddressId) -> Result<Entry> {
    let sql = format!("{ENTRY} WHERE id = ?1 AND customer_id = ?2");
    conn.one(&sql, params![id, customer], entry).await?.ok_or_else(Problem::not_found)
}

/// A page of a customer's addresses, oldest first. Index: `addresses_by_customer`.
pub async fn page(
    conn: &Conn,
    customer: CustomerId,
    after: Option<AddressId>,
    limit: u32,
) -> Result<Vec<Entry>, DbError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let sql = format!("{ENTRY} WHERE customer_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
    conn.all(&sql, params![customer, after, limit], entry).await
}

/// All addresses of a customer.
pub async fn all(conn: &Conn, customer: CustomerId) -> Result<Vec<Entry>, DbError> {
    page(conn, customer, None, MAX_ADDRESSES).await
}

/// Stores an address, new or changed. What it is the default for, no other is any more.
pub async fn put(tx: &mut Tx, customer: CustomerId, entry: &Entry) -> Result<()> {
    let (shipping, billing) = (u32::from(entry.default_shipping), u32::from(entry.default_billing));
    if entry.default_shipping || entry.default_billing {
        tx.exec(
            "UPDATE addresses SET default_shipping = default_shipping AND NOT ?3, default_billing = default_billing AND NOT ?4,
                    version = version + 1, updated_at = ?5
              WHERE customer_id = ?1 AND id <> ?2 AND (default_shipping AND ?3 OR default_billing AND ?4)",
            params![customer, entry.id, shipping, billing, entry.updated_at],
        )
        .await?;
    }
    let address = serde_json::to_string(&entry.address)
        .map_err(|error| Problem::internal(format!("address: {error}")))?;
    let sql = "INSERT INTO addresses (id, customer_id, address, default_shipping, default_billing, version, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (id) DO UPDATE SET address = excluded.address, default_shipping = excluded.default_shipping,
          default_billing = excluded.default_billing, version = excluded.version, updated_at = excluded.updated_at";
    let parameters = params![
        entry.id,
        customer,
        address,
        shipping,
        billing,
        entry.version,
        entry.created_at,
        entry.updated_at
    ];
    Ok(tx.exec(sql, parameters).await?)
}

/// Removes an address.
pub async fn remove(tx: &mut Tx, id: AddressId) -> Result<(), DbError> {
    tx.exec("DELETE FROM addresses WHERE id = ?1", params![id]).await
}
