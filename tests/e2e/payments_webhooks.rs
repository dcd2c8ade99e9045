//! Providers that answer late, twice, in the wrong order or not at all, and those who pretend to be one.

use serde_json::json;
use souk_tests::payments::{Payment, Payments, card, euro, new_id, signature, webhook};
use souk_tests::token::now;

const CAPTURED: &str = "souk.payment.captured";
const AUTHORIZED: &str = "souk.payment.authorized";

/// The key of the payment's last try.
async fn last_try(payments: &Payments, payment: &Payment) -> String {
    let now = payments.reads(payment).await;
    let tries = now["attempts"].as_array().expect("attempts").clone();
    tries.last().expect("a try")["id"].as_str().expect("an id").to_owned()
}

async fn is_captured_once(payments: &Payments, payment: &Payment, amount: i64) {
    let now = payments.reads(payment).await;
    assert_eq!((&now["state"], &now["captured"]), (&json!("captured"), &euro(amount)), "{now}");
    assert_eq!(payments.told("orders", CAPTURED, payment).await.len(), 1);
    assert!(payments.told("orders", AUTHORIZED, payment).await.is_empty());
}

#[tokio::test]
async fn an_answer_that_was_lost_comes_by_webhook() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    assert_eq!(payments.confirms(&payment, card::LOST).await.is(200).text("/state"), "processing");
    // While nobody knows, no second card is charged, and no other amount wanted.
    payments.confirms(&payment, card::GOOD).await.is_refused(409, "payment-state");
    payments.wants(&payment.order, &json!({"amount": euro(600)})).await.is_refused(409, "payment-state");
    payments.shop.ticks().await;
    is_captured_once(&payments, &payment, 500).await;
}

#[tokio::test]
async fn a_late_answer_is_taken_when_it_comes() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    assert_eq!(payments.confirms(&payment, card::LATE).await.is(200).text("/state"), "processing");
    payments.shop.ticks().await;
    assert_eq!(payments.state(&payment).await, "processing", "its minute is not over");
    payments.time_passes().await;
    is_captured_once(&payments, &payment, 500).await;
}

#[tokio::test]
async fn an_answer_that_comes_again_changes_nothing() {
    let Some(payments) = Payments::stands().await else { return };
    for (capture, state) in [("automatic", "captured"), ("manual", "authorized")] {
        let payment = payments.payment(500, capture).await;
        assert_eq!(payments.confirms(&payment, card::TWICE).await.is(200).text("/state"), state);
        payments.shop.ticks().await;
        payments.time_passes().await;
        if capture == "manual" {
            payments.captures(&payment, Some(euro(200))).await.is(200).accept();
            payments.captures(&payment, None).await.is(200).accept();
            payments.time_passes().await;
            assert_eq!(payments.told("orders", CAPTURED, &payment).await.len(), 2);
        } else {
            is_captured_once(&payments, &payment, 500).await;
        }
        payments.refunds(&payment, euro(100), "one").await.is(201).accept();
        payments.time_passes().await;
        let now = payments.reads(&payment).await;
        assert_eq!((&now["refunded"], &now["captured"]), (&euro(100), &euro(500)), "{now}");
        assert_eq!(payments.told("orders", "souk.payment.refunded", &payment).await.len(), 1);
    }
    let left = payments
        .database()
        .query_row("SELECT count(*) FROM simulator_webhooks", [], |row| row.get::<_, i64>(0));
    assert_eq!(left.expect("a number"), 0, "every webhook was taken");
}

#[tokio::test]
async fn webhooks_in_the_wrong_order_do_not_undo_what_came_after() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    payments.confirms(&payment, card::LATE).await.is(200).accept();
    let key = last_try(&payments, &payment).await;
    let captured = webhook("charge.captured", &key, 500);
    for _ in 0..3 {
        payments.is_told(&captured).await.is(204).accept();
    }
    for kind in ["charge.authorized", "charge.processing", "charge.declined", "charge.captured"] {
        payments.is_told(&webhook(kind, &key, 500)).await.is(204).accept();
    }
    payments.time_passes().await;
    is_captured_once(&payments, &payment, 500).await;
}

