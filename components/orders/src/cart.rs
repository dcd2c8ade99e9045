//! Carts: a guest's, opened by its token, or the one of a person who signed in.

use crate::ask;
use crate::buyer::{self, Buyer, Owner};
use crate::contents::{MAX_COUPONS, absorb, code, put, tidy_codes, view};
use crate::model::{Cart, Destination, MAX_UNITS, Texts};
use crate::pricing::Offer;
use crate::problem::OrdersError;
use crate::store::cart::{self, StoredCart};
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use souk_kit::id::{CartId, LineId, UserId, VariantId};
use souk_kit::problem::ProblemDocument;
use souk_kit::valid::present;
use souk_kit::{
    Attempt, Conn, Ctx, Currency, FieldError, Money, PathId, PathIds, Problem, Result, Submit, Timestamp, Tx,
    Valid,
};
use std::time::Duration;
use utoipa::ToSchema;

/// How long a cart that nobody touches is kept.
const KEPT: Duration = Duration::from_secs(60 * 24 * 3600);

/// How often somebody else may change a cart first.
const TRIES: usize = 10;

/// A cart as it is begun.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCart {
    /// Of all its prices; that of the first product if absent.
    #[garde(skip)]
    #[serde(default)]
    currency: Option<Currency>,
}

/// Units to put into a cart.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// What.
    #[garde(skip)]
    variant_id: VariantId,
    /// How many.
    #[garde(range(min = 1, max = MAX_UNITS))]
    quantity: u32,
}

/// How many of a line there are to be.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineChange {
    /// How many.
    #[garde(range(min = 1, max = MAX_UNITS))]
    quantity: u32,
}

/// What else a buyer says of a cart. What is absent stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
pub struct CartChange {
    /// The coupon codes to apply, at most 10.
    #[garde(inner(length(max = MAX_COUPONS), inner(length(chars, min = 1, max = 40), custom(code))))]
    #[serde(deserialize_with = "present")]
    coupons: Option<Vec<String>>,
    /// Where it would go; null for not known yet.
    #[garde(dive)]
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<Destination>)]
    destination: Option<Option<Destination>>,
    /// How it would go: a code of `shipping_methods`; null for not chosen yet.
    #[garde(inner(inner(length(min = 1, max = 64))))]
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    shipping_method: Option<Option<String>>,
}

/// The cart that another one is put into.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The guest's cart; its token comes in `guest-token`.
    #[garde(skip)]
    cart_id: CartId,
}

/// A line that was put into a cart, with its price.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedLine {
    /// Its id.
    id: LineId,
    /// What.
    variant_id: VariantId,
    /// Stock keeping unit.
    sku: String,
    /// The product's title, by language.
    title: Texts,
    /// How many of it the cart has now.
    quantity: u32,
    /// What one costs before discounts and taxes that are added.
    unit_price: Money,
    /// How many units the cart has now, of everything.
    units: u32,
}

/// Begin a cart. A guest gets its `token`; a person who signed in has one open cart, and gets that one again.
#[utoipa::path(post, path = "/carts", tag = "carts", request_body = NewCart, security((), ("bearer" = ["account"])),
    responses((status = 201, description = "Begun", body = Cart), (status = 200, description = "There was one", body = Cart),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn begin(ctx: Ctx, buyer: Buyer, Valid(body): Valid<NewCart>) -> Result<Response> {
    let currency = body.currency.unwrap_or(Currency::EUR);
    if let Some(user) = buyer.user_id() {
        let (status, stored) = of_person(&ctx, user, currency).await?;
        let location = location(stored.id);
        return Ok((status, location, Json(view(&ctx, &buyer, &stored).await?)).into_response());
    }
    let token = buyer::new_token()?;
    let owner = Owner { user_id: None, token_hash: Some(buyer::hash(token.expose())) };
    let stored = StoredCart::new(owner, currency);
    cart::insert(&ctx.conn().await?, &stored).await?;
    let cart = Cart { token: Some(token.expose().to_owned()), ..view(&ctx, &buyer, &stored).await? };
    Ok((StatusCode::CREATED, location(stored.id), Json(cart)).into_response())
}

/// A person's open cart, begun if there is none.
async fn of_person(ctx: &Ctx, user: UserId, currency: Currency) -> Result<(StatusCode, StoredCart)> {
    let tx = ctx.begin().await?;
    if let Some(stored) = cart::open_of(&tx, user).await? {
        return Ok((StatusCode::OK, stored));
    }
    let stored = StoredCart::new(Owner { user_id: Some(user), token_hash: None }, currency);
    cart::insert(&tx, &stored).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, stored))
}

fn location(id: CartId) -> [(http::HeaderName, String); 1] {
    [(header::LOCATION, format!("/api/v1/carts/{id}"))]
}

