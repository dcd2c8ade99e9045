//! What was taken and given back, for the reconciliation with orders, billing and the ledger.

use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::problem::ProblemDocument;
use souk_kit::valid::IdList;
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
    /// Only these payments, with commas between: up to 100.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    payments: Option<IdList<PaymentId>>,
}

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
#[schema(as = PaymentSettlements)]
pub struct Settlements {
    /// In the order of the orders' ids.
    items: Vec<Settlement>,
}

/// Indexes: the key on `order_id`, the primary key.
async fn part(conn: &Conn, query: &SettlementQuery) -> Result<Vec<Settlement>, DbError> {
    let after = query.after.map(|id| id.to_string()).unwrap_or_default();
    let mut parameters = params![after, query.limit.unwrap_or(MOST)];
    let mut which = "order_id > ?1";
    if let Some(IdList(payments)) = &query.payments {
        parameters.push(json!(payments).to_string().into());
        which = "+order_id > ?1 AND id IN (SELECT value FROM json_each(?3))";
    }
    let sql = format!(
        "SELECT order_id, id, currency, captured, refunded, updated_at FROM intents
          WHERE {which} ORDER BY order_id LIMIT ?2"
    );
    conn.all(&sql, parameters, |row| {
        Ok(Settlement {
            order_id: row.parse("order_id")?,
            payment_id: row.parse("id")?,
            currency: row.parse("currency")?,
            captured: row.get("captured")?,
            refunded: row.get("refunded")?,
            changed_at: row.get("updated_at")?,
        })
    })
    .await
}