#[tokio::test]
async fn a_decline_that_comes_late_leaves_room_for_another_card() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    payments.confirms(&payment, card::LATE).await.is(200).accept();
    let key = last_try(&payments, &payment).await;
    payments.is_told(&webhook("charge.declined", &key, 500)).await.is(204).accept();
    assert_eq!(payments.state(&payment).await, "requires_method");
    assert_eq!(payments.confirms(&payment, card::GOOD).await.is(200).text("/state"), "captured");
    // What the provider says of the first card by now does not matter any more.
    payments.is_told(&webhook("charge.captured", &key, 500)).await.is(204).accept();
    is_captured_once(&payments, &payment, 500).await;
}

#[tokio::test]
async fn what_is_paid_late_for_a_payment_that_was_called_off_is_undone() {
    let Some(payments) = Payments::stands().await else { return };
    for number in [card::LATE, card::LOST] {
        let payment = payments.payment(500, "automatic").await;
        payments.confirms(&payment, number).await.is(200).accept();
        let key = last_try(&payments, &payment).await;
        assert_eq!(payments.cancels(&payment).await.is(200).text("/state"), "cancelled");
        payments.time_passes().await;
        let now = payments.reads(&payment).await;
        assert_eq!((&now["state"], &now["captured"]), (&json!("cancelled"), &euro(0)), "{now}");
        assert_eq!(now["attempts"][0]["state"], "voided", "{now}");
        let charge = "SELECT state FROM simulator_charges WHERE key = ?1";
        let charge: String =
            payments.database().query_row(charge, [&key], |row| row.get(0)).expect("a charge");
        assert_eq!(charge, "cancelled", "the provider has given the money back");
        assert!(payments.told("orders", CAPTURED, &payment).await.is_empty());
    }
}

#[tokio::test]
async fn a_webhook_that_nobody_with_the_key_has_just_signed_is_refused() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    payments.confirms(&payment, card::LATE).await.is(200).accept();
    let key = last_try(&payments, &payment).await;
    let body = webhook("charge.captured", &key, 500).to_string();
    let secret = payments.shop.keys().card_simulator.clone();
    let good = signature(&body, now(), &secret);
    let (time, code) = good.split_once(',').expect("two parts");
    let forged = [
        signature(&body, now(), "another key, just as long as ours"),
        signature(&format!("{body} "), now(), &secret),
        signature(&body, now() - 301, &secret),
        signature(&body, now() + 600, &secret),
        format!("t={},{code}", now() + 1),
        format!("{time},v1="),
        format!("{time},v0={}", &code[3..]),
        format!("{good},t=1"),
        code.to_owned(),
        String::new(),
        "é".into(),
    ];
    for signature in forged {
        payments.hears(&body, &signature).await.is_refused(401, "invalid-signature");
    }
    let (person, path) = (payments.person(), "/payments/webhooks/card-simulator");
    let unsigned = person.post(path, "").body("application/json", body.clone());
    payments.by_anyone(unsigned).await.is_refused(401, "invalid-signature");
    let huge = person.post(path, "").body("application/json", vec![b' '; 70_000]);
    payments.by_anyone(huge).await.is_refused(413, "body-too-large");
    assert_eq!(payments.state(&payment).await, "processing");
    payments.hears(&body, &good).await.is(204).accept();
    is_captured_once(&payments, &payment, 500).await;
}

#[tokio::test]
async fn a_signed_webhook_that_makes_no_sense_changes_nothing() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    payments.confirms(&payment, card::LATE).await.is(200).accept();
    let key = last_try(&payments, &payment).await;
    let stranger = new_id("att");
    payments.is_told(&webhook("charge.captured", &stranger, 500)).await.is_refused(404, "not-found");
    payments.is_told(&webhook("refund.succeeded", &new_id("rfd"), 5)).await.is_refused(404, "not-found");
    let mut dollars = webhook("charge.captured", &key, 500);
    dollars["data"]["amount"]["currency"] = json!("USD");
    for wrong in [
        webhook("charge.captured", &key, 499),
        webhook("charge.captured", &key, 50_000),
        webhook("charge.exploded", &key, 500),
        webhook("charge.captured", "nobody", 500),
        dollars,
        json!({"id": "x"}),
        json!([]),
    ] {
        payments.is_told(&wrong).await.is_refused(422, "invalid-request");
    }
    let nonsense = "{";
    let signed = signature(nonsense, now(), &payments.shop.keys().card_simulator);
    payments.hears(nonsense, &signed).await.is_refused(400, "malformed-json");
    assert_eq!(payments.state(&payment).await, "processing");
    payments.time_passes().await;
    is_captured_once(&payments, &payment, 500).await;
}

