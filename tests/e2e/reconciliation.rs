//! Reconciliation: what is sold agrees in payments, orders, invoices and the ledger, and whatever does not is named.

use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::orders::GOOD_CARD;
use souk_tests::{Person, Suite, Until};
use std::time::Duration;

const PATH: &str = "/api/v1/transactions/reconciliation";

/// Everything that is found, page by page: how many were looked at, and what differs.
async fn finds(admin: &Person, query: &str) -> (u64, Vec<Value>) {
    let (mut checked, mut differences, mut cursor) = (0, Vec::new(), String::new());
    loop {
        let page = admin.get(format!("{PATH}?{query}{cursor}")).await.is(200);
        checked += page.json()["checked"].as_u64().expect("a number");
        differences.extend(page.json()["differences"].as_array().expect("differences").clone());
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (checked, differences),
        }
    }
}

fn tampers(shop: &Suite, service: &str, sql: &str) {
    let database = Connection::open(shop.state().join(format!("{service}.db"))).expect("its database");
    database.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    database.execute_batch(sql).expect("what is tampered with");
}

/// As if nothing had happened for an hour.
fn an_hour_passes(shop: &Suite) {
    tampers(shop, "payments", "UPDATE intents SET updated_at = updated_at - 3600000");
    tampers(shop, "orders", "UPDATE orders SET updated_at = updated_at - 3600000");
    tampers(shop, "transactions", "UPDATE transactions SET updated_at = updated_at - 3600000");
    let sql = "DROP TRIGGER invoices_do_not_change; DROP TRIGGER credit_notes_do_not_change;
        UPDATE invoices SET issued_at = issued_at - 3600000; UPDATE credit_notes SET issued_at = issued_at - 3600000;
        UPDATE invoice_payments SET paid_at = paid_at - 3600000";
    tampers(shop, "billing", sql);
}

fn kinds(differences: &[Value]) -> Vec<&str> {
    differences.iter().map(|it| it["kind"].as_str().expect("a kind")).collect()
}

#[tokio::test]
async fn a_day_in_the_shop_agrees_however_small_the_pages_are() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, guest, admin) = (shop.sign_up("ana").await, shop.stranger(), shop.admin().await);
    let lamp = shop.has_lamps(100).await;
    assert_eq!(finds(&admin, "").await, (0, Vec::new()));
    ana.buys(&lamp, 2).await;
    guest.orders(&lamp, 1).await;
    let refunded = guest.buys(&lamp, 3).await;
    let body = json!({"amount": {"amount": 500, "currency": "EUR"}, "reason": "scratched"});
    admin.does(&refunded, "refunds", &body).await.is(202).accept();
    let cancelled = ana.buys(&lamp, 1).await;
    admin.does(&cancelled, "cancel", &json!({"reason": "changed my mind"})).await.is(200).accept();
    let unpaid = ana.orders(&lamp, 1).await;
    ana.does(&unpaid, "cancel", &json!({"reason": "changed my mind"})).await.is(200).accept();
    shop.has_sound_books().await;
    for query in ["", "limit=1", "limit=2", "limit=3", "limit=500"] {
        assert_eq!(finds(&admin, query).await, (5, Vec::new()), "with {query}");
    }
    // The ledger has what was sold and not given back.
    let accounts = admin.get("/api/v1/accounts?limit=100").await.is(200);
    let accounts = accounts.json()["items"].as_array().expect("items").clone();
    let has = |role: &str| {
        let account = accounts.iter().find(|it| it["role"] == role).expect("an account");
        account["balance"]["posted"]["amount"].as_i64().expect("an amount")
    };
    assert_eq!(has("sales"), has("card_receivable"));
    assert!(has("sales") > 500, "{}", has("sales"));
}

