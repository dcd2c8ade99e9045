//! What orders say was paid and given back, for the reconciliation with payments, billing and the ledger.

use axum::Json;
use serde::Serialize;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::problem::ProblemDocument;
use souk_kit::settlement::{SettlementQuery, Settlements};
use souk_kit::{Caller, Conn, Ctx, Currency, DbError, Result, Timestamp, ValidQuery, params};
use utoipa::ToSchema;

/// What an order says of its money, in minor units.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderSettlement)]
pub struct Settlement {
    /// The order.
    order_id: OrderId,
    /// Its payment; absent when there is nothing to pay, or nobody was asked for it yet.
    payment_id: Option<PaymentId>,
    /// The currency of the sums.
    currency: Currency,
    /// What it costs.
    total: i64,
    /// Whether it was ever paid.
    is_paid: bool,
    /// What has been given back.
    refunded: i64,
    /// When the order changed last.
    changed_at: Timestamp,
}

/// Tell transactions, part by part in the order of orders' ids, what was paid of each and given back.
#[utoipa::path(get, path = "/internal/settlements", tag = "internal", params(SettlementQuery),
    responses((status = 200, body = Settlements<Settlement>), (status = 403, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn told(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<SettlementQuery>,
) -> Result<Json<Settlements<Settlement>>> {
    caller.must_be_service("transactions")?;
    Ok(Json(Settlements { items: part(&ctx.conn().await?, &query).await? }))
}

/// Index: the primary key.
async fn part(conn: &Conn, query: &SettlementQuery) -> Result<Vec<Settlement>, DbError> {
    let sql = "SELECT id, payment_id, document ->> 'currency' AS currency, total,
                      document ->> 'paid_at' IS NOT NULL AS is_paid, refunded, updated_at
                 FROM orders WHERE id > ?1 ORDER BY id LIMIT ?2";
    conn.all(sql, params![query.after(), query.limit()], |row| {
        Ok(Settlement {
            order_id: row.parse("id")?,
            payment_id: row.optional("payment_id")?,
            currency: row.parse("currency")?,
            total: row.get("total")?,
            is_paid: row.get("is_paid")?,
            refunded: row.get("refunded")?,
            changed_at: row.get("updated_at")?,
        })
    })
    .await
}
