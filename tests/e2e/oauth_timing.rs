//! What time could tell (RFC 6819, 4.3.3 and 5.1.4.2.3): an unknown user, an unknown client and a wrong secret cost the same.
//!
//! Clocks lie on a busy machine; the work is counted instead: every database statement that a refusal takes.

use souk_tests::browser::authorization;
use souk_tests::oauth::{app, basic, machine};
use souk_tests::{Faults, Suite, unique};
use std::time::Duration;

/// No refusal takes so many.
const MANY: u32 = 1_000_000;
/// So often each is asked for: counters that are written in the background may come between.
const TRIES: usize = 4;

fn begins(faults: &Faults, databases: &[&str]) {
    databases.iter().for_each(|database| faults.trap_at(database, MANY));
}

fn made(faults: &Faults, databases: &[&str]) -> Vec<u32> {
    databases.iter().map(|database| MANY - faults.trap_in(database).expect("a count")).collect()
}

/// Waits until nothing is done in the background that the request before left to be done.
async fn rests(faults: &Faults, databases: &[&str]) {
    begins(faults, databases);
    let mut before = vec![];
    while before != made(faults, databases) {
        before = made(faults, databases);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The fewest statements that each kind of refusal took, on each of these databases.
async fn fewest<const N: usize>(
    faults: &Faults,
    databases: &[&str],
    refusals: [&dyn Fn() -> futures::future::BoxFuture<'static, ()>; N],
) -> [Vec<u32>; N] {
    let mut counts = refusals.map(|_| Vec::new());
    for _ in 0..TRIES {
        for (refusal, counts) in refusals.iter().zip(&mut counts) {
            rests(faults, databases).await;
            begins(faults, databases);
            refusal().await;
            counts.push(made(faults, databases));
        }
    }
    counts.map(|counts| counts.into_iter().min().expect("some tries"))
}

#[tokio::test]
async fn an_unknown_person_costs_what_a_wrong_password_does() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, stranger) = (shop.sign_up("ana").await, shop.stranger());
    // Instances are warm, and nobody has to wait yet: each address fails once.
    ana.signs_in().await;
    let faults = shop.faults();
    let known: Vec<_> = futures::future::join_all((0..TRIES).map(|_| shop.sign_up("bob"))).await;
    let known = std::sync::Arc::new(std::sync::Mutex::new(known));
    let guesses = stranger.clone();
    let wrong = move || -> futures::future::BoxFuture<'static, ()> {
        let bob = known.lock().expect("people").pop().expect("enough people");
        let guesses = guesses.clone();
        Box::pin(async move {
            guesses.signs_in_as(bob.email(), "not his password").await.is_refused(401, "wrong-credentials");
        })
    };
    let unknown = move || -> futures::future::BoxFuture<'static, ()> {
        let stranger = stranger.clone();
        Box::pin(async move {
            let email = format!("{}@example.com", unique("nobody"));
            stranger.signs_in_as(&email, "not his password").await.is_refused(401, "wrong-credentials");
        })
    };
    let [wrong, unknown] = fewest(&faults, &["auth", "users"], [&wrong, &unknown]).await;
    assert_eq!(wrong, unknown, "statements on auth and users");
    assert!(wrong.iter().all(|count| *count > 0), "{wrong:?}");
    faults.clear();
}

#[tokio::test]
async fn an_unknown_client_costs_what_a_wrong_secret_does() {
    let Some(shop) = Suite::own().await else { return };
    let client = shop.client(&machine(&["orders:read"])).await;
    client.acts(None).await.is(200).accept();
    let faults = shop.faults();
    let asks = |id: String| {
        let stranger = shop.stranger();
        move || -> futures::future::BoxFuture<'static, ()> {
            let (stranger, id) = (stranger.clone(), id.clone());
            Box::pin(async move {
                let request = stranger.sends(http::Method::POST, "/oauth2/token");
                let request = request.header("authorization", basic(&id, "scs_wrong"));
                let request =
                    request.body("application/x-www-form-urlencoded", "grant_type=client_credentials");
                request.await.is_oauth_error("invalid_client");
            })
        }
    };
    let (wrong, unknown) = (asks(client.id.clone()), asks("cli_00000000000000000000000000".to_owned()));
    let [wrong, unknown] = fewest(&faults, &["auth"], [&wrong, &unknown]).await;
    assert_eq!(wrong, unknown, "statements on auth");
    assert!(wrong.iter().all(|count| *count > 0), "{wrong:?}");
    faults.clear();
}

/// The page says the same to both, and shows the same again.
#[tokio::test]
async fn the_page_does_not_tell_an_unknown_person_from_a_wrong_password() {
    let shop = Suite::start().await;
    let (ana, client, browser) =
        (shop.sign_up("ana").await, shop.client(&app(&["openid"])).await, shop.browser().await);
    let login = browser.opens(&authorization(&client, &[("scope", "openid")])).await.is(200);
    let nobody = format!("{}@example.com", unique("nobody"));
    let mut shown = Vec::new();
    for email in [ana.email(), &nobody] {
        let page =
            browser.presses(&login, "login", &[("email", email), ("password", "not hers")]).await.is(422);
        shown.push((page.alert(), page.html().replace(email, "…").replace(page.csrf(), "…")));
    }
    assert_eq!(shown[0], shown[1]);
    assert!(shown[0].0.is_some());
}
