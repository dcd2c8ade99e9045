//! PayPal's books: orders, authorizations, captures, refunds, and what is told of them.

use crate::money::Money;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How the buyer pays, and so what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    /// From money that is there.
    Balance,
    /// With a card that the bank declines.
    Declined,
    /// So that PayPal looks at it first.
    Pending,
}

/// An order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Its id, which is the `token` of the pages, too.
    pub id: String,
    /// Is the money held first, and taken later?
    pub is_authorize: bool,
    /// As PayPal says it.
    pub status: String,
    /// Its only purchase unit, as it was sent.
    pub unit: Value,
    /// How much.
    pub amount: Money,
    /// Where the buyer goes on after approving.
    pub return_url: Option<String>,
    /// Where the buyer goes on after cancelling.
    pub cancel_url: Option<String>,
    /// What the link to the page is called: `approve` or `payer-action`.
    pub link: String,
    /// How the buyer said to pay.
    pub funding: Option<Funding>,
    /// What the money was held by.
    pub authorization: Option<String>,
    /// What the money was taken by.
    pub capture: Option<String>,
    /// When it was created.
    pub created: String,
    /// When it was last changed.
    pub updated: String,
}

/// Money that is held.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Authorization {
    /// Its id.
    pub id: String,
    /// Of which order.
    pub order: String,
    /// As PayPal says it.
    pub status: String,
    /// How much.
    pub amount: Money,
    /// How much of it was taken.
    pub captured: i64,
    /// When it was created.
    pub created: String,
    /// When it was last changed.
    pub updated: String,
}

/// Money that was taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Capture {
    /// Its id.
    pub id: String,
    /// Of which order.
    pub order: String,
    /// As PayPal says it.
    pub status: String,
    /// How much.
    pub amount: Money,
    /// How much of it was given back.
    pub refunded: i64,
    /// Was it the last one of its authorization?
    pub is_final: bool,
    /// The merchant's number.
    pub invoice_id: Option<String>,
    /// When it was created.
    pub created: String,
    /// When it was last changed.
    pub updated: String,
}

/// Money that was given back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refund {
    /// Its id.
    pub id: String,
    /// Of which capture.
    pub capture: String,
    /// How much.
    pub amount: Money,
    /// What the merchant calls it.
    pub custom_id: Option<String>,
    /// The merchant's number.
    pub invoice_id: Option<String>,
    /// What the buyer is told.
    pub note: Option<String>,
    /// When it was created.
    pub created: String,
}

/// A request that was made repeatable, and what it was answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Repeat {
    /// What was sent.
    pub request: Value,
    /// What was answered.
    pub status: u16,
    /// What was answered.
    pub body: Value,
}

/// An address that is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Webhook {
    /// Where it is.
    pub url: String,
    /// What it wants to know; `*` for all.
    pub event_types: Vec<String>,
}

/// Everything that PayPal knows of its only merchant.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Books {
    /// Who the merchant is.
    pub client_id: String,
    /// What only the merchant knows.
    pub secret: String,
    /// The webhook that every account here begins with.
    pub webhook_id: String,
    /// By id.
    pub orders: BTreeMap<String, Order>,
    /// By id.
    pub authorizations: BTreeMap<String, Authorization>,
    /// By id.
    pub captures: BTreeMap<String, Capture>,
    /// By id.
    pub refunds: BTreeMap<String, Refund>,
    /// By operation, path and key.
    pub repeats: BTreeMap<String, Repeat>,
    /// By id.
    pub webhooks: BTreeMap<String, Webhook>,
    /// What happened and is not told yet: the event's type and its resource's.
    #[serde(skip)]
    pub news: Vec<(&'static str, &'static str, Value)>,
    /// Where the stand-in is.
    #[serde(skip)]
    pub origin: String,
}

/// Now, as PayPal writes it.
pub fn now() -> String {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    now.format(&Rfc3339).expect("a time in this era")
}

/// Letters and digits as PayPal's ids have them.
pub fn random_id(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXY0123456789";
    let mut random = vec![0; length];
    getrandom::fill(&mut random).expect("randomness");
    random.into_iter().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect()
}

impl Books {
    fn link(&self, path: &str, rel: &str, method: &str) -> Value {
        json!({ "href": format!("{}{path}", self.origin), "rel": rel, "method": method })
    }

