//! Addresses of a customer.

use crate::access::{self, Who};
use crate::model::{Entry, EntryChange, EntryInput};
use crate::problem::CustomersError;
use crate::rules::MAX_ADDRESSES;
use crate::store;
use axum::response::Response;
use http::{StatusCode, header};
use souk_kit::id::AddressId;
use souk_kit::permission::scope::{CUSTOMERS_READ, CUSTOMERS_WRITE};
use souk_kit::problem::ProblemDocument;
use souk_kit::{
    Attempt, Caller, Ctx, IfMatch, IfNoneMatch, Page, PageQuery, PathId, PathIds, Result, Submit, Tagged,
    Timestamp, Valid, ValidQuery,
};

/// Add an address.
///
/// The first one becomes the default for shipping and billing. With an `Idempotency-Key` it can be repeated safely.
#[utoipa::path(post, path = "/customers/{id}/addresses", tag = "customers", security(("bearer" = [])), request_body = EntryInput,
    params(("id" = String, Path, description = "The customer's id, or `me`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable")),
    responses((status = 201, body = Entry, headers(("location" = String), ("etag" = String))),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument, description = "`too-many-addresses`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`, `idempotency-key-reused`")))]
pub async fn add(
    ctx: Ctx,
    caller: Caller,
    PathId(who): PathId<Who>,
    submit: Submit<EntryInput>,
) -> Result<Response> {
    let id = access::open(&ctx, &caller, who, CUSTOMERS_WRITE).await?.id;
    let Submit { body, once } = submit;
    let mut tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    store::find(&tx, id).await?; // It may have been erased meanwhile.
    let others = store::address::count(&tx, id).await?;
    if others >= MAX_ADDRESSES {
        return Err(CustomersError::TooManyAddresses.into());
    }
    let now = Timestamp::now();
    let entry = Entry {
        id: AddressId::new(),
        address: body.address,
        default_shipping: body.default_shipping || others == 0,
        default_billing: body.default_billing || others == 0,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    store::address::put(&mut tx, id, &entry).await?;
    let location = [(header::LOCATION, format!("/api/v1/customers/{id}/addresses/{}", entry.id))];
    once.about(Some(id)).commit(tx, (StatusCode::CREATED, location, Tagged::new(entry.version, entry))).await
}

/// List the addresses of a customer, oldest first.
#[utoipa::path(get, path = "/customers/{id}/addresses", tag = "customers", security(("bearer" = [])),
    params(("id" = String, Path, description = "The customer's id, or `me`"), PageQuery),
    responses((status = 200, body = Page<Entry>), (status = 404, body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    PathId(who): PathId<Who>,
    ValidQuery(page): ValidQuery<PageQuery>,
) -> Result<Page<Entry>> {
    let id = access::open(&ctx, &caller, who, CUSTOMERS_READ).await?.id;
    let entries = store::address::page(&ctx.conn().await?, id, page.after()?, page.limit() + 1).await?;
    Page::new(entries, page.limit(), |entry| entry.id)
}

/// Read an address.
#[utoipa::path(get, path = "/customers/{id}/addresses/{address}", tag = "customers", security(("bearer" = [])),
    params(("id" = String, Path, description = "The customer's id, or `me`"),
        ("address" = AddressId, Path, description = "The address's id"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses((status = 200, body = Entry), (status = 304, description = "Not changed since `If-None-Match`"),
    (status = 404, body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    PathIds(who, address): PathIds<Who, AddressId>,
    known: IfNoneMatch,
) -> Result<Tagged<Entry>> {
    let id = access::open(&ctx, &caller, who, CUSTOMERS_READ).await?.id;
    let entry = store::address::find(&ctx.conn().await?, id, address).await?;
    Ok(Tagged::new(entry.version, entry).unless(&known))
}

/// Change an address, or what it is the default for.
#[utoipa::path(patch, path = "/customers/{id}/addresses/{address}", tag = "customers", security(("bearer" = [])),
    request_body = EntryChange, params(("id" = String, Path, description = "The customer's id, or `me`"),
        ("address" = AddressId, Path, description = "The address's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is changed")),
    responses((status = 200, body = Entry), (status = 404, body = ProblemDocument),
    (status = 412, body = ProblemDocument, description = "`precondition-failed`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn change(
    ctx: Ctx,
    caller: Caller,
    PathIds(who, address): PathIds<Who, AddressId>,
    wanted: IfMatch,
    Valid(change): Valid<EntryChange>,
) -> Result<Tagged<Entry>> {
    let id = access::open(&ctx, &caller, who, CUSTOMERS_WRITE).await?.id;
    let mut tx = ctx.begin().await?;
    let mut entry = store::address::find(&tx, id, address).await?;
    wanted.check(entry.version)?;
    entry.version += 1;
    entry.updated_at = Timestamp::now();
    entry.address = change.address.unwrap_or(entry.address);
    entry.default_shipping = change.default_shipping.unwrap_or(entry.default_shipping);
    entry.default_billing = change.default_billing.unwrap_or(entry.default_billing);
    store::address::put(&mut tx, id, &entry).await?;
    tx.commit().await?;
    Ok(Tagged::new(entry.version, entry))
}

/// Remove an address. Orders and invoices keep the copy that they were made with.
#[utoipa::path(delete, path = "/customers/{id}/addresses/{address}", tag = "customers", security(("bearer" = [])),
    params(("id" = String, Path, description = "The customer's id, or `me`"),
        ("address" = AddressId, Path, description = "The address's id"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is removed")),
    responses((status = 204, description = "Removed"), (status = 404, body = ProblemDocument),
    (status = 412, body = ProblemDocument, description = "`precondition-failed`")))]
pub async fn remove(
    ctx: Ctx,
    caller: Caller,
    PathIds(who, address): PathIds<Who, AddressId>,
    wanted: IfMatch,
) -> Result<StatusCode> {
    let id = access::open(&ctx, &caller, who, CUSTOMERS_WRITE).await?.id;
    let mut tx = ctx.begin().await?;
    let entry = store::address::find(&tx, id, address).await?;
    wanted.check(entry.version)?;
    store::address::remove(&mut tx, entry.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
