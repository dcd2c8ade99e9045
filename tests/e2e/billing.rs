//! Billing: what becomes of a paid order in the books.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::billing::{DOOR, paid_order, refund};
use souk_tests::opened::{Opened, event};
use std::collections::BTreeSet;

pub fn amount(value: &Value) -> i64 {
    value["amount"].as_i64().unwrap_or_else(|| panic!("{value} is no money"))
}

fn gross(document: &Value) -> i64 {
    let groups = document["tax_breakdown"].as_array().expect("a breakdown");
    groups.iter().map(|group| amount(&group["gross"])).sum()
}

/// The serial numbers of invoices, in order.
fn serials(invoices: &[Value]) -> Vec<u64> {
    let serial = |invoice: &Value| invoice["number"].as_str()?.rsplit('-').next()?.parse().ok();
    invoices.iter().filter_map(serial).collect::<BTreeSet<u64>>().into_iter().collect()
}

#[tokio::test]
async fn a_paid_order_is_invoiced_to_its_buyer() {
    let Some(suite) = Opened::starts_with(
        DOOR,
        &[
            ("seller_name", "Souk & Co"),
            ("seller_address", "1 quai | 69001 Lyon"),
            ("seller_tax_id", "FR123"),
        ],
    )
    .await
    else {
        return;
    };
    let ana = suite.shop.sign_up("ana").await;
    let order = paid_order(Some(&ana));
    suite.is_paid(&order).await;
    let invoice = ana.invoice_of(&order).await;
    assert!(invoice.text("/number").starts_with("INV-20") && invoice.text("/number").ends_with("-000001"));
    assert_eq!(invoice.json()["totals"], order["totals"]);
    assert_eq!(invoice.json()["lines"], order["lines"]);
    assert_eq!(
        invoice.json()["seller"],
        json!({"name": "Souk & Co", "address": ["1 quai", "69001 Lyon"], "tax_id": "FR123"})
    );
    assert_eq!(invoice.text("/payment/status"), "paid");
    assert_eq!(invoice.text("/due_at"), invoice.text("/issued_at"));
    assert_eq!(amount(&invoice.json()["payment"]["paid"]), 14_555);
    // 120.00 + 5.45 at 20 %, 20.10 at 5.5 %.
    let rates: Vec<_> = invoice.json()["tax_breakdown"].as_array().expect("a breakdown").iter().collect();
    let rates: Vec<_> = rates
        .iter()
        .map(|it| (it["taxes"][0]["rate_bp"].as_i64(), amount(&it["net"]), amount(&it["gross"])))
        .collect();
    assert_eq!(rates, [(Some(550), 1905, 2010), (Some(2000), 10_454, 12_545)]);
    assert_eq!(gross(invoice.json()), 14_555);
}

#[tokio::test]
async fn somebody_elses_invoice_is_not_there() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let (ana, bob) = (suite.shop.sign_up("ana").await, suite.shop.sign_up("bob").await);
    let (order, guests) = (paid_order(Some(&ana)), paid_order(None));
    suite.is_paid(&order).await;
    suite.is_paid(&guests).await;
    suite.is_refunded(&refund(&order, 100)).await;
    let invoice = ana.invoice_of(&order).await;
    let note = invoice.text("/credit_notes/0/id").to_owned();
    ana.get(format!("/api/v1/credit-notes/{note}")).await.is(200).accept();
    bob.get(format!("/api/v1/invoices/{}", invoice.text("/id"))).await.is_refused(404, "not-found");
    bob.get(format!("/api/v1/credit-notes/{note}")).await.is_refused(404, "not-found");
    assert!(bob.invoices("").await.is_empty());
    assert!(bob.invoices(&format!("&customer={}", ana.id())).await.is_empty());
    bob.get(format!("/api/v1/statements?customer={}", ana.id())).await.is_refused(403, "insufficient-scope");
    let merchant = suite.shop.merchant().await;
    assert_eq!(merchant.invoices("").await.len(), 2);
    assert_eq!(merchant.invoices(&format!("&customer={}", ana.id())).await.len(), 1);
    assert_eq!(merchant.invoices("&customer=GUEST@example.com").await.len(), 1);
    merchant.invoice_of(&guests).await.accept();
}

