//! Orders whose buyers were told to transfer the money: they wait for it, with their stock and an invoice.

use futures::future::join;
use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::inventory::{Warehouse, id};
use souk_tests::opened::Opened;
use souk_tests::orders::{GOOD_CARD, Order, agreed, home, lines_of};
use souk_tests::{Person, Suite, Until};

/// The door through which a test tells orders what payments would.
const DOOR: &[(&str, &str)] = &[("orders", "/internal/events")];
const REFERENCE: &str = "RF18539007547034";

/// The time so many days from now.
fn in_days(days: i64) -> String {
    let clock = Connection::open_in_memory().expect("a database in memory");
    let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now', ?1 || ' days')";
    clock.query_row(sql, [days], |row| row.get(0)).expect("a time")
}

/// What payments tell of a transfer of this much that the buyer is to make.
fn awaited(order: &Order, amount: i64, until: &str) -> Value {
    let euros = |amount| json!({"amount": amount, "currency": "EUR"});
    json!({"intent_id": order.payment(), "order_id": order.id(), "user_id": null, "provider": "bank-transfer",
        "state": "processing", "amount": euros(amount), "captured": euros(0), "refunded": euros(0),
        "until": until, "reference": REFERENCE})
}

/// Payments tell orders that a transfer is awaited.
async fn is_awaited(suite: &Opened, order: &Order, until: &str) {
    let told = awaited(order, order.total(), until);
    suite.payments_tell("orders", "souk.payment.awaited", &told).await.is(204).accept();
}

fn database(shop: &Suite, name: &str) -> Connection {
    let database = Connection::open(shop.state().join(format!("{name}.db"))).expect("its database");
    database.busy_timeout(std::time::Duration::from_secs(10)).expect("a timeout");
    database
}

/// As if the time of all orders that wait for their payment were over.
async fn time_is_over(shop: &Suite) {
    let sql = "UPDATE steps SET due_at = 0 WHERE kind = 'await_payment'";
    database(shop, "orders").execute(sql, []).expect("its tables");
    shop.ticks().await;
}

async fn reservation(shop: &Suite, order: &Order) -> Value {
    let path = format!("/api/v1/inventory/reservations/{}", order.id());
    shop.admin().await.get(path).await.is(200).json().clone()
}

async fn history(person: &Person, order: &Order) -> Vec<String> {
    let request = person.get(format!("{}/history", order.path()));
    let answer = request.header("guest-token", order.token.as_deref().unwrap_or_default()).await.is(200);
    let reasons = answer.json()["items"].as_array().expect("a list").iter();
    reasons.filter_map(|it| it["reason"].as_str().map(str::to_owned)).collect()
}

/// The invoice of an order, which its buyer sees.
async fn invoice(person: &Person, order: &Order) -> Value {
    let token = order.token.as_deref().unwrap_or_default();
    let list = person.get(format!("/api/v1/invoices?order={}", order.id())).header("guest-token", token);
    let path = format!("/api/v1/invoices/{}", list.await.is(200).text("/items/0/id"));
    person.get(path).header("guest-token", token).await.is(200).json().clone()
}

