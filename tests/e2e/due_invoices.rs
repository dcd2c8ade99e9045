//! Invoices that are paid later, and what became of their money.

use crate::billing::amount;
use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::Person;
use souk_tests::billing::{DOOR, called_off, captured, due_order, now_paid, paid_order, refund, sent_back};
use souk_tests::opened::{Opened, event};

const LATER: &str = "2126-11-28T09:30:00Z";
const BEFORE: &str = "2020-01-28T09:30:00Z";
const TOTAL: i64 = 14_555;

/// What of an invoice never changes.
fn issued(invoice: &Value) -> Value {
    let mut issued = invoice.clone();
    for changes in ["payment", "credit_notes"] {
        issued.as_object_mut().expect("an invoice").remove(changes);
    }
    issued
}

async fn prints(person: &Person, path: &str, language: &str) -> String {
    let request = person.get(path).header("accept", "text/html").header("accept-language", language);
    String::from_utf8(request.await.is(200).body.to_vec()).expect("text")
}

async fn payment_of(person: &Person, order: &Value) -> Value {
    person.invoice_of(order).await.json()["payment"].clone()
}

/// The kinds and amounts of what moved for an invoice.
fn movements(payment: &Value) -> Vec<(&str, i64)> {
    let movements = payment["movements"].as_array().expect("movements");
    movements.iter().filter_map(|it| Some((it["kind"].as_str()?, amount(&it["amount"])))).collect()
}

#[tokio::test]
async fn an_order_that_waits_for_a_transfer_is_invoiced_at_once_and_paid_later() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let order = due_order(Some(&ana), LATER);
    for _ in 0..2 {
        suite.is_due(&order).await;
    }
    let open = ana.invoice_of(&order).await;
    assert_eq!(open.text("/payment/status"), "open");
    assert_eq!((open.text("/due_at"), open.text("/payment/due_at")), (LATER, LATER));
    assert_eq!(open.text("/payment/reference"), "RF18539007547034");
    assert_eq!(
        (amount(&open.json()["payment"]["paid"]), &open.json()["payment"]["paid_at"]),
        (0, &Value::Null)
    );
    assert_eq!(ana.invoices("&status=open").await.len(), 1);
    assert!(ana.invoices("&status=paid").await.is_empty());
    for _ in 0..2 {
        suite.is_paid(&now_paid(&order)).await;
    }
    // What comes late changes nothing.
    suite.is_due(&order).await;
    let paid = ana.invoice_of(&order).await;
    assert_eq!(issued(paid.json()), issued(open.json()));
    assert_eq!(paid.text("/payment/status"), "paid");
    assert_eq!(paid.text("/payment/paid_at"), "2020-11-23T09:30:00Z");
    assert_eq!(amount(&paid.json()["payment"]["paid"]), TOTAL);
    assert!(ana.invoices("&status=open").await.is_empty());
}

#[tokio::test]
async fn a_buyer_is_given_more_time_and_never_less() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let mut order = due_order(Some(&ana), BEFORE);
    suite.is_due(&order).await;
    assert_eq!(payment_of(&ana, &order).await["status"], "overdue");
    assert_eq!(ana.invoices("&status=overdue").await[0]["status"], "overdue");
    order["due_at"] = LATER.into();
    order["payment_reference"] = "RF45G72UUR".into();
    suite.is_due(&order).await;
    order["due_at"] = BEFORE.into();
    order["payment_reference"] = "RF18539007547034".into();
    suite.is_due(&order).await;
    let invoice = ana.invoice_of(&order).await;
    assert_eq!((invoice.text("/due_at"), invoice.text("/payment/due_at")), (BEFORE, LATER));
    assert_eq!((invoice.text("/payment/status"), invoice.text("/payment/reference")), ("open", "RF45G72UUR"));
    assert!(ana.invoices("&status=overdue").await.is_empty());
}

