//! `POST /rules/evaluate`: what is answered.

use crate::ask::Cart;
use crate::bindings::souk::rules::discount::{self, Discounts};
use crate::bindings::souk::rules::{shipping, tax};
use crate::question::Question;
use serde::Serialize;
use souk_kit::{Currency, Money, Result};
use utoipa::ToSchema;

/// What is taken off and added.
#[derive(Debug, Serialize, ToSchema)]
pub struct Evaluation {
    /// The lines of the question, in their order.
    lines: Vec<Line>,
    /// The ways that the goods can go; none when they cannot.
    shipping_methods: Vec<ShippingMethod>,
    /// The coupons of the question, in their order and in capitals.
    coupons: Vec<Coupon>,
}

/// What is taken off a line and added to it.
#[derive(Debug, Serialize, ToSchema)]
struct Line {
    id: String,
    /// Never more than the line costs, together.
    discounts: Vec<Discount>,
    /// Of the price after discounts.
    taxes: Vec<Tax>,
}

/// Money off a line.
#[derive(Debug, Serialize, ToSchema)]
struct Discount {
    /// The coupon that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    label: String,
    amount: Money,
}

/// A tax.
#[derive(Debug, Serialize, ToSchema)]
struct Tax {
    label: String,
    /// In hundredths of a percent.
    #[schema(example = 2000)]
    rate_bp: u32,
    amount: Money,
    /// Whether the price has it in already.
    included: bool,
}

/// A way of shipping.
#[derive(Debug, Serialize, ToSchema)]
struct ShippingMethod {
    #[schema(example = "standard")]
    code: String,
    label: String,
    price: Money,
    taxes: Vec<Tax>,
    min_days: u32,
    max_days: u32,
}

/// What became of a coupon.
#[derive(Debug, Serialize, ToSchema)]
struct Coupon {
    code: String,
    status: CouponStatus,
    /// Why, for the buyer.
    detail: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CouponStatus {
    Applied,
    Unknown,
    Expired,
    Exhausted,
    NotApplicable,
}

impl Evaluation {
    /// Asks the plugin, and puts its checked answers together.
    pub fn of(question: &Question, config: &str) -> Result<Self> {
        let mut cart = Cart::of(question, config);
        let Discounts { reductions, coupons, .. } = cart.discounts()?;
        let methods = cart.shipping()?;
        let mut taxes = cart.taxes(&methods)?.into_iter();
        let currency = question.currency;
        let mut lines: Vec<Line> = question
            .lines
            .iter()
            .zip(taxes.by_ref())
            .map(|(line, levies)| Line {
                id: line.id.clone(),
                discounts: Vec::new(),
                taxes: taxed(levies, currency),
            })
            .collect();
        for reduction in reductions {
            let amount = Money::new(reduction.amount, currency);
            let discount = Discount { code: reduction.code, label: reduction.label, amount };
            lines[reduction.line as usize].discounts.push(discount);
        }
        let shipping_methods = methods
            .into_iter()
            .zip(taxes)
            .map(|(method, levies)| ShippingMethod::of(method, levies, currency));
        Ok(Self {
            lines,
            shipping_methods: shipping_methods.collect(),
            coupons: coupons.into_iter().map(Coupon::from).collect(),
        })
    }
}

fn taxed(levies: Vec<tax::Levy>, currency: Currency) -> Vec<Tax> {
    let taxed = |levy: tax::Levy| Tax {
        label: levy.label,
        rate_bp: levy.rate_bp,
        amount: Money::new(levy.amount, currency),
        included: levy.included,
    };
    levies.into_iter().map(taxed).collect()
}

impl ShippingMethod {
    fn of(method: shipping::Method, levies: Vec<tax::Levy>, currency: Currency) -> Self {
        Self {
            code: method.code,
            label: method.label,
            price: Money::new(method.price, currency),
            taxes: taxed(levies, currency),
            min_days: method.min_days,
            max_days: method.max_days,
        }
    }
}

impl From<discount::CouponAnswer> for Coupon {
    fn from(answer: discount::CouponAnswer) -> Self {
        let status = match answer.status {
            discount::CouponStatus::Applied => CouponStatus::Applied,
            discount::CouponStatus::Unknown => CouponStatus::Unknown,
            discount::CouponStatus::Expired => CouponStatus::Expired,
            discount::CouponStatus::Exhausted => CouponStatus::Exhausted,
            discount::CouponStatus::NotApplicable => CouponStatus::NotApplicable,
        };
        Self { code: answer.code, status, detail: answer.detail }
    }
}
