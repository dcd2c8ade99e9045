//! What changed what a customer owes.

use crate::access::Customer;
use crate::statement::{Entry, EntryKind};
use souk_kit::{Conn, DbError, Money, Row, Timestamp, params};

/// Everything that changed what a customer owes, as a table `entry`, with the customer as `?1`. What was paid or given back
/// before its document was issued counts from then on. Payments are the money that moved; what orders say was paid, while
/// payments have not told of any. Money that went back without a credit note came for an order that was never paid.
/// Indexes: `invoices_by_user`, `invoices_by_email`, `credit_notes_by_invoice`, `movements_by_order`.
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
             FROM invoices i JOIN invoice_payments p ON p.invoice_id = i.id
            WHERE {is_theirs} AND p.paid > 0
              AND NOT EXISTS (SELECT 1 FROM movements m WHERE m.order_id = i.order_id AND m.kind = 'captured')
           UNION ALL
           SELECT max(m.at, i.issued_at), 2, i.id, NULL, i.number, i.currency, -m.amount
             FROM invoices i JOIN movements m ON m.order_id = i.order_id WHERE {is_theirs} AND m.kind = 'captured'
           UNION ALL
           SELECT n.issued_at, 3, i.id, n.id, n.number, i.currency, -n.amount
             FROM invoices i JOIN credit_notes n ON n.invoice_id = i.id WHERE {is_theirs}
           UNION ALL
           SELECT max(n.refunded_at, n.issued_at), 4, i.id, n.id, n.number, i.currency, n.amount
             FROM invoices i JOIN credit_notes n ON n.invoice_id = i.id
            WHERE {is_theirs} AND n.refunded_at IS NOT NULL
           UNION ALL
           SELECT max(m.at, i.issued_at), 4, i.id, NULL, i.number, i.currency, m.amount
             FROM invoices i JOIN movements m ON m.order_id = i.order_id
            WHERE {is_theirs} AND m.kind = 'refunded'
              AND NOT EXISTS (SELECT 1 FROM credit_notes n
                               WHERE n.invoice_id = i.id AND n.refund_id IN (m.refund_id, m.refund_key)))"
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

/// What a customer owed before an instant for invoices whose time was not over, and for those whose time was, by currency.
pub async fn owed(
    conn: &Conn,
    customer: &Customer,
    before: Timestamp,
) -> Result<Vec<(Money, Money)>, DbError> {
    let (entries, value) = entries_of(customer);
    let sql = format!(
        "{entries}
         SELECT currency, sum(CASE WHEN p.due_at > ?2 THEN owed ELSE 0 END) AS open,
                sum(CASE WHEN p.due_at <= ?2 THEN owed ELSE 0 END) AS overdue
           FROM (SELECT invoice_id, currency, sum(amount) AS owed FROM entry WHERE at < ?2
                  GROUP BY invoice_id HAVING sum(amount) > 0) e
           JOIN invoice_payments p ON p.invoice_id = e.invoice_id GROUP BY currency"
    );
    conn.all(&sql, params![value, before], |row| {
        let currency = row.parse("currency")?;
        let money = |name| Ok::<_, DbError>(Money::new(row.get(name)?, currency));
        Ok((money("open")?, money("overdue")?))
    })
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
