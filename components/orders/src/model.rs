//! The documents: what a cart and an order are to their readers.

use crate::state::State;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_address::{Address, known_country};
use souk_kit::id::{CartId, LineId, OrderId, PaymentId, ProductId, ReturnId, ShipmentId, UserId, VariantId};
use souk_kit::{Currency, Language, Money, Timestamp};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A text in several languages, by BCP 47 tag.
pub type Texts = BTreeMap<String, String>;

/// Something taken off a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Discount {
    /// The coupon that it is for; null when it needs none.
    pub code: Option<String>,
    /// What the buyer is told.
    pub label: String,
    /// How much is taken off.
    pub amount: Money,
}

/// A tax on a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tax {
    /// Its name.
    #[schema(example = "TVA 20 %")]
    pub label: String,
    /// Its rate in basis points: 2000 is 20 %.
    #[schema(example = 2000)]
    pub rate_bp: u32,
    /// How much it is.
    pub amount: Money,
    /// Whether the price has it already; otherwise it is added.
    pub included: bool,
}

/// Some units of one variant, and what they cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// Its id.
    pub id: LineId,
    /// What is bought.
    pub variant_id: VariantId,
    /// Of which product.
    pub product_id: ProductId,
    /// Stock keeping unit.
    pub sku: String,
    /// The product's title, by language.
    pub title: Texts,
    /// What tells the variant from the product's others.
    pub options: Texts,
    /// How many.
    #[schema(minimum = 1, maximum = 999)]
    pub quantity: u32,
    /// What one costs before discounts.
    pub unit_price: Money,
    /// What is taken off the line.
    pub discounts: Vec<Discount>,
    /// The taxes on it.
    pub taxes: Vec<Tax>,
    /// What is paid for the line: after discounts, with tax.
    pub total: Money,
}

/// What sending costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shipping {
    /// The method.
    pub code: String,
    /// What the buyer is told.
    pub label: String,
    /// Its price.
    pub price: Money,
    /// The taxes on it.
    pub taxes: Vec<Tax>,
    /// What is paid for it, with tax.
    pub total: Money,
}

/// A way to send a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShippingMethod {
    /// Send it back as `shipping_method`.
    pub code: String,
    /// What the buyer is told.
    pub label: String,
    /// Its price.
    pub price: Money,
    /// The taxes on it.
    pub taxes: Vec<Tax>,
    /// Days until it arrives, at least.
    pub min_days: Option<u32>,
    /// Days until it arrives, at most.
    pub max_days: Option<u32>,
}

/// What has become of a coupon code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Coupon {
    /// As it was typed.
    pub code: String,
    /// `applied`, `unknown`, `expired`, `exhausted` or `not_applicable`.
    #[schema(example = "applied")]
    pub status: String,
    /// Why, for a person.
    #[serde(default)]
    pub detail: Option<String>,
}

/// The sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// The units at their prices.
    pub subtotal: Money,
    /// What is taken off them.
    pub discount: Money,
    /// What sending costs, without the taxes that are added to it.
    pub shipping: Money,
    /// All taxes, those that prices include and those that are added.
    pub tax: Money,
    /// What is to be paid.
    pub total: Money,
}

/// Where a cart would go: what taxes and shipping depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// ISO 3166-1 alpha-2.
    #[garde(custom(known_country))]
    #[schema(example = "FR")]
    pub country: String,
    /// State or province.
    #[garde(inner(length(chars, min = 1, max = 100)))]
    #[serde(default)]
    pub region: Option<String>,
    /// Postal code.
    #[garde(inner(length(chars, min = 1, max = 16)))]
    #[serde(default)]
    pub postal_code: Option<String>,
}

impl From<&Address> for Destination {
    fn from(address: &Address) -> Self {
        Self {
            country: address.country.clone(),
            region: address.region.clone(),
            postal_code: address.postal_code.clone(),
        }
    }
}

/// A cart with what it costs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cart {
    /// Its id.
    pub id: CartId,
    /// Opens a guest's cart, and the order made of it, in the header `guest-token`. Told once, when the cart is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Of all its prices.
    pub currency: Currency,
    /// What is in it and can be bought.
    pub lines: Vec<Line>,
    /// What is in it and cannot be bought any more: remove it before ordering.
    pub unavailable: Vec<Unavailable>,
    /// Lines whose price is another one than when they were put in.
    pub price_changes: Vec<PriceChange>,
    /// What has become of its coupon codes.
    pub coupons: Vec<Coupon>,
    /// Where it would go.
    pub destination: Option<Destination>,
    /// How it would go.
    pub shipping: Option<Shipping>,
    /// The ways that there are.
    pub shipping_methods: Vec<ShippingMethod>,
    /// The sums; without shipping while no method is chosen.
    pub totals: Totals,
    /// Whether discounts, taxes and shipping are those of the fallback, because the shop's rules do not answer.
    pub provisional: bool,
    /// The order that it has become.
    pub order_id: Option<OrderId>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A line that cannot be bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unavailable {
    /// The line.
    pub line_id: LineId,
    /// What it was.
    pub variant_id: VariantId,
    /// How many.
    pub quantity: u32,
    /// Why.
    pub reason: Missing,
}

