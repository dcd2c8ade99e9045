//! Paying: what each test card does, captures and refunds in parts, what is refused, and who may see what.

use serde_json::json;
use souk_tests::payments::{Payment, Payments, card, euro, new_id, paying_with};
use souk_tests::{Suite, unique};

const CAPTURED: &str = "souk.payment.captured";
const AUTHORIZED: &str = "souk.payment.authorized";
const REFUNDED: &str = "souk.payment.refunded";
const CANCELLED: &str = "souk.payment.cancelled";
const FAILED: &str = "souk.payment.failed";

#[tokio::test]
async fn a_good_card_pays_at_once_and_orders_are_told_once() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.captured(1999).await;
    let now = payments.reads(&payment).await;
    assert_eq!((&now["state"], &now["captured"]), (&json!("captured"), &euro(1999)), "{now}");
    assert_eq!(now["attempts"][0]["card"]["last4"], "4242", "{now}");
    let told = payments.told("orders", CAPTURED, &payment).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["captured"], &told[0]["order_id"]), (&euro(1999), &json!(payment.order)));
    assert!(payments.told("orders", AUTHORIZED, &payment).await.is_empty());
}

#[tokio::test]
async fn after_declined_cards_another_one_pays() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    for (number, code) in [(card::DECLINED, "card_declined"), (card::POOR, "insufficient_funds")] {
        let declined = payments.confirms(&payment, number).await.is(200);
        assert_eq!((declined.text("/state"), declined.text("/code")), ("declined", code));
        assert_eq!(payments.state(&payment).await, "requires_method");
    }
    assert_eq!(payments.confirms(&payment, card::GOOD).await.is(200).text("/state"), "captured");
    let now = payments.reads(&payment).await;
    let states: Vec<_> =
        now["attempts"].as_array().expect("attempts").iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["declined", "declined", "captured"]);
    assert!(payments.told("orders", FAILED, &payment).await.is_empty());
}

#[tokio::test]
async fn whoever_tries_ten_bad_cards_tries_no_more() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    for _ in 0..10 {
        assert_eq!(payments.confirms(&payment, card::DECLINED).await.is(200).text("/state"), "declined");
    }
    let refused = payments.confirms(&payment, card::GOOD).await.is_refused(409, "payment-state");
    assert_eq!(refused.answer().text("/state"), "failed");
    assert_eq!(payments.told("orders", FAILED, &payment).await.len(), 1);
}

#[tokio::test]
async fn a_challenge_is_passed_with_the_right_code() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    let asked = payments.confirms(&payment, card::CHALLENGED).await.is(200);
    assert_eq!(asked.text("/state"), "requires_action");
    assert!(asked.text("/action/url").ends_with(&format!("/payments/intents/{}/challenge", payment.id)));
    assert_eq!(payments.state(&payment).await, "requires_action");
    let passed = payments.answers(&payment, asked.text("/action/challenge_id"), "123456").await.is(200);
    assert_eq!(passed.text("/state"), "captured");
    let again = payments.answers(&payment, asked.text("/action/challenge_id"), "123456").await;
    again.is_refused(409, "payment-state");
    assert_eq!(payments.reads(&payment).await["captured"], euro(500));
}

#[tokio::test]
async fn a_challenge_that_is_failed_declines_the_card() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "manual").await;
    let asked = payments.confirms(&payment, card::CHALLENGED).await.is(200);
    payments.answers(&payment, &new_id("att"), "123456").await.is_refused(404, "not-found");
    let failed = payments.answers(&payment, asked.text("/action/challenge_id"), "654321").await.is(200);
    assert_eq!((failed.text("/state"), failed.text("/code")), ("declined", "challenge_failed"));
    // The code of a challenge that is over is worth nothing.
    payments
        .answers(&payment, asked.text("/action/challenge_id"), "123456")
        .await
        .is_refused(409, "payment-state");
    let asked_again = payments.confirms(&payment, card::CHALLENGED).await.is(200);
    payments
        .answers(&payment, asked.text("/action/challenge_id"), "123456")
        .await
        .is_refused(404, "not-found");
    let passed = payments.answers(&payment, asked_again.text("/action/challenge_id"), "123456").await.is(200);
    assert_eq!(passed.text("/state"), "authorized");
}

#[tokio::test]
async fn a_challenge_can_be_left_for_another_card() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    let asked = payments.confirms(&payment, card::CHALLENGED).await.is(200);
    assert_eq!(payments.confirms(&payment, card::GOOD).await.is(200).text("/state"), "captured");
    let late = payments.answers(&payment, asked.text("/action/challenge_id"), "123456").await;
    late.is_refused(409, "payment-state");
    assert_eq!(payments.reads(&payment).await["attempts"][0]["state"], "voided");
}

