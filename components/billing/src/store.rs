//! The SQL.

use crate::access::{Customer, Sight};
use crate::model::{
    CreditNote, CreditNoteSummary, Invoice, InvoiceSummary, IssuedInvoice, Payment, Retention, Status,
    TaxGroup,
};
use crate::order::Refund;
use crate::rules::{self, Series};
use serde::Serialize;
use souk_kit::id::{CreditNoteId, InvoiceId, OrderId, PaymentId, RefundId, UserId};
use souk_kit::{Conn, DbError, Money, Problem, Result, Row, Timestamp, Tx, params};

/// A number that was given, and when.
pub struct Issue {
    pub number: String,
    pub at: Timestamp,
}

/// The next number of a series, unless `issued` finds a row for `subject`: then nothing is taken. The date never goes back,
/// whatever the clock does.
async fn next(tx: &mut Tx, series: Series, issued: &str, subject: String) -> Result<Option<Issue>, DbError> {
    let now = Timestamp::now();
    let (year, ..) = now.date();
    let sql = format!(
        "INSERT INTO number_series (series, year, last, last_at)
         SELECT ?1, ?2, 1, ?3 WHERE NOT EXISTS ({issued})
         ON CONFLICT (series, year) DO UPDATE SET last = last + 1, last_at = max(last_at, excluded.last_at)
         RETURNING last, last_at"
    );
    tx.one(&sql, params![series.code(), year, now, subject], |row| {
        Ok(Issue { number: series.number(year, row.get("last")?), at: row.get("last_at")? })
    })
    .await
}

/// The next invoice number, unless the order has an invoice.
pub async fn next_invoice(tx: &mut Tx, order: OrderId) -> Result<Option<Issue>, DbError> {
    let issued = "SELECT 1 FROM invoices WHERE order_id = ?4";
    next(tx, Series::Invoices, issued, order.to_string()).await
}

/// The next credit note number, unless the refund has a credit note.
pub async fn next_credit_note(tx: &mut Tx, refund: RefundId) -> Result<Option<Issue>, DbError> {
    let issued = "SELECT 1 FROM credit_notes WHERE refund_id = ?4";
    next(tx, Series::CreditNotes, issued, refund.to_string()).await
}

fn text(document: &impl Serialize) -> Result<String> {
    serde_json::to_string(document).map_err(|error| Problem::internal(format!("document: {error}")))
}

/// Adds an invoice.
pub async fn insert_invoice(tx: &mut Tx, invoice: &IssuedInvoice) -> Result<()> {
    let user = invoice.buyer.user_id.map(|id| id.to_string());
    let parameters = params![
        invoice.id,
        invoice.number.as_str(),
        invoice.order_id,
        user,
        invoice.buyer.email.as_str(),
        invoice.currency,
        invoice.totals.total.amount,
        invoice.issued_at,
        invoice.due_at,
        text(invoice)?
    ];
    let sql = "INSERT INTO invoices (id, number, order_id, user_id, email, currency, total, issued_at, due_at, document)
        VALUES (?1, ?2, ?3, ?4, lower(?5), ?6, ?7, ?8, ?9, ?10)";
    Ok(tx.exec(sql, parameters).await?)
}

/// Notes the payment of an invoice.
pub async fn insert_payment(
    tx: &mut Tx,
    invoice: InvoiceId,
    payment: Option<PaymentId>,
    paid_at: Timestamp,
    paid: Money,
) -> Result<(), DbError> {
    let sql = "INSERT INTO invoice_payments (invoice_id, payment_id, paid_at, paid) VALUES (?1, ?2, ?3, ?4)";
    tx.exec(sql, params![invoice, payment.map(|id| id.to_string()), paid_at, paid.amount]).await
}

/// Notes money given back; more than was paid is a fault of who says so.
pub async fn add_refund(tx: &mut Tx, invoice: InvoiceId, amount: Money) -> Result<(), DbError> {
    let sql = "UPDATE invoice_payments SET refunded = refunded + ?2 WHERE invoice_id = ?1";
    tx.exec(sql, params![invoice, amount.amount]).await
}

/// The invoice of an order, if it has one.
pub async fn invoice_of_order(conn: &Conn, order: OrderId) -> Result<Option<IssuedInvoice>, DbError> {
    let sql = "SELECT document FROM invoices WHERE order_id = ?1";
    conn.one(sql, params![order], |row| row.json("document")).await
}

/// The tax groups of an invoice's credit notes.
pub async fn credited(conn: &Conn, invoice: InvoiceId) -> Result<Vec<TaxGroup>, DbError> {
    let sql = "SELECT document ->> 'tax_breakdown' AS groups FROM credit_notes WHERE invoice_id = ?1";
    let notes = conn.all(sql, params![invoice], |row| row.json::<Vec<TaxGroup>>("groups")).await?;
    Ok(notes.into_iter().flatten().collect())
}

