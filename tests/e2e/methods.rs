//! Paying otherwise than by card: from a wallet, and by a transfer that is recognized by its reference.

use futures::future::join;
use serde_json::{Value, json};
use souk_tests::ledger::{euro, outside};
use souk_tests::orders::{GOOD_CARD, Order};
use souk_tests::{Answer, Person, Suite, unique};
use std::time::{Duration, Instant};

fn wallet() -> Value {
    json!({"type": "wallet"})
}

fn bank_transfer() -> Value {
    json!({"type": "bank_transfer"})
}

/// Somebody with a wallet of so many cents.
async fn with_wallet(shop: &Suite, cents: i64) -> (Person, String) {
    let ana = shop.sign_up("ana").await;
    let wallet = ana.opens_wallet("EUR").await;
    shop.admin().await.deposits(&wallet, cents).await.is(201).accept();
    (ana, wallet)
}

/// What the payment of an order says of it, as merchants see it.
async fn payment(admin: &Person, order: &Order) -> Value {
    admin.get(format!("/api/v1/payments/intents/{}", order.payment())).await.is(200).json().clone()
}

/// A receipt, as soon as payments knows of it.
async fn receipt(
    shop: &Suite,
    admin: &Person,
    transaction: &Answer,
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    let started = Instant::now();
    loop {
        let page = admin.get("/api/v1/payments/receipts?limit=100").await.is(200);
        let items = page.json()["items"].as_array().cloned().unwrap_or_default();
        let found = items.into_iter().find(|it| it["id"] == transaction.json()["id"] && is_so(it));
        if let Some(found) = found {
            return found;
        }
        assert!(started.elapsed() < Duration::from_secs(15), "the receipt never came to be so: {page}");
        shop.ticks().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_wallet_pays_an_order_and_gets_back_what_is_refunded() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let (ana, account) = with_wallet(&shop, 100_000).await;
    let lamp = shop.has_lamps(5).await;
    let order = ana.orders(&lamp, 1).await;
    let paid = ana.pays_by(&order, &wallet()).await.is(200);
    assert_eq!(paid.text("/state"), "captured");
    ana.sees(&order, "paid").await;
    let left = 100_000 - order.total();
    assert_eq!(ana.sees_balance(&account).await, [left, 0, left]);
    ana.pays_by(&order, &wallet()).await.is_refused(409, "payment-state");
    ana.does(&order, "cancel", &json!({"reason": "changed my mind"})).await.is(200).accept();
    ana.sees_that(&order, |it| it["refunded"]["amount"] == order.total()).await;
    assert_eq!(ana.sees_balance(&account).await, [100_000, 0, 100_000]);
    assert_eq!(payment(&admin, &order).await["attempts"][0]["provider"], "wallet");
}

#[tokio::test]
async fn a_wallet_without_enough_is_declined_and_a_card_pays_instead() {
    let shop = Suite::start().await;
    let (ana, account) = with_wallet(&shop, 1).await;
    let lamp = shop.has_lamps(5).await;
    let order = ana.orders(&lamp, 1).await;
    let declined = ana.pays_by(&order, &wallet()).await.is(200);
    assert_eq!((declined.text("/state"), declined.text("/code")), ("declined", "insufficient_funds"));
    ana.pays_with(&order, GOOD_CARD).await.is(200).accept();
    ana.sees(&order, "paid").await;
    assert_eq!(ana.sees_balance(&account).await, [1, 0, 1]);
}

#[tokio::test]
async fn a_wallet_pays_its_owners_orders_alone() {
    let shop = Suite::start().await;
    let (ana, _) = with_wallet(&shop, 100_000).await;
    let (bob, account) = with_wallet(&shop, 100_000).await;
    let (lamp, guest) = (shop.has_lamps(5).await, shop.stranger());
    let anas = ana.orders(&lamp, 1).await;
    bob.pays_by(&anas, &wallet()).await.is_refused(403, "forbidden");
    guest.pays_by(&anas, &wallet()).await.is_refused(401, "unauthenticated");
    let guests = guest.orders(&lamp, 1).await;
    bob.pays_by(&guests, &wallet()).await.is_refused(403, "forbidden");
    assert_eq!(bob.sees_balance(&account).await[0], 100_000);
}

#[tokio::test]
async fn a_wallet_that_has_enough_for_one_of_two_orders_pays_one() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let account = ana.opens_wallet("EUR").await;
    let lamp = shop.has_lamps(5).await;
    let (one, other) = (ana.orders(&lamp, 1).await, ana.orders(&lamp, 1).await);
    shop.admin().await.deposits(&account, one.total() + 1).await.is(201).accept();
    let method = wallet();
    let (first, second) = join(ana.pays_by(&one, &method), ana.pays_by(&other, &method)).await;
    let mut states = [first.is(200).text("/state").to_owned(), second.is(200).text("/state").to_owned()];
    states.sort_unstable();
    assert_eq!(states, ["captured", "declined"]);
    assert_eq!(ana.sees_balance(&account).await, [1, 0, 1]);
}

