//! Guessing passwords: it gets slow for who guesses, and does not lock out who knows.

use rusqlite::Connection;
use serde_json::json;
use souk_tests::{Person, Suite};
use std::time::Duration;

/// How many failures cost nothing.
const FREE: usize = 5;

async fn fails(stranger: &Person, email: &str, times: usize) {
    for _ in 0..times {
        stranger.signs_in_as(email, "a wrong guess").await.is_refused(401, "wrong-credentials");
    }
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let strip = |answer: &souk_tests::Answer| {
        let mut document = answer.json().clone();
        document["request_id"].take();
        document
    };
    let known = ana.signs_in_as(ana.email(), "a wrong guess").await;
    let unknown = ana.signs_in_as("nobody-has-this@example.com", "a wrong guess").await;
    assert_eq!(strip(&known), strip(&unknown));
    known.is_refused(401, "wrong-credentials");
    unknown.is_refused(401, "wrong-credentials");
}

#[tokio::test]
async fn five_failures_are_free_and_the_next_attempt_waits() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    fails(&shop.stranger(), ana.email(), FREE).await;
    let refused = ana.signs_in_as(ana.email(), &ana.password()).await.is_refused(429, "too-many-attempts");
    let wait = refused.answer().header("retry-after").and_then(|text| text.parse().ok()).expect("a number");
    bob.signs_in_as(bob.email(), &bob.password()).await.is(200).accept();
    tokio::time::sleep(Duration::from_secs(wait)).await;
    ana.signs_in_as(ana.email(), &ana.password()).await.is(200).accept();
    fails(&shop.stranger(), ana.email(), FREE).await;
}

#[tokio::test]
async fn an_address_that_nobody_has_is_slowed_down_alike() {
    let shop = Suite::start().await;
    let email = format!("{}@example.com", souk_tests::unique("nobody"));
    fails(&shop.stranger(), &email, FREE).await;
    shop.stranger().signs_in_as(&email, "a wrong guess").await.is_refused(429, "too-many-attempts");
    let shouted = email.to_uppercase();
    shop.stranger().signs_in_as(&shouted, "a wrong guess").await.is_refused(429, "too-many-attempts");
}

#[tokio::test]
async fn an_attack_from_everywhere_does_not_lock_out_the_owner() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    ana.tokens().await;
    fails(&shop.stranger(), ana.email(), 1).await;
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    let attacked = "UPDATE sign_in_failures SET failures = 100000 WHERE network = '*'";
    assert_eq!(database.execute(attacked, []).unwrap(), 1);
    ana.signs_in_as(ana.email(), &ana.password()).await.is(200).accept();
    database.execute("DELETE FROM known_networks", []).unwrap();
    fails_slowly(&ana).await;
}

/// Where the owner was never seen, the wait is one of seconds.
async fn fails_slowly(ana: &Person) {
    let refused = ana.signs_in_as(ana.email(), &ana.password()).await.is_refused(429, "too-many-attempts");
    let wait: u64 =
        refused.answer().header("retry-after").and_then(|text| text.parse().ok()).expect("a number");
    assert!(wait <= 10, "{wait} s");
}

