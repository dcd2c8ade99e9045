//! Orders: a row each, whose document is what readers get, and a history that only grows.

use crate::buyer::Owner;
use crate::model::{HistoryEntry, Order};
use crate::state::State;
use serde_json::json;
use souk_kit::id::{CartId, OrderId, RefundId, UserId};
use souk_kit::{Conn, DbError, Problem, Result, Row, Timestamp, Tx, params};

/// An order with what its readers do not get.
#[derive(Debug, Clone)]
pub struct Stored {
    pub order: Order,
    pub owner: Owner,
    pub cart_id: Option<CartId>,
    /// What is on its way back, in minor units.
    pub refunding: i64,
    /// Whether what is personal goes when the order ends.
    pub forget: bool,
    pub version: i64,
}

impl Stored {
    /// What may still be given back, in minor units.
    pub fn refundable(&self) -> i64 {
        self.order.totals.total.amount - self.order.refunded.amount - self.refunding
    }
}

const ORDER: &str =
    "SELECT id, cart_id, user_id, token_hash, document, refunding, forget, version FROM orders";

fn stored(row: Row<'_>) -> Result<Stored, DbError> {
    Ok(Stored {
        order: row.json("document")?,
        owner: Owner { user_id: row.optional("user_id")?, token_hash: row.get("token_hash")? },
        cart_id: row.optional("cart_id")?,
        refunding: row.get("refunding")?,
        forget: row.get("forget")?,
        version: row.get("version")?,
    })
}

/// An order, whosever it is.
pub async fn find(conn: &Conn, id: OrderId) -> Result<Stored> {
    look_up(conn, id).await?.ok_or_else(Problem::not_found)
}

/// The same, which may not be there.
pub async fn look_up(conn: &Conn, id: OrderId) -> Result<Option<Stored>, DbError> {
    let sql = format!("{ORDER} WHERE id = ?1");
    conn.one(&sql, params![id], stored).await
}

/// The next number of this year.
pub async fn next_number(tx: &Tx, now: Timestamp) -> Result<String> {
    let year: i64 = now
        .to_string()
        .get(..4)
        .and_then(|year| year.parse().ok())
        .ok_or_else(|| Problem::internal("year"))?;
    let last = tx
        .one(
            "INSERT INTO order_numbers (year, last) VALUES (?1, 1)
             ON CONFLICT (year) DO UPDATE SET last = last + 1 RETURNING last",
            params![year],
            |row| row.get::<i64>("last"),
        )
        .await?;
    Ok(format!("O-{year}-{:06}", last.unwrap_or_default()))
}

/// The order without a cart that a request made before it could be answered, and that request's body.
/// Index: `orders_unanswered`.
pub async fn made_by(conn: &Conn, request: &str) -> Result<Option<(Stored, Vec<u8>)>, DbError> {
    let sql = "SELECT id, cart_id, user_id, token_hash, document, refunding, forget, version, request_body
                 FROM orders WHERE request = ?1";
    conn.one(sql, params![request], |row| {
        let body = row.get("request_body")?;
        Ok((stored(row)?, body))
    })
    .await
}

/// Notes which request makes an order.
pub async fn note_request(tx: &Tx, id: OrderId, request: &str, body: &[u8]) -> Result<(), DbError> {
    let sql = "UPDATE orders SET request = ?2, request_body = ?3 WHERE id = ?1";
    tx.exec(sql, params![id, request, body.to_vec()]).await
}

/// Notes that the request that made an order is answered: the answer is found from now on.
pub async fn note_answered(tx: &Tx, id: OrderId) -> Result<(), DbError> {
    tx.exec("UPDATE orders SET request = NULL, request_body = NULL WHERE id = ?1", params![id]).await
}

/// Adds an order.
pub async fn insert(tx: &Tx, stored: &Stored) -> Result<(), DbError> {
    let order = &stored.order;
    tx.exec(
        "INSERT INTO orders (id, number, cart_id, user_id, token_hash, state, document, total, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)",
        params![
            order.id,
            order.number.as_str(),
            stored.cart_id.map(|id| id.to_string()),
            stored.owner.user_id.map(|id| id.to_string()),
            stored.owner.token_hash.clone(),
            order.state.name(),
            json!(order).to_string(),
            order.totals.total.amount,
            order.created_at
        ],
    )
    .await
}

/// Stores a changed order under its next version.
pub async fn update(tx: &Tx, stored: &mut Stored) -> Result<(), DbError> {
    stored.version += 1;
    let order = &mut stored.order;
    order.updated_at = Timestamp::now();
    tx.exec(
        "UPDATE orders SET state = ?2, document = ?3, payment_id = ?4, total = ?5, refunded = ?6, refunding = ?7,
                forget = ?8, version = ?9, updated_at = ?10 WHERE id = ?1",
        params![
            order.id,
            order.state.name(),
            json!(order).to_string(),
            order.payment_id.map(|id| id.to_string()),
            order.totals.total.amount,
            order.refunded.amount,
            stored.refunding,
            i64::from(stored.forget),
            stored.version,
            order.updated_at
        ],
    )
    .await
}

