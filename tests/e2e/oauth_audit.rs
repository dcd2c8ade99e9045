//! What the OAuth endpoints add to the audit log. What people do otherwise is in `audit.rs`.

use http::Method;
use serde_json::{Value, json};
use souk_tests::browser::authorization;
use souk_tests::oauth::{Client, basic, machine, site};
use souk_tests::{Person, Suite};

const SCOPES: &[&str] = &["openid", "account"];

async fn found(admin: &Person, query: &str) -> Vec<Value> {
    let page = admin.get(format!("/api/v1/auth/audit?{query}")).await.is(200);
    page.json()["items"].as_array().expect("a page has items").clone()
}

/// The acts that a client was in, the oldest first.
async fn acts(admin: &Person, client: &Client) -> Vec<String> {
    let entries = found(admin, &format!("client={}&limit=100", client.id)).await;
    entries.iter().rev().map(|entry| entry["kind"].as_str().expect("a kind").to_owned()).collect()
}

#[tokio::test]
async fn what_becomes_of_a_client_is_noted_with_who_decided_it() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let client = shop.client(&machine(&["orders:read"])).await;
    let path = format!("/api/v1/auth/clients/{}", client.id);
    admin.patch(&path, &json!({"scopes": ["orders:read", "orders:write"]})).await.is(200).accept();
    let rotated = admin.post(format!("{path}/secret"), &json!({"overlap_s": 60})).await.is(200);
    let tag = admin.get(&path).await.is(200).etag().to_owned();
    admin.delete(&path).if_match(&tag).await.is(204).accept();
    assert_eq!(
        acts(&admin, &client).await,
        ["client.created", "client.changed", "client.secret", "client.deleted"]
    );
    let entries = found(&admin, &format!("client={}", client.id)).await;
    assert!(entries.iter().all(|entry| entry["actor"] == admin.id() && entry["address"] == "127.0.0.1"));
    assert_eq!(entries[2]["detail"]["scopes"], json!(["orders:read", "orders:write"]));
    assert_eq!(entries[1]["detail"], json!({"overlap_s": 60}));
    let log = json!(entries).to_string();
    for secret in [client.secret.as_deref().expect("a secret"), rotated.text("/client_secret")] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn a_sign_in_at_a_client_and_what_it_was_allowed_are_noted() {
    let shop = Suite::start().await;
    let (admin, ana, client) =
        (shop.admin().await, shop.sign_up("ana").await, shop.client(&site(SCOPES)).await);
    let browser = shop.browser().await;
    let login = browser.opens(&authorization(&client, &[])).await.is(200);
    let wrong = [("email", ana.email()), ("password", "not hers")];
    browser.presses(&login, "login", &wrong).await.is(422);
    let code = browser.grants(&authorization(&client, &[]), &ana).await;
    client.exchanges(&code).await.is(200).accept();
    assert_eq!(acts(&admin, &client).await, ["client.created", "sign_in.ok", "consent.given"]);
    let given = &found(&admin, &format!("user={}&kind=consent.given", ana.id())).await[0];
    assert_eq!(given["detail"], json!({"scope": "openid account"}));
    assert_eq!(found(&admin, &format!("kind=sign_in.failed&email={}", ana.email())).await.len(), 1);

    ana.delete(format!("/api/v1/auth/consents/{}", client.id)).await.is(204).accept();
    assert_eq!(acts(&admin, &client).await.last().map(String::as_str), Some("consent.withdrawn"));
}

#[tokio::test]
async fn stolen_codes_and_tokens_and_what_is_taken_back_are_noted() {
    let shop = Suite::start().await;
    let (admin, ana, client) =
        (shop.admin().await, shop.sign_up("ana").await, shop.client(&site(SCOPES)).await);
    let browser = shop.browser().await;
    let code = browser.grants(&authorization(&client, &[]), &ana).await;
    client.exchanges(&code).await.is(200).accept();
    client.exchanges(&code).await.is_oauth_error("invalid_grant");
    client.exchanges(&code).await.is_oauth_error("invalid_grant");
    let reused = found(&admin, &format!("user={}&kind=code.reused", ana.id())).await;
    assert!(reused.iter().any(|entry| entry["session_id"].is_string()), "{reused:#?}");

    let thief = shop.client(&site(SCOPES)).await;
    let code = browser.grants(&authorization(&client, &[]), &ana).await;
    thief.exchanges(&code).await.is_oauth_error("invalid_grant");
    let theft = &found(&admin, &format!("client={}&kind=code.reused", thief.id)).await[0];
    assert_eq!((&theft["user_id"], &theft["detail"]["given_to"]), (&json!(ana.id()), &json!(client.id)));

    let code = browser.grants(&authorization(&client, &[]), &ana).await;
    let first = client.exchanges(&code).await.is(200).text("/refresh_token").to_owned();
    let second = client.refreshes(&first).await.is(200).text("/refresh_token").to_owned();
    client.refreshes(&second).await.is(200).accept();
    client.refreshes(&first).await.is_oauth_error("invalid_grant");
    assert_eq!(found(&admin, &format!("client={}&kind=refresh.reused", client.id)).await.len(), 1);

    let code = browser.grants(&authorization(&client, &[]), &ana).await;
    let refresh = client.exchanges(&code).await.is(200).text("/refresh_token").to_owned();
    for _ in 0..2 {
        client.revokes(&refresh).await.is(200).accept();
    }
    assert_eq!(found(&admin, &format!("client={}&kind=token.revoked", client.id)).await.len(), 1);
}

#[tokio::test]
async fn a_client_that_cannot_prove_itself_is_counted() {
    let shop = Suite::start().await;
    let (admin, client) = (shop.admin().await, shop.client(&machine(&["orders:read"])).await);
    for _ in 0..3 {
        let request = client.person.sends(Method::POST, "/oauth2/token");
        let request = request.header("authorization", basic(&client.id, "scs_guessed"));
        let answer = request.body("application/x-www-form-urlencoded", "grant_type=client_credentials").await;
        answer.is_oauth_error("invalid_client");
    }
    let entries = found(&admin, &format!("client={}&kind=client.refused", client.id)).await;
    let times: i64 = entries.iter().filter_map(|entry| entry["times"].as_i64()).sum();
    assert!(times == 3 && entries.len() <= 2, "{entries:#?}");
}

#[tokio::test]
async fn who_signs_out_at_a_client_is_noted() {
    let shop = Suite::start().await;
    let (admin, ana, client) =
        (shop.admin().await, shop.sign_up("ana").await, shop.client(&site(SCOPES)).await);
    let browser = shop.browser().await;
    browser.grants(&authorization(&client, &[]), &ana).await;
    let page = browser.opens("/oauth2/logout").await.is(200);
    browser.presses(&page, "logout", &[]).await.is(200);
    let ended = found(&admin, &format!("user={}&kind=session.ended", ana.id())).await;
    assert_eq!(ended.len(), 1, "{ended:#?}");
    assert!(ended[0]["session_id"].as_str().is_some_and(|id| id.starts_with("brs_")));
}
