//! Kills between what PayPal did and our noting it: nobody is charged twice, and nothing is lost.

use souk_tests::payments::{Payment, euro};
use souk_tests::paypal::{PayPal, Trouble};
use std::time::Duration;

const HOST: &str = env!("CARGO_BIN_EXE_souk-host-to-kill");

/// How long PayPal's answer takes, in which the kill comes.
const SLOW: Duration = Duration::from_secs(5);

/// Waits until PayPal was asked for something, and kills payments before it hears the answer.
async fn is_killed_during(shop: &mut PayPal, operation: &str) {
    let mut waited = 0;
    while !shop.sandbox.calls().iter().any(|it| it.operation == operation) {
        waited += 1;
        assert!(waited < 5000, "nobody asks for {operation}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    shop.payments.shop.is_killed().await;
    shop.payments.shop.starts_again().await;
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
async fn a_kill_between_paypals_effect_and_our_noting_it_charges_once() {
    let Some(mut shop) = PayPal::in_a_process(HOST).await else { return };
    shop.payments.shop.expects_faults();
    for with_webhooks in [true, false] {
        // The order is made, and nobody noted which.
        let payment = shop.payment(500, "automatic").await;
        shop.sandbox.calls();
        shop.sandbox.ails("orders.create", Trouble::Slow(SLOW));
        let asked = asks(&shop, &payment, "confirm");
        is_killed_during(&mut shop, "orders.create").await;
        _ = asked.await;
        shop.payments.time_passes().await;
        let page = shop.comes_back(&payment).await.is(200).text("/action/url").to_owned();
        souk_tests::paypal::chooses(&page, "approve", "balance").await;

        // The money is taken, and nobody noted it.
        shop.sandbox.calls();
        shop.sandbox.ails("orders.capture", Trouble::Slow(SLOW));
        let asked = asks(&shop, &payment, "continue");
        is_killed_during(&mut shop, "orders.capture").await;
        _ = asked.await;
        if !with_webhooks {
            shop.sandbox.takes_webhooks();
        }
        agrees(&shop, &payment, (500, 0)).await;
        assert_eq!(shop.payments.state(&payment).await, "captured");

        // It is given back, and nobody noted that.
        shop.sandbox.calls();
        shop.sandbox.ails("captures.refund", Trouble::Slow(SLOW));
        let refund = refunds(&shop, &payment);
        is_killed_during(&mut shop, "captures.refund").await;
        _ = refund.await;
        if !with_webhooks {
            shop.sandbox.takes_webhooks();
        }
        agrees(&shop, &payment, (500, 200)).await;
        shop.payments.refunds(&payment, euro(200), "crash").await.is(200).accept();
        agrees(&shop, &payment, (500, 200)).await;
    }
    assert_eq!(shop.sandbox.captures().len(), 2);
}

/// A request of the buyer's that is cut off.
fn asks(shop: &PayPal, payment: &Payment, what: &str) -> tokio::task::JoinHandle<()> {
    let body = if what == "confirm" { souk_tests::paypal::paying() } else { serde_json::json!({}) };
    let assertion = shop.payments.assertion("gateway", "anonymous", &[]);
    let (person, secret) = (shop.payments.person(), payment.secret.clone());
    let path = format!("/payments/intents/{}/{what}", payment.id);
    tokio::spawn(async move {
        let request =
            person.post(path, &body).header("souk-identity", assertion).header("client-secret", secret);
        _ = request.attempt().await;
    })
}

/// A refund that is cut off.
fn refunds(shop: &PayPal, payment: &Payment) -> tokio::task::JoinHandle<()> {
    let body = serde_json::json!({"amount": euro(200), "reason": "came broken", "key": "crash"});
    let assertion = shop.payments.assertion("orders", "service", &[]);
    let (person, path) = (shop.payments.person(), format!("/payments/intents/{}/refunds", payment.id));
    tokio::spawn(async move {
        _ = person.post(path, &body).header("souk-identity", assertion).attempt().await;
    })
}
