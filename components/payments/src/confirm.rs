//! The buyer pays: a method, and the challenge that may follow.

use crate::intent::is_web_address;
use crate::method::{Means, Method};
use crate::model::{Action, AttemptState, Intent, State, Try};
use crate::problem::PaymentsError;
use crate::provider::{self, Proof, Said, Standing, simulator};
use crate::store::{self, Case};
use crate::{rules, secret, settle};
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::id::{AttemptId, PaymentId};
use souk_kit::permission::scope::ACCOUNT;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Attempt, Caller, Ctx, Once, PathId, Problem, Result, Submit, Timestamp, Tx, Valid};
use utoipa::ToSchema;

/// What to pay with.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"method": {"type": "card", "number": "4242424242424242", "expiry": "12/30", "cvc": "123"}}))]
pub struct Confirmation {
    /// The method.
    #[garde(dive)]
    method: Method,
    /// Where a provider that the buyer is sent to sends them back; else where the order said, if it did.
    #[serde(default)]
    #[garde(inner(length(max = 2000), url, custom(is_web_address)))]
    #[schema(example = "https://shop.example.com/thanks")]
    return_url: Option<String>,
}

/// The answer to a challenge.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"challenge_id": "att_06b8xk2m0q3v5t7w9y1z3b5d7f", "code": "123456"}))]
pub struct ChallengeAnswer {
    /// Which challenge, as the confirmation said.
    #[garde(skip)]
    challenge_id: AttemptId,
    /// The code that the buyer was sent. One wrong code declines the method.
    #[garde(length(chars, min = 1, max = 100))]
    code: String,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PaymentOutcome {
    /// The money is held.
    Authorized,
    /// The money is taken.
    Captured,
    /// The buyer must do something first.
    RequiresAction {
        /// What.
        action: Action,
    },
    /// The method was refused; another one may be tried.
    Declined {
        /// Why.
        #[schema(example = "insufficient_funds")]
        code: String,
    },
    /// The provider has not answered yet. Read the payment again in a while.
    Processing,
}

impl PaymentOutcome {
    fn of(intent: &Intent, attempt: &Try) -> Result<Self> {
        Ok(match attempt.state {
            AttemptState::Authorized => Self::Authorized,
            AttemptState::Captured => Self::Captured,
            AttemptState::RequiresAction => Self::RequiresAction {
                action: attempt.notes.action.clone().unwrap_or_else(|| Action::Challenge {
                    url: format!("/api/v1/payments/intents/{}/challenge", intent.id),
                    challenge_id: attempt.id,
                }),
            },
            AttemptState::Declined => Self::Declined { code: attempt.code.clone().unwrap_or_default() },
            AttemptState::Pending | AttemptState::Processing => Self::Processing,
            // Somebody called it off meanwhile.
            AttemptState::Voiding | AttemptState::Voided => {
                return Err(PaymentsError::State(intent.state).into());
            }
        })
    }
}

/// Pay.
///
/// With a `card`: the card simulator knows these numbers, with any date to come and any three digits: 4242424242424242
/// succeeds; 4000000000000002 is declined (`card_declined`), 4000000000009995 too (`insufficient_funds`); 4000000000003220
/// asks for a code, which is 123456; 4000000000000119 gets no answer (`processing`), which comes by webhook;
/// 4000000000005126 is answered twice; 4000000000000341 is answered a minute late.
///
/// From the `wallet`: the buyer is signed in, and has an account in the payment's currency. By `bank_transfer`: the answer
/// says where to and with which reference. With `paypal`: the answer says where the buyer approves it; then `continue`.
///
/// A payment is made once, however often this is sent. After a decline another method may be tried, ten in all; what the
/// buyer has not done (a challenge, an approval, a transfer) is given up for the next method.
#[utoipa::path(post, path = "/payments/intents/{id}/confirm", tag = "payments", request_body = Confirmation,
    params(("id" = PaymentId, Path, description = "The payment"),
        ("client-secret" = String, Header, description = "What orders gave the buyer"),
        ("Idempotency-Key" = Option<String>, Header, description = "Gives the same answer again to the same request")),
    responses(
        (status = 200, description = "What came of it", body = PaymentOutcome),
        (status = 401, description = "`unauthenticated`: wallets are for those who are signed in", body = ProblemDocument),
        (status = 403, description = "`forbidden`: it is somebody else's payment", body = ProblemDocument),
        (status = 404, description = "`not-found`: no such payment, or another client secret", body = ProblemDocument),
        (status = 409, description = "`payment-state`: it is paid, called off or under way", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `unknown-test-card`, `method-unavailable`", body = ProblemDocument)))]
pub async fn confirm(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId<PaymentId>,
    once: Once,
    Valid(Confirmation { method, return_url }): Valid<Confirmation>,
) -> Result<Response> {
    secret::must_be_in(&headers, id).await?;
    let means = method.means(Timestamp::now())?;
    let provider = provider::for_means(&means)?;
    if !provider.is_offered().await? {
        return Err(PaymentsError::MethodUnavailable.into());
    }
    let (card, proof) = match &means {
        Means::Card(card) => (Some(simulator::accept(card)?), Proof::Card(card)),
        Means::Wallet => (None, Proof::SignedIn),
        Means::BankTransfer | Means::Paypal => (None, Proof::Elsewhere),
    };
    let asked = json!([means.redacted(&method), return_url]).to_string();
    let once = once.with_body(asked.as_bytes())?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let Case { mut intent, alive } = store::find(&tx, id).await?;
    if matches!(means, Means::Wallet) {
        caller.needs(ACCOUNT)?;
        if Some(caller.user_id()?) != intent.user_id {
            return Err(Problem::forbidden("A wallet pays its owner's orders alone."));
        }
    }
    if let Some(begun) = begun(&tx, &once, &intent).await? {
        return Ok(begun);
    }
    if !rules::may_confirm(intent.state) {
        return Err(PaymentsError::State(intent.state).into());
    }
    // What the buyer did not do. If its provider must be told, maintenance does.
    if let Some(mut left) = alive {
        settle::give_up(&tx, &intent, &mut left).await?;
    }
    intent.return_url = return_url.or(intent.return_url);
    let attempt = Try::new(&intent, provider.name(), card);
    pay(&ctx, &once, tx, (intent, attempt), proof).await
}

/// Carry on after the buyer came back from where they had been sent.
#[utoipa::path(post, path = "/payments/intents/{id}/continue", tag = "payments",
    params(("id" = PaymentId, Path, description = "The payment"),
        ("client-secret" = String, Header, description = "What orders gave the buyer")),
    responses(
        (status = 200, description = "What came of it", body = PaymentOutcome),
        (status = 404, description = "`not-found`: no such payment, or another client secret", body = ProblemDocument),
        (status = 409, description = "`payment-state`: nothing is under way", body = ProblemDocument)))]
pub async fn carry_on(
    ctx: Ctx,
    _: Caller,
    headers: HeaderMap,
    PathId(id): PathId<PaymentId>,
) -> Result<Json<PaymentOutcome>> {
    secret::must_be_in(&headers, id).await?;
    let (intent, attempt) = latest(&ctx, id).await?;
    let is_sent_away = matches!(attempt.notes.action, Some(Action::Redirect { .. }));
    let is_open = matches!(attempt.state, AttemptState::RequiresAction | AttemptState::Processing);
    if !is_sent_away || !is_open {
        return Ok(Json(PaymentOutcome::of(&intent, &attempt)?));
    }
    let answer = provider::of(&attempt.provider)?.resume(&ctx, &settle::charge(&intent, &attempt)).await;
    let said = settle::or_processing(answer, &attempt);
    let tx = ctx.begin().await?;
    let (intent, attempt) = settle::latest(&tx, attempt.id, &said).await?;
    tx.commit().await?;
    Ok(Json(PaymentOutcome::of(&intent, &attempt)?))
}

/// The last try of a payment, whatever became of it: a webhook may have come before the buyer.
async fn latest(ctx: &Ctx, id: PaymentId) -> Result<(Intent, Try)> {
    let conn = ctx.conn().await?;
    let intent = store::find(&conn, id).await?.intent;
    let last = store::tries(&conn, std::slice::from_ref(&intent)).await?.pop();
    let attempt = last.ok_or(PaymentsError::State(intent.state))?;
    Ok((intent, attempt))
}

/// Answer the challenge that a method asked for.
#[utoipa::path(post, path = "/payments/intents/{id}/challenge", tag = "payments", request_body = ChallengeAnswer,
    params(("id" = PaymentId, Path, description = "The payment"),
        ("client-secret" = String, Header, description = "What orders gave the buyer"),
        ("Idempotency-Key" = Option<String>, Header, description = "Gives the same answer again to the same request")),
    responses(
        (status = 200, description = "What came of it", body = PaymentOutcome),
        (status = 404, description = "`not-found`: no such challenge, or another client secret", body = ProblemDocument),
        (status = 409, description = "`payment-state`: nothing waits for a challenge", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn challenge(
    ctx: Ctx,
    _: Caller,
    headers: HeaderMap,
    PathId(id): PathId<PaymentId>,
    Submit { body, once }: Submit<ChallengeAnswer>,
) -> Result<Response> {
    secret::must_be_in(&headers, id).await?;
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let Case { intent, alive } = store::find(&tx, id).await?;
    if let Some(begun) = begun(&tx, &once, &intent).await? {
        return Ok(begun);
    }
    if intent.state != State::RequiresAction {
        return Err(PaymentsError::State(intent.state).into());
    }
    let asked = alive.filter(|attempt| attempt.id == body.challenge_id).ok_or_else(Problem::not_found)?;
    pay(&ctx, &once, tx, (intent, asked), Proof::Challenge(&body.code)).await
}

/// How the try stands for which this same request has asked before: it was cut off, or goes on beside this one, and its own
/// answer is not stored. Neither is this one.
async fn begun(tx: &Tx, once: &Once, intent: &Intent) -> Result<Option<Response>> {
    let Some(mark) = once.mark() else { return Ok(None) };
    match store::try_of(tx, intent.id, &mark).await? {
        Some(attempt) => Ok(Some(Json(PaymentOutcome::of(intent, &attempt)?).into_response())),
        None => Ok(None),
    }
}

/// Asks the provider for the money, and stores question and answer: together where that is safe, else one after the other.
async fn pay(
    ctx: &Ctx,
    once: &Once,
    tx: Tx,
    (mut intent, mut attempt): (Intent, Try),
    proof: Proof<'_>,
) -> Result<Response> {
    let (provider, charge) = (provider::of(&attempt.provider)?, settle::charge(&intent, &attempt));
    if provider.answers_here(&charge) {
        let answer = provider.authorize(ctx, &charge, proof).await;
        let said = settle::or_processing(answer, &attempt);
        settle::attempt(&tx, &mut intent, &mut attempt, &said).await?;
        return once.commit(tx, Json(PaymentOutcome::of(&intent, &attempt)?)).await;
    }
    // The question is durable before it is asked, so that whatever happens now, maintenance asks how it went.
    attempt.state = AttemptState::Pending;
    attempt.asked_by = once.mark();
    attempt.ask_at = Some(Timestamp::now().after(rules::CALL_LASTS));
    intent.state = State::Processing;
    store::save_try(&tx, &attempt).await?;
    store::save(&tx, &intent).await?;
    tx.commit().await?;

    let answer = match provider.create(ctx, &charge).await {
        Ok(Said { standing: Standing::Created, .. }) => provider.authorize(ctx, &charge, proof).await,
        told => told,
    };
    let said = settle::or_processing(answer, &attempt);
    let tx = ctx.begin().await?;
    let (intent, attempt) = settle::latest(&tx, attempt.id, &said).await?;
    once.commit(tx, Json(PaymentOutcome::of(&intent, &attempt)?)).await
}
