//! Whether tokens are good, and taking them back.

use http::Method;
use rusqlite::Connection;
use serde_json::json;
use souk_tests::oauth::{Client, Code, app, form, machine, site};
use souk_tests::token::{Jwt, now};
use souk_tests::{Answer, Person, Suite};

/// A client, somebody, and what she has granted it.
async fn granted(shop: &Suite, new: &serde_json::Value) -> (Client, Person, Answer) {
    let (client, ana) = (shop.client(new).await, shop.sign_up("ana").await);
    let code = Code::of("openid account");
    shop.grants(&ana, &client, &code);
    let answer = client.exchanges(&code.text).await.is(200);
    (client, ana, answer)
}

async fn is_active(client: &Client, token: &str) -> bool {
    let answer = client.introspects(token).await.is(200);
    let active = answer.json()["active"].as_bool().unwrap();
    assert!(
        active || *answer.json() == json!({"active": false}),
        "{answer} tells of a token that is not good"
    );
    active
}

#[tokio::test]
async fn a_client_is_told_of_its_own_tokens() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana, answer) = granted(&shop, &site(&["openid", "account"])).await;
    let access = Jwt::read(answer.text("/access_token"));
    let told = client.introspects(answer.text("/access_token")).await.is(200);
    assert_eq!(told.header("cache-control"), Some("no-store"));
    let expected = json!({
        "active": true, "scope": "openid account", "client_id": client.id, "token_type": "Bearer", "sub": ana.id(),
        "exp": access.claims["exp"], "iat": access.claims["iat"], "aud": "souk", "iss": access.claims["iss"],
        "jti": access.claims["jti"],
    });
    assert_eq!(*told.json(), expected);
    let told = client.introspects(answer.text("/refresh_token")).await.is(200);
    assert_eq!((&told.json()["active"], told.text("/sub")), (&json!(true), ana.id()));
    assert!(told.json().get("token_type").is_none(), "{told}");
    // Asking is no use of it.
    client.refreshes(answer.text("/refresh_token")).await.is(200).accept();
    let machine = shop.client(&machine(&["orders:read"])).await;
    let token = machine.acts(None).await.is(200);
    let told = machine.introspects(token.text("/access_token")).await.is(200);
    assert_eq!((told.text("/sub"), told.text("/scope")), (machine.id.as_str(), "orders:read"));
}

#[tokio::test]
async fn of_others_tokens_only_a_client_with_the_scope_is_told() {
    let Some(shop) = Suite::own().await else { return };
    let (_, ana, answer) = granted(&shop, &app(&["openid", "account"])).await;
    let (nosy, service) =
        (shop.client(&machine(&["orders:read"])).await, shop.client(&machine(&["tokens:introspect"])).await);
    for token in [answer.text("/access_token"), answer.text("/refresh_token"), &ana.tokens().await.access] {
        assert!(!is_active(&nosy, token).await);
        assert!(is_active(&service, token).await);
    }
}

#[tokio::test]
async fn nobody_else_may_ask() {
    let Some(shop) = Suite::own().await else { return };
    let (app, ana, answer) = granted(&shop, &app(&["openid", "account"])).await;
    let token = answer.text("/access_token");
    app.introspects(token).await.is_oauth_error("invalid_client");
    let asking = form(&[("token", token)]);
    let kind = "application/x-www-form-urlencoded";
    for person in [&app.person, &ana] {
        let request = person.sends(Method::POST, "/oauth2/introspect").body(kind, asking.clone());
        request.await.is_oauth_error("invalid_client");
    }
    let machine = shop.client(&machine(&["orders:read"])).await;
    machine.asks("/oauth2/introspect", &[]).await.is_oauth_error("invalid_request");
    machine.asks("/oauth2/revoke", &[]).await.is_oauth_error("invalid_request");
    machine
        .asks("/oauth2/introspect", &[("token", "a"), ("token", "b")])
        .await
        .is_oauth_error("invalid_request");
}

