//! What payments refuse: cards that are none, amounts that are none, people who may not, and what is kept of a card.

use serde_json::{Value, json};
use souk_tests::payments::{Payment, Payments, card, euro, new_id, paying_with};
use souk_tests::unique;

fn with(pointer: &str, value: Value) -> Value {
    let mut body = paying_with(card::GOOD);
    *body.pointer_mut(pointer).expect("a field") = value;
    body
}

#[tokio::test]
async fn a_reason_and_a_return_address_are_what_they_say() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.captured(100).await;
    for key in ["", " ", "\u{0}", "a\nb", "\u{200b}", &"k".repeat(101)] {
        let refused = payments.refunds(&payment, euro(1), key).await;
        refused.is_refused(422, "invalid-request").with_field("/key");
    }
    for url in ["javascript:alert(1)", "nowhere", "", "ftp://example.com"] {
        let wanted = json!({"amount": euro(1), "return_url": url});
        let refused = payments.wants(&new_id("ord"), &wanted).await;
        refused.is_refused(422, "invalid-request").with_field("/return_url");
    }
    let wanted = json!({"amount": euro(1), "return_url": "https://shop.example/thanks?order=1"});
    payments.wants(&new_id("ord"), &wanted).await.is(201).accept();
}

#[tokio::test]
async fn a_card_that_cannot_be_one_is_refused_field_by_field() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(500, "automatic").await;
    let wrong = [
        ("/method/expiry", json!("01/20")),
        ("/method/expiry", json!("13/40")),
        ("/method/expiry", json!("1240")),
        ("/method/expiry", json!("12/99")),
        ("/method/cvc", json!("12")),
        ("/method/cvc", json!("1234")),
        ("/method/cvc", json!("abc")),
        ("/method/cvc", json!(123)),
        ("/method/number", json!("4242424242424241")),
        ("/method/number", json!("")),
        ("/method/number", json!("4242 4242")),
        ("/method/number", json!(4_242_424_242_424_242_u64)),
        ("/method/holder", json!("")),
        ("/method/type", json!("cash")),
    ];
    for (field, value) in wrong {
        let refused = payments.is_sent(&payment, &with(field, value)).await;
        let refused = refused.is_refused(422, "invalid-request").with_field(field);
        assert!(!refused.answer().to_string().contains("424242424242"), "{refused:?} repeats the number");
    }
    for body in [json!({}), json!({"method": null}), json!([]), json!({"method": {"type": "card"}})] {
        payments.is_sent(&payment, &body).await.is_refused(422, "invalid-request");
    }
    // A real card's number has no business here.
    let real = payments.confirms(&payment, "5555555555554444").await;
    real.is_refused(422, "unknown-test-card").with_field("/method/number");
    assert_eq!(payments.state(&payment).await, "requires_method");
    assert_eq!(payments.reads(&payment).await["attempts"], json!([]));
}

#[tokio::test]
async fn amounts_that_are_none_are_refused_and_change_nothing() {
    let Some(payments) = Payments::stands().await else { return };
    let wrong = [
        json!({"amount": 0, "currency": "EUR"}),
        json!({"amount": -5, "currency": "EUR"}),
        json!({"amount": 1_000_000_000_000_001_i64, "currency": "EUR"}),
        json!({"amount": 1e300, "currency": "EUR"}),
        json!({"amount": 1.5, "currency": "EUR"}),
        json!({"amount": "5", "currency": "EUR"}),
        json!({"amount": 5, "currency": "eur"}),
        json!({"amount": 5, "currency": "XXX"}),
        json!({"amount": 5}),
        json!(5),
    ];
    let payment = payments.captured(1000).await;
    let held = payments.payment(1000, "manual").await;
    payments.confirms(&held, card::GOOD).await.is(200).accept();
    for amount in wrong {
        let wanted = payments.wants(&new_id("ord"), &json!({"amount": amount})).await;
        wanted.is_refused(422, "invalid-request");
        payments.refunds(&payment, amount.clone(), "wrong").await.is_refused(422, "invalid-request");
        payments.captures(&held, Some(amount)).await.is_refused(422, "invalid-request");
    }
    let dollars = json!({"amount": 5, "currency": "USD"});
    let refused = payments.refunds(&payment, dollars.clone(), "dollars").await;
    refused.is_refused(422, "invalid-request").with_field("/amount/currency");
    let refused = payments.captures(&held, Some(dollars)).await;
    refused.is_refused(422, "invalid-request").with_field("/amount/currency");
    assert_eq!(payments.state(&payment).await, "captured");
    assert_eq!(payments.state(&held).await, "authorized");
}

