//! Pure decisions about invoices: their numbers, the tax in them, and how a refund is shared out.

use crate::model::{Status, TaxGroup, TaxShare};
use crate::order::{Order, Tax};
use souk_kit::{Currency, Money, Timestamp};
use std::collections::BTreeMap;

/// For how many years after the one they are made in books must be kept; the longest time that the law of a country of the
/// European Union names.
const YEARS_OF_BOOKS: i32 = 10;

/// A series of numbers.
#[derive(Debug, Clone, Copy)]
pub enum Series {
    /// Invoices.
    Invoices,
    /// Credit notes.
    CreditNotes,
}

impl Series {
    /// What its numbers begin with.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invoices => "INV",
            Self::CreditNotes => "CRN",
        }
    }

    /// A number of the series.
    pub fn number(self, year: i32, serial: i64) -> String {
        format!("{}-{year}-{serial:06}", self.code())
    }
}

/// Until when a document that was issued at this time must be kept.
pub fn kept_until(issued_at: Timestamp) -> Timestamp {
    let (year, ..) = issued_at.date();
    Timestamp::start_of(year + YEARS_OF_BOOKS + 1)
}

/// What is known of the payment of an invoice; amounts in minor units.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    pub total: i64,
    /// What orders said was paid, all at once; none while they have not.
    pub paid: Option<i64>,
    /// What orders said went back of that.
    pub refunded: i64,
    /// What payments took from the buyer and did not give back.
    pub received: i64,
    pub due_at: Timestamp,
    pub is_cancelled: bool,
}

impl Facts {
    /// How far it is paid.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.is_cancelled {
            return Status::Cancelled;
        }
        match (self.paid, self.received) {
            (Some(_), _) if self.refunded == 0 => Status::Paid,
            (Some(paid), _) if self.refunded == paid => Status::Refunded,
            (Some(_), _) => Status::PartiallyRefunded,
            (None, received) if received >= self.total => Status::Paid,
            (None, received) if received > 0 => Status::PartiallyPaid,
            (None, _) if self.due_at <= now => Status::Overdue,
            (None, _) => Status::Open,
        }
    }

    /// How much is paid.
    pub fn paid(&self) -> i64 {
        self.paid.unwrap_or(self.received.max(0))
    }
}

/// Why an order cannot be invoiced, if it cannot: an invoice that does not add up could never be put right.
pub fn contradiction(order: &Order) -> Option<&'static str> {
    let lines = order.lines.iter().map(|line| (line.total, line.taxes.as_slice()));
    let parts = lines.chain([(order.shipping.total, order.shipping.taxes.as_slice())]);
    let mut sum = Money::new(0, order.currency);
    for (total, taxes) in parts {
        let tax: i128 = taxes.iter().map(|tax| i128::from(tax.amount.amount)).sum();
        if taxes.iter().any(|tax| tax.amount.currency != order.currency || tax.amount.amount < 0) {
            return Some("a tax is of another currency or negative");
        }
        if total.amount < 0 || tax > total.amount.into() {
            return Some("a line is worth less than its tax");
        }
        match sum.checked_add(total) {
            Some(more) => sum = more,
            None => return Some("a line is of another currency or too large"),
        }
    }
    (sum != order.totals.total).then_some("the lines and the shipping do not add up to the total")
}

type Key = Vec<(String, u32)>;

/// What was taxed in the same way, together.
pub fn breakdown(order: &Order) -> Vec<TaxGroup> {
    let mut groups: BTreeMap<Key, (i64, Vec<i64>)> = BTreeMap::new();
    let lines = order.lines.iter().map(|line| (line.total.amount, &line.taxes));
    for (total, taxes) in lines.chain([(order.shipping.total.amount, &order.shipping.taxes)]) {
        let mut taxes: Vec<&Tax> = taxes.iter().collect();
        taxes.sort_by(|a, b| (&a.label, a.rate_bp).cmp(&(&b.label, b.rate_bp)));
        let key: Key = taxes.iter().map(|tax| (tax.label.clone(), tax.rate_bp)).collect();
        let (net, amounts) = groups.entry(key).or_insert_with(|| (0, vec![0; taxes.len()]));
        *net += total - taxes.iter().map(|tax| tax.amount.amount).sum::<i64>();
        for (sum, tax) in amounts.iter_mut().zip(&taxes) {
            *sum += tax.amount.amount;
        }
    }
    let groups = groups.into_iter().map(|(key, (net, amounts))| group(key, net, &amounts, order.currency));
    groups.filter(is_worth_something).collect()
}

fn group(key: Key, net: i64, amounts: &[i64], currency: Currency) -> TaxGroup {
    let money = |amount| Money::new(amount, currency);
    let share = |((label, rate_bp), amount): (_, &i64)| TaxShare { label, rate_bp, amount: money(*amount) };
    let taxes = key.into_iter().zip(amounts).map(share).collect();
    TaxGroup { taxes, net: money(net), gross: money(net + amounts.iter().sum::<i64>()) }
}

fn is_worth_something(group: &TaxGroup) -> bool {
    group.gross.amount != 0
}

fn key(group: &TaxGroup) -> Key {
    group.taxes.iter().map(|tax| (tax.label.clone(), tax.rate_bp)).collect()
}

/// What is left of an invoice's groups after what was credited.
pub fn remaining(invoiced: &[TaxGroup], credited: &[TaxGroup]) -> Vec<TaxGroup> {
    let mut rest = invoiced.to_vec();
    for group in &mut rest {
        let key = key(group);
        for given in credited.iter().filter(|other| self::key(other) == key) {
            group.net.amount -= given.net.amount;
            group.gross.amount -= given.gross.amount;
            for (tax, given) in group.taxes.iter_mut().zip(&given.taxes) {
                tax.amount.amount -= given.amount.amount;
            }
        }
    }
    rest
}

/// Shares an amount out over what is left, net and taxes in proportion: the last refund takes exactly the rest of each.
pub fn share(remaining: &[TaxGroup], amount: i64) -> Vec<TaxGroup> {
    let cells = remaining.iter().flat_map(|group| {
        std::iter::once(group.net.amount).chain(group.taxes.iter().map(|tax| tax.amount.amount))
    });
    let mut shares = proportional(&cells.collect::<Vec<_>>(), amount).into_iter();
    let groups = remaining.iter().map(|group| {
        let net = shares.next().unwrap_or_default();
        let amounts: Vec<i64> = shares.by_ref().take(group.taxes.len()).collect();
        self::group(key(group), net, &amounts, group.net.currency)
    });
    groups.filter(is_worth_something).collect()
}

/// Whole parts of `amount` in proportion to `cells`, by the largest remainders. None is larger than its cell as long as
/// `amount` is not larger than all of them together.
fn proportional(cells: &[i64], amount: i64) -> Vec<i64> {
    let all: i128 = cells.iter().map(|cell| i128::from(*cell)).sum();
    if all <= 0 {
        return vec![0; cells.len()];
    }
    let exact = |cell: &i64| i128::from(*cell) * i128::from(amount);
    let mut parts: Vec<i64> =
        cells.iter().map(|cell| i64::try_from(exact(cell).div_euclid(all)).unwrap_or(i64::MAX)).collect();
    let mut by_remainder: Vec<usize> = (0..cells.len()).collect();
    by_remainder.sort_by_key(|at| std::cmp::Reverse(exact(&cells[*at]).rem_euclid(all)));
    let missing = amount - parts.iter().sum::<i64>();
    for at in by_remainder.into_iter().take(usize::try_from(missing).unwrap_or_default()) {
        parts[at] += 1;
    }
    parts
}

#[cfg(test)]
mod tests;
