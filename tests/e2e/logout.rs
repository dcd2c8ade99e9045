//! Signing out of a browser, and what ends with it; what people have allowed, and where they are signed in.

use http::Method;
use serde_json::{Value, json};
use souk_tests::browser::{Browser, authorization};
use souk_tests::oauth::{Client, app, form};
use souk_tests::token::Jwt;
use souk_tests::{Person, Suite};

const AFTER: &str = "https://app.example/bye";

async fn an_app(shop: &Suite) -> Client {
    let mut new = app(&["openid", "account"]);
    new["post_logout_redirect_uris"] = json!([AFTER]);
    shop.client(&new).await
}

fn logout(parameters: &[(&str, &str)]) -> String {
    format!("/oauth2/logout?{}", form(parameters))
}

/// The tokens of somebody who signs in to a client in a browser.
async fn tokens(browser: &Browser, client: &Client, person: &Person) -> (String, String) {
    let code = browser.grants(&authorization(client, &[]), person).await;
    let answer = client.exchanges(&code).await.is(200);
    (answer.text("/id_token").to_owned(), answer.text("/refresh_token").to_owned())
}

async fn is_signed_in(browser: &Browser, client: &Client) -> bool {
    browser.opens(&authorization(client, &[("prompt", "none")])).await.sent_back().contains_key("code")
}

#[tokio::test]
async fn who_signs_out_is_asked_and_what_began_there_ends() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, an_app(&shop).await);
    let (here, there) = (shop.browser().await, shop.browser().await);
    let (_, refresh) = tokens(&here, &client, &ana).await;
    let (_, elsewhere) = tokens(&there, &client, &ana).await;
    let ask = here.opens("/oauth2/logout").await.is(200);
    assert!(is_signed_in(&here, &client).await, "a link signs nobody out");
    here.presses(&ask, "stay", &[]).await.is(200);
    assert!(is_signed_in(&here, &client).await);
    let told = here.presses(&ask, "logout", &[]).await.is(200);
    assert!(told.says("You are signed out") && here.cookie("souk-session").is_none(), "{}", told.html());
    assert!(!is_signed_in(&here, &client).await && is_signed_in(&there, &client).await);
    client.refreshes(&refresh).await.is_oauth_error("invalid_grant");
    client.refreshes(&elsewhere).await.is(200).accept();
    // Once more is no error.
    here.opens("/oauth2/logout").await.is(200);
}

#[tokio::test]
async fn a_client_that_says_who_is_meant_signs_them_out_at_once() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, an_app(&shop).await, shop.browser().await);
    let (hint, refresh) = tokens(&browser, &client, &ana).await;
    let path = logout(&[("id_token_hint", &hint), ("post_logout_redirect_uri", AFTER), ("state", "a&b")]);
    let answer = browser.opens(&path).await;
    assert_eq!(answer.location(), format!("{AFTER}?state=a%26b"));
    assert!(!is_signed_in(&browser, &client).await && browser.cookie("souk-session").is_none());
    client.refreshes(&refresh).await.is_oauth_error("invalid_grant");
    assert_eq!(browser.opens(&path).await.location(), format!("{AFTER}?state=a%26b"));
}

#[tokio::test]
async fn a_client_may_ask_by_post_without_the_cookies_of_the_browser() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, an_app(&shop).await, shop.browser().await);
    let (hint, refresh) = tokens(&browser, &client, &ana).await;
    let stranger = shop.browser().await;
    let asked = [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", AFTER)];
    let answer = stranger.sends("/oauth2/logout", "https://app.example", "cross-site", &asked).await;
    assert_eq!(answer.location(), AFTER);
    assert!(!is_signed_in(&browser, &client).await);
    client.refreshes(&refresh).await.is_oauth_error("invalid_grant");
    // Without a hint the browser is sent on to where its cookies come along.
    let asked = [("client_id", client.id.as_str()), ("post_logout_redirect_uri", AFTER)];
    let answer = stranger.sends("/oauth2/logout", "https://app.example", "cross-site", &asked).await;
    assert_eq!(answer.location(), logout(&asked));
}

#[tokio::test]
async fn a_hint_that_is_no_hint_asks_first() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let client = an_app(&shop).await;
    let (hers, his) = (shop.browser().await, shop.browser().await);
    let (hint, _) = tokens(&hers, &client, &ana).await;
    let (bobs, _) = tokens(&his, &client, &bob).await;
    let forged = Jwt::read(&hint).with_claim("sub", bob.id());
    let own = ana.token().await;
    for hint in [forged.tampered().as_str(), &forged.unsigned(), &own, "x.y.z", &bobs] {
        let asks = logout(&[
            ("id_token_hint", hint),
            ("client_id", &client.id),
            ("post_logout_redirect_uri", AFTER),
        ]);
        let page = hers.opens(&asks).await.is(200);
        assert!(page.has_button("logout") && is_signed_in(&hers, &client).await, "{hint}");
    }
    let asks = logout(&[("client_id", &client.id), ("post_logout_redirect_uri", AFTER), ("state", "s")]);
    let page = hers.opens(&asks).await.is(200);
    assert_eq!(hers.presses(&page, "logout", &[]).await.location(), format!("{AFTER}?state=s"));
    assert!(!is_signed_in(&hers, &client).await && is_signed_in(&his, &client).await);
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_is_not_registered_for_it() {
    let shop = Suite::start().await;
    let (ana, client, other) = (shop.sign_up("ana").await, an_app(&shop).await, an_app(&shop).await);
    let browser = shop.browser().await;
    let (hint, refresh) = tokens(&browser, &client, &ana).await;
    for uri in [
        "https://evil.example/",
        "https://app.example/callback",
        "https://app.example/bye?x=1",
        "javascript:alert(1)",
        "//evil.example",
    ] {
        for known in [("id_token_hint", hint.as_str()), ("client_id", client.id.as_str()), ("x", "y")] {
            let page = browser.opens(&logout(&[known, ("post_logout_redirect_uri", uri)])).await.is(400);
            assert!(
                page.answer.header("location").is_none() && !page.html().contains("evil.example"),
                "{uri}"
            );
        }
    }
    let unclear =
        [("id_token_hint", hint.as_str()), ("client_id", &other.id), ("post_logout_redirect_uri", AFTER)];
    browser.opens(&logout(&unclear)).await.is(400);
    let unknown = [("client_id", "cli_00000000000000000000000000"), ("post_logout_redirect_uri", AFTER)];
    browser.opens(&logout(&unknown)).await.is(400);
    browser.opens("/oauth2/logout?state=a&state=b").await.is(400);
    assert!(is_signed_in(&browser, &client).await, "none of that signed anybody out");
    client.refreshes(&refresh).await.is(200).accept();
}

