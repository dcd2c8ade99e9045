//! Payments alone, open to the test, with a stand-in where orders would be. Here the test holds the keys: it
//! plays the services that call, the buyer that the gateway lets through, and the provider that tells what happened.

use crate::answer::Answer;
use crate::person::Person;
use crate::project::{components, root, unique};
use crate::request::Request;
use crate::standin::{Seen, StandIn};
use crate::suite::Suite;
use crate::token::{Key, now, signed_hs256};
use jwt_simple::algorithms::{HS256Key, MACLike as _};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// The test cards.
pub mod card {
    /// Succeeds.
    pub const GOOD: &str = "4242424242424242";
    /// Is declined.
    pub const DECLINED: &str = "4000000000000002";
    /// Is declined for want of money.
    pub const POOR: &str = "4000000000009995";
    /// Asks for a code.
    pub const CHALLENGED: &str = "4000000000003220";
    /// Gets no answer.
    pub const LOST: &str = "4000000000000119";
    /// Is answered twice.
    pub const TWICE: &str = "4000000000005126";
    /// Is answered a minute late.
    pub const LATE: &str = "4000000000000341";
    /// All that end well without the buyer.
    pub const WELL: &[&str] = &[GOOD, LOST, TWICE, LATE];
}

/// A running payments service.
pub struct Payments {
    /// What runs it.
    pub shop: Suite,
    others: StandIn,
    heard: Mutex<BTreeMap<(String, String), Value>>,
    _folder: tempfile::TempDir,
}

/// A payment that orders wants.
#[derive(Debug, Clone)]
pub struct Payment {
    /// Its id.
    pub id: String,
    /// What lets the buyer pay.
    pub secret: String,
    /// The order.
    pub order: String,
}

/// Somebody who pays, for a minute at most.
#[derive(Clone)]
pub struct Buyer {
    person: Person,
    assertion: String,
}

impl Buyer {
    /// Pays with a card, if the suite lives long enough to answer.
    pub async fn tries_to_confirm(&self, payment: &Payment, number: &str) -> Option<Answer> {
        let path = format!("/payments/intents/{}/confirm", payment.id);
        let request = self.person.post(path, &paying_with(number)).header("souk-identity", &self.assertion);
        request.header("client-secret", &payment.secret).attempt().await.ok()
    }
}

