//! Reservations, as the service orders makes them: no unit is promised twice, whatever happens at once.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use souk_tests::inventory::{MAIN, Orders, Warehouse, id, lines};
use souk_tests::{Answer, unique};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often each kind of answer came.
fn tally(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let what = answer.kind().map_or_else(|| answer.status.as_u16().to_string(), str::to_owned);
        *tally.entry(what).or_default() += 1;
    }
    tally
}

fn times(expected: &[(&str, usize)]) -> BTreeMap<String, usize> {
    expected.iter().map(|(what, times)| ((*what).to_owned(), *times)).collect()
}

/// On hand, reserved and available of a variant that lies at one location.
async fn stands(warehouse: &Warehouse, variant: &str) -> [i64; 3] {
    let stock = warehouse.suite.admin().await.sees_stock(variant).await;
    let number = |pointer: &str| stock.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    [number("/locations/0/on_hand"), number("/locations/0/reserved"), number("/available")]
}

#[tokio::test]
async fn a_reservation_goes_its_way() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(10).await;
    let (orders, order) = (warehouse.orders(), id("ord"));
    orders.reads(&order).await.is_refused(404, "not-found");
    let reserved = orders.reserves(&order, &[(&variant, 3)]).await.is(201);
    assert_eq!(reserved.json()["state"], "open");
    assert_eq!(
        reserved.json()["lines"],
        json!([{"variant_id": variant, "quantity": 3, "shipped": 0, "returned": 0,
            "allocations": [{"location_id": MAIN, "quantity": 3}]}])
    );
    assert_eq!(stands(&warehouse, &variant).await, [10, 3, 7]);
    let again = orders.reserves(&order, &[(&variant, 1), (&variant, 2)]).await.is(200);
    assert_eq!(again.json(), reserved.json(), "a repetition gets the same answer");
    orders.ships(&order).await.is_refused(409, "reservation-state");
    for _ in 0..2 {
        let committed = orders.commits(&order).await.is(200);
        assert_eq!((committed.text("/state"), &committed.json()["expires_at"]), ("committed", &Value::Null));
    }
    assert_eq!(stands(&warehouse, &variant).await, [10, 3, 7]);
    for _ in 0..2 {
        assert_eq!(orders.ships(&order).await.is(200).json()["lines"][0]["shipped"], 3);
    }
    assert_eq!(stands(&warehouse, &variant).await, [7, 0, 7]);
    orders.releases(&order).await.is_refused(409, "reservation-state");
    let back = json!({"lines": lines(&[(&variant, 2)]), "restock": true});
    let key = unique("key");
    for _ in 0..2 {
        orders.does("return", &order, &back).key(&key).await.is(200).accept();
    }
    assert_eq!(stands(&warehouse, &variant).await, [9, 0, 9]);
    let refused = orders.does("return", &order, &back).key(&unique("key")).await;
    let refused = refused.is_refused(409, "reservation-lines");
    let missing = json!([{"variant_id": variant, "wanted": 2, "available": 1}]);
    assert_eq!(refused.answer().json()["lines"], missing);
    let lost = json!({"lines": lines(&[(&variant, 1)]), "restock": false});
    orders.does("return", &order, &lost).key(&unique("key")).await.is(200).accept();
    assert_eq!(stands(&warehouse, &variant).await, [9, 0, 9]);
    assert_eq!(orders.reads(&order).await.is(200).json()["lines"][0]["returned"], 3);
}

