//! Reconciliation: payments, orders, invoices and the ledger are compared, order by order, and what differs is named.
//!
//! It goes page by page: the next orders of each of the three services, as far as all of them have told, and what the ledger
//! moved for their payments. The last pages look for payments that only the ledger knows. So a page costs the same, however
//! many orders there are.

use crate::rules::reconcile::{Discord, LedgerSide, Parts, Sides};
use crate::store::settlement::{self as store, Moved};
use axum::Json;
use futures::future::try_join3;
use garde::Validate;
use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::page::Cursor;
use souk_kit::permission::scope::TRANSACTIONS_READ;
use souk_kit::problem::ProblemDocument;
use souk_kit::settlement::{MOST, Settlements};
use souk_kit::{Caller, Conn, Ctx, Currency, Money, Result, Timestamp, ValidQuery};
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// The same when nobody says.
const USUAL: u32 = 200;
/// Payments whose ids fit into one question.
const PAYMENTS_AT_ONCE: u32 = 100;
/// What has just changed may not have come to everybody yet.
const SETTLES: Duration = Duration::from_secs(60);

/// What is to be compared.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReconciliationQuery {
    /// Orders placed from this instant.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Orders placed before this instant.
    #[garde(skip)]
    to: Option<Timestamp>,
    /// How many orders each service is asked for: 1 to 500, 200 if absent.
    #[garde(inner(range(min = 1, max = MOST)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// What payments, or the ledger, says.
#[derive(Debug, Serialize, ToSchema)]
pub struct Taken {
    /// What was taken.
    captured: Money,
    /// What was given back.
    refunded: Money,
}

/// What an order says.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderSums {
    /// What it costs.
    total: Money,
    /// What was paid.
    paid: Money,
    /// What was given back.
    refunded: Money,
}

/// What an invoice says.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvoiceSums {
    /// What it is made out over.
    total: Money,
    /// What was paid.
    paid: Money,
    /// What its credit notes are made out over.
    credited: Money,
}

/// What each of them says; null for one that knows nothing of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Amounts {
    payments: Option<Taken>,
    order: Option<OrderSums>,
    invoice: Option<InvoiceSums>,
    ledger: Option<Taken>,
}

/// Something that does not agree.
#[derive(Debug, Serialize, ToSchema)]
pub struct Difference {
    /// The order; null if the ledger alone knows of the payment, and not what for.
    order_id: Option<OrderId>,
    /// The payment, if there is one.
    payment_id: Option<PaymentId>,
    /// What does not agree.
    #[schema(inline)]
    kind: Discord,
    /// Whether something about it has changed within the last minute: others may hear of it in a moment.
    settling: bool,
    /// What each of them says.
    amounts: Amounts,
    /// The same in words, in minor units.
    message: String,
}

/// A page of the reconciliation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reconciliation {
    /// Orders, and payments that only the ledger knows, that were looked at.
    checked: usize,
    /// What does not agree.
    differences: Vec<Difference>,
    /// Give it as `cursor` for the next page; absent on the last one. Pages may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Where a page begins.
#[derive(Debug, Serialize, Deserialize)]
enum Place {
    /// After this order.
    Orders(Option<OrderId>),
    /// After this payment, of those that the ledger knows.
    Ledger(Option<PaymentId>),
}