/// Kills the suite, undoes what a crash at another instant would have kept from being stored, and goes on.
async fn crashes_without(payments: &mut Payments, lost: &[&str]) {
    payments.shop.is_killed().await;
    let database = payments.database();
    for sql in lost {
        database.execute(sql, []).expect("its tables");
    }
    drop(database);
    payments.shop.starts_again().await;
    payments.shop.ticks().await;
}

#[tokio::test]
async fn a_charge_whose_answer_a_crash_swallowed_is_found_and_not_made_again() {
    let Some(mut payments) = Payments::stands().await else { return };
    payments.shop.expects_faults();
    let payment = payments.payment(500, "automatic").await;
    payments.confirms(&payment, card::TWICE).await.is(200).accept();
    let key = last_try(&payments, &payment).await;
    // As if the crash had come after the provider's answer and before it was stored; its webhooks get lost, too.
    let lost = [
        "UPDATE attempts SET state = 'pending', ask_at = 0",
        "UPDATE intents SET state = 'processing', authorized = 0, captured = 0",
        "DELETE FROM outbox",
        "DELETE FROM simulator_webhooks",
    ];
    crashes_without(&mut payments, &lost).await;
    let now = payments.reads(&payment).await;
    assert_eq!((&now["state"], &now["captured"]), (&json!("captured"), &euro(500)), "{now}");
    assert_eq!(last_try(&payments, &payment).await, key, "it is the same charge");
    let charges = payments
        .database()
        .query_row("SELECT count(*) FROM simulator_charges", [], |row| row.get::<_, i64>(0));
    assert_eq!(charges.expect("a number"), 1);
}

#[tokio::test]
async fn a_charge_that_a_crash_kept_from_being_made_is_barred_and_another_card_pays() {
    let Some(mut payments) = Payments::stands().await else { return };
    payments.shop.expects_faults();
    let payment = payments.payment(500, "automatic").await;
    payments.confirms(&payment, card::LATE).await.is(200).accept();
    let key = last_try(&payments, &payment).await;
    // As if the crash had come before the provider was asked.
    let lost = [
        "UPDATE attempts SET state = 'pending', ask_at = 0",
        "DELETE FROM simulator_charges",
        "DELETE FROM simulator_webhooks",
    ];
    crashes_without(&mut payments, &lost).await;
    let now = payments.reads(&payment).await;
    assert_eq!(
        (&now["state"], &now["attempts"][0]["code"]),
        (&json!("requires_method"), &json!("interrupted")),
        "{now}"
    );
    let charge = "SELECT state FROM simulator_charges WHERE key = ?1";
    let charge: String =
        payments.database().query_row(charge, [&key], |row| row.get(0)).expect("it is barred");
    assert_eq!(charge, "cancelled");
    assert_eq!(payments.confirms(&payment, card::GOOD).await.is(200).text("/state"), "captured");
    is_captured_once(&payments, &payment, 500).await;
}

#[tokio::test]
async fn a_refund_whose_answer_a_crash_swallowed_is_asked_for_again_with_its_key() {
    let Some(mut payments) = Payments::stands().await else { return };
    payments.shop.expects_faults();
    let payment = payments.payment(500, "automatic").await;
    payments.confirms(&payment, card::TWICE).await.is(200).accept();
    payments.shop.ticks().await;
    payments.refunds(&payment, euro(200), "one").await.is(201).accept();
    payments.shop.is_killed().await;
    let database = payments.database();
    for sql in [
        "UPDATE transfers SET state = 'pending', ask_at = 0",
        "UPDATE intents SET state = 'captured', refunding = 200, refunded = 0",
        "DELETE FROM simulator_webhooks",
        "DELETE FROM outbox",
    ] {
        database.execute(sql, []).expect("its tables");
    }
    drop(database);
    payments.shop.starts_again().await;
    // What is being given back is not given back twice.
    payments.refunds(&payment, euro(301), "two").await.is_refused(409, "refund-exceeds-capture");
    assert_eq!(payments.refunds(&payment, euro(200), "one").await.is(200).text("/state"), "pending");
    payments.shop.ticks().await;
    assert_eq!(payments.refunds(&payment, euro(200), "one").await.is(200).text("/state"), "succeeded");
    assert_eq!(payments.reads(&payment).await["refunded"], euro(200));
}