/// Read a cart with what it costs now.
#[utoipa::path(get, path = "/carts/{id}", tag = "carts", params(("id" = CartId, Path, description = "The cart"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's cart")), security((), ("bearer" = ["account"])),
    responses((status = 200, body = Cart), (status = 404, body = ProblemDocument)))]
pub async fn read(ctx: Ctx, buyer: Buyer, PathId(id): PathId<CartId>) -> Result<Json<Cart>> {
    let stored = cart::find(&ctx.conn().await?, id).await?;
    buyer.must_see(&stored.owner)?;
    Ok(Json(view(&ctx, &buyer, &stored).await?))
}

/// Read the open cart of the person who signed in. There always is one: it is begun when it is first asked for.
#[utoipa::path(get, path = "/carts/me", tag = "carts", security(("bearer" = ["account"])),
    responses((status = 200, body = Cart), (status = 401, body = ProblemDocument)))]
pub async fn read_mine(ctx: Ctx, buyer: Buyer) -> Result<Json<Cart>> {
    let user = buyer.caller.user_id()?;
    let known = cart::open_of(&ctx.conn().await?, user).await?;
    let stored = match known {
        Some(stored) => stored,
        None => of_person(&ctx, user, Currency::EUR).await?.1,
    };
    Ok(Json(view(&ctx, &buyer, &stored).await?))
}

/// Say more of a cart: coupons, where it would go, how.
#[utoipa::path(patch, path = "/carts/{id}", tag = "carts", params(("id" = CartId, Path, description = "The cart"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's cart")), security((), ("bearer" = ["account"])),
    request_body = CartChange, responses((status = 200, body = Cart), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`cart-checked-out`"), (status = 422, body = ProblemDocument)))]
pub async fn change(
    ctx: Ctx,
    buyer: Buyer,
    PathId(id): PathId<CartId>,
    Valid(change): Valid<CartChange>,
) -> Result<Json<Cart>> {
    let coupons = change.coupons.map(tidy_codes);
    let say = |stored: &mut StoredCart| {
        if let Some(coupons) = &coupons {
            stored.coupons.clone_from(coupons);
        }
        if let Some(destination) = &change.destination {
            stored.destination.clone_from(destination);
        }
        if let Some(method) = &change.shipping_method {
            stored.method.clone_from(method);
        }
        Ok(())
    };
    let (stored, ()) = alter(&ctx, &buyer, id, say).await?;
    Ok(Json(view(&ctx, &buyer, &stored).await?))
}

/// Give a cart up.
#[utoipa::path(delete, path = "/carts/{id}", tag = "carts", params(("id" = CartId, Path, description = "The cart"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's cart")), security((), ("bearer" = ["account"])),
    responses((status = 204), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`cart-checked-out`")))]
pub async fn delete(ctx: Ctx, buyer: Buyer, PathId(id): PathId<CartId>) -> Result<StatusCode> {
    let (tx, stored) = open(&ctx, &buyer, id).await?;
    cart::delete(&tx, stored.id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Put units of a variant into a cart. Units of what is in it already are added to those.
#[utoipa::path(post, path = "/carts/{id}/lines", tag = "carts", params(("id" = CartId, Path, description = "The cart"),
    ("guest-token" = Option<String>, Header, description = "Opens a guest's cart"),
    ("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable")),
    security((), ("bearer" = ["account"])), request_body = NewLine, responses((status = 201, body = AddedLine),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument,
    description = "`not-for-sale`, `out-of-stock`, `cart-full`, `currency-mixed`, `cart-checked-out`"), (status = 422, body = ProblemDocument)))]
pub async fn add_line(
    ctx: Ctx,
    buyer: Buyer,
    PathId(id): PathId<CartId>,
    request: Submit<NewLine>,
) -> Result<Response> {
    let NewLine { variant_id, quantity } = request.body;
    let offer = ask::offer(&ctx, variant_id, quantity).await?;
    let add = |stored: &mut StoredCart| {
        let line = put(stored, &offer, quantity)?;
        let (id, quantity) = (line.id, line.quantity);
        let units = stored.items.iter().map(|item| item.quantity).sum();
        let Offer { sku, title, price: unit_price, .. } = offer.clone();
        Ok(AddedLine { id, variant_id, sku, title, quantity, unit_price, units })
    };
    if !request.once.is_keyed() {
        let (_, added) = alter(&ctx, &buyer, id, add).await?;
        return Ok((StatusCode::CREATED, Json(added)).into_response());
    }
    let tx = match request.once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut stored = changeable(&tx, &buyer, id).await?;
    let added = add(&mut stored)?;
    cart::update(&tx, &mut stored).await?;
    request.once.commit(tx, (StatusCode::CREATED, Json(added))).await
}

