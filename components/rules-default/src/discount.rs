//! Money off: first what is for everybody, in the order of the configuration, then the buyer's coupons in theirs. Each
//! takes from what those before it left of a line, so that no line goes below zero.

use crate::bindings::exports::souk::rules::discount::{
    Basket, Coupon, CouponAnswer, CouponStatus, Discounts, Line, Reduction,
};
use crate::config::{Discount, Gives, Only, WHOLE_BP, amount_in};
use crate::round::{half_even, shares};

/// Applies what is configured to a basket.
pub fn apply(configured: &[Discount], basket: Basket) -> Discounts {
    let mut till = Till::of(&basket);
    for discount in configured.iter().filter(|discount| discount.code.is_none()) {
        if discount.why_not_now(basket.now_ms).is_none() {
            till.take_off(discount);
        }
    }
    let answer = |coupon: &Coupon| {
        let (status, detail) = till.redeem(configured, coupon);
        CouponAnswer { code: coupon.code.clone(), status, detail }
    };
    let coupons = basket.coupons.iter().map(answer).collect();
    Discounts { reductions: till.reductions, coupons, currency: basket.currency }
}

/// A basket while discounts are being taken off.
struct Till<'b> {
    basket: &'b Basket,
    /// What is left of each line's price.
    left: Vec<i64>,
    reductions: Vec<Reduction>,
}

impl<'b> Till<'b> {
    fn of(basket: &'b Basket) -> Self {
        let price = |line: &Line| line.unit_price.saturating_mul(line.quantity.into());
        Self { basket, left: basket.lines.iter().map(price).collect(), reductions: Vec::new() }
    }

    fn redeem(&mut self, configured: &[Discount], coupon: &Coupon) -> (CouponStatus, String) {
        let discount = configured.iter().find(|discount| discount.code.as_ref() == Some(&coupon.code));
        let Some(discount) = discount else {
            return (CouponStatus::Unknown, "There is no such coupon.".into());
        };
        if let Some(why) = discount.why_not_now(self.basket.now_ms) {
            return (CouponStatus::Expired, why.into());
        }
        if discount.max_uses.is_some_and(|most| coupon.uses >= most) {
            return (CouponStatus::Exhausted, "The coupon has been used as often as it may be.".into());
        }
        if discount.max_uses_per_customer.is_some_and(|most| coupon.uses_by_customer >= most) {
            return (
                CouponStatus::Exhausted,
                "You have used the coupon as often as one customer may.".into(),
            );
        }
        if !self.take_off(discount) {
            return (CouponStatus::NotApplicable, "Nothing in the cart can have this coupon.".into());
        }
        (CouponStatus::Applied, discount.label.clone())
    }

    /// Takes a discount off the lines that it is for. Whether there was anything to take.
    fn take_off(&mut self, discount: &Discount) -> bool {
        let lines = self.lines_for(&discount.only);
        let total: i64 = lines.iter().map(|line| self.left[*line]).sum();
        let enough =
            amount_in(&discount.min_total, &self.basket.currency).is_some_and(|least| total >= least);
        if !enough && !discount.min_total.is_empty() {
            return false;
        }
        let amounts = match &discount.gives {
            Gives::Percentage { off_bp } => {
                lines.iter().map(|line| half_even(self.left[*line], (*off_bp).into(), WHOLE_BP)).collect()
            }
            Gives::Fixed { off } => {
                let left: Vec<i64> = lines.iter().map(|line| self.left[*line]).collect();
                let off = amount_in(off, &self.basket.currency).unwrap_or_default();
                shares(off.min(total), &left)
            }
            Gives::BuyXGetY { buy, get, off_bp } => self.cheapest(&lines, *buy, *get, *off_bp),
        };
        let before = self.reductions.len();
        for (line, amount) in lines.into_iter().zip(amounts).filter(|(_, amount)| *amount > 0) {
            self.left[line] -= amount;
            let (code, label) = (discount.code.clone(), discount.label.clone());
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            self.reductions.push(Reduction { line, code, label, amount });
        }
        self.reductions.len() > before
    }

    /// Of each `buy + get` units the cheapest `get`, and of an incomplete last group what it has beyond `buy`.
    fn cheapest(&self, lines: &[usize], buy: u32, get: u32, off_bp: u32) -> Vec<i64> {
        let quantity = |line: usize| u64::from(self.basket.lines[line].quantity);
        let units: u64 = lines.iter().map(|line| quantity(*line)).sum();
        let (buy, get) = (u64::from(buy), u64::from(get));
        let mut free = units / (buy + get) * get + (units % (buy + get)).saturating_sub(buy);
        let mut by_price: Vec<usize> = (0..lines.len()).collect();
        by_price.sort_by_key(|index| self.basket.lines[lines[*index]].unit_price);
        let mut amounts = vec![0; lines.len()];
        for index in by_price {
            let line = lines[index];
            let taken = free.min(quantity(line));
            free -= taken;
            amounts[index] = half_even(self.left[line], taken * u64::from(off_bp), quantity(line) * WHOLE_BP);
        }
        amounts
    }

    /// The places of the lines that a discount is for; none when it is for other customers.
    fn lines_for(&self, only: &Only) -> Vec<usize> {
        let groups = &self.basket.customer_groups;
        if !only.customer_groups.is_empty()
            && !only.customer_groups.iter().any(|group| groups.contains(group))
        {
            return Vec::new();
        }
        let lines = self.basket.lines.iter().enumerate();
        lines
            .filter(|(index, line)| self.left[*index] > 0 && only.names(line))
            .map(|(index, _)| index)
            .collect()
    }
}

impl Discount {
    fn why_not_now(&self, now_ms: i64) -> Option<&'static str> {
        if self.from.is_some_and(|from| now_ms < from) {
            return Some("The coupon is not valid yet.");
        }
        self.until.is_some_and(|until| now_ms >= until).then_some("The coupon is no longer valid.")
    }
}

impl Only {
    fn names(&self, line: &Line) -> bool {
        let everything = self.categories.is_empty() && self.products.is_empty() && self.variants.is_empty();
        everything
            || self.products.contains(&line.product_id)
            || self.variants.contains(&line.variant_id)
            || self.categories.iter().any(|category| line.categories.contains(category))
    }
}
