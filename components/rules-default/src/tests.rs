//! The rules as a merchant would try them: a configuration, a question, the answer.

use crate::bindings::exports::souk::rules::{discount as d, shipping as s, tax as t};
use crate::config::Config;
use crate::{discount, shipping, tax};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOON: i64 = 1_795_262_400_000; // 2026-11-21T12:00:00Z

fn line(categories: &[&str], unit_price: i64, quantity: u32) -> d::Line {
    d::Line {
        id: "lin_1".into(),
        product_id: "prd_1".into(),
        variant_id: "var_1".into(),
        categories: categories.iter().map(|&slug| slug.into()).collect(),
        unit_price,
        quantity,
        weight_g: 500,
    }
}

fn basket(lines: Vec<d::Line>, coupons: &[(&str, u32)]) -> d::Basket {
    let coupon =
        |(code, uses): &(&str, u32)| d::Coupon { code: (*code).into(), uses: *uses, uses_by_customer: 0 };
    d::Basket {
        currency: "EUR".into(),
        country: "DE".into(),
        region: None,
        postal_code: None,
        customer_id: None,
        customer_groups: vec!["club".into()],
        coupons: coupons.iter().map(coupon).collect(),
        shipping_method: None,
        lines,
        now_ms: NOON,
    }
}

fn config(text: &Value) -> Config {
    Config::read(&text.to_string()).expect("a configuration")
}

fn applied(discounts: Value, basket: d::Basket) -> d::Discounts {
    discount::apply(&config(&json!({"discounts": discounts})).discounts, basket)
}

/// Line and amount of every reduction.
fn amounts(discounts: &d::Discounts) -> Vec<(u32, i64)> {
    discounts.reductions.iter().map(|reduction| (reduction.line, reduction.amount)).collect()
}

fn status(discounts: &d::Discounts) -> Vec<d::CouponStatus> {
    discounts.coupons.iter().map(|coupon| coupon.status).collect()
}

fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

#[test]
fn a_percentage_is_rounded_line_by_line() {
    let sale = json!([{"label": "Sale", "gives": {"percentage": {"off_bp": 1500}}}]);
    let answer = applied(sale, basket(vec![line(&[], 10, 1), line(&[], 1999, 3), line(&[], 30, 1)], &[]));
    assert_eq!(amounts(&answer), [(0, 2), (1, 900), (2, 4)], "1.5, 899.55 and 4.5");
}

#[test]
fn a_fixed_amount_is_shared_and_never_more_than_the_price() {
    let ten = json!([{"label": "Ten off", "gives": {"fixed": {"off": [euros(1000)]}}}]);
    let answer = applied(ten.clone(), basket(vec![line(&[], 3333, 1), line(&[], 6667, 1)], &[]));
    assert_eq!(amounts(&answer), [(0, 333), (1, 667)]);
    let answer = applied(ten.clone(), basket(vec![line(&[], 300, 1), line(&[], 400, 1)], &[]));
    assert_eq!(amounts(&answer), [(0, 300), (1, 400)]);
    let dollars = d::Basket { currency: "USD".into(), ..basket(vec![line(&[], 3333, 1)], &[]) };
    assert_eq!(amounts(&applied(ten, dollars)), []);
}

#[test]
fn the_cheapest_units_are_free() {
    let rule = json!([{"label": "3 for 2", "gives": {"buy_x_get_y": {"buy": 2, "get": 1, "off_bp": 10000}}}]);
    let free = |lines| amounts(&applied(rule.clone(), basket(lines, &[])));
    assert_eq!(free(vec![line(&[], 100, 2)]), []);
    assert_eq!(free(vec![line(&[], 100, 3)]), [(0, 100)]);
    assert_eq!(free(vec![line(&[], 500, 5), line(&[], 100, 1)]), [(0, 500), (1, 100)]);
    let half = json!([{"label": "Half", "gives": {"buy_x_get_y": {"buy": 1, "get": 1, "off_bp": 5000}}}]);
    assert_eq!(amounts(&applied(half, basket(vec![line(&[], 101, 2)], &[]))), [(0, 50)]);
}