#[tokio::test]
async fn whatever_does_not_agree_is_named() {
    let Some(shop) = Suite::own().await else { return };
    let (guest, admin) = (shop.stranger(), shop.admin().await);
    let lamp = shop.has_lamps(100).await;
    let mut bought = Vec::new();
    for _ in 0..6 {
        bought.push(guest.buys(&lamp, 1).await);
    }
    shop.has_sound_books().await;
    let [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map(|index| bought[index].id().to_owned());
    // A movement that the ledger does not have, and one for a payment that nobody knows.
    let nobody = "pay_00000000000000000000000000";
    tampers(
        &shop,
        "transactions",
        &format!("UPDATE transactions SET payment_id = '{nobody}' WHERE metadata ->> 'order_id' = '{a}'"),
    );
    tampers(&shop, "payments", &format!("UPDATE intents SET captured = 0 WHERE order_id = '{b}'"));
    tampers(
        &shop,
        "orders",
        &format!("UPDATE orders SET document = json_remove(document, '$.paid_at') WHERE id = '{c}'"),
    );
    let sql = format!(
        "DROP TRIGGER invoices_stay; DELETE FROM invoice_payments WHERE invoice_id = (SELECT id FROM invoices
        WHERE order_id = '{d}'); DELETE FROM invoices WHERE order_id = '{d}'"
    );
    tampers(&shop, "billing", &sql);
    tampers(&shop, "payments", &format!("UPDATE intents SET refunded = 100 WHERE order_id = '{e}'"));
    tampers(&shop, "orders", &format!("UPDATE orders SET total = total + 1 WHERE id = '{f}'"));
    let (checked, differences) = finds(&admin, "limit=2").await;
    assert_eq!(checked, 7);
    let of = |order: &str| {
        kinds(&differences.iter().filter(|it| it["order_id"] == order).cloned().collect::<Vec<_>>())
            .join(", ")
    };
    // That of the unknown payment knows its order, too.
    assert_eq!(of(&a), "captured-not-in-ledger, ledger-not-in-payments");
    assert_eq!(of(&b), "ledger-not-in-payments, paid-without-payment, invoice-without-payment");
    assert_eq!(of(&c), "captured-but-not-paid");
    assert_eq!(of(&d), "not-invoiced");
    assert_eq!(of(&e), "refund-differs, refund-differs");
    assert_eq!(of(&f), "amount-differs, amount-differs");
    assert!(differences.iter().all(|it| it["settling"] == true), "all of it is new: {differences:#?}");
    let total = bought[0].total();
    let first = differences.iter().find(|it| it["order_id"] == a.as_str()).expect("a difference");
    let euro = |amount: i64| json!({"amount": amount, "currency": "EUR"});
    assert_eq!(first["payment_id"], bought[0].payment());
    let amounts = json!({
        "payments": {"captured": euro(total), "refunded": euro(0)},
        "order": {"total": euro(total), "paid": euro(total), "refunded": euro(0)},
        "invoice": {"total": euro(total), "paid": euro(total), "credited": euro(0)},
        "ledger": null,
    });
    assert_eq!(first["amounts"], amounts);
    let unknown = differences.iter().find(|it| it["payment_id"] == nobody).expect("a difference");
    assert_eq!(unknown["amounts"]["ledger"]["captured"], euro(total));
    an_hour_passes(&shop);
    let (_, later) = finds(&admin, "").await;
    assert_eq!(kinds(&later).len(), kinds(&differences).len());
    assert!(later.iter().all(|it| it["settling"] == false), "nothing moves any more: {later:#?}");
}

#[tokio::test]
async fn a_part_of_the_time_can_be_looked_at() {
    let Some(shop) = Suite::own().await else { return };
    let (guest, admin) = (shop.stranger(), shop.admin().await);
    let lamp = shop.has_lamps(100).await;
    guest.orders(&lamp, 1).await;
    let between = now();
    guest.orders(&lamp, 1).await;
    guest.orders(&lamp, 1).await;
    assert_eq!(finds(&admin, &format!("to={between}")).await.0, 1);
    assert_eq!(finds(&admin, &format!("from={between}&limit=1")).await.0, 2);
    assert_eq!(finds(&admin, "from=1960-01-01T00:00:00Z&to=9999-01-01T00:00:00Z").await.0, 3);
    assert_eq!(finds(&admin, &format!("from={between}&to={between}")).await.0, 0);
}

/// This instant, RFC 3339.
fn now() -> String {
    let database = Connection::open_in_memory().expect("a database in memory");
    database.query_row("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", [], |row| row.get(0)).expect("a time")
}

#[tokio::test]
async fn only_who_may_read_the_ledger_reconciles() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, admin) = (shop.sign_up("ana").await, shop.admin().await);
    shop.stranger().get(PATH).await.is_refused(401, "unauthenticated");
    ana.get(PATH).await.is_refused(403, "insufficient-scope");
    for query in ["limit=0", "limit=501", "limit=x", "from=yesterday", "page=2"] {
        admin.get(format!("{PATH}?{query}")).await.is_refused(422, "invalid-request");
    }
    for query in ["cursor=e30", "cursor=!"] {
        admin.get(format!("{PATH}?{query}")).await.is_refused(400, "malformed-request");
    }
    ana.get("/api/v1/internal/settlements").await.is_refused_somehow();
}

#[tokio::test]
async fn without_one_of_the_books_nothing_is_compared() {
    let Some(shop) = Suite::own().await else { return };
    let (guest, admin) = (shop.stranger(), shop.admin().await);
    let lamp = shop.has_lamps(100).await;
    let order = guest.orders(&lamp, 1).await;
    shop.faults().unreachable("transactions", Until::Cleared);
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
    shop.faults().clear();
    for service in ["payments", "orders", "billing"] {
        shop.faults().unreachable(service, Until::Cleared);
        admin.get(PATH).await.is_refused(503, "unavailable");
        shop.faults().clear();
    }
    // What the ledger missed comes later.
    shop.has_sound_books().await;
    assert_eq!(finds(&admin, "").await, (1, Vec::new()));
}