#[tokio::test]
async fn all_is_reserved_or_nothing() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (merchant, much) = warehouse.has(10).await;
    let (little, never) = (id("var"), id("var"));
    merchant.receives(&little, MAIN, 1).await.is(201).accept();
    let (orders, order) = (warehouse.orders(), id("ord"));
    let wanted = [(much.as_str(), 5), (little.as_str(), 1), (never.as_str(), 1), (little.as_str(), 1)];
    let refused = orders.reserves(&order, &wanted).await.is_refused(409, "out-of-stock");
    let mut missing = vec![
        json!({"variant_id": little, "wanted": 2, "available": 1}),
        json!({"variant_id": never, "wanted": 1, "available": 0}),
    ];
    missing.sort_by_key(|line| line["variant_id"].to_string());
    assert_eq!(refused.answer().json()["lines"], Value::from(missing));
    assert_eq!(stands(&warehouse, &much).await, [10, 0, 10]);
    orders.reads(&order).await.is_refused(404, "not-found");
    orders.reserves(&order, &[(&much, 10), (&little, 1)]).await.is(201).accept();
    assert_eq!(stands(&warehouse, &little).await, [1, 1, 0]);
}

#[tokio::test]
async fn a_hundred_of_a_thousand_buyers_get_one_of_a_hundred_units() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(100).await;
    // Under such a load instances write into the log at once. Any fault would be seen in the tally.
    warehouse.suite.expects_faults();
    let orders = warehouse.orders();
    let ids: Vec<String> = (0..1000).map(|_| id("ord")).collect();
    let wanted = [(variant.as_str(), 1)];
    let answers = join_all(ids.iter().map(|order| async { orders.reserves(order, &wanted).await })).await;
    assert_eq!(tally(&answers), times(&[("201", 100), ("out-of-stock", 900)]));
    assert_eq!(stands(&warehouse, &variant).await, [100, 100, 0]);
    let bought: Vec<&String> =
        ids.iter().zip(&answers).filter(|(_, answer)| answer.is_success()).map(|(id, _)| id).collect();
    let shipped = join_all(bought.iter().map(|order| async {
        orders.commits(order).await.is(200).accept();
        orders.ships(order).await
    }))
    .await;
    assert_eq!(tally(&shipped), times(&[("200", 100)]));
    assert_eq!(stands(&warehouse, &variant).await, [0, 0, 0]);
}

#[tokio::test]
async fn an_order_that_asks_many_times_at_once_gets_one_reservation() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(100).await;
    let (orders, order) = (warehouse.orders(), id("ord"));
    let wanted = [(variant.as_str(), 7)];
    let answers = join_all((0..20).map(|_| async { orders.reserves(&order, &wanted).await })).await;
    assert_eq!(tally(&answers), times(&[("200", 19), ("201", 1)]));
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "all get the same answer");
    assert_eq!(stands(&warehouse, &variant).await, [100, 7, 93]);
}

#[tokio::test]
async fn of_a_commit_and_a_release_at_once_both_or_the_release_alone_happen() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(1).await;
    let orders = warehouse.orders();
    for _ in 0..30 {
        let order = id("ord");
        orders.reserves(&order, &[(&variant, 1)]).await.is(201).accept();
        let (committed, released) =
            futures::join!(async { orders.commits(&order).await }, async { orders.releases(&order).await });
        if !committed.is_success() {
            committed.is_refused(409, "reservation-state");
        }
        released.is(200).accept();
        assert_eq!(orders.reads(&order).await.is(200).text("/state"), "released");
        orders.commits(&order).await.is_refused(409, "reservation-state");
        orders.releases(&order).await.is(200).accept();
        assert_eq!(stands(&warehouse, &variant).await, [1, 0, 1]);
    }
}

#[tokio::test]
async fn of_a_shipment_and_a_release_at_once_one_happens() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(20).await;
    let orders = warehouse.orders();
    let mut left = 20;
    for _ in 0..20 {
        let order = id("ord");
        orders.reserves(&order, &[(&variant, 1)]).await.is(201).accept();
        orders.commits(&order).await.is(200).accept();
        let (shipped, released) =
            futures::join!(async { orders.ships(&order).await }, async { orders.releases(&order).await });
        assert_ne!(shipped.is_success(), released.is_success(), "{shipped} {released}");
        left -= i64::from(shipped.is_success());
        assert_eq!(stands(&warehouse, &variant).await, [left, 0, left]);
        if left == 0 {
            break;
        }
    }
}