#[tokio::test]
async fn a_method_has_the_fields_that_it_needs_and_no_others() {
    let shop = Suite::start().await;
    let (lamp, guest) = (shop.has_lamps(5).await, shop.stranger());
    let order = guest.orders(&lamp, 1).await;
    for (method, field) in [
        (json!({"type": "card"}), "/method/number"),
        (json!({"type": "card", "number": GOOD_CARD, "expiry": "12/40"}), "/method/cvc"),
        (json!({"type": "bank_transfer", "number": GOOD_CARD}), "/method/number"),
        (json!({"type": "wallet", "cvc": "123"}), "/method/cvc"),
        (json!({"type": "gold"}), "/method/type"),
    ] {
        guest.pays_by(&order, &method).await.is_refused(422, "invalid-request").with_field(field);
    }
    let methods = guest.get("/api/v1/payments/methods").await.is(200);
    let items = methods.json()["items"].as_array().cloned().unwrap_or_default();
    for kind in ["card", "wallet", "bank_transfer"] {
        assert!(items.iter().any(|it| it["type"] == kind), "{methods}");
    }
}

/// An order whose buyer is told to transfer the money: the order, the account, the reference.
async fn awaited(shop: &Suite, guest: &Person) -> (Order, String, String) {
    let lamp = shop.has_lamps(5).await;
    let order = guest.orders(&lamp, 1).await;
    let told = guest.pays_by(&order, &bank_transfer()).await.is(200);
    assert_eq!((told.text("/state"), told.text("/action/type")), ("requires_action", "transfer"));
    assert_eq!(told.json()["action"]["amount"]["amount"], order.total());
    let (iban, reference) = (told.text("/action/iban").to_owned(), told.text("/action/reference").to_owned());
    (order, iban, reference)
}

#[tokio::test]
async fn money_with_its_reference_pays_the_order() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let (order, iban, reference) = awaited(&shop, &guest).await;
    // As people write it.
    let written = format!("lamp {} {} thank you", &reference[..4].to_lowercase(), &reference[4..]);
    let came = admin.takes_in(&iban, order.total(), &written, &outside("0001")).await;
    guest.sees(&order, "paid").await;
    let known = receipt(&shop, &admin, &came, |it| it["used"]["amount"] == order.total()).await;
    assert_eq!(known["left"]["amount"], 0);
    let payment = payment(&admin, &order).await;
    assert_eq!(payment["state"], "captured");
    assert_eq!(payment["attempts"][0]["received"]["amount"], order.total());
    // Who asks again is told that it is paid.
    guest.pays_by(&order, &bank_transfer()).await.is_refused(409, "payment-state");
}

#[tokio::test]
async fn two_transfers_pay_together_and_what_is_too_much_goes_back() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let (order, iban, reference) = awaited(&shop, &guest).await;
    let first = admin.takes_in(&iban, 100, &reference, &outside("0001")).await;
    receipt(&shop, &admin, &first, |it| it["used"]["amount"] == 100).await;
    assert_eq!(guest.reads_order(&order).await.text("/state"), "pending_payment");
    let second = admin.takes_in(&iban, order.total(), &reference, &outside("0001")).await;
    guest.sees(&order, "paid").await;
    let known = receipt(&shop, &admin, &second, |it| it["left"]["amount"] == 100).await;
    let path = format!("/api/v1/payments/receipts/{}/return", known["id"].as_str().unwrap_or_default());
    admin.post(&path, &json!({})).await.is(200).accept();
    receipt(&shop, &admin, &second, |it| it["returned"]["amount"] == 100).await;
    let again = admin.post(&path, &json!({})).await.is(200);
    assert_eq!(
        (again.json()["left"]["amount"].as_i64(), again.json()["returning"]["amount"].as_i64()),
        (Some(0), Some(0))
    );
    // The whole of it can be refunded, to where it came from.
    guest.does(&order, "cancel", &json!({"reason": "changed my mind"})).await.is(200).accept();
    guest.sees_that(&order, |it| it["refunded"]["amount"] == order.total()).await;
}

