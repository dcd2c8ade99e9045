//! Issuing: what happens when an order is paid or refunded.

use crate::access::Owner;
use crate::model::{Buyer, CreditNote, IssuedInvoice, Seller};
use crate::order::{Order, Refund};
use crate::rules;
use crate::store;
use serde_json::json;
use souk_kit::id::{CreditNoteId, InvoiceId};
use souk_kit::{Problem, Result, Tx, settings};

/// Issues the invoice of an order, unless it has one.
pub async fn invoice(tx: &mut Tx, order: Order) -> Result<()> {
    if let Some(why) = rules::contradiction(&order) {
        return Err(Problem::internal(format!("order {} cannot be invoiced: {why}", order.order_id)));
    }
    let Some(issue) = store::next_invoice(tx, order.order_id).await? else { return Ok(()) };
    let (payment_id, paid_at) = (order.payment_id, order.paid_at);
    let owner = Owner { user_id: order.user_id, token_hash: order.token_hash.clone() };
    let invoice = IssuedInvoice {
        id: InvoiceId::new(),
        number: issue.number,
        tax_breakdown: rules::breakdown(&order),
        order_id: order.order_id,
        order_number: order.number,
        issued_at: issue.at,
        // What is paid before it is invoiced is due at once.
        due_at: issue.at,
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
    store::insert_payment(tx, invoice.id, payment_id, paid_at, invoice.totals.total).await?;
    let told = json!({"invoice_id": invoice.id, "number": invoice.number, "order_id": invoice.order_id});
    tx.emit("souk.invoice.issued", invoice.id, told).await?;
    for refund in store::take_waiting(tx, invoice.order_id).await? {
        credit(tx, &invoice, refund).await?;
    }
    Ok(())
}

/// Issues the credit note of a refund, unless it has one. A refund that overtook its order waits for the invoice.
pub async fn credit_note(tx: &mut Tx, refund: Refund) -> Result<()> {
    match store::invoice_of_order(tx, refund.order_id).await? {
        Some(invoice) => credit(tx, &invoice, refund).await,
        None => store::put_to_wait(tx, &refund).await,
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
    let note = CreditNote {
        id: CreditNoteId::new(),
        number: issue.number,
        invoice_id: invoice.id,
        invoice_number: invoice.number.clone(),
        order_id: invoice.order_id,
        refund_id: refund.refund_id,
        reason: refund.reason,
        issued_at: issue.at,
        refunded_at: refund.refunded_at,
        language: invoice.language,
        currency: invoice.currency,
        seller: invoice.seller.clone(),
        buyer: invoice.buyer.clone(),
        amount: refund.amount,
        tax_breakdown: rules::share(&remaining, refund.amount.amount),
    };
    store::insert_credit_note(tx, &note).await
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
