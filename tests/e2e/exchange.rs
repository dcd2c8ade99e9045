//! The token endpoint: what clients get for what they bring.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use rusqlite::Connection;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use souk_tests::oauth::{CALLBACK, Client, Code, VERIFIER, app, basic, form, machine, site};
use souk_tests::token::Jwt;
use souk_tests::{Answer, Person, Suite};
use std::slice::from_ref;
use tokio::join;

const FORM: &str = "application/x-www-form-urlencoded";
const TOKEN: &str = "/oauth2/token";

/// A site, somebody, and what she has granted it.
async fn granted(shop: &Suite, new: &serde_json::Value, scope: &str) -> (Client, Person, Answer) {
    let (client, ana) = (shop.client(new).await, shop.sign_up("ana").await);
    let code = Code::of(scope);
    shop.grants(&ana, &client, &code);
    let answer = client.exchanges(&code.text).await.is(200);
    (client, ana, answer)
}

#[tokio::test]
async fn a_machine_gets_a_token_that_is_its_own() {
    let shop = Suite::start().await;
    let client = shop.client(&machine(&["users:read", "orders:read", "openid"])).await;
    let answer = client.acts(None).await.is(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let names: Vec<_> = answer.json().as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["access_token", "expires_in", "scope", "token_type"]);
    assert_eq!((answer.text("/token_type"), answer.text("/scope")), ("Bearer", "users:read orders:read"));
    let jwt = Jwt::read(answer.text("/access_token"));
    assert_eq!((&jwt.header["typ"], &jwt.claims["aud"]), (&json!("at+jwt"), &json!("souk")));
    assert_eq!((&jwt.claims["sub"], &jwt.claims["client_id"]), (&json!(client.id), &json!(client.id)));
    assert!(jwt.claims.get("roles").is_none() && jwt.claims.get("sid").is_none(), "{jwt:?}");
    let token = answer.text("/access_token");
    let stranger = shop.stranger();
    stranger.get("/api/v1/users").bearer(token).await.is(200).accept();
    stranger.get("/api/v1/users/me").bearer(token).await.is_refused(403, "insufficient-scope");
    stranger.get("/userinfo").bearer(token).await.is_refused(403, "insufficient-scope");
    let narrow = client.acts(Some("orders:read suite")).await.is(200);
    assert_eq!(narrow.text("/scope"), "orders:read");
    stranger
        .get("/api/v1/users")
        .bearer(narrow.text("/access_token"))
        .await
        .is_refused(403, "insufficient-scope");
    for scope in ["suite", "openid", "root", "orders:read  suite", "ORDERS:READ"] {
        client.acts(Some(scope)).await.is_oauth_error("invalid_scope");
    }
}

#[tokio::test]
async fn a_client_proves_itself_in_exactly_one_way() {
    let shop = Suite::start().await;
    let client = shop.client(&machine(&["orders:read"])).await;
    let (id, secret) = (client.id.as_str(), client.secret.clone().unwrap());
    let secret = secret.as_str();
    let asks = async |headers: &[String], fields: &[(&str, &str)]| {
        let mut request = client.person.sends(Method::POST, TOKEN);
        for header in headers {
            request = request.header("authorization", header);
        }
        let fields = [&[("grant_type", "client_credentials")], fields].concat();
        request.body(FORM, form(&fields)).await
    };
    let right = basic(id, secret);
    let posted = [("client_id", id), ("client_secret", secret)];
    asks(from_ref(&right), &[]).await.is(200).accept();
    asks(from_ref(&right), &[("client_id", id)]).await.is(200).accept();
    asks(&[right.replace("Basic", "basic")], &[]).await.is(200).accept();
    asks(&[], &posted).await.is(200).accept();
    let request = async |headers: &[String], fields: &[(&str, &str)]| {
        asks(headers, fields).await.is_oauth_error("invalid_request");
    };
    request(from_ref(&right), &posted).await;
    request(from_ref(&right), &[("client_id", "cli_other")]).await;
    request(&[right.clone(), right.clone()], &[]).await;
    for (headers, fields) in [
        (vec![], vec![]),
        (vec![], vec![("client_id", id)]),
        (vec![], vec![("client_secret", secret)]),
        (vec![], vec![("client_id", id), ("client_secret", "scs_wrong")]),
        (vec![], vec![("client_id", "souk-web"), ("client_secret", secret)]),
        (vec![basic(id, "scs_wrong")], vec![]),
        (vec![basic(id, "")], vec![]),
        (vec![basic(&id.to_uppercase(), secret)], vec![]),
        (vec!["Basic".into()], vec![]),
        (vec!["Basic %%%".into()], vec![]),
        (vec![format!("Bearer {secret}")], vec![]),
        (vec![right.replace("Basic ", "Digest ")], vec![]),
    ] {
        asks(&headers, &fields).await.is_oauth_error("invalid_client");
    }
}

