//! Webhooks of PayPal: late, twice, backwards, and those that it did not write.

use serde_json::{Value, json};
use souk_tests::paypal::{PayPal, Signed, Term, Trouble, now};

/// A payment that is approved and taken, and its webhooks.
async fn told(shop: &PayPal) -> Vec<Signed> {
    let payment = shop.payment(500, "automatic").await;
    assert_eq!(shop.pays(&payment).await, "captured");
    shop.payments.refunds(&payment, souk_tests::payments::euro(100), "one").await.is(201).accept();
    shop.sandbox.takes_webhooks()
}

/// The same webhook with another header.
fn with(signed: &Signed, name: &str, value: &str) -> Signed {
    let headers = signed
        .headers
        .iter()
        .map(|(known, old)| (*known, if *known == name { value.to_owned() } else { old.clone() }));
    Signed { headers: headers.collect(), ..signed.clone() }
}

fn header(signed: &Signed, name: &str) -> String {
    signed.headers.iter().find(|(known, _)| *known == name).expect("a header").1.clone()
}

/// A webhook with this body, signed by PayPal for that webhook at that time.
fn signed(shop: &PayPal, time: &str, webhook: &str, event: &Value) -> Signed {
    let body = event.to_string();
    let headers = shop.sandbox.signs(time, webhook, body.as_bytes());
    Signed { event_type: String::new(), headers, body: body.into() }
}

#[tokio::test]
async fn twice_and_backwards_they_change_nothing() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(500, "automatic").await;
    shop.approves(&payment, "balance").await;
    shop.sandbox.tells_times(2);
    shop.comes_back(&payment).await.is(200).accept();
    shop.payments.refunds(&payment, souk_tests::payments::euro(100), "one").await.is(201).accept();
    let told = shop.sandbox.takes_webhooks();
    assert_eq!(told.len(), 5);
    for signed in told.iter().rev().chain(&told) {
        shop.hears(signed).await.is(204).accept();
    }
    shop.payments.time_passes().await;
    assert_eq!((shop.money(&payment), shop.believed(&payment).await), ((500, 100), (500, 100)));
    assert_eq!(shop.payments.told("orders", "souk.payment.captured", &payment).await.len(), 1);
    assert_eq!(shop.payments.told("orders", "souk.payment.refunded", &payment).await.len(), 1);
}

#[tokio::test]
async fn what_paypal_did_not_write_is_refused_by_both_ways_of_asking() {
    for verification in ["offline", "online"] {
        let Some(shop) = PayPal::stands(verification).await else { return };
        let genuine = told(&shop).await.remove(0);
        let other = shop.sandbox.event("PAYMENT.CAPTURE.COMPLETED", "capture", json!({}));
        let (_, _, webhook) = shop.sandbox.account();
        let altered = Signed {
            body: String::from_utf8_lossy(&genuine.body).replace("EUR", "USD").into(),
            ..genuine.clone()
        };
        let spaced = Signed {
            body: String::from_utf8_lossy(&genuine.body).replacen('{', "{ ", 1).into(),
            ..genuine.clone()
        };
        let smuggled = Signed {
            body: format!("{},\"webhook_id\":\"X\"", String::from_utf8_lossy(&genuine.body)).into(),
            ..genuine.clone()
        };
        let mut bare = genuine.clone();
        bare.headers.pop();
        let forged = [
            ("another body", altered),
            ("a space more", spaced),
            ("no JSON", smuggled),
            ("no headers", Signed { headers: Vec::new(), ..genuine.clone() }),
            ("a header too few", bare),
            ("another webhook", signed(&shop, &now(), "0ANOTHER0", &other)),
            ("long ago", signed(&shop, "2020-01-01T00:00:00Z", &webhook, &other)),
            ("not yet", signed(&shop, "2100-01-01T00:00:00Z", &webhook, &other)),
            (
                "another time",
                with(&genuine, "paypal-transmission-time", &format!("{}+00:00", now().trim_end_matches('Z'))),
            ),
            ("no time", with(&genuine, "paypal-transmission-time", "today")),
            ("another algorithm", with(&genuine, "paypal-auth-algo", "SHA1withRSA")),
            ("another id", with(&genuine, "paypal-transmission-id", "a-b")),
            ("no signature", with(&genuine, "paypal-transmission-sig", "AAAA")),
            (
                "another's certificate",
                with(&genuine, "paypal-cert-url", "http://127.0.0.1:1/v1/notifications/certs/CERT-1"),
            ),
            (
                "no certificate",
                with(&genuine, "paypal-cert-url", &format!("{}x", header(&genuine, "paypal-cert-url"))),
            ),
        ];
        for (what, forged) in forged {
            let answer = shop.hears(&forged).await;
            assert_eq!((answer.kind(), what), (Some("invalid-signature"), what), "{verification}");
        }
        shop.hears(&genuine).await.is(204).accept();
    }
}

#[tokio::test]
async fn a_certificate_signs_within_its_term() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    for term in [Term::Over, Term::NotYet] {
        shop.sandbox.signs_anew(term);
        let told = told(&shop).await;
        shop.hears(&told[0]).await.is_refused(401, "invalid-signature");
    }
    shop.sandbox.signs_anew(Term::Now);
    let told = told(&shop).await;
    for signed in &told {
        shop.hears(signed).await.is(204).accept();
    }
}

#[tokio::test]
async fn while_paypal_cannot_be_asked_a_webhook_is_to_come_again() {
    let Some(shop) = PayPal::stands("online").await else { return };
    shop.payments.shop.expects_faults();
    let told = told(&shop).await;
    shop.sandbox.ails("verify-webhook-signature.post", Trouble::Status(503));
    shop.hears(&told[0]).await.is_refused(503, "unavailable");
    for signed in &told {
        shop.hears(signed).await.is(204).accept();
    }
}

#[tokio::test]
async fn what_is_none_of_ours_is_taken_and_changes_nothing() {
    let Some(shop) = PayPal::stands("offline").await else { return };
    let payment = shop.payment(500, "automatic").await;
    assert_eq!(shop.pays(&payment).await, "captured");
    shop.is_told().await;
    let (_, _, webhook) = shop.sandbox.account();
    for (kind, resource) in [
        ("CUSTOMER.DISPUTE.CREATED", json!({"reason": "x"})),
        (
            "PAYMENT.CAPTURE.COMPLETED",
            json!({"custom_id": "another shop's", "amount": {"currency_code": "EUR", "value": "1"}}),
        ),
        ("PAYMENT.CAPTURE.COMPLETED", json!({})),
        ("CHECKOUT.ORDER.APPROVED", json!({"purchase_units": {}})),
    ] {
        let event = shop.sandbox.event(kind, "x", resource);
        shop.hears(&signed(&shop, &now(), &webhook, &event)).await.is(204).accept();
    }
    for wrong in [json!({}), json!([]), json!({"id": "", "event_type": "x", "resource": {}})] {
        shop.hears(&signed(&shop, &now(), &webhook, &wrong)).await.is_refused(422, "invalid-request");
    }
    // The merchant gives money back at PayPal's: payments is not told of a refund that it did not ask for.
    let capture = shop.sandbox.captures().remove(0);
    shop.sandbox.refunds(&capture.id, &json!({"amount": {"currency_code": "EUR", "value": "1.00"}}));
    shop.is_told().await;
    assert_eq!(shop.believed(&payment).await, (500, 0));
    // What is left is less than what is wanted: nothing moves.
    let refund = shop.payments.refunds(&payment, souk_tests::payments::euro(500), "all").await;
    assert_ne!(refund.text("/state"), "succeeded");
}
