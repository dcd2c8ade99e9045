//! The way to the mail API: `POST {mail_url}{mail_path}` in the format of Resend, with the mail's id as `Idempotency-Key`.

use super::{Letter, State, text};
use crate::outside;
use crate::store;
use http::{Request, StatusCode};
use serde_json::json;
use souk_kit::{Ctx, Level, Result, Timestamp, log, settings};
use std::time::Duration;

/// The most mails of one round.
const BATCH: u32 = 20;
/// How long a round, or who has written a mail, has it for itself: longer than one attempt takes.
pub const LEASE: Duration = Duration::from_secs(15);
/// The pause after the first failure; it doubles after that.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause between attempts.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// How an attempt ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The mail API has it.
    Sent,
    /// It will not be delivered, and the next one may be.
    Refused,
    /// The mail API does not work just now.
    Down,
}

/// Delivers what is due, one batch, until the mail API fails.
pub async fn deliver(ctx: &Ctx) -> Result<()> {
    if settings::variable("mail_url").await?.is_empty() {
        return Ok(());
    }
    for letter in store::mail::take_due(&ctx.conn().await?, BATCH, LEASE).await? {
        if attempt(ctx, letter).await? == Outcome::Down {
            break;
        }
    }
    Ok(())
}

/// Hands a mail to the mail API, and notes what came of it.
pub async fn attempt(ctx: &Ctx, mut letter: Letter) -> Result<Outcome> {
    letter.attempts += 1;
    if letter.created_at.after(letter.kind.patience()).has_passed() {
        give_up(ctx, &letter, "is too late").await?;
        return Ok(Outcome::Refused);
    }
    match hand_over(ctx, &letter).await? {
        Ok(status) if status.is_success() => {
            // What a power cut brings back is sent again under the same key.
            store::mail::note(&ctx.relaxed().await?, &letter, State::Sent, None, Timestamp::now()).await?;
            Ok(Outcome::Sent)
        }
        Ok(status) if is_final(status) => {
            give_up(ctx, &letter, &format!("the mail API answered {}", status.as_u16())).await?;
            Ok(Outcome::Refused)
        }
        Ok(status) => postpone(ctx, &letter, &format!("the mail API answered {}", status.as_u16())).await,
        Err(why) => postpone(ctx, &letter, &format!("the mail API {why}")).await,
    }
}

/// Whether the API will never take this mail. Whatever else it refuses may be our key, its quota, or its own fault.
fn is_final(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
    )
}

async fn hand_over(ctx: &Ctx, letter: &Letter) -> Result<Result<StatusCode, &'static str>> {
    let [origin, path, key, from] = [
        settings::variable("mail_url").await?,
        settings::variable("mail_path").await?,
        settings::variable("mail_key").await?,
        settings::variable("mail_from").await?,
    ];
    let written = text::compose(letter).await?;
    let body = json!({"from": from, "to": [letter.recipient], "subject": written.subject, "text": written.text,
        "html": written.html});
    let request = Request::post(format!("{origin}/{}", path.trim_start_matches('/')))
        .header("accept", "application/json")
        .header("authorization", format!("Bearer {key}"))
        .header("idempotency-key", letter.id.to_string());
    let answer = outside::ask(request, body.to_string().into_bytes(), ctx.time_left()).await;
    Ok(answer.map(|(status, _)| status))
}

async fn postpone(ctx: &Ctx, letter: &Letter, why: &str) -> Result<Outcome> {
    let pause = FIRST_PAUSE.saturating_mul(1 << (letter.attempts - 1).min(16)).min(MAX_PAUSE);
    let next = Timestamp::now().after(pause);
    store::mail::note(&ctx.conn().await?, letter, State::Waiting, Some(why), next).await?;
    Ok(Outcome::Down)
}

async fn give_up(ctx: &Ctx, letter: &Letter, why: &str) -> Result<()> {
    log(
        Level::Warn,
        "a mail was given up",
        json!({"mail.id": letter.id, "mail.kind": letter.kind, "cause": why}),
    );
    Ok(store::mail::note(&ctx.conn().await?, letter, State::Failed, Some(why), Timestamp::now()).await?)
}
