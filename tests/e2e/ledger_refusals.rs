//! Bad input of the ledger: each is refused with a clear 4xx, and nothing is moved.

use serde_json::{Value, json};
use souk_tests::inventory::id;
use souk_tests::ledger::{Bank, euro, outside, transfer};
use souk_tests::unique;

/// A transfer with something else in it.
fn with(transfer: &Value, field: &str, value: Value) -> Value {
    let mut body = transfer.clone();
    *body.pointer_mut(field).unwrap_or_else(|| panic!("no {field}")) = value;
    body
}

#[tokio::test]
async fn an_amount_that_means_nothing_is_refused() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    let good = transfer(&from, &to, 1);
    for amount in [
        json!(0),
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(1e30),
        json!(9_007_199_254_740_993_i64),
        json!(null),
    ] {
        let body = with(&good, "/amount/amount", amount);
        ana.moves_money(&body).await.is_refused(422, "invalid-request").with_field("/amount/amount");
    }
    let huge = good.to_string().replace("\"amount\":1,", "\"amount\":123456789012345678901234567890,");
    let request = ana.post("/api/v1/transactions", "").body("application/json", huge).key(&unique("key"));
    request.await.is_refused(422, "invalid-request");
    for currency in ["eur", "EURO", "XXX", ""] {
        let body = with(&good, "/amount/currency", json!(currency));
        ana.moves_money(&body).await.is_refused(422, "invalid-request").with_field("/amount/currency");
    }
    let yen = with(&good, "/amount/currency", json!("JPY"));
    ana.moves_money(&yen).await.is_refused(422, "currency-mismatch");
    assert_eq!(ana.sees_balance(&from).await, [1_000, 0, 1_000]);
}

#[tokio::test]
async fn an_account_that_is_not_there_or_not_theirs_is_refused() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (_, to) = bank.customer("bob", 1_000).await;
    let good = transfer(&from, &to, 1);
    let refused = |body: Value, field: &'static str| {
        let ana = ana.clone();
        async move { drop(ana.moves_money(&body).await.is_refused(422, "invalid-request").with_field(field)) }
    };
    // Somebody else's account looks as one that is not there.
    refused(with(&good, "/from_account", json!(to)), "/from_account").await;
    refused(with(&good, "/from_account", json!(id("acc"))), "/from_account").await;
    refused(with(&good, "/from_account", json!("acc_1")), "/from_account").await;
    refused(with(&good, "/to/account", json!(id("acc"))), "/to/account").await;
    refused(with(&good, "/to/account", json!(from)), "/to/account").await;
    refused(with(&good, "/to", json!({"user": id("usr")})), "/to/user").await;
    refused(with(&good, "/to", json!({"beneficiary": id("ben")})), "/to/beneficiary").await;
    refused(with(&good, "/to", json!({})), "/to").await;
    refused(with(&good, "/to", json!({"account": to, "user": id("usr")})), "/to").await;
    refused(with(&good, "/to", json!({"iban": outside("0001")})), "/to/name").await;
    // The shop's own accounts are nobody's to pay into.
    let all = bank.admin().await.get("/api/v1/accounts?limit=100").await.is(200);
    let own = |account: &&Value| account["role"] == "clearing";
    let clearing = all.json()["items"].as_array().and_then(|list| list.iter().find(own)).expect("an account");
    refused(with(&good, "/to/account", clearing["id"].clone()), "/to/account").await;
    assert_eq!(ana.sees_balance(&from).await, [1_000, 0, 1_000]);
}

