//! What orders tell billing, and what people do with their invoices.

use crate::answer::Answer;
use crate::customers::address;
use crate::opened::{Opened, event, id};
use crate::person::Person;
use serde_json::{Value, json};

/// The door through which a test tells billing what orders would.
pub const DOOR: &[(&str, &str)] = &[("billing", "/internal/events")];

fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

fn tax(rate_bp: i64, amount: i64) -> Value {
    json!({"label": "TVA", "rate_bp": rate_bp, "amount": euros(amount), "included": true})
}

/// What orders tell of an order that `buyer`, or a guest, has paid: two lamps and a book, 145.55 EUR with shipping.
pub fn paid_order(buyer: Option<&Person>) -> Value {
    let line = |title: &str, quantity: i64, unit: i64, tax: Value, total: i64| {
        json!({"line_id": id("lin"), "product_id": id("prd"), "variant_id": id("var"), "sku": title.to_uppercase(),
            "title": title, "quantity": quantity, "unit_price": euros(unit),
            "discounts": [{"code": "TEN", "label": "Ten off", "amount": euros(quantity * unit - total)}],
            "taxes": [tax], "total": euros(total)})
    };
    json!({
        "order_id": id("ord"), "number": "S-1001", "currency": "EUR", "user_id": buyer.map(Person::id),
        "email": buyer.map_or("guest@example.com", Person::email), "language": "fr",
        "billing_address": address(), "shipping_address": address(),
        "lines": [line("Lamp", 2, 6500, tax(2000, 2000), 12_000), line("Book", 1, 2110, tax(550, 105), 2010)],
        "shipping": {"code": "post", "label": "Post", "price": euros(545), "discounts": [], "taxes": [tax(2000, 91)],
            "total": euros(545)},
        "totals": {"subtotal": euros(15_110), "discount": euros(1100), "shipping": euros(545), "tax": euros(2196),
            "total": euros(14_555)},
        "payment_id": id("pay"), "paid_at": "2026-11-21T09:30:00Z",
    })
}

/// What orders tell of an order that `buyer`, or a guest, is to pay by a transfer until then: the same goods.
pub fn due_order(buyer: Option<&Person>, until: &str) -> Value {
    let mut order = paid_order(buyer);
    order["paid_at"] = Value::Null;
    order["due_at"] = until.into();
    order["payment_reference"] = "RF18539007547034".into();
    order
}

/// The same order, paid now.
pub fn now_paid(order: &Value) -> Value {
    let mut order = order.clone();
    order["paid_at"] = "2020-11-23T09:30:00Z".into();
    order["due_at"] = Value::Null;
    order
}

/// What orders tell of an order that was called off.
pub fn called_off(order: &Value, was_due: bool) -> Value {
    json!({"order_id": order["order_id"], "reason": "not paid in time", "was_due": was_due,
        "cancelled_at": "2020-11-30T09:30:00Z"})
}

/// What payments tell of all the money that was taken for an order so far.
pub fn captured(order: &Value, sum: i64) -> Value {
    json!({"intent_id": order["payment_id"], "order_id": order["order_id"], "user_id": order["user_id"],
        "provider": "bank-transfer", "state": "captured", "amount": order["totals"]["total"], "captured": euros(sum),
        "refunded": euros(0)})
}

/// What payments tell of the money of a refund that went back, after `sum` was taken.
pub fn sent_back(order: &Value, sum: i64, refund: &Value) -> Value {
    let mut told = captured(order, sum);
    told["refunded"] = refund["amount"].clone();
    told["refund_id"] = id("rfd").into();
    told["refund_key"] = refund["refund_id"].clone();
    told["refund_amount"] = refund["amount"].clone();
    told
}

/// What orders tell of money that went back.
pub fn refund(order: &Value, amount: i64) -> Value {
    json!({"order_id": order["order_id"], "refund_id": id("rfd"), "amount": euros(amount), "reason": "returned",
        "refunded_at": "2026-11-22T09:30:00Z"})
}

impl Opened {
    /// Orders tell billing of something that happened to an order.
    pub async fn orders_tell(&self, kind: &str, data: &Value) -> Answer {
        let event = event("orders", kind, data["order_id"].as_str().expect("an order"), data);
        self.tells("orders", "billing", &event).await.expect("billing answers")
    }

    /// An order is paid, and billing hears of it.
    pub async fn is_paid(&self, order: &Value) {
        self.orders_tell("souk.order.paid", order).await.is(204).accept();
    }

    /// An order is to be paid by a transfer, and billing hears of it.
    pub async fn is_due(&self, order: &Value) {
        self.orders_tell("souk.order.due", order).await.is(204).accept();
    }

    /// An order is called off, and billing hears of it.
    pub async fn is_called_off(&self, order: &Value, was_due: bool) {
        self.orders_tell("souk.order.cancelled", &called_off(order, was_due)).await.is(204).accept();
    }

    /// Payments tell `audience` of something that happened to a payment.
    pub async fn payments_tell(&self, audience: &str, kind: &str, data: &Value) -> Answer {
        let event = event("payments", kind, data["intent_id"].as_str().expect("a payment"), data);
        self.tells("payments", audience, &event).await.expect("an answer")
    }

    /// Money moves, and billing hears of it.
    pub async fn moves_money(&self, told: &Value) {
        let kind =
            if told["refund_id"].is_null() { "souk.payment.captured" } else { "souk.payment.refunded" };
        self.payments_tell("billing", kind, told).await.is(204).accept();
    }

    /// Money goes back, and billing hears of it.
    pub async fn is_refunded(&self, refund: &Value) {
        self.orders_tell("souk.order.refunded", refund).await.is(204).accept();
    }
}

impl Person {
    /// The invoices that they see, with these query parameters.
    pub async fn invoices(&self, query: &str) -> Vec<Value> {
        let answer = self.get(format!("/api/v1/invoices?limit=100{query}")).await.is(200);
        answer.json()["items"].as_array().expect("a list").clone()
    }

    /// The invoice of an order that they may see.
    pub async fn invoice_of(&self, order: &Value) -> Answer {
        let order = order["order_id"].as_str().expect("an order");
        let found = self.invoices(&format!("&order={order}")).await;
        let [only] = found.as_slice() else { panic!("{order} has {} invoices", found.len()) };
        self.get(format!("/api/v1/invoices/{}", only["id"].as_str().expect("an id"))).await.is(200)
    }
}
