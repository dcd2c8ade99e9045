//! What was taken and given back, for the reconciliation with orders, billing and the ledger.

use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::problem::ProblemDocument;
use souk_kit::settlement::{SettlementQuery, Settlements};
use souk_kit::valid::IdList;
use souk_kit::{Caller, Conn, Ctx, Currency, DbError, Result, Row, Timestamp, ValidQuery, params};
use utoipa::{IntoParams, ToSchema};

/// What was taken for an order and given back, in minor units.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaymentSettlement)]
pub struct Settlement {
    /// The order.
    order_id: OrderId,
    /// Its payment.
    payment_id: PaymentId,
    /// The currency of the sums.
    currency: Currency,
    /// What was taken.
    captured: i64,
    /// What was given back.
    refunded: i64,
    /// When the payment changed last.
    changed_at: Timestamp,
}

/// Tell transactions, part by part in the order of orders' ids, what was taken for each and given back.
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

/// Which payments are meant.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct KnownQuery {
    /// These, with commas between: up to 100.
    #[garde(skip)]
    #[param(value_type = String)]
    payments: IdList<PaymentId>,
}

/// Tell transactions the same of some payments: those that there are.
#[utoipa::path(get, path = "/internal/settlements/known", tag = "internal", params(KnownQuery),
    responses((status = 200, body = Settlements<Settlement>), (status = 403, body = ProblemDocument),
        (status = 422, body = ProblemDocument)))]
pub async fn known(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<KnownQuery>,
) -> Result<Json<Settlements<Settlement>>> {
    caller.must_be_service("transactions")?;
    let sql = format!("{SETTLEMENT} WHERE id IN (SELECT value FROM json_each(?1))");
    let ids = json!(query.payments.0).to_string();
    Ok(Json(Settlements { items: ctx.conn().await?.all(&sql, params![ids], |row| settlement(&row)).await? }))
}

const SETTLEMENT: &str = "SELECT order_id, id, currency, captured, refunded, updated_at FROM intents";

fn settlement(row: &Row<'_>) -> Result<Settlement, DbError> {
    Ok(Settlement {
        order_id: row.parse("order_id")?,
        payment_id: row.parse("id")?,
        currency: row.parse("currency")?,
        captured: row.get("captured")?,
        refunded: row.get("refunded")?,
        changed_at: row.get("updated_at")?,
    })
}

/// Index: the key on `order_id`.
async fn part(conn: &Conn, query: &SettlementQuery) -> Result<Vec<Settlement>, DbError> {
    let sql = format!("{SETTLEMENT} WHERE order_id > ?1 ORDER BY order_id LIMIT ?2");
    conn.all(&sql, params![query.after(), query.limit()], |row| settlement(&row)).await
}