#[tokio::test]
async fn who_does_not_know_the_secret_finds_nothing() {
    let Some(payments) = Payments::stands().await else { return };
    let (payment, other) =
        (payments.payment(500, "automatic").await, payments.payment(500, "automatic").await);
    let person = payments.person();
    let path = format!("/payments/intents/{}", payment.id);
    for secret in [other.secret.as_str(), "", "x", "é", &payment.secret[1..], &payment.secret.to_uppercase()]
    {
        let read = payments.by_anyone(person.get(&path)).header("client-secret", secret).await;
        read.is_refused(404, "not-found");
        let thief = Payment { secret: secret.into(), ..payment.clone() };
        payments.confirms(&thief, card::GOOD).await.is_refused(404, "not-found");
        payments.answers(&thief, &new_id("att"), "123456").await.is_refused(404, "not-found");
    }
    payments.by_anyone(person.get(&path)).await.is_refused(404, "not-found");
    let own = payments.by_anyone(person.get(&path)).header("client-secret", &payment.secret).await.is(200);
    assert_eq!(own.text("/state"), "requires_method");
}

#[tokio::test]
async fn only_orders_and_those_who_run_payments_move_money() {
    let Some(payments) = Payments::stands().await else { return };
    let (payment, person) = (payments.captured(500).await, payments.person());
    let user = new_id("usr");
    let refund = json!({"amount": euro(1), "reason": "x", "key": "x"});
    let path = format!("/payments/intents/{}", payment.id);
    for (service, subject, scopes) in [
        ("gateway", "anonymous", vec![]),
        ("gateway", user.as_str(), vec!["account", "payments:read"]),
        ("users", "service", vec![]),
    ] {
        let assertion = payments.assertion(service, subject, &scopes);
        let sent = |action: &str, body: &Value| {
            person.post(format!("{path}/{action}"), body).key("k").header("souk-identity", &assertion)
        };
        for (action, body) in [("capture", json!({})), ("cancel", json!({})), ("refunds", refund.clone())] {
            let refused = sent(action, &body).await.is_refused_somehow();
            assert!(matches!(refused.answer().status.as_u16(), 401 | 403), "{refused:?}");
        }
        let intent =
            person.put(format!("/payments/intents/by-order/{}", new_id("ord")), &json!({"amount": euro(1)}));
        intent.header("souk-identity", &assertion).await.is_refused(403, "forbidden");
    }
    let merchant = payments.assertion("gateway", &user, &["payments:read", "payments:write"]);
    let given = person.post(format!("{path}/refunds"), &refund).header("souk-identity", &merchant);
    given.await.is(201).accept();
    let list = person.get(format!("/payments/intents?order={}", payment.order));
    let list = list.header("souk-identity", &merchant).await.is(200);
    assert_eq!(list.text("/items/0/id"), payment.id);
    let states = person.get("/payments/intents?state=cancelled&limit=1").header("souk-identity", &merchant);
    assert_eq!(states.await.is(200).json()["items"], json!([]));
}

#[tokio::test]
async fn customers_alone_learns_what_is_held_on_a_person() {
    let Some(payments) = Payments::stands().await else { return };
    let (user, person) = (new_id("usr"), payments.person());
    for amount in [100, 200] {
        let intent = json!({"amount": euro(amount), "customer": {"user_id": user}});
        payments.wants(&new_id("ord"), &intent).await.is(201).accept();
    }
    payments.captured(300).await;
    let path = format!("/internal/persons/{user}");
    let customers = payments.assertion("customers", "service", &[]);
    let held = person.get(&path).header("souk-identity", &customers).await.is(200);
    let amounts: Vec<_> =
        held.json()["payments"].as_array().expect("a list").iter().map(|it| &it["amount"]).collect();
    assert_eq!(amounts, [&euro(200), &euro(100)]);
    payments.by_orders(person.get(&path)).await.is_refused(403, "forbidden");
}

#[tokio::test]
async fn of_a_card_nothing_is_kept_but_brand_and_last_digits() {
    let Some(payments) = Payments::stands().await else { return };
    for number in card::WELL {
        let payment = payments.payment(500, "automatic").await;
        let (person, path) = (payments.person(), format!("/payments/intents/{}/confirm", payment.id));
        let mut body = paying_with(number);
        body["method"]["cvc"] = json!("739");
        let request = payments.by_anyone(person.post(path, &body)).header("client-secret", &payment.secret);
        request.key(&unique("key")).await.is(200).accept();
    }
    payments.time_passes().await;
    let state = payments.shop.state().to_owned();
    payments.database().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a checkpoint");
    let files = walk(&state);
    assert!(files.iter().any(|(name, _)| name.ends_with("payments.db")), "{files:?}");
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(&bytes);
        for number in card::WELL {
            assert!(!text.contains(&number[..12]), "{name} has the number {number}");
        }
        assert!(!text.contains("Ana Sol") && !text.contains("\"739\""), "{name} has more of the card");
    }
}

/// Every file below a folder, with what is in it.
fn walk(folder: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let found = entries.map(|entry| entry.path()).flat_map(|path| match path.is_dir() {
        true => walk(&path),
        false => vec![(path.display().to_string(), std::fs::read(&path).unwrap_or_default())],
    });
    found.collect()
}
