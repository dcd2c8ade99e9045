//! Customers: adding, listing, reading, changing, erasing.

use crate::access::{self, Who};
use crate::model::{Buyer, Consents, Customer, CustomerChange, CustomerInput, Payer};
use crate::problem::CustomersError;
use crate::rules::{self, Erasure};
use crate::store::{self, Filter, NewCustomer};
use axum::Json;
use axum::response::Response;
use garde::Validate;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::{CustomerId, UserId};
use souk_kit::permission::scope::{CUSTOMERS_READ, CUSTOMERS_WRITE};
use souk_kit::problem::ProblemDocument;
use souk_kit::{
    Attempt, Caller, Ctx, FieldError, IfMatch, IfNoneMatch, Page, PageQuery, PathId, Problem, Result, Submit,
    Tagged, Timestamp, Tx, Valid, ValidQuery, once, words,
};
use utoipa::IntoParams;

/// Which customers to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Words of the name or of the e-mail address, or their beginnings: all of them must match.
    #[garde(inner(length(chars, min = 1, max = 254)))]
    q: Option<String>,
    /// Exactly this e-mail address.
    #[garde(inner(length(chars, min = 1, max = 254)))]
    email: Option<String>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// Add a customer: of an account, or a guest.
///
/// People who sign in have theirs by themselves (`GET /customers/me`). With an `Idempotency-Key` it can be repeated safely.
#[utoipa::path(post, path = "/customers", tag = "customers", security(("bearer" = ["customers:write"])),
    request_body = CustomerInput, params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable")),
    responses((status = 201, body = Customer, headers(("location" = String), ("etag" = String))),
    (status = 409, body = ProblemDocument, description = "`customer-exists`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`, `idempotency-key-reused`")))]
pub async fn add(ctx: Ctx, caller: Caller, submit: Submit<CustomerInput>) -> Result<Response> {
    caller.needs(CUSTOMERS_WRITE)?;
    let Submit { body, once } = submit;
    if let Some(user) = body.user_id
        && access::person(&ctx, user).await?.is_none()
    {
        return Err(Problem::invalid(vec![FieldError::at("/user_id", "is nobody's account")]));
    }
    let mut tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut consents = Consents::new();
    rules::note(&mut consents, body.consents, Timestamp::now());
    let new = NewCustomer {
        user_id: body.user_id,
        email: &body.email,
        name: body.name.as_deref(),
        phone: body.phone.as_deref(),
        language: body.language,
        currency: body.currency,
        consents,
        groups: tidy(body.groups.unwrap_or_default()),
    };
    let customer = store::insert(&mut tx, &new).await?.ok_or(CustomersError::CustomerExists)?;
    if !customer.groups.is_empty() {
        tell_groups(&tx, &customer).await?;
    }
    let location = [(header::LOCATION, format!("/api/v1/customers/{}", customer.id))];
    once.about(Some(customer.id))
        .commit(tx, (StatusCode::CREATED, location, Tagged::new(customer.version, customer)))
        .await
}

