//! The keys that sign access tokens: published for everybody, turned without invalidating anything.

use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::token::Jwt;
use souk_tests::{Person, Suite};
use std::collections::BTreeSet;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

async fn published(person: &Person) -> Vec<Value> {
    let answer = person.get("/.well-known/jwks.json").without_token().await.is(200);
    answer.json()["keys"].as_array().expect("a key set has keys").clone()
}

async fn published_ids(person: &Person) -> BTreeSet<String> {
    let keys = published(person).await;
    keys.iter().map(|key| key["kid"].as_str().expect("a key has an id").to_owned()).collect()
}

fn signer(access_token: &str) -> String {
    Jwt::read(access_token).header["kid"].as_str().expect("a token names its key").to_owned()
}

/// As if the keys had been there for so much longer. The suite is restarted, since its instances remember a key for half
/// a minute.
async fn time_passes_for_keys(shop: &mut Suite, millis: i64) {
    shop.is_stopped().await;
    let database = Connection::open(shop.state().join("auth.db")).expect("auth has a database");
    let earlier =
        "UPDATE signing_keys SET signs_from = signs_from - ?1, published_until = published_until - ?1";
    assert!(database.execute(earlier, [millis]).expect("the keys are there") > 0);
    drop(database);
    shop.starts_again().await;
}

#[tokio::test]
async fn the_published_keys_are_public_ones_and_may_be_kept_for_minutes() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let answer = ana.get("/.well-known/jwks.json").without_token().await.is(200);
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("max-age=300")));
    let keys = published(&ana).await;
    for key in &keys {
        let names: BTreeSet<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(["alg", "crv", "kid", "kty", "use", "x", "y"]), "nothing private");
        assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("EC"), &json!("P-256"), &json!("ES256")));
    }
    assert!(published_ids(&ana).await.contains(&signer(&ana.token().await)));
}

#[tokio::test]
async fn many_who_ask_at_once_for_the_first_key_get_the_same() {
    let Some(shop) = Suite::own().await else { return };
    let stranger = shop.stranger();
    let answers = futures::future::join_all((0..12).map(|_| published_ids(&stranger))).await;
    let different: BTreeSet<_> = answers.into_iter().collect();
    assert_eq!(different.len(), 1, "{different:?}");
    assert_eq!(different.first().map(BTreeSet::len), Some(1));
}

#[tokio::test]
async fn only_who_operates_the_suite_turns_the_keys() {
    let shop = Suite::start().await;
    let rotate = "/api/v1/auth/keys/rotate";
    shop.stranger().post(rotate, &json!({})).await.is_refused(401, "unauthenticated");
    shop.merchant().await.post(rotate, &json!({})).await.is_refused(403, "insufficient-scope");
}

#[tokio::test]
async fn turning_the_keys_invalidates_nothing() {
    let Some(mut shop) = Suite::own().await else { return };
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let before = ana.tokens().await;
    let old = signer(&before.access);
    let first = admin.post("/api/v1/auth/keys/rotate", &json!({})).await.is(200);
    let again = admin.post("/api/v1/auth/keys/rotate", &json!({})).await.is(200);
    assert_eq!(first.json(), again.json(), "one new key waits at most");

    // Published, but it does not sign yet: verifiers must have time to learn of it.
    let both = published_ids(&ana).await;
    assert!(both.len() == 2 && both.contains(&old), "{both:?}");
    assert_eq!(signer(&ana.signs_in().await.access), old);

    time_passes_for_keys(&mut shop, 10 * MINUTE + 1).await;
    let new = signer(&ana.signs_in().await.access);
    assert!(new != old && both.contains(&new), "the new key signs");
    assert_eq!(published_ids(&ana).await, both, "both are published");
    ana.get("/api/v1/users/me").bearer(&before.access).await.is(200).accept();
    ana.reads_profile().await.is(200).accept();
    ana.refreshes(&before.refresh).await.is(200).accept();

    // Once nothing that it signed can be valid, the old one goes.
    time_passes_for_keys(&mut shop, 20 * MINUTE).await;
    shop.ticks().await;
    assert_eq!(published_ids(&ana).await, BTreeSet::from([new]));
}

#[tokio::test]
async fn a_key_that_is_old_is_turned_by_itself() {
    let Some(mut shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let old = signer(&ana.token().await);
    time_passes_for_keys(&mut shop, 29 * DAY).await;
    shop.ticks().await;
    assert_eq!(published_ids(&ana).await.len(), 1, "it is young enough");
    time_passes_for_keys(&mut shop, DAY + MINUTE).await;
    shop.ticks().await;
    shop.ticks().await;
    let both = published_ids(&ana).await;
    assert!(both.len() == 2 && both.contains(&old), "{both:?}");
    assert_eq!(signer(&ana.signs_in().await.access), old);
}

#[tokio::test]
async fn keys_survive_a_restart() {
    let Some(mut shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let (token, keys) = (ana.token().await, published_ids(&ana).await);
    shop.is_stopped().await;
    shop.starts_again().await;
    assert_eq!(published_ids(&ana).await, keys);
    ana.get("/api/v1/users/me").bearer(token).await.is(200).accept();
}

#[tokio::test]
async fn another_encryption_key_ends_sessions_and_invalidates_no_access_token() {
    let Some(mut shop) = Suite::own().await else { return };
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let before = ana.tokens().await;
    let old = signer(&before.access);
    shop.is_stopped().await;
    shop.starts_again_with("auth_encryption_key", &"5e".repeat(32)).await;
    let both = published_ids(&ana).await;
    assert!(both.len() == 2 && both.contains(&old), "{both:?}");
    ana.get("/api/v1/users/me").bearer(&before.access).await.is(200).accept();
    ana.refreshes(&before.refresh).await.is_refused(401, "invalid-refresh-token");
    let new = ana.signs_in().await;
    assert!(signer(&new.access) != old && both.contains(&signer(&new.access)));
    ana.reads_profile().await.is(200).accept();
    bob.reads_profile().await.is(200).accept();
    ana.refreshes(&new.refresh).await.is(200).accept();
    let logs = ["stdout", "stderr"].map(|name| shop.state().join(format!("logs/auth_{name}.txt")));
    let log = logs.map(|file| std::fs::read_to_string(file).unwrap_or_default()).concat();
    assert!(log.contains("auth_encryption_key"), "an operator is told why: {log}");

    time_passes_for_keys(&mut shop, 12 * MINUTE).await;
    shop.ticks().await;
    assert_eq!(published_ids(&ana).await.len(), 1, "the old one goes");
    time_passes_for_keys(&mut shop, 31 * DAY).await;
    shop.ticks().await;
    assert_eq!(published_ids(&ana).await.len(), 2, "the new one is turned as ever");
}

#[tokio::test]
async fn a_key_that_waits_is_skipped_too_if_it_cannot_be_opened() {
    let Some(mut shop) = Suite::own().await else { return };
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    ana.tokens().await;
    admin.post("/api/v1/auth/keys/rotate", &json!({})).await.is(200).accept();
    shop.is_stopped().await;
    shop.starts_again_with("auth_encryption_key", &"5e".repeat(32)).await;
    ana.signs_in().await;
    time_passes_for_keys(&mut shop, 11 * MINUTE).await;
    ana.signs_in().await;
    ana.reads_profile().await.is(200).accept();
}
