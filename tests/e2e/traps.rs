//! Components that trap half way: at every single statement that they make while something is ordered, paid and called off.
//! What else their instance was doing goes with them. Who asks again with the same key gets what they wanted, once.

use serde_json::{Value, json};
use souk_tests::orders::{Cart, GOOD_CARD, Order, order_of};
use souk_tests::{Answer, Person, Request, Suite, unique};

/// More statements than a component makes meanwhile; those that it makes in the background count, too.
const MOST: u32 = 60;
/// How often a buyer asks again. A trap comes once; the circle that it draws is small.
const PATIENCE: usize = 5;

/// Asks until the answer is no fault.
async fn insists<'p>(request: impl Fn() -> Request<'p>) -> Answer {
    for _ in 0..PATIENCE {
        let answer = request().await;
        if !answer.status.is_server_error() {
            return answer;
        }
    }
    panic!("one trap, and {PATIENCE} times a fault")
}

struct Story<'p> {
    guest: &'p Person,
    cart: Cart,
    total: Value,
    key: String,
}

impl Story<'_> {
    fn token(&self) -> &str {
        self.cart.token.as_deref().unwrap_or_default()
    }

    async fn orders(&self) -> Order {
        let body = order_of(&self.cart, &self.total);
        let request =
            || self.guest.post("/api/v1/orders", &body).key(&self.key).header("guest-token", self.token());
        let json = insists(request).await.is(201).json().clone();
        Order { json, token: self.cart.token.clone() }
    }

    async fn pays(&self, order: &Order) {
        let secret = order.json["payment"]["client_secret"].as_str().expect("a client secret");
        let card = json!({"method": {"type": "card", "number": GOOD_CARD, "expiry": "12/40", "cvc": "123"}});
        let path = format!("/api/v1/payments/intents/{}/confirm", order.payment());
        let request = || self.guest.post(&path, &card).key(&self.key).header("client-secret", secret);
        assert_eq!(insists(request).await.is(200).text("/state"), "captured");
    }

    async fn cancels(&self, order: &Order) {
        let (path, reason) = (format!("/api/v1/orders/{}/cancel", order.id()), json!({"reason": "no"}));
        let request = || self.guest.post(&path, &reason).key(&self.key).header("guest-token", self.token());
        insists(request).await.is(200).accept();
    }
}

async fn traps_everywhere(component: &str) {
    let Some(shop) = Suite::own().await else { return };
    let guest = &shop.stranger();
    let lamp = shop.has_lamps(1000).await;
    let faults = shop.faults();
    let mut ends = Vec::new();
    for nth in 1..=MOST {
        let (cart, total) = guest.fills_cart(&lamp, 1).await;
        let story = Story { guest, cart, total, key: unique("story") };
        faults.trap_at(component, nth);
        let order = story.orders().await;
        story.pays(&order).await;
        let is_called_off = nth % 2 == 0;
        if is_called_off {
            story.cancels(&order).await;
        }
        let has_trapped = !faults.trap_is_set(component);
        faults.clear();
        ends.push((order, if is_called_off { "cancelled" } else { "paid" }));
        if !has_trapped {
            break;
        }
    }
    shop.has_sound_books().await;
    for (order, end) in &ends {
        guest.sees(order, end).await;
    }
    let kept = ends.iter().filter(|(_, end)| *end == "paid").count();
    let left = 1000 - i64::try_from(kept).expect("a small number");
    assert_eq!(guest.sees_available(lamp.variant()).await, left);
}

#[tokio::test]
async fn orders_may_trap_anywhere() {
    traps_everywhere("orders").await;
}

#[tokio::test]
async fn payments_may_trap_anywhere() {
    traps_everywhere("payments").await;
}

#[tokio::test]
async fn inventory_may_trap_anywhere() {
    traps_everywhere("inventory").await;
}

#[tokio::test]
async fn billing_may_trap_anywhere() {
    traps_everywhere("billing").await;
}
