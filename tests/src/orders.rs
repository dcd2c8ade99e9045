//! What people do in the shop, as sentences: stock, carts, checkout, payment.

use crate::answer::Answer;
use crate::catalogue::{Product, lamp};
use crate::inventory::MAIN;
use crate::person::Person;
use crate::project::unique;
use crate::suite::Suite;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A card that is charged at once.
pub const GOOD_CARD: &str = "4242424242424242";

/// How long what follows from a request may take to be seen.
const SOON: Duration = Duration::from_secs(15);

/// A cart that a guest or a person fills.
#[derive(Debug, Clone)]
pub struct Cart {
    /// Its id.
    pub id: String,
    /// Opens a guest's.
    pub token: Option<String>,
}

/// An order that was placed.
#[derive(Debug, Clone)]
pub struct Order {
    /// The whole of it, as it was answered.
    pub json: Value,
    /// Opens a guest's.
    pub token: Option<String>,
}

impl Order {
    /// Its id.
    pub fn id(&self) -> &str {
        self.json["id"].as_str().expect("an order has an id")
    }

    /// Its payment.
    pub fn payment(&self) -> &str {
        self.json["payment"]["id"].as_str().expect("an order to be paid has a payment")
    }

    /// What is to be paid, in minor units.
    pub fn total(&self) -> i64 {
        self.json["totals"]["total"]["amount"].as_i64().expect("an order has a total")
    }

    /// Where it is found.
    pub fn path(&self) -> String {
        format!("/api/v1/orders/{}", self.id())
    }
}

/// A French address.
pub fn home() -> Value {
    json!({"name": "Ana Silva", "line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"})
}

impl Suite {
    /// A lamp of which there are so many in stock.
    pub async fn has_lamps(&self, units: i64) -> Product {
        let admin = self.admin().await;
        let product = admin.adds_product(lamp()).await;
        admin.receives(product.variant(), MAIN, units).await.is(201).accept();
        product
    }
}

impl Person {
    /// Begins a cart.
    pub async fn begins_cart(&self) -> Cart {
        let answer = self.post("/api/v1/carts", &json!({})).await;
        assert!(answer.is_success(), "{answer}");
        let token = answer.json()["token"].as_str().map(str::to_owned);
        Cart { id: answer.text("/id").to_owned(), token }
    }

    /// Puts units of a product into a cart.
    pub async fn puts(&self, cart: &Cart, product: &Product, units: i64) -> Answer {
        let line = json!({"variant_id": product.variant(), "quantity": units});
        let request = self.post(format!("/api/v1/carts/{}/lines", cart.id), &line);
        request.header("guest-token", cart.token.as_deref().unwrap_or_default()).await
    }

    /// Looks at a cart.
    pub async fn looks_at(&self, cart: &Cart) -> Answer {
        let request = self.get(format!("/api/v1/carts/{}", cart.id));
        request.header("guest-token", cart.token.as_deref().unwrap_or_default()).await
    }

    /// Changes a cart.
    pub async fn changes_cart(&self, cart: &Cart, change: &Value) -> Answer {
        let request = self.patch(format!("/api/v1/carts/{}", cart.id), change);
        request.header("guest-token", cart.token.as_deref().unwrap_or_default()).await
    }

    /// A cart of one product, ready to be ordered: with the total that it costs when it is sent home.
    pub async fn fills_cart(&self, product: &Product, units: i64) -> (Cart, Value) {
        let cart = self.begins_cart().await;
        self.puts(&cart, product, units).await.is(201).accept();
        let change = json!({"destination": {"country": "FR"}, "shipping_method": "standard"});
        let total = self.changes_cart(&cart, &change).await.is(200).json()["totals"]["total"].clone();
        (cart, total)
    }

    /// Tries to order a cart.
    pub async fn tries_to_order(&self, cart: &Cart, total: &Value, key: &str) -> Answer {
        let request = self.post("/api/v1/orders", &order_of(cart, total)).key(key);
        request.header("guest-token", cart.token.as_deref().unwrap_or_default()).await
    }

