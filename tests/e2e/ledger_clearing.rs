//! Money that comes from outside and goes there, at once or at a date, within limits; and into another currency.

use serde_json::{Value, json};
use souk_tests::ledger::{Bank, euro, in_days, outside, transfer};
use souk_tests::standin::Seen;
use souk_tests::unique;
use std::sync::Mutex;

fn to_outside(from: &str, ending: &str, cents: i64) -> Value {
    json!({"kind": "transfer", "from_account": from, "amount": euro(cents),
        "to": {"iban": outside(ending), "name": "Somebody"}})
}

#[tokio::test]
async fn a_transfer_to_outside_arrives_fails_or_comes_back() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 1_000).await;
    let mut ids = Vec::new();
    for ending in ["0001", "0002", "0005"] {
        let pending = ana.moves_money(&to_outside(&wallet, ending, 100)).await.is(201);
        assert_eq!((pending.text("/state"), pending.text("/stage")), ("pending", "clearing"));
        ids.push(pending.text("/id").to_owned());
    }
    assert_eq!(ana.sees_balance(&wallet).await, [1_000, 300, 700]);
    ana.moves_money(&to_outside(&wallet, "0001", 701)).await.is_refused(409, "insufficient-funds");
    bank.time_passes().await;
    let mut states = Vec::new();
    for id in &ids {
        states.push(ana.sees_transaction(id).await["state"].clone());
    }
    assert_eq!(states, ["posted", "failed", "posted"]);
    assert_eq!(ana.sees_balance(&wallet).await, [800, 0, 800]);
    bank.time_passes().await;
    let returned = ana.sees_transaction(&ids[2]).await;
    assert_eq!(returned["state"], "reversed");
    let by = ana.sees_transaction(returned["reversed_by"].as_str().expect("an id")).await;
    assert_eq!((&by["kind"], &by["from"]["iban"]), (&json!("return"), &json!(outside("0005"))));
    assert_eq!(ana.sees_balance(&wallet).await, [900, 0, 900]);
}

#[tokio::test]
async fn what_is_in_clearing_can_be_called_off() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 1_000).await;
    let pending = ana.moves_money(&to_outside(&wallet, "0001", 400)).await.is(201);
    let path = format!("/api/v1/transactions/{}", pending.text("/id"));
    let cancelled = ana.patch(&path, &json!({"state": "cancelled"})).await.is(200);
    assert_eq!(cancelled.text("/state"), "cancelled");
    assert_eq!(ana.sees_balance(&wallet).await, [1_000, 0, 1_000]);
    bank.time_passes().await;
    assert_eq!(ana.sees_transaction(pending.text("/id")).await["state"], "cancelled");
}

#[tokio::test]
async fn a_dated_transfer_is_made_at_its_time_if_the_money_is_there() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 1_000).await;
    let (bob, to) = bank.customer("bob", 0).await;
    let (late, early) = (in_days(90), in_days(60));
    let dated = |mut body: Value| {
        body["at"] = json!(late);
        body
    };
    let made = ana.moves_money(&dated(transfer(&wallet, &to, 700))).await.is(201);
    let short = ana.moves_money(&dated(transfer(&wallet, &to, 700))).await.is(201);
    let beyond = ana.moves_money(&dated(to_outside(&wallet, "0001", 200))).await.is(201);
    assert_eq!((made.text("/stage"), made.text("/due_at")), ("scheduled", late.as_str()));
    let path = format!("/api/v1/transactions/{}", made.text("/id"));
    let moved = ana.patch(&path, &json!({"at": early, "label": "Rent"})).await.is(200);
    assert_eq!((moved.text("/due_at"), moved.text("/label")), (early.as_str(), "Rent"));
    bob.patch(&path, &json!({"state": "cancelled"})).await.is_refused(403, "forbidden");
    assert_eq!(ana.sees_balance(&wallet).await, [1_000, 0, 1_000]);
    bank.time_passes().await;
    let mut states = Vec::new();
    for answer in [&made, &short, &beyond] {
        states.push(ana.sees_transaction(answer.text("/id")).await["state"].clone());
    }
    // Whichever of the two came first was made.
    states[..2].sort_by_key(Value::to_string);
    assert_eq!(states, ["failed", "posted", "pending"]);
    assert_eq!(ana.sees_balance(&wallet).await, [300, 200, 100]);
    bank.time_passes().await;
    assert_eq!(ana.sees_transaction(beyond.text("/id")).await["state"], "posted");
}