#[tokio::test]
async fn what_is_authorized_is_captured_in_parts_and_never_beyond() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(1000, "manual").await;
    payments.captures(&payment, None).await.is_refused(409, "payment-state");
    assert_eq!(payments.confirms(&payment, card::GOOD).await.is(200).text("/state"), "authorized");
    assert_eq!(payments.told("orders", AUTHORIZED, &payment).await.len(), 1);
    let part = payments.captures(&payment, Some(euro(300))).await.is(200);
    assert_eq!((part.text("/state"), &part.json()["captured"]), ("partially_captured", &euro(300)));
    let refused = payments.captures(&payment, Some(euro(701))).await;
    let refused = refused.is_refused(409, "capture-exceeds-authorization");
    assert_eq!(refused.answer().json()["available"], euro(700));
    let rest = payments.captures(&payment, None).await.is(200);
    assert_eq!((rest.text("/state"), &rest.json()["captured"]), ("captured", &euro(1000)));
    // Nothing is left to take: that changes nothing, and tells nobody.
    payments.captures(&payment, None).await.is(200).accept();
    payments.captures(&payment, Some(euro(1))).await.is_refused(409, "capture-exceeds-authorization");
    assert_eq!(payments.told("orders", CAPTURED, &payment).await.len(), 2);
}

#[tokio::test]
async fn what_is_not_captured_is_let_go() {
    let Some(payments) = Payments::stands().await else { return };
    for number in [card::GOOD, card::TWICE] {
        let payment = payments.payment(1000, "manual").await;
        payments.confirms(&payment, number).await.is(200).accept();
        payments.captures(&payment, Some(euro(300))).await.is(200).accept();
        let rest = payments.cancels(&payment).await.is(200);
        assert_eq!((rest.text("/state"), &rest.json()["captured"]), ("captured", &euro(300)), "{rest}");
        assert_eq!(
            (&rest.json()["released"], &rest.json()["releases"][0]["amount"]),
            (&euro(700), &euro(700))
        );
        // What is let go is gone, and letting it go again changes nothing.
        let beyond = payments.captures(&payment, Some(euro(1))).await;
        beyond.is_refused(409, "capture-exceeds-authorization");
        let again = payments.cancels(&payment).await.is(200);
        assert_eq!(again.json()["releases"].as_array().map(Vec::len), Some(1));
        payments.refunds(&payment, euro(301), "all").await.is_refused(409, "refund-exceeds-capture");
        payments.refunds(&payment, euro(300), "all").await.is(201).accept();
        payments.time_passes().await;
        assert_eq!(payments.state(&payment).await, "refunded");
        assert_eq!(payments.told("orders", CAPTURED, &payment).await.len(), 1);
        assert!(payments.told("orders", CANCELLED, &payment).await.is_empty());
    }
}

#[tokio::test]
async fn a_final_capture_lets_the_rest_go() {
    let Some(payments) = Payments::stands().await else { return };
    let last = async |payment: &Payment, amount: i64| {
        let (person, path) = (payments.person(), format!("/payments/intents/{}/capture", payment.id));
        let body = json!({"amount": euro(amount), "final": true});
        payments.by_orders(person.post(path, &body)).key(&unique("last")).await.is(200)
    };
    for number in [card::GOOD, card::TWICE] {
        let payment = payments.payment(1000, "manual").await;
        payments.confirms(&payment, number).await.is(200).accept();
        payments.captures(&payment, Some(euro(100))).await.is(200).accept();
        let now = last(&payment, 250).await;
        assert_eq!((now.text("/state"), &now.json()["captured"]), ("captured", &euro(350)), "{now}");
        assert_eq!(now.json()["released"], euro(650));
        // All of it is taken: there is nothing to let go.
        let whole = payments.payment(1000, "manual").await;
        payments.confirms(&whole, number).await.is(200).accept();
        let now = last(&whole, 1000).await;
        assert_eq!((now.text("/state"), &now.json()["released"]), ("captured", &euro(0)), "{now}");
        payments.cancels(&whole).await.is_refused(409, "payment-state");
    }
}

