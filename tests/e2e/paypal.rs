//! Paying with PayPal: approved on its page, taken or held, given back, declined, called off.

use serde_json::json;
use souk_tests::payments::{card, euro, new_id, paying_with};
use souk_tests::paypal::{Options, PayPal, Sandbox, chooses, paying, variables};
use souk_tests::{Suite, unique};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_buyer_approves_comes_back_and_has_paid_once() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(1999, "automatic").await;
    let page = shop.is_sent_away(&payment).await;
    // Whoever chooses PayPal again, or comes back too early, is sent to a page again.
    assert_eq!(shop.comes_back(&payment).await.is(200).text("/action/url"), page);
    chooses(&page, "approve", "balance").await;
    assert_eq!(shop.comes_back(&payment).await.is(200).text("/state"), "captured");
    assert_eq!(shop.comes_back(&payment).await.is(200).text("/state"), "captured");
    shop.confirms(&payment).await.is_refused(409, "payment-state");
    assert_eq!(shop.is_told().await, ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED"]);
    shop.payments.time_passes().await;
    assert_eq!((shop.money(&payment), shop.believed(&payment).await), ((1999, 0), (1999, 0)));
    let told = shop.payments.told("orders", "souk.payment.captured", &payment).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["provider"], &told[0]["captured"]), (&json!("paypal"), &euro(1999)));
    let asks = "SELECT count(*) FROM attempts WHERE ask_at IS NOT NULL";
    let asks: i64 = shop.payments.database().query_row(asks, [], |row| row.get(0)).expect("a number");
    assert_eq!(asks, 0, "there is nothing left to ask");
    let order = shop.sandbox.orders().remove(0);
    assert!(order.unit["invoice_id"].as_str().is_some_and(|it| it.starts_with(&payment.order)), "{order:?}");
}

#[tokio::test]
async fn who_never_comes_back_has_paid_as_well() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(500, "automatic").await;
    shop.approves(&payment, "balance").await;
    assert_eq!(shop.is_told().await, ["CHECKOUT.ORDER.APPROVED"]);
    assert_eq!(shop.payments.state(&payment).await, "captured");
    let other = shop.payment(500, "automatic").await;
    shop.approves(&other, "balance").await;
    // The webhook is lost: PayPal is asked.
    shop.sandbox.takes_webhooks();
    shop.payments.time_passes().await;
    assert_eq!(shop.payments.state(&other).await, "captured");
}

#[tokio::test]
async fn what_was_taken_is_given_back_in_parts() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(1000, "automatic").await;
    assert_eq!(shop.pays(&payment).await, "captured");
    for (key, cents) in [("one", 300), ("one", 300), ("two", 200)] {
        let refund = shop.payments.refunds(&payment, euro(cents), key).await;
        assert_eq!(refund.text("/state"), "succeeded");
    }
    assert_eq!((shop.money(&payment), shop.believed(&payment).await), ((1000, 500), (1000, 500)));
    shop.payments.refunds(&payment, euro(501), "three").await.is_refused(409, "refund-exceeds-capture");
    shop.payments.refunds(&payment, euro(500), "four").await.is(201).accept();
    assert_eq!(shop.payments.state(&payment).await, "refunded");
    shop.is_told().await;
    assert_eq!((shop.money(&payment), shop.believed(&payment).await), ((1000, 1000), (1000, 1000)));
    assert_eq!(shop.sandbox.given_back().len(), 3);
}

#[tokio::test]
async fn what_is_held_is_taken_in_parts_let_go_and_given_back_across_them() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(1000, "manual").await;
    assert_eq!(shop.pays(&payment).await, "authorized");
    assert_eq!(shop.money(&payment), (0, 0));
    shop.payments.captures(&payment, Some(euro(300))).await.is(200).accept();
    shop.payments.captures(&payment, Some(euro(400))).await.is(200).accept();
    shop.payments.cancels(&payment).await.is(200).accept();
    assert_eq!(shop.payments.state(&payment).await, "captured");
    assert_eq!(shop.sandbox.authorizations()[0].status, "VOIDED");
    // More than either capture has.
    shop.payments.refunds(&payment, euro(600), "most").await.is(201).accept();
    shop.is_told().await;
    shop.payments.time_passes().await;
    assert_eq!((shop.money(&payment), shop.believed(&payment).await), ((700, 600), (700, 600)));
    let mut given: Vec<_> = shop.sandbox.captures().iter().map(|it| it.amount.units - it.refunded).collect();
    given.sort_unstable();
    assert_eq!(given, [0, 100]);
}

#[tokio::test]
async fn what_is_held_is_let_go_when_the_order_is_called_off() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(1000, "manual").await;
    assert_eq!(shop.pays(&payment).await, "authorized");
    shop.payments.cancels(&payment).await.is(200).accept();
    assert_eq!(shop.sandbox.authorizations()[0].status, "VOIDED");
    shop.is_told().await;
    assert_eq!(shop.payments.state(&payment).await, "cancelled");
}

#[tokio::test]
async fn who_comes_back_after_the_webhook_is_told_what_came_of_it() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for (funding, state) in [("balance", "captured"), ("declined", "declined")] {
        let payment = shop.payment(500, "automatic").await;
        shop.approves(&payment, funding).await;
        shop.is_told().await;
        shop.is_told().await; // Of what was done about the approval.
        assert_eq!(shop.comes_back(&payment).await.is(200).text("/state"), state);
    }
    let untried = shop.payment(500, "automatic").await;
    shop.comes_back(&untried).await.is_refused(409, "payment-state");
}

