//! An order that changes before it is paid: what is in it, how and where it is sent; and who wins when it is paid meanwhile.

use futures::future::join;
use serde_json::{Value, json};
use souk_tests::orders::{GOOD_CARD, Order, agreed, home, lines_of};
use souk_tests::{Suite, Until, unique};

/// No answer comes from it; that follows by webhook.
const SLOW_CARD: &str = "4000000000000119";

fn quantities(order: &Value) -> Vec<i64> {
    let lines = order["lines"].as_array().expect("lines");
    lines.iter().filter_map(|line| line["quantity"].as_i64()).collect()
}

fn total(order: &Value) -> i64 {
    order["totals"]["total"]["amount"].as_i64().expect("a total")
}

#[tokio::test]
async fn a_guest_changes_what_they_ordered_and_pays_for_that() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let (lamp, other) = (shop.has_lamps(10).await, shop.has_lamps(10).await);
    let order = guest.orders(&lamp, 2).await;
    let now = guest.changes_order(&order, &json!({"lines": lines_of(&[(&lamp, 3), (&other, 1)])})).await;
    assert_eq!((quantities(&now), total(&now)), (vec![3, 1], 4 * 5900));
    assert_eq!(now["lines"][0]["id"], order.json["lines"][0]["id"], "a line that stays keeps its id");
    let available = (guest.sees_available(lamp.variant()).await, guest.sees_available(other.variant()).await);
    assert_eq!(available, (7, 9));
    let now = guest.changes_order(&order, &json!({"lines": lines_of(&[(&other, 2)])})).await;
    assert_eq!((quantities(&now), now["state"].as_str()), (vec![2], Some("pending_payment")));
    shop.has_sound_books().await;
    let available = (guest.sees_available(lamp.variant()).await, guest.sees_available(other.variant()).await);
    assert_eq!(available, (10, 8));
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
    let payment = admin.get(format!("/api/v1/payments/intents/{}", order.payment())).await.is(200);
    assert_eq!(payment.json()["captured"]["amount"], total(&now));
    let history = guest.get(format!("/api/v1/orders/{}/history", order.id()));
    let history = history.header("guest-token", order.token.as_deref().unwrap_or_default()).await.is(200);
    let last = history.json()["items"][3].clone();
    assert_eq!(
        (&last["author"], &last["state"], &last["reason"]),
        (&json!("guest"), &json!("pending_payment"), &json!("changed: 118.00 EUR instead of 236.00"))
    );
    let more = json!({"lines": lines_of(&[(&lamp, 1)]), "expected_total": {"amount": 1, "currency": "EUR"}});
    guest.tries_to_change(&order, &more).await.is_refused(409, "order-state");
    shop.has_sound_books().await;
}

#[tokio::test]
async fn units_that_stay_are_nobody_elses_and_more_only_if_there_are() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(2).await;
    let order = guest.orders(&lamp, 2).await;
    // The catalogue says that there are none left: those that the order has are its own.
    let express = json!({"shipping_method": "express"});
    let now = guest.changes_order(&order, &express).await;
    assert_eq!((now["shipping"]["code"].as_str(), quantities(&now)), (Some("express"), vec![2]));
    let more = json!({"lines": lines_of(&[(&lamp, 3)])});
    let cost = guest.asks_what_costs(&order, &more).await;
    let refused = guest.tries_to_change(&order, &agreed(&more, &cost)).await.is_refused(409, "out-of-stock");
    let missing = json!([{"variant_id": lamp.variant(), "wanted": 3, "available": 2}]);
    assert_eq!(refused.answer().json()["lines"], missing);
    assert_eq!(guest.reads_order(&order).await.json()["totals"], now["totals"], "it is as it was");
    guest.changes_order(&order, &json!({"lines": lines_of(&[(&lamp, 1)])})).await;
    shop.has_sound_books().await;
    shop.has_delivered().await; // The catalogue has one to sell again.
    let next = guest.orders(&lamp, 1).await;
    let refused = guest.tries_to_change(&order, &agreed(&more, &cost)).await;
    refused.is_refused(409, "out-of-stock");
    for order in [&order, &next] {
        guest.pays_with(order, GOOD_CARD).await.is(200).accept();
        guest.sees(order, "paid").await;
    }
    shop.has_sound_books().await;
}