#[test]
fn discounts_are_taken_from_what_others_left() {
    let two = json!([
        {"label": "A", "gives": {"percentage": {"off_bp": 5000}}},
        {"label": "B", "gives": {"percentage": {"off_bp": 5000}}, "code": "HALF"},
        {"label": "C", "gives": {"fixed": {"off": [euros(5000)]}}, "code": "MUCH"},
    ]);
    let answer = applied(two, basket(vec![line(&[], 1000, 1)], &[("MUCH", 0), ("HALF", 0)]));
    assert_eq!(amounts(&answer), [(0, 500), (0, 500)], "the coupons in the buyer's order");
    assert_eq!(status(&answer), [d::CouponStatus::Applied, d::CouponStatus::NotApplicable]);
}

#[test]
fn a_coupon_says_what_became_of_it() {
    let coupons = json!([
        {"label": "A", "code": "OLD", "until": "2026-11-21T12:00:00Z", "gives": {"percentage": {"off_bp": 100}}},
        {"label": "B", "code": "SOON", "from": "2026-11-21T13:00:01+01:00", "gives": {"percentage": {"off_bp": 100}}},
        {"label": "C", "code": "FEW", "max_uses": 3, "gives": {"percentage": {"off_bp": 100}}},
        {"label": "D", "code": "BOOKS", "only": {"categories": ["books"]}, "gives": {"percentage": {"off_bp": 100}}},
        {"label": "E", "code": "RICH", "min_total": [euros(10001)], "gives": {"percentage": {"off_bp": 100}}},
        {"label": "F", "code": "STAFF", "only": {"customer_groups": ["staff"]}, "gives": {"percentage": {"off_bp": 100}}},
        {"label": "G", "code": "CLUB", "only": {"customer_groups": ["club"]}, "gives": {"percentage": {"off_bp": 100}}},
    ]);
    let ask = |code, uses| {
        let answer = applied(coupons.clone(), basket(vec![line(&["lamps"], 10_000, 1)], &[(code, uses)]));
        let applied = answer.coupons[0].status == d::CouponStatus::Applied;
        assert_eq!(applied, answer.reductions.iter().any(|it| it.code.as_deref() == Some(code)), "{code}");
        answer.coupons[0].status
    };
    assert_eq!(ask("OLD", 0), d::CouponStatus::Expired);
    assert_eq!(ask("SOON", 0), d::CouponStatus::Expired);
    assert_eq!(ask("FEW", 2), d::CouponStatus::Applied);
    assert_eq!(ask("FEW", 3), d::CouponStatus::Exhausted);
    assert_eq!(ask("BOOKS", 0), d::CouponStatus::NotApplicable);
    assert_eq!(ask("RICH", 0), d::CouponStatus::NotApplicable);
    assert_eq!(ask("STAFF", 0), d::CouponStatus::NotApplicable);
    assert_eq!(ask("CLUB", 0), d::CouponStatus::Applied);
    assert_eq!(ask("NOPE", 0), d::CouponStatus::Unknown);
}

#[test]
fn a_coupon_is_counted_for_each_customer_too() {
    let twice = json!([{"label": "A", "code": "TWICE", "max_uses": 100, "max_uses_per_customer": 2,
        "gives": {"percentage": {"off_bp": 100}}}]);
    let ask = |uses, uses_by_customer| {
        let mut basket = basket(vec![line(&[], 10_000, 1)], &[("TWICE", uses)]);
        basket.coupons[0].uses_by_customer = uses_by_customer;
        status(&applied(twice.clone(), basket))[0]
    };
    assert_eq!(ask(50, 1), d::CouponStatus::Applied);
    assert_eq!(ask(50, 2), d::CouponStatus::Exhausted);
    assert_eq!(ask(100, 0), d::CouponStatus::Exhausted);
}

