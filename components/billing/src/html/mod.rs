//! Pages to print: plain HTML without a script, in the reader's language.
//!
//! Everything that is not ours goes through [`escape`].

mod words;

use crate::model::{Buyer, CreditNote, Invoice, Seller, Status, TaxGroup};
use crate::order::Discount;
use crate::print::{STYLE, date, escape, money, rate};
use crate::statement::{Account, EntryKind, Statement};
use souk_address::Address;
use souk_kit::{Language, Money, Timestamp};
use words::Words;

/// An invoice.
pub fn invoice(invoice: &Invoice, language: Language) -> String {
    let (words, issued) = (words::of(language), &invoice.issued);
    let facts = facts(&[
        (words.number, escape(&issued.number)),
        (words.order, escape(&issued.order_number)),
        (words.issued, date(issued.issued_at, language)),
        (words.due, date(invoice.payment.due_at, language)),
    ]);
    let body = [
        head(words.invoice, &issued.seller, words),
        facts,
        parties(&issued.buyer, words, language),
        lines(invoice, words, language),
        taxes(&issued.tax_breakdown, words, language),
        standing(invoice, words, language),
    ];
    page(&format!("{} {}", words.invoice, issued.number), &body.concat(), language)
}

/// A credit note.
pub fn credit_note(note: &CreditNote, language: Language) -> String {
    let (words, payout) = (words::of(language), note.payout.as_ref());
    let note = &note.issued;
    let mut known = vec![
        (words.number, escape(&note.number)),
        (words.corrects, escape(&note.invoice_number)),
        (words.issued, date(note.issued_at, language)),
    ];
    // When the money moved, if payments have told; else when orders heard of it.
    if let Some(at) = payout.and_then(|payout| payout.at).or(note.refunded_at) {
        known.push((words.refunded_on, date(at, language)));
    }
    if let Some(reason) = &note.reason {
        known.push((words.reason, escape(reason)));
    }
    let total = format!(
        "<table><tfoot><tr class=\"all\"><th scope=\"row\">{}</th>{}</tr></tfoot></table>",
        words.total,
        amount(note.amount, language)
    );
    let body = [
        head(words.credit_note, &note.seller, words),
        facts(&known),
        parties(&note.buyer, words, language),
        taxes(&note.tax_breakdown, words, language),
        total,
    ];
    page(&format!("{} {}", words.credit_note, note.number), &body.concat(), language)
}

/// A statement.
pub fn statement(statement: &Statement, language: Language) -> String {
    let words = words::of(language);
    let facts = facts(&[
        (words.customer, escape(&statement.customer)),
        (words.period, format!("{} – {}", date(statement.from, language), date(statement.to, language))),
    ]);
    let heading = format!("<header><h1>{}</h1></header>", words.statement);
    let mut body = vec![heading, facts];
    if statement.accounts.is_empty() {
        body.push(format!("<p>{}</p>", words.nothing));
    }
    body.extend(statement.accounts.iter().map(|it| account(it, words, language)));
    page(words.statement, &body.concat(), language)
}

/// What happened in one currency: a line for each entry, between what was owed before and what is owed now.
fn account(account: &Account, words: &Words, language: Language) -> String {
    let mut rows = row(words.opening_balance, &amount(account.opening_balance, language), "");
    for entry in &account.entries {
        let kind = match entry.kind {
            EntryKind::Invoice => words.invoice,
            EntryKind::Payment => words.payment,
            EntryKind::CreditNote => words.credit_note,
            EntryKind::Refund => words.refund,
        };
        rows += &format!(
            "<tr><td>{}</td><td>{kind} {}</td>{}{}</tr>",
            date(entry.at, language),
            escape(&entry.number),
            amount(entry.amount, language),
            amount(entry.balance, language)
        );
    }
    let mut closing =
        row(words.closing_balance, &amount(account.closing_balance, language), " class=\"all\"");
    for (label, owed) in [(words.still_open, account.open), (words.late, account.overdue)] {
        if owed.amount != 0 {
            closing += &row(label, &amount(owed, language), "");
        }
    }
    format!(
        "<table><thead><tr><th scope=\"col\">{}</th><th></th><th scope=\"col\" class=\"n\">{}</th>\
         <th scope=\"col\" class=\"n\">{}</th></tr></thead><tbody>{rows}</tbody><tfoot>{closing}</tfoot></table>",
        words.date, words.amount, words.balance
    )
}

fn page(title: &str, body: &str, language: Language) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{}</title><style>{STYLE}</style></head><body>{body}</body></html>\n",
        language.code(),
        escape(title)
    )
}

fn head(title: &str, seller: &Seller, words: &Words) -> String {
    let tax_id = seller.tax_id.iter().map(|id| format!("{}: {}", words.tax_id, escape(id)));
    let lines = seller.address.iter().map(|line| escape(line)).chain(tax_id).collect::<Vec<_>>().join("<br>");
    format!("<header><h1>{title}</h1><p><strong>{}</strong><br>{lines}</p></header>", escape(&seller.name))
}

/// Labels with what is already HTML.
fn facts(known: &[(&str, String)]) -> String {
    let fact = |(label, value): &(&str, String)| format!("<div><h2>{label}</h2><p>{value}</p></div>");
    format!("<div class=\"facts\">{}</div>", known.iter().map(fact).collect::<String>())
}

fn parties(buyer: &Buyer, words: &Words, language: Language) -> String {
    let party = |label: &str, address: &Address| {
        let lines = address.lines(language).iter().map(|line| escape(line)).collect::<Vec<_>>().join("<br>");
        format!("<div><h2>{label}</h2><p>{lines}</p></div>")
    };
    let billed = party(words.billed_to, &buyer.billing_address);
    let shipped = party(words.shipped_to, &buyer.shipping_address);
    format!("<div class=\"parties\">{billed}{shipped}</div>")
}

