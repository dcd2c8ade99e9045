//! What invoices say was paid and credited, for the reconciliation with payments, orders and the ledger.

use axum::Json;
use serde::Serialize;
use souk_kit::id::{InvoiceId, OrderId};
use souk_kit::problem::ProblemDocument;
use souk_kit::settlement::{SettlementQuery, Settlements};
use souk_kit::{Caller, Conn, Ctx, Currency, DbError, Result, Timestamp, ValidQuery, params};
use utoipa::ToSchema;

/// What the invoice of an order says of its money, in minor units.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvoiceSettlement)]
pub struct Settlement {
    /// The order.
    order_id: OrderId,
    /// Its invoice.
    invoice_id: InvoiceId,
    /// The currency of the sums.
    currency: Currency,
    /// What it is made out over.
    total: i64,
    /// What was paid of it.
    paid: i64,
    /// What its credit notes are made out over.
    credited: i64,
    /// When it was issued, paid or credited last.
    changed_at: Timestamp,
}

/// Tell transactions, part by part in the order of orders' ids, what was invoiced, paid and credited of each.
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

/// Index: the key on `order_id`.
async fn part(conn: &Conn, query: &SettlementQuery) -> Result<Vec<Settlement>, DbError> {
    let sql = "SELECT i.order_id, i.id, i.currency, i.total, coalesce(p.paid, 0) AS paid,
                      (SELECT coalesce(sum(amount), 0) FROM credit_notes WHERE invoice_id = i.id) AS credited,
                      max(i.issued_at, coalesce(p.paid_at, 0),
                        (SELECT coalesce(max(issued_at), 0) FROM credit_notes WHERE invoice_id = i.id)) AS changed_at
                 FROM invoices i LEFT JOIN invoice_payments p ON p.invoice_id = i.id
                WHERE i.order_id > ?1 ORDER BY i.order_id LIMIT ?2";
    conn.all(sql, params![query.after(), query.limit()], |row| {
        Ok(Settlement {
            order_id: row.parse("order_id")?,
            invoice_id: row.parse("id")?,
            currency: row.parse("currency")?,
            total: row.get("total")?,
            paid: row.get("paid")?,
            credited: row.get("credited")?,
            changed_at: row.get("changed_at")?,
        })
    })
    .await
}