#[tokio::test]
async fn what_is_no_token_request_is_refused_in_oauths_words() {
    let shop = Suite::start().await;
    let (machine, app) =
        (shop.client(&machine(&["orders:read"])).await, shop.client(&app(&["openid"])).await);
    let ask = async |media_type: &str, body: &str| {
        let header = basic(&machine.id, machine.secret.as_deref().unwrap());
        let request = machine.person.sends(Method::POST, TOKEN).header("authorization", header);
        request.body(media_type, body.to_owned()).await
    };
    for body in [
        "",
        "grant_type=",
        "scope=orders%3Aread",
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&scope=a&scope=b",
        "grant_type=%",
        "grant_type=%ff",
        "grant_type=client_credentials%00",
        "{\"grant_type\":\"client_credentials\"}",
    ] {
        let kind = if body.starts_with('{') { "application/json" } else { FORM };
        ask(kind, body).await.is_oauth_error("invalid_request");
    }
    ask("", "grant_type=client_credentials").await.is_oauth_error("invalid_request");
    let large = format!("grant_type=client_credentials&x={}", "x".repeat(70_000));
    ask(FORM, &large).await.is_oauth_error("invalid_request");
    for grant in ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "CLIENT_CREDENTIALS"]
    {
        ask(FORM, &form(&[("grant_type", grant)])).await.is_oauth_error("unsupported_grant_type");
    }
    ask(FORM, "grant_type=client_credentials&unknown=1&unknown_too=").await.is(200).accept();
    machine.exchanges("sac_x").await.is_oauth_error("unauthorized_client");
    machine.refreshes("srt_x").await.is_oauth_error("unauthorized_client");
    app.acts(None).await.is_oauth_error("unauthorized_client");
    // The suite's own client has its own door.
    let web = Client { id: "souk-web".into(), ..app.clone() };
    web.refreshes("srt_x").await.is_oauth_error("unauthorized_client");
    web.exchanges("sac_x").await.is_oauth_error("unauthorized_client");
    app.asks(TOKEN, &[("grant_type", "refresh_token")]).await.is_oauth_error("invalid_request");
    app.asks(TOKEN, &[("grant_type", "authorization_code")]).await.is_oauth_error("invalid_request");
    let no_verifier = [("grant_type", "authorization_code"), ("code", "sac_x")];
    app.asks(TOKEN, &no_verifier).await.is_oauth_error("invalid_request");
    for verifier in ["short", &"x".repeat(129), &"é".repeat(43), &"+".repeat(43)] {
        let fields = [&no_verifier[..], &[("code_verifier", verifier)]].concat();
        app.asks(TOKEN, &fields).await.is_oauth_error("invalid_request");
    }
    shop.stranger().get(TOKEN).await.is_refused(405, "method-not-allowed");
}

