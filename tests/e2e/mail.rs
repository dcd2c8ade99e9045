//! Mail: written with its cause, delivered once it can be, in the reader's language, and readable where nobody delivers it.

use rusqlite::Connection;
use serde_json::json;
use souk_tests::post::{Ailment, Post, token_in};
use souk_tests::{PASSWORD, Suite, unique, user};

/// As if the pauses after failures were over.
fn pauses_end(shop: &Suite) {
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    database.execute("UPDATE mail SET next_attempt_at = 0 WHERE state = 'waiting'", []).expect("pauses end");
}

#[tokio::test]
async fn who_registers_is_written_to_in_their_language() {
    let post = Post::start();
    let Some(shop) = post.suite().await else { return };
    let (ana, mut french) = (shop.sign_up("ana").await, user("zoe"));
    french["locale"] = json!("fr");
    shop.stranger().registers(&french).await.is(201).accept();
    let english = post.gets(ana.email(), 1).await.remove(0);
    assert_eq!(
        (&english["subject"], &english["from"]),
        (&json!("Confirm your e-mail address"), &json!("Souk <shop@souk.test>"))
    );
    assert!(
        english["text"]
            .as_str()
            .is_some_and(|text| text.contains("http://localhost:8005/oauth2/verify?token="))
    );
    assert!(
        english["html"].as_str().is_some_and(|html| html.starts_with("<!DOCTYPE html><html lang=\"en\">"))
    );
    let french = post.gets(french["email"].as_str().unwrap_or_default(), 1).await.remove(0);
    assert_eq!(french["subject"], "Confirmez votre adresse e-mail");
}

#[tokio::test]
async fn mail_that_cannot_be_delivered_is_delivered_later() {
    let post = Post::start();
    let Some(shop) = post.suite().await else { return };
    for status in [500, 503, 429, 401] {
        post.ails(Some(Ailment::Refuses(status)));
        let ana = shop.sign_up("ana").await;
        shop.ticks().await;
        assert!(post.has_for(ana.email()).is_empty());
        post.ails(None);
        // Not at once: it has failed a moment ago.
        post.has_seen();
        shop.ticks().await;
        assert!(post.has_seen().is_empty(), "after {status}");
        pauses_end(&shop);
        shop.ticks().await;
        post.gets(ana.email(), 1).await;
        let mail = shop.kept_mail(ana.email(), 1).await.remove(0);
        assert_eq!(mail["state"], "sent");
        assert!(mail["attempts"].as_u64().is_some_and(|attempts| attempts >= 2), "{mail}");
    }
}

