//! Asking for an authorization code: what the client is told, and where nobody is sent. The pages are in `login_pages.rs`.

use http::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::browser::authorization;
use souk_tests::oauth::{CALLBACK, Client, app, site};
use souk_tests::token::Jwt;
use souk_tests::{Person, Suite};

const SCOPES: &[&str] = &["openid", "email", "account", "orders:read"];

/// An app of somebody else's, which people are asked about.
async fn others_app(shop: &Suite) -> Client {
    shop.client(&app(SCOPES)).await
}

/// An app of the shop's own, which nobody is asked about.
async fn own_app(shop: &Suite) -> Client {
    let mut new = app(SCOPES);
    new["first_party"] = json!(true);
    shop.client(&new).await
}

#[tokio::test]
async fn who_signs_in_and_allows_it_gives_the_client_a_code() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, others_app(&shop).await, shop.browser().await);
    let path = authorization(&client, &[("nonce", "n-1")]);
    let login = browser.opens(&path).await.is(200);
    assert!(login.says("Sign in") && login.says("an app"), "{}", login.html());
    let consent = browser.signs_in(&login, &ana).await.is(200);
    assert!(
        consent.says(ana.email()) && consent.says("read, change and delete your account"),
        "{}",
        consent.html()
    );
    let told = browser.presses(&consent, "consent", &[]).await.sent_back();
    assert_eq!((told["state"].as_str(), told["iss"].as_str()), ("a state & more", browser.origin()));
    let tokens = client.exchanges(&told["code"]).await.is(200);
    let id_token = Jwt::read(tokens.text("/id_token")).claims;
    assert_eq!(
        (&id_token["sub"], &id_token["nonce"], &id_token["amr"]),
        (&json!(ana.id()), &json!("n-1"), &json!(["pwd"]))
    );
    assert!(id_token["auth_time"].as_i64().is_some_and(|at| at <= id_token["iat"].as_i64().unwrap()));
    assert_eq!(tokens.text("/scope"), "openid account");
    ana.get("/api/v1/users/me").bearer(tokens.text("/access_token")).await.is(200).accept();
    // Who has allowed it once is not asked again, and not for less either.
    for scope in ["openid account", "openid"] {
        let again = browser.opens(&authorization(&client, &[("scope", scope)])).await.sent_back();
        assert_ne!(again["code"], told["code"]);
    }
    // For more they are.
    let more = browser.opens(&authorization(&client, &[("scope", "openid email")])).await.is(200);
    assert!(more.has_button("consent") && more.says("see your e-mail address"), "{}", more.html());
}

#[tokio::test]
async fn nobody_is_asked_about_an_app_of_the_shops_own() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, own_app(&shop).await, shop.browser().await);
    let login = browser.opens(&authorization(&client, &[])).await.is(200);
    let told = browser.signs_in(&login, &ana).await.sent_back();
    client.exchanges(&told["code"]).await.is(200).accept();
    assert!(
        browser.opens(&authorization(&client, &[("prompt", "none")])).await.sent_back().contains_key("code")
    );
}

#[tokio::test]
async fn who_does_not_allow_it_is_sent_back_and_may_be_asked_again() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, others_app(&shop).await, shop.browser().await);
    let login = browser.opens(&authorization(&client, &[])).await;
    assert_eq!(browser.presses(&login, "deny", &[]).await.error(), "access_denied");
    let consent = browser.signs_in(&login, &ana).await.is(200);
    assert_eq!(browser.presses(&consent, "deny", &[]).await.error(), "access_denied");
    assert!(browser.opens(&authorization(&client, &[])).await.has_button("consent"));
}

