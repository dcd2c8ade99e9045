//! Whether payments, orders, invoices and the ledger say the same of an order's money, and what differs.

use serde::{Deserialize, Serialize};
use souk_kit::id::{OrderId, PaymentId};
use souk_kit::{Currency, Timestamp};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What does not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Discord {
    /// Payments has taken more than the ledger has moved.
    CapturedNotInLedger,
    /// The ledger has moved more than payments has taken, or something for a payment that is not there.
    LedgerNotInPayments,
    /// The order is paid, and nothing was taken for it.
    PaidWithoutPayment,
    /// Money was taken and not given back, and the order is not paid, or not there.
    CapturedButNotPaid,
    /// The order is paid and has no invoice.
    NotInvoiced,
    /// The invoice is paid, and nothing was taken for it.
    InvoiceWithoutPayment,
    /// There is an invoice that is not credited, and no order.
    InvoiceWithoutOrder,
    /// Order, payment and invoice are not of the same amount.
    AmountDiffers,
    /// Not the same was given back, or credited.
    RefundDiffers,
    /// They are not in one currency.
    CurrencyDiffers,
}

/// What payments says, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct PaymentSide {
    pub order_id: OrderId,
    pub payment_id: PaymentId,
    pub currency: Currency,
    pub captured: i64,
    pub refunded: i64,
    pub changed_at: Timestamp,
}

/// What orders say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct OrderSide {
    pub order_id: OrderId,
    pub payment_id: Option<PaymentId>,
    pub currency: Currency,
    pub total: i64,
    pub is_paid: bool,
    pub refunded: i64,
    pub changed_at: Timestamp,
}

impl OrderSide {
    /// What was paid: all of it, or nothing.
    pub const fn paid(&self) -> i64 {
        if self.is_paid { self.total } else { 0 }
    }
}

/// What billing says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct InvoiceSide {
    pub order_id: OrderId,
    pub currency: Currency,
    pub total: i64,
    pub paid: i64,
    pub credited: i64,
    pub changed_at: Timestamp,
}

/// What the ledger has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerSide {
    pub currency: Currency,
    pub captured: i64,
    pub refunded: i64,
    pub changed_at: Timestamp,
}

/// What all of them say of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sides {
    pub payment: Option<PaymentSide>,
    pub order: Option<OrderSide>,
    pub invoice: Option<InvoiceSide>,
    pub ledger: Option<LedgerSide>,
}

/// Something that does not agree, in words.
pub type Finding = (Discord, String);

impl Sides {
    /// The payment that the order's money came with.
    pub fn payment_id(&self) -> Option<PaymentId> {
        self.payment.map(|it| it.payment_id).or_else(|| self.order?.payment_id)
    }

    /// When one of them changed last.
    pub fn changed_at(&self) -> Option<Timestamp> {
        let times = [
            self.payment.map(|it| it.changed_at),
            self.order.map(|it| it.changed_at),
            self.invoice.map(|it| it.changed_at),
            self.ledger.map(|it| it.changed_at),
        ];
        times.into_iter().flatten().max()
    }