/// An amount in euro cents.
pub fn euro(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// What a buyer sends to pay with a card.
pub fn paying_with(number: &str) -> Value {
    json!({"method": {"type": "card", "number": number, "expiry": "12/40", "cvc": "123", "holder": "Ana Sol"}})
}

/// An id of a kind that nobody has.
pub fn new_id(prefix: &str) -> String {
    const ALPHABET: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut bytes = [0; 25];
    getrandom::fill(&mut bytes).expect("the machine gives random bytes");
    let letters = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    format!("{prefix}_{}0", letters.collect::<String>())
}

/// `webhook-signature` of a body, signed at a time with a key.
pub fn signature(body: &str, at: u64, key: &str) -> String {
    let code = HS256Key::from_bytes(key.as_bytes()).authentication_tag(format!("{at}.{body}").as_bytes());
    format!("t={at},v1={}", hex::encode(code.as_ref() as &[u8]))
}

/// A webhook about a charge, with an id of its own.
pub fn webhook(kind: &str, key: &str, amount: i64) -> Value {
    json!({"id": unique("event"), "type": kind, "data": {"key": key, "amount": euro(amount)}})
}

fn database(shop: &Suite) -> Connection {
    let database = Connection::open(shop.state().join("payments.db")).expect("its database");
    database.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    database
}

impl Suite {
    /// As if whatever payments were to do later were due, and maintenance did it.
    pub async fn time_passes(&self) {
        let database = database(self);
        for sql in [
            "UPDATE simulator_webhooks SET due_at = 0",
            "UPDATE simulator_charges SET known_at = 0",
            "UPDATE attempts SET ask_at = 0 WHERE ask_at IS NOT NULL",
            "UPDATE transfers SET ask_at = 0 WHERE ask_at IS NOT NULL",
        ] {
            database.execute(sql, []).expect("its tables");
        }
        drop(database);
        self.ticks().await;
    }

    /// The provider sends a webhook, signed now, through the gateway.
    pub async fn provider_tells(&self, webhook: &Value) -> Answer {
        let body = webhook.to_string();
        let signature = signature(&body, now(), &self.keys().card_simulator);
        let person = self.stranger();
        let request = person.post("/api/v1/payments/webhooks/card-simulator", "");
        request.body("application/json", body).header("webhook-signature", signature).await
    }
}

impl Payments {
    /// Starts it in this process.
    pub async fn stands() -> Option<Self> {
        Self::begin(None, &[]).await
    }

    /// The same with some variables of `spin.toml` set.
    pub async fn stands_with(program: Option<&str>, variables: &[(&str, String)]) -> Option<Self> {
        Self::begin(program, variables).await
    }

    /// Starts it in a process of its own.
    pub async fn in_a_process(program: &str) -> Option<Self> {
        Self::begin(Some(program), &[]).await
    }

    async fn begin(program: Option<&str>, variables: &[(&str, String)]) -> Option<Self> {
        static LEARNED: OnceCell<()> = OnceCell::const_new();
        if std::env::var_os("SOUK_URL").is_none() {
            // What the whole suite documents is learned from a whole suite.
            LEARNED.get_or_init(async || drop(Suite::own().await)).await;
        }
        Self::with_manifest(program, |authority| payments_alone(authority, variables)).await
    }

    /// Starts the whole suite, in which payments can be spoken to directly, too.
    pub async fn in_the_whole_suite() -> Option<Self> {
        Self::with_manifest(None, |_| whole_suite()).await
    }

    async fn with_manifest(program: Option<&str>, manifest: impl Fn(&str) -> String) -> Option<Self> {
        let others = StandIn::start(|_: &Seen| (200, json!({})));
        let folder = tempfile::tempdir().expect("a folder for the manifest");
        let file = folder.path().join("spin.toml");
        std::fs::write(&file, manifest(&others.authority())).expect("a manifest");
        let shop = match program {
            Some(program) => Suite::in_a_process_from(program, &file).await?,
            None => Suite::own_from(&file, &[]).await?,
        };
        Some(Self { shop, others, heard: Mutex::default(), _folder: folder })
    }

    /// Somebody who talks to it, so far without saying who.
    pub fn person(&self) -> Person {
        self.shop.stranger()
    }

    /// The assertion of a service that speaks for `subject`, with these scopes.
    pub fn assertion(&self, service: &str, subject: &str, scopes: &[&str]) -> String {
        let claims = Key::new("any").access_token(service, subject, "");
        let claims = claims.with_claim("aud", "payments").with_claim("exp", now() + 60);
        let claims = claims.with_claim("roles", json!([])).with_claim("scopes", json!(scopes));
        signed_hs256(&claims.with_header("typ", "JWT"), self.shop.keys().identity.as_bytes())
    }

    /// A request of orders itself.
    pub fn by_orders<'p>(&self, request: Request<'p>) -> Request<'p> {
        request.header("souk-identity", self.assertion("orders", "service", &[]))
    }

    /// A request of somebody outside, who has not signed in.
    pub fn by_anyone<'p>(&self, request: Request<'p>) -> Request<'p> {
        request.header("souk-identity", self.assertion("gateway", "anonymous", &[]))
    }

    /// Orders says what an order wants.
    pub async fn wants(&self, order: &str, intent: &Value) -> Answer {
        let person = self.person();
        self.by_orders(person.put(format!("/payments/intents/by-order/{order}"), intent)).await
    }

    /// A new order wants this many cents, captured `automatic` or `manual`.
    pub async fn payment(&self, amount: i64, capture: &str) -> Payment {
        let order = new_id("ord");
        let answer = self.wants(&order, &json!({"amount": euro(amount), "capture": capture})).await.is(201);
        Payment { id: answer.text("/id").into(), secret: answer.text("/client_secret").into(), order }
    }

    /// A payment that is captured with the good card.
    pub async fn captured(&self, amount: i64) -> Payment {
        let payment = self.payment(amount, "automatic").await;
        assert_eq!(self.confirms(&payment, card::GOOD).await.is(200).text("/state"), "captured");
        payment
    }

    /// The buyer sends this to pay.
    pub async fn is_sent(&self, payment: &Payment, confirmation: &Value) -> Answer {
        let path = format!("/payments/intents/{}/confirm", payment.id);
        let person = self.person();
        self.by_anyone(person.post(path, confirmation)).header("client-secret", &payment.secret).await
    }

    /// The buyer pays with a card.
    pub async fn confirms(&self, payment: &Payment, number: &str) -> Answer {
        self.is_sent(payment, &paying_with(number)).await
    }

    /// A buyer who goes on while the suite dies.
    pub fn buyer(&self) -> Buyer {
        Buyer { person: self.person(), assertion: self.assertion("gateway", "anonymous", &[]) }
    }

    /// The buyer answers a challenge.
    pub async fn answers(&self, payment: &Payment, challenge: &str, code: &str) -> Answer {
        let path = format!("/payments/intents/{}/challenge", payment.id);
        let (person, body) = (self.person(), json!({"challenge_id": challenge, "code": code}));
        self.by_anyone(person.post(path, &body)).header("client-secret", &payment.secret).await
    }

    /// Orders captures an amount, or all that is left.
    pub async fn captures(&self, payment: &Payment, amount: Option<Value>) -> Answer {
        let body = amount.map_or_else(|| json!({}), |amount| json!({"amount": amount}));
        let person = self.person();
        let request = person.post(format!("/payments/intents/{}/capture", payment.id), &body);
        self.by_orders(request).key(&unique("capture")).await
    }

    /// Orders gives money back.
    pub async fn refunds(&self, payment: &Payment, amount: Value, key: &str) -> Answer {
        let body = json!({"amount": amount, "reason": "came broken", "key": key});
        let person = self.person();
        self.by_orders(person.post(format!("/payments/intents/{}/refunds", payment.id), &body)).await
    }

    /// Orders calls a payment off.
    pub async fn cancels(&self, payment: &Payment) -> Answer {
        let person = self.person();
        self.by_orders(person.post(format!("/payments/intents/{}/cancel", payment.id), &json!({}))).await
    }

    /// Orders reads a payment.
    pub async fn reads(&self, payment: &Payment) -> Value {
        let person = self.person();
        let answer = self.by_orders(person.get(format!("/payments/intents/{}", payment.id))).await.is(200);
        answer.json().clone()
    }

    /// Where a payment stands.
    pub async fn state(&self, payment: &Payment) -> String {
        self.reads(payment).await["state"].as_str().expect("a state").to_owned()
    }

    /// The provider sends a webhook with this signature.
    pub async fn hears(&self, body: &str, signature: &str) -> Answer {
        let person = self.person();
        let request =
            person.post("/payments/webhooks/card-simulator", "").body("application/json", body.to_owned());
        self.by_anyone(request).header("webhook-signature", signature).await
    }

    /// The provider sends a webhook, signed now.
    pub async fn is_told(&self, webhook: &Value) -> Answer {
        let body = webhook.to_string();
        self.hears(&body, &signature(&body, now(), &self.shop.keys().card_simulator)).await
    }

    /// The database, to look at, or to age what is in it.
    pub fn database(&self) -> Connection {
        database(&self.shop)
    }

    /// As if whatever was to happen later were due, and maintenance did it.
    pub async fn time_passes(&self) {
        self.shop.time_passes().await;
    }

    /// The data of the events of a kind about a payment, which `subscriber` is told; each once, however often delivered.
    pub async fn told(&self, subscriber: &str, kind: &str, payment: &Payment) -> Vec<Value> {
        self.everything_is_told().await;
        self.was_told(subscriber, kind, payment)
    }

    /// The same of what has been delivered so far.
    pub fn was_told(&self, subscriber: &str, kind: &str, payment: &Payment) -> Vec<Value> {
        let heard = self.heard.lock().expect("nobody panicked with it");
        let events = heard.iter().filter(|((to, _), event)| {
            to == subscriber && event["type"] == kind && event["subject"] == payment.id.as_str()
        });
        events.map(|(_, event)| event["data"].clone()).collect()
    }

    /// Waits until every event is delivered. The stand-ins are no components, so the suite itself does not.
    pub async fn everything_is_told(&self) {
        let started = Instant::now();
        loop {
            let waiting = "SELECT count(*) FROM outbox";
            let waiting: i64 = self.database().query_row(waiting, [], |row| row.get(0)).expect("a number");
            for seen in self.others.has_seen() {
                let to = seen.path.split('/').nth(1).unwrap_or_default().to_owned();
                if seen.body.is_empty() {
                    continue; // A kill cut it off.
                }
                let event: Value = serde_json::from_slice(&seen.body).expect("an event");
                let id = event["id"].as_str().expect("an id").to_owned();
                self.heard.lock().expect("nobody panicked with it").insert((to, id), event);
            }
            if waiting == 0 {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "{waiting} events are not delivered");
            self.database().execute("UPDATE outbox SET next_attempt_at = 0", []).expect("the outbox");
            self.shop.ticks().await;
        }
    }
}

