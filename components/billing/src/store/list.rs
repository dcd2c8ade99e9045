//! Lists of invoices.

use crate::access::{Customer, Sight};
use crate::model::{InvoiceSummary, Status};
use crate::rules::Facts;
use souk_kit::id::{InvoiceId, OrderId};
use souk_kit::{Conn, DbError, Money, Row, Timestamp, params};

/// Which invoices are asked for.
pub struct Filter {
    pub order: Option<OrderId>,
    pub customer: Option<Customer>,
    pub status: Option<Status>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// The conditions of a filter on invoices `i` and their payments `p`, and their parameters.
fn conditions(sight: &Sight, filter: &Filter, now: Timestamp) -> (String, Vec<spin_sdk::sqlite::Value>) {
    let (mut sql, mut parameters) = (String::from(" WHERE true"), params![]);
    let mut add = |condition: &str, values: Vec<spin_sdk::sqlite::Value>| {
        let mut condition = condition.to_owned();
        for value in values {
            parameters.push(value);
            condition = condition.replacen("??", &format!("?{}", parameters.len()), 1);
        }
        sql += &format!(" AND {condition}");
    };
    match sight.own() {
        _ if sight.is_all() => {}
        // What is looked for is the hash of a long secret, so how long it takes tells nothing.
        (None, token) => add("i.token_hash = ??", params![token]),
        (Some(user), None) => add("i.user_id = ??", params![user]),
        (Some(user), Some(token)) => add("(i.user_id = ?? OR i.token_hash = ??)", params![user, token]),
    }
    if let Some(order) = filter.order {
        add("i.order_id = ??", params![order]);
    }
    match &filter.customer {
        Some(Customer::User(user)) => add("i.user_id = ??", params![*user]),
        Some(Customer::Email(email)) => add("i.email = ??", params![email.as_str()]),
        None => {}
    }
    if let Some(from) = filter.from {
        add("i.issued_at >= ??", params![from]);
    }
    if let Some(to) = filter.to {
        add("i.issued_at < ??", params![to]);
    }
    if let Some(status) = filter.status {
        let (condition, values) = has_status(status, now);
        add(&condition, values);
    }
    (sql, parameters)
}

/// What [`Facts::status`](crate::rules::Facts::status) says, as a condition. Index: `invoice_payments_unpaid`.
fn has_status(status: Status, now: Timestamp) -> (String, Vec<spin_sdk::sqlite::Value>) {
    let unpaid =
        "i.id IN (SELECT invoice_id FROM invoice_payments WHERE paid_at IS NULL AND cancelled_at IS NULL)";
    let paid = "p.paid_at IS NOT NULL";
    match status {
        Status::Open => (format!("{unpaid} AND {RECEIVED} <= 0 AND p.due_at > ??"), params![now]),
        Status::Overdue => (format!("{unpaid} AND {RECEIVED} <= 0 AND p.due_at <= ??"), params![now]),
        Status::PartiallyPaid => (format!("{unpaid} AND {RECEIVED} > 0 AND {RECEIVED} < i.total"), params![]),
        Status::Paid => {
            let all_came = format!("p.paid_at IS NULL AND p.cancelled_at IS NULL AND {RECEIVED} >= i.total");
            (format!("(({paid} AND p.refunded = 0) OR ({all_came}))"), params![])
        }
        Status::PartiallyRefunded => {
            (format!("{paid} AND p.refunded > 0 AND p.refunded < p.paid"), params![])
        }
        Status::Refunded => (format!("{paid} AND p.refunded > 0 AND p.refunded = p.paid"), params![]),
        Status::Cancelled => ("p.cancelled_at IS NOT NULL".into(), params![]),
    }
}

/// What was taken for an invoice and not given back. Index: `movements_by_order`.
const RECEIVED: &str =
    "(SELECT coalesce(sum(CASE kind WHEN 'captured' THEN amount ELSE -amount END), 0) FROM movements
    WHERE order_id = i.order_id)";

fn summary(row: Row<'_>, now: Timestamp) -> Result<InvoiceSummary, DbError> {
    let currency = row.parse("currency")?;
    let paid_at: Option<i64> = row.get("paid_at")?;
    let facts = Facts {
        total: row.get("total")?,
        paid: paid_at.and(Some(row.get("paid")?)),
        refunded: row.get("refunded")?,
        received: row.get("received")?,
        due_at: row.get("due_at")?,
        is_cancelled: row.get::<Option<i64>>("cancelled_at")?.is_some(),
    };
    Ok(InvoiceSummary {
        id: row.parse("id")?,
        number: row.get("number")?,
        order_id: row.parse("order_id")?,
        user_id: row.optional("user_id")?,
        email: row.get("email")?,
        issued_at: row.get("issued_at")?,
        due_at: facts.due_at,
        status: facts.status(now),
        total: Money::new(facts.total, currency),
        paid: Money::new(facts.paid(), currency),
        refunded: Money::new(facts.refunded, currency),
    })
}

/// Where a page of invoices goes on: the time and the id of the last one before.
pub type After = (Timestamp, InvoiceId);

/// A page of invoices, newest first. Indexes: `invoices_by_time`, `invoices_by_user`, `invoices_by_email`, `invoices_by_token`.
pub async fn page(
    conn: &Conn,
    sight: &Sight,
    filter: &Filter,
    after: Option<After>,
    limit: u32,
) -> Result<Vec<InvoiceSummary>, DbError> {
    let now = Timestamp::now();
    let (conditions, mut parameters) = conditions(sight, filter, now);
    let mut sql = format!(
        "SELECT i.id, i.number, i.order_id, i.user_id, i.email, i.currency, i.total, i.issued_at, p.due_at, p.paid_at,
                p.paid, p.refunded, p.cancelled_at, {RECEIVED} AS received
           FROM invoices i JOIN invoice_payments p ON p.invoice_id = i.id{conditions}"
    );
    if let Some((at, id)) = after {
        parameters.extend(params![at, id]);
        sql += &format!(" AND (i.issued_at, i.id) < (?{}, ?{})", parameters.len() - 1, parameters.len());
    }
    parameters.push(limit.into());
    sql += &format!(" ORDER BY i.issued_at DESC, i.id DESC LIMIT ?{}", parameters.len());
    conn.all(&sql, parameters, |row| summary(row, now)).await
}
