//! What rates were.

use crate::decimal::Rate;
use crate::model::Code;
use crate::store::history::{self as store, Span};
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Ctx, Page, PageQuery, PathIds, Problem, Result, Timestamp, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// Which part of a history is wanted, newest first.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Not before this time.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Not after this time.
    #[garde(skip)]
    to: Option<Timestamp>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// What a rate was.
#[derive(Debug, Serialize, ToSchema)]
pub struct PastRate {
    /// When.
    pub as_of: Timestamp,
    /// What: with at most 18 significant digits where it is the inverse of what is known.
    #[schema(example = "1.0944")]
    pub rate: String,
}

/// What the rate of a pair was, every time that it was learned; of days long ago, the last of each. Only of pairs whose rate
/// some source tells, in either direction.
#[utoipa::path(get, path = "/prices/rates/{base}/{quote}/history", tag = "prices", security((), ("bearer" = [])),
    params(("base" = Code, Path, description = "Of one of this"), ("quote" = Code, Path, description = "In this"),
        HistoryQuery),
    responses(
        (status = 200, body = Page<PastRate>),
        (status = 404, description = "`not-found`: nothing is known of this pair", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    PathIds(base, quote): PathIds<Code, Code>,
    ValidQuery(query): ValidQuery<HistoryQuery>,
) -> Result<Page<PastRate>> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let span = Span { from: query.from, to: query.to, before: page.after()? };
    let conn = ctx.conn().await?;
    let (forth, back) = ((base.clone(), quote.clone()), (quote, base));
    let (pair, is_inverse) = match store::has(&conn, &forth).await? {
        true => (forth, false),
        false if store::has(&conn, &back).await? => (back, true),
        false => return Err(Problem::not_found()),
    };
    let shown = |rate: Rate| if is_inverse { rate.ratio().inverse().decimal() } else { rate.to_string() };
    let found = store::list(&conn, &pair, &span, page.limit() + 1).await?;
    let found = found.into_iter().map(|(as_of, rate)| PastRate { as_of, rate: shown(rate) }).collect();
    Page::new(found, page.limit(), |past: &PastRate| past.as_of.as_millis())
}
