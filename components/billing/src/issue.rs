//! Issuing: what happens when an order is to be paid, is paid, refunded or called off.

use crate::access::Owner;
use crate::model::{Buyer, IssuedCreditNote, IssuedInvoice, Seller, TaxGroup};
use crate::order::{Cancelled, Order, Refund};
use crate::rules;
use crate::store::{self, Issue, Standing};
use serde_json::json;
use souk_kit::id::{CreditNoteId, InvoiceId, RefundId};
use souk_kit::{Money, Problem, Result, Timestamp, Tx, settings};

/// The order is to be paid by a transfer: its invoice is issued at once. Told again, it may give more time.
pub async fn due(tx: &mut Tx, order: Order) -> Result<()> {
    let id = order.order_id;
    let due_at = order.due_at.ok_or_else(|| Problem::internal(format!("order {id} is due, but not when")))?;
    let reference = order.payment_reference.clone();
    match store::invoice_of_order(tx, id).await? {
        Some((invoice, _)) => Ok(store::give_time(tx, invoice.id, due_at, reference.as_deref()).await?),
        // Nobody was told of an invoice, and nobody will pay.
        None if store::is_called_off(tx, id).await? => Ok(()),
        None => invoice(tx, order, Some(due_at)).await.map(|_| ()),
    }
}

/// The order is paid: its invoice is issued, unless it has been, and refunds that waited for that are credited.
pub async fn paid(tx: &mut Tx, order: Order) -> Result<()> {
    let (id, payment_id, total) = (order.order_id, order.payment_id, order.totals.total);
    let paid_at =
        order.paid_at.ok_or_else(|| Problem::internal(format!("order {id} is paid, but not when")))?;
    let invoice = match store::invoice_of_order(tx, id).await? {
        None => invoice(tx, order, None).await?,
        Some((_, Standing::Paid)) => return Ok(()),
        Some((invoice, Standing::Unpaid)) if invoice.totals.total == total => invoice,
        Some((invoice, _)) => {
            let cause = format!("order {id} is paid, and not as invoice {} was issued", invoice.number);
            return Err(Problem::internal(cause));
        }
    };
    store::note_paid(tx, invoice.id, payment_id, (paid_at, total)).await?;
    for refund in store::take_waiting(tx, id).await? {
        credit(tx, &invoice, refund).await?;
    }
    Ok(())
}

/// Issues the invoice of an order that has none.
async fn invoice(tx: &mut Tx, order: Order, due_at: Option<Timestamp>) -> Result<IssuedInvoice> {
    let id = order.order_id;
    if let Some(why) = rules::contradiction(&order) {
        return Err(Problem::internal(format!("order {id} cannot be invoiced: {why}")));
    }
    let issue = store::next_invoice(tx, id).await?;
    let issue = issue.ok_or_else(|| Problem::internal(format!("order {id} has an invoice")))?;
    let (payment_id, reference) = (order.payment_id, order.payment_reference.clone());
    let owner = Owner { user_id: order.user_id, token_hash: order.token_hash.clone() };
    let invoice = IssuedInvoice {
        id: InvoiceId::new(),
        number: issue.number,
        tax_breakdown: rules::breakdown(&order),
        order_id: id,
        order_number: order.number,
        issued_at: issue.at,
        // What is paid before it is invoiced is due at once.
        due_at: due_at.unwrap_or(issue.at),
        language: order.language,
        currency: order.currency,
        seller: seller().await?,
        buyer: Buyer {
            user_id: order.user_id,
            email: order.email,
            billing_address: order.billing_address,
            shipping_address: order.shipping_address,
        },
        lines: order.lines,
        shipping: order.shipping,
        totals: order.totals,
    };
    store::insert_invoice(tx, &owner, &invoice).await?;
    store::insert_payment(tx, invoice.id, payment_id, invoice.due_at, reference.as_deref()).await?;
    let told = json!({"invoice_id": invoice.id, "number": invoice.number, "order_id": id});
    tx.emit("souk.invoice.issued", invoice.id, told).await?;
    Ok(invoice)
}

/// The order was called off. If it was to be paid by a transfer and never was, a credit note takes its invoice back.
pub async fn cancelled(tx: &mut Tx, order: Cancelled) -> Result<()> {
    if !order.was_due {
        return Ok(());
    }
    let invoice = match store::invoice_of_order(tx, order.order_id).await? {
        None => return Ok(store::note_call_off(tx, order.order_id).await?),
        Some((_, Standing::Paid | Standing::Cancelled)) => return Ok(()),
        Some((invoice, Standing::Unpaid)) => invoice,
    };
    let Some(issue) = store::next_cancellation(tx, invoice.id).await? else { return Ok(()) };
    store::note_cancelled(tx, invoice.id, issue.at).await?;
    let (amount, taxes) = (invoice.totals.total, invoice.tax_breakdown.clone());
    let note = credit_note_of(&invoice, issue, amount, taxes, Some(order.reason), None);
    store::insert_credit_note(tx, &note).await
}

/// Issues the credit note of a refund, unless it has one. A refund that overtook its order waits until that is paid.
pub async fn refunded(tx: &mut Tx, refund: Refund) -> Result<()> {
    match store::invoice_of_order(tx, refund.order_id).await? {
        Some((invoice, Standing::Paid)) => credit(tx, &invoice, refund).await,
        _ => store::put_to_wait(tx, &refund).await,
    }
}

async fn credit(tx: &mut Tx, invoice: &IssuedInvoice, refund: Refund) -> Result<()> {
    if refund.amount.currency != invoice.currency || refund.amount.amount <= 0 {
        let cause = format!("refund {} cannot be credited: {:?}", refund.refund_id, refund.amount);
        return Err(Problem::internal(cause));
    }
    let Some(issue) = store::next_credit_note(tx, refund.refund_id).await? else { return Ok(()) };
    store::add_refund(tx, invoice.id, refund.amount).await?;
    let credited = store::credited(tx, invoice.id).await?;
    let remaining = rules::remaining(&invoice.tax_breakdown, &credited);
    let taxes = rules::share(&remaining, refund.amount.amount);
    let went = Some((refund.refund_id, refund.refunded_at));
    let note = credit_note_of(invoice, issue, refund.amount, taxes, refund.reason, went);
    store::insert_credit_note(tx, &note).await
}

fn credit_note_of(
    invoice: &IssuedInvoice,
    issue: Issue,
    amount: Money,
    tax_breakdown: Vec<TaxGroup>,
    reason: Option<String>,
    went: Option<(RefundId, Timestamp)>,
) -> IssuedCreditNote {
    IssuedCreditNote {
        id: CreditNoteId::new(),
        number: issue.number,
        invoice_id: invoice.id,
        invoice_number: invoice.number.clone(),
        order_id: invoice.order_id,
        refund_id: went.map(|(id, _)| id),
        reason,
        issued_at: issue.at,
        refunded_at: went.map(|(_, at)| at),
        language: invoice.language,
        currency: invoice.currency,
        seller: invoice.seller.clone(),
        buyer: invoice.buyer.clone(),
        amount,
        tax_breakdown,
    }
}

/// Who sells, as `spin.toml` says.
async fn seller() -> Result<Seller> {
    let address = settings::variable("seller_address").await?;
    let address = address.split('|').map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
    let tax_id = settings::variable("seller_tax_id").await?;
    Ok(Seller {
        name: settings::variable("seller_name").await?,
        address: address.collect(),
        tax_id: Some(tax_id).filter(|text| !text.trim().is_empty()),
    })
}