#[tokio::test]
async fn an_unpaid_invoice_of_an_order_that_is_called_off_is_taken_back() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let order = due_order(Some(&ana), LATER);
    suite.is_due(&order).await;
    for _ in 0..2 {
        suite.is_called_off(&order, true).await;
    }
    let invoice = ana.invoice_of(&order).await;
    assert_eq!(invoice.text("/payment/status"), "cancelled");
    assert_eq!(invoice.json()["credit_notes"].as_array().map(Vec::len), Some(1));
    let path = format!("/api/v1/credit-notes/{}", invoice.text("/credit_notes/0/id"));
    let note = ana.get(&path).await.is(200);
    assert_eq!((amount(&note.json()["amount"]), note.text("/reason")), (TOTAL, "not paid in time"));
    assert_eq!(note.json()["tax_breakdown"], invoice.json()["tax_breakdown"]);
    for nothing in ["payout", "refund_id", "refunded_at"] {
        assert_eq!(note.json()[nothing], Value::Null, "{nothing}");
    }
    assert!(!prints(&ana, &path, "en").await.contains("Refunded on"));
    assert_eq!(ana.invoices("&status=cancelled").await.len(), 1);
    let statement = ana.get("/api/v1/statements/me").await.is(200);
    let account = &statement.json()["accounts"][0];
    assert_eq!([&account["closing_balance"], &account["open"]].map(amount), [0, 0]);
    // Money that comes all the same, and goes back.
    let back = refund(&order, TOTAL);
    suite.moves_money(&captured(&order, TOTAL)).await;
    suite.moves_money(&sent_back(&order, TOTAL, &back)).await;
    let payment = payment_of(&ana, &order).await;
    assert_eq!(movements(&payment), [("captured", TOTAL), ("refunded", TOTAL)]);
    assert_eq!((payment["status"].as_str(), amount(&payment["paid"])), (Some("cancelled"), 0));
    let statement = ana.get("/api/v1/statements/me").await.is(200);
    assert_eq!(amount(&statement.json()["accounts"][0]["closing_balance"]), 0);
}

#[tokio::test]
async fn an_order_that_was_paid_or_never_due_is_not_taken_back_by_calling_it_off() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let paid = paid_order(Some(&ana));
    suite.is_paid(&paid).await;
    suite.is_called_off(&paid, false).await;
    assert_eq!(payment_of(&ana, &paid).await["status"], "paid");
    // Heard of in the wrong order: nobody was told of an invoice, so there is none.
    let order = due_order(Some(&ana), LATER);
    suite.is_called_off(&order, true).await;
    for _ in 0..2 {
        suite.is_due(&order).await;
    }
    suite.is_called_off(&due_order(Some(&ana), LATER), false).await;
    assert_eq!(ana.invoices("").await.len(), 1);
    let next = paid_order(Some(&ana));
    suite.is_paid(&next).await;
    assert!(ana.invoice_of(&next).await.text("/number").ends_with("-000002"), "no number is lost");
}

