//! PayPal (Orders v2, Payments v2): an order is created, its buyer approves it on PayPal's pages, and the money is then taken
//! or held here. Every question carries a key of ours, so a lost answer is asked for again; PayPal is asked how an order
//! stands before anything is done with it, and what its answer does not say is not guessed.

mod amount;
mod api;
mod notice;
mod order;
mod signature;

use super::{Answer, Charge, Notice, Part, Proof, Provider, Said, Settled, Standing, Unanswered};
use crate::method::MethodKind;
use crate::model::{Action, Notes};
use crate::rules::CALL_LASTS;
use crate::store;
use api::{Refused, Reply};
use futures::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use order::Stage;
use serde_json::{Value, json};
use souk_kit::{Ctx, Problem, Result};
use std::time::Duration;

/// Its name.
pub const NAME: &str = "paypal";
/// The note of what the money is held by.
const AUTHORIZATION: &str = "authorization";
/// PayPal gives a buyer three hours to come, and three to approve.
const APPROVAL_LASTS: Duration = Duration::from_secs(6 * 3600);
/// A refund goes to so many captures at most, in one go.
const MAX_SLICES: usize = 20;

/// The provider.
pub struct PayPal;

impl Provider for PayPal {
    fn name(&self) -> &'static str {
        NAME
    }

    fn method(&self) -> MethodKind {
        MethodKind::Paypal
    }

    fn is_offered(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async { Ok(!api::url().await?.is_empty()) })
    }

    fn answers_here(&self, _: &Charge) -> bool {
        false
    }

    fn create<'a>(&'a self, _: &'a Ctx, charge: &'a Charge) -> Answer<'a, Said> {
        Box::pin(create(charge))
    }

    fn authorize<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, _: Proof<'a>) -> Answer<'a, Said> {
        self.resume(ctx, charge)
    }

    fn resume<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Said> {
        Box::pin(async move {
            let Some(id) = &charge.notes.reference else { return create(charge).await };
            let Some(order) = read(id).await? else {
                return Ok(Standing::Declined("approval_expired".into()).into());
            };
            match order::stage(&order, charge)? {
                Stage::Open if charge.since.after(APPROVAL_LASTS).has_passed() => {
                    Ok(Standing::Declined("approval_expired".into()).into())
                }
                Stage::Open => Ok(Standing::RequiresAction.into()),
                Stage::Void => Ok(Standing::Cancelled.into()),
                Stage::Approved => take(ctx, charge, id).await,
                Stage::Over(standing) => Ok(with_notes(charge, &order, standing)),
            }
        })
    }

    fn capture<'a>(&'a self, _: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        Box::pin(async move {
            let path = format!("/v2/payments/authorizations/{}/capture", held(charge)?);
            let Some(amount) = amount::of(part.amount) else { return Ok(Settled::Refused) };
            let body = json!({ "amount": amount, "invoice_id": part.key });
            let taken = match api::post(&path, &part.key, &body).await? {
                Reply::Done(taken) => taken,
                // Nobody else has this number: it was taken, and PayPal has forgotten the key.
                Reply::Refused(refused) if refused.is("DUPLICATE_INVOICE_ID") => return Ok(Settled::Done),
                Reply::Refused(_) => return Ok(Settled::Refused),
            };
            settled(&now(taken).await?)
        })
    }

    fn release<'a>(&'a self, _: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        Box::pin(async move {
            let_go(held(charge)?, &part.key).await?;
            Ok(Settled::Done)
        })
    }

    fn cancel<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Standing> {
        Box::pin(cancel(ctx, charge))
    }

    fn refund<'a>(&'a self, _: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        Box::pin(refund(charge, part))
    }

    fn webhook<'a>(
        &'a self,
        _: &'a Ctx,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(async move {
            if api::url().await?.is_empty() {
                return Err(Problem::not_found());
            }
            signature::verify(headers, body).await?;
            notice::of(body)
        })
    }
}

