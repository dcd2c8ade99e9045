//! Paying, cancelling and shipping at the same moment, while the provider tells what it did before, during and after its
//! answer: an order ends one way, with the money, the stock and the invoices that belong to that way.

use futures::future::{join, join_all};
use serde_json::{Value, json};
use souk_tests::orders::Order;
use souk_tests::payments::{card, webhook};
use souk_tests::{Person, Product, Suite, Until};
use std::time::Duration;

/// How often everything is tried, each time a little later.
const ROUNDS: u64 = 12;
/// How much later.
const STEP: Duration = Duration::from_millis(2);

async fn cancels(guest: &Person, order: &Order, after: Duration) -> bool {
    tokio::time::sleep(after).await;
    let answer = guest.does(order, "cancel", &json!({"reason": "changed my mind"})).await;
    let done = answer.is_success();
    if !done {
        answer.is_refused(409, "order-state");
    }
    done
}

/// Whether the card was taken, now or later.
async fn pays(guest: &Person, order: &Order, number: &str, after: Duration) -> bool {
    tokio::time::sleep(after).await;
    let answer = guest.pays_with(order, number).await;
    let done = answer.is_success();
    if !done {
        answer.is_refused(409, "payment-state");
    }
    done
}

/// The provider tells of the order's charge as soon as there is one: twice that it was captured, and the steps before it
/// after it; under ids of their own and under the same.
async fn provider_tells(shop: &Suite, order: &Order) {
    let admin = shop.admin().await;
    let known = async {
        loop {
            let payment = admin.get(format!("/api/v1/payments/intents/{}", order.payment())).await.is(200);
            match payment.json()["attempts"][0]["id"].as_str() {
                Some(id) => return id.to_owned(),
                None => tokio::task::yield_now().await,
            }
        }
    };
    // An order that was cancelled first has no charge.
    let Ok(charge) = tokio::time::timeout(Duration::from_millis(300), known).await else { return };
    let captured = webhook("charge.captured", &charge, order.total());
    let others = ["charge.captured", "charge.authorized", "charge.processing", "charge.captured"];
    let mut news: Vec<Value> = others.iter().map(|kind| webhook(kind, &charge, order.total())).collect();
    news.extend([captured.clone(), captured]);
    for told in join_all(news.iter().map(|news| shop.provider_tells(news))).await {
        told.is(204).accept();
    }
}

/// How the order stands, and how much of its money is with the shop.
async fn outcome(shop: &Suite, order: &Order) -> (String, i64) {
    let admin = shop.admin().await;
    let now = admin.reads_order(order).await.is(200);
    let payment = admin.get(format!("/api/v1/payments/intents/{}", order.payment())).await.is(200);
    let amount = |name: &str| payment.json()[name]["amount"].as_i64().expect("an amount");
    (now.text("/state").to_owned(), amount("captured") - amount("refunded"))
}

/// How often the order came into a state.
async fn times(shop: &Suite, order: &Order, state: &str) -> usize {
    let path = format!("/api/v1/orders/{}/history", order.id());
    let history = shop.admin().await.get(path).await.is(200);
    let items = history.json()["items"].as_array().expect("a history").clone();
    let reasons = items.iter().filter(|item| item["state"] == state && item["reason"] == "payment captured");
    reasons.count()
}

async fn orders(shop: &Suite, guest: &Person, lamp: &Product, count: u64) -> Vec<Order> {
    let orders = join_all((0..count).map(|_| guest.orders(lamp, 1))).await;
    assert_eq!(orders.len() as u64, count, "at {}", shop.url());
    orders
}

