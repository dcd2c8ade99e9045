//! Accounts: registering, the profile, roles, leaving. Passwords are in `passwords.rs`, guessing them in `guessing.rs`.

use crate::passwords::ends;
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use souk_tests::{PASSWORD, Suite, unique, user};
use tokio::join;

#[tokio::test]
async fn a_person_registers_and_reads_the_own_profile() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let profile = ana.reads_profile().await.is(200);
    assert_eq!(profile.text("/id"), ana.id());
    assert_eq!(profile.text("/email"), ana.email());
    assert_eq!(profile.text("/name"), "ana");
    assert_eq!(profile.text("/locale"), "en");
    assert_eq!(profile.json()["roles"], json!(["customer"]));
    assert!(profile.json().get("password").is_none() && profile.json().get("password_hash").is_none());
}

#[tokio::test]
async fn a_new_account_is_answered_with_its_address_and_version() {
    let shop = Suite::start().await;
    let answer = shop.stranger().registers(&user("ana")).await.is(201);
    let location = answer.header("location").expect("a new account has an address");
    assert!(location.ends_with(answer.text("/id")), "{location}");
    assert!(!answer.etag().is_empty());
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    let shop = Suite::start().await;
    let wrong = json!({"email": "nobody", "password": "short", "name": 7, "locale": "de", "colour": "red"});
    let all = ["/email", "/password", "/name", "/locale", "/colour"];
    shop.stranger().registers(&wrong).await.is_refused(422, "invalid-request").with_fields(&all);
}