#[tokio::test]
async fn a_code_gives_tokens_that_say_who_signed_in() {
    let Some(shop) = Suite::own().await else { return };
    let (site, ana, answer) =
        granted(&shop, &site(&["openid", "email", "account"]), "openid email account suite").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.text("/scope"), "openid email account");
    let access = Jwt::read(answer.text("/access_token"));
    for (claim, value) in [
        ("sub", json!(ana.id())),
        ("client_id", json!(site.id)),
        ("scope", json!("openid email account")),
        ("roles", json!(["customer"])),
    ] {
        assert_eq!(access.claims[claim], value, "{claim}");
    }
    let id = Jwt::read(answer.text("/id_token"));
    assert_eq!((&id.header["alg"], &id.header["typ"]), (&json!("ES256"), &json!("JWT")));
    let half = &Sha256::digest(answer.text("/access_token"))[..16];
    for (claim, value) in [
        ("iss", access.claims["iss"].clone()),
        ("aud", json!(site.id)),
        ("sub", json!(ana.id())),
        ("nonce", json!("n-0S6_WzA2Mj")),
        ("amr", json!(["pwd"])),
        ("sid", access.claims["sid"].clone()),
        ("at_hash", json!(URL_SAFE_NO_PAD.encode(half))),
    ] {
        assert_eq!(id.claims[claim], value, "{claim}");
    }
    let seconds = |claim: &str| id.claims[claim].as_i64().unwrap_or_else(|| panic!("no {claim}"));
    assert_eq!(seconds("exp") - seconds("iat"), 600);
    assert!((4..60).contains(&(seconds("iat") - seconds("auth_time"))), "{id:?}");
    let get = |token: &str| ana.get("/api/v1/users/me").bearer(token);
    get(answer.text("/access_token")).await.is(200).accept();
    get(answer.text("/id_token")).await.is_refused(401, "invalid-token");
}

#[tokio::test]
async fn a_client_that_may_not_go_on_gets_no_refresh_token() {
    let Some(shop) = Suite::own().await else { return };
    let mut new = site(&["openid", "account"]);
    new["grants"] = json!(["authorization_code"]);
    let (client, ana, answer) = granted(&shop, &new, "account").await;
    assert!(
        answer.json().get("refresh_token").is_none() && answer.json().get("id_token").is_none(),
        "{answer}"
    );
    ana.get("/api/v1/users/me").bearer(answer.text("/access_token")).await.is(200).accept();
    client.refreshes("srt_x").await.is_oauth_error("unauthorized_client");
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_what_it_gave() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana) = (shop.client(&app(&["openid", "account"])).await, shop.sign_up("ana").await);
    let code = Code::of("openid account");
    shop.grants(&ana, &client, &code);
    let answer = client.exchanges(&code.text).await.is(200);
    let next = client.refreshes(answer.text("/refresh_token")).await.is(200);
    client.exchanges(&code.text).await.is_oauth_error("invalid_grant");
    client.refreshes(next.text("/refresh_token")).await.is_oauth_error("invalid_grant");
    client.exchanges(&code.text).await.is_oauth_error("invalid_grant");
}

#[tokio::test]
async fn a_code_that_comes_twice_at_once_is_good_at_most_once() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana) = (shop.client(&app(&["openid", "account"])).await, shop.sign_up("ana").await);
    for _ in 0..5 {
        let code = Code::of("openid account");
        shop.grants(&ana, &client, &code);
        let exchange = || client.exchanges(&code.text);
        let (a, b, c) = join!(exchange(), exchange(), exchange());
        let good: Vec<_> = [a, b, c].into_iter().filter(Answer::is_success).collect();
        assert!(good.len() <= 1, "{good:?}");
        // Whoever was second has ended it.
        for answer in &good {
            client.refreshes(answer.text("/refresh_token")).await.is_oauth_error("invalid_grant");
        }
    }
}

