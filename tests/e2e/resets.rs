//! Forgotten passwords: who reads the account's mail chooses another, and nobody learns who has an account.

use crate::passwords::ends;
use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::post::{Post, token_in};
use souk_tests::wallets::Wallet;
use souk_tests::{Answer, PASSWORD, Person, Suite, unique};
use tokio::join;

const NEW: &str = "a whole new passphrase";

async fn forgets(person: &Person, email: &str) -> Answer {
    person.post("/api/v1/users/password-reset", &json!({"email": email})).without_token().await
}

async fn renews(person: &Person, token: &str, password: &str) -> Answer {
    let renewal = json!({"token": token, "password": password});
    person.post("/api/v1/users/password-reset/confirm", &renewal).without_token().await
}

#[tokio::test]
async fn who_forgot_the_password_chooses_another_and_every_session_ends() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let elsewhere = ana.signs_in().await;
    forgets(&shop.stranger(), &ana.email().to_uppercase()).await.is(202).accept();
    let mail = shop.kept_mail(ana.email(), 2).await.remove(0);
    assert_eq!((&mail["kind"], &mail["subject"]), (&json!("reset"), &json!("Choose a new password")));
    let token = token_in(&mail);
    renews(&shop.stranger(), &token, NEW).await.is(204).accept();
    ana.signs_in_as(ana.email(), PASSWORD).await.is_refused(401, "wrong-credentials");
    ana.signs_in_as(ana.email(), NEW).await.is(200).accept();
    ends(&ana, &elsewhere.refresh).await;
    assert_eq!(shop.kept_mail(ana.email(), 3).await[0]["kind"], "password_changed");
    renews(&shop.stranger(), &token, "yet another passphrase").await.is_refused(410, "link-not-valid");
    ana.signs_in_as(ana.email(), NEW).await.is(200).accept();
}

#[tokio::test]
async fn who_reads_mail_at_an_address_has_confirmed_it() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    forgets(&ana, ana.email()).await.is(202).accept();
    renews(&ana, &token_in(&shop.kept_mail(ana.email(), 2).await[0]), NEW).await.is(204).accept();
    let tokens = ana.signs_in_as(ana.email(), NEW).await.is(200);
    let profile = ana.get("/api/v1/users/me").bearer(tokens.text("/access_token")).await.is(200);
    assert_eq!(profile.json()["email_verified"], true);
}

#[tokio::test]
async fn a_known_address_and_an_unknown_one_get_the_same_answer_and_leave_the_same_behind() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, stranger) = (shop.sign_up("ana").await, shop.stranger());
    let nobody = format!("{}@example.com", unique("nobody"));
    let known = forgets(&stranger, ana.email()).await.is(202);
    let unknown = forgets(&stranger, &nobody).await.is(202);
    assert_eq!(known.body, unknown.body);
    let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&known), names(&unknown));
    shop.kept_mail(ana.email(), 2).await;
    shop.ticks().await;
    shop.kept_mail(&nobody, 0).await;
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let all = "SELECT count(*), count(email) FROM reset_requests";
    let count = database.query_row(all, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
    assert_eq!(count.expect("two numbers"), (2, 0), "both are noted, and neither by its address");
}

#[tokio::test]
async fn before_the_answer_nobody_looks_whether_the_address_is_known() {
    // What is done before the answer is one statement: it is the same for both, and all that can be timed.
    let source = std::fs::read_to_string(souk_tests::root().join("components/users/src/store/reset.rs"))
        .expect("source");
    let ask = source
        .split("pub async fn ask")
        .nth(1)
        .and_then(|rest| rest.split("\n}\n").next())
        .expect("the question");
    assert!(!ask.contains("users"), "{ask}");
    assert_eq!(ask.matches("tx.").count(), 1, "{ask}");
}

#[tokio::test]
async fn a_request_that_a_crash_interrupted_is_answered_after_it() {
    let post = Post::start();
    let Some(mut shop) = post.suite().await else { return };
    let ana = shop.sign_up("ana").await;
    post.gets(ana.email(), 1).await;
    shop.is_killed().await;
    // As if it had died right after the answer.
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let asked = "INSERT INTO reset_requests (email_hash, email, times, first_at, next_attempt_at)
        VALUES (x'00', ?1, 1, unixepoch() * 1000, 0)";
    database.execute(asked, [ana.email()]).expect("a request");
    drop(database);
    shop.starts_again().await;
    shop.ticks().await;
    let mails = post.gets(ana.email(), 2).await;
    let reset = mails.iter().find(|mail| mail["subject"] == "Choose a new password").expect("a mail");
    renews(&shop.stranger(), &token_in(reset), NEW).await.is(204).accept();
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_does() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    forgets(&ana, ana.email()).await.is(202).accept();
    let token = token_in(&shop.kept_mail(ana.email(), 2).await[0]);
    let (a, b) = (shop.stranger(), shop.stranger());
    let (first, second) = ("the first new passphrase", "the other new passphrase");
    let (a, b) = join!(renews(&a, &token, first), renews(&b, &token, second));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 410]);
    let (right, wrong) = if a.status == 204 { (first, second) } else { (second, first) };
    ana.signs_in_as(ana.email(), right).await.is(200).accept();
    ana.signs_in_as(ana.email(), wrong).await.is_refused(401, "wrong-credentials");
}

