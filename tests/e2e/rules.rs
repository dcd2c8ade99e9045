//! The rules: what the default plugin decides, that another one can take its place, and that none can do harm.

use serde_json::{Value, json};
use souk_tests::rules::{Plugin, Rules, cart, euros};
use std::time::{Duration, Instant};

/// A merchant's configuration: a sale of lamps, a coupon, German taxes, one way of shipping.
fn config() -> String {
    let config = json!({
        "discounts": [
            {"label": "Lamps on sale", "gives": {"percentage": {"off_bp": 1000}}, "only": {"categories": ["lamps"]}},
            {"label": "Five euros off", "code": "FIVE", "max_uses": 3, "gives": {"fixed": {"off": [euros(500)]}}},
        ],
        "taxes": {"DE": [{"label": "MwSt.", "included": true, "standard_bp": 1900, "categories": {"books": 700}}]},
        "shipping": [{"to": ["DE"], "methods": [{"code": "dhl", "label": "DHL", "min_days": 1, "max_days": 3,
            "prices": [{"from_total": euros(10_000), "price": euros(0)}, {"up_to_g": 5000, "price": euros(595)}]}]}],
    });
    config.to_string()
}

fn with(mut cart: Value, field: &str, value: Value) -> Value {
    cart[field] = value;
    cart
}

#[tokio::test]
async fn a_cart_is_evaluated_line_by_line() {
    let Some(rules) = Rules::stand(Plugin::Default, &config()).await else { return };
    let cart = cart("DE", &[(&["lamps"], 1999, 2), (&["books"], 1000, 1)]);
    let answer = rules.evaluate(&with(cart, "coupons", json!(["five"]))).await.is(200);
    assert_eq!(
        *answer.json(),
        json!({
            "lines": [
                {"id": "lin_0",
                 "discounts": [{"label": "Lamps on sale", "amount": euros(400)},
                               {"code": "FIVE", "label": "Five euros off", "amount": euros(391)}],
                 "taxes": [{"label": "MwSt.", "rate_bp": 1900, "amount": euros(512), "included": true}]},
                {"id": "lin_1",
                 "discounts": [{"code": "FIVE", "label": "Five euros off", "amount": euros(109)}],
                 "taxes": [{"label": "MwSt.", "rate_bp": 700, "amount": euros(58), "included": true}]},
            ],
            "shipping_methods": [
                {"code": "dhl", "label": "DHL", "price": euros(595), "min_days": 1, "max_days": 3,
                 "taxes": [{"label": "MwSt.", "rate_bp": 1900, "amount": euros(95), "included": true}]}],
            "coupons": [{"code": "FIVE", "status": "applied", "detail": "Five euros off"}],
        })
    );
}

#[tokio::test]
async fn coupons_that_do_not_apply_say_why() {
    let Some(rules) = Rules::stand(Plugin::Default, &config()).await else { return };
    let cart = with(cart("DE", &[(&[], 1999, 1)]), "coupons", json!(["Five", "NOPE"]));
    let answer = rules.evaluate(&with(cart, "coupon_uses", json!({"FIVE": 2, "five": 1}))).await.is(200);
    let statuses: Vec<_> = ["/coupons/0/status", "/coupons/1/status"].map(|at| answer.text(at)).into();
    assert_eq!(statuses, ["exhausted", "unknown"]);
    assert_eq!(answer.json()["lines"][0]["discounts"], json!([]));
}

#[tokio::test]
async fn without_a_configuration_prices_are_european() {
    let Some(rules) = Rules::stand(Plugin::Default, "").await else { return };
    let answer = rules.evaluate(&cart("FR", &[(&[], 6000, 1)])).await.is(200);
    assert_eq!(answer.json()["lines"][0]["taxes"][0]["amount"], euros(1000));
    assert_eq!(answer.json()["shipping_methods"][0]["price"], euros(0));
    let abroad = rules.evaluate(&cart("US", &[(&[], 6000, 1)])).await.is(200);
    assert_eq!(abroad.json()["lines"][0]["taxes"], json!([]));
    assert_eq!(abroad.text("/shipping_methods/0/code"), "international");
    let empty = rules.evaluate(&cart("FR", &[])).await.is(200);
    assert_eq!(empty.json()["lines"], json!([]));
}

