//! The pages of signing in and allowing: who may send their forms, what they show, and what a browser keeps.

use rusqlite::Connection;
use serde_json::json;
use souk_tests::browser::{Browser, Shown, authorization};
use souk_tests::oauth::{Client, app};
use souk_tests::{Person, Suite, Until};

async fn an_app(shop: &Suite, is_own: bool) -> Client {
    let mut new = app(&["openid", "email", "account"]);
    new["first_party"] = json!(is_own);
    shop.client(&new).await
}

async fn login(browser: &Browser, client: &Client) -> Shown {
    browser.opens(&authorization(client, &[])).await.is(200)
}

#[tokio::test]
async fn a_wrong_password_is_told_and_what_was_filled_in_stays() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, an_app(&shop, true).await, shop.browser().await);
    let page = login(&browser, &client).await;
    let wrong =
        browser.presses(&page, "login", &[("email", ana.email()), ("password", "not hers")]).await.is(422);
    assert!(wrong.alert().is_some_and(|alert| alert.contains("wrong")), "{}", wrong.html());
    assert!(wrong.html().contains(&format!("value=\"{}\"", ana.email())), "{}", wrong.html());
    assert!(
        wrong.html().contains("<title>Error: ") && !wrong.html().contains("not hers"),
        "{}",
        wrong.html()
    );
    assert_eq!(browser.cookie("souk-session"), None);
    // Nobody learns who has an account.
    let unknown = [("email", "nobody@example.com"), ("password", "not hers")];
    let unknown = browser.presses(&page, "login", &unknown).await.is(422);
    assert_eq!(unknown.alert(), wrong.alert());
    for missing in [&[][..], &[("email", ana.email())], &[("password", "x")]] {
        let page = browser.presses(&page, "login", missing).await.is(422);
        assert!(page.alert().is_some(), "{missing:?}");
    }
    let long = "x".repeat(5000);
    browser.presses(&page, "login", &[("email", ana.email()), ("password", &long)]).await.is(422);
    browser.presses(&page, "login", &[("email", &long), ("password", "x")]).await.is(422);
    browser.signs_in(&wrong, &ana).await.sent_back();
}

#[tokio::test]
async fn who_guesses_waits() {
    let shop = Suite::start().await;
    let (ana, client, browser) = (shop.sign_up("ana").await, an_app(&shop, true).await, shop.browser().await);
    let page = login(&browser, &client).await;
    let guess = [("email", ana.email()), ("password", "a wrong guess")];
    for _ in 0..6 {
        browser.presses(&page, "login", &guess).await.answer.accept();
    }
    let page = browser.signs_in(&page, &ana).await.is(429);
    let wait = page.answer.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
    assert!(wait.is_some_and(|seconds| seconds > 0) && page.alert().is_some(), "{}", page.answer);
}

#[tokio::test]
async fn a_form_is_taken_from_the_page_that_showed_it_and_from_no_other() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, an_app(&shop, false).await);
    let (hers, evil) = (shop.browser().await, shop.browser().await);
    let page = login(&hers, &client).await;
    let planted = login(&evil, &client).await;
    let password = ana.password();
    let (action, credentials) =
        (page.action(), [("step", "login"), ("email", ana.email()), ("password", &password)]);
    let tampered = format!("{}x", page.csrf());
    let other = authorization(&client, &[("state", "another")]);
    for (action, code) in [
        (action.as_str(), ""),
        (&action, "nonsense"),
        (&action, &tampered),
        (&action, planted.csrf()),
        (&other, page.csrf()),
    ] {
        let sent = [&credentials[..], &[("csrf", code)]].concat();
        let answer = hers.sends(action, hers.origin(), "same-origin", &sent).await.is(403);
        assert!(answer.alert().is_some() && hers.cookie("souk-session").is_none(), "{action} {code}");
    }
    let good = [&credentials[..], &[("csrf", page.csrf())]].concat();
    for (origin, site) in [
        ("https://evil.example", "same-origin"),
        ("null", "same-origin"),
        (hers.origin(), "cross-site"),
        (hers.origin(), "same-site"),
    ] {
        hers.sends(&action, origin, site, &good).await.is(403);
        assert_eq!(hers.cookie("souk-session"), None, "{origin} {site}");
    }
    // Without its cookie the code is worth nothing.
    shop.browser().await.sends(&action, hers.origin(), "same-origin", &good).await.is(403);
    hers.sends(&action, hers.origin(), "same-origin", &good).await.is(200);
}

