//! The merchant's account: its credentials, and the addresses that are told what happens.

use crate::books::{Books, Webhook, random_id};
use crate::moves::{Moved, Refusal};
use serde_json::{Value, json};

impl Books {
    /// Opens an account, unless there is one, at an address.
    pub fn open(&mut self, origin: String) {
        if self.client_id.is_empty() {
            (self.client_id, self.secret) = (random_id(40), random_id(40));
            self.webhook_id = random_id(17);
            let webhook = Webhook { url: String::new(), event_types: vec!["*".to_owned()] };
            self.webhooks.insert(self.webhook_id.clone(), webhook);
        }
        self.origin = origin;
    }

    fn show_webhook(id: &str, webhook: &Webhook) -> Value {
        let types: Vec<_> = webhook.event_types.iter().map(|name| json!({ "name": name })).collect();
        json!({ "id": id, "url": webhook.url, "event_types": types })
    }

    /// `webhooks.list`.
    pub fn show_webhooks(&self) -> Value {
        let all = self.webhooks.iter().filter(|(_, webhook)| !webhook.url.is_empty());
        json!({ "webhooks": all.map(|(id, webhook)| Self::show_webhook(id, webhook)).collect::<Vec<_>>() })
    }

    /// `webhooks.post`.
    pub fn add_webhook(&mut self, request: &Value) -> Moved {
        let types = request["event_types"].as_array().into_iter().flatten();
        let webhook = Webhook {
            url: request["url"].as_str().unwrap_or_default().to_owned(),
            event_types: types.filter_map(|it| it["name"].as_str().map(str::to_owned)).collect(),
        };
        if self.webhooks.values().any(|known| known.url == webhook.url) {
            return Err(Refusal { status: 400, issue: "WEBHOOK_URL_ALREADY_EXISTS", field: "/url" });
        }
        let id = random_id(17);
        let shown = Self::show_webhook(&id, &webhook);
        self.webhooks.insert(id, webhook);
        Ok((201, shown))
    }

    /// `webhooks.get`.
    pub fn read_webhook(&self, id: &str) -> Moved {
        let webhook =
            self.webhooks.get(id).ok_or(Refusal { status: 404, issue: "INVALID_RESOURCE_ID", field: "" })?;
        Ok((200, Self::show_webhook(id, webhook)))
    }

    /// `webhooks.delete`.
    pub fn remove_webhook(&mut self, id: &str) -> Moved {
        self.webhooks.remove(id).ok_or(Refusal { status: 404, issue: "INVALID_RESOURCE_ID", field: "" })?;
        Ok((204, Value::Null))
    }
}
