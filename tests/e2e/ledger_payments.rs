//! Money of payments in the ledger: what payments tells is moved once, and what goes back to banks goes through clearing.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::Answer;
use souk_tests::ledger::{Bank, Told, euro, outside};

/// A payout to a bank outside whose end says what becomes of it.
fn payout(key: &str, cents: i64, ending: &str) -> Value {
    json!({"key": key, "amount": euro(cents), "iban": outside(ending), "name": "Ana Silva", "label": "Order 7",
        "from": "sales"})
}

async fn sends(bank: &Bank, payment: &Told, body: &Value) -> Answer {
    let stranger = bank.suite.stranger();
    bank.by_payments(stranger.post(format!("/internal/payouts/{}", payment.id), body)).await
}

#[tokio::test]
async fn what_payments_tells_is_moved_once() {
    let Some(bank) = Bank::opens().await else { return };
    let card = Told::by("card-simulator");
    // Cumulative sums, told twice and late.
    for sums in
        [(400, 0), (400, 0), (1_000, 0), (400, 0), (1_000, 300), (1_000, 0), (1_000, 300), (1_000, 1_000)]
    {
        bank.hears_of(&card, sums).await.is(204).accept();
    }
    assert_eq!((bank.has("card_receivable").await, bank.has("sales").await), (0, 0));
    let admin = bank.admin().await;
    let list = admin.get("/api/v1/transactions?limit=100").await.is(200);
    let moved = |it: &Value| {
        let (kind, amount) =
            (it["kind"].as_str().expect("a kind"), it["amount"]["amount"].as_i64().expect("cents"));
        (kind.to_owned(), amount)
    };
    let moves: Vec<_> = list.json()["items"].as_array().expect("items").iter().rev().map(moved).collect();
    let expected = [("capture", 400), ("capture", 600), ("refund", 300), ("refund", 700)];
    assert_eq!(moves, expected.map(|(kind, cents)| (kind.to_owned(), cents)));
    let first = &list.json()["items"][0];
    assert_eq!(first["label"], format!("payment {}", card.id));
    assert_eq!(first["metadata"]["order_id"], card.order.as_str());
}

#[tokio::test]
async fn a_refund_that_is_told_before_its_capture_brings_it_along() {
    let Some(bank) = Bank::opens().await else { return };
    let paypal = Told::by("paypal");
    bank.hears_of(&paypal, (1_000, 250)).await.is(204).accept();
    bank.hears_of(&paypal, (1_000, 0)).await.is(204).accept();
    assert_eq!((bank.has("paypal_receivable").await, bank.has("sales").await), (750, 750));
}

#[tokio::test]
async fn a_transfer_is_collected_first_and_a_wallet_has_paid_already() {
    let Some(bank) = Bank::opens().await else { return };
    let stranger = bank.suite.stranger();
    let collection = bank.by_payments(stranger.get("/internal/collection/EUR")).await.is(200);
    let incoming = json!({"iban": collection.text("/iban"), "amount": euro(900), "name": "Zoe", "reference": "RF00",
        "end_to_end_id": "E2E-1", "from_iban": outside("0001")});
    bank.admin().await.post("/api/v1/clearing/incoming", &incoming).key("in").await.is(201).accept();
    let transfer = Told::by("bank-transfer");
    bank.hears_of(&transfer, (900, 0)).await.is(204).accept();
    assert_eq!((bank.has("collection").await, bank.has("sales").await), (0, 900));
    // What went back by a payout is told afterwards, and moved already.
    sends(&bank, &transfer, &payout("r1", 400, "0001")).await.is(201).accept();
    bank.hears_of(&transfer, (900, 400)).await.is(204).accept();
    // What was not paid out is not booked, and neither is what wallets are said to have paid.
    bank.hears_of(&transfer, (900, 500)).await.is(204).accept();
    bank.hears_of(&Told::by("wallet"), (700, 0)).await.is(204).accept();
    bank.hears_of(&Told::by("nobody"), (700, 0)).await.is(204).accept();
    bank.time_passes().await;
    assert_eq!((bank.has("collection").await, bank.has("sales").await), (0, 500));
}

#[tokio::test]
async fn however_many_tell_at_once_it_is_moved_once() {
    let Some(bank) = Bank::opens().await else { return };
    let card = Told::by("card-simulator");
    let sums = [(300, 0), (600, 0), (1_000, 0), (1_000, 100), (1_000, 400)];
    let told = (0..40).map(|number| bank.hears_of(&card, sums[number % sums.len()]));
    for answer in join_all(told).await {
        answer.is(204).accept();
    }
    assert_eq!(bank.has("sales").await, 600);
    // And no more goes back than there is, whoever asks how often.
    let bodies: Vec<_> = (0..10).map(|number| payout(&format!("r{number}"), 150, "0001")).collect();
    let answers = join_all(bodies.iter().map(|body| sends(&bank, &card, body))).await;
    let (sent, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Answer::is_success);
    assert_eq!(sent.len(), 4, "600 cents are there");
    for answer in refused {
        assert_eq!(answer.is_refused(409, "payout-exceeds").answer().json()["left"], euro(0));
    }
    bank.time_passes().await;
    assert_eq!(bank.has("sales").await, 0);
}

