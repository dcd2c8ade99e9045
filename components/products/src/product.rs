//! Products: adding, reading, changing, removing, restoring.

use crate::model::{Product, ProductChange, ProductInput, Status};
use crate::problem::Refused;
use crate::rules;
use crate::store::category::Tree;
use crate::store::write::{Entry, write};
use crate::store::{self, Stored};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;
use souk_kit::permission::scope::PRODUCTS_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::{
    Attempt, Caller, Ctx, FieldError, IfMatch, IfNoneMatch, PathId, Problem, Result, Submit, Tagged,
    Timestamp, Tx, Valid,
};

/// Add a product. Repeating it with the same `Idempotency-Key` adds nothing and answers the same.
#[utoipa::path(post, path = "/products", tag = "products", request_body = ProductInput,
    security(("bearer" = ["products:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable")),
    responses(
        (status = 201, description = "Added", body = Product,
            headers(("Location" = String), ("ETag" = String, description = "Its version"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`slug-taken`, `sku-taken`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn add(ctx: Ctx, caller: Caller, request: Submit<ProductInput>) -> Result<Response> {
    caller.needs(PRODUCTS_WRITE)?;
    let tx = match request.once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let number = store::next_number(&tx).await?;
    let product = Product::from_input(request.body, None, Timestamp::now());
    let product = save(&tx, Entry { number, version: 1, deleted: false, product }).await?;
    tx.emit("souk.product.created", product.id, json!({"slug": product.slug, "status": product.status}))
        .await?;
    let location = [(header::LOCATION, format!("/api/v1/products/{}", product.id))];
    request.once.commit(tx, (StatusCode::CREATED, location, Tagged::new(1, product))).await
}

/// Read a product by its id or its slug. Drafts and archived ones are there only for those who may change them.
#[utoipa::path(get, path = "/products/{id}", tag = "products", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "Its id or slug"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses(
        (status = 200, description = "The product", body = Product,
            headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "The client has it already"),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    PathId(key): PathId<String>,
    known: IfNoneMatch,
) -> Result<Response> {
    let ready = store::ready(&ctx.conn().await?, &key, caller.has(PRODUCTS_WRITE)).await?;
    let ready = ready.ok_or_else(Problem::not_found)?;
    let mut answer = Tagged::new(ready.version, ()).unless(&known).into_response();
    if answer.status() == StatusCode::OK {
        *answer.body_mut() = Body::from(ready.document);
    }
    Ok(answer)
}

/// Change a product: fields that are sent replace those that are there (JSON merge patch of the top level).
#[utoipa::path(patch, path = "/products/{id}", tag = "products", request_body = ProductChange,
    security(("bearer" = ["products:write"])),
    params(("id" = String, Path, description = "Its id or slug"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is changed")),
    responses(
        (status = 200, description = "The product as it is now", body = Product,
            headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`slug-taken`, `sku-taken`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn change(
    ctx: Ctx,
    caller: Caller,
    PathId(key): PathId<String>,
    expected: IfMatch,
    Valid(change): Valid<ProductChange>,
) -> Result<Tagged<Product>> {
    caller.needs(PRODUCTS_WRITE)?;
    let (tx, mut stored) = open(&ctx, &key, &expected).await?;
    let input = change.apply(stored.product.input());
    fit(&input)?;
    stored.product = Product::from_input(input, Some(stored.product), Timestamp::now());
    update(tx, stored).await
}

/// Delete a product. Its slug and SKUs stay taken, so that it can be restored. Deleting it again changes nothing.
#[utoipa::path(delete, path = "/products/{id}", tag = "products", security(("bearer" = ["products:write"])),
    params(("id" = String, Path, description = "Its id or slug"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is deleted")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument)))]
pub async fn delete(
    ctx: Ctx,
    caller: Caller,
    PathId(key): PathId<String>,
    expected: IfMatch,
) -> Result<StatusCode> {
    caller.needs(PRODUCTS_WRITE)?;
    let tx = ctx.begin().await?;
    let stored = store::find(&tx, &key).await?.ok_or_else(Problem::not_found)?;
    if stored.deleted {
        tx.rollback().await?;
        return Ok(StatusCode::NO_CONTENT);
    }
    expected.check(stored.version)?;
    let product = Product { status: Status::Archived, updated_at: Timestamp::now(), ..stored.product };
    let version = stored.version + 1;
    let product = save(&tx, Entry { number: stored.number, version, deleted: true, product }).await?;
    tx.emit("souk.product.deleted", product.id, json!({"slug": product.slug})).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Restore a deleted product, as a draft. One that is not deleted stays as it is.
#[utoipa::path(post, path = "/products/{id}/restore", tag = "products",
    security(("bearer" = ["products:write"])),
    params(("id" = String, Path, description = "Its id or slug")),
    responses(
        (status = 200, description = "The product as it is now", body = Product,
            headers(("ETag" = String, description = "Its version"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn restore(ctx: Ctx, caller: Caller, PathId(key): PathId<String>) -> Result<Tagged<Product>> {
    caller.needs(PRODUCTS_WRITE)?;
    let tx = ctx.begin().await?;
    let mut stored = store::find(&tx, &key).await?.ok_or_else(Problem::not_found)?;
    if !stored.deleted {
        tx.rollback().await?;
        return Ok(Tagged::new(stored.version, stored.product));
    }
    stored.product.status = Status::Draft;
    // Categories may have gone meanwhile.
    let tree = Tree::read(&tx).await?;
    stored.product.categories.retain(|slug| tree.number(slug).is_some());
    update(tx, stored).await
}

/// The product, unless it was deleted.
pub async fn present(tx: &Tx, key: &str) -> Result<Stored> {
    store::find(tx, key).await?.filter(|stored| !stored.deleted).ok_or_else(Problem::not_found)
}

/// The product as it is in a transaction that will change it, if it is of the version that the client knows.
pub async fn open(ctx: &Ctx, key: &str, expected: &IfMatch) -> Result<(Tx, Stored)> {
    let tx = ctx.begin().await?;
    let stored = present(&tx, key).await?;
    expected.check(stored.version)?;
    Ok((tx, stored))
}

/// Writes a product that has changed, as its next version, and tells of it.
pub async fn update(tx: Tx, changed: Stored) -> Result<Tagged<Product>> {
    let Stored { number, version, product, .. } = changed;
    let version = version + 1;
    let product = Product { updated_at: Timestamp::now(), ..product };
    let product = save(&tx, Entry { number, version, deleted: false, product }).await?;
    tx.emit("souk.product.updated", product.id, json!({"slug": product.slug, "status": product.status}))
        .await?;
    tx.commit().await?;
    Ok(Tagged::new(version, product))
}

/// Refuses a product that the rules do not allow.
fn fit(input: &ProductInput) -> Result<()> {
    let errors: Vec<_> = rules::check(input)
        .into_iter()
        .map(|finding| FieldError::at(format!("/{}", finding.path.join("/")), finding.detail))
        .collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(Problem::invalid(errors)),
    }
}

/// Writes a product whose slug, SKUs and categories are its own to use.
async fn save(tx: &Tx, entry: Entry) -> Result<Product> {
    let (number, product) = (entry.number, &entry.product);
    if store::slug_owner(tx, &product.slug).await?.is_some_and(|owner| owner != number) {
        return Err(Refused::SlugTaken { slug: product.slug.clone() }.into());
    }
    let skus: Vec<&str> = product.variants.iter().map(|variant| variant.sku.as_str()).collect();
    let owners = store::sku_owners(tx, &skus).await?;
    let taken = skus.iter().position(|sku| owners.get(*sku).is_some_and(|owner| *owner != number));
    if let Some(variant) = taken {
        return Err(Refused::SkuTaken { sku: skus[variant].to_owned(), variant }.into());
    }
    let tree = Tree::read(tx).await?;
    let unknown = unknown_categories(&tree, &product.categories);
    if !entry.deleted && !unknown.is_empty() {
        return Err(Problem::invalid(unknown));
    }
    write(tx, &tree, std::slice::from_ref(&entry)).await?;
    Ok(entry.product)
}

/// An error for each category that is not there.
pub fn unknown_categories(tree: &Tree, categories: &[String]) -> Vec<FieldError> {
    let unknown = categories.iter().enumerate().filter(|(_, slug)| tree.number(slug).is_none());
    unknown.map(|(index, _)| FieldError::at(format!("/categories/{index}"), "is not a category")).collect()
}