/// Reserves all of a variant for a second, and waits until that is over.
async fn has_expired(orders: &Orders, variant: &str, units: i64) -> String {
    let order = id("ord");
    orders.reserves_for_a_second(&order, &[(variant, units)]).await.is(201).accept();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    order
}

#[tokio::test]
async fn what_has_expired_is_there_for_the_next_buyer() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(5).await;
    let (orders, other) = (warehouse.orders(), id("ord"));
    let order = has_expired(&orders, &variant, 5).await;
    // The suite's own maintenance may have been there before: both ways end here.
    orders.reserves(&other, &[(&variant, 4)]).await.is(201).accept();
    assert_eq!(orders.reads(&order).await.is(200).text("/state"), "expired");
    orders.commits(&order).await.is_refused(409, "reservation-state");
    orders.releases(&order).await.is(200).accept();
    assert_eq!(stands(&warehouse, &variant).await, [5, 4, 1]);
    // The order may try again.
    orders.reserves(&order, &[(&variant, 2)]).await.is_refused(409, "out-of-stock");
    orders.reserves(&order, &[(&variant, 1)]).await.is(201).accept();
    assert_eq!(stands(&warehouse, &variant).await, [5, 5, 0]);
}

#[tokio::test]
async fn maintenance_ends_what_has_expired() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(5).await;
    let order = has_expired(&warehouse.orders(), &variant, 5).await;
    warehouse.suite.ticks().await;
    assert_eq!(stands(&warehouse, &variant).await, [5, 0, 5]);
    assert_eq!(warehouse.orders().reads(&order).await.is(200).text("/state"), "expired");
}

#[tokio::test]
async fn of_many_buyers_of_what_expires_none_gets_a_unit_twice() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(5).await;
    let orders = warehouse.orders();
    let first = has_expired(&orders, &variant, 5).await;
    let ids: Vec<String> = (0..40).map(|_| id("ord")).collect();
    let wanted = [(variant.as_str(), 1)];
    let buyers = join_all(ids.iter().map(|order| async { orders.reserves(order, &wanted).await }));
    let (committed, answers) = futures::join!(async { orders.commits(&first).await }, buyers);
    let expected = match committed.is_success() {
        true => times(&[("out-of-stock", 40)]),
        false => times(&[("201", 5), ("out-of-stock", 35)]),
    };
    assert_eq!(tally(&answers), expected);
    assert_eq!(stands(&warehouse, &variant).await, [5, 5, 0]);
}

#[tokio::test]
async fn an_order_that_was_released_can_reserve_anew() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(5).await;
    let (orders, order) = (warehouse.orders(), id("ord"));
    let first = orders.reserves(&order, &[(&variant, 1)]).await.is(201);
    orders.reserves(&order, &[(&variant, 2)]).await.is_refused(409, "reservation-state");
    orders.releases(&order).await.is(200).accept();
    let second = orders.reserves(&order, &[(&variant, 2)]).await.is(201);
    assert_ne!(first.text("/id"), second.text("/id"));
    assert_eq!(orders.reads(&order).await.is(200).json(), second.json());
    assert_eq!(stands(&warehouse, &variant).await, [5, 2, 3]);
}