#[tokio::test]
async fn an_account_number_with_wrong_check_digits_is_refused() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let good = outside("0001");
    let digits: u32 = good[2..4].parse().expect("digits");
    let wrong = format!("ZZ{:02}{}", digits % 97 + 1, &good[4..]);
    for iban in
        [wrong.as_str(), "DE88370400440532013000", "DE8937040044053201300", "", "hello", &"Z".repeat(500)]
    {
        let body = json!({"kind": "transfer", "from_account": from, "amount": euro(1),
            "to": {"iban": iban, "name": "X"}});
        ana.moves_money(&body).await.is_refused(422, "invalid-request").with_field("/to/iban");
        let beneficiary = json!({"iban": iban, "name": "X"});
        ana.post("/api/v1/beneficiaries", &beneficiary)
            .await
            .is_refused(422, "invalid-request")
            .with_field("/iban");
    }
    // One of ours that nobody has.
    let body = json!({"kind": "transfer", "from_account": from, "amount": euro(1),
        "to": {"iban": "XS31SOUK000000000000", "name": "X"}});
    ana.moves_money(&body).await.is_refused(422, "invalid-request").with_field("/to/iban");
}

#[tokio::test]
async fn what_does_not_belong_together_is_refused() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    let good = transfer(&from, &to, 1);
    let mut cases = Vec::new();
    for (field, value) in [
        ("to_account", json!(to)),
        ("postings", json!([{"account": from, "amount": euro(1)}, {"account": to, "amount": euro(-1)}])),
        ("at", json!("2020-01-01T00:00:00Z")),
        ("at", json!("2999-01-01T00:00:00Z")),
        ("at", json!("tomorrow")),
        ("label", json!("x".repeat(141))),
        ("label", json!("a\u{0}b")),
        ("metadata", json!({"x": "y".repeat(5_000)})),
        ("metadata", json!([1])),
        ("color", json!("red")),
        ("kind", json!("gift")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        cases.push((body, format!("/{field}")));
    }
    for (body, field) in cases {
        ana.moves_money(&body).await.is_refused(422, "invalid-request").with_field(&field);
    }
    ana.post("/api/v1/transactions", &good).await.is_refused(400, "idempotency-key-required");
    ana.post("/api/v1/transactions/batches", &json!({"transactions": [good]}))
        .await
        .is_refused(400, "idempotency-key-required");
    for transactions in [json!([]), json!(vec![good.clone(); 1_001])] {
        let body = json!({"transactions": transactions});
        let answer = ana.post("/api/v1/transactions/batches", &body).key(&unique("key")).await;
        answer.is_refused(422, "invalid-request").with_field("/transactions");
    }
    assert_eq!(ana.sees_balance(&from).await, [1_000, 0, 1_000]);
}

#[tokio::test]
async fn limits_and_accounts_are_the_shops_to_set() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, wallet) = bank.customer("ana", 100).await;
    for body in [
        json!({"currency": "EUR", "label": "x", "kind": "asset"}),
        json!({"currency": "EUR", "label": "x", "owner": null}),
        json!({"currency": "EUR", "label": "x", "limits": {"min_balance": -1_000_000}}),
    ] {
        ana.post("/api/v1/accounts", &body).await.is_refused(403, "forbidden");
    }
    for body in [json!({"currency": "XYZ", "label": "x"}), json!({"currency": "EUR", "label": ""})] {
        ana.post("/api/v1/accounts", &body).await.is_refused(422, "invalid-request");
    }
    let admin = bank.admin().await;
    let path = format!("/api/v1/accounts/{wallet}");
    let limits = |least: i64| json!({"limits": {"min_balance": least}});
    admin.patch(&path, &limits(101)).await.is_refused(409, "limit-not-met");
    admin.patch(&path, &limits(-50)).await.is(200).accept();
    let (_, to) = bank.customer("bob", 0).await;
    ana.transfers(&wallet, &to, 151).await.is_refused(409, "insufficient-funds");
    ana.transfers(&wallet, &to, 150).await.is(201).accept();
    assert_eq!(ana.sees_balance(&wallet).await, [-50, 0, 0]);
    let (eve, _) = bank.customer("eve", 0).await;
    eve.patch(&path, &json!({"label": "mine"})).await.is_refused(404, "not-found");
    for _ in 1..50 {
        eve.opens_wallet("EUR").await;
    }
    let more = eve.post("/api/v1/accounts", &json!({"currency": "EUR", "label": "x"})).await;
    more.is_refused(409, "too-many-accounts");
}