#[tokio::test]
async fn money_that_moves_is_noted_once_however_it_is_told() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let order = due_order(Some(&ana), LATER);
    // The money may be told of before the invoice.
    suite.moves_money(&captured(&order, 5000)).await;
    suite.is_due(&order).await;
    let payment = payment_of(&ana, &order).await;
    assert_eq!((payment["status"].as_str(), amount(&payment["paid"])), (Some("partially_paid"), 5000));
    assert_eq!(payment["movements"][0]["provider"], "bank-transfer");
    let listed = &ana.invoices("&status=partially_paid").await[0];
    assert_eq!((listed["status"].as_str(), amount(&listed["paid"])), (Some("partially_paid"), 5000));
    for sum in [TOTAL, 5000, TOTAL, 9000] {
        suite.moves_money(&captured(&order, sum)).await;
    }
    let payment = payment_of(&ana, &order).await;
    assert_eq!(movements(&payment), [("captured", 5000), ("captured", TOTAL - 5000)]);
    assert_eq!((payment["status"].as_str(), payment["paid_at"].is_string()), (Some("paid"), true));
    assert_eq!(ana.invoices("&status=paid").await.len(), 1);
    suite.is_paid(&now_paid(&order)).await;
    let (first, second) = (refund(&order, 100), refund(&order, 50));
    suite.is_refunded(&first).await;
    let path = format!("/api/v1/credit-notes/{}", ana.invoice_of(&order).await.text("/credit_notes/0/id"));
    let note = ana.get(&path).await.is(200);
    let pending = json!({"state": "pending", "provider": null, "at": null});
    assert_eq!(note.json()["payout"], pending);
    // The second is told first, and both twice.
    let (gone, gone_too) = (sent_back(&order, TOTAL, &first), sent_back(&order, TOTAL, &second));
    for told in [&gone_too, &gone, &gone, &gone_too] {
        suite.moves_money(told).await;
    }
    suite.is_refunded(&second).await;
    let payout = ana.get(&path).await.is(200).json()["payout"].clone();
    assert_eq!(
        (payout["state"].as_str(), payout["provider"].as_str()),
        (Some("done"), Some("bank-transfer"))
    );
    let payment = payment_of(&ana, &order).await;
    assert_eq!(movements(&payment)[2..].iter().map(|it| it.1).sum::<i64>(), 150);
    assert_eq!(payment["movements"].as_array().map(Vec::len), Some(4));
    assert_eq!((payment["status"].as_str(), amount(&payment["refunded"])), (Some("partially_refunded"), 150));
    let statement = ana.get("/api/v1/statements/me").await.is(200);
    let account = &statement.json()["accounts"][0];
    assert_eq!(["invoiced", "paid", "credited"].map(|it| amount(&account[it])), [TOTAL, TOTAL, 150]);
}

#[tokio::test]
async fn a_statement_says_what_is_open_and_what_is_overdue() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let (ana, merchant) = (suite.shop.sign_up("ana").await, suite.shop.merchant().await);
    let (open, late, paid) =
        (due_order(Some(&ana), LATER), due_order(Some(&ana), BEFORE), due_order(Some(&ana), LATER));
    for order in [&open, &late, &paid] {
        suite.is_due(order).await;
    }
    suite.is_paid(&now_paid(&paid)).await;
    suite.moves_money(&captured(&late, 4555)).await;
    let statement = ana.get("/api/v1/statements/me").await.is(200);
    let account = &statement.json()["accounts"][0];
    assert_eq!(
        ["invoiced", "paid", "open", "overdue", "closing_balance"].map(|it| amount(&account[it])),
        [3 * TOTAL, TOTAL + 4555, TOTAL, 10_000, TOTAL + 10_000]
    );
    let seen = merchant.get(format!("/api/v1/statements?customer={}", ana.id())).await.is(200);
    assert_eq!(seen.json()["accounts"], statement.json()["accounts"]);
    // By then what is open now will be overdue, too.
    let then = "/api/v1/statements/me?to=2130-01-01T00:00:00Z";
    let account = ana.get(then).await.is(200).json()["accounts"][0].clone();
    assert_eq!(["open", "overdue"].map(|it| amount(&account[it])), [0, TOTAL + 10_000]);
    let page = prints(&ana, "/api/v1/statements/me", "en").await;
    assert!(page.contains("Of that overdue") && page.contains("EUR\u{a0}100.00"), "{page}");
    assert!(prints(&ana, "/api/v1/statements/me", "fr").await.contains("Dont à échoir"));
}