#[tokio::test]
async fn what_is_no_good_token_is_not_active() {
    let Some(shop) = Suite::own().await else { return };
    let (client, _, answer) = granted(&shop, &site(&["openid", "account"])).await;
    let service = shop.client(&machine(&["tokens:introspect"])).await;
    let access = Jwt::read(answer.text("/access_token"));
    let first = answer.text("/refresh_token");
    let second = client.refreshes(first).await.is(200).text("/refresh_token").to_owned();
    for token in [
        "x",
        "a.b.c",
        "srt_x",
        answer.text("/id_token"),
        first,
        &access.unsigned(),
        &access.clone().with_claim("scope", "suite").tampered(),
        &access.clone().with_claim("exp", now() + 999_999).tampered(),
        &access.clone().with_header("kid", "other").tampered(),
    ] {
        assert!(!is_active(&service, token).await, "{token}");
    }
    assert!(is_active(&service, &second).await);
    let hint = [("token", second.as_str()), ("token_type_hint", "access_token")];
    let told = service.asks("/oauth2/introspect", &hint).await.is(200);
    assert_eq!(told.json()["active"], true, "a wrong hint misleads nobody");
}

#[tokio::test]
async fn a_refresh_token_that_is_taken_back_ends_its_family() {
    let Some(shop) = Suite::own().await else { return };
    let (client, _, answer) = granted(&shop, &site(&["openid", "account"])).await;
    let (access, refresh) = (answer.text("/access_token"), answer.text("/refresh_token"));
    let done = client.revokes(refresh).await.is(200);
    assert!(done.body.is_empty());
    assert!(!is_active(&client, access).await && !is_active(&client, refresh).await);
    client.refreshes(refresh).await.is_oauth_error("invalid_grant");
    for token in [refresh, access, "srt_x", "nonsense"] {
        client.revokes(token).await.is(200).accept();
    }
}

#[tokio::test]
async fn an_access_token_that_is_taken_back_ends_its_family_too() {
    let Some(shop) = Suite::own().await else { return };
    let (client, _, answer) = granted(&shop, &app(&["openid", "account"])).await;
    client.revokes(answer.text("/access_token")).await.is(200).accept();
    client.refreshes(answer.text("/refresh_token")).await.is_oauth_error("invalid_grant");
    let machine = shop.client(&machine(&["orders:read"])).await;
    let (first, second) = (machine.acts(None).await.is(200), machine.acts(None).await.is(200));
    machine.revokes(first.text("/access_token")).await.is(200).accept();
    machine.revokes(first.text("/access_token")).await.is(200).accept();
    assert!(!is_active(&machine, first.text("/access_token")).await);
    assert!(is_active(&machine, second.text("/access_token")).await);
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    let count =
        || database.query_row("SELECT count(*) FROM revoked_tokens", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count(), 1);
    database.execute("UPDATE revoked_tokens SET expires_at = expires_at - 600000", []).unwrap();
    shop.ticks().await;
    assert_eq!(count(), 0, "what has expired need not be remembered");
}

#[tokio::test]
async fn nobody_takes_back_what_is_another_clients() {
    let Some(shop) = Suite::own().await else { return };
    let (client, _, answer) = granted(&shop, &site(&["openid", "account"])).await;
    let (other, machine) =
        (shop.client(&app(&["openid"])).await, shop.client(&machine(&["orders:read"])).await);
    for thief in [&other, &machine] {
        thief.revokes(answer.text("/refresh_token")).await.is_oauth_error("invalid_grant");
        thief.revokes(answer.text("/access_token")).await.is_oauth_error("invalid_grant");
    }
    let public = Client { secret: None, ..client.clone() };
    public.revokes(answer.text("/refresh_token")).await.is_oauth_error("invalid_client");
    assert!(is_active(&client, answer.text("/access_token")).await);
    client.refreshes(answer.text("/refresh_token")).await.is(200).accept();
}

#[tokio::test]
async fn a_token_whose_session_or_client_is_gone_is_not_active() {
    let Some(shop) = Suite::own().await else { return };
    let service = shop.client(&machine(&["tokens:introspect"])).await;
    let (client, ana, answer) = granted(&shop, &site(&["openid", "account"])).await;
    let path = format!("/api/v1/auth/clients/{}", client.id);
    let token = answer.text("/access_token");
    shop.admin().await.patch(path.as_str(), &json!({"disabled": true})).await.is(200).accept();
    assert!(!is_active(&service, token).await && !is_active(&service, answer.text("/refresh_token")).await);
    shop.admin().await.patch(path.as_str(), &json!({"disabled": false})).await.is(200).accept();
    assert!(is_active(&service, token).await);
    let sid = Jwt::read(token).claims["sid"].as_str().unwrap().to_owned();
    ana.delete(format!("/api/v1/auth/sessions/{sid}")).await.is(204).accept();
    assert!(!is_active(&service, token).await);
}
