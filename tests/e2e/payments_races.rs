//! Payments when several act at once, and when the process is killed in the middle.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::payments::{Buyer, Payment, Payments, card, euro, paying_with};
use souk_tests::unique;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const HOST: &str = env!("CARGO_BIN_EXE_souk-host-to-kill");
const AT_ONCE: usize = 6;

#[tokio::test]
async fn of_all_confirmations_at_once_one_pays() {
    let Some(payments) = Payments::stands().await else { return };
    for number in [card::GOOD, card::TWICE, card::LOST] {
        let payment = payments.payment(500, "automatic").await;
        let answers = join_all((0..AT_ONCE).map(|_| payments.confirms(&payment, number))).await;
        let done = answers.iter().filter(|answer| answer.is_success()).count();
        assert_eq!(done, 1, "{answers:?}");
        for refused in answers.into_iter().filter(|answer| !answer.is_success()) {
            refused.is_refused(409, "payment-state");
        }
        payments.time_passes().await;
        let now = payments.reads(&payment).await;
        assert_eq!(
            (&now["captured"], now["attempts"].as_array().map(Vec::len)),
            (&euro(500), Some(1)),
            "{now}"
        );
        assert_eq!(payments.told("orders", "souk.payment.captured", &payment).await.len(), 1);
    }
}

/// As a crash between the provider's answer and ours leaves it: asked, and nothing stored of the answer.
fn loses_its_answer(payments: &Payments, sql: &str) {
    let database = payments.database();
    assert_eq!(database.execute("DELETE FROM idempotency", []).expect("its table"), 1);
    assert_eq!(database.execute(sql, []).expect("its tables"), 1, "{sql}");
}

#[tokio::test]
async fn a_confirmation_that_was_cut_off_is_found_again_by_its_key() {
    let Some(payments) = Payments::stands().await else { return };
    let (payment, key) = (payments.payment(500, "automatic").await, unique("confirm"));
    let confirms = async |key: &str| {
        let (person, path) = (payments.person(), format!("/payments/intents/{}/confirm", payment.id));
        let request = payments.by_anyone(person.post(path, &paying_with(card::TWICE))).key(key);
        request.header("client-secret", &payment.secret).await
    };
    assert_eq!(confirms(&key).await.is(200).text("/state"), "captured");
    loses_its_answer(&payments, "UPDATE attempts SET state = 'pending', ask_at = 9000000000000");
    let intents = "UPDATE intents SET state = 'processing', authorized = 0, captured = 0";
    payments.database().execute(intents, []).expect("its tables");
    assert_eq!(confirms(&key).await.is(200).text("/state"), "processing");
    confirms(&unique("another")).await.is_refused(409, "payment-state");
    payments.time_passes().await;
    assert_eq!(confirms(&key).await.is(200).text("/state"), "captured");
    let now = payments.reads(&payment).await;
    assert_eq!((&now["captured"], now["attempts"].as_array().map(Vec::len)), (&euro(500), Some(1)), "{now}");
}

#[tokio::test]
async fn a_capture_that_was_cut_off_takes_nothing_twice() {
    let Some(payments) = Payments::stands().await else { return };
    let (payment, key) = (payments.payment(1000, "manual").await, unique("capture"));
    payments.confirms(&payment, card::TWICE).await.is(200).accept();
    let (person, path) = (payments.person(), format!("/payments/intents/{}/capture", payment.id));
    let body = json!({"amount": euro(300)});
    let captures = async || payments.by_orders(person.post(&path, &body)).key(&key).await.is(200);
    assert_eq!(captures().await.json()["captured"], euro(300));
    payments
        .database()
        .execute("DELETE FROM idempotency WHERE operation NOT LIKE '%capture'", [])
        .expect("rows");
    loses_its_answer(&payments, "UPDATE transfers SET state = 'pending', ask_at = 9000000000000");
    let intents = "UPDATE intents SET state = 'authorized', capturing = 300, captured = 0";
    payments.database().execute(intents, []).expect("its tables");
    assert_eq!(captures().await.json()["captured"], euro(0));
    payments.time_passes().await;
    let now = payments.reads(&payment).await;
    assert_eq!((&now["captured"], now["captures"].as_array().map(Vec::len)), (&euro(300), Some(1)), "{now}");
}

#[tokio::test]
async fn of_a_capture_and_a_cancellation_at_once_one_wins() {
    let Some(payments) = Payments::stands().await else { return };
    for (round, number) in [card::GOOD, card::TWICE, card::GOOD, card::TWICE].into_iter().enumerate() {
        let payment = payments.payment(500, "manual").await;
        payments.confirms(&payment, number).await.is(200).accept();
        let (captured, cancelled) = match round % 2 {
            0 => futures::join!(payments.captures(&payment, None), payments.cancels(&payment)),
            _ => {
                let (off, taken) =
                    futures::join!(payments.cancels(&payment), payments.captures(&payment, None));
                (taken, off)
            }
        };
        assert_ne!(captured.is_success(), cancelled.is_success(), "{captured} {cancelled}");
        payments.time_passes().await;
        let now = payments.reads(&payment).await;
        let (state, sum) = if captured.is_success() { ("captured", 500) } else { ("cancelled", 0) };
        assert_eq!((&now["state"], &now["captured"]), (&json!(state), &euro(sum)), "{now}");
        let refused = if captured.is_success() { cancelled } else { captured };
        refused.is_refused(409, "payment-state");
    }
}

