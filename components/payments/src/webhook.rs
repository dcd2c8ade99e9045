//! What providers tell later: signed, perhaps repeated, perhaps in the wrong order.

use crate::model::{Intent, TransferState};
use crate::provider::{self, Notice, Provider, What};
use crate::{maintenance, settle, store};
use axum::body::Body;
use http::{HeaderMap, StatusCode};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, FieldError, Money, PathId, Problem, Result, Timestamp, valid};

/// The largest webhook that is read, in bytes.
const MAX_BODY: usize = 64 << 10;

/// Take in what a provider tells.
///
/// The signature is that of the exact body: `webhook-signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">` of the
/// card simulator, and of PayPal the five headers that begin with `paypal-`. A webhook that comes again is taken for the same
/// by its id, and one that comes late does not undo what came after it.
#[utoipa::path(post, path = "/payments/webhooks/{provider}", tag = "payments",
    request_body(content = serde_json::Value, description = "As the provider writes it"),
    params(("provider" = String, Path, description = "The provider, such as `card-simulator`"),
        ("webhook-signature" = Option<String>, Header, description = "The card simulator's: proves who wrote it, and when")),
    responses(
        (status = 204, description = "Taken in, now or before"),
        (status = 401, description = "`invalid-signature`", body = ProblemDocument),
        (status = 404, description = "`not-found`: no such provider, or no such charge", body = ProblemDocument),
        (status = 413, description = "`body-too-large`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn receive(
    ctx: Ctx,
    _: Caller,
    headers: HeaderMap,
    PathId(provider): PathId<String>,
    body: Body,
) -> Result<StatusCode> {
    let provider = provider::named(&provider).ok_or_else(Problem::not_found)?;
    let body = valid::body_within(body, MAX_BODY).await?;
    take_in(&ctx, provider, &headers, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Verifies a webhook and takes it in, once.
pub async fn take_in(ctx: &Ctx, provider: &dyn Provider, headers: &HeaderMap, body: &[u8]) -> Result<()> {
    let Notice { event_id, what } = provider.webhook(ctx, headers, body).await?;
    let tx = ctx.begin().await?;
    if !store::note_webhook(&tx, provider.name(), &event_id).await? {
        return Ok(tx.rollback().await?);
    }
    match what {
        What::Charge(key, amount, standing) => {
            let mut attempt = store::find_try(&tx, key).await?;
            let mut intent = store::find(&tx, attempt.intent_id).await?.intent;
            // Who wants another amount gives up what was tried for the one before.
            if intent.amount == attempt.amount {
                must_be(&intent, attempt.amount, amount)?;
            }
            settle::attempt(&tx, &mut intent, &mut attempt, &standing.into()).await?;
        }
        What::Look(key) => {
            let mut attempt = store::find_try(&tx, key).await?;
            // Whatever comes of asking now: maintenance asks again.
            attempt.ask_at = Some(Timestamp::now());
            store::save_try(&tx, &attempt).await?;
            tx.commit().await?;
            return maintenance::ask_about(ctx, attempt).await;
        }
        What::LookAtPart(key) => {
            let mut transfer = store::find_transfer(&tx, &key).await?;
            if transfer.state == TransferState::Pending {
                transfer.ask_at = Some(Timestamp::now());
                store::save_transfer(&tx, &transfer).await?;
                tx.commit().await?;
                return maintenance::ask_for(ctx, transfer).await;
            }
        }
        What::Nothing => {}
        What::Part(key, amount, settled) => {
            let mut transfer = store::find_transfer(&tx, &key).await?;
            let mut intent = store::find(&tx, transfer.intent_id).await?.intent;
            must_be(&intent, transfer.amount, amount)?;
            settle::transfer(&tx, &mut intent, &mut transfer, settled).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Refuses a webhook that speaks of another amount than we asked for.
fn must_be(intent: &Intent, amount: i64, told: Money) -> Result<()> {
    if told == intent.money(amount) {
        return Ok(());
    }
    Err(Problem::invalid(vec![FieldError::at("/data/amount", "is not what was asked for")]))
}
