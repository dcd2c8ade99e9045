//! A stand-in for the mail API: it takes mail as Resend's API is documented to, knows a repetition by its key, and may fail.

use crate::standin::{Seen, StandIn};
use crate::suite::Suite;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The key that it knows.
const KEY: &str = "re_123456789";

/// What ails it.
#[derive(Debug, Clone, Copy)]
pub enum Ailment {
    /// It answers this status, and takes nothing.
    Refuses(u16),
    /// It takes the mail, and answers 500: the one who sent it cannot know.
    LosesAnswers,
}

#[derive(Default)]
struct State {
    /// By key.
    taken: BTreeMap<String, Value>,
    ailment: Option<Ailment>,
}

/// A mail API.
pub struct Post {
    server: StandIn,
    state: Arc<Mutex<State>>,
}

impl Post {
    /// Starts it.
    pub fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let told = Arc::clone(&state);
        Self { server: StandIn::start(move |seen| answer(&mut lock(&told), seen)), state }
    }

    /// A suite that sends its mail there.
    pub async fn suite(&self) -> Option<Suite> {
        let origin = format!("http://{}", self.server.authority());
        let variables =
            [("mail_url", origin.as_str()), ("mail_key", KEY), ("mail_from", "Souk <shop@souk.test>")];
        Suite::own_with(&variables).await
    }

    /// Something ails it, or nothing any more.
    pub fn ails(&self, ailment: Option<Ailment>) {
        lock(&self.state).ailment = ailment;
    }

    /// The mails that it has, for this address.
    pub fn has_for(&self, address: &str) -> Vec<Value> {
        let is_for = |mail: &&Value| mail["to"][0] == address;
        lock(&self.state).taken.values().filter(is_for).cloned().collect()
    }

    /// Waits until it has so many mails for an address.
    pub async fn gets(&self, address: &str, count: usize) -> Vec<Value> {
        let started = Instant::now();
        loop {
            let mails = self.has_for(address);
            if mails.len() >= count {
                assert_eq!(mails.len(), count, "mails for {address}: {mails:#?}");
                return mails;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "{address} got {mails:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What reached it since the last time somebody asked.
    pub fn has_seen(&self) -> Vec<Seen> {
        self.server.has_seen()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(state: &mut State, seen: &Seen) -> (u16, Value) {
    if seen.method != Method::POST || seen.path != "/emails" {
        return (404, json!({"name": "not_found"}));
    }
    if seen.header("authorization") != Some(&format!("Bearer {KEY}")) {
        return (401, json!({"name": "missing_api_key"}));
    }
    if seen.header("user-agent").is_none() {
        return (403, json!({"name": "invalid_access"}));
    }
    if let Some(Ailment::Refuses(status)) = state.ailment {
        return (status, json!({"name": "application_error"}));
    }
    let mail: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let is_text = |name: &str| mail[name].as_str().is_some_and(|text| !text.is_empty());
    if !["from", "subject", "text", "html"].into_iter().all(is_text)
        || mail["to"].as_array().map(Vec::len) != Some(1)
    {
        return (422, json!({"name": "missing_required_field"}));
    }
    let Some(key) = seen.header("idempotency-key") else {
        return (400, json!({"name": "invalid_idempotency_key"}));
    };
    if state.taken.get(key).is_some_and(|known| *known != mail) {
        return (409, json!({"name": "invalid_idempotent_request"}));
    }
    state.taken.insert(key.to_owned(), mail);
    match state.ailment {
        Some(_) => (500, json!({"name": "internal_server_error"})),
        None => (200, json!({"id": key})),
    }
}

/// What the link in a mail carries.
#[track_caller]
pub fn token_in(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap_or_else(|| panic!("no text in {mail}"));
    let (_, rest) = text.split_once("?token=").unwrap_or_else(|| panic!("no link in {text}"));
    rest.split('&').next().unwrap_or_default().to_owned()
}

impl Suite {
    /// The mails that are kept for an address, the newest first, once there are so many.
    pub async fn kept_mail(&self, address: &str, count: usize) -> Vec<Value> {
        let admin = self.admin().await;
        let started = Instant::now();
        loop {
            let page =
                admin.get(format!("/api/v1/users/mail?to={}", address.replace('+', "%2B"))).await.is(200);
            let mails = page.json()["items"].as_array().cloned().unwrap_or_default();
            if mails.len() >= count {
                assert_eq!(mails.len(), count, "mails for {address}: {mails:#?}");
                return mails;
            }
            assert!(started.elapsed() < Duration::from_secs(10), "{address} got {mails:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
