//! The ledger as people use it: wallets, transfers, statements, changes, reversals, batches.

use serde_json::{Value, json};
use souk_tests::ledger::{Bank, euro, in_days, transfer};
use souk_tests::unique;

#[tokio::test]
async fn money_goes_from_one_wallet_to_another() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 10_000).await;
    let (bob, to) = bank.customer("bob", 0).await;
    let answer = ana.transfers(&from, &to, 2_550).await.is(201);
    assert_eq!(answer.text("/state"), "posted");
    assert_eq!(answer.json()["amount"], euro(2_550));
    assert!(answer.json()["to"]["account_id"].is_null(), "{answer} tells of somebody else's account");
    assert_eq!(ana.sees_balance(&from).await, [7_450, 0, 7_450]);
    assert_eq!(bob.sees_balance(&to).await, [2_550, 0, 2_550]);
    let seen = bob.sees_transaction(answer.text("/id")).await;
    assert_eq!(seen["to"]["account_id"], to.as_str());
    // A stranger to it sees nothing.
    let (eve, _) = bank.customer("eve", 0).await;
    let path = format!("/api/v1/transactions/{}", answer.text("/id"));
    eve.get(path).await.is_refused(404, "not-found");
    eve.get(format!("/api/v1/accounts/{from}")).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn a_transfer_names_its_target_in_several_ways() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 10_000).await;
    let (bob, to) = bank.customer("bob", 0).await;
    let account = bob.get(format!("/api/v1/accounts/{to}")).await.is(200);
    let iban = account.text("/iban");
    assert!(iban.starts_with("XS") && iban.len() == 20, "{iban}");
    let beneficiary = json!({"iban": iban, "name": "Bob", "label": "My friend"});
    let beneficiary = ana.post("/api/v1/beneficiaries", &beneficiary).await.is(201);
    let spaced = format!("{} {} {}", &iban[..4], &iban[4..8], &iban[8..]);
    for target in [
        json!({"account": to}),
        json!({"iban": spaced, "name": "Bob"}),
        json!({"user": bob.id()}),
        json!({"beneficiary": beneficiary.text("/id")}),
    ] {
        let body = json!({"kind": "transfer", "from_account": from, "to": target, "amount": euro(100), "label": "Lunch"});
        ana.moves_money(&body).await.is(201).accept();
    }
    assert_eq!(bob.sees_balance(&to).await[0], 400);
    let path = format!("/api/v1/beneficiaries/{}", beneficiary.text("/id"));
    bob.delete(&path).await.is_refused(404, "not-found");
    ana.delete(&path).await.is(204).accept();
    assert_eq!(ana.get("/api/v1/beneficiaries").await.is(200).json()["items"], json!([]));
}

#[tokio::test]
async fn a_statement_has_every_line_with_the_balance_after_it() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    for cents in 1..=5 {
        let mut body = transfer(&from, &to, cents);
        body["label"] = json!(format!("=cmd|' /C calc'!A{cents}, \"x\""));
        ana.moves_money(&body).await.is(201).accept();
    }
    let path = format!("/api/v1/accounts/{from}/statement");
    let (mut lines, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ana.get(format!("{path}?limit=2{cursor}")).await.is(200);
        lines.extend(page.json()["items"].as_array().expect("items").clone());
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let numbers = |name: &str| -> Vec<i64> {
        lines.iter().map(|line| line[name]["amount"].as_i64().expect("an amount")).collect()
    };
    assert_eq!(numbers("amount"), [-5, -4, -3, -2, -1, 1_000]);
    assert_eq!(numbers("balance"), [985, 990, 994, 997, 999, 1_000]);
    let deposits = ana.get(format!("{path}?kind=deposit")).await.is(200);
    assert_eq!(deposits.json()["items"].as_array().map(Vec::len), Some(1));
    let at = lines[5]["at"].as_str().expect("a time");
    let balance = ana.get(format!("/api/v1/accounts/{from}/balance?at={at}")).await.is(200);
    assert_eq!(balance.json()["posted"], euro(1_000));
    let before = ana.get(format!("/api/v1/accounts/{from}/balance?at=2020-01-01T00:00:00Z")).await.is(200);
    assert_eq!(before.json()["posted"], euro(0));
    let table = ana.get(&path).header("accept", "text/csv").await.is(200);
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = String::from_utf8(table.body.to_vec()).expect("UTF-8");
    assert_eq!(text.lines().count(), 7, "{text}");
    assert!(text.contains("\"'=cmd|' /C calc'!A5, \"\"x\"\"\""), "{text}");
}