fn sale(country: &str, region: Option<&str>, items: Vec<t::Item>) -> t::Sale {
    t::Sale {
        currency: "EUR".into(),
        country: country.into(),
        region: region.map(Into::into),
        postal_code: None,
        customer_groups: vec![],
        items,
        now_ms: NOON,
    }
}

fn item(kind: t::Kind, categories: &[&str], amount: i64) -> t::Item {
    t::Item { kind, categories: categories.iter().map(|&slug| slug.into()).collect(), quantity: 1, amount }
}

/// Rate, amount and whether it is included, of every levy.
fn levies(config: &Config, sale: t::Sale) -> Vec<(u32, u32, i64, bool)> {
    let levies = tax::assess(&config.taxes, sale).levies;
    levies.into_iter().map(|levy| (levy.item, levy.rate_bp, levy.amount, levy.included)).collect()
}

#[test]
fn by_default_a_price_in_the_union_has_the_tax_of_its_destination_in_it() {
    let default = Config::read("").expect("the default");
    let sold = || {
        vec![
            item(t::Kind::Goods, &["lamps"], 11_900),
            item(t::Kind::Goods, &["lamps", "books"], 1070),
            item(t::Kind::Shipping, &[], 495),
        ]
    };
    assert_eq!(
        levies(&default, sale("DE", None, sold())),
        [(0, 1900, 1900, true), (1, 700, 70, true), (2, 1900, 79, true)]
    );
    assert_eq!(levies(&default, sale("FR", None, sold()))[0], (0, 2000, 1983, true));
    assert_eq!(levies(&default, sale("US", Some("NY"), sold())), []);
    assert_eq!(levies(&default, sale("IE", None, sold())).len(), 2, "a rate of zero is no tax");
}

#[test]
fn taxes_on_top_and_several_at_once() {
    let canada = config(&json!({"taxes": {
        "CA": [{"label": "GST", "included": false, "standard_bp": 500}],
        "CA-QC": [{"label": "GST", "included": false, "standard_bp": 500},
                  {"label": "QST", "included": false, "standard_bp": 1000, "categories": {"food": 0}, "shipping_bp": 100}],
    }}));
    let goods = |categories| vec![item(t::Kind::Goods, categories, 10_000)];
    assert_eq!(levies(&canada, sale("CA", Some("ON"), goods(&[]))), [(0, 500, 500, false)]);
    assert_eq!(
        levies(&canada, sale("CA", Some("QC"), goods(&[]))),
        [(0, 500, 500, false), (0, 1000, 1000, false)]
    );
    assert_eq!(levies(&canada, sale("CA", Some("QC"), goods(&["food"]))), [(0, 500, 500, false)]);
    let shipping = vec![item(t::Kind::Shipping, &[], 10_000)];
    assert_eq!(levies(&canada, sale("CA", Some("QC"), shipping))[1], (0, 100, 100, false));
}

fn parcel(country: &str, quantity: u32, weight_g: u32, amount: i64) -> s::Parcel {
    let item = s::Item {
        product_id: "prd_1".into(),
        variant_id: "var_1".into(),
        categories: vec![],
        quantity,
        weight_g,
        amount,
    };
    s::Parcel {
        currency: "EUR".into(),
        country: country.into(),
        region: None,
        postal_code: None,
        customer_groups: vec![],
        items: vec![item],
        now_ms: NOON,
    }
}