#[tokio::test]
async fn money_without_a_reference_waits_until_somebody_says_what_it_pays() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let (order, iban, reference) = awaited(&shop, &guest).await;
    let came = admin.takes_in(&iban, order.total(), "for the lamp", &outside("0001")).await;
    let open = receipt(&shop, &admin, &came, |it| it["left"]["amount"] == order.total()).await;
    let path = format!("/api/v1/payments/receipts/{}/allocate", open["id"].as_str().unwrap_or_default());
    let body = json!({"payment_id": order.payment()});
    guest.post(&path, &body).await.is_refused(401, "unauthenticated");
    let known = admin.post(&path, &body).await.is(200);
    assert_eq!(known.json()["used"]["amount"], order.total());
    guest.sees(&order, "paid").await;
    assert_eq!(admin.post(&path, &body).await.is(200).json(), known.json());
    // The same again, with the reference, has nothing to pay.
    let late = admin.takes_in(&iban, 500, &reference, &outside("0001")).await;
    receipt(&shop, &admin, &late, |it| it["left"]["amount"] == 500).await;
    let (other, ..) = awaited(&shop, &guest).await;
    let used = admin.post(&path, &json!({"payment_id": other.payment()})).await;
    used.is_refused(409, "receipt-spent");
}

#[tokio::test]
async fn a_transfer_that_never_comes_ends_the_try_and_the_money_that_came_goes_back() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let (order, iban, reference) = awaited(&shop, &guest).await;
    let part = admin.takes_in(&iban, 100, &reference, &outside("0001")).await;
    receipt(&shop, &admin, &part, |it| it["used"]["amount"] == 100).await;
    shop.has_delivered().await;
    let database = rusqlite::Connection::open(shop.state().join("payments.db")).expect("its database");
    database
        .execute(
            "UPDATE attempts SET notes = json_set(notes, '$.action.until', '2026-01-01T00:00:00.000Z'), ask_at = 0",
            [],
        )
        .expect("its tables");
    shop.ticks().await;
    let after = payment(&admin, &order).await;
    assert_eq!(after["attempts"][0]["code"], "transfer_expired");
    assert_eq!(after["state"], "requires_method");
    receipt(&shop, &admin, &part, |it| it["used"]["amount"] == 0).await;
    // What comes too late pays nothing.
    let late = admin.takes_in(&iban, order.total(), &reference, &outside("0001")).await;
    receipt(&shop, &admin, &late, |it| it["left"]["amount"] == order.total()).await;
    assert_eq!(payment(&admin, &order).await["state"], "requires_method");
}

#[tokio::test]
async fn a_shop_that_waits_no_day_for_transfers_does_not_offer_them() {
    let Some(shop) = Suite::own_with(&[("transfer_days", "0")]).await else { return };
    let (lamp, guest) = (shop.has_lamps(5).await, shop.stranger());
    let order = guest.orders(&lamp, 1).await;
    let refused = guest.pays_by(&order, &bank_transfer()).await.is_refused(422, "method-unavailable");
    refused.with_field("/method/type");
    let methods = guest.get("/api/v1/payments/methods").await.is(200);
    assert!(!methods.to_string().contains("bank_transfer"), "{methods}");
}

#[tokio::test]
async fn what_nobody_knows_the_sender_of_is_left_when_its_payment_comes_to_nothing() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let (order, iban, reference) = awaited(&shop, &guest).await;
    let incoming = json!({"iban": iban, "amount": euro(100), "name": "Ana Silva", "reference": reference,
        "end_to_end_id": unique("e2e")});
    let came = admin.post("/api/v1/clearing/incoming", &incoming).key(&unique("incoming")).await.is(201);
    let known = receipt(&shop, &admin, &came, |it| it["used"]["amount"] == 100).await;
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    receipt(&shop, &admin, &came, |it| it["left"]["amount"] == 100).await;
    let path = format!("/api/v1/payments/receipts/{}/return", known["id"].as_str().unwrap_or_default());
    admin.post(&path, &json!({})).await.is_refused(409, "receipt-without-sender");
}

#[tokio::test]
async fn who_promised_a_transfer_may_pay_by_card_and_what_comes_then_goes_back() {
    let shop = Suite::start().await;
    let (admin, guest) = (shop.admin().await, shop.stranger());
    let (order, iban, reference) = awaited(&shop, &guest).await;
    let part = admin.takes_in(&iban, 100, &reference, &outside("0001")).await;
    receipt(&shop, &admin, &part, |it| it["used"]["amount"] == 100).await;
    guest.pays_with(&order, GOOD_CARD).await.is(200).accept();
    guest.sees(&order, "paid").await;
    receipt(&shop, &admin, &part, |it| it["returned"]["amount"] == 100).await;
    // What comes afterwards is for somebody to look at.
    let late = admin.takes_in(&iban, order.total(), &reference, &outside("0001")).await;
    receipt(&shop, &admin, &late, |it| it["left"]["amount"] == order.total()).await;
}
