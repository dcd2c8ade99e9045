//! Buying: from the cart to the delivered order, and everything that may come between.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::orders::{GOOD_CARD, Order, home, order_of};
use souk_tests::{Suite, Until, unique};

#[tokio::test]
async fn a_guest_buys_a_lamp_and_follows_it_to_the_door() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(10).await;
    let order = guest.orders(&lamp, 2).await;
    assert_eq!(order.json["state"], "pending_payment");
    assert_eq!(guest.sees_available(lamp.variant()).await, 8);
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
    admin.does(&order, "fulfil", &json!({})).await.is(200).accept();
    let parcel = json!({"carrier": "Colissimo", "tracking_number": "6A123"});
    let sent = admin.does(&order, "shipments", &parcel).await.is(201);
    let path = format!("shipments/{}/deliver", sent.text("/shipments/0/id"));
    admin.does(&order, &path, &json!({})).await.is(200).accept();
    guest.sees(&order, "delivered").await;
    let history = guest.get(format!("/api/v1/orders/{}/history", order.id()));
    let history = history.header("guest-token", order.token.as_deref().unwrap_or_default()).await.is(200);
    let states: Vec<_> =
        history.json()["items"].as_array().into_iter().flatten().map(|it| it["state"].clone()).collect();
    assert_eq!(states, ["draft", "pending_payment", "paid", "fulfilling", "shipped", "delivered"]);
    assert_eq!(guest.sees_available(lamp.variant()).await, 8);
}

#[tokio::test]
async fn repeating_an_order_with_its_key_orders_nothing_and_answers_the_same() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(10).await;
    let (cart, total) = guest.fills_cart(&lamp, 1).await;
    let key = unique("k");
    let first = guest.tries_to_order(&cart, &total, &key).await.is(201);
    let again = guest.tries_to_order(&cart, &total, &key).await.is(201);
    assert_eq!(first.json(), again.json());
    let other = json!({"amount": 1, "currency": "EUR"});
    guest.tries_to_order(&cart, &other, &key).await.is_refused_somehow();
    let keyless = guest.post("/api/v1/orders", &order_of(&cart, &total));
    keyless.await.is_refused(400, "idempotency-key-required");
}

#[tokio::test]
async fn nobody_sees_or_changes_the_cart_or_the_order_of_somebody_else() {
    let shop = Suite::start().await;
    let (ana, bob, guest) = (shop.sign_up("ana").await, shop.sign_up("bob").await, shop.stranger());
    let lamp = shop.has_lamps(10).await;
    let (cart, order) = (ana.begins_cart().await, ana.orders(&lamp, 1).await);
    let guests = guest.orders(&lamp, 1).await;
    for stranger in [&bob, &guest] {
        stranger.looks_at(&cart).await.is_refused(404, "not-found");
        stranger.puts(&cart, &lamp, 1).await.is_refused(404, "not-found");
        stranger.reads_order(&order).await.is_refused(404, "not-found");
        stranger.does(&order, "cancel", &json!({"reason": "mine"})).await.is_refused(404, "not-found");
        let thieves = Order { json: guests.json.clone(), token: Some("guess".into()) };
        stranger.reads_order(&thieves).await.is_refused(404, "not-found");
        let path = format!("/api/v1/orders/{}", order.id());
        stranger.patch(&path, &json!({"email": "bob@souk.test"})).await.is_refused(404, "not-found");
    }
    bob.does(&order, "shipments", &json!({"carrier": "me"})).await.is_refused(403, "insufficient-scope");
    assert_eq!(bob.get("/api/v1/orders").await.is(200).json()["items"], json!([]));
    assert_eq!(ana.get("/api/v1/orders").await.is(200).json()["items"][0]["id"], order.id());
    guest.get("/api/v1/orders").await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_cancelled_order_gives_its_stock_back_and_cannot_be_paid() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 5).await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 0);
    guest.does(&order, "cancel", &json!({"reason": "changed my mind"})).await.is(200).accept();
    let started = std::time::Instant::now();
    while guest.sees_available(lamp.variant()).await < 5 {
        assert!(started.elapsed().as_secs() < 15, "the stock did not come back");
    }
    guest.does(&order, "cancel", &json!({"reason": "again"})).await.is_refused(409, "order-state");
    shop.ticks().await;
    guest.pays_with(&order, GOOD_CARD).await.is_refused_somehow();
}