/// Removes an order, what is written of it, and the cart that it was made of, unless that is open again. What the order
/// still asks of others stays, in its steps.
pub async fn delete(tx: &Tx, stored: &Stored) -> Result<(), DbError> {
    let id = stored.order.id;
    if let Some(cart) = stored.cart_id {
        tx.exec("DELETE FROM carts WHERE id = ?1 AND order_id = ?2", params![cart, id]).await?;
    }
    for sql in [
        "DELETE FROM refunds WHERE order_id = ?1",
        "DELETE FROM coupon_uses WHERE order_id = ?1",
        "DELETE FROM order_history WHERE order_id = ?1",
        "DELETE FROM orders WHERE id = ?1",
    ] {
        tx.exec(sql, params![id]).await?;
    }
    Ok(())
}

/// Writes down what happened.
pub async fn note(tx: &Tx, order: OrderId, state: State, author: &str, reason: &str) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO order_history (order_id, number, at, state, author, reason)
         SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5 FROM order_history WHERE order_id = ?1",
        params![order, Timestamp::now(), state.name(), author, reason],
    )
    .await
}

/// What happened to an order after entry number `after`.
pub async fn history(conn: &Conn, id: OrderId, after: u32) -> Result<Vec<HistoryEntry>, DbError> {
    conn.all(
        "SELECT number, at, state, author, reason FROM order_history WHERE order_id = ?1 AND number > ?2
          ORDER BY number",
        params![id, after],
        |row| {
            let state = row.get::<&str>("state")?.parse();
            Ok(HistoryEntry {
                number: row.get("number")?,
                at: row.get("at")?,
                state: state.map_err(|()| DbError::Column("state".into()))?,
                author: row.get("author")?,
                reason: row.get("reason")?,
            })
        },
    )
    .await
}

/// Which orders a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    pub user: Option<UserId>,
    pub state: Option<State>,
    pub before: Option<OrderId>,
    pub limit: u32,
}

/// A page of orders, newest first. Indexes: `orders_by_user`, `orders_by_state`, the primary key.
pub async fn list(conn: &Conn, filter: &Filter) -> Result<Vec<Order>, DbError> {
    let before = filter.before.map_or_else(|| "ord_~".to_owned(), |id| id.to_string());
    let mut sql = "SELECT document FROM orders WHERE id < ?1".to_owned();
    let mut parameters = params![before, filter.limit];
    if let Some(user) = filter.user {
        parameters.push(user.into());
        sql += &format!(" AND user_id = ?{}", parameters.len());
    }
    if let Some(state) = filter.state {
        parameters.push(state.name().into());
        // With a person the index of their orders is the better one.
        let column = if filter.user.is_some() { "+state" } else { "state" };
        sql += &format!(" AND {column} = ?{}", parameters.len());
    }
    sql += " ORDER BY id DESC LIMIT ?2";
    conn.all(&sql, parameters, |row| row.json("document")).await
}

/// Every order of a person that has not been forgotten yet.
pub async fn all_of(conn: &Conn, user: UserId) -> Result<Vec<Stored>, DbError> {
    let sql = format!("{ORDER} WHERE user_id = ?1 ORDER BY id");
    conn.all(&sql, params![user], stored).await
}

/// Writes down that money is to go back.
pub async fn request_refund(
    tx: &Tx,
    id: RefundId,
    order: OrderId,
    amount: i64,
    reason: &str,
) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO refunds (id, order_id, amount, state, reason, created_at, updated_at)
         VALUES (?1, ?2, ?3, 'requested', ?4, ?5, ?5)",
        params![id, order, amount, reason, Timestamp::now()],
    )
    .await
}

/// Ends a refund that was asked for: the amount and the reason, unless it is not one of ours or has ended already.
pub async fn end_refund(tx: &Tx, id: &str, state: &str) -> Result<Option<(i64, String)>, DbError> {
    tx.one(
        "UPDATE refunds SET state = ?2, updated_at = ?3 WHERE id = ?1 AND state = 'requested'
         RETURNING amount, reason",
        params![id, state, Timestamp::now()],
        |row| Ok((row.get("amount")?, row.get("reason")?)),
    )
    .await
}

/// Adds a refund that was begun in payments, not here. False when it is known already.
pub async fn adopt_refund(tx: &Tx, id: &str, order: OrderId, amount: i64) -> Result<bool, DbError> {
    let added = tx
        .one(
            "INSERT INTO refunds (id, order_id, amount, state, reason, created_at, updated_at)
             VALUES (?1, ?2, ?3, 'done', 'refunded in payments', ?4, ?4) ON CONFLICT DO NOTHING RETURNING 1 AS added",
            params![id, order, amount, Timestamp::now()],
            |row| row.get::<i64>("added"),
        )
        .await?;
    Ok(added.is_some())
}