#[tokio::test]
async fn a_printed_invoice_says_how_it_stands_and_how_to_pay_it() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let mut order = due_order(Some(&ana), LATER);
    order["payment_reference"] = "RF<1>".into();
    suite.is_due(&order).await;
    let path = format!("/api/v1/invoices/{}", ana.invoice_of(&order).await.text("/id"));
    let page = prints(&ana, &path, "en").await;
    for told in ["Due on", "28 November 2126", ": open.", "EUR\u{a0}145.55", "RF&lt;1&gt;"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let page = prints(&ana, &path, "fr").await;
    assert!(page.contains(": à régler.") && page.contains("À régler avant le 28 novembre 2126"), "{page}");
    suite.moves_money(&captured(&order, 4555)).await;
    let page = prints(&ana, &path, "en").await;
    assert!(page.contains("paid in part") && page.contains("EUR\u{a0}100.00"), "{page}");
    suite.is_paid(&now_paid(&order)).await;
    let page = prints(&ana, &path, "en").await;
    assert!(page.contains(": paid. Paid on 23 November 2020") && !page.contains("To be paid by"), "{page}");
    let back = refund(&order, TOTAL);
    suite.is_refunded(&back).await;
    assert!(prints(&ana, &path, "en").await.contains(": refunded. Paid on"));
    let off = due_order(Some(&ana), BEFORE);
    suite.is_due(&off).await;
    let path = format!("/api/v1/invoices/{}", ana.invoice_of(&off).await.text("/id"));
    assert!(prints(&ana, &path, "en").await.contains(": overdue."));
    suite.is_called_off(&off, true).await;
    assert!(prints(&ana, &path, "en").await.contains(": cancelled. Credit note: CRN-"));
}

#[tokio::test]
async fn a_guest_reads_the_open_invoice_with_the_token_of_the_order() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let guest = suite.shop.stranger();
    let mut order = due_order(None, LATER);
    // The SHA-256 of `known`, as orders would tell it of a guest.
    order["token_hash"] = "cRf_8tD9KURis8gCt8uHU1efI_OUa5nPVfOOhz8BPxA".into();
    suite.is_due(&order).await;
    let list = guest.get("/api/v1/invoices?status=open").header("guest-token", "known").await.is(200);
    let path = format!("/api/v1/invoices/{}", list.text("/items/0/id"));
    let invoice = guest.get(&path).header("guest-token", "known").await.is(200);
    assert_eq!(invoice.text("/payment/reference"), "RF18539007547034");
    guest.get(&path).header("guest-token", "guess").await.is_refused(404, "not-found");
}

#[tokio::test]
async fn only_payments_tell_of_money_and_nobody_changes_what_moved() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    let order = due_order(None, LATER);
    let told = captured(&order, TOTAL);
    for service in ["orders", "customers", "users"] {
        let forged = event(service, "souk.payment.captured", "x", &told);
        let answer = suite.tells(service, "billing", &forged).await.expect("an answer");
        if service == "users" {
            answer.is_refused(403, "forbidden");
        } else {
            answer.is(204).accept();
        }
    }
    suite.payments_tell("billing", "souk.order.due", &told).await.is_refused(403, "forbidden");
    suite.is_due(&order).await;
    let merchant = suite.shop.merchant().await;
    assert_eq!(movements(&payment_of(&merchant, &order).await), []);
    suite.moves_money(&captured(&order, 1)).await;
    let database = rusqlite::Connection::open(suite.shop.state().join("billing.db")).expect("the database");
    for sql in [
        "UPDATE movements SET amount = 2",
        "DELETE FROM movements",
        "UPDATE invoice_payments SET paid = 5",
        "UPDATE invoice_payments SET paid_at = 5, cancelled_at = 5",
    ] {
        assert!(database.execute(sql, []).is_err(), "{sql}");
    }
}

#[tokio::test]
async fn what_is_not_to_be_believed_takes_no_number() {
    let Some(suite) = Opened::starts(DOOR).await else { return };
    suite.shop.expects_faults();
    let mut without_when = due_order(None, LATER);
    without_when["due_at"] = Value::Null;
    suite.orders_tell("souk.order.due", &without_when).await.is_refused(500, "internal");
    let unpaid = due_order(None, LATER);
    suite.orders_tell("souk.order.paid", &unpaid).await.is_refused(500, "internal");
    suite.is_due(&unpaid).await;
    let mut other = paid_order(None);
    other["order_id"] = unpaid["order_id"].clone();
    other["totals"]["total"]["amount"] = 1.into();
    suite.orders_tell("souk.order.paid", &other).await.is_refused(500, "internal");
    let mut nobody = captured(&unpaid, 1);
    nobody["provider"] = Value::Null;
    suite.payments_tell("billing", "souk.payment.captured", &nobody).await.is_refused(500, "internal");
    let merchant = suite.shop.merchant().await;
    let invoice = merchant.invoice_of(&unpaid).await;
    assert!(invoice.text("/number").ends_with("-000001"));
    assert_eq!((invoice.text("/payment/status"), movements(&invoice.json()["payment"]).len()), ("open", 0));
}