/// `spin.toml`, with sources that are found from anywhere, and payments' route open to everybody.
fn opened(route: &str) -> toml::Table {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml can be read");
    let mut manifest: toml::Table = text.parse().expect("spin.toml is TOML");
    for (id, source) in components() {
        let source = source.to_string_lossy().into_owned();
        manifest["component"][&id]
            .as_table_mut()
            .expect("a component")
            .insert("source".into(), source.into());
    }
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
    for trigger in triggers.iter_mut().filter(|trigger| trigger["component"].as_str() == Some("payments")) {
        trigger.as_table_mut().expect("a route").insert("route".into(), route.into());
    }
    manifest
}

/// Everything, with payments open to everybody beside the gateway.
fn whole_suite() -> String {
    opened("/payments/...").to_string()
}

/// Payments alone, open to everybody, which may reach the stand-in.
fn payments_alone(authority: &str, variables: &[(&str, String)]) -> String {
    let mut manifest = opened("/...");
    let all = manifest["component"].as_table_mut().expect("components");
    all.retain(|id, _| id == "payments");
    let payments = all["payments"].as_table_mut().expect("payments");
    let authority_url = format!("http://{authority}");
    let hosts = [authority_url.as_str(), "{{ paypal_url }}", "{{ paypal_certs_url }}"];
    payments.insert("allowed_outbound_hosts".into(), hosts.map(toml::Value::from).to_vec().into());
    let service_url = ("service_url", format!("http://{authority}/{{service}}"));
    for (name, value) in variables.iter().chain([&service_url]) {
        let variable = manifest["variables"][*name].as_table_mut().expect("a variable");
        variable.insert("default".into(), value.clone().into());
    }
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
    triggers.retain(|trigger| trigger["component"].as_str() == Some("payments"));
    manifest.to_string()
}
