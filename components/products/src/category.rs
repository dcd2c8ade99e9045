//! Categories: the tree that products are put into.

use crate::model::Texts;
use crate::problem::Refused;
use crate::rules::{self, MAX_CATEGORIES_IN_ALL};
use crate::store::category::{self as store, Tree};
use axum::Json;
use axum::response::Response;
use garde::Validate;
use garde::error::Path as FieldPath;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use souk_kit::id::CategoryId;
use souk_kit::permission::scope::PRODUCTS_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Attempt, Caller, Conn, Ctx, FieldError, PathId, Problem, Result, Submit, Valid};
use utoipa::ToSchema;

/// A category.
#[derive(Debug, Serialize, ToSchema)]
pub struct Category {
    /// Its id.
    pub id: CategoryId,
    /// Its name in addresses; it never changes.
    #[schema(example = "lighting")]
    pub slug: String,
    /// Its name, by language.
    #[schema(example = json!({"en": "Lighting", "fr": "Luminaires"}))]
    pub name: Texts,
    /// The slug of the category above; null at the top.
    pub parent: Option<String>,
    /// How many published products are in it, and in those below it.
    pub product_count: i64,
}

/// Every category of the shop.
#[derive(Debug, Serialize, ToSchema)]
pub struct Categories {
    /// Ordered by slug.
    pub items: Vec<Category>,
}

/// A new category.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"slug": "lighting", "name": {"en": "Lighting"}, "parent": null}))]
pub struct NewCategory {
    /// Its name in addresses.
    pub slug: String,
    /// Its name in at least one language.
    pub name: Texts,
    /// The slug of the category above.
    #[serde(default)]
    pub parent: Option<String>,
}

/// What changes in a category; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"name": {"en": "Lamps"}}))]
pub struct CategoryChange {
    /// Its name, by language.
    #[serde(deserialize_with = "souk_kit::valid::present")]
    pub name: Option<Texts>,
    /// The slug of the category above; null for none.
    #[serde(deserialize_with = "souk_kit::valid::present")]
    #[schema(value_type = Option<String>)]
    pub parent: Option<Option<String>>,
}

impl Validate for NewCategory {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> FieldPath, into: &mut garde::Report) {
        if let Err(detail) = rules::slug_is_fit(&self.slug) {
            into.append(parent().join("slug"), garde::Error::new(detail));
        }
        rules::tell(rules::check_texts("name", &self.name, true), parent, into);
    }
}

impl Validate for CategoryChange {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> FieldPath, into: &mut garde::Report) {
        if let Some(name) = &self.name {
            rules::tell(rules::check_texts("name", name, true), parent, into);
        }
    }
}

/// List every category, in one flat list that names each one's parent.
#[utoipa::path(get, path = "/categories", tag = "categories", security((), ("bearer" = [])),
    responses((status = 200, description = "Every category", body = Categories)))]
pub async fn list(ctx: Ctx, _: Caller) -> Result<Json<Categories>> {
    let items = store::list(&ctx.conn().await?, None).await?.into_iter().map(Category::from).collect();
    Ok(Json(Categories { items }))
}

/// Add a category.
#[utoipa::path(post, path = "/categories", tag = "categories", request_body = NewCategory,
    security(("bearer" = ["products:write"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable")),
    responses(
        (status = 201, description = "Added", body = Category),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`slug-taken`, `too-many-categories`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn add(ctx: Ctx, caller: Caller, request: Submit<NewCategory>) -> Result<Response> {
    caller.needs(PRODUCTS_WRITE)?;
    let tx = match request.once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let NewCategory { slug, name, parent } = request.body;
    let tree = Tree::read(&tx).await?;
    if tree.len() >= MAX_CATEGORIES_IN_ALL {
        return Err(Refused::TooManyCategories.into());
    }
    let parent = number_of(&tree, parent.as_deref())?;
    if !store::add(&tx, &slug, &name, parent).await? {
        return Err(Refused::SlugTaken { slug }.into());
    }
    let location = [(header::LOCATION, format!("/api/v1/categories/{slug}"))];
    let category = read(&tx, &slug).await?;
    request.once.commit(tx, (StatusCode::CREATED, location, Json(category))).await
}

/// Rename a category or put it elsewhere. Every product in it is indexed anew, which takes seconds for tens of thousands.
#[utoipa::path(patch, path = "/categories/{slug}", tag = "categories", request_body = CategoryChange,
    security(("bearer" = ["products:write"])), params(("slug" = String, Path, description = "Its slug")),
    responses(
        (status = 200, description = "The category as it is now", body = Category),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn change(
    ctx: Ctx,
    caller: Caller,
    PathId(slug): PathId<String>,
    Valid(change): Valid<CategoryChange>,
) -> Result<Json<Category>> {
    caller.needs(PRODUCTS_WRITE)?;
    let tx = ctx.begin().await?;
    let tree = Tree::read(&tx).await?;
    let old_name = tree.name(&slug).ok_or_else(Problem::not_found)?;
    let name = change.name.as_ref().unwrap_or(old_name);
    let old_parent = tree.parents.get(&slug).cloned().flatten();
    let parent = change.parent.unwrap_or(old_parent.clone());
    let number = number_of(&tree, parent.as_deref())?;
    if parent.as_deref().is_some_and(|parent| rules::would_be_its_own_ancestor(&slug, parent, &tree.parents))
    {
        return Err(Problem::invalid(vec![FieldError::at("/parent", "is the category itself, or below it")]));
    }
    if name != old_name || parent != old_parent {
        store::change(&tx, &slug, name, number).await?;
        store::reindex(&tx, &Tree::read(&tx).await?, &slug).await?;
    }
    let category = read(&tx, &slug).await?;
    tx.commit().await?;
    Ok(Json(category))
}

/// Remove a category that has neither products nor sub-categories.
#[utoipa::path(delete, path = "/categories/{slug}", tag = "categories",
    security(("bearer" = ["products:write"])), params(("slug" = String, Path, description = "Its slug")),
    responses(
        (status = 204, description = "Removed"),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`category-in-use`", body = ProblemDocument)))]
pub async fn remove(ctx: Ctx, caller: Caller, PathId(slug): PathId<String>) -> Result<StatusCode> {
    caller.needs(PRODUCTS_WRITE)?;
    let tx = ctx.begin().await?;
    let number = Tree::read(&tx).await?.number(&slug).ok_or_else(Problem::not_found)?;
    if !store::remove(&tx, number).await? {
        return Err(Refused::CategoryInUse.into());
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<store::CategoryRow> for Category {
    fn from(row: store::CategoryRow) -> Self {
        let store::CategoryRow { id, slug, name, parent, product_count } = row;
        Self { id, slug, name, parent, product_count }
    }
}

async fn read(conn: &Conn, slug: &str) -> Result<Category> {
    let row = store::list(conn, Some(slug)).await?.into_iter().next();
    row.map(Category::from).ok_or_else(Problem::not_found)
}

/// The row of the category above, if one is wanted.
fn number_of(tree: &Tree, parent: Option<&str>) -> Result<Option<i64>> {
    let Some(slug) = parent else { return Ok(None) };
    let unknown = || Problem::invalid(vec![FieldError::at("/parent", "is not a category")]);
    tree.number(slug).map(Some).ok_or_else(unknown)
}
