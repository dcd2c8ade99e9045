//! What a buyer wants to order: what, where to, and whether it costs what they agreed to. Nothing is stored yet.

use crate::ask::{self, Basket};
use crate::buyer::{self, Buyer, Owner};
use crate::contents::sort;
use crate::model::{Destination, MAX_UNITS, Missing, Unavailable, some_lines};
use crate::pricing::Priced;
use crate::problem::OrdersError;
use crate::store::cart::{self, Item, StoredCart};
use crate::store::coupon::{self, Uses};
use crate::store::group;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_address::Address;
use souk_kit::id::{AddressId, CartId, LineId, OrderId, UserId, VariantId};
use souk_kit::{Ctx, Currency, FieldError, Language, Money, Problem, Result};
use utoipa::ToSchema;

/// An order as it is placed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"cart_id": "crt_06b8xk2m0q3v5t7w9y1z3b5d7f", "email": "ana@example.com",
    "shipping_address": {"name": "Ana Silva", "line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris",
    "country": "FR"}, "shipping_method": "standard", "expected_total": {"amount": 6490, "currency": "EUR"}}))]
pub struct NewOrder {
    /// The cart to order. Either this or `lines`.
    #[garde(skip)]
    #[serde(default)]
    cart_id: Option<CartId>,
    /// What to order, without a cart.
    #[garde(custom(some_lines), dive)]
    #[serde(default)]
    lines: Option<Vec<NewOrderLine>>,
    /// Where mails about it go; a person who signed in may leave it to their customer record.
    #[garde(inner(email, length(max = 254)))]
    #[serde(default)]
    email: Option<String>,
    /// Where it goes. Either this or `shipping_address_id`.
    #[garde(dive)]
    #[serde(default)]
    shipping_address: Option<Address>,
    /// One of the customer's addresses.
    #[garde(skip)]
    #[serde(default)]
    shipping_address_id: Option<AddressId>,
    /// Whom the invoice is for, if it is another address.
    #[garde(dive)]
    #[serde(default)]
    billing_address: Option<Address>,
    /// How it is sent: a code of the cart's `shipping_methods`.
    #[garde(length(min = 1, max = 64))]
    pub shipping_method: String,
    /// What the buyer has agreed to pay.
    #[garde(custom(not_negative))]
    expected_total: Money,
    /// Of mails and the invoice; the customer record's, or English, if absent.
    #[garde(skip)]
    #[serde(default)]
    language: Option<Language>,
    /// What the buyer wants to say.
    #[garde(inner(length(chars, min = 1, max = 1000)))]
    #[serde(default)]
    pub note: Option<String>,
}

/// Units to order without a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrderLine {
    /// What.
    #[garde(skip)]
    variant_id: VariantId,
    /// How many.
    #[garde(range(min = 1, max = MAX_UNITS))]
    quantity: u32,
}

impl From<(VariantId, u32)> for NewOrderLine {
    fn from((variant_id, quantity): (VariantId, u32)) -> Self {
        Self { variant_id, quantity }
    }
}

/// Refuses an amount below zero.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
pub fn not_negative(amount: &Money, (): &()) -> garde::Result {
    match amount.amount >= 0 {
        true => Ok(()),
        false => Err(garde::Error::new("must not be below zero")),
    }
}

/// What is ordered: a cart, or lines that came with the request.
pub struct Source {
    pub cart: Option<StoredCart>,
    pub items: Vec<Item>,
    pub currency: Currency,
    pub coupons: Vec<String>,
    pub owner: Owner,
}

impl Source {
    /// What the request names: a cart that is the buyer's, or its lines.
    pub async fn of(ctx: &Ctx, buyer: &Buyer, body: &NewOrder) -> Result<Self> {
        match (body.cart_id, &body.lines) {
            (Some(id), None) => Self::of_cart(ctx, buyer, id).await,
            (None, Some(lines)) => Self::of_lines(buyer, lines, body.expected_total.currency),
            _ => Err(one_of("/cart_id", "either `cart_id` or `lines` is required, and not both")),
        }
    }

    async fn of_cart(ctx: &Ctx, buyer: &Buyer, id: CartId) -> Result<Self> {
        let cart = cart::find(&ctx.conn().await?, id).await?;
        if !buyer.owns(&cart.owner) {
            return Err(Problem::not_found());
        }
        // A guest's cart that somebody orders who has signed in becomes their order.
        let owner = match buyer.user_id() {
            Some(user) => Owner { user_id: Some(user), token_hash: None },
            None => cart.owner.clone(),
        };
        if cart.items.is_empty() && cart.order_id.is_none() {
            return Err(OrdersError::CartEmpty.into());
        }
        let (items, coupons) = (cart.items.clone(), cart.coupons.clone());
        Ok(Self { items, currency: cart.currency, coupons, owner, cart: Some(cart) })
    }

    fn of_lines(buyer: &Buyer, lines: &[NewOrderLine], currency: Currency) -> Result<Self> {
        // A guest's gets its token with its id.
        let owner = Owner { user_id: buyer.user_id(), token_hash: None };
        Ok(Self { cart: None, items: items(lines)?, currency, coupons: Vec::new(), owner })
    }
}