#[tokio::test]
async fn an_order_that_goes_abroad_is_reckoned_anew() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let lamp = shop.has_lamps(5).await;
    let order = ana.orders(&lamp, 1).await;
    let mut abroad = home();
    (abroad["country"], abroad["postal_code"], abroad["city"]) =
        (json!("DE"), json!("10115"), json!("Berlin"));
    let change = json!({"shipping_address": abroad});
    let refused = ana.tries_to_change(&order, &change).await;
    refused.is_refused(422, "invalid-request").with_field("/expected_total");
    let now = ana.changes_order(&order, &change).await;
    assert_eq!(
        (&now["lines"][0]["taxes"][0]["label"], &now["shipping_address"]["city"]),
        (&json!("MwSt."), &json!("Berlin"))
    );
    // Within the country it costs the same, and is changed as it is.
    abroad["line1"] = json!("Invalidenstrasse 1");
    ana.tries_to_change(&order, &json!({"shipping_address": abroad})).await.is(200).accept();
    ana.pays_with(&order, GOOD_CARD).await.is(200).accept();
    ana.sees(&order, "paid").await;
    let refused = ana.tries_to_change(&order, &json!({"shipping_address": home()})).await;
    refused.is_refused(422, "invalid-request").with_field("/shipping_address/country");
}

#[tokio::test]
async fn a_change_that_makes_no_sense_is_refused_by_name() {
    let shop = Suite::start().await;
    let (guest, bob) = (shop.stranger(), shop.sign_up("bob").await);
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 1).await;
    let line = |quantity: Value| json!({"lines": [{"variant_id": lamp.variant(), "quantity": quantity}]});
    for quantity in [json!(0), json!(-1), json!(1.5), json!(1000), json!("2"), Value::Null] {
        let refused = guest.tries_to_change(&order, &line(quantity)).await;
        refused.is_refused(422, "invalid-request").with_field("/lines/0/quantity");
    }
    for (field, wrong) in [
        ("lines", json!([])),
        ("lines", Value::Null),
        ("shipping_method", json!("")),
        ("coupons", json!("FIVE")),
        ("expected_total", json!({"amount": -1, "currency": "EUR"})),
    ] {
        let refused = guest.tries_to_change(&order, &json!({field: wrong})).await;
        refused.is_refused(422, "invalid-request").with_field(&format!("/{field}"));
    }
    let refused = guest.tries_to_change(&order, &json!({"coupons": ["five off"]})).await;
    refused.is_refused(422, "invalid-request").with_field("/coupons/0");
    let total = order.json["totals"]["total"].clone();
    let unknown = json!({"lines": [{"variant_id": souk_tests::inventory::id("var"), "quantity": 1}]});
    guest.tries_to_change(&order, &agreed(&unknown, &total)).await.is_refused(409, "not-for-sale");
    let nowhere = agreed(&json!({"shipping_method": "teleport"}), &total);
    guest.tries_to_change(&order, &nowhere).await.is_refused(409, "shipping-unavailable");
    let useless = agreed(&json!({"coupons": ["nope"]}), &total);
    let refused = guest.tries_to_change(&order, &useless).await;
    refused.is_refused(422, "invalid-request").with_field("/coupons/0");
    let good = agreed(&line(json!(1)), &total);
    let path = format!("/api/v1/orders/{}", order.id());
    let token = order.token.clone().expect("a guest's token");
    let keyless = guest.patch(&path, &good).header("guest-token", &token).await;
    keyless.is_refused(400, "idempotency-key-required");
    let stale = guest.patch(&path, &good).header("guest-token", &token).if_match("\"v1\"").await;
    stale.is_refused(412, "precondition-failed");
    let thieves = Order { json: order.json.clone(), token: Some("guess".into()) };
    for stranger in [&bob, &guest] {
        stranger.tries_to_change(&thieves, &good).await.is_refused(404, "not-found");
    }
    assert_eq!(guest.reads_order(&order).await.json()["lines"], order.json["lines"]);
}

#[tokio::test]
async fn repeating_a_change_with_its_key_changes_nothing_and_answers_the_same() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 1).await;
    let change = json!({"lines": lines_of(&[(&lamp, 2)])});
    let change = agreed(&change, &guest.asks_what_costs(&order, &change).await);
    let (path, key) = (format!("/api/v1/orders/{}", order.id()), unique("k"));
    let token = order.token.clone().expect("a guest's token");
    let once = async || guest.patch(&path, &change).header("guest-token", &token).key(&key).await.is(200);
    let (first, again) = (once().await, once().await);
    assert_eq!((first.json(), first.etag()), (again.json(), again.etag()));
    assert_eq!(guest.sees_available(lamp.variant()).await, 3);
}