#[test]
fn shipping_is_by_zone_weight_and_price() {
    let default = Config::read("").expect("the default");
    let quote = |parcel| {
        let offer = shipping::quote(&default.shipping, parcel);
        let methods = offer.methods.into_iter().map(|method| (method.code, method.price));
        methods.collect::<Vec<_>>()
    };
    let of = |pairs: &[(&str, i64)]| {
        pairs.iter().map(|(code, price)| ((*code).to_owned(), *price)).collect::<Vec<_>>()
    };
    assert_eq!(quote(parcel("FR", 1, 2000, 4999)), of(&[("standard", 495), ("express", 1295)]));
    assert_eq!(quote(parcel("FR", 2, 1001, 4999)), of(&[("standard", 795), ("express", 1995)]));
    assert_eq!(quote(parcel("FR", 1, 2000, 5000)), of(&[("standard", 0), ("express", 1295)]));
    assert_eq!(quote(parcel("FR", 1, 10_001, 5000)), of(&[("standard", 1495)]));
    assert_eq!(quote(parcel("FR", 1, 31_501, 5000)), of(&[]));
    assert_eq!(quote(parcel("CH", 1, 2000, 9999)), of(&[("standard", 1295)]));
    assert_eq!(quote(parcel("JP", 1, 2000, 9999)), of(&[("international", 2495)]));
    assert_eq!(quote(s::Parcel { currency: "USD".into(), ..parcel("FR", 1, 1, 1) }), of(&[]));
}

/// The JSON texts of the documentation.
fn documented() -> Vec<&'static str> {
    let blocks = include_str!("../../../docs/rules.md").split("```json\n").skip(1);
    blocks.filter_map(|block| block.split("```").next()).collect()
}

#[test]
fn every_configuration_of_the_documentation_is_right() {
    assert!(!documented().is_empty());
    for text in documented() {
        Config::read(text).unwrap_or_else(|mistakes| panic!("{mistakes} in {text}"));
    }
}

#[test]
fn the_example_of_the_documentation_does_what_it_says() {
    let example = Config::read(documented()[0]).expect("a configuration");
    // 15% off three lamps of 20.00, the cheapest of the three free, then 5.00 off for the coupon.
    let answer =
        discount::apply(&example.discounts, basket(vec![line(&["lamps"], 2000, 3)], &[("WELCOME", 0)]));
    assert_eq!(amounts(&answer), [(0, 900), (0, 1700), (0, 500)]);
    let too_little = discount::apply(&example.discounts, basket(vec![line(&[], 2999, 1)], &[("WELCOME", 0)]));
    assert_eq!(status(&too_little), [d::CouponStatus::NotApplicable]);
    let used_up = discount::apply(&example.discounts, basket(vec![line(&[], 3000, 1)], &[("WELCOME", 500)]));
    assert_eq!(status(&used_up), [d::CouponStatus::Exhausted]);
    let sold = || vec![item(t::Kind::Goods, &["books"], 10_700), item(t::Kind::Shipping, &[], 1000)];
    assert_eq!(levies(&example, sale("DE", None, sold())), [(0, 700, 700, true), (1, 1900, 160, true)]);
    let on_top = [(0, 500, 535, false), (0, 700, 749, false), (1, 500, 50, false)];
    assert_eq!(levies(&example, sale("CA", Some("BC"), sold())), on_top);
    let price = |country, weight_g, amount| {
        let offer = shipping::quote(&example.shipping, parcel(country, 1, weight_g, amount));
        offer.methods.first().map(|method| method.price)
    };
    assert_eq!((price("AT", 5000, 4999), price("DE", 5001, 5000)), (Some(595), Some(0)));
    assert_eq!((price("DE", 5001, 4999), price("FR", 100, 9999)), (None, None));
}

