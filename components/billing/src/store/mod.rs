//! The SQL: here what is issued and noted.

mod list;
mod movement;
mod read;
mod statement;

pub use list::{Filter, page};
pub use movement::{captured, move_once};
pub use read::{credit_note, credit_notes_of, invoice, invoices_of};
pub use statement::{balances, entries, owed};

use crate::access::Owner;
use crate::model::{IssuedCreditNote, IssuedInvoice, TaxGroup};
use crate::order::Refund;
use crate::rules::Series;
use serde::Serialize;
use souk_kit::id::{CustomerId, InvoiceId, OrderId, PaymentId, RefundId, UserId};
use souk_kit::{Conn, DbError, Money, Problem, Result, Timestamp, Tx, params};

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

/// The number of the credit note that takes an unpaid invoice back, unless it has one.
pub async fn next_cancellation(tx: &mut Tx, invoice: InvoiceId) -> Result<Option<Issue>, DbError> {
    let issued = "SELECT 1 FROM credit_notes WHERE invoice_id = ?4";
    next(tx, Series::CreditNotes, issued, invoice.to_string()).await
}

fn text(document: &impl Serialize) -> Result<String> {
    serde_json::to_string(document).map_err(|error| Problem::internal(format!("document: {error}")))
}

/// Adds an invoice.
pub async fn insert_invoice(tx: &mut Tx, owner: &Owner, invoice: &IssuedInvoice) -> Result<()> {
    let user = owner.user_id.map(|id| id.to_string());
    let token = owner.token_hash.as_deref().filter(|_| user.is_none());
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
        text(invoice)?,
        token
    ];
    let sql = "INSERT INTO invoices (id, number, order_id, user_id, email, currency, total, issued_at, due_at, document,
          token_hash)
        VALUES (?1, ?2, ?3, ?4, lower(?5), ?6, ?7, ?8, ?9, ?10, ?11)";
    Ok(tx.exec(sql, parameters).await?)
}

/// Notes that an invoice is to be paid.
pub async fn insert_payment(
    tx: &mut Tx,
    invoice: InvoiceId,
    payment: Option<PaymentId>,
    due_at: Timestamp,
    reference: Option<&str>,
) -> Result<(), DbError> {
    let payment = payment.map(|id| id.to_string());
    let sql =
        "INSERT INTO invoice_payments (invoice_id, payment_id, due_at, reference) VALUES (?1, ?2, ?3, ?4)";
    tx.exec(sql, params![invoice, payment, due_at, reference]).await
}

/// Gives more time to pay an invoice, unless it has as much or needs none.
pub async fn give_time(
    tx: &mut Tx,
    invoice: InvoiceId,
    due_at: Timestamp,
    reference: Option<&str>,
) -> Result<(), DbError> {
    let sql = "UPDATE invoice_payments SET due_at = ?2, reference = coalesce(?3, reference)
        WHERE invoice_id = ?1 AND due_at < ?2 AND paid_at IS NULL AND cancelled_at IS NULL";
    tx.exec(sql, params![invoice, due_at, reference]).await
}

/// Notes that an invoice is paid in full.
pub async fn note_paid(
    tx: &mut Tx,
    invoice: InvoiceId,
    payment: Option<PaymentId>,
    (paid_at, paid): (Timestamp, Money),
) -> Result<(), DbError> {
    let payment = payment.map(|id| id.to_string());
    let sql = "UPDATE invoice_payments SET payment_id = coalesce(?2, payment_id), paid_at = ?3, paid = ?4
        WHERE invoice_id = ?1";
    tx.exec(sql, params![invoice, payment, paid_at, paid.amount]).await
}

/// Notes that an invoice was taken back before it was paid.
pub async fn note_cancelled(tx: &mut Tx, invoice: InvoiceId, at: Timestamp) -> Result<(), DbError> {
    tx.exec("UPDATE invoice_payments SET cancelled_at = ?2 WHERE invoice_id = ?1", params![invoice, at]).await
}

/// Notes money given back; more than was paid is a fault of who says so.
pub async fn add_refund(tx: &mut Tx, invoice: InvoiceId, amount: Money) -> Result<(), DbError> {
    let sql = "UPDATE invoice_payments SET refunded = refunded + ?2 WHERE invoice_id = ?1";
    tx.exec(sql, params![invoice, amount.amount]).await
}

/// How the invoice of an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// To be paid.
    Unpaid,
    /// Paid.
    Paid,
    /// Taken back.
    Cancelled,
}

/// The invoice of an order, if it has one, and how it stands.
pub async fn invoice_of_order(
    conn: &Conn,
    order: OrderId,
) -> Result<Option<(IssuedInvoice, Standing)>, DbError> {
    let sql = "SELECT i.document, p.paid_at, p.cancelled_at FROM invoices i
        JOIN invoice_payments p ON p.invoice_id = i.id WHERE i.order_id = ?1";
    conn.one(sql, params![order], |row| {
        let paid: Option<i64> = row.get("paid_at")?;
        let standing = match (paid, row.get::<Option<i64>>("cancelled_at")?) {
            (Some(_), _) => Standing::Paid,
            (None, Some(_)) => Standing::Cancelled,
            (None, None) => Standing::Unpaid,
        };
        Ok((row.json("document")?, standing))
    })
    .await
}

/// The tax groups of an invoice's credit notes.
pub async fn credited(conn: &Conn, invoice: InvoiceId) -> Result<Vec<TaxGroup>, DbError> {
    let sql = "SELECT document ->> 'tax_breakdown' AS groups FROM credit_notes WHERE invoice_id = ?1";
    let notes = conn.all(sql, params![invoice], |row| row.json::<Vec<TaxGroup>>("groups")).await?;
    Ok(notes.into_iter().flatten().collect())
}

/// Adds a credit note.
pub async fn insert_credit_note(tx: &mut Tx, note: &IssuedCreditNote) -> Result<()> {
    let sql = "INSERT INTO credit_notes (id, number, invoice_id, refund_id, amount, issued_at, refunded_at, document)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let parameters = params![
        note.id,
        note.number.as_str(),
        note.invoice_id,
        note.refund_id.map(|id| id.to_string()),
        note.amount.amount,
        note.issued_at,
        note.refunded_at,
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

/// Remembers that an order was called off before its invoice was issued.
pub async fn note_call_off(tx: &mut Tx, order: OrderId) -> Result<(), DbError> {
    let sql = "INSERT INTO called_off (order_id) VALUES (?1) ON CONFLICT DO NOTHING";
    tx.exec(sql, params![order]).await
}

/// Whether an order was called off before its invoice was issued.
pub async fn is_called_off(conn: &Conn, order: OrderId) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS is_called_off FROM called_off WHERE order_id = ?1";
    Ok(conn.one(sql, params![order], |row| row.get::<i64>("is_called_off")).await?.is_some())
}

/// Remembers that a customer who had an account was erased.
pub async fn note_erasure(
    tx: &mut Tx,
    customer: CustomerId,
    user: UserId,
    at: Timestamp,
) -> Result<(), DbError> {
    let sql =
        "INSERT INTO erasures (customer_id, user_id, erased_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    tx.exec(sql, params![customer, user, at]).await
}

/// The account of a customer who was erased.
pub async fn erased(conn: &Conn, customer: CustomerId) -> Result<Option<UserId>, DbError> {
    let sql = "SELECT user_id FROM erasures WHERE customer_id = ?1";
    conn.one(sql, params![customer], |row| row.parse("user_id")).await
}
