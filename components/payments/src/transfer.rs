//! Money is taken after it was authorized, let go, or given back: in parts or in full, and never more than there is.

use crate::model::{Intent, Kind, Transfer};
use crate::provider::{self, Charge, Part, Settled, Unanswered};
use crate::view::{self, Payment, PaymentTransfer};
use crate::{rules, settle, store};
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::{CaptureId, PaymentId, RefundId, ReleaseId};
use souk_kit::permission::scope::PAYMENTS_WRITE;
use souk_kit::problem::{ProblemDocument, kinds};
use souk_kit::{
    Attempt, Caller, Ctx, FieldError, Level, Money, PathId, Problem, Result, Subject, Submit, Timestamp, Tx,
    Valid, log, text,
};
use utoipa::ToSchema;

/// How much to take.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"amount": {"amount": 1500, "currency": "EUR"}, "final": true}))]
pub struct CaptureRequest {
    /// All that is left of the authorization, if absent.
    #[garde(inner(custom(is_amount)))]
    amount: Option<Money>,
    /// Whether it is the last one: the rest of the authorization is let go.
    #[serde(rename = "final")]
    #[garde(skip)]
    is_final: bool,
}

/// What to give back.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": {"amount": 500, "currency": "EUR"}, "reason": "one lamp came broken", "key": "return-1"}))]
pub struct RefundRequest {
    /// How much.
    #[garde(custom(is_amount))]
    amount: Money,
    /// Why.
    #[garde(length(chars, min = 1, max = 500), custom(is_line))]
    reason: String,
    /// What tells this refund from the payment's others: the same key gives the same refund, for ever.
    #[garde(length(chars, min = 1, max = 100), custom(is_line))]
    key: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
pub fn is_amount(money: &Money, (): &()) -> garde::Result {
    if rules::is_amount(money) {
        Ok(())
    } else {
        Err(garde::Error::new("must be more than nothing, in minor units"))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn is_line(line: &str, (): &()) -> garde::Result {
    let fits = text::is_visible(line) && !line.chars().any(text::is_control);
    if fits { Ok(()) } else { Err(garde::Error::new("must be visible text without control characters")) }
}

/// Refuses everybody but orders, and those who may move everybody's money.
pub fn must_run_payments(caller: &Caller) -> Result<()> {
    match caller.subject {
        Subject::Service => caller.must_be_service("orders"),
        _ => caller.needs(PAYMENTS_WRITE),
    }
}

/// An amount in the intent's currency.
fn in_currency(intent: &Intent, money: Money) -> Result<i64> {
    if money.currency == intent.currency {
        return Ok(money.amount);
    }
    let detail = format!("must be {}, as the payment is", intent.currency);
    Err(Problem::invalid(vec![FieldError::at("/amount/currency", detail)]))
}

/// Take what is authorized, in full or in part. With `final` the rest is let go; without, it can be taken later, or let go by
/// cancelling.
#[utoipa::path(post, path = "/payments/intents/{id}/capture", tag = "payments", request_body = CaptureRequest,
    security(("bearer" = ["payments:write"])),
    params(("id" = PaymentId, Path, description = "The payment"),
        ("Idempotency-Key" = String, Header, description = "Makes the request repeatable")),
    responses(
        (status = 200, description = "The payment as it is now", body = Payment),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`payment-state`, `capture-exceeds-authorization`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn capture(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<PaymentId>,
    request: Submit<CaptureRequest>,
) -> Result<Response> {
    must_run_payments(&caller)?;
    let once = request.once.required()?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut intent = store::find(&tx, id).await?.intent;
    let wanted = request.body.amount.map(|money| in_currency(&intent, money)).transpose()?;
    let key = once.mark().ok_or_else(|| Problem::internal("a capture without a key"))?;
    // This request was cut off before its answer was stored, or goes on beside this one: it does not ask again, and the
    // answer is not stored here.
    let has_asked = store::transfer_by_key(&tx, id, Kind::Capture, &key).await?.is_some();
    let mut tx = tx;
    if !has_asked && let Some(amount) = rules::to_capture(&intent, wanted)? {
        let mut capture = Transfer::new(CaptureId::new(), &intent, Kind::Capture, key, amount);
        tx = carry_out(&ctx, tx, &mut intent, &mut capture).await?;
    }
    // What a provider refused to take is not let go: it may be tried again.
    if request.body.is_final && intent.captured + intent.capturing > 0 {
        tx = release(&ctx, tx, &mut intent).await?;
    }
    let payment = view::payment(&tx, intent).await?;
    if has_asked {
        tx.commit().await?;
        return Ok(Json(payment).into_response());
    }
    once.commit(tx, Json(payment)).await
}

/// Lets go what is held of a payment of which a part was taken; nothing when there is none any more. The transaction that
/// comes back is still open.
pub async fn release(ctx: &Ctx, tx: Tx, intent: &mut Intent) -> Result<Tx> {
    let amount = rules::held(intent);
    if amount == 0 {
        return Ok(tx);
    }
    let id = ReleaseId::new();
    let mut release = Transfer::new(id, intent, Kind::Release, id.to_string(), amount);
    carry_out(ctx, tx, intent, &mut release).await
}

/// Give money back. The same key gives the same refund, and moves nothing twice.
#[utoipa::path(post, path = "/payments/intents/{id}/refunds", tag = "payments", request_body = RefundRequest,
    security(("bearer" = ["payments:write"])), params(("id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "The refund that the key was used for before", body = PaymentTransfer),
        (status = 201, description = "Given back, or about to be", body = PaymentTransfer),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`payment-state`, `refund-exceeds-capture`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `idempotency-key-reused`", body = ProblemDocument)))]
pub async fn refund(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<PaymentId>,
    Valid(request): Valid<RefundRequest>,
) -> Result<Response> {
    must_run_payments(&caller)?;
    let tx = ctx.begin().await?;
    let mut intent = store::find(&tx, id).await?.intent;
    let amount = in_currency(&intent, request.amount)?;
    if let Some(known) = store::transfer_by_key(&tx, id, Kind::Refund, &request.key).await? {
        tx.rollback().await?;
        if known.amount != amount {
            return Err(Problem::new(kinds::KEY_REUSED, "This key came with another amount before."));
        }
        return Ok(Json(PaymentTransfer::of(&intent, known)).into_response());
    }
    let amount = rules::to_refund(&intent, amount)?;
    let mut transfer = Transfer {
        reason: Some(request.reason),
        ..Transfer::new(RefundId::new(), &intent, Kind::Refund, request.key, amount)
    };
    carry_out(&ctx, tx, &mut intent, &mut transfer).await?.commit().await?;
    Ok((StatusCode::CREATED, Json(PaymentTransfer::of(&intent, transfer))).into_response())
}

/// Sets the amount aside, asks the provider to move it, and books its answer: in one transaction where that is safe, else
/// the question before it is asked. The transaction that comes back is still open.
async fn carry_out(ctx: &Ctx, tx: Tx, intent: &mut Intent, transfer: &mut Transfer) -> Result<Tx> {
    let attempt = store::authorized_try(&tx, intent.id).await?;
    let (provider, charge) = (provider::of(&attempt.provider)?, settle::charge(intent, &attempt));
    rules::set_aside(intent, transfer.kind, transfer.amount);
    if provider.answers_here(&charge) {
        match ask(ctx, &attempt.provider, &charge, intent, transfer).await {
            Ok(settled) => settle::transfer(&tx, intent, transfer, settled).await?,
            Err(unanswered) => return Err(Problem::unavailable(unanswered.0)),
        }
        return Ok(tx);
    }
    transfer.ask_at = Some(Timestamp::now().after(rules::CALL_LASTS));
    store::save_transfer(&tx, transfer).await?;
    store::save(&tx, intent).await?;
    tx.commit().await?;
    let answer = ask(ctx, &attempt.provider, &charge, intent, transfer).await;
    let tx = ctx.begin().await?;
    *intent = store::find(&tx, intent.id).await?.intent;
    *transfer = store::find_transfer(&tx, &transfer.id).await?;
    take_in(&tx, intent, transfer, answer).await?;
    Ok(tx)
}

/// Books an answer, if there is one.
pub async fn take_in(
    tx: &Tx,
    intent: &mut Intent,
    transfer: &mut Transfer,
    answer: Result<Settled, Unanswered>,
) -> Result<()> {
    match answer {
        Ok(settled) => settle::transfer(tx, intent, transfer, settled).await,
        Err(unanswered) => {
            let fields = json!({"transfer.id": transfer.id, "cause": unanswered.0});
            log(Level::Warn, "a provider did not answer; it will be asked again", fields);
            Ok(())
        }
    }
}

/// Asks a provider to move a part of a charge.
pub async fn ask(
    ctx: &Ctx,
    provider: &str,
    charge: &Charge,
    intent: &Intent,
    transfer: &Transfer,
) -> Result<Settled, Unanswered> {
    let (provider, part): (_, Part) = (provider::of(provider)?, settle::part(intent, transfer));
    match transfer.kind {
        Kind::Capture => provider.capture(ctx, charge, &part).await,
        Kind::Release => provider.release(ctx, charge, &part).await,
        Kind::Refund => provider.refund(ctx, charge, &part).await,
    }
}