#[tokio::test]
async fn an_order_waits_for_the_transfer_with_its_stock_and_an_invoice() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let lamp = suite.shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 2).await;
    let soon = guest.reads_order(&order).await;
    assert_eq!(soon.json()["pay_until"], order.json["payment"]["pay_before"]);
    let until = in_days(7);
    is_awaited(&suite, &order, &until).await;
    suite.shop.has_sound_books().await;
    let waits = guest.sees_that(&order, |order| order["invoice"].is_string()).await;
    assert_eq!(
        (waits["state"].as_str(), waits["pay_until"].as_str()),
        (Some("pending_payment"), Some(&*until))
    );
    assert_eq!(waits["payment_reference"], REFERENCE);
    let told = history(&guest, &order).await;
    assert_eq!(told.last(), Some(&format!("a transfer is awaited until {until}")));
    let held = reservation(&suite.shop, &order).await;
    assert_eq!(held["state"], "open");
    assert!(held["expires_at"].as_str() > Some(&*until), "{held:#}");
    let open = invoice(&guest, &order).await;
    assert_eq!((open["payment"]["status"].as_str(), open["due_at"].as_str()), (Some("open"), Some(&*until)));
    assert_eq!((&open["number"], &open["payment"]["reference"]), (&waits["invoice"], &json!(REFERENCE)));
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    assert_eq!(guest.sees(&order, "paid").await["pay_until"], Value::Null);
    suite.shop.has_sound_books().await;
    let paid = invoice(&guest, &order).await;
    assert_eq!((&paid["number"], &paid["payment"]["status"]), (&open["number"], &json!("paid")));
    let moved = &paid["payment"]["movements"];
    assert_eq!((&moved[0]["kind"], &moved[0]["provider"]), (&json!("captured"), &json!("card-simulator")));
    assert_eq!(moved[0]["amount"], order.json["totals"]["total"]);
    // What comes late changes nothing.
    is_awaited(&suite, &order, &in_days(9)).await;
    assert_eq!(guest.reads_order(&order).await.json()["pay_until"], Value::Null);
}

#[tokio::test]
async fn what_is_to_be_transferred_does_not_change_any_more() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let lamp = suite.shop.has_lamps(5).await;
    let order = ana.orders(&lamp, 1).await;
    let more = json!({"lines": lines_of(&[(&lamp, 2)])});
    let more = agreed(&more, &ana.asks_what_costs(&order, &more).await);
    is_awaited(&suite, &order, &in_days(7)).await;
    ana.tries_to_change(&order, &more).await.is_refused(409, "payment-under-way");
    let mut abroad = home();
    abroad["country"] = "DE".into();
    (abroad["postal_code"], abroad["city"]) = (json!("10115"), json!("Berlin"));
    let abroad = agreed(&json!({"shipping_address": abroad}), &order.json["totals"]["total"]);
    ana.tries_to_change(&order, &abroad).await.is_refused(409, "payment-under-way");
    let billing = json!({"billing_address": home()});
    ana.tries_to_change(&order, &billing).await.is_refused(409, "payment-under-way");
    // Where it goes within the country, and who is told, is on no invoice that would change.
    let mut next_door = home();
    next_door["line1"] = "14 rue de la Paix".into();
    let change = json!({"shipping_address": next_door, "email": "other@souk.test"});
    ana.tries_to_change(&order, &change).await.is(200).accept();
    suite.shop.has_sound_books().await;
    ana.pays_with(&order, GOOD_CARD).await.is(200).accept();
    ana.sees(&order, "paid").await;
    suite.shop.has_sound_books().await;
}

#[tokio::test]
async fn an_order_that_is_called_off_while_it_waits_owes_nothing() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let (ana, admin) = (suite.shop.sign_up("ana").await, suite.shop.admin().await);
    let lamp = suite.shop.has_lamps(5).await;
    let order = ana.orders(&lamp, 3).await;
    is_awaited(&suite, &order, &in_days(7)).await;
    ana.does(&order, "cancel", &json!({"reason": "found it cheaper"})).await.is(200).accept();
    suite.shop.has_sound_books().await;
    assert_eq!(ana.reads_order(&order).await.json()["pay_until"], Value::Null);
    assert_eq!(ana.sees_available(lamp.variant()).await, 5);
    let payment = admin.get(format!("/api/v1/payments/intents/{}", order.payment())).await.is(200);
    assert_eq!(payment.text("/state"), "cancelled");
    let off = invoice(&ana, &order).await;
    assert_eq!(
        (&off["payment"]["status"], &off["credit_notes"][0]["amount"]),
        (&json!("cancelled"), &off["totals"]["total"])
    );
    let statement = ana.get("/api/v1/statements/me").await.is(200);
    assert_eq!(statement.json()["accounts"][0]["closing_balance"]["amount"], 0);
    // An order that came to nothing goes; its invoice stays.
    admin.delete(order.path()).await.is(204).accept();
    assert_eq!(invoice(&ana, &order).await["number"], off["number"]);
    suite.shop.has_sound_books().await;
}