#[tokio::test]
async fn fifty_orders_paid_at_once_have_numbers_without_gaps() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let orders: Vec<Value> = (0..50).map(|_| paid_order(None)).collect();
    join_all(orders.iter().map(|order| suite.is_paid(order))).await;
    let invoices = suite.shop.merchant().await.invoices("").await;
    assert_eq!(invoices.len(), 50);
    assert_eq!(serials(&invoices), (1..=50).collect::<Vec<u64>>());
    // Numbers and dates grow together.
    let mut by_number = invoices.clone();
    by_number.sort_by_key(|invoice| invoice["number"].to_string());
    // RFC 3339 leaves zeros at the end out, so the letter after them must not count.
    let at = |invoice: &Value| invoice["issued_at"].as_str().map(|at| at.trim_end_matches('Z').to_owned());
    assert!(by_number.is_sorted_by_key(at));
}

#[tokio::test]
async fn an_order_that_is_told_of_again_has_one_invoice() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let order = paid_order(None);
    let number = order["order_id"].as_str().expect("an order");
    let repeated = event("orders", "souk.order.paid", number, &order);
    let same = join_all((0..10).map(|_| suite.tells("orders", "billing", &repeated))).await;
    same.into_iter().for_each(|answer| answer.expect("an answer").is(204).accept());
    // Another event of the same order is no other order.
    join_all((0..10).map(|_| suite.is_paid(&order))).await;
    let back = refund(&order, 555);
    join_all((0..10).map(|_| suite.is_refunded(&back))).await;
    suite.is_paid(&paid_order(None)).await;
    let invoices = suite.shop.merchant().await.invoices("").await;
    assert_eq!(serials(&invoices), [1, 2]);
    let first =
        invoices.iter().find(|invoice| invoice["order_id"] == order["order_id"]).expect("its invoice");
    assert_eq!(amount(&first["refunded"]), 555);
}

#[tokio::test]
async fn refunds_are_credited_to_the_last_cent() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let order = paid_order(Some(&ana));
    suite.is_paid(&order).await;
    for (part, status) in [(3333, "partially_refunded"), (1, "partially_refunded"), (11_221, "refunded")] {
        suite.is_refunded(&refund(&order, part)).await;
        let invoice = ana.invoice_of(&order).await;
        assert_eq!(invoice.text("/payment/status"), status);
    }
    let invoice = ana.invoice_of(&order).await;
    let (mut back, mut numbers) = (0, Vec::new());
    for note in invoice.json()["credit_notes"].as_array().expect("a list") {
        let note =
            ana.get(format!("/api/v1/credit-notes/{}", note["id"].as_str().expect("an id"))).await.is(200);
        assert_eq!(gross(note.json()), amount(&note.json()["amount"]));
        assert_eq!(note.text("/invoice_number"), invoice.text("/number"));
        assert_eq!(note.text("/reason"), "returned");
        let groups = note.json()["tax_breakdown"].as_array().expect("a breakdown");
        back += groups.iter().map(|group| amount(&group["net"])).sum::<i64>();
        numbers.push(note.text("/number").to_owned());
    }
    // What is given back has as much tax in it as what was invoiced.
    assert_eq!(back, 1905 + 10_454);
    let ends: Vec<_> = numbers.iter().map(|number| number.rsplit('-').next().unwrap_or_default()).collect();
    assert_eq!(ends, ["000001", "000002", "000003"]);
}

