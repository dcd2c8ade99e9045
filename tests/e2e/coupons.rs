//! Coupons that are limited for each customer, discounts for groups of customers, and both in an order that changes.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::orders::{Cart, GOOD_CARD, Order, agreed, home, lines_of};
use souk_tests::{Answer, Person, Product, Suite, unique};

fn coupon(code: &str, more: &Value) -> Value {
    let mut coupon = json!({"code": code, "label": code, "gives": {"percentage": {"off_bp": 1000}}});
    for (field, value) in more.as_object().into_iter().flatten() {
        coupon[field] = value.clone();
    }
    coupon
}

async fn shop(discounts: &[Value]) -> Option<Suite> {
    Suite::own_with(&[("rules_config", &json!({"discounts": discounts}).to_string())]).await
}

/// A cart of one lamp with a coupon, and what it costs as far as is known.
async fn with_coupon(person: &Person, lamp: &Product, code: &str) -> (Cart, Value) {
    let (cart, _) = person.fills_cart(lamp, 1).await;
    let seen = person.changes_cart(&cart, &json!({"coupons": [code]})).await.is(200);
    (cart, seen.json()["totals"]["total"].clone())
}

async fn orders_as(person: &Person, email: &str, (cart, total): &(Cart, Value)) -> Answer {
    let order = json!({
        "cart_id": cart.id, "email": email, "shipping_address": home(), "shipping_method": "standard",
        "expected_total": total,
    });
    let request = person.post("/api/v1/orders", &order).key(&unique("k"));
    request.header("guest-token", cart.token.as_deref().unwrap_or_default()).await
}

#[tokio::test]
async fn a_coupon_is_for_each_guest_once_by_their_address() {
    let once = coupon("HELLO", &json!({"max_uses_per_customer": 1}));
    let Some(shop) = shop(&[once]).await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(20).await;
    let (first, second) =
        (with_coupon(&guest, &lamp, "hello").await, with_coupon(&guest, &lamp, "hello").await);
    let placed = orders_as(&guest, "Ana@souk.test", &first).await.is(201);
    let order = Order { json: placed.json().clone(), token: first.0.token.clone() };
    // Nobody knows who a guest is before they say so: then it costs more, and they are told.
    let refused = orders_as(&guest, "ana@SOUK.test", &second).await.is_refused(409, "total-changed");
    assert_eq!(refused.answer().json()["total"]["amount"], 5900);
    orders_as(&guest, "bob@souk.test", &second).await.is(201).accept();
    // It comes back with an order that comes to nothing.
    let third = with_coupon(&guest, &lamp, "hello").await;
    guest.does(&order, "cancel", &json!({"reason": "not now"})).await.is(200).accept();
    orders_as(&guest, "ana@souk.test", &third).await.is(201).accept();
    shop.has_sound_books().await;
}

#[tokio::test]
async fn a_customer_sees_in_the_cart_that_they_have_used_it_up() {
    let once = coupon("HELLO", &json!({"max_uses_per_customer": 1}));
    let Some(shop) = shop(&[once]).await else { return };
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let lamp = shop.has_lamps(20).await;
    let first = with_coupon(&ana, &lamp, "HELLO").await;
    orders_as(&ana, "ana@souk.test", &first).await.is(201).accept();
    let (second, total) = with_coupon(&ana, &lamp, "HELLO").await;
    let seen = ana.looks_at(&second).await.is(200);
    assert_eq!((seen.text("/coupons/0/status"), &total["amount"]), ("exhausted", &json!(5900)));
    // Another address makes nobody another customer who has signed in.
    let placed = orders_as(&ana, "other@souk.test", &(second, total)).await.is(201);
    assert_eq!(placed.json()["coupons"], json!([]));
    assert_eq!(with_coupon(&bob, &lamp, "HELLO").await.1["amount"], 5310);
}

#[tokio::test]
async fn no_more_than_so_many_orders_of_a_customer_have_it_however_many_come_at_once() {
    let twice = coupon("TWICE", &json!({"max_uses_per_customer": 2, "max_uses": 50}));
    let Some(shop) = shop(&[twice]).await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(20).await;
    let carts = join_all((0..6).map(|_| with_coupon(&guest, &lamp, "TWICE"))).await;
    let answers = join_all(carts.iter().map(|cart| orders_as(&guest, "ana@souk.test", cart))).await;
    let placed = answers.iter().filter(|answer| answer.is_success()).count();
    assert!((1..=2).contains(&placed), "{placed}");
    for refused in answers.into_iter().filter(|answer| !answer.is_success()) {
        assert!(matches!(refused.kind(), Some("total-changed" | "coupon-taken")), "{refused}");
    }
    shop.has_sound_books().await;
}