/// Everything that is told of an order that was paid by a transfer, of which a part went back.
fn told_of(order: &Value, back: &Value) -> Vec<Value> {
    let told = |service: &str, kind: &str, data: &Value| event(service, kind, "subject", data);
    vec![
        told("orders", "souk.order.due", order),
        told("payments", "souk.payment.captured", &captured(order, 5000)),
        told("payments", "souk.payment.captured", &captured(order, TOTAL)),
        told("orders", "souk.order.paid", &now_paid(order)),
        told("payments", "souk.payment.refunded", &sent_back(order, TOTAL, back)),
        told("orders", "souk.order.refunded", back),
    ]
}

#[tokio::test]
async fn in_whatever_order_news_come_and_whatever_dies_the_books_end_the_same() {
    let Some(mut suite) = Opened::starts(DOOR).await else { return };
    let merchant = suite.shop.merchant().await;
    merchant.signs_in().await;
    let orders: Vec<Value> = (0..12).map(|_| due_order(None, LATER)).collect();
    let mut events = Vec::new();
    for (at, order) in orders.iter().enumerate() {
        let mut told = told_of(order, &refund(order, 555));
        // Each order hears of it in another order.
        told.rotate_left(at % 6);
        if at >= 6 {
            told.reverse();
        }
        events.push(told);
    }
    let off: Vec<Value> = (0..6).map(|_| due_order(None, LATER)).collect();
    for (at, order) in off.iter().enumerate() {
        let due = event("orders", "souk.order.due", "subject", order);
        let mut told =
            vec![due, event("orders", "souk.order.cancelled", "subject", &called_off(order, true))];
        told.rotate_left(at % 2);
        events.push(told);
    }
    for round in 0..3 {
        let tell = async |told: &Vec<Value>| {
            for event in told {
                let service = event["source"].as_str().expect("a source").trim_start_matches('/');
                // The suite may have died; whoever told it cannot know what arrived, and tells it again.
                _ = suite.tells(service, "billing", event).await;
            }
        };
        let all = join_all(events.iter().map(tell));
        if round < 2 {
            _ = tokio::time::timeout(std::time::Duration::from_millis(150), all).await;
            suite.shop.is_killed().await;
            suite.shop.starts_again().await;
        } else {
            all.await;
        }
    }
    for order in &orders {
        let invoice = merchant.invoice_of(order).await;
        let payment = &invoice.json()["payment"];
        assert_eq!(payment["status"], "partially_refunded", "{payment:#}");
        let sum = |kind| movements(payment).iter().filter(|it| it.0 == kind).map(|it| it.1).sum::<i64>();
        assert_eq!((sum("captured"), sum("refunded")), (TOTAL, 555));
        assert_eq!(invoice.json()["credit_notes"].as_array().map(Vec::len), Some(1));
    }
    let mut numbers: Vec<String> =
        merchant.invoices("").await.iter().filter_map(|it| Some(it["number"].as_str()?.to_owned())).collect();
    numbers.sort();
    let last = numbers.last().expect("invoices").rsplit('-').next().and_then(|it| it.parse::<usize>().ok());
    assert_eq!(last, Some(numbers.len()), "numbers have no gaps: {numbers:?}");
    for order in &off {
        let order = order["order_id"].as_str().expect("an order");
        for invoice in merchant.invoices(&format!("&order={order}")).await {
            assert_eq!(invoice["status"], "cancelled", "{invoice:#}");
        }
    }
    let guest = "/api/v1/statements?customer=guest@example.com&to=2100-01-01T00:00:00Z";
    let account = merchant.get(guest).await.is(200).json()["accounts"][0].clone();
    assert_eq!(["open", "overdue", "closing_balance"].map(|it| amount(&account[it])), [0, 0, 0]);
}
