//! Invoices and statements, as buyers and merchants find and read them.

use crate::billing::amount;
use serde_json::{Value, json};
use souk_tests::billing::{DOOR, paid_order, refund};
use souk_tests::opened::{Opened, id};
use souk_tests::orders::GOOD_CARD;
use souk_tests::{Answer, Person, Suite};
use std::time::Instant;

fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// The entries of a statement: what each is, its amount and the balance after it.
fn entries(statement: &Answer) -> Vec<(&str, i64, i64)> {
    let entries = statement.json()["accounts"][0]["entries"].as_array().expect("entries");
    let entry = |it| -> Option<(&str, i64, i64)> {
        let it: &Value = it;
        Some((it["kind"].as_str()?, amount(&it["amount"]), amount(&it["balance"])))
    };
    entries.iter().filter_map(entry).collect()
}

#[tokio::test]
async fn a_statement_goes_from_what_was_owed_to_what_is_owed() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let (ana, bob, merchant) =
        (suite.shop.sign_up("ana").await, suite.shop.sign_up("bob").await, suite.shop.merchant().await);
    let order = paid_order(Some(&ana));
    suite.is_paid(&order).await;
    for other in [&paid_order(Some(&bob)), &paid_order(None)] {
        suite.is_paid(other).await;
    }
    suite.is_refunded(&refund(&order, 4555)).await;
    let own = ana.get("/api/v1/statements/me").await.is(200);
    let invoiced = [("invoice", 14_555, 14_555), ("payment", -14_555, 0)];
    assert_eq!(entries(&own)[..2], invoiced);
    assert_eq!(entries(&own)[2], ("credit_note", -4555, -4555));
    let account = &own.json()["accounts"][0];
    assert_eq!((&account["opening_balance"], &account["invoiced"]), (&euros(0), &euros(14_555)));
    assert_eq!((&account["paid"], &account["credited"]), (&euros(14_555), &euros(4555)));
    let seen = merchant.get(format!("/api/v1/statements?customer={}", ana.id())).await.is(200);
    assert_eq!(seen.json()["accounts"][0]["entries"], account["entries"]);
    let guest = merchant.get("/api/v1/statements?customer=guest@example.com").await.is(200);
    assert_eq!(entries(&guest), invoiced);
}

#[tokio::test]
async fn a_statement_begins_with_the_balance_of_all_that_was_before() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let order = paid_order(Some(&ana));
    suite.is_paid(&order).await;
    // The money goes back later than the credit note is issued: in between, it is owed to her.
    let mut back = refund(&order, 4555);
    back["refunded_at"] = "2031-01-01T00:00:00Z".into();
    suite.is_refunded(&back).await;
    let statement = async |period: &str| ana.get(format!("/api/v1/statements/me?{period}")).await.is(200);
    let first = statement("from=2020-01-01T00:00:00Z&to=2030-01-01T00:00:00Z").await;
    let then = statement("from=2030-01-01T00:00:00Z&to=2032-01-01T00:00:00Z").await;
    assert_eq!(entries(&first).last(), Some(&("credit_note", -4555, -4555)));
    assert_eq!(first.json()["accounts"][0]["closing_balance"], euros(-4555));
    assert_eq!(then.json()["accounts"][0]["opening_balance"], euros(-4555));
    assert_eq!(entries(&then), [("refund", 4555, 0)]);
    assert_eq!(then.json()["accounts"][0]["closing_balance"], euros(0));
    let before = statement("from=2001-01-01T00:00:00Z&to=2002-01-01T00:00:00Z").await;
    assert_eq!(before.json()["accounts"], json!([]));
    let wrong = ana.get("/api/v1/statements/me?from=2002-01-01T00:00:00Z&to=2001-01-01T00:00:00Z").await;
    wrong.is_refused(422, "invalid-request").with_field("to");
}

#[tokio::test]
async fn a_merchant_finds_invoices_by_the_customers_id_even_of_one_who_was_erased() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let (ana, bob, merchant) =
        (suite.shop.sign_up("ana").await, suite.shop.sign_up("bob").await, suite.shop.merchant().await);
    suite.is_paid(&paid_order(Some(&ana))).await;
    suite.is_paid(&paid_order(None)).await;
    let record = json!({"email": "guest@example.com"});
    let guest = merchant.post("/api/v1/customers", &record).await.is(201).text("/id").to_owned();
    let (anas, bobs) = (ana.customer_id().await, bob.customer_id().await);
    for (customer, count) in [(&anas, 1), (&bobs, 0), (&guest, 1)] {
        assert_eq!(merchant.invoices(&format!("&customer={customer}")).await.len(), count, "{customer}");
    }
    let statement = merchant.get(format!("/api/v1/statements?customer={anas}")).await.is(200);
    assert_eq!(statement.text("/customer"), ana.id());
    assert_eq!(entries(&statement).len(), 2);
    let nobody = format!("/api/v1/statements?customer={}", id("cus"));
    merchant.get(nobody).await.is_refused(404, "not-found");
    // Somebody else's number shows nobody anything.
    assert!(bob.invoices(&format!("&customer={anas}")).await.is_empty());
    ana.erases_customer().await.is(200).accept();
    suite.shop.has_delivered().await;
    assert_eq!(merchant.invoices(&format!("&customer={anas}")).await.len(), 1);
}

