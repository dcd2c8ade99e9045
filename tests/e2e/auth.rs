//! Signing in, signing out, sessions. Refresh tokens are in `refresh.rs`, the keys in `keys.rs`.

use rusqlite::Connection;
use serde_json::json;
use souk_tests::token::Jwt;
use souk_tests::{Person, SqliteFault, Suite, Until};
use std::fs;

#[tokio::test]
async fn a_person_signs_in_with_the_right_password_only() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    ana.signs_in_as(ana.email(), "not her password").await.is_refused(401, "wrong-credentials");
    let answer = ana.signs_in_as(ana.email(), &ana.password()).await.is(200);
    assert_eq!(answer.text("/token_type"), "Bearer");
    ana.reads_profile().await.is(200).accept();
}

#[tokio::test]
async fn tokens_say_what_they_are_and_are_kept_by_nobody_on_the_way() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let answer = ana.signs_in_as(ana.email(), &ana.password()).await.is(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!((answer.json()["expires_in"].as_u64(), answer.text("/scope")), (Some(600), "account"));
    assert!(answer.json()["refresh_expires_in"].as_u64().is_some_and(|seconds| seconds > 29 * 24 * 3600));
    let jwt = Jwt::read(answer.text("/access_token"));
    assert_eq!((&jwt.header["alg"], &jwt.header["typ"]), (&json!("ES256"), &json!("at+jwt")));
    for (claim, value) in [
        ("sub", json!(ana.id())),
        ("aud", json!("souk")),
        ("client_id", json!("souk-web")),
        ("scope", json!("account")),
        ("roles", json!(["customer"])),
    ] {
        assert_eq!(jwt.claims[claim], value, "{claim}");
    }
    let seconds = |claim: &str| jwt.claims[claim].as_i64().unwrap_or_else(|| panic!("no {claim}"));
    assert_eq!(seconds("exp") - seconds("iat"), 600);
    assert!(seconds("nbf") <= seconds("iat"));
    assert!(["iss", "jti", "sid"].iter().all(|claim| jwt.claims[*claim].is_string()), "{jwt:?}");
}

#[tokio::test]
async fn what_is_no_sign_in_is_refused_field_by_field() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    for (body, fields) in [
        (json!({}), &["/email", "/password"][..]),
        (json!({"email": "a@b.example", "password": ""}), &["/password"]),
        (json!({"email": 7, "password": ["x"], "admin": true}), &["/email", "/password", "/admin"]),
    ] {
        stranger
            .post("/api/v1/auth/login", &body)
            .await
            .is_refused(422, "invalid-request")
            .with_fields(fields);
    }
}

#[tokio::test]
async fn who_signs_out_is_out_and_may_say_so_twice() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    for _ in 0..2 {
        ana.signs_out(&tokens.refresh).await.is(204).accept();
    }
    ana.refreshes(&tokens.refresh).await.is_refused(401, "invalid-refresh-token");
    // The access token holds until it expires: that is what makes it cheap to check, and why it is short-lived.
    ana.reads_profile().await.is(200).accept();
}

#[tokio::test]
async fn a_session_is_signed_out_by_its_access_token_too() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let (elsewhere, here) = (ana.signs_in().await, ana.signs_in().await);
    ana.post("/api/v1/auth/logout", &json!({})).await.is(204).accept();
    ana.refreshes(&here.refresh).await.is_refused(401, "invalid-refresh-token");
    ana.refreshes(&elsewhere.refresh).await.is(200).accept();
    shop.stranger().post("/api/v1/auth/logout", &json!({})).await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn who_signs_out_by_the_access_token_need_send_no_body() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let logout = || ana.sends(http::Method::POST, "/api/v1/auth/logout");
    let tokens = ana.tokens().await;
    logout().await.is(204).accept();
    ana.refreshes(&tokens.refresh).await.is_refused(401, "invalid-refresh-token");
    let tokens = ana.signs_in().await;
    logout().body("application/json", "").await.is(204).accept();
    ana.refreshes(&tokens.refresh).await.is_refused(401, "invalid-refresh-token");
    logout().body("application/json", "null").await.is(204).accept();
    logout().body("text/plain", "bye").await.is_refused(415, "unsupported-media-type");
    logout().body("application/json", "bye").await.is_refused(400, "malformed-json");
    logout().without_token().await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn nobody_is_told_to_be_signed_out_who_is_not() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    ana.get("/api/v1/auth/sessions").await.is(200).accept();
    shop.faults().sqlite("auth", SqliteFault::Busy, Until::Cleared);
    ana.signs_out(&tokens.refresh).await.is_refused(503, "unavailable");
    ana.post("/api/v1/auth/logout", &json!({})).await.is_refused(503, "unavailable");
    shop.faults().clear();
    ana.refreshes(&tokens.refresh).await.is(200).accept();
}

