//! Statements: what a customer was invoiced, paid, was credited and got back in a period, and what that leaves.

use crate::access::{Customer, Named};
use crate::html;
use crate::print::Wish;
use crate::problem::BillingError;
use crate::store;
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::id::{CreditNoteId, InvoiceId};
use souk_kit::permission::scope::{ACCOUNT, BILLING_READ};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, FieldError, Language, Money, Problem, Result, Timestamp, ValidQuery};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// How many entries a statement holds at most.
const MAX_ENTRIES: u32 = 4000;

/// The period of a statement.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Period {
    /// From this instant; from the first of January of this year if absent.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Before this instant; until now if absent.
    #[garde(skip)]
    to: Option<Timestamp>,
}

/// Whose statement, and of what period.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// A user's or a customer's id, or the e-mail address of a guest.
    #[garde(skip)]
    #[param(value_type = String)]
    customer: Named,
    /// From this instant; from the first of January of this year if absent.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Before this instant; until now if absent.
    #[garde(skip)]
    to: Option<Timestamp>,
}

/// What changed in a period, and what that leaves.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statement {
    /// The user's id, or the e-mail address of a guest.
    pub customer: String,
    /// When the period begins.
    pub from: Timestamp,
    /// When it ends; that instant is not in it.
    pub to: Timestamp,
    /// One account for each currency.
    pub accounts: Vec<Account>,
}

/// What happened in one currency. A balance is what the customer owes; below zero, what is owed to the customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    /// The balance before the period.
    pub opening_balance: Money,
    /// What changed it, oldest first.
    pub entries: Vec<Entry>,
    /// What was invoiced in the period.
    pub invoiced: Money,
    /// What was paid.
    pub paid: Money,
    /// What was credited.
    pub credited: Money,
    /// What was given back.
    pub refunded: Money,
    /// The balance after the period: what is owed then.
    pub closing_balance: Money,
    /// What was owed then of invoices for which there was time.
    pub open: Money,
    /// What was owed then of invoices whose time was over.
    pub overdue: Money,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// The customer owes what was invoiced.
    Invoice,
    /// The customer has paid an invoice.
    Payment,
    /// Something of an invoice is not owed any more.
    CreditNote,
    /// Money went back to the customer.
    Refund,
}

/// Something that changed what a customer owes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// When it counts from. What was paid before it was invoiced counts from the invoice on.
    pub at: Timestamp,
    /// What it is.
    #[schema(inline)]
    pub kind: EntryKind,
    /// The number of the invoice, or of the credit note.
    #[schema(example = "INV-2026-000001")]
    pub number: String,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The credit note, of a credit note and its refund.
    pub credit_note_id: Option<CreditNoteId>,
    /// What it adds to the balance; payments and credit notes take from it.
    pub amount: Money,
    /// The balance after it.
    pub balance: Money,
}

/// Read a customer's statement. With `Accept: text/html` it is a page to print.
#[utoipa::path(get, path = "/statements", tag = "billing", security(("bearer" = ["billing:read"])), params(StatementQuery,
        ("Accept-Language" = Option<String>, Header, description = "The language of the page")),
    responses((status = 200, content((Statement = "application/json"), (String = "text/html"))),
    (status = 404, body = ProblemDocument, description = "`not-found`: no such customer"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`, `statement-too-long`")))]
pub async fn of_customer(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<StatementQuery>,
    wish: Wish,
) -> Result<Response> {
    caller.needs(BILLING_READ)?;
    let customer = query.customer.customer(&ctx).await?;
    statement(&ctx, customer, (query.from, query.to), wish).await
}

/// Read one's own statement. With `Accept: text/html` it is a page to print.
#[utoipa::path(get, path = "/statements/me", tag = "billing", security(("bearer" = ["account"])), params(Period,
        ("Accept-Language" = Option<String>, Header, description = "The language of the page")),
    responses((status = 200, content((Statement = "application/json"), (String = "text/html"))),
    (status = 422, body = ProblemDocument, description = "`invalid-request`, `statement-too-long`")))]
pub async fn own(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(period): ValidQuery<Period>,
    wish: Wish,
) -> Result<Response> {
    caller.needs(ACCOUNT)?;
    statement(&ctx, Customer::User(caller.user_id()?), (period.from, period.to), wish).await
}

async fn statement(
    ctx: &Ctx,
    customer: Customer,
    (from, to): (Option<Timestamp>, Option<Timestamp>),
    wish: Wish,
) -> Result<Response> {
    let now = Timestamp::now();
    let (this_year, ..) = now.date();
    let (from, to) = (from.unwrap_or(Timestamp::start_of(this_year)), to.unwrap_or(now));
    if from > to {
        return Err(Problem::invalid(vec![FieldError::parameter("to", "is before `from`")]));
    }
    let (opening, entries, owed) = {
        let conn = ctx.conn().await?;
        let entries = store::entries(&conn, &customer, (from, to), MAX_ENTRIES + 1).await?;
        let opening = store::balances(&conn, &customer, from).await?;
        (opening, entries, store::owed(&conn, &customer, to).await?)
    };
    if entries.len() > MAX_ENTRIES as usize {
        return Err(BillingError::StatementTooLong(MAX_ENTRIES).into());
    }
    let statement =
        Statement { customer: customer.to_string(), from, to, accounts: accounts(opening, entries, owed) };
    Ok(wish.answer(&statement, Language::En, |language| html::statement(&statement, language)))
}

/// The accounts of each currency in which there is anything to say, in the order of their codes.
fn accounts(opening: Vec<Money>, entries: Vec<Entry>, owed: Vec<(Money, Money)>) -> Vec<Account> {
    let mut accounts = BTreeMap::new();
    for balance in opening.into_iter().filter(|balance| balance.amount != 0) {
        accounts.insert(balance.currency, Account::opened(balance));
    }
    for entry in entries {
        let currency = entry.amount.currency;
        accounts.entry(currency).or_insert_with(|| Account::opened(Money::new(0, currency))).book(entry);
    }
    for (open, overdue) in owed {
        let nothing = Money::new(0, open.currency);
        let account = accounts.entry(open.currency).or_insert_with(|| Account::opened(nothing));
        (account.open, account.overdue) = (open, overdue);
    }
    accounts.into_values().collect()
}

impl Account {
    fn opened(balance: Money) -> Self {
        let nothing = Money::new(0, balance.currency);
        Self {
            opening_balance: balance,
            entries: Vec::new(),
            invoiced: nothing,
            paid: nothing,
            credited: nothing,
            refunded: nothing,
            closing_balance: balance,
            open: nothing,
            overdue: nothing,
        }
    }

    fn book(&mut self, mut entry: Entry) {
        let amount = entry.amount.amount;
        match entry.kind {
            EntryKind::Invoice => self.invoiced.amount += amount,
            EntryKind::Payment => self.paid.amount -= amount,
            EntryKind::CreditNote => self.credited.amount -= amount,
            EntryKind::Refund => self.refunded.amount += amount,
        }
        self.closing_balance.amount += amount;
        entry.balance = self.closing_balance;
        self.entries.push(entry);
    }
}