#[tokio::test]
async fn nobody_allows_anything_by_a_form_that_was_not_shown_to_them() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let client = an_app(&shop, false).await;
    let (hers, his) = (shop.browser().await, shop.browser().await);
    let path = authorization(&client, &[]);
    let login = login(&hers, &client).await;
    let hers_shown = hers.signs_in(&login, &ana).await.is(200);
    let his_login = his.opens(&path).await;
    let his_shown = his.signs_in(&his_login, &bob).await.is(200);
    let more = authorization(&client, &[("scope", "openid email account")]);
    for (action, code) in
        [(&path, ""), (&path, login.csrf()), (&path, his_shown.csrf()), (&more, hers_shown.csrf())]
    {
        let sent = [("step", "consent"), ("csrf", code)];
        let answer = hers.sends(action, hers.origin(), "same-origin", &sent).await.is(403);
        assert!(answer.has_button("consent") && answer.alert().is_some(), "{}", answer.html());
    }
    let sent = [("step", "consent"), ("csrf", hers_shown.csrf())];
    hers.sends(&path, "https://evil.example", "cross-site", &sent).await.is(403);
    // Another sign-in in the same browser makes the old page worthless.
    let again = hers.opens(&authorization(&client, &[("prompt", "login")])).await;
    hers.signs_in(&again, &bob).await.is(200);
    hers.sends(&path, hers.origin(), "same-origin", &sent).await.is(403);
    assert_eq!(hers.opens(&authorization(&client, &[("prompt", "none")])).await.error(), "consent_required");
}

#[tokio::test]
async fn prompt_login_cannot_be_stepped_over() {
    let shop = Suite::start().await;
    let (ana, client, browser) =
        (shop.sign_up("ana").await, an_app(&shop, false).await, shop.browser().await);
    browser.grants(&authorization(&client, &[]), &ana).await;
    let strict = authorization(&client, &[("prompt", "login")]);
    let page = browser.opens(&strict).await.is(200);
    for step in ["consent", "account"] {
        let sent = [("step", step), ("csrf", page.csrf())];
        let answer = browser.sends(&strict, browser.origin(), "same-origin", &sent).await.is(403);
        assert!(answer.has_button("login"), "{}", answer.html());
    }
    let sent = [("step", "nonsense"), ("csrf", page.csrf())];
    browser.sends(&strict, browser.origin(), "same-origin", &sent).await.is(400);
}

#[tokio::test]
async fn a_sign_in_makes_a_new_session_whatever_was_there() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let client = an_app(&shop, true).await;
    let (victim, thief) = (shop.browser().await, shop.browser().await);
    // A planted cookie, made up or of the thief's own sign-in, is not what the victim goes on with.
    thief.grants(&authorization(&client, &[]), &bob).await;
    for planted in ["made-up".to_owned(), thief.cookie("souk-session").unwrap()] {
        victim.keeps("souk-session", &planted);
        let page = victim.opens(&authorization(&client, &[("prompt", "login")])).await.is(200);
        victim.signs_in(&page, &ana).await.sent_back();
        assert_ne!(victim.cookie("souk-session"), Some(planted.clone()));
        thief.keeps("souk-session", &planted);
        let silently = thief.opens(&authorization(&client, &[("prompt", "none")])).await;
        assert_eq!(silently.error(), "login_required");
    }
    // Signing in again ends the session before.
    let before = victim.cookie("souk-session").unwrap();
    let page = victim.opens(&authorization(&client, &[("prompt", "login")])).await.is(200);
    victim.signs_in(&page, &ana).await.sent_back();
    assert_ne!(victim.cookie("souk-session").unwrap(), before);
    thief.keeps("souk-session", &before);
    assert_eq!(thief.opens(&authorization(&client, &[("prompt", "none")])).await.error(), "login_required");
}

#[tokio::test]
async fn what_others_wrote_is_shown_as_text() {
    let shop = Suite::start().await;
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&amp;";
    let mut new = app(&["openid", "email"]);
    new["name"] = json!(evil);
    let client = shop.client(&new).await;
    let user =
        json!({"email": souk_tests::user("eve")["email"], "password": souk_tests::PASSWORD, "name": evil});
    let browser = shop.browser().await;
    shop.stranger().registers(&user).await.is(201).accept();
    let eve = shop.sign_up("eve").await;
    let changes = [
        ("scope", "openid email"),
        ("state", evil),
        ("nonce", evil),
        ("login_hint", evil),
        ("ui_locales", evil),
        ("x", evil),
    ];
    let is_text = |page: &Shown| {
        let html = page.html();
        assert!(!html.contains("<img") && !html.contains("<script"), "{html}");
        assert!(page.says("<script>alert(1)</script>"), "{html}");
    };
    let page = browser.opens(&authorization(&client, &changes)).await.is(200);
    is_text(&page);
    let wrong = browser.presses(&page, "login", &[("email", evil), ("password", evil)]).await.is(422);
    is_text(&wrong);
    let consent = browser.signs_in(&page, &eve).await.is(200);
    is_text(&consent);
    let choice = browser
        .opens(&authorization(&client, &[&changes[..], &[("prompt", "select_account")]].concat()))
        .await;
    is_text(&choice.is(200));
    for changes in [[("client_id", evil)], [("redirect_uri", evil)], [("state", evil)]] {
        browser.opens(&authorization(&client, &changes)).await.answer.accept();
    }
    let told = browser.presses(&consent, "deny", &[]).await.sent_back();
    assert_eq!((told["state"].as_str(), told["error"].as_str()), (evil, "access_denied"));
}

