//! Stock, as merchants see it: locations, movements, counts, thresholds, and what the catalogue makes of it.

use serde_json::{Value, json};
use souk_tests::inventory::{MAIN, Warehouse, id};
use souk_tests::{Person, Product, Suite, Until, lamp, unique};

fn movement(kind: &str, variant: &str, quantity: i64) -> Value {
    json!({"kind": kind, "variant_id": variant, "location_id": MAIN, "quantity": quantity, "reason": "Because"})
}

async fn adds_location(merchant: &Person) -> String {
    let new = json!({"name": unique("Lyon")});
    merchant.post("/api/v1/inventory/locations", &new).await.is(201).text("/id").to_owned()
}

/// What the list of movements says, newest first.
async fn moved(merchant: &Person, variant: &str) -> Vec<(String, i64)> {
    let list = merchant.get(format!("/api/v1/inventory/movements?variant={variant}")).await.is(200);
    let items = list.json()["items"].as_array().expect("a list").clone();
    let read = |it: &Value| {
        (it["kind"].as_str().unwrap_or_default().to_owned(), it["quantity"].as_i64().unwrap_or(0))
    };
    items.iter().map(read).collect()
}

#[tokio::test]
async fn stock_is_the_sum_of_its_movements() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (variant, lyon) = (id("var"), adds_location(&merchant).await);
    assert_eq!(merchant.sees_available(&variant).await, 0);
    let received = merchant.moves(&movement("receive", &variant, 10)).await.is(201);
    assert_eq!((received.text("/author"), received.text("/reason")), (merchant.id(), "Because"));
    merchant.moves(&movement("adjust", &variant, -1)).await.is(201).accept();
    merchant.moves(&movement("adjust", &variant, 3)).await.is(201).accept();
    merchant.moves(&movement("ship", &variant, 2)).await.is(201).accept();
    let mut transfer = movement("transfer", &variant, 4);
    transfer["to_location_id"] = lyon.as_str().into();
    let sent = merchant.moves(&transfer).await.is(201);
    assert_eq!((&sent.json()["quantity"], sent.text("/other_location_id")), (&json!(-4), lyon.as_str()));
    let expected =
        [("transfer", 4), ("transfer", -4), ("ship", -2), ("adjust", 3), ("adjust", -1), ("receive", 10)];
    assert_eq!(moved(&merchant, &variant).await, expected.map(|(kind, units)| (kind.to_owned(), units)));
    let stock = merchant.sees_stock(&variant).await;
    assert_eq!(stock["available"], 10);
    let mut places = stock["locations"].as_array().expect("a list").clone();
    places.sort_by_key(|place| place["on_hand"].as_i64());
    let expected = [(lyon.as_str(), 4), (MAIN, 6)]
        .map(|(location, units)| json!({"location_id": location, "on_hand": units, "reserved": 0}));
    assert_eq!(places, expected);
    let path = format!("/api/v1/inventory/movements?variant={variant}&location={lyon}&kind=transfer");
    assert_eq!(merchant.get(path).await.is(200).json()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn movements_come_page_by_page() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let variant = id("var");
    for units in 1..=5 {
        merchant.receives(&variant, MAIN, units).await.is(201).accept();
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/inventory/movements?variant={variant}&limit=2{cursor}");
        let page = merchant.get(path).await.is(200);
        let items = page.json()["items"].as_array().expect("a list");
        seen.extend(items.iter().filter_map(|it| it["quantity"].as_i64()));
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
}

#[tokio::test]
async fn a_movement_is_made_once_with_its_key() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (variant, key) = (id("var"), unique("key"));
    let path = "/api/v1/inventory/movements";
    let receive = movement("receive", &variant, 3);
    merchant.post(path, &receive).await.is_refused(400, "idempotency-key-required");
    let answers =
        futures::future::join_all((0..5).map(|_| async { merchant.post(path, &receive).key(&key).await }));
    let answers = answers.await;
    assert!(answers.iter().all(|answer| answer.is_success() && answer.body == answers[0].body));
    let other = movement("receive", &variant, 4);
    merchant.post(path, &other).key(&key).await.is_refused(422, "idempotency-key-reused");
    assert_eq!(merchant.sees_available(&variant).await, 3);
}