#[tokio::test]
async fn a_paid_order_that_is_cancelled_gives_the_money_back() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(5).await;
    let order = guest.buys(&lamp, 1).await;
    guest.does(&order, "cancel", &json!({"reason": "too late"})).await.is(200).accept();
    let total = order.total();
    let now = guest.sees_that(&order, |order| order["refunded"]["amount"] == total).await;
    assert_eq!(now["state"], "cancelled");
    let payment = admin.get(format!("/api/v1/payments/intents/{}", order.payment())).await.is(200);
    assert_eq!(payment.json()["refunded"]["amount"], total);
    assert_eq!(guest.sees_available(lamp.variant()).await, 5);
}

#[tokio::test]
async fn refunds_never_exceed_what_was_paid() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 1).await;
    let refund =
        |amount: i64| json!({"amount": {"amount": amount, "currency": "EUR"}, "reason": "scratched"});
    admin.does(&order, "refunds", &refund(1)).await.is_refused(409, "order-state");
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
    let (total, half) = (order.total(), order.total() / 2 + 1);
    let body = refund(half);
    let answers = join_all((0..4).map(|_| admin.does(&order, "refunds", &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_success()).count(), 1);
    admin.does(&order, "refunds", &refund(0)).await.is_refused(422, "invalid-request");
    let yen = json!({"amount": {"amount": 1, "currency": "JPY"}, "reason": "x"});
    admin.does(&order, "refunds", &yen).await.is_refused(409, "currency-mixed");
    guest.does(&order, "refunds", &refund(1)).await.is_refused(401, "unauthenticated");
    admin.does(&order, "refunds", &refund(total - half)).await.is(202).accept();
    guest.sees(&order, "refunded").await;
}

#[tokio::test]
async fn states_cannot_be_skipped() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 2).await;
    admin.does(&order, "fulfil", &json!({})).await.is_refused(409, "order-state");
    admin.does(&order, "shipments", &json!({"carrier": "x"})).await.is_refused(409, "order-state");
    let line = order.json["lines"][0]["id"].clone();
    let back = json!({"lines": [{"line_id": line, "quantity": 1}], "reason": "ugly"});
    guest.does(&order, "returns", &back).await.is_refused(409, "order-state");
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
    let many = json!({"carrier": "x", "lines": [{"line_id": line, "quantity": 3}]});
    admin.does(&order, "shipments", &many).await.is_refused(409, "quantity-exceeds");
    admin.delete(format!("/api/v1/orders/{}", order.id())).await.is_refused(409, "order-state");
}

#[tokio::test]
async fn parcels_leave_in_parts_and_goods_come_back() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(5).await;
    let order = guest.buys(&lamp, 3).await;
    let line = order.json["lines"][0]["id"].clone();
    let part = |units: u32| json!({"carrier": "DHL", "lines": [{"line_id": line, "quantity": units}]});
    assert_eq!(admin.does(&order, "shipments", &part(1)).await.is(201).text("/state"), "partially_shipped");
    assert_eq!(admin.does(&order, "shipments", &part(2)).await.is(201).text("/state"), "shipped");
    guest.does(&order, "cancel", &json!({"reason": "too late"})).await.is_refused(409, "order-state");
    let back = json!({"lines": [{"line_id": line, "quantity": 2}], "reason": "too bright"});
    let asked = guest.does(&order, "returns", &back).await.is(201);
    guest.does(&order, "returns", &back).await.is_refused(409, "quantity-exceeds");
    let path = format!("/api/v1/orders/{}/returns/{}/decide", order.id(), asked.text("/returns/0/id"));
    guest.post(&path, &json!({"accepted": true})).await.is_refused(401, "unauthenticated");
    admin.post(&path, &json!({"accepted": true})).await.is(200).accept();
    admin.post(&path, &json!({"accepted": true})).await.is_refused(409, "order-state");
    // Two of three lamps at 59.00.
    guest.sees_that(&order, |order| order["refunded"]["amount"] == 11_800).await;
    let started = std::time::Instant::now();
    while guest.sees_available(lamp.variant()).await < 4 {
        assert!(started.elapsed().as_secs() < 15, "the lamps did not come back into the stock");
        shop.ticks().await;
    }
}