#[tokio::test]
async fn the_client_is_told_by_the_code_that_the_specification_names() {
    let shop = Suite::start().await;
    let (client, browser) = (others_app(&shop).await, shop.browser().await);
    let long = "x".repeat(3000);
    for (changes, error) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("response_mode", "form_post")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge", "too short")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("scope", "")], "invalid_scope"),
        (&[("scope", "openid nonsense")], "invalid_scope"),
        (&[("scope", "users:write")], "invalid_scope"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "create")], "invalid_request"),
        (&[("prompt", "none")], "login_required"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "a minute")], "invalid_request"),
        (&[("request", "eyJhbGciOiJub25lIn0.e30.")], "request_not_supported"),
        (&[("request_uri", "https://evil.example/r")], "request_uri_not_supported"),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("id_token_hint", "x.y.z")], "invalid_request"),
        (&[("nonce", "a"), ("nonce", "b")], "invalid_request"),
        (&[("nonce", &long)], "invalid_request"),
    ] {
        let told = browser.opens(&authorization(&client, changes)).await.sent_back();
        assert_eq!(told["error"], error, "{changes:?}");
        assert_eq!(told["state"], "a state & more", "{changes:?}");
        assert_eq!(told["iss"], browser.origin(), "{changes:?}");
    }
    let twice = [("state", "a"), ("state", "b")];
    let told = browser.opens(&authorization(&client, &twice)).await.sent_back();
    assert!(told["error"] == "invalid_request" && !told.contains_key("state"), "{told:?}");
    let mut machine = site(SCOPES);
    machine["grants"] = json!(["client_credentials"]);
    let machine = shop.client(&machine).await;
    assert_eq!(browser.opens(&authorization(&machine, &[])).await.error(), "unauthorized_client");
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered() {
    let shop = Suite::start().await;
    let mut new = app(SCOPES);
    new["redirect_uris"] = json!([CALLBACK, "http://127.0.0.1/cb", "com.example.app:/cb"]);
    let client = shop.client(&new).await;
    let browser = shop.browser().await;
    let evil = |uri: &str| authorization(&client, &[("redirect_uri", uri)]);
    let addresses = [
        "",
        "https://evil.example/",
        "https://app.example",
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example/callback#x",
        "https://app.example/callback/../x",
        "https://app.example:443/callback",
        "https://APP.example/callback",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://app.example\\@evil.example/callback",
        "http://app.example/callback",
        "//app.example/callback",
        "/callback",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://localhost/cb",
        "javascript:alert(1)",
        "com.example.app:/cb/x",
        "https://app.example/callback\r\nX: 1",
    ];
    for uri in addresses {
        let page = browser.opens(&evil(uri)).await.is(400);
        assert!(page.answer.header("location").is_none() && !page.html().contains("evil.example"), "{uri}");
        assert!(page.alert().is_some() && !page.html().contains("<form"), "{}", page.html());
        let posted =
            browser.sends(&evil(uri), browser.origin(), "same-origin", &[("step", "deny")]).await.is(400);
        assert!(posted.answer.header("location").is_none(), "{uri}");
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", authorization(&client, &[]));
    browser.opens(&twice).await.is(400);
    // What an app on one's own machine, or on a telephone, listens at.
    for uri in ["http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", "com.example.app:/cb"] {
        let login = browser.opens(&evil(uri)).await.is(200);
        let back = browser.presses(&login, "deny", &[]).await;
        assert!(back.location().starts_with(&format!("{uri}?error=access_denied&")), "{}", back.location());
    }
}

#[tokio::test]
async fn a_client_that_is_not_known_is_told_nothing() {
    let Some(shop) = Suite::own().await else { return };
    let (client, browser) = (others_app(&shop).await, shop.browser().await);
    for id in ["", "cli_00000000000000000000000000", "souk-web'--", "<script>alert(1)</script>"] {
        let page = browser.opens(&authorization(&client, &[("client_id", id)])).await.is(400);
        assert!(page.answer.header("location").is_none(), "{id}");
    }
    // The suite's own signs in by its API alone.
    browser.opens(&authorization(&client, &[("client_id", "souk-web")])).await.is(400);
    let path = format!("/api/v1/auth/clients/{}", client.id);
    shop.admin().await.patch(path, &json!({"disabled": true})).await.is(200).accept();
    browser.opens(&authorization(&client, &[])).await.is(400);
}

#[tokio::test]
async fn each_prompt_asks_what_it_says_once() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let (client, browser) = (others_app(&shop).await, shop.browser().await);
    let with = |prompt: &str| authorization(&client, &[("prompt", prompt)]);
    assert_eq!(browser.opens(&with("none")).await.error(), "login_required");
    let login = browser.opens(&with("login")).await;
    let consent = browser.signs_in(&login, &ana).await.is(200);
    assert_eq!(browser.opens(&with("none")).await.error(), "consent_required");
    assert!(browser.presses(&consent, "consent", &[]).await.sent_back().contains_key("code"));
    assert!(browser.opens(&with("none")).await.sent_back().contains_key("code"));

    let login = browser.opens(&with("login")).await.is(200);
    assert!(login.has_button("login"), "{}", login.html());
    assert!(browser.signs_in(&login, &ana).await.sent_back().contains_key("code"));

    let consent = browser.opens(&with("consent")).await.is(200);
    assert!(browser.presses(&consent, "consent", &[]).await.sent_back().contains_key("code"));

    let choice = browser.opens(&with("select_account")).await.is(200);
    assert!(choice.says(ana.email()), "{}", choice.html());
    assert!(browser.presses(&choice, "account", &[]).await.sent_back().contains_key("code"));
    let login = browser.presses(&choice, "other", &[]).await.is(200);
    let consent = browser.signs_in(&login, &bob).await.is(200);
    assert!(consent.has_button("consent") && consent.says(bob.email()), "{}", consent.html());

    let both = browser.opens(&with("login consent")).await.is(200);
    let consent = browser.signs_in(&both, &bob).await.is(200);
    assert!(browser.presses(&consent, "consent", &[]).await.sent_back().contains_key("code"));
}

