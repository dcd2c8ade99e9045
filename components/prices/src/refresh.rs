//! Asking providers: not too often, by one instance at a time, and less often while they fail.

use crate::model::Observation;
use crate::options::Limits;
use crate::provider::{self, Failure, News, Provider, Told};
use crate::store::rate::Pair;
use crate::store::{instrument, provider as store, rate};
use crate::{memory, settle};
use axum::Json;
use futures::future::join_all;
use serde::Serialize;
use serde_json::json;
use souk_kit::id::JobId;
use souk_kit::permission::scope::PRICES_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Level, Result, Timestamp, log, settings};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;
use utoipa::ToSchema;

/// How long an instance has a provider for itself: longer than asking ever takes.
const LEASE: Duration = Duration::from_secs(60);
/// How long asking may take altogether.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause after a first failure; it doubles after that.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause between attempts.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// What became of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was asked, and has answered.
    Refreshed,
    /// It was asked, and has given no usable answer.
    Failed,
    /// It is left alone until `next_at`.
    Waiting,
    /// Another instance is asking it.
    Busy,
    /// It has been asked as often as it may be today.
    Exhausted,
    /// It is not to be asked.
    Off,
}

/// What became of a source, and of what it said.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outcome {
    /// Its name.
    #[schema(example = "ecb")]
    pub source: &'static str,
    /// What became of it.
    #[schema(inline)]
    pub state: State,
    /// Of how many pairs a rate was believed.
    pub rates: usize,
    /// How many rates of sources were not.
    pub refused: usize,
    /// What could not be used of its answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<String>,
    /// When it is asked next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Outcome {
    const fn new(source: &'static str, state: State) -> Self {
        Self { source, state, rates: 0, refused: 0, unusable: Vec::new(), next_at: None, detail: None }
    }
}

/// Ask every source now, whether it is its time or not. One that fails is left alone for a while all the same, and none is
/// asked more often in a day than it may be. What a source says that is far off the others is refused, and noted.
#[utoipa::path(post, path = "/prices/refresh", tag = "prices", security(("bearer" = ["prices:write"])),
    responses(
        (status = 200, description = "What became of each source", body = [Outcome]),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument)))]
pub async fn refresh(ctx: Ctx, caller: Caller) -> Result<Json<Vec<Outcome>>> {
    caller.needs(PRICES_WRITE)?;
    Ok(Json(all(&ctx, true).await?))
}

/// Asks every source whose time has come.
pub async fn due(ctx: &Ctx) -> Result<()> {
    all(ctx, false).await.map(|_| ())
}

async fn all(ctx: &Ctx, is_asked_for: bool) -> Result<Vec<Outcome>> {
    let asked = provider::ALL.iter().filter_map(|provider| {
        let variables = provider.variables()?;
        Some(one(ctx, *provider, variables, is_asked_for))
    });
    join_all(asked).await.into_iter().collect()
}

async fn one(
    ctx: &Ctx,
    provider: &'static dyn Provider,
    variables: provider::Variables,
    is_asked_for: bool,
) -> Result<Outcome> {
    let (name, now) = (provider.name(), Timestamp::now());
    let origin = settings::variable(variables.url).await?;
    let origin = origin.trim().trim_end_matches('/');
    if origin.is_empty() {
        return Ok(Outcome::new(name, State::Off));
    }
    let interval = settings::seconds(variables.interval).await?;
    let Some(turn) = store::read(&ctx.conn().await?, name, now).await? else {
        return Ok(Outcome::new(name, State::Off));
    };
    if let Some(state) = keeps_from_asking(&turn, settings::number("daily_calls").await?, is_asked_for, now) {
        return Ok(Outcome { next_at: Some(turn.next_at), ..Outcome::new(name, state) });
    }
    let lease = JobId::new().to_string();
    if !store::lease(&ctx.conn().await?, name, &lease, now, now.after(LEASE)).await? {
        return Ok(Outcome::new(name, State::Busy));
    }
    let instruments = instrument::all(&ctx.conn().await?).await?;
    let answer = souk_kit::client::within(PATIENCE, provider.fetch(origin, &instruments)).await;
    let slow = || Err(Failure { why: "took too long".into(), retry_after: None });
    match answer.unwrap_or_else(slow) {
        Ok(news) => {
            let next_at = Timestamp::now().after(jittered(interval));
            take_in(ctx, provider, &lease, next_at, news).await
        }
        Err(failure) => {
            let next_at =
                Timestamp::now().after(jittered(pause(turn.failures, interval, failure.retry_after)));
            store::fail(&ctx.conn().await?, name, &lease, next_at, &failure.why).await?;
            let fields =
                json!({"service": "prices", "source": name, "cause": failure.why, "next_at": next_at});
            log(Level::Warn, "a source of rates failed; it is asked again", fields);
            let detail = Some(failure.why);
            Ok(Outcome { next_at: Some(next_at), detail, ..Outcome::new(name, State::Failed) })
        }
    }
}