#[tokio::test]
async fn a_password_that_will_not_do_does_not_use_up_the_link() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    forgets(&ana, ana.email()).await.is(202).accept();
    let token = token_in(&shop.kept_mail(ana.email(), 2).await[0]);
    let email = ana.email().to_owned();
    for weak in ["short", "password123", "zzzzzzzzzz", email.as_str()] {
        renews(&ana, &token, weak).await.is_refused(422, "invalid-request").with_field("/password");
    }
    renews(&ana, &token, NEW).await.is(204).accept();
}

#[tokio::test]
async fn a_changed_password_makes_links_worthless() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    forgets(&ana, ana.email()).await.is(202).accept();
    let token = token_in(&shop.kept_mail(ana.email(), 2).await[0]);
    ana.changes_password("chosen by herself").await.is(204).accept();
    renews(&ana, &token, NEW).await.is_refused(410, "link-not-valid");
    ana.signs_in_as(ana.email(), "chosen by herself").await.is(200).accept();
}

#[tokio::test]
async fn a_link_expires_after_an_hour() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    forgets(&ana, ana.email()).await.is(202).accept();
    let token = token_in(&shop.kept_mail(ana.email(), 2).await[0]);
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let hour = 3600_i64 * 1000;
    database.execute("UPDATE links SET expires_at = expires_at - ?1", [hour]).expect("time passes");
    renews(&ana, &token, NEW).await.is_refused(410, "link-not-valid");
    ana.signs_in_as(ana.email(), PASSWORD).await.is(200).accept();
}

#[tokio::test]
async fn an_address_gets_at_most_five_mails_an_hour() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    for asked in 1..=8 {
        forgets(&ana, ana.email()).await.is(202).accept();
        shop.kept_mail(ana.email(), 1 + asked.min(5)).await;
    }
    shop.ticks().await;
    shop.kept_mail(ana.email(), 6).await;
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let hour = 3600_i64 * 1000;
    database.execute("UPDATE reset_requests SET first_at = first_at - ?1", [hour]).expect("time passes");
    forgets(&ana, ana.email()).await.is(202).accept();
    shop.kept_mail(ana.email(), 7).await;
}

#[tokio::test]
async fn what_is_remembered_of_requests_is_forgotten_after_an_hour() {
    let Some(shop) = Suite::own().await else { return };
    for _ in 0..5 {
        forgets(&shop.stranger(), &format!("{}@example.com", unique("x"))).await.is(202).accept();
    }
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
    let hour = 3600_i64 * 1000;
    database
        .execute("UPDATE reset_requests SET first_at = first_at - ?1, next_attempt_at = 0", [hour])
        .expect("time passes");
    shop.ticks().await;
    shop.ticks().await;
    assert_eq!(count("SELECT count(*) FROM reset_requests"), 0);
}

#[tokio::test]
async fn what_is_no_address_is_refused_for_that() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    for (body, field) in [
        (json!({}), "/email"),
        (json!({"email": "nobody"}), "/email"),
        (json!({"email": 7}), "/email"),
        (json!({"email": format!("{}@example.com", "a".repeat(250))}), "/email"),
        (json!({"email": "a\u{0}b@example.com"}), "/email"),
        (json!({"email": "ana@example.com", "name": "x"}), "/name"),
    ] {
        let answer = stranger.post("/api/v1/users/password-reset", &body).await;
        answer.is_refused(422, "invalid-request").with_field(field);
    }
    let invented = "A".repeat(43);
    renews(&stranger, &invented, NEW).await.is_refused(410, "link-not-valid");
    renews(&stranger, "", NEW).await.is_refused(422, "invalid-request").with_field("/token");
}

#[tokio::test]
async fn who_has_only_a_wallet_gets_a_password_once_the_address_is_confirmed() {
    let shop = Suite::start().await;
    let wallet = Wallet::new();
    let tokens = shop.arrives_with(&wallet).await.is(200);
    let bearer = tokens.text("/access_token").to_owned();
    let stranger = shop.stranger();
    let email = format!("{}@example.com", unique("wallet"));
    let change = json!({"email": email, "wallet": wallet.answers(&stranger.wallet_terms().await)});
    stranger.put("/api/v1/users/me/email", &change).bearer(&bearer).await.is(200).accept();
    // Whoever reads mail at an address that was mistyped must not get the account.
    forgets(&stranger, &email).await.is(202).accept();
    let verify: Value = shop.kept_mail(&email, 1).await.remove(0);
    let confirmed = json!({"token": token_in(&verify)});
    stranger.post("/api/v1/users/email/verify", &confirmed).await.is(204).accept();
    forgets(&stranger, &email).await.is(202).accept();
    let mails = shop.kept_mail(&email, 2).await;
    assert_eq!(mails[0]["kind"], "reset");
    renews(&stranger, &token_in(&mails[0]), NEW).await.is(204).accept();
    let signed_in = stranger.signs_in_as(&email, NEW).await.is(200);
    assert_eq!(signed_in.text("/user_id"), tokens.text("/user_id"));
}
