//! Answers that a plugin might give.

use super::*;
use crate::bindings::souk::rules::discount::{CouponAnswer, Reduction};
use crate::bindings::souk::rules::shipping::Method;
use crate::bindings::souk::rules::tax::Kind;
use proptest::prelude::*;
use serde_json::json;

/// Two lines, of 3 x 1000 and of 1 x 500, and the coupon `TEN`.
fn question() -> Question {
    let line = |id: &str, amount: i64, quantity: u32| {
        json!({"id": id, "variant_id": "var_1", "product_id": "prd_1", "quantity": quantity,
               "unit_price": {"amount": amount, "currency": "EUR"}})
    };
    let question = json!({"currency": "EUR", "country": "FR", "coupons": ["ten "], "now": "2026-11-21T12:00:00Z",
                          "lines": [line("a", 1000, 3), line("b", 500, 1)]});
    serde_json::from_value::<Question>(question).expect("a question").judged().expect("a good one")
}

fn reduction(line: u32, amount: i64) -> Reduction {
    Reduction { line, code: None, label: "Sale".into(), amount }
}

fn ten(status: CouponStatus) -> CouponAnswer {
    CouponAnswer { code: "TEN".into(), status, detail: String::new() }
}

fn answer(reductions: Vec<Reduction>) -> Discounts {
    Discounts { currency: "EUR".into(), reductions, coupons: vec![ten(CouponStatus::Applied)] }
}

fn nonsense<T: std::fmt::Debug>(sound: Sound<T>) -> String {
    sound.expect_err("nonsense").what
}

#[test]
fn a_discount_up_to_the_price_is_sound() {
    let by_coupon = Reduction { code: Some("TEN".into()), ..reduction(0, 1000) };
    let left = discounts(&question(), &answer(vec![reduction(0, 2000), by_coupon, reduction(1, 1)]));
    assert_eq!(left.expect("sound"), [0, 499]);
}

#[test]
fn a_discount_that_cannot_be_is_nonsense() {
    let question = question();
    let said = |reductions| nonsense(discounts(&question, &answer(reductions)));
    assert!(said(vec![reduction(0, 2000), reduction(0, 1001)]).contains("of which 1000 is left"));
    assert!(said(vec![reduction(1, -1)]).contains("a reduction of -1"));
    assert!(said(vec![reduction(1, 0)]).contains("a reduction of 0"));
    assert!(said(vec![reduction(2, 1)]).contains("no line 2"));
    assert!(said((0..41).map(|_| reduction(0, 1)).collect()).contains("41 reductions"));
    assert!(said(vec![Reduction { label: "\u{200b}".into(), ..reduction(0, 1) }]).contains("no label"));
    assert!(said(vec![Reduction { code: Some("NO".into()), ..reduction(0, 1) }]).contains("\"NO\""));
    let dollars = Discounts { currency: "USD".into(), ..answer(vec![]) };
    assert!(nonsense(discounts(&question, &dollars)).contains("USD"));
}

#[test]
fn every_coupon_is_answered_and_only_one_that_applied_gives_something() {
    let question = question();
    for coupons in [vec![], vec![ten(CouponStatus::Unknown), ten(CouponStatus::Applied)]] {
        let said = nonsense(discounts(&question, &Discounts { coupons, ..answer(vec![]) }));
        assert!(said.contains("each coupon once"), "{said}");
    }
    let by_coupon = Reduction { code: Some("TEN".into()), ..reduction(0, 1) };
    let refused = Discounts { coupons: vec![ten(CouponStatus::Exhausted)], ..answer(vec![by_coupon]) };
    assert!(nonsense(discounts(&question, &refused)).contains("no coupon that applied"));
}

fn method(code: &str, price: i64, days: (u32, u32)) -> Method {
    Method { code: code.into(), label: "Post".into(), price, min_days: days.0, max_days: days.1 }
}

#[test]
fn a_way_of_shipping_has_a_code_a_price_and_days() {
    let offer = |methods| shipping(&question(), &Offer { currency: "EUR".into(), methods });
    offer(vec![method("post", 0, (0, 0)), method("express-1", 495, (1, 2))]).expect("sound");
    offer(vec![]).expect("nothing is an answer too");
    assert!(nonsense(offer(vec![method("post", -1, (1, 2))])).contains("-1"));
    assert!(nonsense(offer(vec![method("post", i64::MAX, (1, 2))])).contains("no amount"));
    assert!(nonsense(offer(vec![method("post", 1, (3, 2))])).contains("3 to 2 days"));
    assert!(nonsense(offer(vec![method("By post", 1, (1, 2))])).contains("no code"));
    assert!(nonsense(offer(vec![method("post", 1, (1, 2)), method("post", 2, (1, 2))])).contains("two ways"));
    let yen = Offer { currency: "JPY".into(), methods: vec![] };
    assert!(nonsense(shipping(&question(), &yen)).contains("JPY"));
}