/// Adds a credit note.
pub async fn insert_credit_note(tx: &mut Tx, note: &CreditNote) -> Result<()> {
    let sql = "INSERT INTO credit_notes (id, number, invoice_id, refund_id, amount, issued_at, document)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let parameters = params![
        note.id,
        note.number.as_str(),
        note.invoice_id,
        note.refund_id,
        note.amount.amount,
        note.issued_at,
        text(note)?
    ];
    Ok(tx.exec(sql, parameters).await?)
}

/// Lets a refund wait for the invoice of its order.
pub async fn put_to_wait(tx: &mut Tx, refund: &Refund) -> Result<()> {
    let sql = "INSERT INTO waiting_refunds (refund_id, order_id, refund) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    Ok(tx.exec(sql, params![refund.refund_id, refund.order_id, text(refund)?]).await?)
}

/// The refunds that have waited for an order's invoice.
pub async fn take_waiting(tx: &mut Tx, order: OrderId) -> Result<Vec<Refund>, DbError> {
    let sql = "DELETE FROM waiting_refunds WHERE order_id = ?1 RETURNING refund";
    tx.all(sql, params![order], |row| row.json("refund")).await
}

/// An invoice with what became of it.
const INVOICE: &str = "SELECT i.document, p.payment_id, p.paid_at, p.paid, p.refunded,
    (SELECT erased_at FROM erasures WHERE user_id = i.user_id) AS erased_at,
    (SELECT json_group_array(json_object('id', n.id, 'number', n.number, 'issued_at', n.document ->> 'issued_at',
                                         'amount', json(n.document -> 'amount')))
       FROM (SELECT * FROM credit_notes WHERE invoice_id = i.id ORDER BY number) n) AS credit_notes
   FROM invoices i JOIN invoice_payments p ON p.invoice_id = i.id";

fn invoice_row(row: Row<'_>) -> Result<Invoice, DbError> {
    let issued: IssuedInvoice = row.json("document")?;
    let (paid, refunded) = (row.get::<i64>("paid")?, row.get::<i64>("refunded")?);
    let money = |amount| Money::new(amount, issued.currency);
    let payment = Payment {
        status: Status::of(paid, refunded),
        payment_id: row.get::<Option<&str>>("payment_id")?.map(|_| row.parse("payment_id")).transpose()?,
        paid_at: row.get("paid_at")?,
        paid: money(paid),
        refunded: money(refunded),
    };
    let retention =
        Retention { until: rules::kept_until(issued.issued_at), buyer_erased_at: row.get("erased_at")? };
    let credit_notes: Vec<CreditNoteSummary> = row.json("credit_notes")?;
    Ok(Invoice { issued, payment, credit_notes, retention })
}

/// An invoice.
pub async fn invoice(conn: &Conn, id: InvoiceId) -> Result<Option<Invoice>, DbError> {
    conn.one(&format!("{INVOICE} WHERE i.id = ?1"), params![id], invoice_row).await
}

/// Every invoice of an account, oldest first.
pub async fn invoices_of(conn: &Conn, user: UserId) -> Result<Vec<Invoice>, DbError> {
    conn.all(
        &format!("{INVOICE} WHERE i.user_id = ?1 ORDER BY i.issued_at, i.id"),
        params![user],
        invoice_row,
    )
    .await
}

/// A credit note.
pub async fn credit_note(conn: &Conn, id: CreditNoteId) -> Result<Option<CreditNote>, DbError> {
    let sql = "SELECT document FROM credit_notes WHERE id = ?1";
    conn.one(sql, params![id], |row| row.json("document")).await
}

/// Every credit note of an account, oldest first.
pub async fn credit_notes_of(conn: &Conn, user: UserId) -> Result<Vec<CreditNote>, DbError> {
    let sql = "SELECT n.document FROM credit_notes n JOIN invoices i ON i.id = n.invoice_id
        WHERE i.user_id = ?1 ORDER BY n.issued_at, n.id";
    conn.all(sql, params![user], |row| row.json("document")).await
}