/// Change how many of a line there are.
#[utoipa::path(patch, path = "/carts/{id}/lines/{line}", tag = "carts", params(("id" = CartId, Path, description = "The cart"),
    ("line" = LineId, Path, description = "The line"), ("guest-token" = Option<String>, Header, description = "Opens a guest's cart")),
    security((), ("bearer" = ["account"])), request_body = LineChange, responses((status = 200, body = Cart),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument, description = "`cart-checked-out`"),
    (status = 422, body = ProblemDocument)))]
pub async fn change_line(
    ctx: Ctx,
    buyer: Buyer,
    PathIds(id, line): PathIds<CartId, LineId>,
    Valid(change): Valid<LineChange>,
) -> Result<Json<Cart>> {
    let recount = |stored: &mut StoredCart| {
        let item = stored.items.iter_mut().find(|item| item.id == line).ok_or_else(Problem::not_found)?;
        item.quantity = change.quantity;
        Ok(())
    };
    let (stored, ()) = alter(&ctx, &buyer, id, recount).await?;
    Ok(Json(view(&ctx, &buyer, &stored).await?))
}

/// Take a line out of a cart.
#[utoipa::path(delete, path = "/carts/{id}/lines/{line}", tag = "carts", params(("id" = CartId, Path, description = "The cart"),
    ("line" = LineId, Path, description = "The line"), ("guest-token" = Option<String>, Header, description = "Opens a guest's cart")),
    security((), ("bearer" = ["account"])), responses((status = 200, body = Cart), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`cart-checked-out`")))]
pub async fn remove_line(
    ctx: Ctx,
    buyer: Buyer,
    PathIds(id, line): PathIds<CartId, LineId>,
) -> Result<Json<Cart>> {
    let remove = |stored: &mut StoredCart| {
        let place = stored.items.iter().position(|item| item.id == line).ok_or_else(Problem::not_found)?;
        stored.items.remove(place);
        Ok(())
    };
    let (stored, ()) = alter(&ctx, &buyer, id, remove).await?;
    Ok(Json(view(&ctx, &buyer, &stored).await?))
}

/// Put a guest's cart into one's own, after signing in. Repeating it finds the guest's cart gone: 404.
#[utoipa::path(post, path = "/carts/me/merge", tag = "carts", params(
    ("guest-token" = String, Header, description = "Opens the guest's cart")), security(("bearer" = ["account"])),
    request_body = Merge, responses((status = 200, body = Cart), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`cart-full`, `currency-mixed`, `cart-checked-out`")))]
pub async fn merge(ctx: Ctx, buyer: Buyer, Valid(Merge { cart_id }): Valid<Merge>) -> Result<Json<Cart>> {
    let user = buyer.caller.user_id()?;
    let (tx, guests) = open(&ctx, &buyer, cart_id).await?;
    if guests.owner.user_id.is_some() {
        return Err(Problem::invalid(vec![FieldError::at("/cart_id", "is not a guest's cart")]));
    }
    let mine = cart::open_of(&tx, user).await?;
    let is_new = mine.is_none();
    let owner = Owner { user_id: Some(user), token_hash: None };
    let mut mine = mine.unwrap_or_else(|| StoredCart::new(owner, guests.currency));
    absorb(&mut mine, guests)?;
    if is_new {
        cart::insert(&tx, &mine).await?;
    }
    cart::update(&tx, &mut mine).await?;
    cart::delete(&tx, cart_id).await?;
    tx.commit().await?;
    Ok(Json(view(&ctx, &buyer, &mine).await?))
}

/// A cart that this buyer may change, in a transaction.
async fn open(ctx: &Ctx, buyer: &Buyer, id: CartId) -> Result<(Tx, StoredCart)> {
    let tx = ctx.begin().await?;
    let stored = changeable(&tx, buyer, id).await?;
    Ok((tx, stored))
}

/// Changes a cart without holding the write lock meanwhile: it is read, and written if nobody has changed it since.
async fn alter<T>(
    ctx: &Ctx,
    buyer: &Buyer,
    id: CartId,
    change: impl Fn(&mut StoredCart) -> Result<T>,
) -> Result<(StoredCart, T)> {
    let conn = ctx.conn().await?;
    for _ in 0..TRIES {
        let mut stored = changeable(&conn, buyer, id).await?;
        let outcome = change(&mut stored)?;
        if cart::replace(&conn, &mut stored).await? {
            return Ok((stored, outcome));
        }
    }
    Err(Problem::unavailable("others changed the cart every time"))
}

async fn changeable(conn: &Conn, buyer: &Buyer, id: CartId) -> Result<StoredCart> {
    let stored = cart::find(conn, id).await?;
    if !buyer.owns(&stored.owner) {
        return Err(Problem::not_found());
    }
    match stored.order_id {
        Some(order) => Err(OrdersError::CartCheckedOut(order).into()),
        None => Ok(stored),
    }
}

/// Forgets carts that nobody has touched for long.
pub async fn purge(ctx: Ctx) -> Result<()> {
    Ok(cart::forget_older(&ctx.conn().await?, Timestamp::now().before(KEPT)).await?)
}