#[tokio::test]
async fn a_capture_is_made_once_for_each_key() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(1000, "manual").await;
    payments.confirms(&payment, card::GOOD).await.is(200).accept();
    let (person, path) = (payments.person(), format!("/payments/intents/{}/capture", payment.id));
    let (part, key) = (json!({"amount": euro(300)}), unique("key"));
    let first = payments.by_orders(person.post(&path, &part)).key(&key).await.is(200);
    let again = payments.by_orders(person.post(&path, &part)).key(&key).await.is(200);
    assert_eq!(first.body, again.body);
    let other = json!({"amount": euro(400)});
    let other = payments.by_orders(person.post(&path, &other)).key(&key).await;
    other.is_refused(422, "idempotency-key-reused");
    payments.by_orders(person.post(&path, &part)).await.is_refused(400, "idempotency-key-required");
    assert_eq!(payments.reads(&payment).await["captured"], euro(300));
}

#[tokio::test]
async fn money_is_given_back_in_parts_once_for_each_key_and_never_beyond() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.captured(1000).await;
    let first = payments.refunds(&payment, euro(400), "one").await.is(201);
    assert_eq!(first.text("/state"), "succeeded");
    let again = payments.refunds(&payment, euro(400), "one").await.is(200);
    assert_eq!(again.text("/id"), first.text("/id"));
    payments.refunds(&payment, euro(401), "one").await.is_refused(422, "idempotency-key-reused");
    assert_eq!(payments.state(&payment).await, "partially_refunded");
    let refused = payments.refunds(&payment, euro(601), "two").await;
    let refused = refused.is_refused(409, "refund-exceeds-capture").with_field("/amount/amount");
    assert_eq!(refused.answer().json()["available"], euro(600));
    payments.refunds(&payment, euro(600), "two").await.is(201).accept();
    assert_eq!(payments.state(&payment).await, "refunded");
    payments.refunds(&payment, euro(1), "three").await.is_refused(409, "refund-exceeds-capture");
    let told = payments.told("orders", REFUNDED, &payment).await;
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["refund_id"], &told[0]["refund_amount"]), (&json!(first.text("/id")), &euro(400)));
}

#[tokio::test]
async fn a_payment_is_called_off_before_it_is_captured_and_not_after() {
    let Some(payments) = Payments::stands().await else { return };
    for confirmed in [false, true] {
        let payment = payments.payment(1000, "manual").await;
        if confirmed {
            payments.confirms(&payment, card::GOOD).await.is(200).accept();
        }
        for _ in 0..2 {
            let off = payments.cancels(&payment).await.is(200);
            assert_eq!((off.text("/state"), &off.json()["authorized"]), ("cancelled", &euro(0)));
        }
        payments.confirms(&payment, card::GOOD).await.is_refused(409, "payment-state");
        payments.captures(&payment, None).await.is_refused(409, "payment-state");
        payments.refunds(&payment, euro(1), "one").await.is_refused(409, "payment-state");
        assert_eq!(payments.told("orders", CANCELLED, &payment).await.len(), 1);
    }
    let paid = payments.captured(100).await;
    payments.cancels(&paid).await.is_refused(409, "payment-state");
}

#[tokio::test]
async fn an_order_wants_one_payment_whose_amount_may_change_until_it_is_held() {
    let Some(payments) = Payments::stands().await else { return };
    let order = new_id("ord");
    let wants = |amount: i64| json!({"amount": euro(amount)});
    let first = payments.wants(&order, &wants(500)).await.is(201);
    let again = payments.wants(&order, &wants(500)).await.is(200);
    assert_eq!(first.body, again.body);
    let more = payments.wants(&order, &wants(700)).await.is(200);
    assert_eq!((more.text("/id"), &more.json()["amount"]), (first.text("/id"), &euro(700)));
    let payment = Payment {
        id: first.text("/id").into(),
        secret: more.text("/client_secret").into(),
        order: order.clone(),
    };
    // A challenge for the amount before is over.
    let asked = payments.confirms(&payment, card::CHALLENGED).await.is(200);
    payments.wants(&order, &json!({"amount": {"amount": 700, "currency": "USD"}})).await.is(200).accept();
    let late = payments.answers(&payment, asked.text("/action/challenge_id"), "123456").await;
    late.is_refused(409, "payment-state");
    payments.wants(&order, &wants(800)).await.is(200).accept();
    payments.confirms(&payment, card::GOOD).await.is(200).accept();
    assert_eq!(payments.reads(&payment).await["captured"], euro(800));
    payments.wants(&order, &wants(800)).await.is(200).accept();
    payments.wants(&order, &wants(801)).await.is_refused(409, "payment-state");
}