#[tokio::test]
async fn a_part_of_the_money_goes_back_when_the_rest_does_not_come() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let lamp = suite.shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 1).await;
    is_awaited(&suite, &order, &in_days(7)).await;
    let mut part = awaited(&order, order.total(), &in_days(7));
    for sum in [1000, 1500, 1000] {
        part["captured"]["amount"] = sum.into();
        suite.payments_tell("orders", "souk.payment.captured", &part).await.is(204).accept();
    }
    let waits = guest.reads_order(&order).await;
    assert_eq!(
        (waits.text("/state"), &waits.json()["received"]["amount"]),
        ("pending_payment", &json!(1500))
    );
    time_is_over(&suite.shop).await;
    guest.sees(&order, "cancelled").await;
    let told = history(&guest, &order).await;
    assert!(told.contains(&"refund of 15.00 EUR requested: not paid in time".to_owned()), "{told:?}");
    // Payments know of no money here, and refuse.
    suite.shop.has_sound_books().await;
}

#[tokio::test]
async fn an_order_that_is_not_paid_in_time_is_called_off() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let lamp = suite.shop.has_lamps(5).await;
    let (order, other) = (guest.orders(&lamp, 2).await, guest.orders(&lamp, 1).await);
    is_awaited(&suite, &order, &in_days(7)).await;
    suite.shop.has_sound_books().await;
    time_is_over(&suite.shop).await;
    for order in [&order, &other] {
        guest.sees(order, "cancelled").await;
        assert_eq!(history(&guest, order).await.last().map(String::as_str), Some("not paid in time"));
    }
    suite.shop.has_sound_books().await;
    assert_eq!(guest.sees_available(lamp.variant()).await, 5);
    let off = invoice(&guest, &order).await;
    assert_eq!(off["payment"]["status"], "cancelled");
    // Only what was invoiced is taken back.
    let merchant = suite.shop.merchant().await;
    assert_eq!(merchant.invoices("").await.len(), 1);
}

#[tokio::test]
async fn of_two_waits_the_longer_one_holds_and_there_is_one_step_for_it() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let lamp = suite.shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 1).await;
    let half_an_hour = order.json["payment"]["pay_before"].clone();
    // Nobody has less time than they were told at the checkout.
    is_awaited(&suite, &order, &in_days(0)).await;
    assert_eq!(guest.reads_order(&order).await.json()["pay_until"], half_an_hour);
    let (week, fortnight) = (in_days(7), in_days(14));
    for until in [&week, &fortnight, &week] {
        is_awaited(&suite, &order, until).await;
    }
    suite.shop.has_sound_books().await;
    assert_eq!(guest.reads_order(&order).await.json()["pay_until"], fortnight);
    assert!(reservation(&suite.shop, &order).await["expires_at"].as_str() > Some(&*fortnight));
    let steps = "SELECT count(*), min(due_at) / 1000 = strftime('%s', ?2) + 0 FROM steps WHERE order_id = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?));
    let steps = database(&suite.shop, "orders").query_row(steps, [order.id(), fortnight.as_str()], row);
    assert_eq!(steps.expect("its tables"), (1, true));
    let due = invoice(&guest, &order).await;
    assert_eq!((&due["due_at"], &due["payment"]["due_at"]), (&half_an_hour, &json!(fortnight)));
}