/// As if somebody had signed in so much earlier.
fn time_passes(shop: &Suite, column: &str, millis: i64) {
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    let sql = format!("UPDATE browsers SET {column} = {column} - ?1, created_at = created_at - ?1");
    assert!(database.execute(&sql, [millis]).unwrap() > 0);
}

#[tokio::test]
async fn a_sign_in_that_is_too_old_for_the_client_is_repeated() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, client, browser) = (shop.sign_up("ana").await, own_app(&shop).await, shop.browser().await);
    browser.grants(&authorization(&client, &[]), &ana).await;
    let within = |seconds: &str| authorization(&client, &[("max_age", seconds)]);
    assert!(browser.opens(&within("600")).await.sent_back().contains_key("code"));
    time_passes(&shop, "auth_time", 601_000);
    let silently = authorization(&client, &[("max_age", "600"), ("prompt", "none")]);
    assert_eq!(browser.opens(&silently).await.error(), "login_required");
    assert!(browser.opens(&within("700")).await.sent_back().contains_key("code"));
    for seconds in ["600", "0"] {
        let login = browser.opens(&within(seconds)).await.is(200);
        let code = browser.signs_in(&login, &ana).await.sent_back()["code"].clone();
        let claims = Jwt::read(client.exchanges(&code).await.is(200).text("/id_token")).claims;
        let age = claims["iat"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap();
        assert!(age < 300, "{claims}");
    }
}

async fn id_token(client: &Client, code: &str) -> String {
    client.exchanges(code).await.is(200).text("/id_token").to_owned()
}

#[tokio::test]
async fn the_client_may_say_whom_it_expects() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let (client, other) = (own_app(&shop).await, own_app(&shop).await);
    let (hers, his) = (shop.browser().await, shop.browser().await);
    let ana_is_meant = id_token(&client, &hers.grants(&authorization(&client, &[]), &ana).await).await;
    his.grants(&authorization(&client, &[]), &bob).await;
    let hinted = authorization(&client, &[("id_token_hint", &ana_is_meant)]);
    assert!(hers.opens(&hinted).await.sent_back().contains_key("code"));
    let silently = authorization(&client, &[("id_token_hint", &ana_is_meant), ("prompt", "none")]);
    assert_eq!(his.opens(&silently).await.error(), "login_required");
    let login = his.opens(&hinted).await.is(200);
    assert_eq!(his.signs_in(&login, &bob).await.error(), "login_required");
    assert!(his.signs_in(&login, &ana).await.sent_back().contains_key("code"));
    // Another client's, another token of ours, or one that was tampered with says nothing.
    let forged = Jwt::read(&ana_is_meant).with_claim("sub", bob.id());
    for hint in [forged.tampered(), forged.unsigned(), ana.token().await] {
        let asked = hers.opens(&authorization(&client, &[("id_token_hint", &hint)])).await;
        assert_eq!(asked.error(), "invalid_request");
    }
    let asked = hers.opens(&authorization(&other, &[("id_token_hint", &ana_is_meant)])).await;
    assert_eq!(asked.error(), "invalid_request");
}

