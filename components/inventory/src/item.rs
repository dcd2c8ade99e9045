//! What can be promised of each variant, and what others are told of it.

use crate::model::{Availability, Stock};
use crate::store::item as store;
use axum::Json;
use garde::Validate;
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::{LocationId, VariantId};
use souk_kit::permission::scope::{INVENTORY_READ, INVENTORY_WRITE};
use souk_kit::problem::ProblemDocument;
use souk_kit::valid::IdList;
use souk_kit::{
    Caller, Ctx, IfMatch, Level, Page, PageQuery, PathId, Problem, Result, Tagged, Tx, Valid, ValidQuery, log,
};
use utoipa::{IntoParams, ToSchema};

/// More than anybody has.
pub const MAX_UNITS: i64 = 1_000_000_000;

/// Variants that one transaction publishes news of.
const NEWS_AT_ONCE: u32 = 50;
/// Such transactions of one maintenance.
const ROUNDS: usize = 10;

/// Which variants are asked about.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AvailabilityQuery {
    /// Ids of 1 to 100 variants, with commas between.
    #[garde(skip)]
    #[param(value_type = String, example = "var_06b8xk2m0q3v5t7w9y1z3b5d7f")]
    variants: IdList<VariantId>,
}

/// Which stock is wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StockQuery {
    /// Of this variant.
    #[garde(skip)]
    variant: Option<VariantId>,
    /// Of what has ever lain at this location.
    #[garde(skip)]
    location: Option<LocationId>,
    /// Low, or not low.
    #[garde(skip)]
    low: Option<bool>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// How the stock of a variant is watched.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"low_stock_threshold": 5}))]
pub struct Watch {
    /// From here down it is low; null for never.
    #[garde(inner(range(min = 0, max = MAX_UNITS)))]
    low_stock_threshold: Option<i64>,
}

/// How many units of variants can be bought, in the order of the ids; 0 of what was never received.
#[utoipa::path(get, path = "/inventory/availability", tag = "inventory", security((), ("bearer" = [])),
    params(AvailabilityQuery),
    responses(
        (status = 200, body = [Availability]),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn availability(
    ctx: Ctx,
    ValidQuery(query): ValidQuery<AvailabilityQuery>,
) -> Result<Json<Vec<Availability>>> {
    Ok(Json(store::availability(&ctx.conn().await?, &query.variants.0).await?))
}

/// List stock by variant.
#[utoipa::path(get, path = "/inventory/stock", tag = "inventory", params(StockQuery),
    security(("bearer" = ["inventory:read"])),
    responses(
        (status = 200, body = Page<Stock>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<StockQuery>,
) -> Result<Page<Stock>> {
    caller.needs(INVENTORY_READ)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let filter = store::Filter {
        variant: query.variant,
        location: query.location,
        low: query.low,
        after: page.after()?,
    };
    let found = store::list(&ctx.conn().await?, &filter, page.limit() + 1).await?;
    Page::new(found, page.limit(), |stock| stock.variant_id)
}

/// Say from where down the stock of a variant is low. A variant that was never received is known from then on, with none.
#[utoipa::path(put, path = "/inventory/stock/{variant}", tag = "inventory", request_body = Watch,
    security(("bearer" = ["inventory:write"])),
    params(("variant" = VariantId, Path, description = "The variant"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is changed")),
    responses(
        (status = 200, description = "The stock", body = Stock,
            headers(("ETag" = String, description = "The version of what is set here"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn watch(
    ctx: Ctx,
    caller: Caller,
    PathId(variant): PathId<VariantId>,
    expected: IfMatch,
    Valid(watch): Valid<Watch>,
) -> Result<Tagged<Stock>> {
    caller.needs(INVENTORY_WRITE)?;
    let tx = ctx.begin().await?;
    let version = store::find(&tx, variant).await?.map_or(0, |stock| stock.version);
    expected.check(version)?;
    store::set_threshold(&tx, variant, watch.low_stock_threshold, version + 1).await?;
    publish(&tx).await?;
    let stock = store::find(&tx, variant).await?.ok_or_else(|| Problem::internal("the item is gone"))?;
    tx.commit().await?;
    Ok(Tagged::new(stock.version, stock))
}

/// Tells what has changed since it was told, as part of a transaction. Whether there was more than one such takes.
pub async fn publish(tx: &Tx) -> Result<bool> {
    let all = store::take_news(tx, NEWS_AT_ONCE).await?;
    for news in &all {
        let variant = news.variant;
        if news.is_stock {
            let data = json!({"variant_id": variant, "available": news.available, "version": news.version});
            tx.emit("souk.stock.changed", variant, data).await?;
        }
        if news.is_low {
            let data =
                json!({"variant_id": variant, "available": news.available, "threshold": news.threshold});
            tx.emit("souk.stock.low", variant, data).await?;
        }
    }
    Ok(all.len() == NEWS_AT_ONCE as usize)
}

/// Tells all that has changed, as far as one maintenance goes.
pub async fn publish_all(ctx: &Ctx) -> Result<()> {
    for _ in 0..ROUNDS {
        let tx = ctx.begin().await?;
        let more = publish(&tx).await?;
        tx.commit().await?;
        if !more {
            break;
        }
    }
    Ok(())
}

/// Tells what a statement that stood alone has changed. Should this fail, the next change or maintenance tells it: what was
/// done stays done.
pub async fn publish_after(ctx: &Ctx, is_news: bool) {
    if !is_news {
        return;
    }
    let publishing = async {
        let tx = ctx.begin().await?;
        publish(&tx).await?;
        tx.commit().await.map_err(Problem::from)
    };
    if let Err(problem) = publishing.await {
        let fields =
            json!({"service": "inventory", "request.id": ctx.request_id(), "cause": problem.cause()});
        log(Level::Warn, "news of stock wait for the next change", fields);
    }
}