#[tokio::test]
async fn mail_whose_delivery_nobody_confirmed_is_repeated_under_its_key() {
    let post = Post::start();
    let Some(shop) = post.suite().await else { return };
    post.ails(Some(Ailment::LosesAnswers));
    let ana = shop.sign_up("ana").await;
    post.gets(ana.email(), 1).await;
    post.ails(None);
    // Its outcome is noted after the answer that was lost.
    shop.admin().await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    pauses_end(&shop);
    shop.ticks().await;
    let seen = post.has_seen();
    let keys: Vec<_> = seen
        .iter()
        .filter(|seen| String::from_utf8_lossy(&seen.body).contains(ana.email()))
        .map(|seen| seen.header("idempotency-key").unwrap_or_default().to_owned())
        .collect();
    assert!(keys.len() >= 2 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    post.gets(ana.email(), 1).await;
}

#[tokio::test]
async fn mail_that_the_api_never_takes_is_given_up() {
    let post = Post::start();
    let Some(shop) = post.suite().await else { return };
    post.ails(Some(Ailment::Refuses(422)));
    let ana = shop.sign_up("ana").await;
    let mut state = json!(null);
    for _ in 0..200 {
        let mail = shop.kept_mail(ana.email(), 1).await.remove(0);
        state = mail["state"].clone();
        if state == "failed" {
            assert_eq!(mail["last_error"], "the mail API answered 422");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(state, "failed");
    post.has_seen();
    pauses_end(&shop);
    shop.ticks().await;
    assert!(post.has_seen().is_empty());
}

#[tokio::test]
async fn mail_that_is_too_late_is_given_up() {
    let post = Post::start();
    let Some(shop) = post.suite().await else { return };
    post.ails(Some(Ailment::Refuses(500)));
    let ana = shop.sign_up("ana").await;
    shop.ticks().await;
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    // Its link has expired: nobody could use it any more.
    let age = "UPDATE mail SET created_at = created_at - 86400000, next_attempt_at = 0";
    for _ in 0..100 {
        database.execute(age, []).expect("time passes");
        shop.ticks().await;
        if shop.kept_mail(ana.email(), 1).await[0]["state"] == "failed" {
            return;
        }
    }
    panic!("it is still tried");
}

#[tokio::test]
async fn what_was_registered_before_a_crash_is_written_to_after_it() {
    let post = Post::start();
    let Some(mut shop) = post.suite().await else { return };
    post.ails(Some(Ailment::Refuses(503)));
    let ana = shop.sign_up("ana").await;
    shop.is_killed().await;
    post.ails(None);
    shop.starts_again().await;
    pauses_end(&shop);
    shop.ticks().await;
    post.gets(ana.email(), 1).await;
}

#[tokio::test]
async fn administrators_read_mail_where_nobody_delivers_it_and_nobody_else_does() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let mail = shop.kept_mail(ana.email(), 1).await.remove(0);
    assert_eq!(
        (&mail["kind"], &mail["state"], &mail["user_id"]),
        (&json!("verify"), &json!("kept"), &json!(ana.id()))
    );
    let path = format!("/api/v1/users/mail/{}", mail["id"].as_str().unwrap_or_default());
    let read = shop.admin().await.get(&path).await.is(200);
    assert_eq!(token_in(read.json()), token_in(&mail));
    ana.get(&path).await.is_refused(403, "insufficient-scope");
    ana.get("/api/v1/users/mail").await.is_refused(403, "insufficient-scope");
    let admin = shop.admin().await;
    admin.get("/api/v1/users/mail/mal_00000000000000000000000000").await.is_refused(404, "not-found");
    admin.get("/api/v1/users/mail/nothing").await.is_refused(404, "not-found");
    admin.get("/api/v1/users/mail?limit=0").await.is_refused(422, "invalid-request").with_field("limit");
}

#[tokio::test]
async fn mail_is_listed_page_by_page_the_newest_first() {
    let Some(shop) = Suite::own().await else { return };
    for name in ["ana", "bob", "eva"] {
        shop.sign_up(name).await;
    }
    let admin = shop.admin().await;
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(format!("/api/v1/users/mail?limit=2{cursor}")).await.is(200);
        let items = page.json()["items"].as_array().cloned().unwrap_or_default();
        ids.extend(items.iter().filter_map(|mail| mail["id"].as_str().map(str::to_owned)));
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(ids.len(), 4, "with the administrator's own");
    assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
}

#[tokio::test]
async fn what_is_sent_can_no_longer_be_read_by_administrators() {
    let post = Post::start();
    let Some(shop) = post.suite().await else { return };
    let ana = shop.sign_up("ana").await;
    let token = token_in(&post.gets(ana.email(), 1).await[0]);
    let mail = shop.kept_mail(ana.email(), 1).await.remove(0);
    assert!(mail["text"].is_null() && mail["html"].is_null() && !mail.to_string().contains(&token), "{mail}");
}

#[tokio::test]
async fn nothing_that_opens_an_account_can_be_read_from_the_database() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let token = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    shop.ticks().await;
    for file in ["users.db", "users.db-wal"] {
        let bytes = std::fs::read(shop.state().join(file)).unwrap_or_default();
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "{file}");
    }
}

#[tokio::test]
async fn mail_goes_with_the_account() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let token = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    ana.post("/api/v1/users/password-reset", &json!({"email": ana.email()})).await.is(202).accept();
    shop.kept_mail(ana.email(), 2).await;
    ana.deletes_account().await.is(204).accept();
    shop.kept_mail(ana.email(), 0).await;
    let confirmed = shop.stranger();
    confirmed
        .post("/api/v1/users/email/verify", &json!({"token": token}))
        .await
        .is_refused(410, "link-not-valid");
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let left = "SELECT (SELECT count(*) FROM mail WHERE recipient = ?1) + (SELECT count(*) FROM links WHERE email = ?1)
        + (SELECT count(*) FROM reset_requests WHERE email = ?1)";
    assert_eq!(database.query_row(left, [ana.email()], |row| row.get::<_, i64>(0)).expect("a number"), 0);
}

#[tokio::test]
async fn mail_and_links_are_forgotten_when_they_are_old() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    shop.kept_mail(ana.email(), 1).await;
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get::<_, i64>(0)).expect("a number")
    };
    let month = 30_i64 * 24 * 3600 * 1000;
    database.execute("UPDATE mail SET created_at = created_at - ?1", [month + 1000]).expect("time passes");
    database.execute("UPDATE links SET expires_at = expires_at - ?1", [month]).expect("time passes");
    shop.ticks().await;
    assert_eq!((count("mail"), count("links")), (0, 0));
}

#[tokio::test]
async fn a_changed_password_is_told_by_mail() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    ana.changes_password(&unique("another passphrase")).await.is(204).accept();
    assert_eq!(shop.kept_mail(ana.email(), 2).await[0]["kind"], "password_changed");
    ana.signs_in_as(ana.email(), PASSWORD).await.is_refused(401, "wrong-credentials");
}
