//! Carts: what is put in, what it costs, and what a checkout refuses of it.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::{Suite, Until, unique};
use std::time::Instant;

#[tokio::test]
async fn a_cart_shows_each_price_discount_tax_and_the_shipping() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(10).await;
    let (cart, total) = guest.fills_cart(&lamp, 2).await;
    let seen = guest.looks_at(&cart).await.is(200).json().clone();
    let line = &seen["lines"][0];
    assert_eq!((&line["quantity"], &line["unit_price"]["amount"]), (&json!(2), &json!(5900)));
    // French prices include 20 % of tax: 11800 / 6, rounded.
    assert_eq!(
        (&line["taxes"][0]["amount"]["amount"], &line["taxes"][0]["included"]),
        (&json!(1967), &json!(true))
    );
    assert_eq!(seen["totals"]["subtotal"]["amount"], 11_800);
    assert_eq!(seen["totals"]["total"], total);
    let sum = 11_800 + seen["shipping"]["total"]["amount"].as_i64().expect("shipping");
    assert_eq!(total["amount"], sum);
    assert_eq!(seen["provisional"], false);
}

#[tokio::test]
async fn the_same_lamp_put_in_twice_is_one_line() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(10).await;
    let cart = guest.begins_cart().await;
    guest.puts(&cart, &lamp, 2).await.is(201).accept();
    let added = guest.puts(&cart, &lamp, 3).await.is(201);
    assert_eq!(added.json()["quantity"], 5);
    let path = format!("/api/v1/carts/{}/lines/{}", cart.id, added.text("/id"));
    let token = cart.token.clone().expect("a guest's token");
    let changed = guest.patch(&path, &json!({"quantity": 1})).header("guest-token", &token).await.is(200);
    assert_eq!(changed.json()["lines"][0]["quantity"], 1);
    let emptied = guest.delete(&path).header("guest-token", &token).await.is(200);
    assert_eq!(emptied.json()["lines"], json!([]));
    guest.delete(&path).header("guest-token", &token).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn quantities_that_make_no_sense_are_refused_by_name() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(1).await;
    let cart = guest.begins_cart().await;
    let token = cart.token.clone().expect("a guest's token");
    for quantity in [json!(0), json!(-1), json!(1.5), json!(1000), json!("2"), json!(null)] {
        let line = json!({"variant_id": lamp.variant(), "quantity": quantity});
        let request =
            guest.post(format!("/api/v1/carts/{}/lines", cart.id), &line).header("guest-token", &token);
        request.await.is_refused(422, "invalid-request").with_field("/quantity");
    }
    guest
        .tries_to_order(&cart, &json!({"amount": 0, "currency": "EUR"}), &unique("k"))
        .await
        .is_refused(409, "cart-empty");
    let unknown = json!({"variant_id": "var_06b8xk2m0q3v5t7w9y1z3b5d7f", "quantity": 1});
    let request =
        guest.post(format!("/api/v1/carts/{}/lines", cart.id), &unknown).header("guest-token", &token);
    request.await.is_refused_somehow();
}

#[tokio::test]
async fn what_is_not_in_stock_is_not_sold_and_the_cart_stays() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(2).await;
    let (cart, total) = guest.fills_cart(&lamp, 3).await;
    let refused = guest.tries_to_order(&cart, &total, &unique("k")).await.is_refused(409, "out-of-stock");
    assert_eq!(refused.answer().json()["lines"][0]["available"], 2);
    let open = guest.looks_at(&cart).await.is(200);
    assert_eq!((&open.json()["order_id"], &open.json()["lines"][0]["quantity"]), (&Value::Null, &json!(3)));
    assert_eq!(guest.sees_available(lamp.variant()).await, 2);
}

#[tokio::test]
async fn the_same_cart_checked_out_twice_at_once_is_one_order() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(10).await;
    let (cart, total) = guest.fills_cart(&lamp, 1).await;
    let keys: Vec<_> = (0..6).map(|_| unique("k")).collect();
    let answers = join_all(keys.iter().map(|key| guest.tries_to_order(&cart, &total, key))).await;
    let mut ids: Vec<String> = Vec::new();
    for answer in answers {
        match answer.is_success() {
            true => ids.push(answer.text("/id").to_owned()),
            false => {
                ids.push(answer.is_refused(409, "cart-checked-out").answer().text("/order_id").to_owned())
            }
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(guest.sees_available(lamp.variant()).await, 9);
}

#[tokio::test]
async fn a_price_that_changed_is_told_and_must_be_agreed_to() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(10).await;
    let (cart, total) = guest.fills_cart(&lamp, 1).await;
    let variants =
        json!([{"sku": lamp.json["variants"][0]["sku"], "price": {"amount": 6900, "currency": "EUR"}}]);
    admin.changes(&lamp, &json!({"variants": variants})).await.is(200).accept();
    let refused = guest.tries_to_order(&cart, &total, &unique("k")).await.is_refused(409, "total-changed");
    let now = refused.answer().json()["total"].clone();
    assert_eq!(
        now["amount"].as_i64().zip(total["amount"].as_i64()).map(|(now, then)| now - then),
        Some(1000)
    );
    let change = guest.looks_at(&cart).await.is(200).json()["price_changes"][0].clone();
    assert_eq!((&change["before"]["amount"], &change["now"]["amount"]), (&json!(5900), &json!(6900)));
    guest.tries_to_order(&cart, &now, &unique("k")).await.is(201).accept();
}