/// The ids of one's sessions, the newest first.
async fn sessions(person: &Person) -> Vec<String> {
    let answer = person.get("/api/v1/auth/sessions").await.is(200);
    let items = answer.json()["items"].as_array().expect("a list has items");
    items.iter().map(|session| session["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn a_person_sees_where_they_are_signed_in_and_ends_what_is_not_them() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let login = json!({"email": ana.email(), "password": ana.password()});
    let phone =
        ana.post("/api/v1/auth/login", &login).without_token().header("user-agent", "a phone").await.is(200);
    ana.signs_in().await;
    let list = ana.get("/api/v1/auth/sessions").await.is(200);
    let items = list.json()["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{list}");
    let (here, there) = (&items[0], &items[1]);
    assert_eq!((&here["current"], &there["current"]), (&json!(true), &json!(false)));
    assert_eq!(there["user_agent"], "a phone");
    assert!(
        there["address"].as_str().is_some_and(|address| address.parse::<std::net::IpAddr>().is_ok()),
        "{there}"
    );
    let path = format!("/api/v1/auth/sessions/{}", there["id"].as_str().unwrap());
    bob.delete(&path).await.is_refused(404, "not-found");
    shop.stranger().delete(&path).await.is_refused(401, "unauthenticated");
    ana.delete(&path).await.is(204).accept();
    ana.delete(&path).await.is_refused(404, "not-found");
    ana.refreshes(phone.text("/refresh_token")).await.is_refused(401, "invalid-refresh-token");
    assert_eq!(sessions(&ana).await.len(), 1);
    assert!(sessions(&bob).await.iter().all(|id| !path.ends_with(id.as_str())));
}

#[tokio::test]
async fn of_very_many_sessions_the_least_used_end() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let first = ana.signs_in().await;
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 49)
             INSERT INTO sessions (id, user_id, salt, password_version, address, user_agent, created_at, last_used_at, expires_at)
             SELECT substr(id, 1, 9) || printf('%02d', n) || substr(id, 12), user_id, salt, password_version, address, user_agent, created_at,
                    last_used_at + n, expires_at FROM n, sessions s",
        )
        .unwrap();
    assert_eq!(sessions(&ana).await.len(), 50);
    let newest = ana.signs_in().await;
    assert_eq!(sessions(&ana).await.len(), 50);
    ana.refreshes(&first.refresh).await.is_refused(401, "invalid-refresh-token");
    ana.refreshes(&newest.refresh).await.is(200).accept();
}

#[tokio::test]
async fn sessions_survive_a_restart() {
    let Some(mut shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    shop.is_stopped().await;
    shop.starts_again().await;
    ana.reads_profile().await.is(200).accept();
    ana.refreshes(&tokens.refresh).await.is(200).accept();
}

#[tokio::test]
async fn a_session_ends_by_itself_and_is_forgotten() {
    let Some(shop) = Suite::own().await else { return };
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    const DAY: i64 = 24 * 3600 * 1000;
    for (days, column) in [(30, "last_used_at"), (90, "expires_at")] {
        let ana = shop.sign_up("ana").await;
        let tokens = ana.tokens().await;
        let sid = Jwt::read(&tokens.access).claims["sid"].as_str().unwrap().to_owned();
        let earlier = format!(
            "UPDATE sessions SET created_at = created_at - ?2, {column} = {column} - ?2 WHERE id = ?1"
        );
        assert_eq!(database.execute(&earlier, (&sid, days * DAY - 60_000)).unwrap(), 1);
        assert_eq!(sessions(&ana).await.len(), 1);
        assert_eq!(database.execute(&earlier, (&sid, 60_000)).unwrap(), 1);
        assert_eq!(sessions(&ana).await.len(), 0);
        ana.refreshes(&tokens.refresh).await.is_refused(401, "invalid-refresh-token");
        shop.ticks().await;
        let left = "SELECT count(*) FROM sessions WHERE id = ?1";
        assert_eq!(database.query_row(left, [&sid], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}

#[tokio::test]
async fn neither_tokens_nor_passwords_are_on_the_disk() {
    let Some(mut shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    let answer = ana.refreshes(&tokens.refresh).await.is(200);
    let code = |token: &str| token.rsplit('.').next().unwrap_or_default().to_owned();
    let secrets =
        [code(&tokens.refresh), code(answer.text("/refresh_token")), code(&tokens.access), ana.password()];
    shop.is_stopped().await;
    for file in fs::read_dir(shop.state()).unwrap().flatten().filter(|file| file.path().is_file()) {
        let bytes = fs::read(file.path()).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", file.path().display());
        }
    }
    shop.starts_again().await;
}
