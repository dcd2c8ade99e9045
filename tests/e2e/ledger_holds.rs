//! Money that is set aside: by the shop, and for payments from a wallet.

use serde_json::{Value, json};
use souk_tests::inventory::id;
use souk_tests::ledger::{Bank, Told, euro};
use souk_tests::{Answer, unique};

/// A hold of so many cents; its id.
async fn holds(bank: &Bank, account: &str, cents: i64) -> Answer {
    let body = json!({"account": account, "amount": euro(cents), "expires_in_s": 600, "purpose": "Deposit for a bike"});
    bank.admin().await.post("/api/v1/holds", &body).key(&unique("key")).await
}

async fn captures(bank: &Bank, hold: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/holds/{hold}/capture");
    bank.admin().await.post(path, body).key(&unique("key")).await
}

#[tokio::test]
async fn a_hold_is_captured_in_parts_and_the_rest_let_go() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 1_000).await;
    let (_, shop) = bank.customer("shop", 0).await;
    let held = holds(&bank, &wallet, 600).await.is(201);
    let hold = held.text("/id");
    assert_eq!(ana.sees_balance(&wallet).await, [1_000, 600, 400]);
    ana.transfers(&wallet, &shop, 401).await.is_refused(409, "insufficient-funds");
    holds(&bank, &wallet, 401).await.is_refused(409, "insufficient-funds");
    let part = captures(&bank, hold, &json!({"to": shop, "amount": euro(200)})).await.is(201);
    assert_eq!((part.text("/hold/state"), &part.json()["hold"]["remaining"]), ("active", &euro(400)));
    let refused = captures(&bank, hold, &json!({"to": shop, "amount": euro(401)})).await;
    refused.is_refused(409, "hold-exceeded");
    let last = captures(&bank, hold, &json!({"to": shop, "amount": euro(100), "final": true})).await.is(201);
    assert_eq!(last.text("/hold/state"), "captured");
    assert_eq!(ana.sees_balance(&wallet).await, [700, 0, 700]);
    captures(&bank, hold, &json!({"to": shop})).await.is_refused(409, "hold-state");
    let seen = ana.get(format!("/api/v1/holds/{hold}")).await.is(200);
    assert_eq!(seen.json()["captured"], euro(300));
    let list = ana.get(format!("/api/v1/holds?account={wallet}")).await.is(200);
    assert_eq!(list.json()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_hold_ends_when_it_is_released_or_its_time_is_over() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 1_000).await;
    let (_, other) = bank.customer("bob", 0).await;
    let first = holds(&bank, &wallet, 600).await.is(201).text("/id").to_owned();
    let release = format!("/api/v1/holds/{first}/release");
    let admin = bank.admin().await;
    for _ in 0..2 {
        assert_eq!(admin.post(&release, &json!({})).await.is(200).text("/state"), "released");
    }
    let second = holds(&bank, &wallet, 700).await.is(201).text("/id").to_owned();
    // Nobody has ended it yet: whoever needs the money does.
    bank.database().execute("UPDATE holds SET expires_at = 1 WHERE state = 'active'", []).expect("a hold");
    captures(&bank, &second, &json!({"to": other})).await.is_refused(409, "hold-state");
    ana.transfers(&wallet, &other, 1_000).await.is(201).accept();
    let seen = ana.get(format!("/api/v1/holds/{second}")).await.is(200);
    assert_eq!(seen.text("/state"), "expired");
}

#[tokio::test]
async fn a_payment_is_held_captured_and_given_back_once_each() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 1_000).await;
    let (payment, stranger) = (id("pay"), bank.suite.stranger());
    let path = format!("/holds/by-payment/{payment}");
    let hold = |cents: i64| {
        let body = json!({"user_id": ana.id(), "amount": euro(cents)});
        bank.by_payments(stranger.put(&path, &body))
    };
    let step = |what: &str, body: Value| bank.by_payments(stranger.post(format!("{path}/{what}"), &body));
    hold(1_001).await.is_refused(409, "insufficient-funds");
    hold(800).await.is(201).accept();
    hold(800).await.is(200).accept();
    hold(801).await.is_refused(409, "hold-state");
    assert_eq!(ana.sees_balance(&wallet).await, [1_000, 800, 200]);
    step("refunds", json!({"key": "r", "amount": euro(1)})).await.is_refused(409, "hold-state");
    let taken = step("capture", json!({"key": "c1", "amount": euro(500)})).await.is(201);
    let again = step("capture", json!({"key": "c1", "amount": euro(500)})).await.is(200);
    assert_eq!(taken.json()["transaction"]["id"], again.json()["transaction"]["id"]);
    step("capture", json!({"key": "c1", "amount": euro(501)}))
        .await
        .is_refused(422, "idempotency-key-reused");
    step("capture", json!({"key": "c2", "amount": euro(301)})).await.is_refused(409, "hold-exceeded");
    assert_eq!(step("release", json!({})).await.is(200).text("/state"), "released");
    assert_eq!(ana.sees_balance(&wallet).await, [500, 0, 500]);
    let back = step("refunds", json!({"key": "r1", "amount": euro(200)})).await.is(201);
    let again = step("refunds", json!({"key": "r1", "amount": euro(200)})).await.is(200);
    assert_eq!(back.json()["id"], again.json()["id"]);
    step("refunds", json!({"key": "r2", "amount": euro(301)})).await.is_refused(409, "hold-exceeded");
    step("refunds", json!({"key": "r3", "amount": euro(300)})).await.is(201).accept();
    assert_eq!(ana.sees_balance(&wallet).await, [1_000, 0, 1_000]);
    // A capture that nobody was told of is undone by its own key, as if it had never been.
    let (other, stranger) = (Told::by("card-simulator"), bank.suite.stranger());
    let path = format!("/holds/by-payment/{}", other.id);
    let body = json!({"user_id": ana.id(), "amount": euro(600)});
    bank.by_payments(stranger.put(&path, &body)).await.is(201).accept();
    let step = |what: &str, body: Value| bank.by_payments(stranger.post(format!("{path}/{what}"), &body));
    step("capture", json!({"key": "a1", "amount": euro(600)})).await.is(201).accept();
    step("refunds", json!({"key": "a1", "amount": euro(599)}))
        .await
        .is_refused(422, "idempotency-key-reused");
    let undone = step("refunds", json!({"key": "a1", "amount": euro(600)})).await.is(201);
    assert_eq!(undone.text("/kind"), "reversal");
    let again = step("refunds", json!({"key": "a1", "amount": euro(600)})).await.is(200);
    assert_eq!(again.text("/id"), undone.text("/id"));
    assert_eq!(ana.sees_balance(&wallet).await, [1_000, 0, 1_000]);
    // What is paid otherwise then is moved in full.
    bank.hears_of(&other, (600, 0)).await.is(204).accept();
    assert_eq!(bank.has("card_receivable").await, 600);
    // It is payments' business alone.
    stranger
        .put(&path, &json!({"user_id": ana.id(), "amount": euro(1)}))
        .await
        .is_refused(401, "unauthenticated");
}
