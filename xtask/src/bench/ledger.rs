//! What people and the shop do with the ledger, as plans for the load generator.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::api::Api;

/// Wallets that money goes round among.
const WALLETS: usize = 16;
/// Cents in each: more than a run can move.
const CENTS: i64 = 1_000_000_000;
/// Transfers of one batch.
pub const BATCH: usize = 1_000;

/// Wallets with enough in them.
pub struct Wallets {
    ids: Vec<String>,
    token: String,
}

/// Opens wallets of the administrator's, and pays into them.
pub fn opened(admin: &Api, token: &str) -> Result<Wallets> {
    let mut ids = Vec::new();
    for number in 0..WALLETS {
        let id = open(admin, &format!("Bench {number}"))?;
        deposit(admin, &id, CENTS)?;
        ids.push(id);
    }
    Ok(Wallets { ids, token: token.to_owned() })
}

fn open(admin: &Api, label: &str) -> Result<String> {
    let body = json!({"currency": "EUR", "label": label});
    let account = admin.post("/api/v1/accounts", &body)?.expect(201, "opening an account")?.json()?;
    account["id"].as_str().map(str::to_owned).context("an account has an id")
}

fn deposit(admin: &Api, account: &str, cents: i64) -> Result<()> {
    let body =
        json!({"kind": "deposit", "to_account": account, "amount": {"amount": cents, "currency": "EUR"}});
    send(admin, "/api/v1/transactions", &body, &format!("deposit {account}"))
}

fn send(admin: &Api, path: &str, body: &Value, key: &str) -> Result<()> {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    admin.send(Method::POST, path, &headers, body.to_string().into_bytes())?.expect(201, "moving money")?;
    Ok(())
}

fn transfer(from: &str, to: &str) -> Value {
    json!({"kind": "transfer", "from_account": from, "to": {"account": to},
        "amount": {"amount": 1, "currency": "EUR"}, "label": "bench"})
}

impl Wallets {
    fn pair(&self, number: usize) -> (&str, &str) {
        let at = |number: usize| self.ids[number % self.ids.len()].as_str();
        (at(number), at(number + 1))
    }

    fn request(&self, path: &str, body: &Value) -> Vec<Value> {
        let headers = json!({"content-type": "application/json", "idempotency-key": "{{new}}",
            "authorization": format!("Bearer {}", self.token)});
        vec![json!({"method": "POST", "path": path, "headers": headers, "body": body.to_string()})]
    }

    /// Transfers, one by one.
    pub fn transfers(&self) -> Vec<Vec<Value>> {
        let journey = |number| {
            let (from, to) = self.pair(number);
            self.request("/api/v1/transactions", &transfer(from, to))
        };
        (0..self.ids.len()).map(journey).collect()
    }

    /// Batches of [`BATCH`] transfers, all or none.
    pub fn batches(&self) -> Vec<Vec<Value>> {
        let journey = |number| {
            let (from, to) = self.pair(number);
            self.request("/api/v1/transactions/batches", &batch(from, to, BATCH))
        };
        (0..self.ids.len()).map(journey).collect()
    }
}

fn batch(from: &str, to: &str, count: usize) -> Value {
    let transfers: Vec<_> = (0..count)
        .map(|number| if number % 2 == 0 { transfer(from, to) } else { transfer(to, from) })
        .collect();
    json!({"transactions": transfers})
}

/// Looks at an account with so many entries: its balance now, at an instant, and a page of its statement.
pub fn looks(admin: &Api, token: &str, entries: usize) -> Result<Vec<Vec<Value>>> {
    let (account, other) = (open(admin, "History")?, open(admin, "The other one")?);
    deposit(admin, &account, CENTS)?;
    let mut instant = String::new();
    for number in 0..entries / BATCH {
        let body = batch(&account, &other, BATCH);
        send(admin, "/api/v1/transactions/batches", &body, &format!("history {account} {number}"))?;
        if number == entries / BATCH / 2 {
            let answer = admin.get(&format!("/api/v1/accounts/{account}/balance"))?.expect(200, "looking")?;
            answer.json()?["at"].as_str().unwrap_or_default().clone_into(&mut instant);
        }
    }
    let headers = json!({"authorization": format!("Bearer {token}")});
    let look =
        |path: String| json!({"path": format!("/api/v1/accounts/{account}/{path}"), "headers": headers});
    Ok(vec![
        vec![look("balance".into())],
        vec![look(format!("balance?at={instant}"))],
        vec![look("statement".into())],
        vec![look(format!("statement?to={instant}"))],
    ])
}