    /// An order as PayPal shows it; the short form has no more than its id, state and links.
    pub fn show_order(&self, order: &Order, is_short: bool) -> Value {
        let id = &order.id;
        let mut links = vec![self.link(&format!("/v2/checkout/orders/{id}"), "self", "GET")];
        if matches!(order.status.as_str(), "CREATED" | "PAYER_ACTION_REQUIRED" | "APPROVED") {
            links.push(self.link(&format!("/checkoutnow?token={id}"), &order.link, "GET"));
            let step = if order.is_authorize { "authorize" } else { "capture" };
            links.push(self.link(&format!("/v2/checkout/orders/{id}/{step}"), step, "POST"));
        }
        let mut shown = json!({ "id": id, "status": order.status, "links": links });
        if is_short {
            return shown;
        }
        let mut unit = order.unit.clone();
        unit["payments"] = self.payments_of(order);
        if unit["payments"] == json!({}) {
            unit.as_object_mut().map(|unit| unit.remove("payments"));
        }
        shown["intent"] = json!(if order.is_authorize { "AUTHORIZE" } else { "CAPTURE" });
        shown["purchase_units"] = json!([unit]);
        shown["create_time"] = json!(order.created);
        shown["update_time"] = json!(order.updated);
        if order.funding.is_some() {
            shown["payer"] = json!({ "payer_id": "QYR5Z8XDVJNXQ", "email_address": "buyer@example.com",
                                     "name": { "given_name": "Ana", "surname": "Buyer" } });
        }
        shown
    }

    fn payments_of(&self, order: &Order) -> Value {
        let mut payments = json!({});
        let captures = self.captures.values().filter(|it| it.order == order.id);
        let (ids, shown): (Vec<_>, Vec<_>) = captures.map(|it| (&it.id, self.show_capture(it, true))).unzip();
        if let Some(held) = order.authorization.as_ref().and_then(|id| self.authorizations.get(id)) {
            payments["authorizations"] = json!([self.show_authorization(held, true)]);
        }
        let refunds = self.refunds.values().filter(|it| ids.contains(&&it.capture));
        let refunds: Vec<_> = refunds.map(|it| self.show_refund(it)).collect();
        for (name, list) in [("captures", shown), ("refunds", refunds)] {
            if !list.is_empty() {
                payments[name] = json!(list);
            }
        }
        payments
    }

    fn custom_id(&self, order: &str) -> Value {
        self.orders.get(order).map_or(Value::Null, |order| order.unit["custom_id"].clone())
    }

    /// What is held, as PayPal shows it, by itself or in its order.
    pub fn show_authorization(&self, held: &Authorization, is_inside: bool) -> Value {
        let path = format!("/v2/payments/authorizations/{}", held.id);
        let mut links = vec![self.link(&path, "self", "GET")];
        if matches!(held.status.as_str(), "CREATED" | "PARTIALLY_CAPTURED") {
            for rel in ["capture", "void", "reauthorize"] {
                links.push(self.link(&format!("{path}/{rel}"), rel, "POST"));
            }
        }
        let unit = self.orders.get(&held.order).map_or(Value::Null, |order| order.unit["invoice_id"].clone());
        let shown = json!({
            "id": held.id, "status": held.status, "amount": held.amount.json(), "links": links,
            "custom_id": self.custom_id(&held.order), "invoice_id": unit,
            "create_time": held.created, "update_time": held.updated,
        });
        self.finished(shown, &held.order, is_inside)
    }

    /// What was taken, as PayPal shows it, by itself or in its order.
    pub fn show_capture(&self, taken: &Capture, is_inside: bool) -> Value {
        let path = format!("/v2/payments/captures/{}", taken.id);
        let links = [self.link(&path, "self", "GET"), self.link(&format!("{path}/refund"), "refund", "POST")];
        let mut shown = json!({
            "id": taken.id, "status": taken.status, "amount": taken.amount.json(), "links": links,
            "final_capture": taken.is_final, "custom_id": self.custom_id(&taken.order),
            "invoice_id": taken.invoice_id, "create_time": taken.created, "update_time": taken.updated,
            "seller_protection": { "status": "ELIGIBLE" },
        });
        if taken.status == "PENDING" {
            shown["status_details"] = json!({ "reason": "PENDING_REVIEW" });
        }
        self.finished(shown, &taken.order, is_inside)
    }

    /// Without what is not known; by itself it names its order.
    fn finished(&self, mut shown: Value, order: &str, is_inside: bool) -> Value {
        if !is_inside {
            shown["supplementary_data"] = json!({ "related_ids": { "order_id": order } });
        }
        without_nulls(shown)
    }

    /// What was given back, as PayPal shows it.
    pub fn show_refund(&self, refund: &Refund) -> Value {
        let links = [
            self.link(&format!("/v2/payments/refunds/{}", refund.id), "self", "GET"),
            self.link(&format!("/v2/payments/captures/{}", refund.capture), "up", "GET"),
        ];
        without_nulls(json!({
            "id": refund.id, "status": "COMPLETED", "amount": refund.amount.json(), "links": links,
            "custom_id": refund.custom_id, "invoice_id": refund.invoice_id, "note_to_payer": refund.note,
            "create_time": refund.created, "update_time": refund.created,
        }))
    }

    /// Says something to whoever listens.
    pub fn tell(&mut self, event: &'static str, resource_type: &'static str, resource: Value) {
        self.news.push((event, resource_type, resource));
    }
}

/// An object without its fields that are null.
pub fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}
