//! Buying: from the cart to the delivered order, and everything that may come between.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::orders::{GOOD_CARD, Order, home, order_of};
use souk_tests::{Suite, unique};

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
    let order = guest.orders(&lamp, 1).await;
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
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
    let order = guest.orders(&lamp, 3).await;
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
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
    shop.faults().unreachable("payments", souk_tests::Until::Cleared);
    guest.tries_to_order(&cart, &total, &key).await.is_refused(503, "unavailable");
    shop.faults().clear();
    let json = guest.tries_to_order(&cart, &total, &key).await.is(201).json().clone();
    let order = Order { json, token: cart.token.clone() };
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 4);
}

#[tokio::test]
async fn rules_that_do_not_answer_are_replaced_by_the_fallback() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    shop.faults().unreachable("rules", souk_tests::Until::Cleared);
    let (cart, total) = guest.fills_cart(&lamp, 1).await;
    let seen = guest.looks_at(&cart).await.is(200).json().clone();
    assert_eq!((&seen["provisional"], &total["amount"]), (&json!(true), &json!(5900 + 990)));
    let placed = guest.tries_to_order(&cart, &total, &unique("k")).await.is(201);
    assert_eq!(placed.json()["provisional"], true);
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
