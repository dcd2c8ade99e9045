//! What people do with what the shop knows of them, as sentences.

use crate::answer::Answer;
use crate::person::Person;
use serde_json::{Value, json};

/// An address that nobody objects to.
pub fn address() -> Value {
    json!({"name": "Ana Silva", "line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"})
}

impl Person {
    /// Reads what the shop knows of them.
    pub async fn reads_customer(&self) -> Answer {
        self.get("/api/v1/customers/me").await
    }

    /// The id of their customer, which is made if there is none.
    pub async fn customer_id(&self) -> String {
        self.reads_customer().await.is(200).text("/id").to_owned()
    }

    /// Changes what the shop knows of them.
    pub async fn changes_customer(&self, change: &Value) -> Answer {
        self.patch("/api/v1/customers/me", change).await
    }

    /// Adds an address of theirs, and with it what else is said: which default it is, say.
    pub async fn adds_address(&self, address: &Value, more: &Value) -> Answer {
        let mut body = json!({"address": address});
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        self.post("/api/v1/customers/me/addresses", &body).await
    }

    /// Their addresses.
    pub async fn addresses(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/customers/me/addresses?limit=100").await.is(200);
        answer.json()["items"].as_array().expect("a list").clone()
    }

    /// Has what the shop knows of them erased.
    pub async fn erases_customer(&self) -> Answer {
        self.delete("/api/v1/customers/me").await
    }

    /// Asks for everything that is held on them.
    pub async fn exports(&self) -> Answer {
        self.get("/api/v1/customers/me/export").await
    }
}
