//! The SQL.

use crate::access::{Customer, Owner, Sight};
use crate::model::{
    CreditNote, CreditNoteSummary, Invoice, InvoiceSummary, IssuedInvoice, Payment, Retention, Status,
    TaxGroup,
};
use crate::order::Refund;
use crate::rules::{self, Series};
use crate::statement::{Entry, EntryKind};
use serde::Serialize;
use souk_kit::id::{CreditNoteId, CustomerId, InvoiceId, OrderId, PaymentId, RefundId, UserId};
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
    let sql = "INSERT INTO credit_notes (id, number, invoice_id, refund_id, amount, issued_at, refunded_at, document)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let parameters = params![
        note.id,
        note.number.as_str(),
        note.invoice_id,
        note.refund_id,
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

/// An invoice with what became of it.
const INVOICE: &str = "SELECT i.user_id, i.token_hash, i.document, p.payment_id, p.paid_at, p.paid, p.refunded,
    (SELECT min(erased_at) FROM erasures WHERE user_id = i.user_id) AS erased_at,
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
        payment_id: row.optional("payment_id")?,
        paid_at: row.get("paid_at")?,
        paid: money(paid),
        refunded: money(refunded),
    };
    let retention =
        Retention { until: rules::kept_until(issued.issued_at), buyer_erased_at: row.get("erased_at")? };
    let credit_notes: Vec<CreditNoteSummary> = row.json("credit_notes")?;
    Ok(Invoice { issued, payment, credit_notes, retention })
}

fn owner(row: &Row<'_>) -> Result<Owner, DbError> {
    Ok(Owner { user_id: row.optional("user_id")?, token_hash: row.get("token_hash")? })
}

/// An invoice, and whose it is.
pub async fn invoice(conn: &Conn, id: InvoiceId) -> Result<Option<(Owner, Invoice)>, DbError> {
    let sql = format!("{INVOICE} WHERE i.id = ?1");
    conn.one(&sql, params![id], |row| Ok((owner(&row)?, invoice_row(row)?))).await
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

/// A credit note, and whose it is.
pub async fn credit_note(conn: &Conn, id: CreditNoteId) -> Result<Option<(Owner, CreditNote)>, DbError> {
    let sql = "SELECT i.user_id, i.token_hash, n.document FROM credit_notes n JOIN invoices i ON i.id = n.invoice_id
        WHERE n.id = ?1";
    conn.one(sql, params![id], |row| Ok((owner(&row)?, row.json("document")?))).await
}

/// Every credit note of an account, oldest first.
pub async fn credit_notes_of(conn: &Conn, user: UserId) -> Result<Vec<CreditNote>, DbError> {
    let sql = "SELECT n.document FROM credit_notes n JOIN invoices i ON i.id = n.invoice_id
        WHERE i.user_id = ?1 ORDER BY n.issued_at, n.id";
    conn.all(sql, params![user], |row| row.json("document")).await
}

/// Which invoices are asked for.
pub struct Filter {
    pub order: Option<OrderId>,
    pub customer: Option<Customer>,
    pub status: Option<Status>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
}

/// The conditions of a filter on invoices `i` and their payments `p`, and their parameters.
fn conditions(sight: &Sight, filter: &Filter) -> (String, Vec<spin_sdk::sqlite::Value>) {
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
        user_id: row.optional("user_id")?,
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

/// A page of invoices, newest first. Indexes: `invoices_by_time`, `invoices_by_user`, `invoices_by_email`, `invoices_by_token`.
pub async fn page(
    conn: &Conn,
    sight: &Sight,
    filter: &Filter,
    after: Option<After>,
    limit: u32,
) -> Result<Vec<InvoiceSummary>, DbError> {
    let (conditions, mut parameters) = conditions(sight, filter);
    let mut sql = format!("{SUMMARY}{conditions}");
    if let Some((at, id)) = after {
        parameters.extend(params![at, id]);
        sql += &format!(" AND (i.issued_at, i.id) < (?{}, ?{})", parameters.len() - 1, parameters.len());
    }
    parameters.push(limit.into());
    sql += &format!(" ORDER BY i.issued_at DESC, i.id DESC LIMIT ?{}", parameters.len());
    conn.all(&sql, parameters, summary).await
}

/// Everything that changed what a customer owes, as a table `entry`, with the customer as `?1`. What was paid or given back
/// before its document was issued counts from then on. Indexes: `invoices_by_user`, `invoices_by_email`,
/// `credit_notes_by_invoice`.
fn entries_of(customer: &Customer) -> (String, spin_sdk::sqlite::Value) {
    let (is_theirs, value) = match customer {
        Customer::User(user) => ("i.user_id = ?1", (*user).into()),
        Customer::Email(email) => ("i.email = ?1", email.as_str().into()),
    };
    let sql = format!(
        "WITH entry AS (
           SELECT i.issued_at AS at, 1 AS rank, i.id AS invoice_id, NULL AS credit_note_id, i.number, i.currency,
                  i.total AS amount
             FROM invoices i WHERE {is_theirs}
           UNION ALL
           SELECT max(p.paid_at, i.issued_at), 2, i.id, NULL, i.number, i.currency, -p.paid
             FROM invoices i JOIN invoice_payments p ON p.invoice_id = i.id WHERE {is_theirs} AND p.paid > 0
           UNION ALL
           SELECT n.issued_at, 3, i.id, n.id, n.number, i.currency, -n.amount
             FROM invoices i JOIN credit_notes n ON n.invoice_id = i.id WHERE {is_theirs}
           UNION ALL
           SELECT max(n.refunded_at, n.issued_at), 4, i.id, n.id, n.number, i.currency, n.amount
             FROM invoices i JOIN credit_notes n ON n.invoice_id = i.id WHERE {is_theirs})"
    );
    (sql, value)
}

/// What a customer owed before an instant, by currency.
pub async fn balances(conn: &Conn, customer: &Customer, before: Timestamp) -> Result<Vec<Money>, DbError> {
    let (entries, value) = entries_of(customer);
    let sql = format!(
        "{entries} SELECT currency, sum(amount) AS amount FROM entry WHERE at < ?2 GROUP BY currency"
    );
    conn.all(&sql, params![value, before], |row| Ok(Money::new(row.get("amount")?, row.parse("currency")?)))
        .await
}

/// The entries of a statement, oldest first.
pub async fn entries(
    conn: &Conn,
    customer: &Customer,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Entry>, DbError> {
    let (entries, value) = entries_of(customer);
    let sql = format!(
        "{entries} SELECT * FROM entry WHERE at >= ?2 AND at < ?3 ORDER BY at, invoice_id, credit_note_id, rank LIMIT ?4"
    );
    conn.all(&sql, params![value, from, to, limit], entry).await
}

fn entry(row: Row<'_>) -> Result<Entry, DbError> {
    let amount = Money::new(row.get("amount")?, row.parse("currency")?);
    Ok(Entry {
        at: row.get("at")?,
        kind: match row.get::<u32>("rank")? {
            1 => EntryKind::Invoice,
            2 => EntryKind::Payment,
            3 => EntryKind::CreditNote,
            _ => EntryKind::Refund,
        },
        number: row.get("number")?,
        invoice_id: row.parse("invoice_id")?,
        credit_note_id: row.optional("credit_note_id")?,
        amount,
        balance: amount,
    })
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