#[tokio::test]
async fn a_decline_leaves_the_payment_open_for_another_method() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for (capture, code) in [("automatic", "instrument_declined"), ("manual", "payer_cannot_pay")] {
        let payment = shop.payment(500, capture).await;
        shop.approves(&payment, "declined").await;
        let answer = shop.comes_back(&payment).await.is(200);
        assert_eq!((answer.text("/state"), answer.text("/code")), ("declined", code));
        assert_eq!(shop.payments.state(&payment).await, "requires_method");
        shop.is_told().await;
        shop.payments.confirms(&payment, card::GOOD).await.is(200).accept();
        assert_eq!(shop.money(&payment), (0, 0));
    }
}

#[tokio::test]
async fn who_goes_back_from_paypal_may_pay_otherwise_and_is_not_charged_there() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(500, "automatic").await;
    let page = shop.is_sent_away(&payment).await;
    chooses(&page, "cancel", "").await;
    assert_eq!(shop.comes_back(&payment).await.is(200).text("/state"), "requires_action");
    assert_eq!(shop.payments.confirms(&payment, card::GOOD).await.is(200).text("/state"), "captured");
    // In another window the buyer approves all the same.
    chooses(&page, "approve", "balance").await;
    shop.is_told().await;
    shop.payments.time_passes().await;
    shop.payments.time_passes().await;
    assert_eq!((shop.money(&payment), shop.believed(&payment).await), ((0, 0), (500, 0)));
}

#[tokio::test]
async fn what_paypal_reviews_is_paid_when_it_says_so() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for (is_good, state) in [(true, "captured"), (false, "requires_method")] {
        let payment = shop.payment(500, "automatic").await;
        shop.approves(&payment, "pending").await;
        assert_eq!(shop.comes_back(&payment).await.is(200).text("/state"), "processing");
        shop.is_told().await;
        shop.payments.time_passes().await;
        assert_eq!(shop.payments.state(&payment).await, "processing");
        let pending =
            shop.sandbox.captures().into_iter().find(|it| it.status == "PENDING").expect("a capture");
        shop.sandbox.settles(&pending.id, is_good);
        shop.is_told().await;
        assert_eq!(shop.payments.state(&payment).await, state);
    }
}

#[tokio::test]
async fn paypal_is_not_there_until_it_is_set_up_and_takes_what_it_can_write() {
    let Some(payments) = souk_tests::payments::Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    payments
        .is_sent(&payment, &paying())
        .await
        .is_refused(422, "method-unavailable")
        .with_field("/method/type");
    let Some(shop) = PayPal::stands("offline").await else { return };
    for (amount, currency, code) in [
        (50_000, "JPY", None),
        (50_000, "HUF", None),
        (50_001, "HUF", Some("currency_not_supported")),
        (50_000, "TND", Some("currency_not_supported")),
    ] {
        let wanted = json!({"amount": {"amount": amount, "currency": currency}});
        let wanted = shop.payments.wants(&new_id("ord"), &wanted).await.is(201);
        let payment = souk_tests::payments::Payment {
            id: wanted.text("/id").into(),
            secret: wanted.text("/client_secret").into(),
            order: String::new(),
        };
        let answer = shop.confirms(&payment).await.is(200);
        match code {
            Some(code) => assert_eq!(answer.text("/code"), code, "{currency}"),
            None => assert_eq!(answer.text("/state"), "requires_action", "{currency}"),
        }
    }
    let methods = shop.payments.person();
    let methods = shop.payments.by_anyone(methods.get("/payments/methods")).await.is(200);
    assert!(methods.json()["items"].as_array().is_some_and(|it| it.iter().any(|it| it["type"] == "paypal")));
    let extra = json!({"method": {"type": "paypal", "number": "4242424242424242"}});
    let payment = shop.payment(500, "automatic").await;
    shop.payments
        .is_sent(&payment, &extra)
        .await
        .is_refused(422, "invalid-request")
        .with_field("/method/number");
    shop.payments.is_sent(&payment, &paying_with(card::GOOD)).await.is(200).accept();
    shop.comes_back(&payment).await.is(200).accept();
}

#[tokio::test]
async fn an_order_is_paid_with_paypal_delivered_webhooks_and_all_and_refunded() {
    let sandbox = Sandbox::start(Options::default()).expect("a stand-in");
    let variables = variables(&sandbox, "online");
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(shop) = Suite::own_with(&variables).await else { return };
    sandbox.tells(&format!("{}/api/v1/payments/webhooks/paypal", shop.url()));
    let lamp = shop.has_lamps(5).await;
    let ana = shop.sign_up("ana").await;
    let order = ana.orders(&lamp, 2).await;
    assert_eq!(ana.pays_with_paypal(&order).await.is(200).text("/state"), "captured");
    ana.sees(&order, "paid").await;
    // Whatever the order of things: every webhook is taken.
    let started = Instant::now();
    while sandbox.deliveries().iter().filter(|it| it.status == Some(204)).count() < 2 {
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", sandbox.deliveries());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sandbox.captures().iter().map(|it| it.amount.units).sum::<i64>(), order.total());
    let refund = json!({"amount": {"amount": 500, "currency": "EUR"}, "reason": "came broken", "key": unique("refund")});
    let merchant = shop.merchant().await;
    merchant
        .post(format!("/api/v1/payments/intents/{}/refunds", order.payment()), &refund)
        .await
        .is(201)
        .accept();
    assert_eq!(sandbox.given_back().len(), 1);
}
