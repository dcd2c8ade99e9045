//! `POST /rules/evaluate`: what is asked.

use garde::Validate;
use serde::Deserialize;
use souk_kit::money::MAX_AMOUNT;
use souk_kit::{Currency, FieldError, Money, Problem, Result, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// More lines than any cart has.
const MAX_LINES: usize = 500;
const MAX_COUPONS: usize = 20;
/// A tonne.
const MAX_WEIGHT_G: u32 = 1_000_000;
const MAX_QUANTITY: u32 = 1_000_000;

/// A cart, where it goes, and who buys.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Every price's.
    #[garde(skip)]
    pub currency: Currency,
    /// Where the goods go: ISO 3166-1 alpha-2.
    #[garde(custom(is_country))]
    #[schema(example = "FR")]
    pub country: String,
    /// ISO 3166-2, without the country.
    #[garde(inner(length(min = 1, max = 10)))]
    #[serde(default)]
    pub region: Option<String>,
    #[garde(inner(length(min = 1, max = 20)))]
    #[serde(default)]
    pub postal_code: Option<String>,
    #[garde(dive)]
    #[serde(default)]
    pub customer: Customer,
    /// What the buyer entered. Capitals do not matter.
    #[garde(length(max = MAX_COUPONS), inner(length(min = 1, max = 40)))]
    #[serde(default)]
    pub coupons: Vec<String>,
    /// How often orders have used each coupon so far; 0 where nothing is said.
    #[garde(skip)]
    #[serde(default)]
    pub coupon_uses: BTreeMap<String, u32>,
    /// How often orders of this customer have; 0 where nothing is said.
    #[garde(skip)]
    #[serde(default)]
    pub coupon_uses_by_customer: BTreeMap<String, u32>,
    /// The code of the way of shipping that the buyer chose: a discount may depend on it. All ways are answered either way.
    #[garde(inner(length(min = 1, max = 40)))]
    #[serde(default)]
    pub shipping_method: Option<String>,
    #[garde(length(max = MAX_LINES), dive)]
    pub lines: Vec<Line>,
    /// The time that counts.
    #[garde(skip)]
    pub now: Timestamp,
}

/// Who buys.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Customer {
    /// Unknown for a guest.
    #[garde(inner(length(min = 1, max = 64)))]
    #[serde(default)]
    pub id: Option<String>,
    #[garde(length(max = 50), inner(length(min = 1, max = 64)))]
    #[serde(default)]
    pub groups: Vec<String>,
}

/// One line of a cart.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Names the line in the answer.
    #[garde(length(min = 1, max = 64))]
    pub id: String,
    #[garde(length(min = 1, max = 64))]
    pub variant_id: String,
    #[garde(length(min = 1, max = 64))]
    pub product_id: String,
    /// Slugs of the product's categories.
    #[garde(length(max = 100), inner(length(min = 1, max = 200)))]
    #[serde(default)]
    pub categories: Vec<String>,
    #[garde(skip)]
    pub unit_price: Money,
    #[garde(range(min = 1, max = MAX_QUANTITY))]
    pub quantity: u32,
    /// Of one unit, in grams.
    #[garde(range(max = MAX_WEIGHT_G))]
    #[serde(default)]
    pub weight_g: u32,
}

impl Line {
    /// What the line costs before discounts.
    pub fn price(&self) -> i64 {
        self.unit_price.amount.saturating_mul(self.quantity.into())
    }
}

impl Question {
    /// The question, or what is wrong with it beside the shape of its fields. From here on coupons are in capitals.
    pub fn judged(mut self) -> Result<Self> {
        let mut errors = Vec::new();
        let mut ids = BTreeSet::new();
        let mut total = 0_i64;
        for (index, line) in self.lines.iter().enumerate() {
            total = total.saturating_add(line.price());
            let mut wrong = |field: &str, what: &str| {
                errors.push(FieldError::at(format!("/lines/{index}/{field}"), what));
            };
            if line.unit_price.currency != self.currency {
                wrong("unit_price/currency", "is not the currency of the cart");
            }
            if !(0..=MAX_AMOUNT).contains(&line.unit_price.amount) {
                wrong("unit_price/amount", "is out of bounds");
            }
            if !ids.insert(line.id.as_str()) {
                wrong("id", "is that of another line");
            }
        }
        if total > MAX_AMOUNT {
            errors.push(FieldError::at("/lines", "cost more than can be counted"));
        }
        self.coupons.iter_mut().for_each(|code| *code = capitals(code));
        let mut codes = BTreeSet::new();
        for (index, code) in self.coupons.iter().enumerate() {
            if !codes.insert(code.as_str()) {
                errors.push(FieldError::at(format!("/coupons/{index}"), "is there twice"));
            }
        }
        if errors.is_empty() { Ok(self) } else { Err(Problem::invalid(errors)) }
    }

    /// How often a coupon has been used, however it was written then.
    pub fn uses_of(&self, code: &str) -> u32 {
        count(&self.coupon_uses, code)
    }

    /// The same by this customer.
    pub fn uses_by_customer_of(&self, code: &str) -> u32 {
        count(&self.coupon_uses_by_customer, code)
    }
}

fn count(uses: &BTreeMap<String, u32>, code: &str) -> u32 {
    let same = uses.iter().filter(|(used, _)| capitals(used) == code);
    same.fold(0, |sum, (_, uses)| sum.saturating_add(*uses))
}

fn is_country(text: &str, _: &()) -> garde::Result {
    match text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        true => Ok(()),
        false => Err(garde::Error::new("is no ISO 3166-1 alpha-2 code")),
    }
}

fn capitals(code: &str) -> String {
    code.trim().to_uppercase()
}
