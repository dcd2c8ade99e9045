//! Statements: what a customer was invoiced, paid and got back in a period.

use crate::access::Customer;
use crate::html;
use crate::model::{CreditNoteSummary, InvoiceSummary};
use crate::print::Wish;
use crate::problem::BillingError;
use crate::store::{self, Filter};
use axum::response::Response;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::permission::scope::{ACCOUNT, BILLING_READ};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Language, Money, Result, Timestamp, ValidQuery};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// How many invoices a statement holds at most, and how many credit notes.
const MAX_DOCUMENTS: u32 = 1000;

/// The period of a statement.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Period {
    /// Issued then or later; from the first of January of this year if absent.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Issued before; until now if absent.
    #[garde(skip)]
    to: Option<Timestamp>,
}

/// Whose statement, and of what period.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatementQuery {
    /// A user's id, or the e-mail address of a guest.
    #[garde(skip)]
    #[param(value_type = String)]
    customer: Customer,
    /// Issued then or later; from the first of January of this year if absent.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Issued before; until now if absent.
    #[garde(skip)]
    to: Option<Timestamp>,
}

/// What a customer was invoiced, paid and got back in a period.
#[derive(Debug, Serialize, ToSchema)]
pub struct Statement {
    /// The user's id, or the e-mail address of a guest.
    pub customer: String,
    /// When the period begins.
    pub from: Timestamp,
    /// When it ends; that instant is not in it.
    pub to: Timestamp,
    /// The invoices, oldest first.
    pub invoices: Vec<InvoiceSummary>,
    /// The credit notes, oldest first, of whatever invoices.
    pub credit_notes: Vec<CreditNoteSummary>,
    /// The sums, one for each currency.
    pub sums: Vec<Sum>,
}

/// The sums of a currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sum {
    /// What was invoiced.
    pub invoiced: Money,
    /// What was credited.
    pub credited: Money,
    /// What the customer paid for, less what went back.
    pub balance: Money,
}

/// Read a customer's statement. With `Accept: text/html` it is a page to print.
#[utoipa::path(get, path = "/statements", tag = "billing", security(("bearer" = ["billing:read"])), params(StatementQuery,
        ("Accept-Language" = Option<String>, Header, description = "The language of the page")),
    responses((status = 200, content((Statement = "application/json"), (String = "text/html"))),
    (status = 422, body = ProblemDocument, description = "`invalid-request`, `statement-too-long`")))]
pub async fn of_customer(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<StatementQuery>,
    wish: Wish,
) -> Result<Response> {
    caller.needs(BILLING_READ)?;
    statement(&ctx, query.customer, (query.from, query.to), wish).await
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
    let name = match &customer {
        Customer::User(user) => user.to_string(),
        Customer::Email(email) => email.clone(),
    };
    let filter = Filter { customer: Some(customer), from: Some(from), to: Some(to), ..Filter::default() };
    let conn = ctx.conn().await?;
    let invoices = store::invoices(&conn, &filter, MAX_DOCUMENTS + 1).await?;
    let credit_notes = store::credit_notes(&conn, &filter, MAX_DOCUMENTS + 1).await?;
    if invoices.len().max(credit_notes.len()) > MAX_DOCUMENTS as usize {
        return Err(BillingError::StatementTooLong(MAX_DOCUMENTS).into());
    }
    let sums = sums(&invoices, &credit_notes);
    let statement = Statement { customer: name, from, to, invoices, credit_notes, sums };
    Ok(wish.answer(&statement, Language::En, |language| html::statement(&statement, language)))
}

/// The sums of each currency, in the order of their codes.
fn sums(invoices: &[InvoiceSummary], credit_notes: &[CreditNoteSummary]) -> Vec<Sum> {
    let mut sums: BTreeMap<_, (i64, i64)> = BTreeMap::new();
    for invoice in invoices {
        sums.entry(invoice.total.currency).or_default().0 += invoice.total.amount;
    }
    for note in credit_notes {
        sums.entry(note.amount.currency).or_default().1 += note.amount.amount;
    }
    let sum = |(currency, (invoiced, credited)): (_, (i64, i64))| Sum {
        invoiced: Money::new(invoiced, currency),
        credited: Money::new(credited, currency),
        balance: Money::new(invoiced - credited, currency),
    };
    sums.into_iter().map(sum).collect()
}