#[tokio::test]
async fn the_same_key_moves_money_once() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    let key = unique("key");
    let first = ana.post("/api/v1/transactions", &transfer(&from, &to, 600)).key(&key).await.is(201);
    let again = ana.post("/api/v1/transactions", &transfer(&from, &to, 600)).key(&key).await.is(201);
    assert_eq!(first.body, again.body);
    let other = ana.post("/api/v1/transactions", &transfer(&from, &to, 601)).key(&key).await;
    other.is_refused(422, "idempotency-key-reused");
    assert_eq!(ana.sees_balance(&from).await[0], 400);
}

#[tokio::test]
async fn what_is_posted_is_reversed_and_never_edited() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    let posted = ana.transfers(&from, &to, 600).await.is(201);
    let path = format!("/api/v1/transactions/{}", posted.text("/id"));
    ana.patch(&path, &json!({"label": "x"})).await.is_refused(409, "transaction-state");
    ana.patch(&path, &json!({"state": "cancelled"})).await.is_refused(409, "transaction-state");
    let noted = ana.patch(&path, &json!({"note": "a mistake"})).await.is(200);
    assert_eq!(noted.text("/note"), "a mistake");
    let stale = ana.patch(&path, &json!({"note": "again"})).if_match("\"v1\"").await;
    stale.is_refused(412, "precondition-failed");
    let admin = bank.admin().await;
    let reverse = json!({"reason": "a mistake"});
    let undone = admin.post(format!("{path}/reverse"), &reverse).key(&unique("key")).await.is(201);
    assert_eq!((undone.text("/kind"), undone.text("/reverses")), ("reversal", posted.text("/id")));
    let seen = ana.sees_transaction(posted.text("/id")).await;
    assert_eq!((&seen["state"], &seen["reversed_by"]), (&json!("reversed"), &undone.json()["id"]));
    assert_eq!(ana.sees_balance(&from).await[0], 1_000);
    let twice = admin.post(format!("{path}/reverse"), &reverse).key(&unique("key")).await;
    twice.is_refused(409, "transaction-state");
    let own = ana.post(format!("{path}/reverse"), &reverse).key(&unique("key")).await;
    own.is_refused(403, "insufficient-scope");
}

#[tokio::test]
async fn a_linked_batch_is_made_whole_or_not_at_all() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (bob, to) = bank.customer("bob", 0).await;
    let batch = |amounts: &[i64], linked: bool| {
        let transactions: Vec<Value> = amounts.iter().map(|cents| transfer(&from, &to, *cents)).collect();
        json!({"transactions": transactions, "linked": linked})
    };
    let ana = &ana;
    let post = |body: Value| async move {
        ana.post("/api/v1/transactions/batches", &body).key(&unique("key")).await
    };
    let made = post(batch(&[100, 200, 300], true)).await.is(201);
    assert_eq!(made.json()["transactions"].as_array().map(Vec::len), Some(3));
    // The second would overdraw: nothing of it happens.
    let refused = post(batch(&[100, 400], true)).await.is_refused(409, "insufficient-funds");
    assert!(refused.answer().text("/detail").starts_with("Transaction 1 "), "{}", refused.answer());
    post(batch(&[100, 0], true))
        .await
        .is_refused(422, "invalid-request")
        .with_field("/transactions/1/amount/amount");
    assert_eq!(bob.sees_balance(&to).await[0], 600);
    let outcomes = post(batch(&[100, 400, 0, 300], false)).await.is(201);
    let outcomes = outcomes.json()["transactions"].clone();
    assert_eq!(outcomes[0]["state"], "posted");
    assert_eq!(outcomes[1]["problem"]["type"], "/problems/insufficient-funds");
    assert_eq!(outcomes[2]["problem"]["status"], 422);
    assert_eq!(outcomes[3]["state"], "posted");
    assert_eq!(bob.sees_balance(&to).await[0], 1_000);
}

