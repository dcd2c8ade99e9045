//! Billing: what becomes of a paid order in the books.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::billing::{DOOR, paid_order, refund};
use souk_tests::opened::{Opened, event, id};
use souk_tests::orders::GOOD_CARD;
use souk_tests::{Answer, Person, Suite};
use std::collections::BTreeSet;
use std::time::Instant;

fn amount(value: &Value) -> i64 {
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