#[tokio::test]
async fn a_payout_is_sent_once_and_may_come_back() {
    let Some(bank) = Bank::opens().await else { return };
    let card = Told::by("card-simulator");
    let early = sends(&bank, &card, &payout("r1", 100, "0001")).await.is_refused(409, "payout-exceeds");
    assert_eq!(early.answer().json()["left"], euro(0));
    bank.hears_of(&card, (1_000, 0)).await.is(204).accept();
    let sent = sends(&bank, &card, &payout("r1", 400, "0001")).await.is(201);
    assert_eq!(
        (sent.text("/kind"), sent.text("/state"), sent.text("/stage")),
        ("refund", "pending", "clearing")
    );
    assert_eq!((sent.text("/to/iban"), sent.text("/to/name")), (outside("0001").as_str(), "Ana Silva"));
    let again = sends(&bank, &card, &payout("r1", 400, "0001")).await.is(200);
    assert_eq!(again.text("/id"), sent.text("/id"));
    for other in [payout("r1", 401, "0001"), payout("r1", 400, "0003")] {
        sends(&bank, &card, &other).await.is_refused(422, "idempotency-key-reused");
    }
    let beyond = sends(&bank, &card, &payout("r2", 601, "0001")).await.is_refused(409, "payout-exceeds");
    assert_eq!(beyond.answer().json()["left"], euro(600));
    let fails = sends(&bank, &card, &payout("r3", 300, "0002")).await.is(201);
    let returns = sends(&bank, &card, &payout("r4", 300, "0005")).await.is(201);
    sends(&bank, &card, &payout("r5", 1, "0001")).await.is_refused(409, "payout-exceeds");
    bank.time_passes().await;
    bank.time_passes().await;
    let admin = bank.admin().await;
    let mut states = Vec::new();
    for it in [&sent, &fails, &returns] {
        states.push(admin.sees_transaction(it.text("/id")).await["state"].clone());
    }
    assert_eq!(states, ["posted", "failed", "reversed"]);
    assert_eq!(sends(&bank, &card, &payout("r3", 300, "0002")).await.is(200).text("/state"), "failed");
    // What did not get there can be sent again.
    assert_eq!(bank.has("sales").await, 600);
    sends(&bank, &card, &payout("r6", 600, "0001")).await.is(201).accept();
    bank.time_passes().await;
    assert_eq!(bank.has("sales").await, 0);
}

#[tokio::test]
async fn a_payout_to_an_account_here_needs_no_clearing() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 0).await;
    let card = Told::by("card-simulator");
    bank.hears_of(&card, (1_000, 0)).await.is(204).accept();
    let iban = ana.get(format!("/api/v1/accounts/{wallet}")).await.is(200).text("/iban").to_owned();
    let mut body = payout("r1", 400, "0001");
    body["iban"] = json!(iban);
    let sent = sends(&bank, &card, &body).await.is(201);
    assert_eq!(sent.text("/state"), "posted");
    assert_eq!(sends(&bank, &card, &body).await.is(200).text("/id"), sent.text("/id"));
    assert_eq!(ana.sees_balance(&wallet).await[0], 400);
    // Not to the shop's own accounts, nor to one of another currency.
    let collection = bank.by_payments(bank.suite.stranger().get("/internal/collection/EUR")).await.is(200);
    let dollars = ana.opens_wallet("USD").await;
    let dollars = ana.get(format!("/api/v1/accounts/{dollars}")).await.is(200);
    body["key"] = json!("r2");
    body["iban"] = json!(collection.text("/iban"));
    sends(&bank, &card, &body).await.is_refused(422, "invalid-request");
    body["iban"] = json!(dollars.text("/iban"));
    sends(&bank, &card, &body).await.is_refused(422, "currency-mismatch");
}

#[tokio::test]
async fn what_nobody_could_allocate_goes_back_from_the_collection() {
    let Some(bank) = Bank::opens().await else { return };
    let (unknown, stranger) = (Told::by("bank-transfer"), bank.suite.stranger());
    let collection = bank.by_payments(stranger.get("/internal/collection/EUR")).await.is(200);
    let mut body = payout("r1", 500, "0001");
    body["from"] = json!("collection");
    sends(&bank, &unknown, &body).await.is_refused(409, "insufficient-funds");
    let incoming = json!({"iban": collection.text("/iban"), "amount": euro(500), "name": "Zoe", "end_to_end_id": "E2E-1"});
    bank.admin().await.post("/api/v1/clearing/incoming", &incoming).key("in").await.is(201).accept();
    assert_eq!(sends(&bank, &unknown, &body).await.is(201).text("/kind"), "transfer");
    sends(&bank, &unknown, &body).await.is(200).accept();
    bank.time_passes().await;
    assert_eq!((bank.has("collection").await, bank.has("sales").await), (0, 0));
}

#[tokio::test]
async fn bad_payouts_and_tales_are_refused() {
    let Some(bank) = Bank::opens().await else { return };
    let (card, stranger) = (Told::by("card-simulator"), bank.suite.stranger());
    bank.hears_of(&card, (1_000, 0)).await.is(204).accept();
    let good = payout("r1", 400, "0001");
    for (field, value) in [
        ("amount", euro(0)),
        ("amount", euro(-1)),
        ("amount", json!({"amount": 1, "currency": "XXX"})),
        ("iban", json!("ZZ00BANK000000000001")),
        ("name", json!("")),
        ("key", json!("")),
        ("from", json!("suspense")),
        ("more", json!(1)),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        sends(&bank, &card, &bad).await.is_refused(422, "invalid-request");
    }
    let mut dollars = good.clone();
    dollars["amount"] = json!({"amount": 400, "currency": "USD"});
    sends(&bank, &card, &dollars).await.is_refused(422, "currency-mismatch");
    let path = format!("/internal/payouts/{}", card.id);
    stranger.post(&path, &good).await.is_refused(401, "unauthenticated");
    bank.by_payments(stranger.post("/internal/payouts/x", &good)).await.is_refused(404, "not-found");
    // Only payments may tell of payments.
    let event = souk_tests::opened::event("users", "souk.payment.captured", &card.id, &json!({}));
    bank.by_payments(stranger.post("/internal/events", &event)).await.is_refused(403, "forbidden");
    assert_eq!(bank.has("sales").await, 1_000);
}