#[tokio::test]
async fn transactions_are_found_by_account_state_and_kind() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (bob, to) = bank.customer("bob", 0).await;
    ana.transfers(&from, &to, 100).await.is(201).accept();
    let mut later = transfer(&from, &to, 200);
    later["at"] = json!(in_days(30));
    ana.moves_money(&later).await.is(201).accept();
    let count = |person: &souk_tests::Person, query: &str| {
        let (person, path) = (person.clone(), format!("/api/v1/transactions{query}"));
        async move { person.get(path).await.is(200).json()["items"].as_array().map_or(0, Vec::len) }
    };
    assert_eq!(count(&ana, "").await, 3);
    assert_eq!(count(&bob, "").await, 2);
    assert_eq!(count(&ana, &format!("?account={from}&state=pending")).await, 1);
    assert_eq!(count(&ana, "?kind=deposit").await, 1);
    ana.get(format!("/api/v1/transactions?account={to}")).await.is_refused(404, "not-found");
    let admin = bank.admin().await;
    assert_eq!(count(&admin, "").await, 3);
    assert_eq!(count(&admin, &format!("?account={to}")).await, 2);
}

#[tokio::test]
async fn an_account_is_closed_when_it_is_empty() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 100).await;
    let (_, to) = bank.customer("bob", 0).await;
    let path = format!("/api/v1/accounts/{from}");
    let close = json!({"state": "closed"});
    ana.patch(&path, &close).await.is_refused(409, "account-not-empty");
    ana.transfers(&from, &to, 100).await.is(201).accept();
    let renamed = ana.patch(&path, &json!({"label": "Old"})).if_match("\"v1\"").await.is(200);
    assert_eq!(renamed.text("/label"), "Old");
    ana.patch(&path, &close).if_match("\"v1\"").await.is_refused(412, "precondition-failed");
    assert_eq!(ana.patch(&path, &close).await.is(200).text("/state"), "closed");
    ana.transfers(&to, &from, 1).await.is_refused_somehow();
    bank.admin().await.deposits(&from, 1).await.is_refused(409, "account-closed");
}

#[tokio::test]
async fn the_shop_posts_what_its_books_need() {
    let Some(bank) = Bank::opens().await else { return };
    let admin = bank.admin().await;
    let (_, wallet) = bank.customer("ana", 100).await;
    let account = |kind: &str| json!({"currency": "EUR", "label": kind, "kind": kind, "owner": null});
    let rent = admin.post("/api/v1/accounts", &account("expense")).await.is(201).text("/id").to_owned();
    let cash = admin.post("/api/v1/accounts", &account("asset")).await.is(201).text("/id").to_owned();
    let posting = |first: i64, second: i64| {
        json!({"kind": "posting", "label": "Rent", "postings": [
            {"account": rent, "amount": euro(first)}, {"account": cash, "amount": euro(second)}]})
    };
    admin.moves_money(&posting(-500, 500)).await.is(201).accept();
    // An expense grows by a debit; an asset falls by a credit.
    assert_eq!(admin.sees_balance(&rent).await[0], 500);
    assert_eq!(admin.sees_balance(&cash).await[0], -500);
    admin.moves_money(&posting(-500, 499)).await.is_refused(422, "invalid-request").with_field("/postings");
    let mut twice = posting(-1, 1);
    twice["postings"][1]["account"] = json!(rent);
    admin.moves_money(&twice).await.is_refused(422, "invalid-request").with_field("/postings/1/account");
    let (ana, own) = bank.customer("bob", 0).await;
    ana.moves_money(&posting(-1, 1)).await.is_refused(403, "forbidden");
    ana.deposits(&own, 100).await.is_refused(403, "forbidden");
    ana.transfers(&own, &wallet, 1).await.is_refused(409, "insufficient-funds");
}

#[tokio::test]
async fn a_person_is_told_of_their_accounts_and_the_books_outlive_them() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, account) = bank.customer("ana", 1_000).await;
    let iban = ana.get(format!("/api/v1/accounts/{account}")).await.is(200).text("/iban").to_owned();
    ana.post("/api/v1/beneficiaries", &json!({"iban": iban, "name": "Ana"})).await.is(201).accept();
    let export = ana.exports().await.is(200);
    assert_eq!(export.text("/services/transactions/accounts/0/id"), account);
    assert_eq!(export.text("/services/transactions/beneficiaries/0/name"), "Ana");
    ana.deletes_account().await.is(204).accept();
    bank.suite.has_delivered().await;
    let count = |table| {
        let sql = format!("SELECT count(*) FROM {table} WHERE owner = ?1");
        bank.database().query_row(&sql, [ana.id()], |row| row.get::<_, i64>(0)).expect("a number")
    };
    assert_eq!((count("beneficiaries"), count("accounts")), (0, 1));
    bank.is_sound();
}