/// Makes an order, or finds the one that was made with this key.
async fn create(charge: &Charge) -> Result<Said, Unanswered> {
    if charge.notes.action.is_some() {
        return Ok(Standing::RequiresAction.into());
    }
    let Some(request) = order::request(charge) else {
        return Ok(Standing::Declined("currency_not_supported".into()).into());
    };
    let order = match api::post("/v2/checkout/orders", &charge.key.to_string(), &request).await? {
        Reply::Done(order) => order,
        Reply::Refused(refused) => return Ok(Standing::Declined(refused.code()).into()),
    };
    let (Some(id), Some(url)) = (order["id"].as_str(), order::approval(&order)) else {
        return Err(Unanswered("PayPal made an order without an id or a page to approve it".into()));
    };
    let action = Action::Redirect { url: url.to_owned() };
    let notes = Notes { reference: Some(id.to_owned()), action: Some(action), ..Notes::default() };
    Ok(Said { standing: Standing::RequiresAction, notes: Some(notes) })
}

/// An order; nothing when PayPal has forgotten it, as it does when nobody approves it.
async fn read(id: &str) -> Result<Option<Value>, Unanswered> {
    match api::get(&format!("/v2/checkout/orders/{id}")).await? {
        Reply::Done(order) => Ok(Some(order)),
        Reply::Refused(refused) if refused.status == StatusCode::NOT_FOUND => Ok(None),
        Reply::Refused(refused) => {
            Err(Unanswered(format!("PayPal does not show its order: {}", refused.code())))
        }
    }
}

/// Takes or holds the money of an order that its buyer has approved, unless it was given up before.
async fn take(ctx: &Ctx, charge: &Charge, id: &str) -> Result<Said, Unanswered> {
    if !store::may_cost(&ctx.conn().await?, charge.key).await? {
        return Ok(Standing::Cancelled.into());
    }
    let step = if charge.capture { "capture" } else { "authorize" };
    let (path, key) = (format!("/v2/checkout/orders/{id}/{step}"), format!("{}.take", charge.key));
    let order = match api::post(&path, &key, &json!({})).await? {
        Reply::Done(order) => order,
        Reply::Refused(refused) => return refused_to_pay(charge, id, &refused).await,
    };
    match order::stage(&order, charge)? {
        Stage::Over(standing) => Ok(with_notes(charge, &order, standing)),
        _ => Err(Unanswered("PayPal took the money of an order that is not over".into())),
    }
}

async fn refused_to_pay(charge: &Charge, id: &str, refused: &Refused) -> Result<Said, Unanswered> {
    if refused.is("ORDER_NOT_APPROVED") || refused.is("PAYER_ACTION_REQUIRED") {
        return Ok(Standing::RequiresAction.into());
    }
    if refused.is("ORDER_COMPLETION_IN_PROGRESS") {
        return Err(Unanswered("PayPal is at it".into()));
    }
    // By an answer that was lost, or a request beside this one.
    if let Some(order) = read(id).await?
        && let Stage::Over(standing) = order::stage(&order, charge)?
    {
        return Ok(with_notes(charge, &order, standing));
    }
    Ok(Standing::Declined(refused.code()).into())
}

/// How a charge stands, with what must be remembered of it.
fn with_notes(charge: &Charge, order: &Value, standing: Standing) -> Said {
    let mut notes = charge.notes.clone();
    let held = order::payments(order, "authorizations").find_map(|it| it["id"].as_str());
    if let Some(held) = held {
        notes.ids.insert(AUTHORIZATION.into(), held.to_owned());
    }
    Said { standing, notes: Some(notes) }
}

fn held(charge: &Charge) -> Result<&str, Unanswered> {
    let held = charge.notes.ids.get(AUTHORIZATION).map(String::as_str);
    held.ok_or_else(|| Unanswered(format!("{} holds nothing at PayPal", charge.key)))
}

/// A capture as it is now, if the answer about it is one that PayPal repeats.
async fn now(taken: Value) -> Result<Value, Unanswered> {
    if taken["status"] != "PENDING" {
        return Ok(taken);
    }
    let id = taken["id"].as_str().unwrap_or_default();
    match api::get(&format!("/v2/payments/captures/{id}")).await? {
        Reply::Done(taken) => Ok(taken),
        Reply::Refused(refused) => {
            Err(Unanswered(format!("PayPal does not show a capture: {}", refused.code())))
        }
    }
}

fn settled(capture: &Value) -> Result<Settled, Unanswered> {
    match capture["status"].as_str() {
        Some("COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED") => Ok(Settled::Done),
        Some("DECLINED" | "FAILED") => Ok(Settled::Refused),
        status => Err(Unanswered(format!("PayPal has a capture in state {status:?}"))),
    }
}