#[tokio::test]
async fn a_field_that_is_sent_twice_is_not_read_one_way_or_the_other() {
    let shop = Suite::start().await;
    let twice =
        format!(r#"{{"email": "a@example.com", "password": "{PASSWORD}", "email": "b@example.com"}}"#);
    let hidden =
        format!(r#"{{"email": "a@example.com", "password": "{PASSWORD}", "em\u0061il": "b@example.com"}}"#);
    for body in [twice, hidden] {
        let request = shop.stranger();
        let request = request.sends(http::Method::POST, "/api/v1/users").body("application/json", body);
        request.await.is_refused(400, "malformed-json");
    }
}

#[tokio::test]
async fn a_person_registers_only_with_an_email_address() {
    let shop = Suite::start().await;
    let too_long = format!("{}@example.com", "a".repeat(250));
    for email in ["nowhere", "@example.com", "ana@", "a b@example.com", "ana@exa mple.com", "", &too_long] {
        let mut user = user("ana");
        user["email"] = email.into();
        shop.stranger().registers(&user).await.is_refused(422, "invalid-request").with_field("/email");
    }
}

#[tokio::test]
async fn an_address_belongs_to_one_account_however_it_is_spelt() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let shouted = ana.email().to_uppercase();
    let mut again = user("another ana");
    again["email"] = json!(shouted);
    shop.stranger().registers(&again).await.is_refused(409, "email-taken").with_field("/email");
    ana.signs_in_as(&shouted, &ana.password()).await.is(200).accept();
}

#[tokio::test]
async fn spaces_around_an_address_do_not_count() {
    let shop = Suite::start().await;
    let mut user = user("ana");
    let email = user["email"].as_str().unwrap().to_owned();
    user["email"] = json!(format!("  {email}\t"));
    assert_eq!(shop.stranger().registers(&user).await.is(201).text("/email"), email);
    shop.stranger().signs_in_as(&format!(" {email} "), PASSWORD).await.is(200).accept();
}

#[tokio::test]
async fn of_two_who_want_an_address_at_once_one_gets_it() {
    let shop = Suite::start().await;
    let (stranger, user) = (shop.stranger(), user("ana"));
    let answers = join!(stranger.registers(&user), stranger.registers(&user), stranger.registers(&user));
    let mut statuses = [answers.0.status.as_u16(), answers.1.status.as_u16(), answers.2.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
}

#[tokio::test]
async fn registering_twice_with_one_key_makes_one_account() {
    let shop = Suite::start().await;
    let (stranger, mut user, key) = (shop.stranger(), user("ana"), unique("key"));
    let first = stranger.post("/api/v1/users", &user).key(&key).await.is(201);
    let again = stranger.post("/api/v1/users", &user).key(&key).await.is(201);
    assert_eq!(first.json(), again.json());
    assert_eq!(first.header("location"), again.header("location"));
    user["name"] = json!("somebody else");
    let other = stranger.post("/api/v1/users", &user).key(&key).await;
    other.is_refused(422, "idempotency-key-reused");
}

#[tokio::test]
async fn two_requests_with_one_key_at_once_make_one_account() {
    let shop = Suite::start().await;
    let (stranger, user, key) = (shop.stranger(), user("ana"), unique("key"));
    let send = || stranger.post("/api/v1/users", &user).key(&key);
    let (a, b) = join!(send(), send());
    assert_eq!(a.is(201).json(), b.is(201).json());
}

#[tokio::test]
async fn names_of_the_whole_world_are_kept_as_they_are() {
    let shop = Suite::start().await;
    for name in ["Zoë O’Neill-García", "李小龙", "محمد", "Ольга", "Þórdís 😀", "'; DROP TABLE users; --"]
    {
        let mut user = user("ana");
        user["name"] = json!(name);
        assert_eq!(shop.stranger().registers(&user).await.is(201).text("/name"), name);
    }
}

#[tokio::test]
async fn a_name_that_would_not_show_as_it_is_is_refused() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    for name in [
        "a\u{0}b",
        "a\nb",
        "\u{202e}gnp.exe",
        "\u{7}",
        " ",
        "",
        "\u{feff}",
        "\u{200b}",
        "\u{200b}\u{2060} \u{ad}",
        "\u{3164}",
        &"x".repeat(1000),
    ] {
        let mut user = user("ana");
        user["name"] = json!(name);
        shop.stranger().registers(&user).await.is_refused(422, "invalid-request").with_field("/name");
        let change = json!({"name": name});
        ana.changes_profile(&change).await.is_refused(422, "invalid-request").with_field("/name");
    }
}

#[tokio::test]
async fn a_change_touches_what_it_names_and_nothing_else() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let change = json!({"name": "Ana López", "phone": "+33 1 23 45 67 89"});
    let changed = ana.changes_profile(&change).await.is(200);
    assert_eq!(changed.text("/name"), "Ana López");
    assert_eq!(changed.text("/locale"), "en");
    let changed = ana.changes_profile(&json!({"locale": "fr", "phone": null})).await.is(200);
    assert_eq!((changed.text("/name"), changed.text("/locale")), ("Ana López", "fr"));
    assert_eq!(changed.json()["phone"], Value::Null);
    assert_eq!(changed.json(), ana.reads_profile().await.is(200).json());
}

#[tokio::test]
async fn what_is_nobodys_to_change_in_a_profile_is_refused() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let fields = ["id", "email", "roles", "password", "created_at", "version", "password_hash"];
    for field in fields {
        let refused = ana.changes_profile(&json!({field: "x"})).await.is_refused(422, "invalid-request");
        refused.with_fields(&[&format!("/{field}")]);
    }
    for phone in ["call me", "", "12", "<script>", "\u{0}123456"] {
        let refused = ana.changes_profile(&json!({"phone": phone})).await;
        refused.is_refused(422, "invalid-request").with_field("/phone");
    }
}

#[tokio::test]
async fn a_change_of_another_version_is_refused() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let seen = ana.reads_profile().await.is(200);
    let rename = |name: &str| ana.patch("/api/v1/users/me", &json!({"name": name})).if_match(seen.etag());
    let (a, b) = join!(rename("Anna"), rename("Anne"));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    rename("Anya").await.is_refused(412, "precondition-failed");
    let unchanged = ana.get("/api/v1/users/me").header("if-none-match", seen.etag()).await.is(200);
    ana.get("/api/v1/users/me").header("if-none-match", unchanged.etag()).await.is(304).accept();
}