#[tokio::test]
async fn refunds_at_once_never_give_back_more_than_was_taken() {
    let Some(payments) = Payments::stands().await else { return };
    for number in [card::GOOD, card::TWICE] {
        let payment = payments.payment(1000, "automatic").await;
        payments.confirms(&payment, number).await.is(200).accept();
        let keys: Vec<String> = (0..10).map(|key| format!("refund {key}")).collect();
        let answers = join_all(keys.iter().map(|key| payments.refunds(&payment, euro(300), key))).await;
        let given = answers.iter().filter(|answer| answer.is_success()).count();
        assert_eq!(given, 3, "{answers:?}");
        for refused in answers.into_iter().filter(|answer| !answer.is_success()) {
            refused.is_refused(409, "refund-exceeds-capture");
        }
        payments.time_passes().await;
        let now = payments.reads(&payment).await;
        assert_eq!((&now["refunded"], &now["state"]), (&euro(900), &json!("partially_refunded")), "{now}");
        assert_eq!(payments.told("orders", "souk.payment.refunded", &payment).await.len(), 3);
    }
}

#[tokio::test]
async fn one_key_gives_back_once_however_often_it_comes_at_once() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.captured(1000).await;
    let answers = join_all((0..AT_ONCE).map(|_| payments.refunds(&payment, euro(300), "one"))).await;
    let id = answers[0].text("/id");
    assert!(answers.iter().all(|answer| answer.is_success() && answer.text("/id") == id), "{answers:?}");
    assert_eq!(payments.reads(&payment).await["refunded"], euro(300));
}

#[tokio::test]
async fn captures_at_once_never_take_more_than_is_held() {
    let Some(payments) = Payments::stands().await else { return };
    let payment = payments.payment(1000, "manual").await;
    payments.confirms(&payment, card::TWICE).await.is(200).accept();
    let answers = join_all((0..8).map(|_| payments.captures(&payment, Some(euro(300))))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_success()).count(), 3, "{answers:?}");
    assert_eq!(payments.reads(&payment).await["captured"], euro(900));
}

#[tokio::test]
async fn an_order_that_asks_many_times_at_once_has_one_payment() {
    let Some(payments) = Payments::stands().await else { return };
    let (order, wanted) = (souk_tests::payments::new_id("ord"), json!({"amount": euro(500)}));
    let answers = join_all((0..AT_ONCE).map(|_| payments.wants(&order, &wanted))).await;
    let made = answers.iter().filter(|answer| answer.status.as_u16() == 201).count();
    assert_eq!(made, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| answer.text("/id") == answers[0].text("/id")));
}

/// Pays one order after the other, with all kinds of cards, until the suite dies. What was answered is kept.
async fn pays(
    buyer: Buyer,
    wanted: Vec<Payment>,
    done: Arc<AtomicUsize>,
    from: usize,
) -> Vec<(Payment, String)> {
    let mut promised = Vec::new();
    for (number, payment) in wanted.into_iter().enumerate() {
        let card = card::WELL[(number + from) % card::WELL.len()];
        let Some(answer) = buyer.tries_to_confirm(&payment, card).await else { break };
        if !answer.is_success() {
            break;
        }
        promised.push((payment, answer.text("/state").to_owned()));
        done.fetch_add(1, Relaxed);
    }
    promised
}

/// What must hold of every payment, whatever was killed when: one charge at most, and the books agree with the provider's.
async fn adds_up(payments: &Payments, wanted: &[Payment]) {
    payments.everything_is_told().await;
    for payment in wanted {
        let now = payments.reads(payment).await;
        let tries = now["attempts"].as_array().expect("attempts");
        let paid: Vec<&Value> = tries.iter().filter(|attempt| attempt["state"] == "captured").collect();
        let told = payments.was_told("orders", "souk.payment.captured", payment);
        match now["state"].as_str().expect("a state") {
            "captured" => {
                assert_eq!((paid.len(), told.len(), &now["captured"]), (1, 1, &euro(500)), "{now} {told:?}");
            }
            "requires_method" => {
                assert_eq!((paid.len(), told.len(), &now["captured"]), (0, 0, &euro(0)), "{now} {told:?}");
            }
            other => panic!("nobody knows what became of it: {other} {now}"),
        }
    }
    let odd = "SELECT count(*) FROM simulator_charges c LEFT JOIN attempts a ON a.id = c.key
                WHERE (c.state = 'captured') <> (a.state IS 'captured')";
    let odd: i64 = payments.database().query_row(odd, [], |row| row.get(0)).expect("a number");
    assert_eq!(odd, 0, "the provider has charges that we do not know of, or the other way round");
}

#[tokio::test]
async fn a_kill_amid_confirmations_charges_nobody_twice_and_loses_nothing() {
    let Some(mut payments) = Payments::in_a_process(HOST).await else { return };
    payments.shop.expects_faults();
    for round in 0..4 {
        let mut wanted = Vec::new();
        for _ in 0..4 {
            wanted.push(join_all((0..40).map(|_| payments.payment(500, "automatic"))).await);
        }
        let done = Arc::new(AtomicUsize::new(0));
        let mut buyers = JoinSet::new();
        for (from, wanted) in wanted.iter().enumerate() {
            buyers.spawn(pays(payments.buyer(), wanted.clone(), done.clone(), from));
        }
        let started = Instant::now();
        while done.load(Relaxed) < 12 + 9 * round {
            assert!(started.elapsed() < Duration::from_secs(60), "nothing happens");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        payments.shop.is_killed().await;
        let mut promised = Vec::new();
        while let Some(part) = buyers.join_next().await {
            promised.extend(part.expect("buyers go on until they are cut off"));
        }
        payments.shop.starts_again().await;
        payments.time_passes().await;
        for (payment, answer) in &promised {
            let state = payments.state(payment).await;
            assert_eq!(state, "captured", "it was answered {answer}");
        }
        adds_up(&payments, &wanted.concat()).await;
    }
}