#[tokio::test]
async fn nobody_is_signed_out_by_a_form_of_another_site() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, an_app(&shop).await, shop.browser().await);
    tokens(&browser, &client, &ana).await;
    let ask = browser.opens("/oauth2/logout").await.is(200);
    let evil = shop.browser().await;
    tokens(&evil, &client, &ana).await;
    let planted = evil.opens("/oauth2/logout").await.is(200);
    for code in ["", "x", planted.csrf()] {
        let sent = [("step", "logout"), ("csrf", code)];
        let answer = browser.sends("/oauth2/logout?", browser.origin(), "same-origin", &sent).await.is(403);
        assert!(answer.has_button("logout"), "{}", answer.html());
    }
    let sent = [("step", "logout"), ("csrf", ask.csrf())];
    browser.sends("/oauth2/logout?", "https://evil.example", "cross-site", &sent).await.is(403);
    assert!(is_signed_in(&browser, &client).await);
    browser.sends("/oauth2/logout?", browser.origin(), "same-origin", &sent).await.is(200);
    assert!(!is_signed_in(&browser, &client).await);
}

#[tokio::test]
async fn what_was_allowed_is_listed_and_taken_back() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let (client, browser) = (an_app(&shop).await, shop.browser().await);
    let (_, refresh) = tokens(&browser, &client, &ana).await;
    let list = ana.get("/api/v1/auth/consents").await.is(200);
    let consent = &list.json()["items"][0];
    assert_eq!(
        (&consent["client_id"], &consent["client"], &consent["scope"]),
        (&json!(client.id), &json!("an app"), &json!("openid account"))
    );
    assert_eq!(bob.get("/api/v1/auth/consents").await.is(200).json()["items"], json!([]));
    let path = format!("/api/v1/auth/consents/{}", client.id);
    bob.delete(&path).await.is_refused(404, "not-found");
    ana.delete(&path).await.is(204).accept();
    ana.delete(&path).await.is_refused(404, "not-found");
    client.refreshes(&refresh).await.is_oauth_error("invalid_grant");
    assert!(browser.opens(&authorization(&client, &[])).await.is(200).has_button("consent"));
}

/// One's sessions of a kind.
async fn sessions(person: &Person, kind: &str) -> Vec<Value> {
    let list = person.get("/api/v1/auth/sessions").await.is(200);
    let items = list.json()["items"].as_array().expect("a list has items");
    items.iter().filter(|session| session["kind"] == kind).cloned().collect()
}

#[tokio::test]
async fn an_owner_sees_apps_and_browsers_and_ends_either() {
    let shop = Suite::start().await;
    let (ana, bob, client) = (shop.sign_up("ana").await, shop.sign_up("bob").await, an_app(&shop).await);
    let (here, there) = (shop.browser().await, shop.browser().await);
    let (_, refresh) = tokens(&here, &client, &ana).await;
    let (_, elsewhere) = tokens(&there, &client, &ana).await;
    let (apps, browsers) = (sessions(&ana, "app").await, sessions(&ana, "browser").await);
    let names: Vec<_> = apps.iter().map(|session| session["client"].as_str().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| **name == "an app").count(), 2, "{apps:?}");
    assert!(
        names.contains(&"Souk") && browsers.len() == 2 && browsers.iter().all(|it| it["client"].is_null())
    );
    let oldest = browsers.last().unwrap()["id"].as_str().unwrap();
    let path = format!("/api/v1/auth/sessions/{oldest}");
    bob.delete(&path).await.is_refused(404, "not-found");
    ana.sends(Method::DELETE, &path).await.is(204).accept();
    ana.delete(&path).await.is_refused(404, "not-found");
    assert!(!is_signed_in(&here, &client).await && is_signed_in(&there, &client).await);
    client.refreshes(&refresh).await.is_oauth_error("invalid_grant");
    let newest = client.refreshes(&elsewhere).await.is(200).text("/refresh_token").to_owned();
    let app = sessions(&ana, "app").await.into_iter().find(|session| session["client"] == "an app").unwrap();
    ana.delete(format!("/api/v1/auth/sessions/{}", app["id"].as_str().unwrap())).await.is(204).accept();
    client.refreshes(&newest).await.is_oauth_error("invalid_grant");
    assert!(is_signed_in(&there, &client).await, "the browser goes on");
}