#[tokio::test]
async fn failures_are_forgotten_after_a_day() {
    let Some(shop) = Suite::own().await else { return };
    fails(&shop.stranger(), "nobody-has-this@example.com", FREE).await;
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    let yesterday = "UPDATE sign_in_failures SET last_failure_at = last_failure_at - 90000000";
    assert_eq!(database.execute(yesterday, []).unwrap(), 2);
    fails(&shop.stranger(), "nobody-has-this@example.com", 1).await;
    assert_eq!(database.execute(yesterday, []).unwrap(), 2);
    shop.ticks().await;
    let left: i64 =
        database.query_row("SELECT count(*) FROM sign_in_failures", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

/// How many failures are remembered of `network`, `*` for all.
fn remembered(database: &Connection, network: &str) -> i64 {
    let sum = "SELECT coalesce(sum(failures), 0) FROM sign_in_failures WHERE (network = '*') = (?1 = '*')";
    database.query_row(sum, [network], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn guesses_made_at_once_count_each_and_learn_no_more_than_those_one_by_one() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, stranger) = (shop.sign_up("ana").await, shop.stranger());
    let guesses = (0..12).map(|_| stranger.signs_in_as(ana.email(), "a wrong guess"));
    let answers = futures::future::join_all(guesses).await;
    let told = answers.iter().filter(|answer| answer.kind() == Some("wrong-credentials")).count();
    let put_off = answers.iter().filter(|answer| answer.kind() == Some("too-many-attempts")).count();
    assert_eq!((told, put_off), (FREE, answers.len() - FREE), "{answers:?}");
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    let counted = remembered(&database, "*");
    assert!(counted >= i64::try_from(FREE).unwrap() && counted <= 12, "{counted}");
    assert_eq!(counted, remembered(&database, "here"));
}

#[tokio::test]
async fn the_right_password_among_many_guesses_is_not_told_once_there_are_too_many() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, stranger) = (shop.sign_up("ana").await, shop.stranger());
    fails(&stranger, ana.email(), FREE).await;
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    // The pause is over: of all that are made now, one is judged.
    assert_eq!(
        database.execute("UPDATE sign_in_failures SET last_failure_at = last_failure_at - 2000", []).unwrap(),
        2
    );
    let guesses = (0..6).map(|_| stranger.signs_in_as(ana.email(), "a wrong guess"));
    let answers = futures::future::join_all(guesses).await;
    let told = answers.iter().filter(|answer| answer.kind() == Some("wrong-credentials")).count();
    assert_eq!(told, 1, "{answers:?}");
    ana.signs_in_as(ana.email(), &ana.password()).await.is_refused(429, "too-many-attempts");
}

#[tokio::test]
async fn who_has_only_a_token_does_not_guess_the_password_either() {
    let shop = Suite::start().await;
    for leaves in [false, true] {
        let ana = shop.sign_up("ana").await;
        ana.tokens().await;
        let guess = |password: &str| match leaves {
            true => ana.delete("/api/v1/users/me").json(&json!({"password": password})),
            false => ana.post(
                "/api/v1/users/me/password",
                &json!({"current_password": password, "new_password": "a whole new passphrase"}),
            ),
        };
        for _ in 0..FREE {
            guess("a wrong guess").await.is_refused(403, "wrong-password");
        }
        guess(&ana.password()).await.is_refused(429, "too-many-attempts");
        ana.signs_in_as(ana.email(), &ana.password()).await.is_refused(429, "too-many-attempts");
        ana.reads_profile().await.is(200).accept();
    }
}

#[tokio::test]
async fn a_network_that_the_owner_has_left_for_long_is_a_strange_one() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    ana.tokens().await;
    fails(&shop.stranger(), ana.email(), 1).await;
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    database.execute("UPDATE sign_in_failures SET failures = 100000 WHERE network = '*'", []).unwrap();
    let long_ago = "UPDATE known_networks SET last_success_at = last_success_at - 31 * 86400000";
    assert_eq!(database.execute(long_ago, []).unwrap(), 1);
    fails_slowly(&ana).await;
}

#[tokio::test]
async fn what_is_remembered_of_failures_is_bounded() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    fails(&shop.stranger(), ana.email(), 3).await;
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    let many = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100100)
                INSERT INTO sign_in_failures (email_hash, network, failures, last_failure_at)
                SELECT CAST(printf('%032d', n) AS BLOB), 'elsewhere', 1, (SELECT max(last_failure_at) FROM sign_in_failures)
                  FROM n";
    database.execute(many, []).unwrap();
    shop.ticks().await;
    let left: i64 =
        database.query_row("SELECT count(*) FROM sign_in_failures", [], |row| row.get(0)).unwrap();
    assert!(left <= 100_000, "{left}");
    // Those that failed most often are not driven out by such as failed once.
    assert_eq!(remembered(&database, "*"), 3);
}

#[tokio::test]
async fn the_networks_of_an_owner_who_travels_are_bounded() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    ana.tokens().await;
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    let many = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60)
                INSERT INTO known_networks (email_hash, network, last_success_at)
                SELECT email_hash, 'network ' || n, last_success_at - 90000000 FROM n, known_networks";
    database.execute(many, []).unwrap();
    database.execute("UPDATE known_networks SET last_success_at = last_success_at - 90000000", []).unwrap();
    ana.signs_in().await;
    let left: i64 = database.query_row("SELECT count(*) FROM known_networks", [], |row| row.get(0)).unwrap();
    assert!(left <= 20, "{left}");
}
