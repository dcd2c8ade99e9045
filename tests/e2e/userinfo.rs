//! Who signed in, as clients may know it, and what the server says of itself.

use http::Method;
use serde_json::json;
use souk_tests::oauth::{Client, Code, site};
use souk_tests::{Person, Suite};

async fn token(shop: &Suite, client: &Client, person: &Person, scope: &str) -> String {
    let code = Code::of(scope);
    shop.grants(person, client, &code);
    client.exchanges(&code.text).await.is(200).text("/access_token").to_owned()
}

#[tokio::test]
async fn a_client_learns_what_its_scope_covers() {
    let Some(shop) = Suite::own().await else { return };
    let client = shop.client(&site(&["openid", "profile", "email", "phone", "account"])).await;
    let ana = shop.sign_up("ana").await;
    ana.changes_profile(&json!({"phone": "+33 1 23 45 67 89", "locale": "fr"})).await.is(200).accept();
    let stranger = shop.stranger();
    let learns = async |scope: &str| {
        let token = token(&shop, &client, &ana, scope).await;
        let answer = stranger.get("/userinfo").bearer(token.as_str()).await.is(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let posted = stranger.sends(Method::POST, "/userinfo").bearer(token).await.is(200);
        assert_eq!(posted.json(), answer.json());
        answer.json().clone()
    };
    assert_eq!(learns("openid").await, json!({"sub": ana.id()}));
    let email = learns("openid email").await;
    assert_eq!(email, json!({"sub": ana.id(), "email": ana.email(), "email_verified": false}));
    let all = learns("openid profile email phone").await;
    for (claim, value) in [
        ("name", json!("ana")),
        ("locale", json!("fr")),
        ("phone_number", json!("+33 1 23 45 67 89")),
        ("phone_number_verified", json!(false)),
    ] {
        assert_eq!(all[claim], value, "{claim}");
    }
    assert!(all["updated_at"].is_i64() && all.get("roles").is_none(), "{all}");
}

#[tokio::test]
async fn who_did_not_sign_in_with_openid_connect_is_not_told_of() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana) = (shop.client(&site(&["openid", "account"])).await, shop.sign_up("ana").await);
    let account = token(&shop, &client, &ana, "account").await;
    shop.stranger().get("/userinfo").bearer(account).await.is_refused(403, "insufficient-scope");
    ana.get("/userinfo").await.is_refused(403, "insufficient-scope");
    shop.stranger().get("/userinfo").await.is_refused(401, "unauthenticated");
    let openid = token(&shop, &client, &ana, "openid").await;
    shop.stranger().get("/userinfo").bearer(openid.as_str()).await.is(200).accept();
    ana.delete("/api/v1/users/me").json(&json!({"password": ana.password()})).await.is(204).accept();
    shop.stranger().get("/userinfo").bearer(openid).await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_client_that_may_only_know_the_person_may_do_nothing_of_theirs() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana) = (shop.client(&site(&["openid"])).await, shop.sign_up("ana").await);
    let token = token(&shop, &client, &ana, "openid").await;
    let stranger = shop.stranger();
    for path in ["/api/v1/users/me", "/api/v1/carts/me", "/api/v1/auth/sessions", "/api/v1/statements/me"] {
        stranger.get(path).bearer(token.as_str()).await.is_refused(403, "insufficient-scope");
    }
}

#[tokio::test]
async fn the_server_says_what_it_is_and_can() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let answer = stranger.get("/.well-known/openid-configuration").await.is(200);
    assert!(answer.header("cache-control").is_some_and(|value| value.contains("max-age")), "{answer}");
    let document = answer.json();
    let other = stranger.get("/.well-known/oauth-authorization-server").await.is(200);
    assert_eq!(other.json(), document);
    let issuer = answer.text("/issuer");
    assert!(!issuer.ends_with('/'), "{issuer}");
    for (name, path) in [
        ("authorization_endpoint", "/oauth2/authorize"),
        ("token_endpoint", "/oauth2/token"),
        ("revocation_endpoint", "/oauth2/revoke"),
        ("introspection_endpoint", "/oauth2/introspect"),
        ("end_session_endpoint", "/oauth2/logout"),
        ("userinfo_endpoint", "/userinfo"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(document[name], format!("{issuer}{path}"), "{name}");
    }
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert!(document["scopes_supported"].as_array().unwrap().contains(&json!("openid")), "{answer}");
    let ana = shop.sign_up("ana").await;
    let access = souk_tests::token::Jwt::read(&ana.token().await);
    assert_eq!(access.claims["iss"], issuer);
}
