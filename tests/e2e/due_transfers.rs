//! Bank transfers from the first word to the last: told, invoiced, awaited, received, refunded, and called off.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::ledger::outside;
use souk_tests::orders::Order;
use souk_tests::{Person, Suite};
use std::time::{Duration, Instant};

/// An order whose buyer was told to transfer the money, as they see it when it waits; and what they were told.
async fn awaited(shop: &Suite, buyer: &Person, units: i64) -> (Order, Value) {
    let lamp = shop.has_lamps(5).await;
    let order = buyer.orders(&lamp, units).await;
    let told = buyer.pays_by(&order, &json!({"type": "bank_transfer"})).await.is(200);
    assert_eq!(told.text("/state"), "requires_action");
    let waits = buyer.sees_that(&order, |order| order["invoice"].is_string()).await;
    assert_eq!(waits["state"], "pending_payment");
    (order, json!({"told": told.json()["action"], "order": waits}))
}

/// The invoice of an order, once something is true of it.
async fn invoice_that(
    shop: &Suite,
    buyer: &Person,
    order: &Order,
    is_true: impl Fn(&Value) -> bool,
) -> Value {
    let started = Instant::now();
    loop {
        let token = order.token.as_deref().unwrap_or_default();
        let list = buyer.get(format!("/api/v1/invoices?order={}", order.id())).header("guest-token", token);
        let path = format!("/api/v1/invoices/{}", list.await.is(200).text("/items/0/id"));
        let invoice = buyer.get(path).header("guest-token", token).await.is(200).json().clone();
        if is_true(&invoice) {
            return invoice;
        }
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "what was waited for did not happen to {invoice:#}"
        );
        shop.ticks().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What payments, orders, invoices and the ledger do not agree about.
async fn differences(shop: &Suite) -> Value {
    shop.has_delivered().await;
    let report = shop.admin().await.get("/api/v1/transactions/reconciliation?limit=100").await.is(200);
    report.json()["differences"].clone()
}

#[tokio::test]
async fn a_transfer_pays_the_open_invoice_and_a_refund_is_seen_to_go_back() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let (order, seen) = awaited(&shop, &ana, 2).await;
    let (told, waits) = (&seen["told"], &seen["order"]);
    assert_eq!((&waits["pay_until"], &waits["payment_reference"]), (&told["until"], &told["reference"]));
    let open = invoice_that(&shop, &ana, &order, |it| it["payment"]["status"] == "open").await;
    assert_eq!((&open["due_at"], &open["payment"]["reference"]), (&told["until"], &told["reference"]));
    let own = ana.get("/api/v1/statements/me").await.is(200);
    assert_eq!(own.json()["accounts"][0]["open"]["amount"], order.total());
    let (iban, reference) = (told["iban"].as_str().expect("an account"), told["reference"].as_str());
    let reference = reference.expect("a reference");
    admin.takes_in(iban, order.total(), reference, &outside("0001")).await.is(201).accept();
    ana.sees(&order, "paid").await;
    let paid = invoice_that(&shop, &ana, &order, |it| {
        it["payment"]["status"] == "paid" && it["payment"]["movements"][0].is_object()
    });
    let paid = paid.await;
    assert_eq!(paid["number"], open["number"]);
    let moved = &paid["payment"]["movements"][0];
    assert_eq!((&moved["kind"], &moved["provider"]), (&json!("captured"), &json!("bank-transfer")));
    assert_eq!(moved["amount"]["amount"], order.total());
    let refund = json!({"amount": {"amount": 100, "currency": "EUR"}, "reason": "a scratch"});
    admin.does(&order, "refunds", &refund).await.is(202).accept();
    let given = invoice_that(&shop, &ana, &order, |it| {
        it["credit_notes"][0].is_object() && it["payment"]["movements"][1].is_object()
    });
    let given = given.await;
    assert_eq!(given["payment"]["status"], "partially_refunded");
    let path = format!("/api/v1/credit-notes/{}", given["credit_notes"][0]["id"].as_str().expect("an id"));
    let payout = ana.get(path).await.is(200).json()["payout"].clone();
    assert_eq!((&payout["state"], &payout["provider"]), (&json!("done"), &json!("bank-transfer")));
    let own = ana.get("/api/v1/statements/me").await.is(200);
    let account = &own.json()["accounts"][0];
    let sums = ["open", "overdue", "closing_balance", "credited"].map(|sum| account[sum]["amount"].as_i64());
    assert_eq!(sums, [Some(0), Some(0), Some(0), Some(100)]);
    shop.has_sound_books().await;
    assert_eq!(differences(&shop).await, json!([]));
}

#[tokio::test]
async fn who_calls_an_order_off_while_it_waits_owes_nothing_and_pays_nothing() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let (order, seen) = awaited(&shop, &guest, 1).await;
    guest.does(&order, "cancel", &json!({"reason": "found it cheaper"})).await.is(200).accept();
    shop.has_sound_books().await;
    let off = invoice_that(&shop, &guest, &order, |it| it["payment"]["status"] == "cancelled").await;
    assert_eq!(off["credit_notes"][0]["amount"], off["totals"]["total"]);
    let payment = admin.get(format!("/api/v1/payments/intents/{}", order.payment())).await.is(200);
    assert_eq!(payment.text("/state"), "cancelled");
    // What comes all the same pays nothing.
    let text = |name: &str| seen["told"][name].as_str().expect("a text").to_owned();
    admin.takes_in(&text("iban"), order.total(), &text("reference"), &outside("0001")).await.is(201).accept();
    shop.has_sound_books().await;
    assert_eq!(guest.reads_order(&order).await.text("/state"), "cancelled");
    let off = invoice_that(&shop, &guest, &order, |_| true).await;
    assert_eq!(off["payment"]["movements"], json!([]));
    assert_eq!(differences(&shop).await, json!([]));
}

#[tokio::test]
async fn transfers_that_are_told_and_paid_among_power_cuts_are_each_invoiced_and_paid_once() {
    let Some(mut shop) = Suite::own().await else { return };
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let lamp = shop.has_lamps(50).await;
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(guest.orders(&lamp, 1).await);
    }
    let method = json!({"type": "bank_transfer"});
    let mut told = Vec::new();
    for (at, order) in orders.iter().enumerate() {
        told.push(guest.pays_by(order, &method).await.is(200).json()["action"].clone());
        if at % 3 == 2 {
            shop.is_killed().await;
            shop.starts_again().await;
        }
    }
    for (at, (order, told)) in orders.iter().zip(&told).enumerate() {
        let text = |name: &str| told[name].as_str().expect("a text");
        // The last two never pay.
        if at < 6 {
            let came = admin.takes_in(text("iban"), order.total(), text("reference"), &outside("0001")).await;
            came.is(201).accept();
        }
        if at % 3 == 1 {
            shop.is_killed().await;
            shop.starts_again().await;
        }
    }
    shop.has_delivered().await;
    let calls_off = async |order| {
        guest.does(order, "cancel", &json!({"reason": "too long"})).await.is(200).accept();
    };
    join_all(orders[6..].iter().map(calls_off)).await;
    shop.has_sound_books().await;
    for (at, order) in orders.iter().enumerate() {
        let status = if at < 6 { "paid" } else { "cancelled" };
        let invoice = invoice_that(&shop, &guest, order, |it| it["payment"]["status"] == status).await;
        let movements = invoice["payment"]["movements"].as_array().map(Vec::len);
        assert_eq!(movements, Some(usize::from(at < 6)), "{invoice:#}");
    }
    assert_eq!(differences(&shop).await, json!([]));
}
