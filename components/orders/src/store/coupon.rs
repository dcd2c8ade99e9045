//! Coupons: how often each is in use, by everybody and by one customer. Both are counted: a checkout must not take longer
//! the more a coupon was used.

use serde_json::json;
use souk_kit::id::OrderId;
use souk_kit::{Conn, DbError, Tx, params};
use std::collections::BTreeMap;

/// How often coupon codes are in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    /// By everybody.
    pub all: BTreeMap<String, u32>,
    /// By the customer who asks.
    pub by_customer: BTreeMap<String, u32>,
}

/// How often each of these codes is in use, by other orders than `but`; `customer` is unknown as long as a guest has not
/// said who they are.
pub async fn uses(
    conn: &Conn,
    codes: &[String],
    customer: Option<&str>,
    but: Option<OrderId>,
) -> Result<Uses, DbError> {
    let mut uses = Uses::default();
    if codes.is_empty() {
        return Ok(uses);
    }
    let counted = conn
        .all(
            "SELECT code, customer <> '' AS is_own,
                    uses - (SELECT count(*) FROM coupon_uses u
                             WHERE u.order_id = ?3 AND u.code = c.code AND c.customer IN ('', u.customer)) AS uses
               FROM coupons c WHERE code IN (SELECT value FROM json_each(?1)) AND customer IN ('', ?2)",
            params![
                json!(codes).to_string(),
                customer.unwrap_or_default(),
                but.map(|order| order.to_string())
            ],
            |row| Ok((row.get::<String>("code")?, row.get::<bool>("is_own")?, row.get::<u32>("uses")?)),
        )
        .await?;
    for (code, is_own, count) in counted {
        let of = if is_own { &mut uses.by_customer } else { &mut uses.all };
        of.insert(code, count);
    }
    Ok(uses)
}

/// Counts coupons that an order of this customer uses from now on.
pub async fn take(tx: &Tx, id: OrderId, customer: &str, codes: &[String]) -> Result<(), DbError> {
    if codes.is_empty() {
        return Ok(());
    }
    let codes = json!(codes).to_string();
    tx.exec(
        "INSERT INTO coupon_uses (code, order_id, customer) SELECT value, ?2, ?3 FROM json_each(?1)",
        params![codes.as_str(), id, customer],
    )
    .await?;
    tx.exec(
        "INSERT INTO coupons (code, customer, uses)
         SELECT value, '', 1 FROM json_each(?1) UNION ALL SELECT value, ?2, 1 FROM json_each(?1) WHERE true
         ON CONFLICT DO UPDATE SET uses = uses + 1",
        params![codes.as_str(), customer],
    )
    .await
}

/// Lets others have the coupons of an order, but for those that it keeps.
pub async fn keep_only(tx: &Tx, id: OrderId, kept: &[String]) -> Result<(), DbError> {
    let kept = json!(kept).to_string();
    let gone = "order_id = ?1 AND code NOT IN (SELECT value FROM json_each(?2))";
    tx.exec(
        &format!(
            "UPDATE coupons SET uses = uses - 1 WHERE (code, customer) IN (
               SELECT code, '' FROM coupon_uses WHERE {gone}
               UNION ALL SELECT code, customer FROM coupon_uses WHERE {gone})"
        ),
        params![id, kept.as_str()],
    )
    .await?;
    tx.exec(&format!("DELETE FROM coupon_uses WHERE {gone}"), params![id, kept.as_str()]).await
}

/// The codes that an order holds.
pub async fn held(conn: &Conn, id: OrderId) -> Result<Vec<String>, DbError> {
    let sql = "SELECT code FROM coupon_uses WHERE order_id = ?1";
    conn.all(sql, params![id], |row| row.get("code")).await
}
