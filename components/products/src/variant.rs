//! Variants by their ids: what a cart must know of what is in it.

use crate::model::Texts;
use crate::store;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::header;
use serde::{Deserialize, Serialize};
use souk_kit::id::{ProductId, VariantId};
use souk_kit::permission::scope::PRODUCTS_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::valid::IdList;
use souk_kit::{Caller, Ctx, Money, Result, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// Which variants are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VariantsQuery {
    /// Ids of 1 to 100 variants, with commas between.
    #[garde(skip)]
    #[param(value_type = String, example = "var_06b8xk2m0q3v5t7w9y1z3b5d7f")]
    pub ids: IdList<VariantId>,
}

/// A variant with what it takes from its product. The database makes its JSON: this is what it looks like.
#[derive(Debug, Serialize, ToSchema)]
pub struct VariantSummary {
    /// Its id.
    variant_id: VariantId,
    /// Its product's id.
    product_id: ProductId,
    /// Its product's name in addresses.
    slug: String,
    /// Stock keeping unit.
    sku: String,
    /// Its product's title, by language.
    title: Texts,
    /// Its value of each of the product's options.
    options: Texts,
    /// What it costs.
    price: Money,
    /// Its weight in grams.
    weight_g: Option<u32>,
    /// Slugs of its product's categories.
    categories: Vec<String>,
    /// Whether it can be bought.
    available: bool,
    /// Whether it cannot only because inventory has none at the moment.
    sold_out: bool,
}

/// Read variants by their ids, in the order of the ids. What is unknown or not published is absent; those who may change
/// products see what is not published, too.
#[utoipa::path(get, path = "/products/variants", tag = "products", security((), ("bearer" = [])),
    params(VariantsQuery),
    responses(
        (status = 200, description = "Those that are there", body = [VariantSummary]),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<VariantsQuery>,
) -> Result<Response> {
    let variants = store::variants(&ctx.conn().await?, &query.ids.0, caller.has(PRODUCTS_WRITE)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], variants).into_response())
}
