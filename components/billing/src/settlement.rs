//! What invoices say was paid and credited, for the reconciliation with payments, orders and the ledger.

use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::id::{InvoiceId, OrderId};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Conn, Ctx, Currency, DbError, Result, Timestamp, ValidQuery, params};
use utoipa::{IntoParams, ToSchema};

/// Settlements of one part.
const MOST: u32 = 500;

/// Which part is wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SettlementQuery {
    /// After this order; from the first if absent.
    #[garde(skip)]
    after: Option<OrderId>,
    /// How many at most: 1 to 500, which is so if it is absent.
    #[garde(inner(range(min = 1, max = MOST)))]
    limit: Option<u32>,
}

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
    responses((status = 200, body = Settlements), (status = 403, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn told(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<SettlementQuery>,
) -> Result<Json<Settlements>> {
    caller.must_be_service("transactions")?;
    Ok(Json(Settlements { items: part(&ctx.conn().await?, &query).await? }))
}

/// A part of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InvoiceSettlements)]
pub struct Settlements {
    /// In the order of the orders' ids.
    items: Vec<Settlement>,
}

/// Index: the key on `order_id`.
async fn part(conn: &Conn, query: &SettlementQuery) -> Result<Vec<Settlement>, DbError> {
    let after = query.after.map(|id| id.to_string()).unwrap_or_default();
    let sql = "SELECT i.order_id, i.id, i.currency, i.total, coalesce(p.paid, 0) AS paid,
                      (SELECT coalesce(sum(amount), 0) FROM credit_notes WHERE invoice_id = i.id) AS credited,
                      max(i.issued_at, coalesce(p.paid_at, 0),
                        (SELECT coalesce(max(issued_at), 0) FROM credit_notes WHERE invoice_id = i.id)) AS changed_at
                 FROM invoices i LEFT JOIN invoice_payments p ON p.invoice_id = i.id
                WHERE i.order_id > ?1 ORDER BY i.order_id LIMIT ?2";
    conn.all(sql, params![after, query.limit.unwrap_or(MOST)], |row| {
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