#[tokio::test]
async fn who_leaves_leaves_nothing_behind_but_an_id() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    ana.changes_profile(&json!({"name": "Anastasia", "phone": "+33123456789"})).await.is(200).accept();
    let tokens = ana.tokens().await;
    ana.delete("/api/v1/users/me")
        .json(&json!({"password": "a guess at it"}))
        .await
        .is_refused(403, "wrong-password")
        .with_fields(&["/password"]);
    ana.reads_profile().await.is(200).accept();
    ana.deletes_account().await.is(204).accept();

    ana.reads_profile().await.is_refused(404, "not-found");
    ana.signs_in_as(ana.email(), &ana.password()).await.is_refused(401, "wrong-credentials");
    ends(&ana, &tokens.refresh).await;
    let admin = shop.admin().await;
    admin.get(format!("/api/v1/users/{}", ana.id())).await.is_refused(404, "not-found");
    let database = Connection::open(shop.state().join("users.db")).unwrap();
    let row = "SELECT email IS NULL AND name IS NULL AND phone IS NULL AND password_hash IS NULL FROM users WHERE id = ?1";
    assert!(
        database.query_row(row, [ana.id()], |row| row.get::<_, bool>(0)).unwrap(),
        "the row is kept, empty"
    );
    let hash = Sha256::digest(ana.email()).to_vec();
    let count = |sql: &str| database.query_row(sql, [&hash], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM known_networks WHERE email_hash = ?1"), 0);
    // Only the attempt of just now, as that of an address that nobody has.
    assert_eq!(count("SELECT sum(failures) FROM sign_in_failures WHERE email_hash = ?1"), 2);
    let words = "SELECT count(*) FROM user_words WHERE user_id = ?1";
    assert_eq!(database.query_row(words, [ana.id()], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn the_address_of_who_left_is_free_again() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    ana.deletes_account().await.is(204).accept();
    let again = json!({"email": ana.email(), "password": "another passphrase", "name": "another ana"});
    let answer = shop.stranger().registers(&again).await.is(201);
    assert_ne!(answer.text("/id"), ana.id());
    ana.signs_in_as(ana.email(), "another passphrase").await.is(200).accept();
}

#[tokio::test]
async fn there_is_always_an_administrator() {
    let Some(shop) = Suite::own().await else { return };
    let admin = shop.admin().await;
    admin.gives_roles(&admin, &["customer"]).await.is_refused(409, "last-administrator");
    admin.deletes_account().await.is_refused(409, "last-administrator");
    admin.delete(format!("/api/v1/users/{}", admin.id())).await.is_refused(409, "last-administrator");
    let eve = shop.sign_up("eve").await;
    admin.gives_roles(&eve, &["admin"]).await.is(200).accept();
    // Each makes the other the last one: one of them must stay.
    let (a, b) = join!(admin.gives_roles(&admin, &["customer"]), eve.gives_roles(&eve, &["customer"]));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn the_first_administrator_is_made_once_and_with_the_key() {
    let Some(shop) = Suite::own().await else { return };
    let somebody = json!({"email": "first@example.com", "password": "long enough it is", "name": "First"});
    let stranger = shop.stranger();
    let bootstrap = || stranger.post("/api/v1/users/bootstrap", &somebody);
    bootstrap().await.is_refused(401, "unauthenticated");
    for guess in ["x", "", &shop.keys().maintenance, &shop.keys().bootstrap[1..]] {
        bootstrap().bearer(guess).await.is_refused(401, "unauthenticated");
    }
    let key = &shop.keys().bootstrap;
    let another = json!({"email": "second@example.com", "password": "long enough it is"});
    let other = stranger.post("/api/v1/users/bootstrap", &another);
    let (a, b) = join!(bootstrap().bearer(key), other.bearer(key));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    bootstrap().bearer(key).await.is_refused(409, "administrator-exists");
    // Who has not the key learns nothing about the body.
    let nonsense = || stranger.post("/api/v1/users/bootstrap", &json!({"colour": "red"}));
    nonsense().bearer("x").await.is_refused(401, "unauthenticated");
    nonsense().bearer(key).await.is_refused(422, "invalid-request");
}