#[tokio::test]
async fn what_is_reserved_or_not_there_does_not_leave() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (merchant, variant) = warehouse.has(5).await;
    let lyon = adds_location(&merchant).await;
    warehouse.orders().reserves(&id("ord"), &[(&variant, 3)]).await.is(201).accept();
    let mut transfer = movement("transfer", &variant, 3);
    transfer["to_location_id"] = lyon.as_str().into();
    for attempt in [movement("adjust", &variant, -3), movement("ship", &variant, 3), transfer] {
        let refused = merchant.moves(&attempt).await.is_refused(409, "stock-reserved");
        assert_eq!(
            (&refused.answer().json()["on_hand"], &refused.answer().json()["reserved"]),
            (&json!(5), &json!(3))
        );
    }
    merchant.moves(&movement("adjust", &variant, -6)).await.is_refused(409, "stock-short");
    merchant.moves(&movement("ship", &id("var"), 1)).await.is_refused(409, "stock-short");
    merchant.moves(&movement("adjust", &variant, -2)).await.is(201).accept();
    assert_eq!(merchant.sees_available(&variant).await, 0);
}

#[tokio::test]
async fn a_count_puts_stock_right_line_by_line() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (merchant, same) = warehouse.has(5).await;
    let (less, reserved, new, never) = (id("var"), id("var"), id("var"), id("var"));
    for variant in [&less, &reserved] {
        merchant.receives(variant, MAIN, 5).await.is(201).accept();
    }
    warehouse.orders().reserves(&id("ord"), &[(&reserved, 4)]).await.is(201).accept();
    let line = |variant: &str, on_hand: i64| json!({"variant_id": variant, "on_hand": on_hand});
    let counts = [line(&same, 5), line(&less, 2), line(&reserved, 3), line(&new, 7), line(&never, 0)];
    let count = json!({"location_id": MAIN, "reason": "Inventory", "counts": counts});
    let path = "/api/v1/inventory/counts";
    merchant.post(path, &count).await.is_refused(400, "idempotency-key-required");
    let key = unique("key");
    for _ in 0..2 {
        let report = merchant.post(path, &count).key(&key).await.is(200);
        let lines = report.json()["lines"].as_array().expect("lines").clone();
        let outcomes: Vec<_> = lines.iter().filter_map(|line| line["outcome"].as_str()).collect();
        assert_eq!(outcomes, ["unchanged", "adjusted", "reserved", "adjusted", "unchanged"]);
    }
    assert_eq!(moved(&merchant, &less).await, [("adjust".to_owned(), -3), ("receive".to_owned(), 5)]);
    for (variant, available) in [(&same, 5), (&less, 2), (&reserved, 1), (&new, 7), (&never, 0)] {
        assert_eq!(merchant.sees_available(variant).await, available);
    }
    let twice = json!({"location_id": MAIN, "reason": "x", "counts": [line(&same, 1), line(&same, 2)]});
    let refused = merchant.post(path, &twice).key(&unique("key")).await;
    refused.is_refused(422, "invalid-request").with_field("/counts/1/variant_id");
}

#[tokio::test]
async fn what_lies_at_a_closed_location_is_not_for_sale() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let merchant = warehouse.suite.merchant().await;
    let (variant, lyon, orders) = (id("var"), adds_location(&merchant).await, warehouse.orders());
    merchant.receives(&variant, &lyon, 5).await.is(201).accept();
    let before = id("ord");
    orders.reserves(&before, &[(&variant, 2)]).await.is(201).accept();
    let path = format!("/api/v1/inventory/locations/{lyon}");
    let closed = merchant.patch(path.clone(), &json!({"active": false})).if_match("\"v1\"").await.is(200);
    assert_eq!(closed.json()["active"], false);
    assert_eq!(merchant.sees_available(&variant).await, 0);
    orders.reserves(&id("ord"), &[(&variant, 1)]).await.is_refused(409, "out-of-stock");
    // What is promised can leave.
    orders.commits(&before).await.is(200).accept();
    orders.ships(&before).await.is(200).accept();
    merchant
        .patch(path.clone(), &json!({"active": true}))
        .if_match("\"v1\"")
        .await
        .is_refused(412, "precondition-failed");
    merchant.patch(path, &json!({"active": true})).if_match(closed.etag()).await.is(200).accept();
    assert_eq!(merchant.sees_available(&variant).await, 3);
}

