//! What orders say, in their events.

use serde::{Deserialize, Serialize};
use souk_address::Address;
use souk_kit::id::{LineId, OrderId, PaymentId, ProductId, RefundId, UserId, VariantId};
use souk_kit::{Currency, Language, Money, Timestamp};
use utoipa::ToSchema;

/// An order that is paid (`souk.order.paid`), or is to be paid by a transfer (`souk.order.due`), as it was at that instant.
#[derive(Debug, Clone, Deserialize)]
pub struct Order {
    pub order_id: OrderId,
    pub number: String,
    pub currency: Currency,
    pub user_id: Option<UserId>,
    /// Of a guest's order: the hash of the token that opens it (`souk_kit::guest`).
    #[serde(default)]
    pub token_hash: Option<String>,
    pub email: String,
    pub language: Language,
    pub billing_address: Address,
    pub shipping_address: Address,
    pub lines: Vec<Line>,
    pub shipping: Shipping,
    pub totals: Totals,
    /// None when there was nothing to pay.
    pub payment_id: Option<PaymentId>,
    /// None while it is not paid.
    pub paid_at: Option<Timestamp>,
    /// Until when it is to be paid; none when it is paid.
    #[serde(default)]
    pub due_at: Option<Timestamp>,
    /// What the buyer's bank transfer is to name, if they were told of one.
    #[serde(default)]
    pub payment_reference: Option<String>,
}

/// An order that was called off (`souk.order.cancelled`).
#[derive(Debug, Clone, Deserialize)]
pub struct Cancelled {
    pub order_id: OrderId,
    pub reason: String,
    /// Whether it was to be paid by a transfer, and never was: then it was invoiced, or will be heard of as due.
    #[serde(default)]
    pub was_due: bool,
}

/// Money that went back to the buyer (`souk.order.refunded`).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refund {
    pub order_id: OrderId,
    pub refund_id: RefundId,
    pub amount: Money,
    pub reason: Option<String>,
    pub refunded_at: Timestamp,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The line of the order.
    pub line_id: LineId,
    /// The product.
    pub product_id: ProductId,
    /// The variant.
    pub variant_id: VariantId,
    /// The variant's SKU.
    pub sku: String,
    /// What it is called.
    pub title: String,
    /// How many.
    pub quantity: u32,
    /// The price of one, before discounts.
    pub unit_price: Money,
    /// What was taken off the line.
    pub discounts: Vec<Discount>,
    /// What of the line is tax.
    pub taxes: Vec<Tax>,
    /// What was paid for the line, with tax.
    pub total: Money,
}

/// How the goods are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shipping {
    /// The method.
    pub code: String,
    /// What it is called.
    pub label: String,
    /// Its price, before discounts.
    pub price: Money,
    /// What was taken off it.
    #[serde(default)]
    pub discounts: Vec<Discount>,
    /// What of it is tax.
    pub taxes: Vec<Tax>,
    /// What was paid for it, with tax.
    pub total: Money,
}

/// Something taken off a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Discount {
    /// The coupon, if it was one.
    pub code: Option<String>,
    /// What it is called.
    pub label: String,
    /// How much.
    pub amount: Money,
}

/// A tax on something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tax {
    /// What it is called.
    pub label: String,
    /// Its rate in hundredths of a percent.
    #[schema(example = 2000)]
    pub rate_bp: u32,
    /// How much.
    pub amount: Money,
    /// Whether the price had it in it.
    pub included: bool,
}

/// The sums of an order, as the buyer saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Totals {
    /// The lines, before discounts.
    pub subtotal: Money,
    /// Everything taken off.
    pub discount: Money,
    /// The shipping.
    pub shipping: Money,
    /// All tax.
    pub tax: Money,
    /// What was paid.
    pub total: Money,
}