#[tokio::test]
async fn a_refund_that_overtakes_its_order_waits_for_it() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let order = paid_order(Some(&ana));
    let back = refund(&order, 14_555);
    suite.is_refunded(&back).await;
    suite.is_refunded(&back).await;
    assert!(ana.invoices("").await.is_empty());
    suite.is_paid(&order).await;
    let invoice = ana.invoice_of(&order).await;
    assert_eq!(invoice.text("/payment/status"), "refunded");
    assert_eq!(invoice.json()["credit_notes"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_order_that_does_not_add_up_takes_no_number() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    suite.shop.expects_faults();
    let mut short = paid_order(None);
    short["totals"]["total"]["amount"] = 1.into();
    let mut mixed = paid_order(None);
    mixed["lines"][0]["total"]["currency"] = "USD".into();
    for bad in [short, mixed] {
        suite.orders_tell("souk.order.paid", &bad).await.is_refused(500, "internal");
    }
    let order = paid_order(None);
    suite.is_paid(&order).await;
    // More than was paid cannot be given back, and other money neither.
    suite.orders_tell("souk.order.refunded", &refund(&order, 14_556)).await.is_refused(500, "internal");
    let mut other = refund(&order, 1);
    other["amount"]["currency"] = "USD".into();
    suite.orders_tell("souk.order.refunded", &other).await.is_refused(500, "internal");
    suite.is_refunded(&refund(&order, 14_555)).await;
    let merchant = suite.shop.merchant().await;
    let invoice = merchant.invoice_of(&order).await;
    assert!(invoice.text("/number").ends_with("-000001"));
    assert!(invoice.text("/credit_notes/0/number").ends_with("-000001"));
}

#[tokio::test]
async fn only_orders_tell_of_orders() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let order = paid_order(None);
    let number = order["order_id"].as_str().expect("an order");
    for service in ["users", "customers", "payments"] {
        let forged = event(service, "souk.order.paid", number, &order);
        let answer = suite.tells(service, "billing", &forged).await.expect("an answer");
        if service != "customers" {
            answer.is_refused(403, "forbidden");
        }
    }
    let forged = event("orders", "souk.order.paid", number, &order);
    suite.tells("payments", "billing", &forged).await.expect("an answer").is_refused(403, "forbidden");
    assert!(suite.shop.merchant().await.invoices("").await.is_empty());
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_what_was_issued() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let order = paid_order(None);
    suite.is_paid(&order).await;
    suite.is_refunded(&refund(&order, 1)).await;
    let database = rusqlite::Connection::open(suite.shop.state().join("billing.db")).expect("the database");
    for sql in [
        "UPDATE invoices SET total = 1",
        "DELETE FROM invoices",
        "UPDATE credit_notes SET amount = 2",
        "DELETE FROM credit_notes",
        "UPDATE invoice_payments SET refunded = paid + 1",
    ] {
        assert!(database.execute(sql, []).is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_power_cut_leaves_no_gap() {
    let Some(mut suite) = Opened::starts(DOOR).await else { return };
    let merchant = suite.shop.merchant().await;
    merchant.signs_in().await;
    let orders: Vec<Value> = (0..30).map(|_| paid_order(None)).collect();
    let told =
        |order: &Value| event("orders", "souk.order.paid", order["order_id"].as_str().expect("an id"), order);
    let events: Vec<Value> = orders.iter().map(told).collect();
    for (at, event) in events.iter().enumerate().take(12) {
        let answer = suite.tells("orders", "billing", event).await.expect("an answer");
        answer.is(204).accept();
        if at % 5 == 4 {
            suite.shop.is_killed().await;
            suite.shop.starts_again().await;
        }
    }
    // Orders cannot know which of them arrived, and tell of all again.
    let answers = join_all(events.iter().map(|event| suite.tells("orders", "billing", event))).await;
    answers.into_iter().for_each(|answer| answer.expect("an answer").is(204).accept());
    let invoices = merchant.invoices("").await;
    assert_eq!(serials(&invoices), (1..=30).collect::<Vec<u64>>());
}

#[tokio::test]
async fn an_invoice_can_be_printed_in_english_and_french() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let mut order = paid_order(Some(&ana));
    order["lines"][0]["title"] = "<script>alert('1')</script> & co".into();
    suite.is_paid(&order).await;
    suite.is_refunded(&refund(&order, 100)).await;
    let invoice = ana.invoice_of(&order).await;
    let path = format!("/api/v1/invoices/{}", invoice.text("/id"));
    let page = async |path: &str, language: &str| {
        let request = ana.get(path).header("accept", "text/html").header("accept-language", language);
        let answer = request.await.is(200);
        assert!(answer.header("content-type").is_some_and(|it| it.starts_with("text/html")), "{answer}");
        assert!(
            answer.header("content-security-policy").is_some_and(|it| it.starts_with("default-src 'none'"))
        );
        String::from_utf8(answer.body.to_vec()).expect("text")
    };
    let english = page(&path, "en-GB").await;
    assert!(
        english.contains("<html lang=\"en\">")
            && english.contains("EUR\u{a0}145.55")
            && english.contains("France")
    );
    assert!(english.contains("&lt;script&gt;") && !english.contains("<script"), "{english}");
    let french = page(&path, "fr").await;
    assert!(
        french.contains("Facture") && french.contains("145,55\u{a0}EUR") && french.contains("5,5\u{a0}%")
    );
    // Who does not say gets the language of the order.
    assert!(page(&path, "de").await.contains("<html lang=\"fr\">"));
    let note = format!("/api/v1/credit-notes/{}", invoice.text("/credit_notes/0/id"));
    assert!(page(&note, "fr").await.contains("Avoir") && page(&note, "en").await.contains("Credit note"));
    let statement = page("/api/v1/statements/me", "en").await;
    for told in
        ["Opening balance", invoice.text("/number"), "EUR\u{a0}145.55", "−EUR\u{a0}1.00", "Closing balance"]
    {
        assert!(statement.contains(told), "{told}: {statement}");
    }
    // Who asks for anything gets JSON.
    ana.get(&path).header("accept", "*/*").await.is(200).json();
}
