//! When a part of the suite fails: a clear answer in time, the rest goes on, and it recovers by itself.

use http::StatusCode;
use souk_tests::{Answer, Product, SqliteFault, Suite, Until, lamp};
use std::time::{Duration, Instant};

/// Longer than any service may take, so an answer after it comes from a time limit that does not work.
const HANG: Duration = Duration::from_secs(40);

/// A failing part is told as what it is: not our bug (500), not the client's fault, and with a hint when to come back.
#[track_caller]
fn is_a_clear_fault(answer: &Answer) {
    let clear = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
    assert!(clear.contains(&answer.status), "{answer}");
}

/// What has nothing to do with products works.
async fn the_rest_works(shop: &Suite) {
    let bob = shop.sign_up("bob").await;
    bob.reads_profile().await.is(200).accept();
    shop.stranger().get("/health").await.is(200).accept();
    shop.stranger().get("/.well-known/jwks.json").await.is(200).accept();
}

/// Products fail in one way or another; then they do not.
async fn products_fail_and_recover(inject: impl FnOnce(&Suite)) {
    let Some(shop) = Suite::own().await else { return };
    let merchant = shop.merchant().await;
    let before = merchant.adds_product(lamp()).await;
    inject(&shop);
    let stranger = shop.stranger();
    let started = Instant::now();
    is_a_clear_fault(&stranger.reads(&before).await);
    is_a_clear_fault(&stranger.searches("lamp").await);
    is_a_clear_fault(&merchant.tries_to_add(&lamp()).await);
    the_rest_works(&shop).await;
    assert!(started.elapsed() < HANG, "it took {:?}", started.elapsed());
    shop.faults().clear();
    recovers(&shop, &before).await;
    merchant.adds_product(lamp()).await;
}

/// A circuit that has opened may stay so for a moment, but not for long.
async fn recovers(shop: &Suite, product: &Product) {
    let started = Instant::now();
    loop {
        let answer = shop.stranger().reads(product).await;
        if answer.is_success() {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it does not recover: {answer}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_service_that_fails_takes_nothing_else_down() {
    products_fail_and_recover(|shop| shop.faults().fail("products", 503, Until::Cleared)).await;
}

#[tokio::test]
async fn a_service_that_answers_500_without_a_document_is_explained_all_the_same() {
    products_fail_and_recover(|shop| shop.faults().fail("products", 500, Until::Cleared)).await;
}

#[tokio::test]
async fn a_service_that_traps_takes_nothing_else_down() {
    products_fail_and_recover(|shop| shop.faults().trap("products", Until::Cleared)).await;
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_takes_nothing_else_down() {
    products_fail_and_recover(|shop| shop.faults().unreachable("products", Until::Cleared)).await;
}

#[tokio::test]
async fn a_busy_database_is_told_as_such() {
    products_fail_and_recover(|shop| shop.faults().sqlite("products", SqliteFault::Busy, Until::Cleared))
        .await;
}

#[tokio::test]
async fn a_full_disk_is_told_as_such() {
    products_fail_and_recover(|shop| shop.faults().sqlite("products", SqliteFault::Full, Until::Cleared))
        .await;
}

#[tokio::test]
async fn a_slow_service_is_waited_for() {
    let Some(shop) = Suite::own().await else { return };
    let lamp = shop.merchant().await.adds_product(lamp()).await;
    shop.faults().slow("products", Duration::from_millis(700), Until::Times(1));
    shop.stranger().reads(&lamp).await.is(200).accept();
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up() {
    let Some(shop) = Suite::own().await else { return };
    let lamp = shop.merchant().await.adds_product(lamp()).await;
    shop.faults().slow("products", 2 * HANG, Until::Times(1));
    let started = Instant::now();
    let stranger = shop.stranger();
    let (hanging, ()) = tokio::join!(stranger.reads(&lamp), the_rest_works(&shop));
    is_a_clear_fault(&hanging);
    assert!(started.elapsed() < HANG, "it took {:?}", started.elapsed());
    shop.faults().clear();
    recovers(&shop, &lamp).await;
}

#[tokio::test]
async fn a_moment_of_trouble_between_services_is_bridged() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    // auth asks users for the roles, and asks again after a refused connection.
    shop.faults().unreachable("users", Until::Times(1));
    ana.refreshes(&tokens.refresh).await.is(200).accept();
}

#[tokio::test]
async fn nobody_signs_in_while_users_are_down_and_everybody_after() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    shop.faults().fail("users", 503, Until::Cleared);
    is_a_clear_fault(&ana.signs_in_as(ana.email(), &ana.password()).await);
    shop.faults().clear();
    ana.signs_in_as(ana.email(), &ana.password()).await.is(200).accept();
}

#[tokio::test]
async fn who_is_signed_in_stays_so_while_auth_is_down() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    ana.reads_profile().await.is(200).accept();
    shop.faults().unreachable("auth", Until::Cleared);
    // More than one instance of the gateway ever answers.
    for _ in 0..300 {
        ana.reads_profile().await.is(200).accept();
    }
}

#[tokio::test]
async fn events_wait_for_a_subscriber_that_is_down() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    ana.reads_profile().await.is(200).accept(); // The gateway has auth's keys from now on.
    shop.faults().fail("auth", 503, Until::Cleared);
    ana.deletes_account().await.is(204).accept();
    shop.faults().clear();
    shop.has_delivered().await;
    ana.refreshes(&tokens.refresh).await.is_refused_somehow();
}

#[tokio::test]
async fn a_full_disk_costs_no_event_and_no_account() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    ana.tokens().await;
    shop.faults().sqlite("users", SqliteFault::Full, Until::Cleared);
    is_a_clear_fault(&ana.deletes_account().await);
    shop.faults().clear();
    ana.reads_profile().await.is(200).accept();
}
