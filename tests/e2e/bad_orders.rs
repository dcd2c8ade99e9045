//! What nobody can mean, in carts and orders: refused in so many words, and nothing changes.

use serde_json::{Value, json};
use souk_tests::orders::{GOOD_CARD, home};
use souk_tests::{Person, Product, Suite, lamp, unique};

async fn has_in_dollars(shop: &Suite) -> Product {
    let mut dear = lamp();
    dear["variants"][0]["price"]["currency"] = json!("USD");
    shop.admin().await.adds_product(dear).await
}

fn order_lines(lines: &Value, total: &Value) -> Value {
    json!({"lines": lines, "email": "ana@souk.test", "shipping_address": home(), "shipping_method": "standard",
        "expected_total": total})
}

/// The orders of somebody.
async fn orders_of(person: &Person) -> usize {
    person.get("/api/v1/orders").await.is(200).json()["items"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn two_currencies_share_neither_cart_nor_order() {
    let shop = Suite::start().await;
    let (ana, guest) = (shop.sign_up("ana").await, shop.stranger());
    let (lamp, dear) = (shop.has_lamps(5).await, has_in_dollars(&shop).await);
    let (cart, total) = ana.fills_cart(&lamp, 1).await;
    ana.puts(&cart, &dear, 1).await.is_refused(409, "currency-mixed");
    let seen = ana.looks_at(&cart).await.is(200).json().clone();
    assert_eq!((seen["lines"].as_array().map(Vec::len), &seen["totals"]["total"]), (Some(1), &total));

    let theirs = guest.begins_cart().await;
    guest.puts(&theirs, &dear, 1).await.is(201).accept();
    let merge = ana.post("/api/v1/carts/me/merge", &json!({"cart_id": theirs.id}));
    let merge = merge.header("guest-token", theirs.token.as_deref().unwrap_or_default());
    merge.await.is_refused(409, "currency-mixed");
    guest.looks_at(&theirs).await.is(200).accept();

    let both =
        json!([{"variant_id": lamp.variant(), "quantity": 1}, {"variant_id": dear.variant(), "quantity": 1}]);
    let answer = ana.post("/api/v1/orders", &order_lines(&both, &total)).key(&unique("k")).await;
    answer.is_refused(409, "not-for-sale");
    let dollars = json!({"amount": total["amount"], "currency": "USD"});
    ana.tries_to_order(&cart, &dollars, &unique("k")).await.is_refused(409, "total-changed");
    assert_eq!((orders_of(&ana).await, guest.sees_available(lamp.variant()).await), (0, 5));
}

#[tokio::test]
async fn quantities_that_make_no_sense_order_nothing() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let lamp = shop.has_lamps(5).await;
    let total = json!({"amount": 6890, "currency": "EUR"});
    for quantity in [json!(0), json!(-1), json!(1.5), json!(1000), json!("2"), json!(null)] {
        let lines = json!([{"variant_id": lamp.variant(), "quantity": quantity}]);
        let answer = ana.post("/api/v1/orders", &order_lines(&lines, &total)).key(&unique("k")).await;
        answer.is_refused(422, "invalid-request").with_field("/lines/0/quantity");
    }
    let nothing = ana.post("/api/v1/orders", &order_lines(&json!([]), &total)).key(&unique("k")).await;
    nothing.is_refused_somehow();
    let (cart, total) = ana.fills_cart(&lamp, 6).await;
    ana.tries_to_order(&cart, &total, &unique("k")).await.is_refused(409, "out-of-stock");
    assert_eq!((orders_of(&ana).await, ana.sees_available(lamp.variant()).await), (0, 5));
}

#[tokio::test]
async fn a_coupon_that_is_given_twice_counts_once() {
    let rules =
        json!({"discounts": [{"code": "TEN", "label": "Ten", "gives": {"percentage": {"off_bp": 1000}}}]});
    let Some(shop) = Suite::own_with(&[("rules_config", &rules.to_string())]).await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    let (cart, _) = guest.fills_cart(&lamp, 1).await;
    let twice = guest.changes_cart(&cart, &json!({"coupons": ["ten", "TEN"]})).await.is(200);
    assert_eq!(twice.json()["coupons"].as_array().map(Vec::len), Some(1), "{twice}");
    assert_eq!(twice.json()["lines"][0]["total"]["amount"], 5310, "{twice}");
}

#[tokio::test]
async fn an_invoice_and_an_address_of_somebody_else_are_not_there() {
    let shop = Suite::start().await;
    let (ana, bob, guest) = (shop.sign_up("ana").await, shop.sign_up("bob").await, shop.stranger());
    let lamp = shop.has_lamps(5).await;
    let kept = ana.post("/api/v1/customers/me/addresses", &json!({"address": home()})).await.is(201);
    let customer = ana.get("/api/v1/customers/me").await.is(200).text("/id").to_owned();
    let order = ana.orders(&lamp, 1).await;
    ana.pays_with(&order, GOOD_CARD).await.is(200).accept();
    ana.sees_that(&order, |order| order["invoice"].is_string()).await;
    let invoice = ana.get("/api/v1/invoices").await.is(200).text("/items/0/id").to_owned();
    let (invoice, address) = (format!("/api/v1/invoices/{invoice}"), kept.text("/id"));
    bob.get(&invoice).await.is_refused(404, "not-found");
    bob.get(&invoice).header("accept", "text/html").await.is_refused(404, "not-found");
    guest.get(&invoice).await.is_refused(401, "unauthenticated");
    for path in [
        format!("/api/v1/customers/{customer}/addresses/{address}"),
        format!("/api/v1/customers/me/addresses/{address}"),
    ] {
        bob.get(&path).await.is_refused(404, "not-found");
        bob.patch(&path, &json!({"default_shipping": true})).await.is_refused(404, "not-found");
        bob.delete(&path).await.is_refused(404, "not-found");
    }
    bob.get(format!("/api/v1/customers/{customer}/orders")).await.is_refused(404, "not-found");
    ana.get(&invoice).await.is(200).accept();
    ana.get(format!("/api/v1/customers/me/addresses/{address}")).await.is(200).accept();
}

#[tokio::test]
async fn what_is_over_stays_so() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(5).await;
    let order = guest.buys(&lamp, 1).await;
    let sent = admin.does(&order, "shipments", &json!({"carrier": "DHL"})).await.is(201);
    let deliver = format!("shipments/{}/deliver", sent.text("/shipments/0/id"));
    admin.does(&order, &deliver, &json!({})).await.is(200).accept();
    let before = guest.sees(&order, "delivered").await;
    admin.does(&order, "fulfil", &json!({})).await.is_refused(409, "order-state");
    admin.does(&order, "shipments", &json!({"carrier": "DHL"})).await.is_refused(409, "order-state");
    admin.does(&order, "cancel", &json!({"reason": "late"})).await.is_refused(409, "order-state");
    guest.does(&order, "cancel", &json!({"reason": "late"})).await.is_refused(409, "order-state");
    let other = admin.does(&order, "shipments/shp_06b8xk2m0q3v5t7w9y1z3b5d7f/deliver", &json!({})).await;
    other.is_refused(404, "not-found");
    let refund = |amount: i64| json!({"amount": {"amount": amount, "currency": "EUR"}, "reason": "broken"});
    admin.does(&order, "refunds", &refund(order.total() + 1)).await.is_refused(409, "refund-exceeds");
    let straight =
        json!({"amount": {"amount": order.total() + 1, "currency": "EUR"}, "reason": "x", "key": "x"});
    let path = format!("/api/v1/payments/intents/{}/refunds", order.payment());
    admin.post(path, &straight).await.is_refused(409, "refund-exceeds-capture");
    let now = guest.reads_order(&order).await.is(200);
    let same = |name: &str| assert_eq!(now.json()[name], before[name], "{name}");
    ["state", "refunded", "shipments", "lines", "totals"].iter().for_each(|name| same(name));
    admin.does(&order, "refunds", &refund(order.total())).await.is(202).accept();
    guest.sees(&order, "refunded").await;
    admin.does(&order, "refunds", &refund(1)).await.is_refused(409, "order-state");
    guest.pays_with(&order, GOOD_CARD).await.is_refused(409, "payment-state");
}