/// The scope that somebody's code gives.
async fn granted(shop: &Suite, client: &Client, person: &Person, scope: &str) -> String {
    let browser = shop.browser().await;
    let code = browser.grants(&authorization(client, &[("scope", scope)]), person).await;
    client.exchanges(&code).await.is(200).text("/scope").to_owned()
}

#[tokio::test]
async fn nobody_grants_more_than_they_have_nor_a_client_more_than_it_may() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, merchant) = (shop.sign_up("ana").await, shop.merchant().await);
    let client = others_app(&shop).await;
    let asked = "openid account orders:read orders:write";
    assert_eq!(granted(&shop, &client, &ana, asked).await, "openid account");
    assert_eq!(granted(&shop, &client, &merchant, asked).await, "openid account orders:read");
    let browser = shop.browser().await;
    let login = browser.opens(&authorization(&client, &[("scope", "orders:read")])).await;
    assert_eq!(browser.signs_in(&login, &ana).await.error(), "invalid_scope");
}

#[tokio::test]
async fn a_client_may_ask_by_post() {
    let shop = Suite::start().await;
    let (client, browser) = (others_app(&shop).await, shop.browser().await);
    let get = authorization(&client, &[]);
    let query = get.split_once('?').unwrap().1.to_owned();
    let request = browser_less_post(&shop, &query).await;
    assert_eq!(request, get);
    browser.opens(&request).await.is(200);
    let json = shop.stranger().post("/oauth2/authorize", &json!({})).await;
    assert_eq!(json.status.as_u16(), 400, "{json}");
}

async fn browser_less_post(shop: &Suite, body: &str) -> String {
    let stranger = shop.stranger();
    let request = stranger.sends(Method::POST, "/oauth2/authorize").header("origin", "https://app.example");
    let request = request.header("sec-fetch-site", "cross-site");
    let answer = request.body("application/x-www-form-urlencoded", body.to_owned()).await.is(303);
    answer.header("location").unwrap().to_owned()
}

#[tokio::test]
async fn a_code_is_worth_nothing_once_its_browser_is_signed_out() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, own_app(&shop).await, shop.browser().await);
    let code = browser.grants(&authorization(&client, &[]), &ana).await;
    let ask = browser.opens("/oauth2/logout").await;
    browser.presses(&ask, "logout", &[]).await.is(200);
    client.exchanges(&code).await.is_oauth_error("invalid_grant");
}

#[tokio::test]
async fn strange_queries_are_refused_in_so_many_words() {
    let shop = Suite::start().await;
    let (client, browser) = (others_app(&shop).await, shop.browser().await);
    for path in [
        "/oauth2/authorize".to_owned(),
        "/oauth2/authorize?".to_owned(),
        "/oauth2/authorize?%".to_owned(),
        "/oauth2/authorize?client_id=%FF".to_owned(),
        "/oauth2/authorize?client_id=%00".to_owned(),
        format!("/oauth2/authorize?client_id={0}&client_id={0}", client.id),
        format!("/oauth2/authorize?client_id={}", client.id),
    ] {
        browser.opens(&path).await.is(400);
    }
    let broken = format!("{}&nonce=%FF", authorization(&client, &[]));
    assert_eq!(browser.opens(&broken).await.error(), "invalid_request");
    let many: String = (0..200).map(|n| format!("&x{n}=1")).collect();
    assert_eq!(
        browser.opens(&format!("{}{many}", authorization(&client, &[]))).await.error(),
        "invalid_request"
    );
    let documented: Value =
        shop.stranger().get("/openapi.json").await.is(200).json()["paths"]["/oauth2/authorize"].clone();
    assert!(documented["get"].is_object() && documented["post"].is_object());
}