#[tokio::test]
async fn news_of_a_transfer_that_are_not_of_this_order_as_it_is_change_nothing() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let lamp = suite.shop.has_lamps(5).await;
    let (order, off) = (guest.orders(&lamp, 1).await, guest.orders(&lamp, 1).await);
    guest.does(&off, "cancel", &json!({"reason": "no"})).await.is(200).accept();
    is_awaited(&suite, &off, &in_days(7)).await;
    let other_amount = awaited(&order, order.total() + 1, &in_days(7));
    let mut nobodys = awaited(&order, order.total(), &in_days(7));
    nobodys["order_id"] = id("ord").into();
    for told in [&other_amount, &nobodys] {
        suite.payments_tell("orders", "souk.payment.awaited", told).await.is(204).accept();
    }
    let forged = souk_tests::opened::event("billing", "souk.payment.awaited", "x", &nobodys);
    suite.tells("billing", "orders", &forged).await.expect("an answer").is(204).accept();
    let forged = souk_tests::opened::event("users", "souk.payment.awaited", "x", &nobodys);
    suite.tells("users", "orders", &forged).await.expect("an answer").is_refused(403, "forbidden");
    let now = guest.reads_order(&order).await;
    assert_eq!(
        (&now.json()["pay_until"], &now.json()["payment_reference"]),
        (&order.json["payment"]["pay_before"], &Value::Null)
    );
    suite.shop.has_sound_books().await;
    assert!(suite.shop.merchant().await.invoices("").await.is_empty());
}

#[tokio::test]
async fn a_change_that_was_cut_off_is_made_when_its_amount_is_to_be_transferred() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let lamp = suite.shop.has_lamps(10).await;
    let order = guest.orders(&lamp, 1).await;
    let change = json!({"lines": lines_of(&[(&lamp, 4)])});
    let change = agreed(&change, &guest.asks_what_costs(&order, &change).await);
    let faults = suite.shop.faults();
    faults.unreachable("payments", Until::Cleared);
    guest.tries_to_change(&order, &change).await.is_refused(503, "unavailable");
    faults.clear();
    // As if payments had taken the new amount and only its answer was lost.
    faults.unreachable("inventory", Until::Cleared);
    let sql = "UPDATE intents SET amount = ?2 WHERE order_id = ?1";
    let amount = change["expected_total"]["amount"].as_i64().expect("an amount");
    assert_eq!(database(&suite.shop, "payments").execute(sql, (order.id(), amount)).expect("its tables"), 1);
    let told = awaited(&order, amount, &in_days(7));
    suite.payments_tell("orders", "souk.payment.awaited", &told).await.is(204).accept();
    faults.clear();
    suite.shop.has_sound_books().await;
    let now = guest.reads_order(&order).await;
    assert_eq!((&now.json()["lines"][0]["quantity"], now.text("/payment_reference")), (&json!(4), REFERENCE));
    assert_eq!(invoice(&guest, &order).await["totals"], now.json()["totals"]);
    assert_eq!(guest.sees_available(lamp.variant()).await, 6);
}

#[tokio::test]
async fn stock_that_was_let_go_before_payments_spoke_is_taken_again_if_it_is_there() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let (lamp, last) = (suite.shop.has_lamps(5).await, suite.shop.has_lamps(1).await);
    let (order, unlucky) = (guest.orders(&lamp, 2).await, guest.orders(&last, 1).await);
    let sql = "UPDATE reservation SET expires_at = 1 WHERE state = 'open'";
    database(&suite.shop, "inventory").execute(sql, []).expect("its tables");
    suite.shop.ticks().await;
    suite.shop.has_delivered().await;
    let lucky = guest.orders(&last, 1).await;
    for order in [&order, &unlucky] {
        is_awaited(&suite, order, &in_days(7)).await;
    }
    suite.shop.has_sound_books().await;
    assert_eq!(reservation(&suite.shop, &order).await["state"], "open");
    assert_eq!(guest.reads_order(&order).await.text("/state"), "pending_payment");
    guest.sees(&unlucky, "cancelled").await;
    let told = history(&guest, &unlucky).await;
    assert_eq!(told.last().map(String::as_str), Some("sold out before the payment came"));
    suite.shop.has_sound_books().await;
    assert_eq!(guest.reads_order(&lucky).await.text("/state"), "pending_payment");
}