#[tokio::test]
async fn a_location_has_a_name_of_its_own() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let list = merchant.get("/api/v1/inventory/locations").await.is(200);
    let items = list.json()["items"].as_array().expect("a list");
    assert!(
        items.iter().any(|it| it["id"] == MAIN && it["name"] == "main" && it["active"] == true),
        "{list}"
    );
    let (path, name) = ("/api/v1/inventory/locations", unique("Lyon"));
    let lyon = merchant.post(path, &json!({"name": name})).await.is(201);
    let taken = merchant.post(path, &json!({"name": name.to_uppercase()})).await;
    taken.is_refused(409, "location-name-taken").with_field("/name");
    let own = format!("{path}/{}", lyon.text("/id"));
    merchant.patch(own.clone(), &json!({"name": "main"})).await.is_refused(409, "location-name-taken");
    merchant.patch(own.clone(), &json!({"name": unique("Paris")})).await.is(200).accept();
    for name in [json!(""), json!(" Lyon"), json!("a\u{7}b"), json!("x".repeat(101)), Value::Null, json!(1)] {
        merchant
            .post(path, &json!({"name": name}))
            .await
            .is_refused(422, "invalid-request")
            .with_field("/name");
        merchant
            .patch(own.clone(), &json!({"name": name}))
            .await
            .is_refused(422, "invalid-request")
            .with_field("/name");
    }
    merchant.patch(format!("{path}/{}", id("loc")), &json!({})).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn low_stock_is_found() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (variant, path) = (id("var"), |variant: &str| format!("/api/v1/inventory/stock/{variant}"));
    merchant.receives(&variant, MAIN, 5).await.is(201).accept();
    let watched = merchant.put(path(&variant), &json!({"low_stock_threshold": 3})).await.is(200);
    assert_eq!(watched.json()["low"], false);
    let low = async |low: bool| {
        let list = merchant.get(format!("/api/v1/inventory/stock?variant={variant}&low={low}")).await.is(200);
        list.json()["items"].as_array().map(Vec::len)
    };
    assert_eq!((low(true).await, low(false).await), (Some(0), Some(1)));
    merchant.moves(&movement("ship", &variant, 2)).await.is(201).accept();
    assert_eq!((low(true).await, low(false).await), (Some(1), Some(0)));
    let stale = merchant.put(path(&variant), &json!({"low_stock_threshold": null})).if_match("\"v0\"").await;
    stale.is_refused(412, "precondition-failed");
    merchant
        .put(path(&variant), &json!({"low_stock_threshold": null}))
        .if_match(watched.etag())
        .await
        .is(200)
        .accept();
    assert_eq!((low(true).await, low(false).await), (Some(0), Some(1)));
    for (body, field) in [
        (json!({"low_stock_threshold": -1}), "/low_stock_threshold"),
        (json!({"low_stock_threshold": 1.5}), "/low_stock_threshold"),
        (json!({"low_stock_threshold": 1, "backorder": true}), "/backorder"),
    ] {
        merchant.put(path(&variant), &body).await.is_refused(422, "invalid-request").with_field(field);
    }
    merchant.put(path("var_1"), &json!({"low_stock_threshold": 1})).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn a_movement_that_makes_no_sense_is_refused() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let variant = id("var");
    let with = |kind: &str, quantity: i64, field: &str, value: Value| {
        let mut movement = movement(kind, &variant, quantity);
        movement[field] = value;
        movement
    };
    for (movement, field) in [
        (movement("receive", &variant, 0), "/quantity"),
        (movement("receive", &variant, -1), "/quantity"),
        (movement("ship", &variant, -1), "/quantity"),
        (movement("adjust", &variant, 0), "/quantity"),
        (movement("adjust", &variant, 1_000_000_001), "/quantity"),
        (movement("return", &variant, 1), "/kind"),
        (movement("receive", "var_1", 1), "/variant_id"),
        (movement("transfer", &variant, 1), "/to_location_id"),
        (with("transfer", 1, "to_location_id", json!(MAIN)), "/to_location_id"),
        (with("transfer", 1, "to_location_id", json!(id("loc"))), "/to_location_id"),
        (with("receive", 1, "to_location_id", json!(id("loc"))), "/to_location_id"),
        (with("receive", 1, "location_id", json!(id("loc"))), "/location_id"),
        (with("receive", 1, "reason", json!(" ")), "/reason"),
        (with("receive", 1, "quantity", json!(1.5)), "/quantity"),
        (with("receive", 1, "price", json!(1)), "/price"),
    ] {
        merchant.moves(&movement).await.is_refused(422, "invalid-request").with_field(field);
    }
    assert_eq!(moved(&merchant, &variant).await, []);
    for query in ["?variant=x", "?kind=x", "?limit=0", "?low=1"] {
        merchant.get(format!("/api/v1/inventory/movements{query}")).await.is_refused_somehow();
    }
    shop.stranger()
        .get("/api/v1/inventory/availability?variants=")
        .await
        .is_refused(422, "invalid-request")
        .with_field("variants");
}

