//! Carts: one row each.

use crate::buyer::Owner;
use crate::model::Destination;
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::id::{CartId, LineId, OrderId, UserId, VariantId};
use souk_kit::{Conn, Currency, DbError, Problem, Result, Row, Timestamp, Tx, params};

/// Some units in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub id: LineId,
    pub variant_id: VariantId,
    pub quantity: u32,
    /// What one cost when it was put in, in minor units.
    pub seen: i64,
}

/// A cart as it is stored.
#[derive(Debug, Clone)]
pub struct StoredCart {
    pub id: CartId,
    pub owner: Owner,
    pub currency: Currency,
    pub items: Vec<Item>,
    pub coupons: Vec<String>,
    pub destination: Option<Destination>,
    pub method: Option<String>,
    pub order_id: Option<OrderId>,
    pub version: i64,
    pub updated_at: Timestamp,
}

impl StoredCart {
    /// An empty cart.
    pub fn new(owner: Owner, currency: Currency) -> Self {
        Self {
            id: CartId::new(),
            owner,
            currency,
            items: Vec::new(),
            coupons: Vec::new(),
            destination: None,
            method: None,
            order_id: None,
            version: 1,
            updated_at: Timestamp::now(),
        }
    }
}

const CART: &str =
    "SELECT id, user_id, token_hash, currency, lines, coupons, destination, shipping_method, order_id,
    version, updated_at FROM carts";

fn cart(row: Row<'_>) -> Result<StoredCart, DbError> {
    let destination = row.get::<Option<&str>>("destination")?;
    Ok(StoredCart {
        id: row.parse("id")?,
        owner: Owner { user_id: row.optional("user_id")?, token_hash: row.get("token_hash")? },
        currency: row.parse("currency")?,
        items: row.json("lines")?,
        coupons: row.json("coupons")?,
        destination: destination.map(|_| row.json("destination")).transpose()?,
        method: row.get("shipping_method")?,
        order_id: row.optional("order_id")?,
        version: row.get("version")?,
        updated_at: row.get("updated_at")?,
    })
}

/// A cart, whosever it is.
pub async fn find(conn: &Conn, id: CartId) -> Result<StoredCart> {
    let sql = format!("{CART} WHERE id = ?1");
    conn.one(&sql, params![id], cart).await?.ok_or_else(Problem::not_found)
}

/// A person's open cart.
pub async fn open_of(conn: &Conn, user: UserId) -> Result<Option<StoredCart>, DbError> {
    let sql = format!("{CART} WHERE user_id = ?1 AND order_id IS NULL");
    conn.one(&sql, params![user], cart).await
}

/// Adds a cart.
pub async fn insert(conn: &Conn, cart: &StoredCart) -> Result<(), DbError> {
    conn.exec(
        "INSERT INTO carts (id, user_id, token_hash, currency, lines, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        params![
            cart.id,
            cart.owner.user_id.map(|id| id.to_string()),
            cart.owner.token_hash.clone(),
            cart.currency,
            json!(cart.items).to_string(),
            cart.updated_at
        ],
    )
    .await
}

/// Stores a changed cart under its next version.
pub async fn update(tx: &Tx, cart: &mut StoredCart) -> Result<(), DbError> {
    replace(tx, cart).await.map(|_| ())
}

/// The same, unless somebody has changed it since it was read: then false.
pub async fn replace(conn: &Conn, cart: &mut StoredCart) -> Result<bool, DbError> {
    cart.version += 1;
    cart.updated_at = Timestamp::now();
    let replaced = conn.one(
        "UPDATE carts SET currency = ?2, lines = ?3, coupons = ?4, destination = ?5, shipping_method = ?6,
                order_id = ?7, version = ?8, updated_at = ?9 WHERE id = ?1 AND version = ?8 - 1 RETURNING 1 AS done",
        params![
            cart.id,
            cart.currency,
            json!(cart.items).to_string(),
            json!(cart.coupons).to_string(),
            cart.destination.as_ref().map(|destination| json!(destination).to_string()),
            cart.method.as_deref(),
            cart.order_id.map(|id| id.to_string()),
            cart.version,
            cart.updated_at
        ],
        |row| row.get::<i64>("done"),
    );
    Ok(replaced.await?.is_some())
}

/// Marks a cart as the order that it has become; `false` when it is not any more what was ordered.
pub async fn check_out(tx: &Tx, cart: &StoredCart, order: OrderId) -> Result<bool, DbError> {
    let closed = tx
        .one(
            "UPDATE carts SET order_id = ?2, version = version + 1, updated_at = ?3
              WHERE id = ?1 AND version = ?4 AND order_id IS NULL RETURNING 1 AS closed",
            params![cart.id, order, Timestamp::now(), cart.version],
            |row| row.get::<i64>("closed"),
        )
        .await?;
    Ok(closed.is_some())
}

/// Opens a cart again that came to no order. A person who has begun another one meanwhile keeps that one, and this one
/// stays as it is.
pub async fn reopen(tx: &Tx, id: CartId) -> Result<(), DbError> {
    tx.exec(
        "UPDATE OR IGNORE carts SET order_id = NULL, version = version + 1, updated_at = ?2 WHERE id = ?1",
        params![id, Timestamp::now()],
    )
    .await
}

/// Removes a cart.
pub async fn delete(conn: &Conn, id: CartId) -> Result<(), DbError> {
    conn.exec("DELETE FROM carts WHERE id = ?1", params![id]).await
}

/// Forgets carts that nobody has touched since.
pub async fn forget_older(conn: &Conn, than: Timestamp) -> Result<(), DbError> {
    conn.exec("DELETE FROM carts WHERE order_id IS NULL AND updated_at < ?1", params![than]).await
}