#[tokio::test]
async fn a_hundred_buyers_of_ten_lamps_get_ten() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(10).await;
    let carts = join_all((0..100).map(|_| guest.fills_cart(&lamp, 1))).await;
    let buys = carts.iter().map(async |(cart, total)| {
        let answer = guest.tries_to_order(cart, total, &unique("k")).await;
        match answer.is_success() {
            true => 1,
            false => {
                answer.is_refused(409, "out-of-stock");
                0
            }
        }
    });
    assert_eq!(join_all(buys).await.into_iter().sum::<i32>(), 10);
    assert_eq!(guest.sees_available(lamp.variant()).await, 0);
}

#[tokio::test]
async fn an_order_needs_no_cart() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let lamp = shop.has_lamps(5).await;
    let (_, total) = ana.fills_cart(&lamp, 2).await;
    let order = json!({
        "lines": [{"variant_id": lamp.variant(), "quantity": 1}, {"variant_id": lamp.variant(), "quantity": 1}],
        "email": "ana@souk.test", "shipping_address": home(), "shipping_method": "standard", "expected_total": total,
    });
    let placed = ana.post("/api/v1/orders", &order).key(&unique("k")).await.is(201);
    assert_eq!((placed.text("/user_id"), &placed.json()["lines"][0]["quantity"]), (ana.id(), &json!(2)));
    let mut neither = order.clone();
    neither["lines"] = Value::Null;
    let refused = ana.post("/api/v1/orders", &neither).key(&unique("k")).await;
    refused.is_refused(422, "invalid-request").with_field("/cart_id");
    let mut nowhere = order.clone();
    nowhere["shipping_address"]["postal_code"] = json!("ABC");
    let refused = ana.post("/api/v1/orders", &nowhere).key(&unique("k")).await;
    refused.is_refused(422, "invalid-request").with_field("/shipping_address/postal_code");
    let mut wrong = order;
    wrong["shipping_method"] = json!("teleport");
    ana.post("/api/v1/orders", &wrong).key(&unique("k")).await.is_refused(409, "shipping-unavailable");
}

#[tokio::test]
async fn an_order_can_be_followed_as_it_happens() {
    let shop = Suite::start().await;
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 1).await;
    let url = format!("{}/api/v1/orders/{}/events", shop.url(), order.id());
    let token = order.token.clone().unwrap_or_default();
    let mut stream =
        reqwest::Client::new().get(url).header("guest-token", token).send().await.expect("a stream");
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut heard = String::new();
    while !heard.contains("event: pending_payment") {
        let chunk = stream.chunk().await.expect("the stream goes on").expect("more to come");
        heard += &String::from_utf8_lossy(&chunk);
    }
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    while !heard.contains("event: paid") {
        let chunk = stream.chunk().await.expect("the stream goes on").expect("more to come");
        heard += &String::from_utf8_lossy(&chunk);
    }
    assert!(heard.contains("id: 3\n"), "{heard}");
}

#[tokio::test]
async fn a_checkout_goes_on_when_payments_come_back() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    let (cart, total) = guest.fills_cart(&lamp, 1).await;
    let key = unique("k");
    shop.faults().unreachable("payments", Until::Cleared);
    guest.tries_to_order(&cart, &total, &key).await.is_refused(503, "unavailable");
    shop.faults().clear();
    let json = guest.tries_to_order(&cart, &total, &key).await.is(201).json().clone();
    let order = Order { json, token: cart.token.clone() };
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 4);
}