#[tokio::test]
async fn an_order_is_shipped_in_parts() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (merchant, variant) = warehouse.has(3).await;
    let lyon = merchant.post("/api/v1/inventory/locations", &json!({"name": unique("Lyon")})).await.is(201);
    merchant.receives(&variant, lyon.text("/id"), 2).await.is(201).accept();
    let (orders, order) = (warehouse.orders(), id("ord"));
    let reserved = orders.reserves(&order, &[(&variant, 4)]).await.is(201);
    assert_eq!(reserved.json()["lines"][0]["allocations"].as_array().map(Vec::len), Some(2), "{reserved}");
    orders.commits(&order).await.is(200).accept();
    let (part, key) = (json!({"lines": lines(&[(&variant, 3)])}), unique("key"));
    orders.does("ship", &order, &part).await.is_refused(400, "idempotency-key-required");
    for _ in 0..2 {
        let shipped = orders.does("ship", &order, &part).key(&key).await.is(200);
        assert_eq!(
            (shipped.text("/state"), &shipped.json()["lines"][0]["shipped"]),
            ("committed", &json!(3))
        );
    }
    orders.does("ship", &order, &part).key(&unique("key")).await.is_refused(409, "reservation-lines");
    assert_eq!(merchant.sees_available(&variant).await, 1);
    // What has not left can still be given up.
    assert_eq!(orders.releases(&order).await.is(200).json()["lines"][0]["shipped"], 3);
    assert_eq!(merchant.sees_available(&variant).await, 2);
    let movements =
        merchant.get(format!("/api/v1/inventory/movements?variant={variant}&kind=ship")).await.is(200);
    let items = movements.json()["items"].as_array().expect("a list");
    assert!(
        items.iter().all(|it| it["order_id"] == order.as_str() && it["author"] == "service"),
        "{movements}"
    );
    assert_eq!(items.iter().filter_map(|it| it["quantity"].as_i64()).sum::<i64>(), -3);
}

#[tokio::test]
async fn only_orders_reserves() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (merchant, variant) = warehouse.has(5).await;
    let (order, wanted) = (id("ord"), [(variant.as_str(), 1)]);
    let payments = warehouse.service("payments");
    payments.reserves(&order, &wanted).await.is_refused(403, "forbidden");
    warehouse.orders().reserves(&order, &wanted).await.is(201).accept();
    for what in ["commit", "release", "ship", "return"] {
        let body = json!({"lines": lines(&wanted), "restock": true});
        let body = if what == "ship" { json!({}) } else { body };
        payments.does(what, &order, &body).key(&unique("key")).await.is_refused(403, "forbidden");
        // From outside there is no such thing.
        let path = format!("/api/v1/inventory/reservations/{order}/{what}");
        merchant.post(path, &body).await.is_refused(404, "not-found");
    }
    let path = format!("/api/v1/inventory/reservations/{order}");
    merchant.sends(Method::PUT, path.clone()).json(&json!({})).await.is_refused(405, "method-not-allowed");
    assert_eq!(merchant.get(path.clone()).await.is(200).text("/state"), "open");
    let ana = warehouse.suite.sign_up("ana").await;
    ana.get(path.clone()).await.is_refused(403, "insufficient-scope");
    warehouse.suite.stranger().get(path).await.is_refused(401, "unauthenticated");
    warehouse
        .suite
        .stranger()
        .get(format!("/inventory/reservations/{order}"))
        .await
        .is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_reservation_that_makes_no_sense_is_refused() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(5).await;
    let (orders, order) = (warehouse.orders(), id("ord"));
    let line = |quantity: Value| json!({"lines": [{"variant_id": variant, "quantity": quantity}]});
    for quantity in [json!(0), json!(-1), json!(1.5), json!("1"), json!(1_000_001), json!(1e30), Value::Null]
    {
        let answer = orders.asks(&order, &line(quantity)).await;
        answer.is_refused(422, "invalid-request").with_field("/lines/0/quantity");
    }
    let too_many: Vec<(&str, i64)> = (0..201).map(|_| (variant.as_str(), 1)).collect();
    let one = lines(&[(&variant, 1)]);
    for (body, field) in [
        (json!({}), "/lines"),
        (json!({"lines": []}), "/lines"),
        (json!({"lines": lines(&too_many)}), "/lines"),
        (json!({"lines": lines(&[("var_1", 1)])}), "/lines/0/variant_id"),
        (json!({"lines": one, "expires_in_s": 0}), "/expires_in_s"),
        (json!({"lines": one, "expires_in_s": 604_801}), "/expires_in_s"),
        (json!({"lines": one, "when": 1}), "/when"),
    ] {
        orders.asks(&order, &body).await.is_refused(422, "invalid-request").with_field(field);
    }
    orders.reserves("ord_1", &[(&variant, 1)]).await.is_refused(404, "not-found");
    for what in ["commit", "release", "ship"] {
        orders.does(what, &order, &json!({})).await.is_refused(404, "not-found");
    }
    assert_eq!(stands(&warehouse, &variant).await, [5, 0, 5]);
}