#[tokio::test]
async fn a_code_is_good_for_its_client_its_address_and_its_verifier_alone() {
    let Some(shop) = Suite::own().await else { return };
    let (client, other) = (shop.client(&site(&["openid"])).await, shop.client(&site(&["openid"])).await);
    let ana = shop.sign_up("ana").await;
    let code = || {
        let code = Code::of("openid");
        shop.grants(&ana, &client, &code);
        code.text
    };
    let asks = async |client: &Client, code: &str, verifier: &str, uri: Option<&str>| {
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", code), ("code_verifier", verifier)];
        fields.extend(uri.map(|uri| ("redirect_uri", uri)));
        client.asks(TOKEN, &fields).await
    };
    asks(&client, &code(), VERIFIER, Some(CALLBACK)).await.is(200).accept();
    let wrong_verifier = "a".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    for (thief, verifier, uri) in [
        (&other, VERIFIER, None),
        (&client, wrong_verifier.as_str(), None),
        (&client, challenge.as_str(), None),
        (&client, VERIFIER, Some("https://app.example/callback/")),
        (&client, VERIFIER, Some("https://evil.example/callback")),
    ] {
        let code = code();
        asks(thief, &code, verifier, uri).await.is_oauth_error("invalid_grant");
        // It has got about, and is void.
        asks(&client, &code, VERIFIER, None).await.is_oauth_error("invalid_grant");
    }
    for unknown in ["sac_x", "x", "", "sac_\u{0}"] {
        let answer = asks(&client, unknown, VERIFIER, None).await;
        assert!(
            matches!(answer.json()["error"].as_str(), Some("invalid_grant" | "invalid_request")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_code_expires_and_is_forgotten() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana) = (shop.client(&app(&["openid"])).await, shop.sign_up("ana").await);
    let code = Code { lasts_ms: -2_000, ..Code::of("openid") };
    shop.grants(&ana, &client, &code);
    client.exchanges(&code.text).await.is_oauth_error("invalid_grant");
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    let count = || database.query_row("SELECT count(*) FROM codes", [], |row| row.get::<_, i64>(0)).unwrap();
    shop.ticks().await;
    assert_eq!(count(), 1, "it is remembered for ten minutes");
    database.execute("UPDATE codes SET expires_at = expires_at - 600000", []).unwrap();
    shop.ticks().await;
    assert_eq!(count(), 0);
}

#[tokio::test]
async fn who_goes_or_changes_the_password_voids_their_codes() {
    let Some(shop) = Suite::own().await else { return };
    let client = shop.client(&app(&["openid"])).await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let (hers, his) = (Code::of("openid"), Code::of("openid"));
    shop.grants(&ana, &client, &hers);
    shop.grants(&bob, &client, &his);
    ana.changes_password("a new and better one").await.is(204).accept();
    bob.delete("/api/v1/users/me").json(&json!({"password": bob.password()})).await.is(204).accept();
    shop.has_delivered().await;
    client.exchanges(&hers.text).await.is_oauth_error("invalid_grant");
    client.exchanges(&his.text).await.is_oauth_error("invalid_grant");
}

#[tokio::test]
async fn a_family_goes_on_with_each_newest_token_and_ends_with_an_old_one() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana, first) = granted(&shop, &app(&["openid", "account"]), "openid account").await;
    let (mut token, sid) = (
        first.text("/refresh_token").to_owned(),
        Jwt::read(first.text("/access_token")).claims["sid"].clone(),
    );
    for _ in 0..3 {
        let answer = client.refreshes(&token).await.is(200);
        let id = Jwt::read(answer.text("/id_token"));
        assert_eq!((&id.claims["sid"], &id.claims["aud"]), (&sid, &json!(client.id)));
        assert_eq!(id.claims["auth_time"], Jwt::read(first.text("/id_token")).claims["auth_time"]);
        assert!(id.claims.get("nonce").is_none(), "{id:?}");
        ana.get("/api/v1/users/me").bearer(answer.text("/access_token")).await.is(200).accept();
        token = answer.text("/refresh_token").to_owned();
    }
    client.refreshes(first.text("/refresh_token")).await.is_oauth_error("invalid_grant");
    client.refreshes(&token).await.is_oauth_error("invalid_grant");
}

#[tokio::test]
async fn a_refresh_token_is_good_for_its_client_alone() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana, answer) = granted(&shop, &app(&["openid", "account"]), "openid").await;
    let (other, site) = (shop.client(&app(&["openid"])).await, shop.client(&site(&["openid"])).await);
    let token = answer.text("/refresh_token");
    other.refreshes(token).await.is_oauth_error("invalid_grant");
    site.refreshes(token).await.is_oauth_error("invalid_grant");
    ana.refreshes(token).await.is_refused(401, "invalid-refresh-token");
    client.refreshes(&ana.tokens().await.refresh).await.is_oauth_error("invalid_grant");
    // None of that was taken for reuse.
    client.refreshes(token).await.is(200).accept();
}

