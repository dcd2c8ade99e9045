//! Everything that orders refuse, beside what the kit does.

use crate::state::State;
use serde_json::{Map, Value, json};
use souk_kit::id::{OrderId, VariantId};
use souk_kit::{Money, Refusal, Spec};

const CART_EMPTY: Spec =
    Spec::new(409, "cart-empty", "The cart is empty", "Put something into the cart before ordering it.");
const CART_CHECKED_OUT: Spec = Spec::new(
    409,
    "cart-checked-out",
    "The cart has become an order",
    "`order_id` names the order. Begin a new cart for another one.",
);
const CART_FULL: Spec =
    Spec::new(409, "cart-full", "The cart is full", "A cart has at most 100 lines of at most 999 units.");
const CURRENCY_MIXED: Spec = Spec::new(
    409,
    "currency-mixed",
    "The product has another currency",
    "A cart has one currency: that of its first product. Order the others in a cart of their own.",
);
const NOT_FOR_SALE: Spec = Spec::new(
    409,
    "not-for-sale",
    "The product cannot be bought",
    "It is not in the catalogue any more, or cannot be bought at present; `variants` names them.",
);
const OUT_OF_STOCK: Spec = Spec::new(
    409,
    "out-of-stock",
    "Not enough stock",
    "`lines` says of each variant what was wanted and what there is. Nothing was ordered; the cart is as it was.",
);
const TOTAL_CHANGED: Spec = Spec::new(
    409,
    "total-changed",
    "The total is another one now",
    "A price, a discount, tax or shipping changed since the buyer saw the cart. `total` is what it costs now: show it, and send it as `expected_total` once the buyer agrees.",
);
const SHIPPING_UNAVAILABLE: Spec = Spec::new(
    409,
    "shipping-unavailable",
    "The cart cannot be shipped that way",
    "`shipping_methods` lists the codes that there are for this cart and address.",
);
const STATE: Spec = Spec::new(
    409,
    "order-state",
    "The order does not allow this now",
    "`state` is where the order stands, `allowed` which states may follow.",
);
const REFUND_EXCEEDS: Spec = Spec::new(
    409,
    "refund-exceeds",
    "More than was paid",
    "Refunds together cannot be more than what was paid; `refundable` is what is left.",
);
const QUANTITY_EXCEEDS: Spec = Spec::new(
    409,
    "quantity-exceeds",
    "More than there is of it",
    "More units than the order has left to ship or to return; `line_id` names the line.",
);
const COUPONS_BUSY: Spec = Spec::new(
    409,
    "coupon-taken",
    "The coupon was used by somebody else meanwhile",
    "Look at the cart again: its discounts have changed.",
);

const CHANGING: Spec = Spec::new(
    409,
    "order-changing",
    "The order is being changed",
    "Another change of it has not come to its end; that takes moments, unless another service does not answer. Look at the order again, and repeat.",
);
const PAYMENT_UNDER_WAY: Spec = Spec::new(
    409,
    "payment-under-way",
    "The order is being paid",
    "Its payment is under way or made, for the lines that it has. Nothing was changed.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[
    CART_EMPTY,
    CART_CHECKED_OUT,
    CART_FULL,
    CURRENCY_MIXED,
    NOT_FOR_SALE,
    OUT_OF_STOCK,
    TOTAL_CHANGED,
    SHIPPING_UNAVAILABLE,
    STATE,
    REFUND_EXCEEDS,
    QUANTITY_EXCEEDS,
    COUPONS_BUSY,
    CHANGING,
    PAYMENT_UNDER_WAY,
];

/// A refusal of this service.
#[derive(Debug)]
pub enum OrdersError {
    /// There is nothing to order.
    CartEmpty,
    /// The cart has become this order.
    CartCheckedOut(OrderId),
    /// No more fits.
    CartFull,
    /// The product's currency is not the cart's.
    CurrencyMixed,
    /// These variants cannot be bought.
    NotForSale(Vec<String>),
    /// Inventory has not enough; its own account of what is missing.
    OutOfStock(Value),
    /// It costs this now.
    TotalChanged(Money),
    /// These are the methods that there are.
    ShippingUnavailable(Vec<String>),
    /// The order is in this state.
    State(State),
    /// This much may still be given back.
    RefundExceeds(Money),
    /// The line has fewer.
    QuantityExceeds(String),
    /// A coupon's last use went to somebody else.
    CouponTaken,
    /// A change of the order has not come to its end.
    Changing,
    /// What is paid cannot be changed.
    PaymentUnderWay,
}

impl OrdersError {
    /// Of variants that the shop offers there is none, however many of each were wanted.
    pub fn sold_out(wanted: impl Iterator<Item = (VariantId, u32)>) -> Self {
        let line = |(variant, units)| json!({"variant_id": variant, "wanted": units, "available": 0});
        Self::OutOfStock(wanted.map(line).collect())
    }
}

impl Refusal for OrdersError {
    fn spec(&self) -> Spec {
        match self {
            Self::CartEmpty => CART_EMPTY,
            Self::CartCheckedOut(_) => CART_CHECKED_OUT,
            Self::CartFull => CART_FULL,
            Self::CurrencyMixed => CURRENCY_MIXED,
            Self::NotForSale(_) => NOT_FOR_SALE,
            Self::OutOfStock(_) => OUT_OF_STOCK,
            Self::TotalChanged(_) => TOTAL_CHANGED,
            Self::ShippingUnavailable(_) => SHIPPING_UNAVAILABLE,
            Self::State(_) => STATE,
            Self::RefundExceeds(_) => REFUND_EXCEEDS,
            Self::QuantityExceeds(_) => QUANTITY_EXCEEDS,
            Self::CouponTaken => COUPONS_BUSY,
            Self::Changing => CHANGING,
            Self::PaymentUnderWay => PAYMENT_UNDER_WAY,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::State(state) => format!("The order is {}.", state.name().replace('_', " ")),
            other => format!("{}.", other.spec().title),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::CartCheckedOut(order) => json!({"order_id": order}),
            Self::NotForSale(variants) => json!({"variants": variants}),
            Self::OutOfStock(lines) => json!({"lines": lines}),
            Self::TotalChanged(total) => json!({"total": total}),
            Self::ShippingUnavailable(methods) => json!({"shipping_methods": methods}),
            Self::State(state) => json!({"state": state, "allowed": state.next()}),
            Self::RefundExceeds(left) => json!({"refundable": left}),
            Self::QuantityExceeds(line) => json!({"line_id": line}),
            Self::CartEmpty
            | Self::CartFull
            | Self::CurrencyMixed
            | Self::CouponTaken
            | Self::Changing
            | Self::PaymentUnderWay => Value::Null,
        };
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}