#[test]
fn every_mistake_of_a_configuration_is_told() {
    let wrong = json!({
        "discounts": [
            {"label": " ", "gives": {"percentage": {"off_bp": 0}}},
            {"label": "A", "code": "low", "gives": {"fixed": {"off": []}}},
            {"label": "A", "max_uses": 1, "max_uses_per_customer": 1, "gives": {"buy_x_get_y": {"buy": 0, "get": 1, "off_bp": 1}}},
            {"label": "A", "from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z", "code": "X",
             "gives": {"percentage": {"off_bp": 1}}},
            {"label": "A", "code": "X", "gives": {"percentage": {"off_bp": 1}}, "min_total": [euros(-1)]},
        ],
        "taxes": {"Germany": [], "DE": [{"label": "VAT", "included": true, "standard_bp": 200_000}]},
        "shipping": [{"to": [], "methods": [
            {"code": "A", "label": "", "min_days": 3, "max_days": 2, "prices": []},
        ]}],
    });
    let told = Config::read(&wrong.to_string()).expect_err("nothing but mistakes");
    let places = [
        "discounts[0] needs a label",
        "discounts[0].gives needs off_bp",
        "discounts[1] has a code",
        "discounts[1].gives needs an amount",
        "discounts[2] has max_uses without",
        "discounts[2] has max_uses_per_customer without",
        "discounts[2].gives needs buy",
        "discounts[3] ends",
        "discounts[4] has a code",
        "discounts[4].min_total has an amount",
        "taxes.Germany",
        "taxes.DE[0] has a rate",
        "shipping[0] needs countries",
        "methods[0] has a code",
        "methods[0] needs a label",
        "methods[0] needs min_days",
        "methods[0] has no prices",
    ];
    for place in places {
        assert!(told.contains(place), "{place:?} is not in: {told}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    for (text, expected) in [
        ("{", "line 1"),
        ("[]", "cannot be read"),
        (r#"{"discount": []}"#, "unknown field `discount`"),
        (r#"{"discounts": [{"label": "A", "gives": {"magic": {}}}]}"#, "unknown variant `magic`"),
        (
            r#"{"discounts": [{"label": "A", "from": "today", "gives": {"percentage": {"off_bp": 1}}}]}"#,
            "RFC 3339",
        ),
        (r#"{"taxes": {"DE": [{"label": "VAT", "included": true, "standard_bp": 19.5}]}}"#, "19.5"),
    ] {
        let told = Config::read(text).expect_err(text);
        assert!(told.starts_with("rules_config ") && told.contains(expected), "{told}");
    }
}

proptest! {
    /// Whatever is configured and bought: nothing below zero, no more off than the price, taxes that fit into it.
    #[test]
    fn no_line_goes_below_zero(
        lines in proptest::collection::vec((0..=100_000_i64, 1..=50_u32), 1..8),
        percent in 1..=10_000_u32, fixed in 1..=1_000_000_i64, buy in 1..5_u32, get in 1..5_u32, rate in 0..=5_000_u32,
        included: bool,
    ) {
        let configured = config(&json!({
            "discounts": [
                {"label": "A", "gives": {"buy_x_get_y": {"buy": buy, "get": get, "off_bp": percent}}},
                {"label": "B", "gives": {"percentage": {"off_bp": percent}}},
                {"label": "C", "code": "C", "gives": {"fixed": {"off": [euros(fixed)]}}},
            ],
            "taxes": {"DE": [{"label": "VAT", "included": included, "standard_bp": rate}]},
        }));
        let prices: Vec<i64> = lines.iter().map(|(price, quantity)| price * i64::from(*quantity)).collect();
        let bought = lines.iter().map(|(price, quantity)| line(&[], *price, *quantity)).collect();
        let answer = discount::apply(&configured.discounts, basket(bought, &[("C", 0)]));
        let mut left = prices.clone();
        for reduction in &answer.reductions {
            prop_assert!(reduction.amount > 0);
            left[reduction.line as usize] -= reduction.amount;
        }
        prop_assert!(left.iter().all(|amount| *amount >= 0), "{left:?}");
        let off: i64 = answer.reductions.iter().filter(|it| it.code.is_some()).map(|it| it.amount).sum();
        prop_assert!(off <= fixed);
        let items = left.iter().map(|amount| item(t::Kind::Goods, &[], *amount)).collect();
        for levy in tax::assess(&configured.taxes, sale("DE", None, items)).levies {
            let amount = left[levy.item as usize];
            let net = if included { amount - levy.amount } else { amount };
            let twice_error = (2 * levy.amount * 10_000 - 2 * net * i64::from(rate)).abs();
            // Half a unit of rounding, of the net amount too where the tax is in the price.
            let allowed = 10_000 + i64::from(included) * i64::from(rate);
            prop_assert!(twice_error <= allowed);
        }
    }
}