#[tokio::test]
async fn an_order_without_a_cart_that_was_cut_off_is_found_again_by_its_key() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(4).await;
    let (_, total) = guest.fills_cart(&lamp, 2).await;
    let order = json!({
        "lines": [{"variant_id": lamp.variant(), "quantity": 2}], "email": "ana@souk.test", "shipping_address": home(),
        "shipping_method": "standard", "expected_total": total,
    });
    for maintenance_is_faster in [false, true] {
        let key = unique("k");
        shop.faults().unreachable("payments", Until::Cleared);
        guest.post("/api/v1/orders", &order).key(&key).await.is_refused(503, "unavailable");
        let mut other = order.clone();
        other["note"] = json!("Ring twice.");
        guest.post("/api/v1/orders", &other).key(&key).await.is_refused(422, "idempotency-key-reused");
        shop.faults().clear();
        if maintenance_is_faster {
            shop.has_sound_books().await;
        }
        let placed = guest.post("/api/v1/orders", &order).key(&key).await.is(201);
        shop.has_delivered().await; // After the second order the catalogue has no more to offer.
        let again = guest.post("/api/v1/orders", &order).key(&key).await.is(201);
        assert_eq!(placed.json(), again.json());
        let order = Order { json: placed.json().clone(), token: Some(placed.text("/token").to_owned()) };
        guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
        guest.sees(&order, "paid").await;
    }
    let all = admin.get("/api/v1/orders").await.is(200);
    assert_eq!(all.json()["items"].as_array().map(Vec::len), Some(2), "{all}");
    assert_eq!(guest.sees_available(lamp.variant()).await, 0);
    shop.has_sound_books().await;
}

#[tokio::test]
async fn one_key_makes_one_order_without_a_cart_however_often_it_comes_at_once() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(20).await;
    let (_, total) = guest.fills_cart(&lamp, 2).await;
    let (key, order) = (
        unique("k"),
        json!({
            "lines": [{"variant_id": lamp.variant(), "quantity": 2}], "email": "ana@souk.test", "shipping_address": home(),
            "shipping_method": "standard", "expected_total": total,
        }),
    );
    let answers =
        join_all((0..6).map(|_| async { guest.post("/api/v1/orders", &order).key(&key).await.is(201) }))
            .await;
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "all get the same answer");
    assert_eq!(guest.sees_available(lamp.variant()).await, 18);
    let order = Order { json: answers[0].json().clone(), token: Some(answers[0].text("/token").to_owned()) };
    guest.reads_order(&order).await.is(200).accept();
    shop.has_sound_books().await;
}

#[tokio::test]
async fn an_order_goes_to_an_address_of_the_customer() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let lamp = shop.has_lamps(5).await;
    let kept = ana.post("/api/v1/customers/me/addresses", &json!({"address": home()})).await.is(201);
    let (_, total) = ana.fills_cart(&lamp, 1).await;
    let order = json!({
        "lines": [{"variant_id": lamp.variant(), "quantity": 1}], "shipping_address_id": kept.text("/id"),
        "shipping_method": "standard", "expected_total": total,
    });
    let refused = bob.post("/api/v1/orders", &order).key(&unique("k")).await;
    refused.is_refused(422, "invalid-request").with_field("/shipping_address_id");
    let placed = ana.post("/api/v1/orders", &order).key(&unique("k")).await.is(201);
    assert_eq!((placed.text("/email"), placed.text("/shipping_address/city")), (ana.email(), "Paris"));
    let history = ana.get("/api/v1/customers/me/orders").await.is(200);
    assert_eq!(history.text("/items/0/id"), placed.text("/id"));
}

#[tokio::test]
async fn a_paid_order_has_an_invoice_that_its_buyer_can_read() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let lamp = shop.has_lamps(5).await;
    let order = ana.orders(&lamp, 2).await;
    ana.pays_with(&order, GOOD_CARD).await.is(200).accept();
    let paid = ana.sees_that(&order, |order| order["invoice"].is_string()).await;
    let invoices = ana.get("/api/v1/invoices").await.is(200);
    assert_eq!(invoices.json()["items"][0]["number"], paid["invoice"]);
    let export = ana.get("/api/v1/customers/me/export").await.is(200);
    assert_eq!(export.text("/services/orders/orders/0/id"), order.id());
}

#[tokio::test]
async fn an_order_that_is_deleted_still_gives_its_stock_back_and_cannot_be_paid() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 5).await;
    let path = format!("/api/v1/orders/{}", order.id());
    admin.delete(&path).await.is_refused(409, "order-state");
    // Deleted before anybody has told the other services that it was cancelled.
    shop.faults().unreachable("inventory", Until::Cleared);
    shop.faults().unreachable("payments", Until::Cleared);
    guest.does(&order, "cancel", &json!({"reason": "changed my mind"})).await.is(200).accept();
    admin.delete(&path).await.is(204).accept();
    shop.faults().clear();
    shop.has_sound_books().await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 5);
    guest.pays_with(&order, GOOD_CARD).await.is_refused_somehow();
}