#[tokio::test]
async fn pages_speak_the_language_that_is_asked_for() {
    let shop = Suite::start().await;
    let (ana, client, browser) =
        (shop.sign_up("ana").await, an_app(&shop, false).await, shop.browser().await);
    let (plain, french) =
        (authorization(&client, &[]), authorization(&client, &[("ui_locales", "fr-CA fr en")]));
    for (path, accepted, language, says) in [
        (&plain, "en-GB", "en", "Sign in"),
        (&plain, "fr-CH, en;q=0.8", "fr", "Se connecter"),
        (&plain, "de", "en", "Sign in"),
        (&french, "en", "fr", "Mot de passe"),
    ] {
        let page = browser.opens_in(path, accepted).await.is(200);
        assert!(
            page.html().contains(&format!("<html lang=\"{language}\"")) && page.says(says),
            "{}",
            page.html()
        );
        assert_eq!(page.answer.header("content-language"), Some(language));
    }
    let page = browser.opens(&french).await;
    let consent = browser.signs_in(&page, &ana).await.is(200);
    assert!(consent.says("demande un accès") && consent.says("savoir qui vous êtes"), "{}", consent.html());
}

#[tokio::test]
async fn a_form_may_lead_to_the_client_and_nowhere_else() {
    let shop = Suite::start().await;
    let (client, browser) = (an_app(&shop, true).await, shop.browser().await);
    let page = login(&browser, &client).await;
    let policy = page.answer.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https://app.example;"), "{policy}");
    // With `no-referrer` browsers would not say where a form comes from.
    assert_eq!(page.answer.header("referrer-policy"), Some("same-origin"));
}

#[tokio::test]
async fn cookies_over_tls_are_for_this_host_alone() {
    let Some(shop) = Suite::own_with(&[("public_url", "https://shop.example")]).await else { return };
    let (ana, client, browser) = (shop.sign_up("ana").await, an_app(&shop, true).await, shop.browser().await);
    assert_eq!(browser.origin(), "https://shop.example");
    let page = login(&browser, &client).await;
    let answer = browser.signs_in(&page, &ana).await;
    answer.sent_back();
    let line = answer.answer.header("set-cookie").unwrap();
    assert!(
        line.starts_with("__Host-souk-session=") && line.contains("; Secure") && line.contains("; Path=/;"),
        "{line}"
    );
    assert!(browser.cookie("__Host-souk-csrf").is_some());
    // One without the prefix could have been set by anybody on the way.
    let other = shop.browser().await;
    other.keeps("souk-session", &browser.cookie("__Host-souk-session").unwrap());
    assert_eq!(other.opens(&authorization(&client, &[("prompt", "none")])).await.error(), "login_required");
}

async fn is_signed_in(browser: &Browser, client: &Client) -> bool {
    browser.opens(&authorization(client, &[("prompt", "none")])).await.sent_back().contains_key("code")
}

#[tokio::test]
async fn a_browser_is_signed_out_by_a_new_password_and_by_the_end_of_the_account() {
    let Some(shop) = Suite::own().await else { return };
    let client = an_app(&shop, true).await;
    for ends in [true, false] {
        let (ana, browser) = (shop.sign_up("ana").await, shop.browser().await);
        let code = browser.grants(&authorization(&client, &[]), &ana).await;
        assert!(is_signed_in(&browser, &client).await);
        match ends {
            true => ana.deletes_account().await.is(204).accept(),
            false => ana.changes_password("another horse battery").await.is(204).accept(),
        }
        shop.has_delivered().await;
        assert!(!is_signed_in(&browser, &client).await, "{ends}");
        client.exchanges(&code).await.is_oauth_error("invalid_grant");
    }
}