#[tokio::test]
async fn a_refresh_may_narrow_the_scope_and_never_widens_it() {
    let Some(shop) = Suite::own().await else { return };
    let new = site(&["openid", "account", "orders:read", "products:write"]);
    let (client, ana, answer) = granted(&shop, &new, "openid account orders:read").await;
    // She is no merchant.
    assert_eq!(answer.text("/scope"), "openid account");
    let refresh = async |token: &str, scope: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        client.asks(TOKEN, &fields).await
    };
    let token = answer.text("/refresh_token");
    for wider in ["openid products:write", "orders:read", "email"] {
        refresh(token, wider).await.is_oauth_error("invalid_scope");
    }
    refresh(token, "openid root").await.is_oauth_error("invalid_scope");
    let narrow = refresh(token, "account").await.is(200);
    assert_eq!(narrow.text("/scope"), "account");
    assert!(narrow.json().get("id_token").is_none(), "{narrow}");
    shop.admin().await.gives_roles(&ana, &["customer", "merchant"]).await.is(200).accept();
    let again = client.refreshes(narrow.text("/refresh_token")).await.is(200);
    assert_eq!(again.text("/scope"), "openid account");
    // What an administrator takes from the client is gone with the next token.
    let path = format!("/api/v1/auth/clients/{}", client.id);
    shop.admin().await.patch(path, &json!({"scopes": ["openid"]})).await.is(200).accept();
    let last = client.refreshes(again.text("/refresh_token")).await.is(200);
    assert_eq!(last.text("/scope"), "openid");
}

#[tokio::test]
async fn who_loses_a_role_loses_its_scopes_with_the_next_token() {
    let Some(shop) = Suite::own().await else { return };
    let (client, merchant) = (shop.client(&site(&["account", "orders:read"])).await, shop.merchant().await);
    let code = Code::of("account orders:read");
    shop.grants(&merchant, &client, &code);
    shop.admin().await.gives_roles(&merchant, &["customer", "merchant"]).await.is(200).accept();
    let answer = client.exchanges(&code.text).await.is(200);
    assert_eq!(answer.text("/scope"), "account orders:read");
    shop.admin().await.gives_roles(&merchant, &["customer"]).await.is(200).accept();
    let next = client.refreshes(answer.text("/refresh_token")).await.is(200);
    assert_eq!(next.text("/scope"), "account");
}

#[tokio::test]
async fn tabs_that_refresh_at_once_get_the_same_token() {
    let Some(shop) = Suite::own().await else { return };
    let (client, _, answer) = granted(&shop, &app(&["openid", "account"]), "openid").await;
    let token = answer.text("/refresh_token");
    let (a, b) = join!(client.refreshes(token), client.refreshes(token));
    let (a, b) = (a.is(200), b.is(200));
    assert_eq!(a.text("/refresh_token"), b.text("/refresh_token"));
    client.refreshes(a.text("/refresh_token")).await.is(200).accept();
}

#[tokio::test]
async fn a_deleted_client_and_a_deleted_person_take_their_families_with_them() {
    let Some(shop) = Suite::own().await else { return };
    let (client, ana, answer) = granted(&shop, &app(&["openid", "account"]), "openid").await;
    ana.delete("/api/v1/users/me").json(&json!({"password": ana.password()})).await.is(204).accept();
    client.refreshes(answer.text("/refresh_token")).await.is_oauth_error("invalid_grant");
    let (client, _, answer) = granted(&shop, &app(&["openid", "account"]), "openid").await;
    let path = format!("/api/v1/auth/clients/{}", client.id);
    shop.admin().await.delete(path).await.is(204).accept();
    client.refreshes(answer.text("/refresh_token")).await.is_oauth_error("invalid_client");
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    let left = "SELECT count(*) FROM sessions WHERE client_id = ?1";
    assert_eq!(database.query_row(left, [&client.id], |row| row.get::<_, i64>(0)).unwrap(), 0);
}