#[tokio::test]
async fn a_repeated_confirmation_with_its_key_gets_the_same_answer() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    let (person, path) = (payments.person(), format!("/payments/intents/{}/confirm", payment.id));
    let send = async |number: &str| {
        let request = payments.by_anyone(person.post(&path, &paying_with(number)));
        request.header("client-secret", &payment.secret).key("mine").await
    };
    let first = send(card::GOOD).await.is(200);
    assert_eq!(send(card::GOOD).await.is(200).body, first.body);
    send(card::LOST).await.is_refused(422, "idempotency-key-reused");
    payments.confirms(&payment, card::GOOD).await.is_refused(409, "payment-state");
}

#[tokio::test]
async fn through_the_gateway_a_stranger_pays_with_the_secret() {
    let Some(payments) = Payments::in_the_whole_suite().await else { return };
    let (stranger, payment) = (payments.person(), payments.payment(1999, "manual").await);
    let path = format!("/api/v1/payments/intents/{}", payment.id);
    let asked = stranger.post(format!("{path}/confirm"), &paying_with(card::CHALLENGED));
    let asked = asked.header("client-secret", &payment.secret).await.is(200);
    let code = json!({"challenge_id": asked.text("/action/challenge_id"), "code": "123456"});
    let passed = stranger
        .post(asked.text("/action/url"), &code)
        .header("client-secret", &payment.secret)
        .await
        .is(200);
    assert_eq!(passed.text("/state"), "authorized");
    let merchant = payments.shop.merchant().await;
    let part = json!({"amount": euro(1000), "final": true});
    let taken = merchant.post(format!("{path}/capture"), &part).key(&unique("capture")).await.is(200);
    assert_eq!((taken.text("/state"), &taken.json()["captured"]), ("captured", &euro(1000)));
    let read = stranger.get(&path).header("client-secret", &payment.secret).await.is(200);
    assert_eq!(read.json()["released"], euro(999));
    let late = payments.payment(500, "automatic").await;
    let confirm =
        stranger.post(format!("/api/v1/payments/intents/{}/confirm", late.id), &paying_with(card::LOST));
    assert_eq!(confirm.header("client-secret", &late.secret).await.is(200).text("/state"), "processing");
    payments.shop.ticks().await;
    // Orders knows of no such order, and sends the money back as soon as it hears of it.
    assert_eq!(payments.reads(&late).await["captured"], euro(500));
}

#[tokio::test]
async fn through_the_gateway_buyers_need_the_secret_and_merchants_the_scope() {
    let shop = Suite::start().await;
    let (stranger, merchant) = (shop.stranger(), shop.merchant().await);
    let path = format!("/api/v1/payments/intents/{}", new_id("pay"));
    stranger.get(&path).header("client-secret", "x").await.is_refused(404, "not-found");
    let confirm =
        stranger.post(format!("{path}/confirm"), &paying_with(card::GOOD)).header("client-secret", "x");
    confirm.await.is_refused(404, "not-found");
    merchant.get(&path).await.is_refused(404, "not-found");
    let list = merchant.get("/api/v1/payments/intents?limit=5").await.is(200);
    assert!(list.json()["items"].is_array(), "{list}");
    merchant.post(format!("{path}/cancel"), &json!({})).await.is_refused(404, "not-found");
    let unsigned = stranger.post("/api/v1/payments/webhooks/card-simulator", &json!({}));
    unsigned.await.is_refused(401, "invalid-signature");
    stranger.post("/api/v1/payments/webhooks/paypal", &json!({})).await.is_refused(404, "not-found");
    let intent = format!("/api/v1/payments/intents/by-order/{}", new_id("ord"));
    merchant.put(intent, &json!({"amount": euro(1)})).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn what_an_order_wanted_before_replaces_nothing() {
    let Some(payments) = Payments::stands().await else { return };
    let order = new_id("ord");
    let wants = async |amount, revision| {
        payments.wants(&order, &json!({"amount": euro(amount), "revision": revision})).await
    };
    wants(1000, 0).await.is(201).accept();
    assert_eq!(wants(2000, 2).await.is(200).json()["amount"], euro(2000));
    wants(1000, 1).await.is_refused(409, "payment-state");
    // To want the same once more counts too.
    wants(2000, 4).await.is(200).accept();
    wants(3000, 3).await.is_refused(409, "payment-state");
    assert_eq!(wants(3000, 5).await.is(200).json()["amount"], euro(3000));
    let negative = payments.wants(&order, &json!({"amount": euro(1), "revision": -1})).await;
    negative.is_refused(422, "invalid-request").with_field("/revision");
}