#[tokio::test]
async fn a_location_holds_no_more_than_it_has_room_for() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let variant = id("var");
    for _ in 0..1000 {
        merchant.receives(&variant, MAIN, 1_000_000_000).await.is(201).accept();
    }
    let refused = merchant.receives(&variant, MAIN, 1).await;
    refused.is_refused(422, "invalid-request").with_field("/quantity");
    assert_eq!(merchant.sees_available(&variant).await, 1_000_000_000_000);
}

/// Whether the catalogue says, everywhere, that the lamp can be bought.
async fn can_be_bought(shop: &Suite, lamp: &Product) -> (bool, Value) {
    shop.has_delivered().await;
    let stranger = shop.stranger();
    let read = stranger.reads(lamp).await.is(200);
    let variants = stranger.get(format!("/api/v1/products/variants?ids={}", lamp.variant())).await.is(200);
    let bought = variants.json()[0]["available"].as_bool().expect("yes or no");
    assert_eq!(read.json()["available"], bought, "{read}");
    let (sold, gone) = if bought { ("true", "false") } else { ("false", "true") };
    stranger.lists_products(&[("q", lamp.slug()), ("available", sold)]).await.finds(lamp);
    stranger.lists_products(&[("q", lamp.slug()), ("available", gone)]).await.does_not_find(lamp);
    (bought, read.json()["variants"][0]["in_stock"].clone())
}

#[tokio::test]
async fn the_catalogue_follows_the_stock() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (shop, orders, order) = (&warehouse.suite, warehouse.orders(), id("ord"));
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    // As long as inventory knows nothing of it, the shop's word is enough.
    assert_eq!(can_be_bought(shop, &lamp).await, (true, Value::Null));
    merchant.receives(lamp.variant(), MAIN, 2).await.is(201).accept();
    assert_eq!(can_be_bought(shop, &lamp).await, (true, json!(true)));
    orders.reserves(&order, &[(lamp.variant(), 1)]).await.is(201).accept();
    assert_eq!(can_be_bought(shop, &lamp).await, (true, json!(true)));
    orders.reserves(&id("ord"), &[(lamp.variant(), 1)]).await.is(201).accept();
    assert_eq!(can_be_bought(shop, &lamp).await, (false, json!(false)));
    // What a merchant changes of the variant does not make it there.
    let mut variants =
        json!([{"sku": lamp.json["variants"][0]["sku"], "price": {"amount": 1, "currency": "EUR"}}]);
    merchant.changes(&lamp, &json!({"variants": variants})).await.is(200).accept();
    assert_eq!(can_be_bought(shop, &lamp).await, (false, json!(false)));
    orders.releases(&order).await.is(200).accept();
    assert_eq!(can_be_bought(shop, &lamp).await, (true, json!(true)));
    // And what is there is sold only if the shop offers it.
    variants[0]["available"] = false.into();
    merchant.changes(&lamp, &json!({"variants": variants})).await.is(200).accept();
    assert_eq!(can_be_bought(shop, &lamp).await, (false, json!(true)));
}

#[tokio::test]
async fn news_of_stock_that_could_not_be_delivered_end_with_the_newest() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (shop, orders) = (&warehouse.suite, warehouse.orders());
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    merchant.receives(lamp.variant(), MAIN, 1).await.is(201).accept();
    assert!(can_be_bought(shop, &lamp).await.0);
    shop.faults().unreachable("products", Until::Cleared);
    for last in [false, false, true] {
        let order = id("ord");
        orders.reserves(&order, &[(lamp.variant(), 1)]).await.is(201).accept();
        if !last {
            orders.releases(&order).await.is(200).accept();
        }
    }
    shop.faults().clear();
    assert_eq!(can_be_bought(shop, &lamp).await, (false, json!(false)));
}
