//! A crowd: a thousand buyers who want the same hundred lamps at the same moment, from the cart to the payment.

use futures::StreamExt as _;
use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::orders::{Cart, GOOD_CARD, Order};
use souk_tests::{Answer, Person, Product, Suite, unique};
use std::time::Duration;

const BUYERS: usize = 1000;
const UNITS: usize = 100;
/// Who pays at once, of those who got a lamp.
const PAYING: usize = 60;
/// Who changes their mind.
const CALLED_OFF: usize = 20;
/// Carts that are filled at once: that is not what is tried here.
const FILLING: usize = 8;
/// How often a buyer asks again who is told to come back.
const PATIENCE: usize = 20;

/// One of the crowd, with a full cart.
struct Buyer {
    cart: Cart,
    total: Value,
    key: String,
}

impl Buyer {
    async fn fills_a_cart(guest: &Person, lamp: &Product) -> Self {
        let (cart, total) = guest.fills_cart(lamp, 1).await;
        Self { cart, total, key: unique("crowd") }
    }

    /// Orders; asks again with the same key when told to come back, as a client must that the shop has no time for.
    async fn orders(&self, guest: &Person) -> Answer {
        for _ in 0..PATIENCE {
            let answer = guest.tries_to_order(&self.cart, &self.total, &self.key).await;
            if !matches!(answer.status.as_u16(), 429 | 503 | 504) {
                return answer;
            }
            let pause = answer.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(1);
            tokio::time::sleep(Duration::from_secs(pause)).await;
        }
        panic!("a buyer was sent away {PATIENCE} times")
    }
}

fn order(buyer: &Buyer, answer: &Answer) -> Order {
    Order { json: answer.json().clone(), token: buyer.cart.token.clone() }
}

#[tokio::test]
async fn a_hundred_of_a_thousand_buyers_at_once_get_one_of_a_hundred_lamps() {
    // Rules that such a crowd keeps from answering in time are replaced: here by the same price.
    let fallback = json!({"tax_bp": 2000, "tax_included": true, "tax_label": "TVA", "shipping": 0, "shipping_label": "Standard"});
    let Some(shop) = Suite::own_with(&[("rules_fallback", &fallback.to_string())]).await else { return };
    // Who has to wait too long is told so with 503 or 504, and asks again.
    shop.expects_faults();
    let guest = shop.stranger();
    let lamp = shop.has_lamps(UNITS as i64).await;
    let filling = futures::stream::iter((0..BUYERS).map(|_| Buyer::fills_a_cart(&guest, &lamp)));
    let buyers: Vec<Buyer> = filling.buffer_unordered(FILLING).collect().await;

    let answers = join_all(buyers.iter().map(|buyer| buyer.orders(&guest))).await;
    let (mut orders, mut sent_away) = (Vec::new(), Vec::new());
    for (buyer, answer) in buyers.iter().zip(answers) {
        if answer.is_success() {
            orders.push(order(buyer, &answer));
        } else {
            answer.is_refused(409, "out-of-stock");
            sent_away.push(buyer);
        }
    }
    assert_eq!((orders.len(), sent_away.len()), (UNITS, BUYERS - UNITS));
    assert_eq!(guest.sees_available(lamp.variant()).await, 0);

    let (paying, waiting) = orders.split_at(PAYING);
    for paid in join_all(paying.iter().map(|order| guest.pays_with(order, GOOD_CARD))).await {
        assert_eq!(paid.is(200).text("/state"), "captured");
    }
    shop.has_sound_books().await;
    for order in paying {
        guest.sees_that(order, |order| order["state"] == "paid" && order["invoice"].is_string()).await;
    }
    assert_eq!(guest.sees_available(lamp.variant()).await, 0);

    // What is given back goes to those who were sent away: their carts are as they were.
    let off = json!({"reason": "changed my mind"});
    for cancelled in
        join_all(waiting[..CALLED_OFF].iter().map(|order| guest.does(order, "cancel", &off))).await
    {
        cancelled.is(200).accept();
    }
    shop.has_sound_books().await;
    let again = sent_away[..2 * CALLED_OFF].iter().map(|buyer| buyer.orders(&guest));
    let lucky = join_all(again).await.iter().filter(|answer| answer.is_success()).count();
    assert_eq!(lucky, CALLED_OFF);
    assert_eq!(guest.sees_available(lamp.variant()).await, 0);
    shop.has_sound_books().await;
}