#[tokio::test]
async fn a_coupon_comes_into_an_order_and_goes_again() {
    let once = coupon("ONCE", &json!({"max_uses": 1}));
    let Some(shop) = shop(&[once]).await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(20).await;
    let order = guest.orders(&lamp, 1).await;
    let now = guest.changes_order(&order, &json!({"coupons": ["once"]})).await;
    assert_eq!((&now["coupons"], &now["totals"]["total"]["amount"]), (&json!(["ONCE"]), &json!(5310)));
    // Its own use is not somebody else's.
    let now = guest.changes_order(&order, &json!({"lines": lines_of(&[(&lamp, 2)])})).await;
    assert_eq!(now["totals"]["total"]["amount"], 2 * 5310);
    let other = guest.orders(&lamp, 1).await;
    let total = json!({"amount": 5310, "currency": "EUR"});
    let refused = guest.tries_to_change(&other, &agreed(&json!({"coupons": ["ONCE"]}), &total)).await;
    refused.is_refused(409, "total-changed");
    let now = guest.changes_order(&order, &json!({"coupons": []})).await;
    assert_eq!((&now["coupons"], &now["totals"]["total"]["amount"]), (&json!([]), &json!(2 * 5900)));
    guest.changes_order(&other, &json!({"coupons": ["ONCE"]})).await;
    shop.has_sound_books().await;
}

#[tokio::test]
async fn an_order_that_costs_nothing_any_more_is_paid() {
    let free = coupon("FREE", &json!({"gives": {"percentage": {"off_bp": 10000}}}));
    let rules = json!({
        "discounts": [free],
        "shipping": [{"to": ["*"], "methods": [{"code": "standard", "label": "Standard", "min_days": 1, "max_days": 2,
            "prices": [{"price": {"amount": 0, "currency": "EUR"}}]}]}],
    });
    let Some(shop) = Suite::own_with(&[("rules_config", &rules.to_string())]).await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(20).await;
    let order = guest.orders(&lamp, 1).await;
    let none = json!({"amount": 0, "currency": "EUR"});
    let now = guest.tries_to_change(&order, &agreed(&json!({"coupons": ["FREE"]}), &none)).await.is(200);
    assert_eq!((now.text("/state"), &now.json()["payment_id"]), ("paid", &Value::Null));
    guest.pays_with(&order, GOOD_CARD).await.is_refused(409, "payment-state");
    guest.sees_that(&order, |order| order["invoice"].is_string()).await;
    shop.has_sound_books().await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 19);
}

#[tokio::test]
async fn a_discount_is_for_the_groups_that_the_merchant_has_put_people_in() {
    let trade = json!({"label": "Trade", "gives": {"percentage": {"off_bp": 2000}},
        "only": {"customer_groups": ["trade"]}});
    let Some(shop) = shop(&[trade]).await else { return };
    let (admin, ana, bob) = (shop.admin().await, shop.sign_up("ana").await, shop.sign_up("bob").await);
    let lamp = shop.has_lamps(20).await;
    let path = format!("/api/v1/customers/{}", ana.customer_id().await);
    let groups = json!({"groups": ["trade", "early-bird", "trade"]});
    ana.patch(&path, &groups).await.is_refused(403, "forbidden");
    ana.changes_customer(&groups).await.is_refused(403, "forbidden");
    for wrong in [json!(["Trade"]), json!([""]), json!("trade"), json!([1]), json!(["a b"])] {
        admin.patch(&path, &json!({"groups": wrong})).await.is_refused(422, "invalid-request");
    }
    let changed = admin.patch(&path, &groups).await.is(200);
    assert_eq!(changed.json()["groups"], json!(["early-bird", "trade"]));
    shop.has_delivered().await;
    let (cart, total) = ana.fills_cart(&lamp, 1).await;
    assert_eq!(total["amount"], 4720 + 495);
    ana.tries_to_order(&cart, &total, &unique("k")).await.is(201).accept();
    for other in [&bob, &shop.stranger()] {
        assert_eq!(other.fills_cart(&lamp, 1).await.1["amount"], 5900);
    }
    admin.patch(&path, &json!({"groups": []})).await.is(200).accept();
    shop.has_delivered().await;
    assert_eq!(ana.fills_cart(&lamp, 1).await.1["amount"], 5900);
}

#[tokio::test]
async fn groups_are_forgotten_with_the_customer() {
    let trade = json!({"label": "Trade", "gives": {"percentage": {"off_bp": 2000}},
        "only": {"customer_groups": ["trade"]}});
    let Some(shop) = shop(&[trade]).await else { return };
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let lamp = shop.has_lamps(20).await;
    let path = format!("/api/v1/customers/{}", ana.customer_id().await);
    admin.patch(&path, &json!({"groups": ["trade"]})).await.is(200).accept();
    shop.has_delivered().await;
    let erased = ana.erases_customer().await.is(200);
    assert!(erased.json()["erased"].as_array().is_some_and(|all| all.contains(&json!("groups"))), "{erased}");
    shop.has_delivered().await;
    assert_eq!(ana.fills_cart(&lamp, 1).await.1["amount"], 5900);
}
