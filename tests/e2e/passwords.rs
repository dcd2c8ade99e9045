//! Passwords: which will do, how they are kept and changed. Guessing them is in `guessing.rs`.

use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use souk_tests::{PASSWORD, Person, Suite, unique, user};
use tokio::join;

/// Waits until the refresh token of a session is worth nothing: what happened is told to auth after the answer.
pub async fn ends(person: &Person, refresh_token: &str) {
    let mut token = refresh_token.to_owned();
    for _ in 0..100 {
        let answer = person.refreshes(&token).await;
        if !answer.is_success() {
            answer.is_refused(401, "invalid-refresh-token");
            return;
        }
        token = answer.text("/refresh_token").to_owned();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the session of {} goes on", person.name());
}

#[tokio::test]
async fn a_password_that_attackers_try_first_is_refused() {
    let shop = Suite::start().await;
    let (email, too_long) = (format!("{}@example.com", unique("ana")), "x1".repeat(101));
    for password in [
        "password123",
        "Password123",
        "1234567890",
        "liverpool1",
        "chocolate1",
        "zzzzzzzzzz",
        "too short",
        &email,
        "",
        &too_long,
    ] {
        let user = json!({"email": email, "password": password, "name": "ana"});
        shop.stranger().registers(&user).await.is_refused(422, "invalid-request").with_field("/password");
    }
    let longest = "ab".repeat(100);
    let user = json!({"email": email, "password": longest, "name": "ana"});
    shop.stranger().registers(&user).await.is(201).accept();
    shop.stranger().signs_in_as(&email, &longest).await.is(200).accept();
}

#[tokio::test]
async fn a_password_is_the_same_on_every_keyboard() {
    let shop = Suite::start().await;
    let mut user = user("zoe");
    user["password"] = json!("caf\u{e9} au lait \u{ff11}");
    shop.stranger().registers(&user).await.is(201).accept();
    let email = user["email"].as_str().unwrap();
    shop.stranger().signs_in_as(email, "cafe\u{301} au lait 1").await.is(200).accept();
}

#[tokio::test]
async fn what_is_remembered_of_a_request_is_no_hash_of_its_password() {
    let Some(shop) = Suite::own().await else { return };
    let (user, key) = (user("ana"), unique("key"));
    shop.stranger().post("/api/v1/users", &user).key(&key).await.is(201).accept();
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    let kept: Vec<u8> =
        database.query_row("SELECT fingerprint FROM idempotency", [], |row| row.get(0)).unwrap();
    // Whoever reads the database could try passwords against a hash that needs no key.
    let guess = Sha256::digest(serde_json::to_vec(&user).unwrap());
    assert_ne!(kept, guess.as_slice());
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let (elsewhere, here) = (ana.signs_in().await, ana.signs_in().await);
    let old = ana.password();
    ana.changes_password("a whole new passphrase").await.is(204).accept();
    ana.signs_in_as(ana.email(), &old).await.is_refused(401, "wrong-credentials");
    ana.signs_in_as(ana.email(), "a whole new passphrase").await.is(200).accept();
    ends(&ana, &elsewhere.refresh).await;
    ana.refreshes(&here.refresh).await.is(200).accept();
}

#[tokio::test]
async fn a_password_is_changed_only_by_who_knows_it() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let change = |current: &str, new: &str| {
        ana.post("/api/v1/users/me/password", &json!({"current_password": current, "new_password": new}))
    };
    let refused = change("not the password", "a whole new passphrase").await;
    refused.is_refused(403, "wrong-password").with_fields(&["/current_password"]);
    change(PASSWORD, "password123").await.is_refused(422, "invalid-request").with_field("/new_password");
    change(PASSWORD, ana.email()).await.is_refused(422, "invalid-request").with_field("/new_password");
    ana.signs_in_as(ana.email(), PASSWORD).await.is(200).accept();
}

#[tokio::test]
async fn of_two_new_passwords_at_once_one_is_taken() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let change = |new: &str| {
        ana.post("/api/v1/users/me/password", &json!({"current_password": PASSWORD, "new_password": new}))
    };
    let (a, b) = join!(change("the first new passphrase"), change("the other new passphrase"));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 403]);
}

/// `correct horse battery` under argon2id with 8 MiB and one pass, as if from a time when that was thought enough.
const OLD_HASH: &str =
    "$argon2id$v=19$m=8192,t=1,p=1$TkwcbUeTD87AkweFvwDgFg$0Lh+efBWu8na9U/hxHfUMqDBYankzwwYdyicO9EHyUs";

#[tokio::test]
async fn a_hash_of_old_parameters_is_renewed_at_sign_in() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    let old = "UPDATE users SET password_hash = ?2 WHERE id = ?1";
    assert_eq!(database.execute(old, (ana.id(), OLD_HASH)).unwrap(), 1);
    let hash = || -> String {
        database
            .query_row("SELECT password_hash FROM users WHERE id = ?1", [ana.id()], |row| row.get(0))
            .unwrap()
    };
    ana.signs_in_as(ana.email(), "a wrong guess").await.is_refused(401, "wrong-credentials");
    assert_eq!(hash(), OLD_HASH);
    let tokens = ana.signs_in().await;
    let renewed = hash();
    assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
    ana.signs_in_as(ana.email(), PASSWORD).await.is(200).accept();
    assert_eq!(hash(), renewed, "once is enough");
    shop.has_delivered().await;
    ana.refreshes(&tokens.refresh).await.is(200).accept();
}