/// Compare what payments, orders, invoices and the ledger say of each order's money. Needs the scope `transactions:read`.
///
/// A difference that is not `settling` stays until somebody sees to it.
#[utoipa::path(get, path = "/transactions/reconciliation", tag = "transactions", params(ReconciliationQuery),
    security(("bearer" = ["transactions:read"])),
    responses(
        (status = 200, body = Reconciliation),
        (status = 400, description = "`malformed-request`: the cursor", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument),
        (status = 503, description = "`unavailable`: a service that is compared does not answer", body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ReconciliationQuery>,
) -> Result<Json<Reconciliation>> {
    caller.needs(TRANSACTIONS_READ)?;
    let place = match &query.cursor {
        Some(cursor) => Cursor::read(cursor)?,
        None => Place::Orders(None),
    };
    let (page, next) = match place {
        Place::Orders(after) => orders(&ctx, &query, after).await?,
        Place::Ledger(after) => only_in_ledger(&ctx, &query, after).await?,
    };
    let next_cursor = next.map(|place| Cursor::new(&place)).transpose()?.map(|it| it.to_string());
    Ok(Json(Reconciliation { next_cursor, ..page }))
}

/// Compares the next orders.
async fn orders(
    ctx: &Ctx,
    query: &ReconciliationQuery,
    after: Option<OrderId>,
) -> Result<(Reconciliation, Option<Place>)> {
    let limit = query.limit.unwrap_or(USUAL);
    // No order has the earliest id of an instant: it is all zeros but for the time.
    let after = after.or(query.from.map(OrderId::earliest));
    let before = query.to.map(OrderId::earliest);
    let mut joined = told(ctx, after, limit).await?.join(limit as usize);
    joined.orders.retain(|id, _| before.is_none_or(|before| *id < before));
    add_ledger(&ctx.conn().await?, joined.orders.values_mut()).await?;
    let mut differences = Vec::new();
    for (id, sides) in &joined.orders {
        add_findings(Some(*id), sides, &mut differences);
    }
    let next = match joined.last.filter(|last| before.is_none_or(|before| *last < before)) {
        Some(last) => Place::Orders(Some(last)),
        None => Place::Ledger(None),
    };
    Ok((Reconciliation { checked: joined.orders.len(), differences, next_cursor: None }, Some(next)))
}

/// What the three services say of the next orders.
async fn told(ctx: &Ctx, after: Option<OrderId>, limit: u32) -> Result<Parts> {
    let after = after.map(|id| format!("&after={id}")).unwrap_or_default();
    let path = format!("/internal/settlements?limit={limit}{after}");
    let (payments, orders, invoices) =
        try_join3(part(ctx, "payments", &path), part(ctx, "orders", &path), part(ctx, "billing", &path))
            .await?;
    Ok(Parts { payments, orders, invoices })
}

async fn part<T: DeserializeOwned>(ctx: &Ctx, service: &'static str, path: &str) -> Result<Vec<T>> {
    Ok(ctx.call(Method::GET, service, path).send().await?.json::<Settlements<T>>()?.items)
}

async fn add_ledger(conn: &Conn, orders: impl Iterator<Item = &mut Sides>) -> Result<()> {
    let mut orders: Vec<_> = orders.collect();
    let payments: Vec<_> = orders.iter().filter_map(|sides| sides.payment_id()).collect();
    if payments.is_empty() {
        return Ok(());
    }
    let moved: HashMap<_, _> =
        store::of_all(conn, &payments).await?.into_iter().map(|it| (it.payment_id, it)).collect();
    for sides in &mut orders {
        sides.ledger = sides.payment_id().and_then(|id| moved.get(&id)).map(LedgerSide::from);
    }
    Ok(())
}

impl From<&Moved> for LedgerSide {
    fn from(it: &Moved) -> Self {
        Self {
            currency: it.currency,
            captured: it.captured,
            refunded: it.refunded,
            changed_at: it.changed_at,
        }
    }
}

/// Looks for payments that the ledger has moved money for, and payments does not know.
async fn only_in_ledger(
    ctx: &Ctx,
    query: &ReconciliationQuery,
    after: Option<PaymentId>,
) -> Result<(Reconciliation, Option<Place>)> {
    let limit = query.limit.unwrap_or(USUAL).min(PAYMENTS_AT_ONCE);
    let after = after.or(query.from.map(PaymentId::earliest));
    let before = query.to.map(PaymentId::earliest);
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let mut moved = store::page(&ctx.conn().await?, &after, limit).await?;
    let is_last = moved.len() < limit as usize;
    let next = moved.last().filter(|_| !is_last).map(|it| it.payment_id);
    moved.retain(|it| before.is_none_or(|before| it.payment_id < before));
    let unknown = unknown(ctx, moved).await?;
    let mut differences = Vec::new();
    for it in &unknown {
        let sides = Sides { ledger: Some(it.into()), ..Sides::default() };
        let message = format!("the ledger moved {}, and payments does not know of it", it.captured);
        differences.push(Difference {
            payment_id: Some(it.payment_id),
            ..difference(it.order_id, &sides, Discord::LedgerNotInPayments, message)
        });
    }
    let next =
        next.filter(|next| before.is_none_or(|before| *next < before)).map(|id| Place::Ledger(Some(id)));
    Ok((Reconciliation { checked: unknown.len(), differences, next_cursor: None }, next))
}

async fn unknown(ctx: &Ctx, mut moved: Vec<Moved>) -> Result<Vec<Moved>> {
    #[derive(Deserialize)]
    struct Known {
        payment_id: PaymentId,
    }
    if moved.is_empty() {
        return Ok(moved);
    }
    let ids: Vec<_> = moved.iter().map(|it| it.payment_id.to_string()).collect();
    let path = format!("/internal/settlements/known?payments={}", ids.join(","));
    let known: HashSet<_> =
        part::<Known>(ctx, "payments", &path).await?.into_iter().map(|it| it.payment_id).collect();
    let is_undone = |it: &Moved| it.captured == 0 && it.refunded == 0;
    moved.retain(|it| !known.contains(&it.payment_id) && !is_undone(it));
    Ok(moved)
}

fn add_findings(order: Option<OrderId>, sides: &Sides, differences: &mut Vec<Difference>) {
    let found = sides.findings().into_iter();
    differences.extend(found.map(|(kind, message)| difference(order, sides, kind, message)));
}

fn difference(order_id: Option<OrderId>, sides: &Sides, kind: Discord, message: String) -> Difference {
    let settling = sides.changed_at().is_some_and(|at| !at.after(SETTLES).has_passed());
    let taken = |currency: Currency, captured, refunded| Taken {
        captured: Money::new(captured, currency),
        refunded: Money::new(refunded, currency),
    };
    let amounts = Amounts {
        payments: sides.payment.map(|it| taken(it.currency, it.captured, it.refunded)),
        order: sides.order.map(|it| OrderSums {
            total: Money::new(it.total, it.currency),
            paid: Money::new(it.paid(), it.currency),
            refunded: Money::new(it.refunded, it.currency),
        }),
        invoice: sides.invoice.map(|it| InvoiceSums {
            total: Money::new(it.total, it.currency),
            paid: Money::new(it.paid, it.currency),
            credited: Money::new(it.credited, it.currency),
        }),
        ledger: sides.ledger.map(|it| taken(it.currency, it.captured, it.refunded)),
    };
    Difference { order_id, payment_id: sides.payment_id(), kind, settling, amounts, message }
}
