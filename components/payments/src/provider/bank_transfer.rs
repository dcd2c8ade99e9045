//! Transfers from the buyer's bank: the buyer is told an account and a reference, and the service transactions tells when
//! money has come with it ([`crate::receipt`]). What goes back goes to the account that it came from.

use super::{Answer, Charge, Part, Proof, Provider, Said, Settled, Standing, Unanswered};
use crate::method::MethodKind;
use crate::model::{Action, Notes};
use crate::reference;
use futures::future::BoxFuture;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use souk_kit::{Ctx, Money, Result, settings};
use std::time::Duration;

/// Its name.
pub const NAME: &str = "bank-transfer";
/// The note of the account that the money came from.
pub const PAYER_IBAN: &str = "payer_iban";
/// The note of whose account that is.
pub const PAYER_NAME: &str = "payer_name";

/// The provider.
pub struct BankTransfer;

/// How many days money is waited for; with none the method is not offered.
async fn days() -> Result<u32> {
    settings::number("transfer_days").await
}

impl Provider for BankTransfer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn method(&self) -> MethodKind {
        MethodKind::BankTransfer
    }

    fn is_offered(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async { Ok(days().await? > 0) })
    }

    fn answers_here(&self, _: &Charge) -> bool {
        false
    }

    fn gives_up_here(&self, _: &Charge) -> bool {
        true
    }

    fn create<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Said> {
        Box::pin(async move {
            if charge.notes.action.is_some() {
                return Ok(Standing::RequiresAction.into());
            }
            let reference = reference::of(charge.key);
            let action = Action::Transfer {
                iban: collection(ctx, charge.amount).await?,
                name: settings::variable("seller_name").await?,
                reference: reference.clone(),
                amount: charge.amount,
                until: charge.since.after(Duration::from_secs(u64::from(days().await?) * 24 * 3600)),
            };
            let notes = Notes { reference: Some(reference), action: Some(action), ..Notes::default() };
            Ok(Said { standing: Standing::RequiresAction, notes: Some(notes) })
        })
    }

    fn authorize<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, _: Proof<'a>) -> Answer<'a, Said> {
        self.create(ctx, charge)
    }

    fn resume<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Said> {
        Box::pin(async move {
            match &charge.notes.action {
                Some(Action::Transfer { until, .. }) if until.has_passed() => {
                    Ok(Standing::Declined("transfer_expired".into()).into())
                }
                _ => self.create(ctx, charge).await,
            }
        })
    }

    // What has come is here: taking it is a matter of the books, which the ledger keeps as it is told of the capture.
    fn capture<'a>(&'a self, _: &'a Ctx, _: &'a Charge, _: &'a Part) -> Answer<'a, Settled> {
        Box::pin(async { Ok(Settled::Done) })
    }

    fn release<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        Box::pin(async move { send_back(ctx, charge, part, "collection").await })
    }

    // What came for it goes back with the receipts ([`crate::receipt::give_back`]).
    fn cancel<'a>(&'a self, _: &'a Ctx, _: &'a Charge) -> Answer<'a, Standing> {
        Box::pin(async { Ok(Standing::Cancelled) })
    }

    fn refund<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        Box::pin(async move { send_back(ctx, charge, part, "sales").await })
    }
}

/// The account that money in a currency is transferred to.
async fn collection(ctx: &Ctx, amount: Money) -> Result<String, Unanswered> {
    #[derive(Deserialize)]
    struct Account {
        iban: String,
    }
    let path = format!("/internal/collection/{}", amount.currency);
    let account: Account = ctx.call(Method::GET, "transactions", path).send().await?.json()?;
    Ok(account.iban)
}

async fn send_back(ctx: &Ctx, charge: &Charge, part: &Part, from: &str) -> Result<Settled, Unanswered> {
    let Some(iban) = charge.notes.ids.get(PAYER_IBAN) else { return Ok(Settled::Refused) };
    let name = charge.notes.ids.get(PAYER_NAME).map_or("", String::as_str);
    let payout = Payout { key: &part.key, amount: part.amount, iban, name, from };
    pay_out(ctx, &charge.payment.to_string(), &payout).await
}

/// Money that goes to an account outside.
pub struct Payout<'a> {
    /// The same key sends nothing twice.
    pub key: &'a str,
    /// How much.
    pub amount: Money,
    /// Where to.
    pub iban: &'a str,
    /// Whose account that is, as far as is known.
    pub name: &'a str,
    /// `sales` for what was taken, `collection` for what was not.
    pub from: &'a str,
}

/// Sends money out, for a payment or for a receipt.
pub async fn pay_out(ctx: &Ctx, of: &str, payout: &Payout<'_>) -> Result<Settled, Unanswered> {
    let name = if payout.name.is_empty() { "unknown" } else { payout.name };
    let body = json!({"key": payout.key, "amount": payout.amount, "iban": payout.iban, "name": name,
        "label": format!("return of {of}"), "from": payout.from});
    let reply =
        ctx.call(Method::POST, "transactions", format!("/internal/payouts/{of}")).json(&body)?.send().await?;
    match reply.status {
        status if status.is_success() => Ok(Settled::Done),
        StatusCode::UNPROCESSABLE_ENTITY => Ok(Settled::Refused),
        // A conflict, too: the ledger has not heard of the capture yet.
        _ => Err(reply.unexpected().into()),
    }
}