#[tokio::test]
async fn an_order_waits_while_inventory_and_billing_are_away_and_after_a_power_cut() {
    let Some(mut suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let lamp = suite.shop.has_lamps(5).await;
    let (order, next) = (guest.orders(&lamp, 1).await, guest.orders(&lamp, 1).await);
    let faults = suite.shop.faults();
    for away in ["inventory", "billing"] {
        faults.unreachable(away, Until::Cleared);
    }
    is_awaited(&suite, &order, &in_days(7)).await;
    suite.shop.is_killed().await;
    suite.shop.starts_again().await;
    is_awaited(&suite, &next, &in_days(7)).await;
    suite.shop.is_killed().await;
    suite.shop.starts_again().await;
    suite.shop.has_sound_books().await;
    for order in [&order, &next] {
        assert_eq!(invoice(&guest, order).await["payment"]["status"], "open");
        assert!(reservation(&suite.shop, order).await["expires_at"].as_str() > Some(&*in_days(6)));
    }
}

#[tokio::test]
async fn who_is_told_to_transfer_at_the_last_moment_is_called_off_or_has_time() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let lamp = suite.shop.has_lamps(20).await;
    for _ in 0..6 {
        let order = guest.orders(&lamp, 1).await;
        let until = in_days(7);
        join(is_awaited(&suite, &order, &until), time_is_over(&suite.shop)).await;
        suite.shop.has_sound_books().await;
        let now = guest.reads_order(&order).await;
        let steps = "SELECT count(*) FROM steps WHERE order_id = ?1";
        let steps: rusqlite::Result<i64> =
            database(&suite.shop, "orders").query_row(steps, [order.id()], |row| row.get(0));
        match now.text("/state") {
            "cancelled" => assert_eq!(steps, Ok(0)),
            state => assert_eq!((state, now.text("/pay_until"), steps), ("pending_payment", &*until, Ok(1))),
        }
    }
}

#[tokio::test]
async fn a_reservation_is_held_for_longer_and_never_for_less() {
    let Some(warehouse) = Warehouse::opens().await else { return };
    let (_, variant) = warehouse.has(5).await;
    let (orders, order) = (warehouse.orders(), id("ord"));
    let extend =
        async |order: &str, until: &Value| orders.does("extend", order, &json!({"until": until})).await;
    extend(&order, &json!(in_days(7))).await.is_refused(404, "not-found");
    orders.reserves(&order, &[(&variant, 2)]).await.is(201).accept();
    for until in [in_days(7), in_days(7), in_days(1)] {
        let held = extend(&order, &json!(until)).await.is(200);
        assert!(held.text("/expires_at") > &*in_days(6), "{held}");
    }
    for wrong in [json!(in_days(93)), json!("tomorrow"), json!(7), Value::Null] {
        extend(&order, &wrong).await.is_refused(422, "invalid-request").with_field("/until");
    }
    let payments = warehouse.service("payments");
    let forged = payments.does("extend", &order, &json!({"until": in_days(7)})).await;
    forged.is_refused(403, "forbidden");
    orders.commits(&order).await.is(200).accept();
    assert_eq!(extend(&order, &json!(in_days(7))).await.is(200).json()["expires_at"], Value::Null);
    let released = id("ord");
    orders.reserves(&released, &[(&variant, 1)]).await.is(201).accept();
    orders.releases(&released).await.is(200).accept();
    extend(&released, &json!(in_days(7))).await.is_refused(409, "reservation-state");
    // One whose time has come is not begun anew, though nobody has ended it yet.
    let late = id("ord");
    orders.reserves_for_a_second(&late, &[(&variant, 1)]).await.is(201).accept();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    extend(&late, &json!(in_days(7))).await.is_refused(409, "reservation-state");
}