#[tokio::test]
async fn whoever_comes_first_wins_when_an_order_is_paid_while_it_changes() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(200).await;
    for units in [2, 3, 4, 5, 2, 3, 4, 5] {
        let order = guest.orders(&lamp, 1).await;
        let change = json!({"lines": lines_of(&[(&lamp, units)])});
        let change = agreed(&change, &guest.asks_what_costs(&order, &change).await);
        let (changed, paid) =
            join(guest.tries_to_change(&order, &change), guest.pays_with(&order, GOOD_CARD)).await;
        paid.is(200).accept();
        let now = guest.sees(&order, "paid").await;
        let expected = if changed.is_success() { units } else { 1 };
        if !changed.is_success() {
            assert!(
                matches!(changed.kind(), Some("payment-under-way" | "order-state" | "precondition-failed")),
                "{changed}"
            );
        }
        assert_eq!(quantities(&now), [expected]);
        let payment = admin.get(format!("/api/v1/payments/intents/{}", order.payment())).await.is(200);
        assert_eq!(payment.json()["captured"]["amount"], total(&now));
    }
    shop.has_sound_books().await;
}

#[tokio::test]
async fn an_order_does_not_change_while_its_payment_is_under_way() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 1).await;
    let paying = guest.pays_with(&order, SLOW_CARD).await.is(200);
    assert_eq!(paying.text("/state"), "processing");
    let change = json!({"lines": lines_of(&[(&lamp, 2)])});
    let change = agreed(&change, &guest.asks_what_costs(&order, &change).await);
    guest.tries_to_change(&order, &change).await.is_refused(409, "payment-under-way");
    assert_eq!(quantities(guest.reads_order(&order).await.json()), [1]);
    shop.has_sound_books().await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 4, "what the change held is free again");
}

#[tokio::test]
async fn a_change_goes_on_when_the_other_services_come_back() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(20).await;
    for service in ["inventory", "payments"] {
        let order = guest.orders(&lamp, 1).await;
        let change = json!({"lines": lines_of(&[(&lamp, 3)])});
        let change = agreed(&change, &guest.asks_what_costs(&order, &change).await);
        let (path, key) = (format!("/api/v1/orders/{}", order.id()), unique("k"));
        let token = order.token.clone().expect("a guest's token");
        let tries = async || guest.patch(&path, &change).header("guest-token", &token).key(&key).await;
        shop.faults().unreachable(service, Until::Cleared);
        tries().await.is_refused(503, "unavailable");
        let other = agreed(&json!({"lines": lines_of(&[(&lamp, 2)])}), &change["expected_total"]);
        guest.tries_to_change(&order, &other).await.is_refused(409, "order-changing");
        let reason = json!({"reason": "it takes too long"});
        guest.does(&order, "cancel", &reason).await.is_refused(409, "order-changing");
        shop.faults().clear();
        assert_eq!(quantities(tries().await.is(200).json()), [3]);
        guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
        guest.sees(&order, "paid").await;
    }
    shop.has_sound_books().await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 14);
}

#[tokio::test]
async fn a_change_that_nobody_repeats_is_brought_to_its_end() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(10).await;
    let order = guest.orders(&lamp, 3).await;
    let change = json!({"lines": lines_of(&[(&lamp, 1)])});
    let change = agreed(&change, &guest.asks_what_costs(&order, &change).await);
    shop.faults().unreachable("payments", Until::Cleared);
    guest.tries_to_change(&order, &change).await.is_refused(503, "unavailable");
    shop.faults().clear();
    shop.has_sound_books().await;
    assert_eq!(quantities(guest.reads_order(&order).await.json()), [1]);
    assert_eq!(guest.sees_available(lamp.variant()).await, 9);
    guest.does(&order, "cancel", &json!({"reason": "enough"})).await.is(200).accept();
    shop.has_sound_books().await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 10);
}

#[tokio::test]
async fn a_change_that_was_cut_off_is_made_when_its_amount_is_paid() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(10).await;
    let order = guest.orders(&lamp, 1).await;
    let change = json!({"lines": lines_of(&[(&lamp, 4)])});
    let change = agreed(&change, &guest.asks_what_costs(&order, &change).await);
    shop.faults().unreachable("payments", Until::Cleared);
    guest.tries_to_change(&order, &change).await.is_refused(503, "unavailable");
    shop.faults().clear();
    // As if payments had taken the new amount and only its answer was lost. Nobody can go on meanwhile.
    shop.faults().unreachable("inventory", Until::Cleared);
    let payments = rusqlite::Connection::open(shop.state().join("payments.db")).expect("its database");
    let sql = "UPDATE intents SET amount = ?2 WHERE order_id = ?1";
    let amount = change["expected_total"]["amount"].as_i64();
    assert_eq!(payments.execute(sql, (order.id(), amount)).expect("its tables"), 1);
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    let now = guest.sees(&order, "paid").await;
    assert_eq!(quantities(&now), [4]);
    shop.faults().clear();
    shop.has_sound_books().await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 6);
}
