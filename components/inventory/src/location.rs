//! Locations: where stock lies.

use crate::item;
use crate::model::Location;
use crate::problem::Refused;
use crate::store::location as store;
use axum::response::Response;
use garde::Validate;
use http::{StatusCode, header};
use serde::Deserialize;
use souk_kit::id::LocationId;
use souk_kit::permission::scope::{INVENTORY_READ, INVENTORY_WRITE};
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::valid::present;
use souk_kit::{
    Attempt, Caller, Ctx, DbError, IfMatch, Page, PageQuery, PathId, Problem, Result, Submit, Tagged,
    Timestamp, Valid, ValidQuery,
};
use utoipa::ToSchema;

/// A new location.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Lyon"}))]
pub struct NewLocation {
    /// Its name, unique.
    #[garde(length(chars, min = 1, max = 100), custom(text::line))]
    name: String,
}

/// What changes in a location; what is absent stays.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"active": false}))]
pub struct LocationChange {
    /// Its name, unique.
    #[serde(deserialize_with = "present")]
    #[garde(inner(length(chars, min = 1, max = 100), custom(text::line)))]
    name: Option<String>,
    /// Whether what lies there is for sale. What is reserved there stays so, and can be shipped.
    #[serde(deserialize_with = "present")]
    #[garde(skip)]
    active: Option<bool>,
}

/// List locations.
#[utoipa::path(get, path = "/inventory/locations", tag = "inventory",
    params(("limit" = Option<u32>, Query, description = "How many at most: 1 to 100, 20 if absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    security(("bearer" = ["inventory:read"])),
    responses(
        (status = 200, body = Page<Location>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Page<Location>> {
    caller.needs(INVENTORY_READ)?;
    let found = store::list(&ctx.conn().await?, page.after()?, page.limit() + 1).await?;
    Page::new(found, page.limit(), |location| location.id)
}

/// Add a location.
#[utoipa::path(post, path = "/inventory/locations", tag = "inventory", request_body = NewLocation,
    security(("bearer" = ["inventory:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable")),
    responses(
        (status = 201, description = "Added", body = Location,
            headers(("Location" = String), ("ETag" = String, description = "Its version"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`location-name-taken`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn add(ctx: Ctx, caller: Caller, request: Submit<NewLocation>) -> Result<Response> {
    caller.needs(INVENTORY_WRITE)?;
    let tx = match request.once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let (id, now) = (LocationId::new(), Timestamp::now());
    let name = request.body.name;
    let location = Location { id, name, active: true, created_at: now, updated_at: now, version: 1 };
    store::write(&tx, &location).await.map_err(name_taken)?;
    let address = [(header::LOCATION, format!("/api/v1/inventory/locations/{id}"))];
    request.once.commit(tx, (StatusCode::CREATED, address, Tagged::new(1, location))).await
}

/// Rename, open or close a location.
#[utoipa::path(patch, path = "/inventory/locations/{id}", tag = "inventory", request_body = LocationChange,
    security(("bearer" = ["inventory:write"])),
    params(("id" = LocationId, Path, description = "The location"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is changed")),
    responses(
        (status = 200, description = "The location as it is now", body = Location,
            headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`location-name-taken`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn change(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<LocationId>,
    expected: IfMatch,
    Valid(change): Valid<LocationChange>,
) -> Result<Tagged<Location>> {
    caller.needs(INVENTORY_WRITE)?;
    let tx = ctx.begin().await?;
    let before = store::find(&tx, id).await?.ok_or_else(Problem::not_found)?;
    expected.check(before.version)?;
    let location = Location {
        name: change.name.unwrap_or(before.name),
        active: change.active.unwrap_or(before.active),
        version: before.version + 1,
        updated_at: Timestamp::now(),
        ..before
    };
    store::write(&tx, &location).await.map_err(name_taken)?;
    item::publish(&tx).await?;
    tx.commit().await?;
    Ok(Tagged::new(location.version, location))
}

fn name_taken(error: DbError) -> Problem {
    match error.violates("location.name") {
        true => Refused::LocationNameTaken.into(),
        false => error.into(),
    }
}