    /// Everything that does not agree.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if let Some(finding) = self.currencies() {
            // Sums of different currencies cannot be compared.
            return vec![finding];
        }
        self.payment_and_ledger(&mut found);
        self.payment_and_order(&mut found);
        self.order_and_invoice(&mut found);
        self.payment_and_invoice(&mut found);
        found
    }

    fn currencies(&self) -> Option<Finding> {
        let moves_nothing = |it: &LedgerSide| it.captured == 0 && it.refunded == 0;
        let all = [
            self.payment.map(|it| it.currency),
            self.order.map(|it| it.currency),
            self.invoice.map(|it| it.currency),
            self.ledger.filter(|it| !moves_nothing(it)).map(|it| it.currency),
        ];
        let mut codes: Vec<_> = all.into_iter().flatten().map(Currency::code).collect();
        codes.sort_unstable();
        codes.dedup();
        (codes.len() > 1)
            .then(|| (Discord::CurrencyDiffers, format!("there are sums in {}", codes.join(", "))))
    }

    /// What the ledger moves for payments that are not there is found when all orders were looked at.
    fn payment_and_ledger(&self, found: &mut Vec<Finding>) {
        let Some(payment) = self.payment else { return };
        let (captured, refunded) = self.ledger.map_or((0, 0), |it| (it.captured, it.refunded));
        let message = format!("payments took {}, the ledger moved {captured}", payment.captured);
        match payment.captured.cmp(&captured) {
            std::cmp::Ordering::Greater => found.push((Discord::CapturedNotInLedger, message)),
            std::cmp::Ordering::Less => found.push((Discord::LedgerNotInPayments, message)),
            std::cmp::Ordering::Equal => {}
        }
        if payment.refunded != refunded {
            let message = format!("payments gave {} back, the ledger {refunded}", payment.refunded);
            found.push((Discord::RefundDiffers, message));
        }
    }

    fn payment_and_order(&self, found: &mut Vec<Finding>) {
        let (captured, refunded) = self.payment.map_or((0, 0), |it| (it.captured, it.refunded));
        let (paid, is_paid) = self.order.map_or((0, false), |it| (it.paid(), it.is_paid));
        if paid > 0 && captured == 0 {
            let message = format!("the order was paid with {paid}, and nothing was taken");
            found.push((Discord::PaidWithoutPayment, message));
        } else if paid > 0 && captured != paid {
            found.push((Discord::AmountDiffers, format!("the order costs {paid}, {captured} were taken")));
        }
        if !is_paid && captured > refunded {
            let what = if self.order.is_some() { "is not paid" } else { "is not there" };
            let message = format!("{} were taken for good, and the order {what}", captured - refunded);
            found.push((Discord::CapturedButNotPaid, message));
        }
        if let Some(order) = self.order.filter(|order| order.refunded != refunded) {
            let message = format!("payments gave {refunded} back, the order says {}", order.refunded);
            found.push((Discord::RefundDiffers, message));
        }
    }

    fn order_and_invoice(&self, found: &mut Vec<Finding>) {
        match (self.order, self.invoice) {
            (Some(order), None) if order.is_paid => {
                found.push((Discord::NotInvoiced, "the order is paid and has no invoice".into()));
            }
            (None, Some(invoice)) if invoice.credited < invoice.total => {
                found.push((Discord::InvoiceWithoutOrder, "the order of the invoice is not there".into()));
            }
            (Some(order), Some(invoice)) => {
                if order.is_paid && (invoice.total != order.total || invoice.paid != order.total) {
                    let (total, paid) = (invoice.total, invoice.paid);
                    let message =
                        format!("the order costs {}, the invoice {total}, paid {paid}", order.total);
                    found.push((Discord::AmountDiffers, message));
                }
                // What was never paid is credited when it is called off, and nothing goes back.
                if order.is_paid && invoice.credited != order.refunded {
                    let credited = invoice.credited;
                    let message = format!("the order gave {} back, credited are {credited}", order.refunded);
                    found.push((Discord::RefundDiffers, message));
                }
            }
            _ => {}
        }
    }

    fn payment_and_invoice(&self, found: &mut Vec<Finding>) {
        let captured = self.payment.map_or(0, |it| it.captured);
        if let Some(invoice) = self.invoice.filter(|it| it.paid > 0 && captured == 0) {
            let message = format!("the invoice was paid with {}, and nothing was taken", invoice.paid);
            found.push((Discord::InvoiceWithoutPayment, message));
        }
    }
}

/// What the services said of the orders after one, each in the order of their ids.
#[derive(Debug, Default)]
pub struct Parts {
    pub payments: Vec<PaymentSide>,
    pub orders: Vec<OrderSide>,
    pub invoices: Vec<InvoiceSide>,
}

/// Orders of which all has been heard, and up to where.
#[derive(Debug, PartialEq, Eq)]
pub struct Joined {
    /// What is said of each.
    pub orders: BTreeMap<OrderId, Sides>,
    /// After this one it goes on, unless it is over.
    pub last: Option<OrderId>,
}

impl Parts {
    /// Joins parts of at most `limit`. One that is full says nothing of the orders after its last.
    pub fn join(self, limit: usize) -> Joined {
        let last = |len: usize, last: Option<OrderId>| last.filter(|_| len >= limit);
        let lasts = [
            last(self.payments.len(), self.payments.last().map(|it| it.order_id)),
            last(self.orders.len(), self.orders.last().map(|it| it.order_id)),
            last(self.invoices.len(), self.invoices.last().map(|it| it.order_id)),
        ];
        let last = lasts.into_iter().flatten().min();
        let mut orders: BTreeMap<OrderId, Sides> = BTreeMap::new();
        for it in self.payments {
            orders.entry(it.order_id).or_default().payment = Some(it);
        }
        for it in self.orders {
            orders.entry(it.order_id).or_default().order = Some(it);
        }
        for it in self.invoices {
            orders.entry(it.order_id).or_default().invoice = Some(it);
        }
        orders.retain(|id, _| last.is_none_or(|last| *id <= last));
        Joined { orders, last }
    }
}

#[cfg(test)]
mod tests;