#[tokio::test]
async fn a_guest_reads_the_invoice_with_the_token_of_the_order() {
    let shop = Suite::start().await;
    let (admin, guest, ana) = (shop.admin().await, shop.stranger(), shop.sign_up("ana").await);
    let lamp = shop.has_lamps(10).await;
    let (order, other) = (guest.orders(&lamp, 1).await, guest.orders(&lamp, 1).await);
    for order in [&order, &other] {
        guest.pays_with(order, GOOD_CARD).await.is(200).accept();
        guest.sees_that(order, |order| order["invoice"].is_string()).await;
    }
    let refund = json!({"amount": {"amount": 100, "currency": "EUR"}, "reason": "a scratch"});
    admin.does(&order, "refunds", &refund).await.is(202).accept();
    guest.sees_that(&order, |order| order["refunded"]["amount"] == 100).await;
    let token = order.token.as_deref().expect("a guest's order has a token");
    let stolen = other.token.as_deref().expect("a guest's order has a token");
    let asks = async |person: &Person, path: &str, token: &str| {
        person.get(format!("/api/v1/{path}")).header("guest-token", token).await
    };
    let list = asks(&guest, &format!("invoices?order={}", order.id()), token).await.is(200);
    assert_eq!(list.json()["items"].as_array().map(Vec::len), Some(1));
    let path = format!("invoices/{}", list.text("/items/0/id"));
    let started = Instant::now();
    while asks(&guest, &path, token).await.is(200).json()["credit_notes"][0].is_null() {
        assert!(started.elapsed().as_secs() < 15, "no credit note was issued");
        shop.ticks().await;
    }
    // Whoever has the token is who may, signed in or not.
    for reader in [&guest, &ana] {
        let invoice = asks(reader, &path, token).await.is(200);
        assert_eq!(invoice.text("/order_id"), order.id());
        let page = reader.get(format!("/api/v1/{path}")).header("accept", "text/html");
        let page = page.header("guest-token", token).await.is(200);
        assert!(String::from_utf8_lossy(&page.body).contains(invoice.text("/number")));
        let note = format!("credit-notes/{}", invoice.text("/credit_notes/0/id"));
        assert_eq!(asks(reader, &note, token).await.is(200).text("/invoice_id"), invoice.text("/id"));
        asks(reader, &note, stolen).await.is_refused(404, "not-found");
        asks(reader, &path, stolen).await.is_refused(404, "not-found");
        let others = asks(reader, &format!("invoices?order={}", order.id()), stolen).await.is(200);
        assert_eq!(others.json()["items"], json!([]));
    }
    ana.get(format!("/api/v1/{path}")).await.is_refused(404, "not-found");
    guest.get(format!("/api/v1/{path}")).await.is_refused(401, "unauthenticated");
    guest.get("/api/v1/invoices").await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn no_token_opens_the_invoice_of_a_person() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let (ana, guest) = (suite.shop.sign_up("ana").await, suite.shop.stranger());
    let mut order = paid_order(Some(&ana));
    // The SHA-256 of `known`, as orders would tell it of a guest.
    order["token_hash"] = "cRf_8tD9KURis8gCt8uHU1efI_OUa5nPVfOOhz8BPxA".into();
    suite.is_paid(&order).await;
    let path = format!("/api/v1/invoices/{}", ana.invoice_of(&order).await.text("/id"));
    guest.get(&path).header("guest-token", "known").await.is_refused(404, "not-found");
    ana.get(&path).header("guest-token", "known").await.is(200).accept();
    let seen = async || {
        let list = guest.get("/api/v1/invoices").header("guest-token", "known").await.is(200);
        list.json()["items"].as_array().map(Vec::len)
    };
    assert_eq!(seen().await, Some(0));
    let mut guests = paid_order(None);
    guests["token_hash"] = order["token_hash"].clone();
    suite.is_paid(&guests).await;
    assert_eq!(seen().await, Some(1));
}

#[tokio::test]
async fn invoices_are_listed_newest_first_and_by_page() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let orders: Vec<Value> = (0..5).map(|_| paid_order(Some(&ana))).collect();
    for order in &orders {
        suite.is_paid(order).await;
    }
    suite.is_refunded(&refund(&orders[0], 14_555)).await;
    suite.is_refunded(&refund(&orders[1], 1)).await;
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = ana.get(format!("/api/v1/invoices?limit=2{next}")).await.is(200);
        seen.extend(page.json()["items"].as_array().expect("a list").clone());
        match page.json()["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let wanted: Vec<&Value> = orders.iter().rev().map(|order| &order["order_id"]).collect();
    assert_eq!(seen.iter().map(|invoice| &invoice["order_id"]).collect::<Vec<_>>(), wanted);
    for (status, count) in [("paid", 3), ("partially_refunded", 1), ("refunded", 1)] {
        assert_eq!(ana.invoices(&format!("&status={status}")).await.len(), count, "{status}");
    }
    let latest = seen[0]["issued_at"].as_str().expect("a time");
    assert!(!ana.invoices(&format!("&from={latest}")).await.is_empty());
    assert!(ana.invoices(&format!("&to={latest}")).await.len() < 5);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let merchant = suite.shop.merchant().await;
    for (query, blamed) in [
        ("order=1", "order"),
        ("status=lost", "status"),
        ("from=yesterday", "from"),
        ("customer=somebody", "customer"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
    ] {
        let answer = merchant.get(format!("/api/v1/invoices?{query}")).await;
        answer.is_refused(422, "invalid-request").with_field(blamed);
    }
    merchant.get("/api/v1/invoices?cursor=x").await.is_refused(400, "malformed-request");
    merchant.get("/api/v1/statements").await.is_refused(422, "invalid-request").with_field("customer");
    for path in
        ["invoices/x".to_owned(), format!("invoices/{}", id("inv")), format!("credit-notes/{}", id("inv"))]
    {
        merchant.get(format!("/api/v1/{path}")).await.is_refused(404, "not-found");
    }
    let invoice = format!("/api/v1/invoices/{}", id("inv"));
    merchant.delete(&invoice).await.is_refused(405, "method-not-allowed");
    merchant.patch(&invoice, &json!({})).await.is_refused(405, "method-not-allowed");
}
