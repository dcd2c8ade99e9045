//! What a customer has ordered: orders knows it, and is asked.

use crate::access::{self, Who};
use axum::Json;
use garde::Validate;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use souk_kit::permission::scope::ORDERS_READ;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Result, ValidQuery};
use utoipa::IntoParams;

/// Which page of the orders.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// List a customer's orders, newest first: one's own, or any with the scope `orders:read`. A guest record has none: a
/// guest's order is tied to its token, not to a person.
#[utoipa::path(get, path = "/customers/{id}/orders", tag = "customers", security(("bearer" = [])),
    params(("id" = String, Path, description = "The customer's id, or `me`"), Query),
    responses((status = 200, description = "A page, as `GET /orders` gives it", body = Value), (status = 404, body = ProblemDocument),
    (status = 503, body = ProblemDocument, description = "`unavailable`: orders does not answer")))]
pub async fn orders(
    ctx: Ctx,
    caller: Caller,
    PathId(who): PathId<Who>,
    ValidQuery(query): ValidQuery<Query>,
) -> Result<Json<Value>> {
    let customer = access::open(&ctx, &caller, who, ORDERS_READ).await?;
    let Some(user) = customer.user_id else { return Ok(Json(json!({"items": []}))) };
    let mut path = format!("/orders?user_id={user}&limit={}", query.limit.unwrap_or(20));
    if let Some(cursor) = query.cursor {
        // A cursor is base64url: what is not cannot be one that a list gave.
        let plain: String =
            cursor.chars().filter(|it| it.is_ascii_alphanumeric() || "-_".contains(*it)).collect();
        path += &format!("&cursor={plain}");
    }
    let reply = ctx.call(Method::GET, "orders", path).on_behalf_of(&caller).send().await?;
    reply.json().map(Json)
}