#[tokio::test]
async fn an_order_holds_other_lines_all_or_nothing() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (merchant, variant) = warehouse.has(5).await;
    let (orders, order, other) = (warehouse.orders(), id("ord"), id("var"));
    merchant.receives(&other, MAIN, 2).await.is(201).accept();
    orders.exchanges(&order, &[(&variant, 1)], 1).await.is_refused(404, "not-found");
    orders.reserves(&order, &[(&variant, 3)]).await.is(201).accept();
    for _ in 0..2 {
        let held = orders.exchanges(&order, &[(&variant, 4), (&other, 2)], 3).await.is(200);
        assert_eq!((held.text("/state"), held.json()["lines"].as_array().map(Vec::len)), ("open", Some(2)));
        assert_eq!(stands(&warehouse, &variant).await, [5, 4, 1]);
    }
    let refused = orders.exchanges(&order, &[(&variant, 6)], 4).await.is_refused(409, "out-of-stock");
    let missing = json!([{"variant_id": variant, "wanted": 6, "available": 5}]);
    assert_eq!(refused.answer().json()["lines"], missing);
    assert_eq!(stands(&warehouse, &other).await, [2, 2, 0]);
    // What comes late changes nothing.
    orders.exchanges(&order, &[(&variant, 5)], 2).await.is_refused(409, "reservation-state");
    orders.exchanges(&order, &[(&other, 1)], 5).await.is(200).accept();
    assert_eq!(
        (stands(&warehouse, &variant).await, stands(&warehouse, &other).await),
        ([5, 0, 5], [2, 1, 1])
    );
    orders.exchanges(&order, &[], 6).await.is_refused(422, "invalid-request").with_field("/lines");
    orders
        .exchanges(&order, &[(&other, 0)], 6)
        .await
        .is_refused(422, "invalid-request")
        .with_field("/lines/0/quantity");
    orders
        .exchanges(&order, &[(&other, 1)], 0)
        .await
        .is_refused(422, "invalid-request")
        .with_field("/revision");
    let payments = warehouse.service("payments");
    payments.exchanges(&order, &[(&other, 1)], 6).await.is_refused(403, "forbidden");
    orders.commits(&order).await.is(200).accept();
    orders.exchanges(&order, &[(&other, 2)], 7).await.is_refused(409, "reservation-state");
    let released = id("ord");
    orders.reserves(&released, &[(&variant, 1)]).await.is(201).accept();
    orders.releases(&released).await.is(200).accept();
    // A reservation that has ended is not begun anew by whoever comes too late.
    orders.exchanges(&released, &[(&variant, 1)], 1).await.is_refused(409, "reservation-state");
    assert_eq!(stands(&warehouse, &variant).await, [5, 0, 5]);
    warehouse.is_sound();
}

#[tokio::test]
async fn of_orders_that_want_more_at_once_nobody_loses_what_they_had() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(12).await;
    let orders = warehouse.orders();
    let buyers: Vec<String> = (0..8).map(|_| id("ord")).collect();
    for order in &buyers {
        orders.reserves(order, &[(&variant, 1)]).await.is(201).accept();
    }
    let wanted = [(variant.as_str(), 2)];
    let answers =
        join_all(buyers.iter().map(|order| async { orders.exchanges(order, &wanted, 1).await })).await;
    assert_eq!(tally(&answers), times(&[("200", 4), ("out-of-stock", 4)]));
    assert_eq!(stands(&warehouse, &variant).await, [12, 12, 0]);
    warehouse.is_sound();
}
