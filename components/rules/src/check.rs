//! Whether a plugin's answer can be: what `wit/souk-rules.wit` demands, and no more.

use crate::bindings::souk::rules::discount::{CouponStatus, Discounts};
use crate::bindings::souk::rules::shipping::Offer;
use crate::bindings::souk::rules::tax::{Item, Levy, Taxes};
use crate::question::{Line, Question};
use souk_kit::money::MAX_AMOUNT;
use souk_kit::text::{is_control, is_visible};
use std::collections::BTreeSet;

/// Reductions and levies of one line at most.
const MAX_PER_LINE: usize = 20;
const MAX_METHODS: usize = 50;
const MAX_LABEL: usize = 200;
const MAX_DAYS: u32 = 3650;
/// A whole, in hundredths of a percent.
const WHOLE_BP: i128 = 10_000;

/// What is wrong with an answer.
#[derive(Debug)]
pub struct Nonsense {
    /// The plugin's function.
    pub function: &'static str,
    /// The breach, as one clause.
    pub what: String,
}

type Sound<T = ()> = Result<T, Nonsense>;

/// The judgement of one function's answer.
#[derive(Clone, Copy)]
struct Judge<'q> {
    function: &'static str,
    question: &'q Question,
}

impl Judge<'_> {
    fn that(self, holds: bool, otherwise: impl FnOnce() -> String) -> Sound {
        if holds { Ok(()) } else { Err(Nonsense { function: self.function, what: otherwise() }) }
    }

    fn currency(self, answered: &str) -> Sound {
        let asked = self.question.currency.code();
        self.that(answered == asked, || {
            format!("it is in {:?}, and was asked for in {asked}", short(answered))
        })
    }

    fn label(self, label: &str) -> Sound {
        self.text(label)?;
        self.that(is_visible(label), || format!("{:?} is no label", short(label)))
    }

    fn text(self, text: &str) -> Sound {
        let fits = text.chars().count() <= MAX_LABEL && !text.contains(is_control);
        self.that(fits, || format!("{:?} is too long, or nothing to read", short(text)))
    }

    fn amount(self, amount: i64) -> Sound {
        self.that((0..=MAX_AMOUNT).contains(&amount), || format!("{amount} is no amount"))
    }
}

fn short(text: &str) -> String {
    text.chars().take(50).collect()
}

/// What the discounts leave of each line.
pub fn discounts(question: &Question, answer: &Discounts) -> Sound<Vec<i64>> {
    let judge = Judge { function: "apply", question };
    judge.currency(&answer.currency)?;
    let (most, found) = (question.lines.len() * MAX_PER_LINE, answer.reductions.len());
    judge.that(found <= most, || format!("{found} reductions for {} lines", question.lines.len()))?;
    let applied = coupons(judge, answer)?;
    let mut left: Vec<i64> = question.lines.iter().map(Line::price).collect();
    for reduction in &answer.reductions {
        let index = reduction.line as usize;
        judge.that(index < left.len(), || format!("there is no line {index}"))?;
        let (amount, rest) = (reduction.amount, left[index]);
        judge.that((1..=rest).contains(&amount), || {
            format!("a reduction of {amount} on line {index}, of which {rest} is left")
        })?;
        judge.label(&reduction.label)?;
        let code = reduction.code.as_deref();
        judge.that(code.is_none_or(|code| applied.contains(code)), || {
            format!("a reduction by {:?}, which is no coupon that applied", short(code.unwrap_or_default()))
        })?;
        left[index] -= amount;
    }
    Ok(left)
}

/// The coupons that applied.
fn coupons<'a>(judge: Judge<'_>, answer: &'a Discounts) -> Sound<BTreeSet<&'a str>> {
    let answered = answer.coupons.iter().map(|coupon| &coupon.code);
    let same = answered.eq(&judge.question.coupons);
    judge.that(same, || "it does not answer each coupon once, in order".into())?;
    for coupon in &answer.coupons {
        judge.text(&coupon.detail)?;
    }
    let applied = answer.coupons.iter().filter(|coupon| coupon.status == CouponStatus::Applied);
    Ok(applied.map(|coupon| coupon.code.as_str()).collect())
}

/// Whether every way of shipping can be.
pub fn shipping(question: &Question, answer: &Offer) -> Sound {
    let judge = Judge { function: "quote", question };
    judge.currency(&answer.currency)?;
    judge
        .that(answer.methods.len() <= MAX_METHODS, || format!("{} ways of shipping", answer.methods.len()))?;
    let mut codes = BTreeSet::new();
    for method in &answer.methods {
        let code = method.code.as_str();
        judge.that(is_code(code), || format!("{:?} is no code", short(code)))?;
        judge.that(codes.insert(code), || format!("two ways of shipping called {code:?}"))?;
        judge.label(&method.label)?;
        judge.amount(method.price)?;
        let days = method.min_days <= method.max_days && method.max_days <= MAX_DAYS;
        judge.that(days, || format!("{code:?} takes {} to {} days", method.min_days, method.max_days))?;
    }
    Ok(())
}

fn is_code(code: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=40).contains(&code.len()) && code.bytes().all(known)
}

/// The taxes of each item.
pub fn taxes(question: &Question, items: &[Item], answer: Taxes) -> Sound<Vec<Vec<Levy>>> {
    let judge = Judge { function: "assess", question };
    judge.currency(&answer.currency)?;
    let (most, found) = (items.len() * MAX_PER_LINE, answer.levies.len());
    judge.that(found <= most, || format!("{found} taxes on {} items", items.len()))?;
    let mut by_item: Vec<Vec<Levy>> = items.iter().map(|_| Vec::new()).collect();
    for levy in answer.levies {
        let index = levy.item as usize;
        judge.that(index < items.len(), || format!("there is no item {index}"))?;
        judge.label(&levy.label)?;
        judge.amount(levy.amount)?;
        by_item[index].push(levy);
    }
    for (item, levies) in items.iter().zip(&by_item) {
        levies_of(judge, item, levies)?;
    }
    Ok(by_item)
}

/// Whether the taxes of an item fit into its price, and are what their rates say.
fn levies_of(judge: Judge<'_>, item: &Item, levies: &[Levy]) -> Sound {
    let sum = |included: bool| -> i128 {
        levies.iter().filter(|levy| levy.included == included).map(|levy| i128::from(levy.amount)).sum()
    };
    let (price, within, on_top) = (i128::from(item.amount), sum(true), sum(false));
    judge.that(within + on_top <= price, || format!("taxes of {} on what costs {price}", within + on_top))?;
    // Rounding by line is off by less than one, rounding by unit by less than one for each.
    let tolerance = i128::from(item.quantity) + 1;
    for levy in levies.iter().filter(|levy| levy.rate_bp > 0) {
        let of = |base: i128| base * i128::from(levy.rate_bp) / WHOLE_BP;
        // A tax may be of the net price alone, or of other taxes too.
        let most = of(if levy.included { price - i128::from(levy.amount) } else { price + on_top });
        let expected = of(price - within) - tolerance..=most + tolerance;
        judge.that(expected.contains(&levy.amount.into()), || {
            format!("a tax of {} at {} hundredths of a percent on {price}", levy.amount, levy.rate_bp)
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