    /// Orders units of a product, which must work.
    pub async fn orders(&self, product: &Product, units: i64) -> Order {
        let (cart, total) = self.fills_cart(product, units).await;
        let json = self.tries_to_order(&cart, &total, &unique("order")).await.is(201).json().clone();
        Order { json, token: cart.token }
    }

    /// Tries to pay with a card.
    pub async fn pays_with(&self, order: &Order, number: &str) -> Answer {
        let card = json!({"type": "card", "number": number, "expiry": "12/40", "cvc": "123"});
        self.pays_by(order, &card).await
    }

    /// Tries to pay by a method.
    pub async fn pays_by(&self, order: &Order, method: &Value) -> Answer {
        let secret = order.json["payment"]["client_secret"].as_str().expect("a client secret");
        let path = format!("/api/v1/payments/intents/{}/confirm", order.payment());
        let body = json!({"method": method});
        self.post(path, &body).header("client-secret", secret).key(&unique("confirm")).await
    }

    /// Orders units of a product and pays for them, which must work.
    pub async fn buys(&self, product: &Product, units: i64) -> Order {
        let order = self.orders(product, units).await;
        self.pays_with(&order, GOOD_CARD).await.is(200).accept();
        self.sees(&order, "paid").await;
        order
    }

    /// Looks at an order.
    pub async fn reads_order(&self, order: &Order) -> Answer {
        self.get(order.path()).header("guest-token", order.token.as_deref().unwrap_or_default()).await
    }

    /// Tries to change an order.
    pub async fn tries_to_change(&self, order: &Order, change: &Value) -> Answer {
        let request = self.patch(order.path(), change).key(&unique("change"));
        request.header("guest-token", order.token.as_deref().unwrap_or_default()).await
    }

    /// What an order would cost with a change.
    pub async fn asks_what_costs(&self, order: &Order, change: &Value) -> Value {
        let refused =
            self.tries_to_change(order, &agreed(change, &json!({"amount": 0, "currency": "EUR"}))).await;
        refused.is_refused(409, "total-changed").answer().json()["total"].clone()
    }

    /// Changes an order and agrees to what it costs then, which must work.
    pub async fn changes_order(&self, order: &Order, change: &Value) -> Value {
        let total = self.asks_what_costs(order, change).await;
        self.tries_to_change(order, &agreed(change, &total)).await.is(200).json().clone()
    }

    /// Does something to an order.
    pub async fn does(&self, order: &Order, what: &str, body: &Value) -> Answer {
        let request = self.post(format!("{}/{what}", order.path()), body).key(&unique("do"));
        request.header("guest-token", order.token.as_deref().unwrap_or_default()).await
    }

    /// Waits until an order is in a state, as somebody does who follows it.
    pub async fn sees(&self, order: &Order, state: &str) -> Value {
        self.sees_that(order, |order| order["state"] == state).await
    }

    /// Waits until something is true of an order.
    pub async fn sees_that(&self, order: &Order, is_true: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let now = self.reads_order(order).await.is(200).json().clone();
            if is_true(&now) {
                return now;
            }
            assert!(started.elapsed() < SOON, "what was waited for did not happen to {now:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A change of an order to whose total the buyer agrees.
pub fn agreed(change: &Value, total: &Value) -> Value {
    let mut change = change.clone();
    change["expected_total"] = total.clone();
    change
}

/// Lines of an order: so many units of each product.
pub fn lines_of(wanted: &[(&Product, i64)]) -> Value {
    let line =
        |(product, units): &(&Product, i64)| json!({"variant_id": product.variant(), "quantity": units});
    wanted.iter().map(line).collect()
}

/// The request that orders a cart.
pub fn order_of(cart: &Cart, total: &Value) -> Value {
    json!({
        "cart_id": cart.id, "email": "ana@souk.test", "shipping_address": home(), "shipping_method": "standard",
        "expected_total": total,
    })
}