#[tokio::test]
async fn no_more_goes_out_on_a_day_than_the_limit_allows() {
    let Some(bank) = Bank::opens_with(|_| (204, Value::Null), &[("ledger_daily_out", "500")]).await else {
        return;
    };
    let (ana, wallet) = bank.customer("ana", 10_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    let own = ana.opens_wallet("EUR").await;
    ana.transfers(&wallet, &to, 300).await.is(201).accept();
    let refused = ana.transfers(&wallet, &to, 201).await.is_refused(409, "daily-limit");
    assert_eq!(refused.answer().json()["left"], euro(200));
    ana.moves_money(&to_outside(&wallet, "0001", 201)).await.is_refused(409, "daily-limit");
    ana.moves_money(&to_outside(&wallet, "0001", 200)).await.is(201).accept();
    // Between one's own accounts there is no limit.
    ana.transfers(&wallet, &own, 5_000).await.is(201).accept();
    let limits = json!({"limits": {"daily_out": 1_000}});
    let path = format!("/api/v1/accounts/{wallet}");
    ana.patch(&path, &limits).await.is_refused(403, "forbidden");
    bank.admin().await.patch(&path, &limits).await.is(200).accept();
    ana.transfers(&wallet, &to, 500).await.is(201).accept();
    ana.transfers(&wallet, &to, 1).await.is_refused(409, "daily-limit");
}

#[tokio::test]
async fn money_from_outside_is_credited_once() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 0).await;
    let admin = bank.admin().await;
    let account = ana.get(format!("/api/v1/accounts/{wallet}")).await.is(200);
    let incoming = |iban: &str, cents: i64, id: &str| {
        json!({"iban": iban, "amount": euro(cents), "name": "Zoe", "reference": "For Ana", "end_to_end_id": id,
            "from_iban": outside("0001")})
    };
    let send = |body: Value| {
        let admin = admin.clone();
        async move { admin.post("/api/v1/clearing/incoming", &body).key(&unique("key")).await }
    };
    let first = send(incoming(account.text("/iban"), 500, "E2E-1")).await.is(201);
    let again = send(incoming(account.text("/iban"), 500, "E2E-1")).await.is(200);
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = send(incoming(account.text("/iban"), 501, "E2E-1")).await;
    other.is_refused(409, "end-to-end-id-reused");
    assert_eq!(ana.sees_balance(&wallet).await[0], 500);
    assert_eq!(first.json()["from"]["iban"], outside("0001"));
    ana.post("/api/v1/clearing/incoming", &incoming(&outside("1"), 1, "x"))
        .key("k")
        .await
        .is_refused_somehow();
    // For nobody known it waits in suspense, and the shop is told.
    let unknown = send(incoming(&outside("0007"), 700, "E2E-2")).await.is(201);
    assert_eq!(unknown.json()["postings"][1]["amount"], euro(700));
    bank.others.has_seen();
    let stranger = bank.suite.stranger();
    let collection = bank.by_payments(stranger.get("/internal/collection/EUR")).await.is(200);
    assert_eq!(collection.text("/role"), "collection");
    send(incoming(collection.text("/iban"), 900, "E2E-3")).await.is(201).accept();
    bank.suite.ticks().await;
    let told = bank.others.has_seen();
    let told: Vec<Value> = told.iter().filter_map(|seen| serde_json::from_slice(&seen.body).ok()).collect();
    let received = told.iter().find(|event| event["data"]["amount"] == euro(900)).expect("an event");
    assert_eq!(received["type"], "souk.transfer.received");
    assert_eq!(
        (&received["data"]["reference"], &received["data"]["unallocated"]),
        (&json!("For Ana"), &json!(false))
    );
}