#[tokio::test]
async fn a_browser_that_is_not_used_is_signed_out_and_forgotten() {
    let Some(shop) = Suite::own().await else { return };
    let (client, database) =
        (an_app(&shop, true).await, Connection::open(shop.state().join("auth.db")).unwrap());
    const HOUR: i64 = 3600 * 1000;
    for (column, hours) in [("last_used_at", 12), ("expires_at", 7 * 24)] {
        let (ana, browser): (Person, _) = (shop.sign_up("ana").await, shop.browser().await);
        browser.grants(&authorization(&client, &[]), &ana).await;
        let earlier = format!(
            "UPDATE browsers SET created_at = created_at - ?2, {column} = {column} - ?2 WHERE user_id = ?1"
        );
        assert_eq!(database.execute(&earlier, (ana.id(), hours * HOUR - 60_000)).unwrap(), 1);
        assert!(is_signed_in(&browser, &client).await, "{column}");
        assert_eq!(database.execute(&earlier, (ana.id(), hours * HOUR)).unwrap(), 1);
        assert!(!is_signed_in(&browser, &client).await, "{column}");
        shop.ticks().await;
        let left = "SELECT count(*) FROM browsers WHERE user_id = ?1";
        assert_eq!(database.query_row(left, [ana.id()], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}

#[tokio::test]
async fn of_very_many_browsers_the_least_used_are_signed_out() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, client) = (shop.sign_up("ana").await, an_app(&shop, true).await);
    let (first, last) = (shop.browser().await, shop.browser().await);
    first.grants(&authorization(&client, &[]), &ana).await;
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 49)
             INSERT INTO browsers SELECT substr(id, 1, 9) || printf('%02d', n) || substr(id, 12), randomblob(32), user_id, auth_time,
                    methods, password_version, address, user_agent, created_at, last_used_at + n, expires_at FROM n, browsers",
        )
        .unwrap();
    assert!(is_signed_in(&first, &client).await);
    last.grants(&authorization(&client, &[]), &ana).await;
    let count = "SELECT count(*) FROM browsers WHERE user_id = ?1";
    assert_eq!(database.query_row(count, [ana.id()], |row| row.get::<_, i64>(0)).unwrap(), 50);
    assert!(!is_signed_in(&first, &client).await && is_signed_in(&last, &client).await);
}

#[tokio::test]
async fn many_tabs_that_allow_at_once_get_a_code_each() {
    let shop = Suite::start().await;
    let (ana, client, browser) =
        (shop.sign_up("ana").await, an_app(&shop, false).await, shop.browser().await);
    let page = login(&browser, &client).await;
    let consent = browser.signs_in(&page, &ana).await.is(200);
    let allows = || browser.presses(&consent, "consent", &[]);
    let (a, b, c) = tokio::join!(allows(), allows(), allows());
    let codes = [a, b, c].map(|shown| shown.sent_back()["code"].clone());
    for code in &codes {
        client.exchanges(code).await.is(200).accept();
    }
    assert!(codes[0] != codes[1] && codes[1] != codes[2]);
}

#[tokio::test]
async fn a_fault_is_a_page_or_is_told_where_nothing_may_be_shown() {
    let Some(shop) = Suite::own().await else { return };
    let (ana, client, browser) = (shop.sign_up("ana").await, an_app(&shop, true).await, shop.browser().await);
    browser.grants(&authorization(&client, &[]), &ana).await;
    let page = browser.opens(&authorization(&client, &[("prompt", "login")])).await.is(200);
    shop.faults().fail("users", 503, Until::Cleared);
    let fault = browser.signs_in(&page, &ana).await.is(503);
    assert!(fault.alert().is_some() && fault.answer.header("retry-after").is_some(), "{}", fault.answer);
    let silently = browser.opens(&authorization(&client, &[("prompt", "none")])).await;
    assert_eq!(silently.error(), "temporarily_unavailable");
    shop.faults().clear();
    browser.signs_in(&page, &ana).await.sent_back();
}

#[tokio::test]
async fn nothing_of_a_browser_can_be_used_from_the_database() {
    let Some(mut shop) = Suite::own().await else { return };
    let (ana, client, browser) = (shop.sign_up("ana").await, an_app(&shop, true).await, shop.browser().await);
    let code = browser.grants(&authorization(&client, &[]), &ana).await;
    let secrets = [code, browser.cookie("souk-session").unwrap(), browser.cookie("souk-csrf").unwrap()];
    shop.is_stopped().await;
    for file in std::fs::read_dir(shop.state()).unwrap().flatten().filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{} holds {secret}", file.path().display());
        }
    }
    shop.starts_again().await;
    assert!(is_signed_in(&browser, &client).await);
}