#[tokio::test]
async fn a_cancellation_while_the_card_is_charged_leaves_nothing_with_the_shop() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(100).await;
    for number in card::WELL {
        let orders = orders(&shop, &guest, &lamp, ROUNDS).await;
        let races = orders.iter().zip(0..).map(async |(order, round)| {
            let (early, late) = (Duration::ZERO, STEP * (round / 2));
            let (pay, cancel) = if round % 2 == 0 { (early, late) } else { (late, early) };
            let race = join(pays(&guest, order, number, pay), cancels(&guest, order, cancel));
            let ((_, cancelled), ()) = join(race, provider_tells(&shop, order)).await;
            assert!(cancelled, "nothing has left yet: the buyer may cancel");
        });
        join_all(races).await;
        shop.time_passes().await;
        shop.has_sound_books().await;
        for order in &orders {
            assert_eq!(outcome(&shop, order).await, ("cancelled".to_owned(), 0), "{number} {order:?}");
        }
    }
    assert_eq!(guest.sees_available(lamp.variant()).await, 100);
}

#[tokio::test]
async fn a_provider_that_tells_before_it_answers_is_paid_once_and_invoiced_once() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(100).await;
    for number in [card::LOST, card::TWICE, card::LATE] {
        let orders = orders(&shop, &guest, &lamp, ROUNDS).await;
        let races = orders.iter().map(async |order| {
            let (paid, ()) =
                join(pays(&guest, order, number, Duration::ZERO), provider_tells(&shop, order)).await;
            assert!(paid, "there is one card, and it is good");
        });
        join_all(races).await;
        shop.time_passes().await;
        shop.has_sound_books().await;
        for order in &orders {
            assert_eq!(outcome(&shop, order).await, ("paid".to_owned(), order.total()), "{number}");
            assert_eq!(times(&shop, order, "paid").await, 1, "{number}");
        }
    }
    let sold = i64::try_from(3 * ROUNDS).expect("a small number");
    assert_eq!(guest.sees_available(lamp.variant()).await, 100 - sold);
}

#[tokio::test]
async fn money_that_orders_hear_of_after_the_cancellation_goes_back() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 5).await;
    shop.faults().unreachable("orders", Until::Cleared);
    assert_eq!(guest.pays_with(&order, card::GOOD).await.is(200).text("/state"), "captured");
    shop.faults().clear();
    assert!(cancels(&guest, &order, Duration::ZERO).await);
    shop.has_sound_books().await;
    assert_eq!(outcome(&shop, &order).await, ("cancelled".to_owned(), 0));
    assert_eq!(guest.sees_available(lamp.variant()).await, 5);
}

#[tokio::test]
async fn a_card_that_is_charged_before_payments_hear_of_the_cancellation_is_paid_back() {
    let Some(shop) = Suite::own().await else { return };
    let guest = shop.stranger();
    let lamp = shop.has_lamps(6).await;
    for number in card::WELL {
        let order = guest.orders(&lamp, 5).await;
        shop.faults().unreachable("payments", Until::Cleared);
        assert!(cancels(&guest, &order, Duration::ZERO).await);
        shop.faults().clear();
        pays(&guest, &order, number, Duration::ZERO).await;
        shop.time_passes().await;
        shop.has_sound_books().await;
        assert_eq!(outcome(&shop, &order).await, ("cancelled".to_owned(), 0), "{number}");
        assert_eq!(guest.sees_available(lamp.variant()).await, 6);
    }
}

#[tokio::test]
async fn of_a_parcel_and_a_cancellation_at_once_one_leaves() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(20).await;
    let orders = orders(&shop, &guest, &lamp, ROUNDS).await;
    let mut sent = 0;
    for (order, round) in orders.iter().zip(0_u32..) {
        guest.pays_with(order, card::GOOD).await.is(200).accept();
        guest.sees(order, "paid").await;
        let parcel = async {
            tokio::time::sleep(STEP * (round / 4)).await;
            admin.does(order, "shipments", &json!({"carrier": "DHL"})).await
        };
        let later = if round % 2 == 0 { Duration::ZERO } else { STEP };
        let (parcel, cancelled) = join(parcel, cancels(&guest, order, later)).await;
        assert_ne!(parcel.is_success(), cancelled, "{parcel}");
        sent += i64::from(parcel.is_success());
        if !parcel.is_success() {
            parcel.is_refused(409, "order-state");
        }
    }
    if std::env::var_os("SOUK_URL").is_none() {
        shop.has_sound_books().await;
        assert_eq!(guest.sees_available(lamp.variant()).await, 20 - sent);
    }
}
