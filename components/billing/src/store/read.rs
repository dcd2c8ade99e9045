//! Single documents, with what became of them.

use crate::access::Owner;
use crate::model::{
    CreditNote, CreditNoteSummary, Invoice, IssuedCreditNote, IssuedInvoice, Movement, MovementKind, Payment,
    Payout, PayoutState, Retention, Status,
};
use crate::rules::{self, Facts};
use souk_kit::id::{CreditNoteId, InvoiceId, MovementId, UserId};
use souk_kit::{Conn, DbError, Money, Row, Timestamp, params};

/// An invoice with what became of it. Indexes: `credit_notes_by_invoice`, `movements_by_order`, `erasures_by_user`.
const INVOICE: &str = "SELECT i.user_id, i.token_hash, i.document, p.payment_id, p.due_at, p.reference, p.paid_at, p.paid,
    p.refunded, p.cancelled_at,
    (SELECT json_group_array(json_array(m.id, m.kind, m.provider, m.amount, m.at))
       FROM (SELECT * FROM movements WHERE order_id = i.order_id ORDER BY at, id) m) AS movements,
    (SELECT min(erased_at) FROM erasures WHERE user_id = i.user_id) AS erased_at,
    (SELECT json_group_array(json_object('id', n.id, 'number', n.number, 'issued_at', n.document ->> 'issued_at',
                                         'amount', json(n.document -> 'amount')))
       FROM (SELECT * FROM credit_notes WHERE invoice_id = i.id ORDER BY number) n) AS credit_notes
   FROM invoices i JOIN invoice_payments p ON p.invoice_id = i.id";

fn invoice_row(row: Row<'_>) -> Result<Invoice, DbError> {
    let issued: IssuedInvoice = row.json("document")?;
    let money = |amount| Money::new(amount, issued.currency);
    let rows: Vec<(MovementId, MovementKind, String, i64, i64)> = row.json("movements")?;
    let movement = |(id, kind, provider, amount, at)| {
        let at = Timestamp::from_millis(at);
        Movement { id, kind, provider, amount: money(amount), at }
    };
    let movements: Vec<Movement> = rows.into_iter().map(movement).collect();
    let paid_at: Option<Timestamp> = row.get("paid_at")?;
    let facts = Facts {
        total: issued.totals.total.amount,
        paid: paid_at.and(Some(row.get("paid")?)),
        refunded: row.get("refunded")?,
        received: received(&movements),
        due_at: row.get("due_at")?,
        is_cancelled: row.get::<Option<i64>>("cancelled_at")?.is_some(),
    };
    let status = facts.status(Timestamp::now());
    let payment = Payment {
        status,
        payment_id: row.optional("payment_id")?,
        due_at: facts.due_at,
        reference: row.get("reference")?,
        paid_at: paid_at.or_else(|| movements.last().map(|last| last.at).filter(|_| status == Status::Paid)),
        paid: money(facts.paid()),
        refunded: money(facts.refunded),
        movements,
    };
    let retention =
        Retention { until: rules::kept_until(issued.issued_at), buyer_erased_at: row.get("erased_at")? };
    let credit_notes: Vec<CreditNoteSummary> = row.json("credit_notes")?;
    Ok(Invoice { issued, payment, credit_notes, retention })
}

/// What was taken and not given back, in minor units.
fn received(movements: &[Movement]) -> i64 {
    let signed = |it: &Movement| match it.kind {
        MovementKind::Captured => it.amount.amount,
        MovementKind::Refunded => -it.amount.amount,
    };
    movements.iter().map(signed).sum()
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

/// A credit note with the movement of its money. Indexes: `movements_by_order`, `credit_notes_by_invoice`.
const CREDIT_NOTE: &str = "SELECT i.user_id, i.token_hash, n.document, m.provider, m.at
   FROM credit_notes n JOIN invoices i ON i.id = n.invoice_id
   LEFT JOIN movements m ON m.order_id = i.order_id AND m.kind = 'refunded' AND n.refund_id IN (m.refund_id, m.refund_key)";

fn credit_note_row(row: Row<'_>) -> Result<CreditNote, DbError> {
    let issued: IssuedCreditNote = row.json("document")?;
    let (provider, at): (Option<String>, Option<Timestamp>) = (row.get("provider")?, row.get("at")?);
    let state = if at.is_some() { PayoutState::Done } else { PayoutState::Pending };
    let payout = issued.refund_id.map(|_| Payout { state, provider, at });
    Ok(CreditNote { issued, payout })
}

/// A credit note, and whose it is.
pub async fn credit_note(conn: &Conn, id: CreditNoteId) -> Result<Option<(Owner, CreditNote)>, DbError> {
    let sql = format!("{CREDIT_NOTE} WHERE n.id = ?1");
    conn.one(&sql, params![id], |row| Ok((owner(&row)?, credit_note_row(row)?))).await
}

/// Every credit note of an account, oldest first.
pub async fn credit_notes_of(conn: &Conn, user: UserId) -> Result<Vec<CreditNote>, DbError> {
    let sql = format!("{CREDIT_NOTE} WHERE i.user_id = ?1 ORDER BY n.issued_at, n.id");
    conn.all(&sql, params![user], credit_note_row).await
}
