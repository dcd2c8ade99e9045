//! Personal data: what is held on somebody can be had, and erased, and what the law keeps is named.

use serde_json::{Value, json};
use souk_tests::billing::{DOOR, paid_order, refund};
use souk_tests::customers::address;
use souk_tests::opened::Opened;
use souk_tests::{Suite, Until};

#[tokio::test]
async fn a_person_can_have_everything_that_is_held_on_them() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let (ana, bob) = (suite.shop.sign_up("ana").await, suite.shop.sign_up("bob").await);
    ana.adds_address(&address(), &json!({})).await.is(201).accept();
    let (hers, his) = (paid_order(Some(&ana)), paid_order(Some(&bob)));
    suite.is_paid(&hers).await;
    suite.is_paid(&his).await;
    suite.is_refunded(&refund(&hers, 100)).await;
    let export = ana.exports().await.is(200);
    assert!(export.header("content-disposition").is_some_and(|value| value.starts_with("attachment")));
    assert_eq!(export.text("/customer/email"), ana.email());
    assert_eq!(export.text("/addresses/0/address/city"), "Paris");
    assert_eq!(export.text("/services/users/email"), ana.email());
    let billing = &export.json()["services"]["billing"];
    assert_eq!(billing["invoices"].as_array().map(Vec::len), Some(1));
    assert_eq!(billing["invoices"][0]["order_id"], hers["order_id"]);
    assert_eq!(billing["credit_notes"].as_array().map(Vec::len), Some(1));
    let text = export.json().to_string();
    assert!(!text.contains("password") && !text.contains(bob.id()), "{text}");
}

#[tokio::test]
async fn there_is_no_part_of_an_export() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    ana.customer_id().await;
    shop.faults().unreachable("billing", Until::Cleared);
    ana.exports().await.is_refused(503, "unavailable");
    shop.faults().clear();
    ana.exports().await.is(200).accept();
}

#[tokio::test]
async fn an_erasure_says_what_stays_and_why() {
    let shop = Suite::start().await;
    let (ana, merchant) = (shop.sign_up("ana").await, shop.merchant().await);
    ana.adds_address(&address(), &json!({})).await.is(201).accept();
    ana.changes_customer(&json!({"name": "Ana of the lamps"})).await.is(200).accept();
    let id = ana.customer_id().await;
    let report = ana.erases_customer().await.is(200);
    assert!(report.json()["erased"].as_array().is_some_and(|erased| erased.contains(&json!("addresses"))));
    assert!(
        report.text("/kept/0/what").starts_with("invoices") && report.text("/kept/0/why").contains("law")
    );
    assert!(report.text("/kept/0/until").ends_with("-01-01T00:00:00Z"));
    let kept = report.json()["kept"].as_array().expect("a list");
    assert!(kept.iter().any(|kept| kept["what"].as_str().is_some_and(|what| what.contains("account"))));
    // It is gone for everybody, and what is asked for next is another record, of what the account says.
    merchant.get(format!("/api/v1/customers/{id}")).await.is_refused(404, "not-found");
    let found = merchant.get("/api/v1/customers?q=ana%20lamps").await.is(200);
    assert_eq!(found.json()["items"], json!([]));
    let anew = ana.reads_customer().await.is(200);
    assert_ne!(anew.text("/id"), id);
    assert_eq!(anew.text("/name"), "ana");
    assert_eq!(ana.addresses().await, Vec::<Value>::new());
}

#[tokio::test]
async fn nothing_personal_is_left_in_the_database() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    ana.adds_address(&address(), &json!({})).await.is(201).accept();
    let change = json!({"phone": "+33 1 23 45 67 89", "consents": {"newsletter": true}});
    ana.changes_customer(&change).await.is(200).accept();
    ana.erases_customer().await.is(200).accept();
    shop.has_delivered().await;
    let database = rusqlite::Connection::open(shop.state().join("customers.db")).expect("the database");
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    let left = "SELECT count(*) FROM customers WHERE coalesce(user_id, email, name, phone) IS NOT NULL OR consents <> '{}'";
    assert_eq!(count(left), 0);
    assert_eq!(count("SELECT (SELECT count(*) FROM addresses) + (SELECT count(*) FROM customer_words)"), 0);
    assert_eq!(count("SELECT count(*) FROM customers WHERE erased_at IS NOT NULL"), 1);
}

#[tokio::test]
async fn stored_answers_are_erased_and_still_bar_a_repetition() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, bob, merchant) = (shop.sign_up("ana").await, shop.sign_up("bob").await, shop.merchant().await);
    let lamp = shop.has_lamps(5).await;
    let (cart, total) = ana.fills_cart(&lamp, 1).await;
    ana.tries_to_order(&cart, &total, "hers").await.is(201).accept();
    let (his, paid) = bob.fills_cart(&lamp, 1).await;
    let bobs = bob.tries_to_order(&his, &paid, "his").await.is(201);
    let path = format!("/api/v1/customers/{}/addresses", ana.customer_id().await);
    let address = json!({"address": address()});
    merchant.post(&path, &address).key("address").await.is(201).accept();
    ana.erases_customer().await.is(200).accept();
    shop.has_delivered().await;
    // What was done is not done again, and what was answered is not told again.
    ana.tries_to_order(&cart, &total, "hers").await.is_refused(410, "answer-erased");
    assert_eq!(bob.tries_to_order(&his, &paid, "his").await.is(201).body, bobs.body);
    for database in ["orders.db", "customers.db"] {
        let database = rusqlite::Connection::open(shop.state().join(database)).expect("the database");
        let left = "SELECT count(*) FROM idempotency
            WHERE body IS NOT NULL AND caller <> ?2 AND (caller = ?1 OR instr(body, 'rue de la Paix'))";
        let left = database.query_row(left, [ana.id(), bob.id()], |row| row.get::<_, i64>(0));
        assert_eq!(left.expect("a number"), 0);
    }
}

#[tokio::test]
async fn who_deletes_the_account_is_forgotten() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, merchant) = (shop.sign_up("ana").await, shop.merchant().await);
    let id = ana.customer_id().await;
    ana.deletes_account().await.is(204).accept();
    shop.has_delivered().await;
    merchant.get(format!("/api/v1/customers/{id}")).await.is_refused(404, "not-found");
    // The token lives on for some minutes and brings nothing back.
    ana.reads_customer().await.is_refused(404, "not-found");
    ana.exports().await.is_refused(404, "not-found");
}

#[tokio::test]
async fn invoices_outlive_an_erasure_and_say_so() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let (ana, merchant) = (suite.shop.sign_up("ana").await, suite.shop.merchant().await);
    let order = paid_order(Some(&ana));
    suite.is_paid(&order).await;
    let before = ana.invoice_of(&order).await;
    assert_eq!(before.json()["retention"]["buyer_erased_at"], Value::Null);
    ana.customer_id().await;
    ana.erases_customer().await.is(200).accept();
    suite.shop.has_delivered().await;
    let after = merchant.invoice_of(&order).await;
    assert!(after.json()["retention"]["buyer_erased_at"].is_string());
    assert!(after.text("/retention/until").ends_with("-01-01T00:00:00Z"));
    assert_eq!(after.json()["buyer"], before.json()["buyer"]);
    assert_eq!(after.json()["number"], before.json()["number"]);
}
