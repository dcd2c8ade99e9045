//! Rates, as anybody may see them: with their sources and their age.

use crate::book::{Book, Leg, Way};
use crate::decimal::Rate;
use crate::model::{Code, Observation};
use crate::store::{self, rate::Pair};
use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::problem::ProblemDocument;
use souk_kit::valid::IdList;
use souk_kit::{Conn, Ctx, FieldError, Problem, Result, Timestamp, ValidQuery};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which rates are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RateQuery {
    /// Of one of this instrument.
    #[garde(skip)]
    #[param(value_type = String, example = "EUR")]
    base: Code,
    /// In these: 1 to 100 codes, with commas between.
    #[garde(skip)]
    #[param(value_type = String, example = "USD,GBP")]
    quote: IdList<Code>,
}

/// What one of an instrument is worth in another.
#[derive(Debug, Serialize, ToSchema)]
pub struct RateView {
    /// Of one of this.
    pub base: Code,
    /// In this.
    pub quote: Code,
    /// So many of the quote for one of the base. Where it comes from several rates, or from the inverse of one, and has more
    /// than 18 significant digits, it is rounded half to even; `path` has what it is exactly.
    #[schema(example = "1.0944")]
    pub rate: String,
    /// When the oldest of the rates that it comes from was so.
    pub as_of: Timestamp,
    /// When the newest of them was learned.
    pub fetched_at: Timestamp,
    /// How old it is, in seconds.
    pub age_s: i64,
    /// Whether it is older than it should be.
    pub stale: bool,
    /// Whether it is too old to be used.
    pub refused: bool,
    /// The rates that it comes from, one after the other.
    pub path: Vec<Leg>,
    /// What the sources of these rates said last.
    pub sources: Vec<SourceView>,
}

/// What a source said last of a pair.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceView {
    /// Of one of this.
    pub base: Code,
    /// In this.
    pub quote: Code,
    /// Who said so: `ecb`, `coingecko`, `chainlink` or `manual`.
    #[schema(example = "ecb")]
    pub source: String,
    /// What.
    pub rate: Rate,
    /// When it was so.
    pub as_of: Timestamp,
    /// When it was fetched, or set.
    pub fetched_at: Timestamp,
    /// Whether it is older than it should be.
    pub stale: bool,
    /// Why it was not believed; absent if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl SourceView {
    fn new(one: &Observation, now: Timestamp) -> Self {
        Self {
            base: one.base.clone(),
            quote: one.quote.clone(),
            source: one.source.clone(),
            rate: one.rate,
            as_of: one.times.as_of,
            fetched_at: one.times.fetched_at,
            stale: now >= one.times.stale_at,
            refused: one.refused.clone(),
        }
    }
}

/// What one of an instrument is worth in others, with sources and age. Where no rate is known directly, it is derived: from
/// the inverse, or through euros and dollars. What is not known at all is absent.
#[utoipa::path(get, path = "/prices/rates", tag = "prices", security((), ("bearer" = [])), params(RateQuery),
    responses(
        (status = 200, body = [RateView]),
        (status = 422, description = "`invalid-request`: an instrument is unknown, or in both", body = ProblemDocument)))]
pub async fn list(ctx: Ctx, ValidQuery(query): ValidQuery<RateQuery>) -> Result<Json<Vec<RateView>>> {
    let conn = ctx.conn().await?;
    let book = store::book::read(&conn).await?;
    must_know(&book, &query.base, "base")?;
    for quote in &query.quote.0 {
        must_know(&book, quote, "quote")?;
        if *quote == query.base {
            return Err(invalid("quote", "is the base itself"));
        }
    }
    views(&conn, &book, &query.base, &query.quote.0).await.map(Json)
}

/// What one of `base` is worth in each of `quotes`, of which a rate is known.
pub async fn views(conn: &Conn, book: &Book, base: &Code, quotes: &[Code]) -> Result<Vec<RateView>> {
    let now = Timestamp::now();
    let ways: Vec<(&Code, Way)> =
        quotes.iter().filter_map(|quote| Some((quote, book.way(base, quote, now)?))).collect();
    let mut pairs: Vec<Pair> = ways.iter().flat_map(|(_, way)| way.legs.iter().map(pair)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let said = store::rate::observations(conn, &pairs).await?;
    Ok(ways.into_iter().map(|(quote, way)| view(base, quote, way, &said, now)).collect())
}

fn pair(leg: &Leg) -> Pair {
    (leg.base.clone(), leg.quote.clone())
}

fn view(
    base: &Code,
    quote: &Code,
    way: Way,
    said: &BTreeMap<Pair, Vec<Observation>>,
    now: Timestamp,
) -> RateView {
    let sources = way.legs.iter().flat_map(|leg| said.get(&pair(leg)).into_iter().flatten());
    RateView {
        base: base.clone(),
        quote: quote.clone(),
        rate: way.rate(),
        as_of: way.times.as_of,
        fetched_at: way.times.fetched_at,
        age_s: way.age_s(now),
        stale: way.is_stale(now),
        refused: !way.is_usable(now),
        sources: sources.map(|one| SourceView::new(one, now)).collect(),
        path: way.legs,
    }
}

fn invalid(parameter: &str, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError::parameter(parameter, detail)])
}

/// Refuses an instrument that nobody knows.
pub fn must_know(book: &Book, code: &Code, parameter: &str) -> Result<u32> {
    book.decimals(code).ok_or_else(|| invalid(parameter, "is no known instrument"))
}