/// Which documents are asked for.
#[derive(Default)]
pub struct Filter {
    pub order: Option<OrderId>,
    pub customer: Option<Customer>,
    pub status: Option<Status>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// The conditions of a filter on invoices `i`, their payments `p` and a time, and their parameters.
fn conditions(sight: Sight, filter: &Filter, time: &str) -> (String, Vec<spin_sdk::sqlite::Value>) {
    let (mut sql, mut parameters) = (String::from(" WHERE true"), params![]);
    let mut add = |condition: &str, value: spin_sdk::sqlite::Value| {
        parameters.push(value);
        sql += &format!(" AND {}", condition.replace("??", &format!("?{}", parameters.len())));
    };
    if let Sight::Own(user) = sight {
        add("i.user_id = ??", user.into());
    }
    if let Some(order) = filter.order {
        add("i.order_id = ??", order.into());
    }
    match &filter.customer {
        Some(Customer::User(user)) => add("i.user_id = ??", (*user).into()),
        Some(Customer::Email(email)) => add("i.email = ??", email.as_str().into()),
        None => {}
    }
    if let Some(from) = filter.from {
        add(&format!("{time} >= ??"), from.into());
    }
    if let Some(to) = filter.to {
        add(&format!("{time} < ??"), to.into());
    }
    sql += match filter.status {
        Some(Status::Paid) => " AND p.refunded = 0",
        Some(Status::PartiallyRefunded) => " AND p.refunded > 0 AND p.refunded < p.paid",
        Some(Status::Refunded) => " AND p.refunded > 0 AND p.refunded = p.paid",
        None => "",
    };
    (sql, parameters)
}

const SUMMARY: &str =
    "SELECT i.id, i.number, i.order_id, i.user_id, i.email, i.currency, i.total, i.issued_at, i.due_at,
    p.paid, p.refunded FROM invoices i JOIN invoice_payments p ON p.invoice_id = i.id";

fn summary(row: Row<'_>) -> Result<InvoiceSummary, DbError> {
    let currency = row.parse("currency")?;
    let (paid, refunded) = (row.get::<i64>("paid")?, row.get::<i64>("refunded")?);
    Ok(InvoiceSummary {
        id: row.parse("id")?,
        number: row.get("number")?,
        order_id: row.parse("order_id")?,
        user_id: row.get::<Option<&str>>("user_id")?.and_then(|id| id.parse().ok()),
        email: row.get("email")?,
        issued_at: row.get("issued_at")?,
        due_at: row.get("due_at")?,
        status: Status::of(paid, refunded),
        total: Money::new(row.get("total")?, currency),
        refunded: Money::new(refunded, currency),
    })
}

/// Where a page of invoices goes on: the time and the id of the last one before.
pub type After = (Timestamp, InvoiceId);

/// A page of invoices, newest first. Indexes: `invoices_by_time`, `invoices_by_user`, `invoices_by_email`.
pub async fn page(
    conn: &Conn,
    sight: Sight,
    filter: &Filter,
    after: Option<After>,
    limit: u32,
) -> Result<Vec<InvoiceSummary>, DbError> {
    let (conditions, mut parameters) = conditions(sight, filter, "i.issued_at");
    let mut sql = format!("{SUMMARY}{conditions}");
    if let Some((at, id)) = after {
        parameters.extend(params![at, id]);
        sql += &format!(" AND (i.issued_at, i.id) < (?{}, ?{})", parameters.len() - 1, parameters.len());
    }
    parameters.push(limit.into());
    sql += &format!(" ORDER BY i.issued_at DESC, i.id DESC LIMIT ?{}", parameters.len());
    conn.all(&sql, parameters, summary).await
}

/// The invoices of a statement, oldest first.
pub async fn invoices(conn: &Conn, filter: &Filter, limit: u32) -> Result<Vec<InvoiceSummary>, DbError> {
    let (conditions, mut parameters) = conditions(Sight::All, filter, "i.issued_at");
    parameters.push(limit.into());
    let sql = format!("{SUMMARY}{conditions} ORDER BY i.issued_at, i.id LIMIT ?{}", parameters.len());
    conn.all(&sql, parameters, summary).await
}

/// The credit notes of a statement, oldest first.
pub async fn credit_notes(
    conn: &Conn,
    filter: &Filter,
    limit: u32,
) -> Result<Vec<CreditNoteSummary>, DbError> {
    let (conditions, mut parameters) = conditions(Sight::All, filter, "n.issued_at");
    parameters.push(limit.into());
    let sql = format!(
        "SELECT n.id, n.number, n.amount, n.issued_at, i.currency FROM credit_notes n JOIN invoices i ON i.id = n.invoice_id
         JOIN invoice_payments p ON p.invoice_id = i.id{conditions} ORDER BY n.issued_at, n.id LIMIT ?{}",
        parameters.len()
    );
    let read = |row: Row<'_>| {
        Ok(CreditNoteSummary {
            id: row.parse("id")?,
            number: row.get("number")?,
            amount: Money::new(row.get("amount")?, row.parse("currency")?),
            issued_at: row.get("issued_at")?,
        })
    };
    conn.all(&sql, parameters, read).await
}

/// Remembers that the customer of an account was erased.
pub async fn note_erasure(tx: &mut Tx, user: UserId, at: Timestamp) -> Result<(), DbError> {
    let sql = "INSERT INTO erasures (user_id, erased_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    tx.exec(sql, params![user, at]).await
}
