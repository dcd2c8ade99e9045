//! What the ledger has moved for payments. What is on its way outside counts as moved; what failed, was cancelled or undone
//! does not. Index: `transactions_by_payment`.

use serde_json::json;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::{Conn, Currency, DbError, Row, Timestamp, params};

/// What was moved for a payment, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The payment.
    pub payment_id: PaymentId,
    /// Its order, if that is known.
    pub order_id: Option<OrderId>,
    /// Its currency.
    pub currency: Currency,
    /// What was taken.
    pub captured: i64,
    /// What was given back.
    pub refunded: i64,
    /// When the ledger last moved, or undid, something of it.
    pub changed_at: Timestamp,
}

const MOVED: &str = "SELECT payment_id, min(metadata ->> 'order_id') AS order_id, min(currency) AS currency,
        max(updated_at) AS changed_at,
        sum(CASE WHEN kind = 'capture' AND state IN ('pending', 'posted') THEN amount ELSE 0 END) AS captured,
        sum(CASE WHEN kind = 'refund' AND state IN ('pending', 'posted') THEN amount ELSE 0 END) AS refunded
   FROM transactions WHERE kind IN ('capture', 'refund') AND";

fn moved(row: Row<'_>) -> Result<Moved, DbError> {
    Ok(Moved {
        payment_id: row.parse("payment_id")?,
        order_id: row.optional("order_id")?,
        currency: row.parse("currency")?,
        captured: row.get("captured")?,
        refunded: row.get("refunded")?,
        changed_at: row.get("changed_at")?,
    })
}

/// What was moved for a payment; nothing if the ledger does not know it.
pub async fn of(conn: &Conn, payment: PaymentId) -> Result<Option<Moved>, DbError> {
    let sql = format!("{MOVED} payment_id = ?1 GROUP BY payment_id");
    conn.one(&sql, params![payment], moved).await
}

/// What was moved for each of these payments.
pub async fn of_all(conn: &Conn, payments: &[PaymentId]) -> Result<Vec<Moved>, DbError> {
    let sql = format!("{MOVED} payment_id IN (SELECT value FROM json_each(?1)) GROUP BY payment_id");
    conn.all(&sql, params![json!(payments).to_string()], moved).await
}

/// What was moved for up to `limit` payments after one, in the order of their ids.
pub async fn page(conn: &Conn, after: &str, limit: u32) -> Result<Vec<Moved>, DbError> {
    let sql = format!("{MOVED} payment_id > ?1 GROUP BY payment_id ORDER BY payment_id LIMIT ?2");
    conn.all(&sql, params![after, limit], moved).await
}