/// Lets go what is held, or is glad that it was let go before.
async fn let_go(authorization: &str, key: &str) -> Result<(), Unanswered> {
    match api::post(&format!("/v2/payments/authorizations/{authorization}/void"), key, &json!({})).await? {
        Reply::Done(_) => Ok(()),
        Reply::Refused(refused) if refused.is("PREVIOUSLY_VOIDED") || refused.is("PREVIOUSLY_CAPTURED") => {
            Ok(())
        }
        Reply::Refused(refused) => Err(Unanswered(format!("PayPal holds on: {}", refused.code()))),
    }
}

/// Gives back a part: from one capture after the other, each slice under a key of its own, and none that was given before.
async fn refund(charge: &Charge, part: &Part) -> Result<Settled, Unanswered> {
    let id = charge.notes.reference.as_deref().unwrap_or_default();
    for _ in 0..MAX_SLICES {
        let Some(order) = read(id).await? else {
            return Err(Unanswered("PayPal has forgotten an order".into()));
        };
        let (given, is_pending) = order::given_back(&order, &part.key);
        let left = part.amount.amount - given;
        if left <= 0 {
            let still = Unanswered("PayPal is still giving it back".into());
            return if is_pending { Err(still) } else { Ok(Settled::Done) };
        }
        let Some((capture, available)) = order::refundable(&order) else {
            // Somebody gave it back at PayPal's. What a part of it went out for stays open, for somebody to look at.
            let partly = Unanswered(format!("{} cannot be given back in full", part.key));
            return if given > 0 { Err(partly) } else { Ok(Settled::Refused) };
        };
        let slice = souk_kit::Money::new(left.min(available.amount), available.currency);
        let Some(amount) = amount::of(slice) else { return Ok(Settled::Refused) };
        let body = json!({ "amount": amount, "custom_id": part.key });
        let key = format!("{}.{capture}", part.key);
        match api::post(&format!("/v2/payments/captures/{capture}/refund"), &key, &body).await? {
            Reply::Done(_) => {}
            Reply::Refused(refused)
                if refused.is("REFUND_AMOUNT_EXCEEDED") || refused.is("CAPTURE_FULLY_REFUNDED") => {}
            Reply::Refused(refused) if given > 0 => return Err(Unanswered(refused.code())),
            Reply::Refused(_) => return Ok(Settled::Refused),
        }
    }
    Err(Unanswered(format!("{} is given back in many slices", part.key)))
}

/// Undoes whatever it has come to.
async fn cancel(ctx: &Ctx, charge: &Charge) -> Result<Standing, Unanswered> {
    let Some(id) = &charge.notes.reference else {
        // Nobody can approve what nobody was told of; the answer may still be on its way.
        return over_or_soon(ctx, charge, "the order may still be made").await;
    };
    let Some(order) = read(id).await? else { return Ok(Standing::Cancelled) };
    let standing = match order::stage(&order, charge)? {
        Stage::Open | Stage::Void => return Ok(Standing::Cancelled),
        Stage::Approved => return over_or_soon(ctx, charge, "the money may still be taken").await,
        Stage::Over(standing) => standing,
    };
    if standing == Standing::Processing {
        return Err(Unanswered("PayPal has not decided yet, and gives nothing back before".into()));
    }
    for held in order::payments(&order, "authorizations").filter_map(|it| it["id"].as_str()) {
        let_go(held, &format!("{}.undo", charge.key)).await?;
    }
    let mut order = order;
    for _ in 0..MAX_SLICES {
        let Some((capture, left)) = order::refundable(&order) else { return Ok(Standing::Cancelled) };
        let part = Part { key: format!("{}.undo.{capture}", charge.key), amount: left };
        if refund(charge, &part).await? == Settled::Refused {
            return Err(Unanswered(format!("PayPal does not give {capture} back")));
        }
        order = read(id).await?.unwrap_or_default();
    }
    Err(Unanswered(format!("{} is undone in many slices", charge.key)))
}

/// Cancelled, unless a question that was asked before it was given up may still be under way.
async fn over_or_soon(ctx: &Ctx, charge: &Charge, why: &str) -> Result<Standing, Unanswered> {
    let since = store::stands_since(&ctx.conn().await?, charge.key).await?;
    if since.after(CALL_LASTS).has_passed() {
        Ok(Standing::Cancelled)
    } else {
        Err(Unanswered(why.to_owned()))
    }
}