#[tokio::test]
async fn a_product_that_is_gone_is_named_and_nothing_is_ordered() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(10).await;
    let (cart, total) = guest.fills_cart(&lamp, 1).await;
    admin.delete(format!("/api/v1/products/{}", lamp.id())).await.is(204).accept();
    let refused = guest.tries_to_order(&cart, &total, &unique("k")).await.is_refused(409, "not-for-sale");
    assert_eq!(refused.answer().json()["variants"], json!([lamp.variant()]));
    assert_eq!(guest.looks_at(&cart).await.is(200).json()["unavailable"][0]["variant_id"], lamp.variant());
}

#[tokio::test]
async fn a_guests_cart_is_merged_at_sign_in() {
    let shop = Suite::start().await;
    let (guest, ana) = (shop.stranger(), shop.sign_up("ana").await);
    let (lamp, other) = (shop.has_lamps(10).await, shop.has_lamps(10).await);
    let mine = ana.begins_cart().await;
    ana.puts(&mine, &lamp, 1).await.is(201).accept();
    let theirs = guest.begins_cart().await;
    guest.puts(&theirs, &lamp, 2).await.is(201).accept();
    guest.puts(&theirs, &other, 1).await.is(201).accept();
    let merge = json!({"cart_id": theirs.id});
    ana.post("/api/v1/carts/me/merge", &merge).await.is_refused(404, "not-found");
    let token = theirs.token.clone().expect("a guest's token");
    let merged = ana.post("/api/v1/carts/me/merge", &merge).header("guest-token", token).await.is(200);
    let lines = merged.json()["lines"].as_array().expect("lines");
    let quantities: Vec<_> = lines.iter().filter_map(|line| line["quantity"].as_i64()).collect();
    assert_eq!(quantities, [3, 1]);
    guest.looks_at(&theirs).await.is_refused(404, "not-found");
    assert_eq!(ana.get("/api/v1/carts/me").await.is(200).text("/id"), mine.id);
}

#[tokio::test]
async fn a_person_always_has_a_cart_and_it_stays_the_same() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let lamp = shop.has_lamps(10).await;
    let read = async || ana.get("/api/v1/carts/me").await.is(200);
    let firsts = join_all((0..4).map(|_| read())).await;
    let first = &firsts[0];
    assert_eq!((&first.json()["lines"], &first.json()["totals"]["total"]["amount"]), (&json!([]), &json!(0)));
    assert!(firsts.iter().all(|answer| answer.text("/id") == first.text("/id")), "{firsts:?}");
    let cart = ana.begins_cart().await;
    assert_eq!(cart.id, first.text("/id"));
    ana.puts(&cart, &lamp, 2).await.is(201).accept();
    assert_eq!(read().await.json()["lines"][0]["quantity"], 2);
    shop.stranger().get("/api/v1/carts/me").await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn rules_that_do_not_answer_are_replaced_by_the_fallback() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    shop.faults().unreachable("rules", Until::Cleared);
    let (cart, total) = guest.fills_cart(&lamp, 1).await;
    let seen = guest.looks_at(&cart).await.is(200).json().clone();
    assert_eq!((&seen["provisional"], &total["amount"]), (&json!(true), &json!(5900 + 990)));
    let placed = guest.tries_to_order(&cart, &total, &unique("k")).await.is(201);
    assert_eq!(placed.json()["provisional"], true);
}

#[tokio::test]
async fn a_coupon_of_one_use_is_used_once() {
    let rules = json!({"discounts": [{"code": "ONCE", "label": "Welcome", "gives": {"percentage": {"off_bp": 1000}}, "max_uses": 1}]});
    let Some(shop) = Suite::own_with(&[("rules_config", &rules.to_string())]).await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(20).await;
    let fill = async || {
        let (cart, _) = guest.fills_cart(&lamp, 1).await;
        let seen = guest.changes_cart(&cart, &json!({"coupons": ["once"]})).await.is(200);
        assert_eq!(seen.json()["coupons"][0]["status"], "applied", "{seen}");
        (cart, seen.json()["totals"]["total"].clone())
    };
    let carts = [fill().await, fill().await, fill().await];
    let orders =
        carts.iter().map(async |(cart, total)| guest.tries_to_order(cart, total, &unique("k")).await);
    let answers = join_all(orders).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_success()).count(), 1);
    for answer in answers.into_iter().filter(|answer| !answer.is_success()) {
        answer.is_refused(409, "total-changed");
    }
}

#[tokio::test]
async fn what_is_sold_out_is_told_from_what_is_not_for_sale() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(1).await;
    let (cart, total) = guest.fills_cart(&lamp, 1).await;
    shop.stranger().orders(&lamp, 1).await;
    let started = Instant::now();
    while guest.looks_at(&cart).await.is(200).json()["unavailable"][0]["reason"] != "sold_out" {
        assert!(started.elapsed().as_secs() < 15, "the catalogue did not hear of it");
        shop.ticks().await;
    }
    let refused = guest.tries_to_order(&cart, &total, &unique("k")).await.is_refused(409, "out-of-stock");
    let missing = json!([{"variant_id": lamp.variant(), "wanted": 1, "available": 0}]);
    assert_eq!(refused.answer().json()["lines"], missing);
}