/// Why a source is not asked now. Whoever asks for it does not wait for its time, but leaves it alone while it fails.
fn keeps_from_asking(turn: &store::Turn, daily: u32, is_asked_for: bool, now: Timestamp) -> Option<State> {
    let waits = now < turn.next_at && (!is_asked_for || turn.failures > 0);
    match () {
        () if waits => Some(State::Waiting),
        () if turn.calls >= i64::from(daily) => Some(State::Exhausted),
        () if now < turn.lease_until => Some(State::Busy),
        () => None,
    }
}

/// How long a source that has failed so often before is left alone.
fn pause(failures: u32, interval: Duration, retry_after: Option<Duration>) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(MAX_PAUSE.max(interval));
    pause.max(retry_after.unwrap_or_default())
}

/// A little longer, each time otherwise, so that not all who failed together come back together.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 100;
    pause + pause.mul_f64(random as f64 / 1000.0)
}

/// Stores what a source said, and what follows from it, unless another instance has asked it since.
async fn take_in(
    ctx: &Ctx,
    provider: &'static dyn Provider,
    lease: &str,
    next_at: Timestamp,
    news: News,
) -> Result<Outcome> {
    let (name, now) = (provider.name(), Timestamp::now());
    let limits = Limits::of(provider.is_daily()).await?;
    let News { told, unusable } = news;
    let said: Vec<_> = told.into_iter().map(|told| observed(name, told, limits, now)).collect();
    let pairs: Vec<Pair> = said.iter().map(|one| (one.base.clone(), one.quote.clone())).collect();
    let tx = ctx.begin().await?;
    if !store::succeed(&tx, name, lease, now, next_at).await? {
        tx.rollback().await?;
        return Ok(Outcome::new(name, State::Busy));
    }
    rate::observe(&tx, &said).await?;
    let settled = settle::pairs(&tx, &pairs, now).await?;
    tx.commit().await?;
    memory::forget();
    if settled.refused > 0 || !unusable.is_empty() {
        let fields =
            json!({"service": "prices", "source": name, "refused": settled.refused, "unusable": unusable});
        log(Level::Warn, "not all that a source said is believed", fields);
    }
    let (rates, refused) = (settled.rates, settled.refused);
    Ok(Outcome { rates, refused, unusable, next_at: Some(next_at), ..Outcome::new(name, State::Refreshed) })
}

fn observed(source: &str, told: Told, limits: Limits, now: Timestamp) -> Observation {
    let Told { base, quote, rate, as_of } = told;
    let times = crate::model::Times {
        as_of,
        fetched_at: now,
        stale_at: as_of.after(limits.stale_after),
        refuse_at: as_of.after(limits.refuse_after),
    };
    Observation { base, quote, source: source.to_owned(), rate, times, refused: None, set_by: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn turn() -> store::Turn {
        let past = Timestamp::from_millis(0);
        store::Turn { next_at: past, lease_until: past, failures: 0, calls: 0 }
    }

    #[test]
    fn a_source_is_asked_when_its_time_has_come() {
        let early = store::Turn { next_at: NOW.after(LEASE), ..turn() };
        assert_eq!(keeps_from_asking(&turn(), 10, false, NOW), None);
        assert_eq!(keeps_from_asking(&early, 10, false, NOW), Some(State::Waiting));
        assert_eq!(keeps_from_asking(&early, 10, true, NOW), None);
    }

    #[test]
    fn who_asks_for_it_cannot_hurry_one_that_fails_or_is_exhausted() {
        let failing = store::Turn { next_at: NOW.after(LEASE), failures: 1, ..turn() };
        assert_eq!(keeps_from_asking(&failing, 10, true, NOW), Some(State::Waiting));
        let exhausted = store::Turn { calls: 10, ..turn() };
        assert_eq!(keeps_from_asking(&exhausted, 10, true, NOW), Some(State::Exhausted));
        let leased = store::Turn { lease_until: NOW.after(LEASE), ..turn() };
        assert_eq!(keeps_from_asking(&leased, 10, true, NOW), Some(State::Busy));
    }

    #[test]
    fn pauses_double_and_end_somewhere() {
        let interval = Duration::from_secs(60);
        let seconds = |failures| pause(failures, interval, None).as_secs();
        assert_eq!([0, 1, 2, 6, 7, 40, u32::MAX].map(seconds), [30, 60, 120, 1920, 3600, 3600, 3600]);
        assert_eq!(pause(0, interval, Some(Duration::from_secs(90))).as_secs(), 90);
        assert_eq!(pause(5, interval, Some(Duration::from_secs(90))).as_secs(), 960);
    }

    #[test]
    fn a_pause_is_never_shortened() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(100)).as_millis();
            assert!((100_000..110_000).contains(&pause), "{pause}");
        }
    }
}
