//! Rates that people set.

use crate::book::Book;
use crate::decimal::Rate;
use crate::market::MANUAL;
use crate::model::{Code, Observation, Times};
use crate::options::Limits;
use crate::problem::Refused;
use crate::rate::{self, RateView};
use crate::store::rate::Pair;
use crate::{memory, settle, store};
use axum::Json;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use souk_kit::permission::scope::PRICES_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, FieldError, PathIds, Problem, Result, Timestamp, Tx, Valid};
use utoipa::ToSchema;

/// The most pairs that a rate can be set for. Every instance reads them all.
const MOST: i64 = 2_000;

/// A rate that somebody sets.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"rate": "1.0944"}))]
pub struct ManualRate {
    /// So many of the quote for one of the base, as a text.
    #[garde(skip)]
    rate: Rate,
    /// It is fresh until then, and counts no more after that. If absent, it ages as what other sources say.
    #[garde(skip)]
    #[serde(default)]
    valid_until: Option<Timestamp>,
}

/// Set a rate by hand. While it holds it is the rate, whatever other sources say.
#[utoipa::path(put, path = "/prices/rates/{base}/{quote}", tag = "prices", request_body = ManualRate,
    security(("bearer" = ["prices:write"])),
    params(("base" = Code, Path, description = "Of one of this"), ("quote" = Code, Path, description = "In this")),
    responses(
        (status = 200, description = "Set", body = RateView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`: no such instruments", body = ProblemDocument),
        (status = 409, description = "`too-many-rates`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn set(
    ctx: Ctx,
    caller: Caller,
    PathIds(base, quote): PathIds<Code, Code>,
    Valid(request): Valid<ManualRate>,
) -> Result<Json<RateView>> {
    caller.needs(PRICES_WRITE)?;
    let now = Timestamp::now();
    let times = times(request.valid_until, now).await?;
    let tx = ctx.begin().await?;
    let pair = known(&tx, base, quote).await?;
    if store::rate::is_full(&tx, &pair, MOST).await? {
        return Err(Refused::TooManyRates.into());
    }
    let (base, quote) = pair.clone();
    let (source, set_by) = (MANUAL.to_owned(), Some(caller.subject.to_string()));
    let said = Observation { base, quote, source, rate: request.rate, times, refused: None, set_by };
    store::rate::observe(&tx, &[said]).await?;
    settle::pairs(&tx, std::slice::from_ref(&pair), now).await?;
    let answer = of_pair(&tx, &pair).await?;
    tx.commit().await?;
    memory::forget();
    answer.map(Json).ok_or_else(|| Problem::internal("what was set is not there"))
}

async fn times(valid_until: Option<Timestamp>, now: Timestamp) -> Result<Times> {
    if let Some(until) = valid_until {
        if until <= now {
            return Err(Problem::invalid(vec![FieldError::at("/valid_until", "must be in the future")]));
        }
        return Ok(Times { as_of: now, fetched_at: now, stale_at: until, refuse_at: until });
    }
    let Limits { stale_after, refuse_after } = Limits::of(false).await?;
    Ok(Times {
        as_of: now,
        fetched_at: now,
        stale_at: now.after(stale_after),
        refuse_at: now.after(refuse_after),
    })
}

/// Two instruments that are there, and are two.
async fn known(tx: &Tx, base: Code, quote: Code) -> Result<Pair> {
    for code in [&base, &quote] {
        if code.currency().is_none() && store::instrument::find(tx, code).await?.is_none() {
            return Err(Problem::not_found());
        }
    }
    match base == quote {
        true => Err(Problem::invalid(vec![FieldError::parameter("quote", "is the base itself")])),
        false => Ok((base, quote)),
    }
}

/// The rate of exactly this pair, although a fresher way may lead around it.
async fn of_pair(tx: &Tx, (base, quote): &Pair) -> Result<Option<RateView>> {
    let mut book = Book::default();
    let all = store::rate::standing_of(tx, &[(base.clone(), quote.clone())]).await?;
    for ((base, quote), standing) in all {
        book.rates.entry(base).or_default().insert(quote, standing);
    }
    Ok(rate::views(tx, &book, base, std::slice::from_ref(quote)).await?.pop())
}

/// Take back a rate that was set by hand. What other sources say counts again; if they say nothing, no rate is known.
#[utoipa::path(delete, path = "/prices/rates/{base}/{quote}", tag = "prices",
    security(("bearer" = ["prices:write"])),
    params(("base" = Code, Path, description = "Of one of this"), ("quote" = Code, Path, description = "In this")),
    responses(
        (status = 204, description = "Taken back"),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`: none was set", body = ProblemDocument)))]
pub async fn withdraw(
    ctx: Ctx,
    caller: Caller,
    PathIds(base, quote): PathIds<Code, Code>,
) -> Result<StatusCode> {
    caller.needs(PRICES_WRITE)?;
    let (pair, now) = ((base, quote), Timestamp::now());
    let tx = ctx.begin().await?;
    if !store::rate::withdraw(&tx, &pair).await? {
        return Err(Problem::not_found());
    }
    // It must not be what others are judged by.
    store::rate::forget(&tx, &pair).await?;
    settle::pairs(&tx, std::slice::from_ref(&pair), now).await?;
    tx.commit().await?;
    memory::forget();
    Ok(StatusCode::NO_CONTENT)
}