#[tokio::test]
async fn a_wallet_pays_into_the_shops_collection_account() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 1_000).await;
    let stranger = bank.suite.stranger();
    let collection = bank.by_payments(stranger.get("/internal/collection/EUR")).await.is(200);
    let body = json!({"kind": "transfer", "from_account": wallet, "amount": euro(400), "label": "ORDER 7",
        "to": {"iban": collection.text("/iban"), "name": "The shop"}});
    ana.moves_money(&body).await.is(201).accept();
    bank.suite.ticks().await;
    let told = bank.others.has_seen();
    let told: Vec<Value> = told.iter().filter_map(|seen| serde_json::from_slice(&seen.body).ok()).collect();
    assert!(told.iter().any(|event| event["data"]["reference"] == "ORDER 7"), "{told:?}");
    stranger.get("/internal/collection/EUR").await.is_refused(401, "unauthenticated");
    bank.by_payments(stranger.get("/internal/collection/XYZ")).await.is_refused(404, "not-found");
}

/// Prices with one quote: 100 euros are 110 dollars.
fn prices() -> impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static {
    let used_by: Mutex<Option<Value>> = Mutex::default();
    move |seen: &Seen| {
        let quote = json!({"from": {"amount": 10_000, "currency": "EUR"}, "to": {"amount": 11_000, "currency": "USD"}});
        if !seen.path.starts_with("/prices/quotes/quo_00000000000000000000000000") {
            return (if seen.path.starts_with("/prices") { 404 } else { 204 }, Value::Null);
        }
        if !seen.path.ends_with("/use") {
            return (200, quote);
        }
        let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
        let mut used_by = used_by.lock().expect("nobody panicked");
        let first = used_by.get_or_insert_with(|| body["used_by"].clone());
        match *first == body["used_by"] {
            true => (200, quote),
            false => (409, json!({"type": "/problems/quote-used"})),
        }
    }
}

#[tokio::test]
async fn a_transfer_into_another_currency_is_made_at_the_quoted_price() {
    let Some(bank) = Bank::opens_with(prices(), &[]).await else { return };
    let (ana, euros) = bank.customer("ana", 20_000).await;
    let dollars = ana.opens_wallet("USD").await;
    let mut body = transfer(&euros, &dollars, 10_000);
    ana.moves_money(&body).await.is_refused(422, "currency-mismatch");
    body["quote"] = json!("quo_00000000000000000000000010");
    let unknown = ana.moves_money(&body).await.is_refused(409, "quote-refused");
    assert_eq!(unknown.answer().text("/why"), "unknown");
    body["quote"] = json!("quo_00000000000000000000000000");
    let mut other = body.clone();
    other["amount"] = euro(9_999);
    let mismatch = ana.moves_money(&other).await.is_refused(409, "quote-refused");
    assert_eq!(mismatch.answer().text("/why"), "mismatch");
    let key = unique("key");
    let made = ana.post("/api/v1/transactions", &body).key(&key).await.is(201);
    assert_eq!(made.json()["received"], json!({"amount": 11_000, "currency": "USD"}));
    assert_eq!(made.json()["postings"].as_array().map(Vec::len), Some(4));
    let again = ana.post("/api/v1/transactions", &body).key(&key).await.is(201);
    assert_eq!(made.body, again.body);
    let used = ana.moves_money(&body).await.is_refused(409, "quote-refused");
    assert_eq!(used.answer().text("/why"), "used");
    assert_eq!(ana.sees_balance(&euros).await[0], 10_000);
    assert_eq!(ana.sees_balance(&dollars).await[0], 11_000);
}
