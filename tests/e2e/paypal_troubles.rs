//! PayPal loses answers, is slow, busy or broken: nobody is charged twice, and nothing is lost.

use souk_tests::payments::{Payment, euro};
use souk_tests::paypal::{PayPal, Trouble, chooses};
use std::time::Duration;

/// Everything that can happen to a call.
fn troubles() -> [Trouble; 5] {
    [
        Trouble::LostBefore,
        Trouble::LostAfter,
        Trouble::Status(429),
        Trouble::Status(500),
        Trouble::Status(503),
    ]
}

async fn agrees(shop: &PayPal, payment: &Payment, money: (i64, i64)) {
    for _ in 0..3 {
        shop.payments.time_passes().await;
        shop.is_told().await;
    }
    assert_eq!(shop.money(payment), money);
    assert_eq!(shop.believed(payment).await, money);
}

#[tokio::test]
async fn an_order_whose_making_is_not_answered_is_found_again() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for trouble in troubles() {
        let payment = shop.payment(500, "automatic").await;
        let before = shop.sandbox.orders().len();
        shop.sandbox.ails("orders.create", trouble.clone());
        assert_eq!(shop.confirms(&payment).await.is(200).text("/state"), "processing", "{trouble:?}");
        shop.payments.time_passes().await;
        assert_eq!(shop.sandbox.orders().len(), before + 1, "{trouble:?}");
        let now = shop.comes_back(&payment).await.is(200);
        chooses(now.text("/action/url"), "approve", "balance").await;
        assert_eq!(shop.comes_back(&payment).await.is(200).text("/state"), "captured", "{trouble:?}");
        agrees(&shop, &payment, (500, 0)).await;
    }
}

#[tokio::test]
async fn money_whose_taking_is_not_answered_is_taken_once() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for (capture, operation, state) in
        [("automatic", "orders.capture", "captured"), ("manual", "orders.authorize", "authorized")]
    {
        for trouble in troubles() {
            let payment = shop.payment(500, capture).await;
            shop.approves(&payment, "balance").await;
            shop.sandbox.ails(operation, trouble.clone());
            assert_eq!(shop.comes_back(&payment).await.is(200).text("/state"), "processing", "{trouble:?}");
            shop.payments.time_passes().await;
            assert_eq!(shop.payments.state(&payment).await, state, "{trouble:?}");
            agrees(&shop, &payment, if capture == "manual" { (0, 0) } else { (500, 0) }).await;
        }
    }
}

#[tokio::test]
async fn parts_whose_moving_is_not_answered_move_once() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for trouble in troubles() {
        let payment = shop.payment(1000, "manual").await;
        assert_eq!(shop.pays(&payment).await, "authorized");
        shop.sandbox.ails("authorizations.capture", trouble.clone());
        shop.payments.captures(&payment, Some(euro(700))).await.is(200).accept();
        agrees(&shop, &payment, (700, 0)).await;
        shop.sandbox.ails("captures.refund", trouble.clone());
        shop.payments.refunds(&payment, euro(200), "one").await.is(201).accept();
        agrees(&shop, &payment, (700, 200)).await;
        shop.sandbox.ails("authorizations.void", trouble.clone());
        shop.payments.cancels(&payment).await.is(200).accept();
        agrees(&shop, &payment, (700, 200)).await;
        assert!(shop.sandbox.authorizations().iter().all(|it| it.status == "VOIDED"), "{trouble:?}");
    }
}

#[tokio::test]
async fn what_was_taken_for_an_order_that_was_called_off_goes_back() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for trouble in [Trouble::LostBefore, Trouble::LostAfter] {
        let payment = shop.payment(500, "automatic").await;
        shop.approves(&payment, "balance").await;
        shop.sandbox.ails("orders.capture", trouble.clone());
        shop.comes_back(&payment).await.is(200).accept();
        // Nobody knows whether it was taken when the order is called off.
        shop.payments.cancels(&payment).await.is(200).accept();
        assert_eq!(shop.payments.state(&payment).await, "cancelled");
        for _ in 0..3 {
            shop.payments.time_passes().await;
            shop.is_told().await;
        }
        let (taken, given) = shop.money(&payment);
        assert_eq!(taken, given, "{trouble:?}");
        assert_eq!(shop.believed(&payment).await, (0, 0));
    }
}

#[tokio::test]
async fn money_that_is_taken_after_all_was_given_up_goes_back() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(500, "automatic").await;
    shop.approves(&payment, "balance").await;
    // The question is on its way for longer than anybody waits.
    shop.sandbox.ails("orders.capture", Trouble::LostAfter);
    shop.comes_back(&payment).await.is(200).accept();
    let told = shop.sandbox.takes_webhooks();
    let database = shop.payments.database();
    database.execute("UPDATE attempts SET state = 'voided', ask_at = NULL", []).expect("the attempts");
    database.execute("UPDATE intents SET state = 'cancelled'", []).expect("the intents");
    for signed in told {
        shop.hears(&signed).await.is(204).accept();
    }
    shop.payments.time_passes().await;
    assert_eq!(shop.money(&payment), (500, 500));
    assert_eq!(shop.believed(&payment).await, (0, 0));
}

#[tokio::test]
async fn a_token_that_ends_early_is_asked_for_again() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for _ in 0..2 {
        let payment = shop.payment(500, "automatic").await;
        shop.approves(&payment, "balance").await;
        shop.sandbox.forgets_tokens();
        assert_eq!(shop.comes_back(&payment).await.is(200).text("/state"), "captured");
    }
    let calls = shop.sandbox.calls();
    let refused = calls.iter().filter(|it| it.status == 401).count();
    assert!(refused <= 2, "each token that ended is found out once: {calls:?}");
    let payment = shop.payment(500, "automatic").await;
    shop.sandbox.forgets_tokens();
    shop.sandbox.ails("token", Trouble::Status(503));
    assert_eq!(shop.confirms(&payment).await.is(200).text("/state"), "processing");
    shop.payments.time_passes().await;
    assert_eq!(shop.payments.state(&payment).await, "requires_action");
}

#[tokio::test]
async fn a_slow_answer_is_an_answer() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(500, "automatic").await;
    shop.approves(&payment, "balance").await;
    shop.sandbox.ails("orders.capture", Trouble::Slow(Duration::from_millis(700)));
    // Somebody else asks meanwhile, and the webhook comes before the answer.
    let (first, second) = futures::join!(shop.comes_back(&payment), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        shop.is_told().await;
        shop.comes_back(&payment).await
    });
    first.is(200).accept();
    second.is(200).accept();
    agrees(&shop, &payment, (500, 0)).await;
    assert_eq!(shop.payments.told("orders", "souk.payment.captured", &payment).await.len(), 1);
}