/// One line a variant, though the buyer may have several.
pub fn items(lines: &[NewOrderLine]) -> Result<Vec<Item>> {
    let mut items: Vec<Item> = Vec::new();
    for NewOrderLine { variant_id, quantity } in lines {
        match items.iter_mut().find(|known| known.variant_id == *variant_id) {
            Some(known) => known.quantity += quantity,
            None => {
                items.push(Item { id: LineId::new(), variant_id: *variant_id, quantity: *quantity, seen: 0 });
            }
        }
    }
    match items.iter().any(|item| item.quantity > MAX_UNITS) {
        true => Err(OrdersError::CartFull.into()),
        false => Ok(items),
    }
}

fn one_of(pointer: &str, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError::at(pointer, detail)])
}

/// Where it goes, and who is told.
pub struct Delivery {
    pub email: String,
    pub language: Language,
    pub shipping: Address,
    pub billing: Address,
}

pub async fn delivery(ctx: &Ctx, buyer: &Buyer, body: &NewOrder) -> Result<Delivery> {
    let asks = body.email.is_none() || body.shipping_address_id.is_some();
    let known = if asks { ask::customer(ctx, buyer).await? } else { None };
    let shipping = match (&body.shipping_address, body.shipping_address_id) {
        (Some(address), None) => address.clone(),
        (None, Some(id)) => known
            .as_ref()
            .and_then(|known| known.address(id))
            .ok_or_else(|| one_of("/shipping_address_id", "is not one of your addresses"))?,
        _ => {
            let detail = "either `shipping_address` or `shipping_address_id` is required, and not both";
            return Err(one_of("/shipping_address", detail));
        }
    };
    let of_record = known.as_ref().and_then(|known| known.email.clone());
    let email = body.email.clone().or(of_record).ok_or_else(|| one_of("/email", "is required"))?;
    let of_record = known.and_then(|known| known.language);
    Ok(Delivery {
        email,
        language: body.language.or(of_record).unwrap_or_default(),
        billing: body.billing_address.clone().unwrap_or_else(|| shipping.clone()),
        shipping,
    })
}

/// What is asked for, by whom, and for how much.
pub struct Asked<'a> {
    pub items: &'a [Item],
    /// What the order has already: whether there is more of it does not matter.
    pub held: &'a [VariantId],
    pub currency: Currency,
    pub coupons: &'a [String],
    pub user_id: Option<UserId>,
    pub email: &'a str,
    pub destination: Destination,
    pub method: &'a str,
    pub expected_total: Money,
    /// The order that has been counted already.
    pub order: Option<OrderId>,
}

/// What it costs, and what that depends on.
pub struct Quote {
    pub priced: Priced,
    pub provisional: bool,
    pub uses: Uses,
    /// By what its coupons are counted.
    pub customer: String,
}

/// Verifies what is ordered, and that it costs what the buyer expects.
pub async fn quote(ctx: &Ctx, source: &Source, delivery: &Delivery, body: &NewOrder) -> Result<Quote> {
    let asked = Asked {
        items: &source.items,
        held: &[],
        currency: source.currency,
        coupons: &source.coupons,
        user_id: source.owner.user_id,
        email: &delivery.email,
        destination: Destination::from(&delivery.shipping),
        method: &body.shipping_method,
        expected_total: body.expected_total,
        order: None,
    };
    reckon(ctx, &asked).await
}

/// What is not for sale at all is said first: waiting does not bring it back.
fn refusal(unavailable: &[Unavailable]) -> OrdersError {
    let gone = unavailable.iter().filter(|line| line.reason == Missing::NotForSale);
    let variants: Vec<_> = gone.map(|line| line.variant_id.to_string()).collect();
    if !variants.is_empty() {
        return OrdersError::NotForSale(variants);
    }
    OrdersError::sold_out(unavailable.iter().map(|line| (line.variant_id, line.quantity)))
}

/// The same for whatever is asked for.
pub async fn reckon(ctx: &Ctx, asked: &Asked<'_>) -> Result<Quote> {
    let offers = ask::listed(ctx, asked.items.iter().map(|item| item.variant_id)).await?;
    let (wanted, unavailable) = sort(asked.items, asked.held, asked.currency, offers);
    if !unavailable.is_empty() {
        return Err(refusal(&unavailable).into());
    }
    let customer = buyer::customer(asked.user_id, asked.email);
    let conn = ctx.conn().await?;
    let uses = coupon::uses(&conn, asked.coupons, Some(&customer), asked.order).await?;
    let groups = group::of(&conn, asked.user_id).await?;
    drop(conn);
    let basket = Basket {
        currency: asked.currency,
        wanted,
        coupons: asked.coupons,
        uses: &uses,
        destination: Some(&asked.destination),
        method: Some(asked.method),
        user_id: asked.user_id,
        groups: &groups,
    };
    let (priced, provisional) = ask::priced(ctx, basket).await?;
    if priced.shipping.is_none() {
        let methods = priced.shipping_methods.into_iter().map(|method| method.code).collect();
        return Err(OrdersError::ShippingUnavailable(methods).into());
    }
    if priced.totals.total != asked.expected_total {
        return Err(OrdersError::TotalChanged(priced.totals.total).into());
    }
    Ok(Quote { priced, provisional, uses, customer })
}