/// Why a variant cannot be bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The shop offers it, and there is none at the moment.
    SoldOut,
    /// The shop does not offer it, or not in this currency.
    NotForSale,
}

/// A price that is another one now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceChange {
    /// The line.
    pub line_id: LineId,
    /// What one cost when it was put in.
    pub before: Money,
    /// What one costs now.
    pub now: Money,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// What people call it.
    #[schema(example = "O-2026-000042")]
    pub number: String,
    /// Where it stands.
    pub state: State,
    /// Who ordered, if they were signed in.
    pub user_id: Option<UserId>,
    /// Where mails about it go; null once the person was forgotten.
    pub email: Option<String>,
    /// Of mails and the invoice.
    pub language: Language,
    /// Of all its prices.
    pub currency: Currency,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// How it is sent.
    pub shipping: Shipping,
    /// Where it goes; null once the person was forgotten.
    pub shipping_address: Option<Address>,
    /// Whom the invoice is for; null once the person was forgotten.
    pub billing_address: Option<Address>,
    /// The coupons that were applied.
    pub coupons: Vec<String>,
    /// The sums.
    pub totals: Totals,
    /// What has come of the total: of a bank transfer, perhaps only a part.
    pub received: Money,
    /// What has been given back.
    pub refunded: Money,
    /// Its payment; null while there is none, and when nothing is to be paid.
    pub payment_id: Option<PaymentId>,
    /// When it is called off unless it is paid; null when it does not wait for that. It is later once the buyer was told to
    /// transfer the money.
    #[serde(default)]
    pub pay_until: Option<Timestamp>,
    /// What the buyer's bank transfer is to name; null while they were told of none. Then it is invoiced, and what it costs
    /// does not change any more.
    #[serde(default)]
    #[schema(example = "RF18539007547034")]
    pub payment_reference: Option<String>,
    /// The number of its invoice.
    pub invoice: Option<String>,
    /// What has been sent.
    pub shipments: Vec<Shipment>,
    /// What comes back.
    pub returns: Vec<Return>,
    /// What the buyer wanted to say.
    pub note: Option<String>,
    /// Whether taxes and shipping are those of the fallback.
    pub provisional: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was paid.
    pub paid_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A line of an order, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderLine {
    /// What was ordered.
    #[serde(flatten)]
    pub line: Line,
    /// How many have left.
    #[serde(default)]
    pub shipped: u32,
    /// How many have come back, or are to.
    #[serde(default)]
    pub returned: u32,
}

/// Units of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Units {
    /// Which line.
    #[garde(skip)]
    pub line_id: LineId,
    /// How many of it.
    #[garde(range(min = 1, max = MAX_UNITS))]
    pub quantity: u32,
}

/// Refuses a list of no lines, or of more than an order has.
pub fn some_lines<T>(lines: &Option<Vec<T>>, (): &()) -> garde::Result {
    match lines.as_ref().map_or(1, Vec::len) {
        1..=MAX_LINES => Ok(()),
        _ => Err(garde::Error::new(format!("must have 1 to {MAX_LINES} lines"))),
    }
}

/// The most units of a line.
pub const MAX_UNITS: u32 = 999;
/// The most lines of a cart.
pub const MAX_LINES: usize = 100;

/// A parcel on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shipment {
    /// Its id.
    pub id: ShipmentId,
    /// Who carries it.
    #[schema(example = "Colissimo")]
    pub carrier: String,
    /// The carrier's number for it.
    pub tracking_number: Option<String>,
    /// Where the carrier shows it.
    pub tracking_url: Option<String>,
    /// What is in it.
    pub lines: Vec<Units>,
    /// When it left.
    pub shipped_at: Timestamp,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
}

/// Where a return stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReturnState {
    /// The buyer wants to send it back.
    Requested,
    /// The merchant does not take it back.
    Refused,
    /// It is back.
    Received,
}

/// Goods that come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Return {
    /// Its id.
    pub id: ReturnId,
    /// Where it stands.
    pub state: ReturnState,
    /// What comes back.
    pub lines: Vec<Units>,
    /// Why.
    pub reason: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was received or refused.
    pub decided_at: Option<Timestamp>,
}

/// What lists show of an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderSummary {
    /// Its id.
    pub id: OrderId,
    /// What people call it.
    pub number: String,
    /// Where it stands.
    pub state: State,
    /// Who ordered.
    pub user_id: Option<UserId>,
    /// Where mails about it go.
    pub email: Option<String>,
    /// How many units.
    pub units: u32,
    /// What is to be paid.
    pub total: Money,
    /// What has been given back.
    pub refunded: Money,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<&Order> for OrderSummary {
    fn from(order: &Order) -> Self {
        Self {
            id: order.id,
            number: order.number.clone(),
            state: order.state,
            user_id: order.user_id,
            email: order.email.clone(),
            units: order.lines.iter().map(|line| line.line.quantity).sum(),
            total: order.totals.total,
            refunded: order.refunded,
            created_at: order.created_at,
        }
    }
}

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HistoryEntry {
    /// Counted from 1.
    pub number: u32,
    /// When.
    pub at: Timestamp,
    /// The state since then.
    pub state: State,
    /// Who did it: an account's id, `guest`, or a service.
    pub author: String,
    /// What happened.
    pub reason: String,
}