fn amount(sum: Money, language: Language) -> String {
    format!("<td class=\"n\">{}</td>", money(sum, language))
}

fn row(label: &str, cell: &str, class: &str) -> String {
    format!("<tr{class}><th scope=\"row\" colspan=\"3\">{label}</th>{cell}</tr>")
}

fn small(discounts: &[Discount], language: Language) -> String {
    let discount = |it: &Discount| {
        let off = Money::new(-it.amount.amount, it.amount.currency);
        format!("<small>{}: {}</small>", escape(&it.label), money(off, language))
    };
    discounts.iter().map(discount).collect()
}

fn lines(invoice: &Invoice, words: &Words, language: Language) -> String {
    let (issued, totals) = (&invoice.issued, &invoice.issued.totals);
    let mut rows = String::new();
    for line in &issued.lines {
        rows += &format!(
            "<tr><td>{}<small>{}</small>{}</td><td class=\"n\">{}</td>{}{}</tr>",
            escape(&line.title),
            escape(&line.sku),
            small(&line.discounts, language),
            line.quantity,
            amount(line.unit_price, language),
            amount(line.total, language)
        );
    }
    let shipping = &issued.shipping;
    rows += &format!(
        "<tr><td>{}<small>{}</small>{}</td><td></td>{}{}</tr>",
        words.shipping,
        escape(&shipping.label),
        small(&shipping.discounts, language),
        amount(shipping.price, language),
        amount(shipping.total, language)
    );
    let mut sums = row(words.subtotal, &amount(totals.subtotal, language), "");
    if totals.discount.amount != 0 {
        let off = Money::new(-totals.discount.amount.abs(), totals.discount.currency);
        sums += &row(words.discount, &amount(off, language), "");
    }
    sums += &row(words.shipping, &amount(totals.shipping, language), "");
    sums += &row(words.tax, &amount(totals.tax, language), "");
    sums += &row(words.total, &amount(totals.total, language), " class=\"all\"");
    format!(
        "<table><thead><tr><th scope=\"col\">{}</th><th scope=\"col\" class=\"n\">{}</th><th scope=\"col\" class=\"n\">{}</th>\
         <th scope=\"col\" class=\"n\">{}</th></tr></thead><tbody>{rows}</tbody><tfoot>{sums}</tfoot></table>",
        words.item, words.quantity, words.unit_price, words.amount
    )
}

fn taxes(groups: &[TaxGroup], words: &Words, language: Language) -> String {
    let mut rows = String::new();
    for group in groups {
        let (mut labels, mut amounts) = (String::new(), String::new());
        for tax in &group.taxes {
            labels += &format!("<div>{} {}</div>", escape(&tax.label), rate(tax.rate_bp, language));
            amounts += &format!("<div>{}</div>", money(tax.amount, language));
        }
        if group.taxes.is_empty() {
            labels += words.untaxed;
        }
        rows += &format!(
            "<tr><td>{labels}</td>{}<td class=\"n\">{amounts}</td>{}</tr>",
            amount(group.net, language),
            amount(group.gross, language)
        );
    }
    format!(
        "<table><caption>{}</caption><thead><tr><th></th><th scope=\"col\" class=\"n\">{}</th>\
         <th scope=\"col\" class=\"n\">{}</th><th scope=\"col\" class=\"n\">{}</th></tr></thead><tbody>{rows}</tbody></table>",
        words.tax_breakdown, words.net, words.tax, words.total
    )
}

/// How the invoice stands while it is printed.
fn standing(invoice: &Invoice, words: &Words, language: Language) -> String {
    let payment = &invoice.payment;
    let (paid, due) = (money(payment.paid, language), date(payment.due_at, language));
    let notes: Vec<_> = invoice.credit_notes.iter().map(|note| escape(&note.number)).collect();
    let (state, text) = match payment.status {
        Status::Open => (words.open, String::new()),
        Status::Overdue => (words.overdue, String::new()),
        Status::PartiallyPaid => (words.partially_paid, format!(" {}: {paid}.", words.received)),
        Status::Cancelled => (words.cancelled, format!(" {}: {}.", words.credit_notes, notes.join(", "))),
        Status::Paid => (words.paid, paid_on(invoice, words, language)),
        Status::PartiallyRefunded | Status::Refunded => {
            let is_all = payment.status == Status::Refunded;
            let state = if is_all { words.all_refunded } else { words.partially_refunded };
            let (on, back) = (paid_on(invoice, words, language), money(payment.refunded, language));
            (state, format!("{on} {}: {back} ({}).", words.refunded, notes.join(", ")))
        }
    };
    let mut text = format!("{} {}: {state}.{text}", words.status_on, date(Timestamp::now(), language));
    if matches!(payment.status, Status::Open | Status::Overdue | Status::PartiallyPaid) {
        let total = invoice.issued.totals.total;
        let rest = Money::new(total.amount - payment.paid.amount, total.currency);
        text += &format!(" {} {due}: {}.", words.to_pay_by, money(rest, language));
        if let Some(reference) = &payment.reference {
            text += &format!(" {}: {}.", words.transfer_names, escape(reference));
        }
    }
    format!("<p class=\"note\">{text}</p>")
}

fn paid_on(invoice: &Invoice, words: &Words, language: Language) -> String {
    let payment = &invoice.payment;
    let Some(at) = payment.paid_at else { return String::new() };
    format!(" {} {}: {}.", words.paid_on, date(at, language), money(payment.paid, language))
}
