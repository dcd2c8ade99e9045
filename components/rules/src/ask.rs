//! What the plugin is asked, in its own terms: one function for each of its three.

use crate::bindings::souk::rules::{discount, shipping, tax};
use crate::check;
use crate::problem::failed;
use crate::question::{Line, Question};
use souk_kit::Result;

/// The question, the configuration that the plugin reads, and what each line costs by now.
pub struct Cart<'q> {
    pub question: &'q Question,
    pub config: &'q str,
    /// What is left of each line's price, once discounts are known.
    pub left: Vec<i64>,
}

impl<'q> Cart<'q> {
    pub fn of(question: &'q Question, config: &'q str) -> Self {
        Self { question, config, left: question.lines.iter().map(Line::price).collect() }
    }

    /// The discounts, by line; afterwards `left` is what the lines cost with them.
    pub fn discounts(&mut self) -> Result<discount::Discounts> {
        let answer = discount::apply(self.config, &self.basket()).map_err(|text| failed("apply", &text))?;
        self.left = check::discounts(self.question, &answer)?;
        Ok(answer)
    }

    /// The ways of shipping.
    pub fn shipping(&self) -> Result<Vec<shipping::Method>> {
        let answer = shipping::quote(self.config, &self.parcel()).map_err(|text| failed("quote", &text))?;
        check::shipping(self.question, &answer)?;
        Ok(answer.methods)
    }

    /// The taxes of each line and, after them, of each way of shipping.
    pub fn taxes(&self, methods: &[shipping::Method]) -> Result<Vec<Vec<tax::Levy>>> {
        let sale = self.sale(methods);
        if sale.items.is_empty() {
            return Ok(Vec::new());
        }
        let answer = tax::assess(self.config, &sale).map_err(|text| failed("assess", &text))?;
        Ok(check::taxes(self.question, &sale.items, answer)?)
    }

    fn basket(&self) -> discount::Basket {
        let Question { customer, .. } = self.question;
        let coupon = |code: &String| discount::Coupon {
            code: code.clone(),
            uses: self.question.uses_of(code),
            uses_by_customer: self.question.uses_by_customer_of(code),
        };
        let line = |line: &Line| discount::Line {
            id: line.id.clone(),
            product_id: line.product_id.clone(),
            variant_id: line.variant_id.clone(),
            categories: line.categories.clone(),
            unit_price: line.unit_price.amount,
            quantity: line.quantity,
            weight_g: line.weight_g,
        };
        discount::Basket {
            currency: self.question.currency.to_string(),
            country: self.question.country.clone(),
            region: self.question.region.clone(),
            postal_code: self.question.postal_code.clone(),
            customer_id: customer.id.clone(),
            customer_groups: customer.groups.clone(),
            coupons: self.question.coupons.iter().map(coupon).collect(),
            shipping_method: self.question.shipping_method.clone(),
            lines: self.question.lines.iter().map(line).collect(),
            now_ms: self.question.now.as_millis(),
        }
    }

    fn parcel(&self) -> shipping::Parcel {
        let item = |(line, amount): (&Line, &i64)| shipping::Item {
            product_id: line.product_id.clone(),
            variant_id: line.variant_id.clone(),
            categories: line.categories.clone(),
            quantity: line.quantity,
            weight_g: line.weight_g,
            amount: *amount,
        };
        shipping::Parcel {
            currency: self.question.currency.to_string(),
            country: self.question.country.clone(),
            region: self.question.region.clone(),
            postal_code: self.question.postal_code.clone(),
            customer_groups: self.question.customer.groups.clone(),
            items: self.question.lines.iter().zip(&self.left).map(item).collect(),
            now_ms: self.question.now.as_millis(),
        }
    }

    fn sale(&self, methods: &[shipping::Method]) -> tax::Sale {
        let goods = |(line, amount): (&Line, &i64)| tax::Item {
            kind: tax::Kind::Goods,
            categories: line.categories.clone(),
            quantity: line.quantity,
            amount: *amount,
        };
        let carriage = |method: &shipping::Method| tax::Item {
            kind: tax::Kind::Shipping,
            categories: Vec::new(),
            quantity: 1,
            amount: method.price,
        };
        let goods = self.question.lines.iter().zip(&self.left).map(goods);
        tax::Sale {
            currency: self.question.currency.to_string(),
            country: self.question.country.clone(),
            region: self.question.region.clone(),
            postal_code: self.question.postal_code.clone(),
            customer_groups: self.question.customer.groups.clone(),
            items: goods.chain(methods.iter().map(carriage)).collect(),
            now_ms: self.question.now.as_millis(),
        }
    }
}