#[tokio::test]
async fn only_orders_may_ask() {
    let Some(rules) = Rules::stand(Plugin::Default, "").await else { return };
    let (person, cart) = (rules.person(), cart("FR", &[(&[], 100, 1)]));
    person.post("/rules/evaluate", &cart).await.is_refused(401, "unauthenticated");
    let asks =
        |service| person.post("/rules/evaluate", &cart).header("souk-identity", rules.assertion_of(service));
    asks("gateway").await.is_refused(403, "forbidden");
    asks("payments").await.is_refused(403, "forbidden");
    asks("orders").await.is(200).accept();
    // Nor is there a way through the gateway.
    person.post("/api/v1/rules/evaluate", &cart).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn a_question_that_cannot_be_is_refused_field_by_field() {
    let Some(rules) = Rules::stand(Plugin::Default, "").await else { return };
    let refused = async |cart: &Value, field: &str| {
        rules.evaluate(cart).await.is_refused(422, "invalid-request").with_field(field);
    };
    let good = || cart("FR", &[(&[], 100, 1), (&[], 100, 1)]);
    let line = |field: &str, value: Value| {
        let mut cart = good();
        cart["lines"][1][field] = value;
        cart
    };
    refused(&line("quantity", json!(0)), "/lines/1/quantity").await;
    refused(&line("quantity", json!(1.5)), "/lines/1/quantity").await;
    refused(&line("unit_price", euros(-1)), "/lines/1/unit_price/amount").await;
    let dollars = json!({"amount": 1, "currency": "USD"});
    refused(&line("unit_price", dollars), "/lines/1/unit_price/currency").await;
    refused(&line("id", json!("lin_0")), "/lines/1/id").await;
    refused(&line("unit_price", euros(1_000_000_000_000_000)), "/lines").await;
    refused(&with(good(), "country", json!("France")), "/country").await;
    refused(&with(good(), "coupons", json!(["A", "a"])), "/coupons/1").await;
    refused(&with(good(), "now", json!("today")), "/now").await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_is_reported_and_not_shown() {
    let wrong = json!({"taxes": {"Germany": []}}).to_string();
    let Some(rules) = Rules::stand(Plugin::Default, &wrong).await else { return };
    rules.shop.expects_faults();
    let refused = rules.evaluate(&cart("FR", &[(&[], 100, 1)])).await.is_refused(502, "rules-failed");
    assert!(!refused.answer().text("/detail").contains("Germany"));
    let log = logs_of_rules(&rules);
    assert!(log.contains("taxes.Germany is no country"), "{log}");
}

fn logs_of_rules(rules: &Rules) -> String {
    let logs = rules.shop.state().join("logs");
    let read = |end| std::fs::read_to_string(logs.join(format!("rules_{end}.txt"))).unwrap_or_default();
    ["stdout", "stderr"].map(read).concat()
}

#[tokio::test]
async fn a_plugin_in_javascript_takes_the_place_of_the_default() {
    let config = json!({"bundle_percent": 15, "vat_bp": 2100}).to_string();
    let Some(rules) = Rules::stand(Plugin::JavaScript, &config).await else { return };
    let cart = cart("NL", &[(&[], 1999, 2), (&[], 1000, 1), (&[], 10, 1)]);
    let answer = rules.evaluate(&with(cart.clone(), "coupons", json!(["FIVE"]))).await.is(200);
    let discount = |line: usize| answer.json()["lines"][line]["discounts"][0]["amount"].clone();
    assert_eq!([0, 1, 2].map(discount), [euros(600), euros(150), euros(2)], "599.7, 150 and 1.5");
    let tax = json!({"label": "VAT", "rate_bp": 2100, "amount": euros(590), "included": true});
    assert_eq!(answer.json()["lines"][0]["taxes"], json!([tax]));
    let courier = json!([{"code": "bicycle", "label": "Bicycle courier", "price": euros(400), "min_days": 1,
        "max_days": 3, "taxes": [{"label": "VAT", "rate_bp": 2100, "amount": euros(69), "included": true}]}]);
    assert_eq!(answer.json()["shipping_methods"], courier);
    assert_eq!(answer.text("/coupons/0/status"), "unknown");
    let beyond_the_sea = rules.evaluate(&with(cart, "country", json!("JP"))).await.is(200);
    assert_eq!(beyond_the_sea.json()["shipping_methods"], json!([]));
}

#[tokio::test]
async fn one_interface_may_come_from_another_plugin_than_the_rest() {
    let Some(rules) = Rules::stand(Plugin::JavaScriptForShipping, "").await else { return };
    let answer = rules.evaluate(&cart("NL", &[(&[], 1210, 1)])).await.is(200);
    assert_eq!(answer.text("/shipping_methods/0/code"), "bicycle");
    assert_eq!(answer.text("/lines/0/taxes/0/label"), "btw");
}

#[tokio::test]
async fn what_a_plugin_in_javascript_throws_is_its_error() {
    let Some(rules) = Rules::stand(Plugin::JavaScript, "{").await else { return };
    rules.shop.expects_faults();
    for _ in 0..3 {
        let cart = cart("NL", &[(&[], 100, 1)]);
        rules.evaluate(&cart).await.is_refused(502, "rules-failed");
    }
}

#[tokio::test]
async fn a_plugin_that_fails_says_so() {
    let Some(rules) = Rules::stand(Plugin::Mischief, "fail").await else { return };
    rules.shop.expects_faults();
    let refused = rules.evaluate(&cart("FR", &[(&[], 100, 1)])).await.is_refused(502, "rules-failed");
    assert!(!refused.answer().text("/detail").contains("secret recipe"));
    assert!(logs_of_rules(&rules).contains("secret recipe"));
}

/// The answers that no plugin may give, by their names in `tests/fixtures/rules-mischief`.
const NONSENSE: &[(&str, &str)] = &[
    ("more discount than the price", "a reduction of 201"),
    ("a negative discount", "a reduction of -1"),
    ("a negative price", "-1 is no amount"),
    ("another currency", "XXX"),
    ("a tax that is not its rate's", "a tax of 200 at 2000"),
];

#[tokio::test]
async fn nonsense_is_refused_whatever_it_is() {
    for (nonsense, said) in NONSENSE {
        let Some(rules) = Rules::stand(Plugin::Mischief, nonsense).await else { return };
        rules.shop.expects_faults();
        let refused = rules.evaluate(&cart("FR", &[(&[], 100, 2)])).await.is_refused(502, "rules-nonsense");
        assert!(refused.answer().text("/detail").contains(said), "{nonsense}: {}", refused.answer());
        assert!(logs_of_rules(&rules).contains(said), "{nonsense}");
    }
}

#[tokio::test]
async fn a_plugin_that_is_well_behaved_is_believed() {
    let Some(rules) = Rules::stand(Plugin::Mischief, "nothing this time").await else { return };
    let answer = rules.evaluate(&cart("FR", &[(&[], 100, 2)])).await.is(200);
    assert_eq!(answer.json()["shipping_methods"][0]["price"], euros(500));
}

/// What has nothing to do with rules works, at once.
async fn the_rest_works(rules: &Rules) {
    let ana = rules.shop.sign_up("ana").await;
    ana.reads_profile().await.is(200).accept();
    rules.shop.stranger().searches("lamp").await.is(200).accept();
}

#[tokio::test]
async fn a_plugin_that_traps_takes_nothing_else_down() {
    let Some(rules) = Rules::stand(Plugin::Mischief, "trap").await else { return };
    rules.shop.expects_faults();
    for _ in 0..3 {
        assert_eq!(rules.tries(&cart("FR", &[(&[], 100, 1)])).await, 500);
    }
    the_rest_works(&rules).await;
}

/// Longer than a loop may go on, and shorter than what a caller would take for a hang.
const BOUND: Duration = Duration::from_secs(40);

#[tokio::test]
async fn a_plugin_that_never_ends_is_cut_off_and_stalls_nobody() {
    let Some(rules) = Rules::stand(Plugin::Mischief, "loop").await else { return };
    rules.shop.expects_faults();
    let cart = cart("FR", &[(&[], 100, 1)]);
    let started = Instant::now();
    // As many as there are processors, and more: each would hold one for ever.
    let loops = futures::future::join_all((0..6).map(|_| rules.tries(&cart)));
    let rest = the_rest_works(&rules);
    let loops = async {
        let statuses = loops.await;
        (statuses, started.elapsed())
    };
    let rest = async {
        rest.await;
        started.elapsed()
    };
    let ((statuses, loops), rest) = tokio::join!(loops, rest);
    assert_eq!(statuses, [504; 6]);
    assert!(loops < BOUND, "it took {loops:?}");
    assert!(rest < loops, "the rest waited for the loops to end: {rest:?} of {loops:?}");
    the_rest_works(&rules).await;
}
