//! Transfers into another currency, at a price that the service `prices` holds for a while and gives once.
//!
//! Which transaction the quote is for is stored before it is used: a repetition after a crash uses it for the same one.

use crate::books;
use crate::desk::Desk;
use crate::input::NewTransaction;
use crate::model::Role;
use crate::problem::Refused;
use crate::store::book::{self, Needed};
use crate::store::transaction;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::TransactionId;
use souk_kit::{Caller, Ctx, Money, Once, Problem, Result};

/// A transfer that has its price.
#[derive(Debug)]
pub struct Priced {
    /// The transaction that the quote was used for.
    pub id: TransactionId,
    /// What arrives.
    pub received: Money,
}

#[derive(Deserialize)]
struct Quote {
    from: Money,
    to: Money,
}

/// Uses the quote of a transfer, once everything that can be known before was found to be right.
pub async fn priced(
    ctx: &Ctx,
    caller: &Caller,
    once: &Once,
    (desk, new): (&Desk<'_>, &NewTransaction),
    needed: &mut Needed,
) -> Result<Priced> {
    let (Some(id), Some(amount), Some(mark)) = (new.quote, new.amount, once.mark()) else {
        return Err(Problem::internal("a transfer without quote, amount or key"));
    };
    let path = format!("/prices/quotes/{id}");
    let reply = ctx.call(Method::GET, "prices", path.as_str()).on_behalf_of(caller).send().await?;
    if reply.status == StatusCode::NOT_FOUND {
        return Err(Refused::UnusableQuote("unknown").into());
    }
    let quote = match reply.json::<Quote>() {
        Ok(quote) => quote,
        // A quote of something that is no money.
        Err(_) if reply.status.is_success() => return Err(Refused::UnusableQuote("mismatch").into()),
        Err(problem) => return Err(problem),
    };
    if quote.from != amount || quote.to.amount < 1 || quote.to.currency == amount.currency {
        return Err(Refused::UnusableQuote("mismatch").into());
    }
    needed.roles.extend([(Role::Conversion, amount.currency), (Role::Conversion, quote.to.currency)]);
    must_be_possible(ctx, (desk, new), needed, quote.to).await?;
    let transaction = transaction::intention(&ctx.conn().await?, &mark, desk.now).await?;
    let body = json!({"used_by": transaction, "user_id": desk.who.user});
    let call = ctx.call(Method::POST, "prices", format!("{path}/use"));
    let reply = call.idempotency_key(transaction.to_string()).json(&body)?.send().await?;
    match (reply.status, reply.kind().as_deref()) {
        (StatusCode::GONE, _) | (_, Some("quote-expired")) => Err(Refused::UnusableQuote("expired").into()),
        (StatusCode::NOT_FOUND, _) => Err(Refused::UnusableQuote("unknown").into()),
        (StatusCode::CONFLICT, _) => Err(Refused::UnusableQuote("used").into()),
        _ => {
            let used: Quote = reply.json()?;
            Ok(Priced { id: transaction, received: used.to })
        }
    }
}

/// Refuses what would be refused anyway, before the quote is spent on it.
async fn must_be_possible(
    ctx: &Ctx,
    (desk, new): (&Desk<'_>, &NewTransaction),
    needed: &Needed,
    received: Money,
) -> Result<()> {
    let tx = ctx.begin().await?;
    // Opens the accounts between the currencies at their first use.
    books::open(&tx, needed, desk.config, desk.now).await?;
    tx.commit().await?;
    let mut book = book::look(&ctx.conn().await?, needed, desk.now).await?.book;
    let desk = Desk { received: Some(received), ..desk.clone() };
    let draft = desk.draft(new, &book, TransactionId::new())?;
    book.enter(draft, desk.now)?;
    Ok(())
}