/// List and search customers.
#[utoipa::path(get, path = "/customers", tag = "customers", params(ListQuery), security(("bearer" = ["customers:read"])),
    responses((status = 200, body = Page<Customer>), (status = 422, body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Page<Customer>> {
    caller.needs(CUSTOMERS_READ)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let searched = query.q.as_deref().map(words::searched);
    if searched.as_ref().is_some_and(Vec::is_empty) {
        return Page::new(Vec::new(), page.limit(), |customer: &Customer| customer.id); // Signs that no name is made of.
    }
    let email = query.email.map(|email| email.trim().to_lowercase());
    let filter = Filter {
        words: &searched.unwrap_or_default(),
        email: email.as_deref(),
        after: page.after()?,
        limit: page.limit() + 1,
    };
    let customers = store::list(&ctx.conn().await?, &filter).await?;
    Page::new(customers, page.limit(), |customer| customer.id)
}

/// Read a customer: one's own, or any with the scope `customers:read`.
///
/// `me` is the customer of the account that is signed in, made on first use with what the account says.
#[utoipa::path(get, path = "/customers/{id}", tag = "customers", security(("bearer" = [])),
    params(("id" = String, Path, description = "The customer's id, or `me`"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of what the client has")),
    responses((status = 200, body = Customer), (status = 304, description = "Not changed since `If-None-Match`"),
    (status = 404, body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    PathId(who): PathId<Who>,
    known: IfNoneMatch,
) -> Result<Tagged<Customer>> {
    let customer = access::open(&ctx, &caller, who, CUSTOMERS_READ).await?;
    Ok(Tagged::new(customer.version, customer).unless(&known))
}

/// Change a customer: one's own, or any with the scope `customers:write`, which alone may say which groups they are in.
#[utoipa::path(patch, path = "/customers/{id}", tag = "customers", security(("bearer" = [])), request_body = CustomerChange,
    params(("id" = String, Path, description = "The customer's id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is changed")),
    responses((status = 200, body = Customer), (status = 404, body = ProblemDocument),
    (status = 412, body = ProblemDocument, description = "`precondition-failed`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn change(
    ctx: Ctx,
    caller: Caller,
    PathId(who): PathId<Who>,
    wanted: IfMatch,
    Valid(change): Valid<CustomerChange>,
) -> Result<Tagged<Customer>> {
    let id = access::open(&ctx, &caller, who, CUSTOMERS_WRITE).await?.id;
    if change.groups.is_some() {
        caller.needs(CUSTOMERS_WRITE)?;
    }
    let mut tx = ctx.begin().await?;
    let mut customer = store::find(&tx, id).await?;
    wanted.check(customer.version)?;
    let before = customer.groups.clone();
    apply(&mut customer, change);
    store::update(&mut tx, &customer).await?;
    if customer.groups != before {
        tell_groups(&tx, &customer).await?;
    }
    tx.commit().await?;
    Ok(Tagged::new(customer.version, customer))
}

fn apply(customer: &mut Customer, change: CustomerChange) {
    customer.version += 1;
    customer.updated_at = Timestamp::now();
    rules::note(&mut customer.consents, change.consents, customer.updated_at);
    if let Some(email) = change.email {
        customer.email = email;
    }
    if let Some(name) = change.name {
        customer.name = name;
    }
    if let Some(phone) = change.phone {
        customer.phone = phone;
    }
    if let Some(groups) = change.groups {
        customer.groups = tidy(groups);
    }
    customer.language = change.language.unwrap_or(customer.language);
    customer.currency = change.currency.unwrap_or(customer.currency);
}

/// Groups as they are kept: in order, each once.
fn tidy(mut groups: Vec<String>) -> Vec<String> {
    groups.sort();
    groups.dedup();
    groups
}

/// Tells orders which groups a person is in, so that no cart has to ask.
async fn tell_groups(tx: &Tx, customer: &Customer) -> Result<()> {
    let told = json!({
        "user_id": customer.user_id, "customer_id": customer.id, "groups": customer.groups,
        "version": customer.version,
    });
    tx.emit("souk.customer.changed", customer.id, told).await
}

/// Erase a customer: one's own, or any with the scope `customers:write`.
///
/// Everything personal is erased at once and for good. The answer says what stays, why, and until when.
#[utoipa::path(delete, path = "/customers/{id}", tag = "customers", security(("bearer" = [])),
    params(("id" = String, Path, description = "The customer's id, or `me`"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the version that is erased")),
    responses((status = 200, body = Erasure), (status = 404, body = ProblemDocument),
    (status = 412, body = ProblemDocument, description = "`precondition-failed`")))]
pub async fn erase(
    ctx: Ctx,
    caller: Caller,
    PathId(who): PathId<Who>,
    wanted: IfMatch,
) -> Result<Json<Erasure>> {
    let id = access::open(&ctx, &caller, who, CUSTOMERS_WRITE).await?.id;
    let mut tx = ctx.begin().await?;
    let customer = store::find(&tx, id).await?;
    wanted.check(customer.version)?;
    blank(&mut tx, &customer).await?;
    tx.commit().await?;
    Ok(Json(rules::erasure(customer.user_id.is_some(), Timestamp::now())))
}

/// Erases everything personal, and tells whoever has copies.
pub async fn blank(tx: &mut Tx, customer: &Customer) -> Result<()> {
    store::erase(tx, customer.id).await?;
    once::forget(tx, customer.id).await?;
    if let Some(user) = customer.user_id {
        once::forget(tx, user).await?;
    }
    let told = json!({"user_id": customer.user_id, "customer_id": customer.id});
    tx.emit("souk.customer.erased", customer.id, told).await
}

/// What orders need to know of the buyer who has an account. Made on first use.
#[utoipa::path(get, path = "/internal/customers/by-user/{user_id}", tag = "internal",
    params(("user_id" = UserId, Path, description = "The account")),
    responses((status = 200, body = Buyer), (status = 404, body = ProblemDocument)))]
pub async fn by_user(ctx: Ctx, caller: Caller, PathId(user): PathId<UserId>) -> Result<Json<Buyer>> {
    caller.must_be_service("orders")?;
    let customer = access::of_user(&ctx, user).await?;
    let addresses = store::address::all(&ctx.conn().await?, customer.id).await?;
    let Customer { id, email, name, language, currency, .. } = customer;
    Ok(Json(Buyer { id, email, name, language, currency, addresses }))
}

/// What billing needs to know of a customer: what their invoices can be found by.
#[utoipa::path(get, path = "/internal/customers/{id}", tag = "internal",
    params(("id" = CustomerId, Path, description = "The customer")),
    responses((status = 200, body = Payer), (status = 404, body = ProblemDocument)))]
pub async fn payer(ctx: Ctx, caller: Caller, PathId(id): PathId<CustomerId>) -> Result<Json<Payer>> {
    caller.must_be_service("billing")?;
    let Customer { user_id, email, .. } = store::find(&ctx.conn().await?, id).await?;
    Ok(Json(Payer { user_id, email }))
}