fn item(amount: i64, quantity: u32) -> Item {
    Item { kind: Kind::Goods, categories: vec![], quantity, amount }
}

fn levy(rate_bp: u32, amount: i64, included: bool) -> Levy {
    Levy { item: 0, label: "VAT".into(), rate_bp, amount, included }
}

fn assessed(item: Item, levies: Vec<Levy>) -> Sound<Vec<Vec<Levy>>> {
    taxes(&question(), &[item], Taxes { currency: "EUR".into(), levies })
}

#[test]
fn a_tax_is_its_rate_of_the_price() {
    assessed(item(12_000, 1), vec![levy(2000, 2000, true)]).expect("in the price");
    assessed(item(12_000, 1), vec![levy(2000, 2400, false)]).expect("on top");
    assessed(item(10_000, 1), vec![levy(500, 500, false), levy(1000, 1050, false)]).expect("a tax on a tax");
    assessed(item(10_000, 1), vec![levy(0, 37, false)]).expect("a fee without a rate");
    assessed(item(30, 10), vec![levy(1500, 0, false)]).expect("rounded unit by unit: 0.45 is 0");
    assert!(nonsense(assessed(item(30, 1), vec![levy(1500, 8, false)])).contains("a tax of 8"));
    assert!(nonsense(assessed(item(12_000, 1), vec![levy(2000, 2400, true)])).contains("a tax of 2400"));
    assert!(nonsense(assessed(item(12_000, 1), vec![levy(2000, 2000, false)])).contains("a tax of 2000"));
    assert!(nonsense(assessed(item(100, 1), vec![levy(0, 101, false)])).contains("taxes of 101"));
    assert!(nonsense(assessed(item(100, 1), vec![levy(0, -1, false)])).contains("no amount"));
    let other = Levy { item: 1, ..levy(0, 1, false) };
    assert!(nonsense(assessed(item(100, 1), vec![other])).contains("no item 1"));
}

#[test]
fn a_question_that_cannot_be_is_refused_field_by_field() {
    let mut question = question();
    question.lines[1].id = "a".into();
    question.lines[1].unit_price.currency = "USD".parse().expect("dollars");
    question.lines[0].unit_price.amount = -1;
    question.coupons = vec!["ten".into(), "TEN".into()];
    let problem = question.judged().expect_err("a refusal");
    let mut fields: Vec<_> = problem.errors().iter().filter_map(|error| error.pointer.as_deref()).collect();
    fields.sort_unstable();
    let wrong = ["/coupons/1", "/lines/0/unit_price/amount", "/lines/1/id", "/lines/1/unit_price/currency"];
    assert_eq!(fields, wrong);
}

#[test]
fn uses_of_a_coupon_count_however_it_was_written() {
    let mut question = question();
    question.coupon_uses =
        [("ten", 2), ("TEN", 3), ("other", 9)].map(|(code, uses)| (code.into(), uses)).into();
    assert_eq!((question.uses_of("TEN"), question.uses_of("NEW")), (5, 0));
}

proptest! {
    /// No sound answer takes more off a line than it costs.
    #[test]
    fn what_is_left_is_never_below_zero(reductions in proptest::collection::vec((0..3_u32, -10..4000_i64), 0..6)) {
        let given: Vec<_> = reductions.iter().map(|(line, amount)| reduction(*line, *amount)).collect();
        if let Ok(left) = discounts(&question(), &answer(given)) {
            prop_assert!(left.iter().all(|amount| *amount >= 0));
            let off: i64 = reductions.iter().map(|(_, amount)| amount).sum();
            prop_assert_eq!(left.iter().sum::<i64>() + off, 3500);
        }
    }

    /// Whatever rounds half to even, half up or down, by line, is sound.
    #[test]
    fn an_honest_tax_is_sound(amount in 0..=10_000_000_i64, rate in 1..=5000_u32, included: bool, up: bool) {
        let denominator = 10_000 + if included { i64::from(rate) } else { 0 };
        let exact = amount * i64::from(rate);
        let tax = exact / denominator + i64::from(up && exact % denominator > 0);
        prop_assert!(assessed(item(amount, 1), vec![levy(rate, tax, included)]).is_ok());
    }
}
