//! Attacks on the authorization server and on its clients, as RFC 6819 and BCP 9700 (RFC 9700) list them: what somebody gets
//! who puts their own code, token, form or cookie in the place of another's. What a single endpoint refuses is tested beside it
//! (`authorize.rs`, `exchange.rs`, `introspection.rs`); forged signatures of access tokens are in `security.rs`.

use http::Method;
use serde_json::json;
use souk_tests::browser::{CHALLENGE, authorization};
use souk_tests::contract::{self, operations};
use souk_tests::oauth::{CALLBACK, Client, app, form, machine, site};
use souk_tests::token::{Jwt, Key, signed_hs256};
use souk_tests::{Answer, Person, Suite};

/// What another app asks its codes with (RFC 7636: any 43 to 128 letters).
const OTHERS_VERIFIER: &str = "another-verifier-that-nobody-else-has-made-up-before";

/// A client that people are asked about, and somebody who signed in there: what they got.
async fn signed_in(shop: &Suite, client: &Client, person: &Person, scope: &str) -> Answer {
    let browser = shop.browser().await;
    let code = browser.grants(&authorization(client, &[("scope", scope)]), person).await;
    client.exchanges(&code).await.is(200)
}

/// Code injection (BCP 9700, 4.5): Eve puts the code of her own sign-in, or one that she stole, into Ana's.
#[tokio::test]
async fn a_code_put_into_another_sign_in_is_worth_nothing() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&site(&["openid", "account"])).await);
    let stolen = shop.browser().await.grants(&authorization(&client, &[]), &ana).await;
    // The honest client believes that it is the answer to what it asked for Eve: with another verifier.
    let fields =
        [("grant_type", "authorization_code"), ("code", stolen.as_str()), ("code_verifier", OTHERS_VERIFIER)];
    client.asks("/oauth2/token", &fields).await.is_oauth_error("invalid_grant");
    // It has got about: even who asked for it gets nothing any more.
    client.exchanges(&stolen).await.is_oauth_error("invalid_grant");
}

/// PKCE downgrade (BCP 9700, 4.8.2): without a challenge, with a plain one, or with the challenge for the verifier.
#[tokio::test]
async fn pkce_cannot_be_talked_down() {
    let shop = Suite::start().await;
    let (ana, browser) = (shop.sign_up("ana").await, shop.browser().await);
    for new in [site(&["openid", "account"]), app(&["openid", "account"])] {
        let client = shop.client(&new).await;
        for without in [
            &[("code_challenge", "")][..],
            &[("code_challenge_method", "")],
            &[("code_challenge_method", "plain")],
            &[("code_challenge", ""), ("code_challenge_method", "")],
            &[("code_challenge_method", "s256")],
        ] {
            let refused = browser.opens(&authorization(&client, without)).await;
            assert_eq!(refused.error(), "invalid_request", "{without:?}");
        }
        for verifier in [None, Some(""), Some(CHALLENGE)] {
            let code = browser.grants(&authorization(&client, &[]), &ana).await;
            let mut fields = vec![("grant_type", "authorization_code"), ("code", code.as_str())];
            fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
            let answer = client.asks("/oauth2/token", &fields).await;
            let expected = if verifier == Some(CHALLENGE) { "invalid_grant" } else { "invalid_request" };
            answer.is_oauth_error(expected);
        }
    }
}

/// Mix-up (RFC 9207): who answers stands in every answer, and it is who the metadata names.
#[tokio::test]
async fn every_answer_says_who_gives_it() {
    let shop = Suite::start().await;
    let (ana, client, browser) =
        (shop.sign_up("ana").await, shop.client(&app(&["openid", "account"])).await, shop.browser().await);
    let issuer = browser.origin().to_owned();
    let refused = [
        browser.opens(&authorization(&client, &[("prompt", "none")])).await,
        browser.opens(&authorization(&client, &[("scope", "nonsense")])).await,
        browser.opens(&authorization(&client, &[("response_type", "token")])).await,
    ];
    for shown in refused {
        let told = shown.sent_back();
        assert_eq!((&told["iss"], told["state"].as_str()), (&issuer, "a state & more"), "{told:?}");
    }
    let login = browser.opens(&authorization(&client, &[])).await.is(200);
    let consent = browser.signs_in(&login, &ana).await.is(200);
    assert_eq!(browser.presses(&consent, "deny", &[]).await.sent_back()["iss"], issuer);
    let tokens = signed_in(&shop, &client, &ana, "openid").await;
    for token in ["/access_token", "/id_token"] {
        assert_eq!(Jwt::read(tokens.text(token)).claims["iss"], issuer.as_str());
    }
}

/// Token substitution (RFC 6819, 4.6.4; RFC 9068, 5; RFC 8725, 3.11): no token is taken for one of another kind.
#[tokio::test]
async fn no_token_is_taken_for_one_of_another_kind() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&site(&["openid", "account"])).await);
    let tokens = signed_in(&shop, &client, &ana, "openid account").await;
    let code = shop.browser().await.grants(&authorization(&client, &[]), &ana).await;
    let (access, id, refresh) =
        (tokens.text("/access_token"), tokens.text("/id_token"), tokens.text("/refresh_token"));
    let stranger = shop.stranger();
    for token in [id, refresh, code.as_str()] {
        for path in ["/api/v1/users/me", "/userinfo", "/api/v1/auth/sessions"] {
            stranger.get(path).bearer(token).await.is_refused(401, "invalid-token");
        }
    }
    for token in [access, id, code.as_str()] {
        client.refreshes(token).await.is_oauth_error("invalid_grant");
        stranger.refreshes(token).await.is_refused(401, "invalid-refresh-token");
    }
    for token in [access, id, refresh] {
        client.exchanges(token).await.is_oauth_error("invalid_grant");
    }
    assert_eq!(client.introspects(id).await.is(200).json(), &json!({"active": false}));
    assert_eq!(client.introspects(&code).await.is(200).json(), &json!({"active": false}));
    // An access token proves nobody's sign-in: a client that has one could sign its person out, or in.
    let browser = shop.browser().await;
    browser.grants(&authorization(&client, &[]), &ana).await;
    browser.opens(&format!("/oauth2/logout?{}", form(&[("id_token_hint", access)]))).await.is(200);
    let silent = browser.opens(&authorization(&client, &[("prompt", "none")])).await;
    assert!(silent.sent_back().contains_key("code"), "she is still signed in");
}

/// A refresh token of a program is good for that program, and the suite's own for no program.
#[tokio::test]
async fn a_refresh_token_opens_no_other_door() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&site(&["openid"])).await);
    let theirs = signed_in(&shop, &client, &ana, "openid").await;
    // The suite's own endpoint gives all that the roles give.
    let refused = ana.refreshes(theirs.text("/refresh_token")).await;
    refused.is_refused(401, "invalid-refresh-token");
    let ours = ana.signs_in().await.refresh;
    client.refreshes(&ours).await.is_oauth_error("invalid_grant");
    let fields =
        [("grant_type", "refresh_token"), ("refresh_token", ours.as_str()), ("client_id", "souk-web")];
    let request = shop.stranger();
    let request = request.sends(Method::POST, "/oauth2/token");
    let request = request.body("application/x-www-form-urlencoded", form(&fields)).await;
    assert!(!request.is_success(), "{request}");
    let browser = shop.browser().await;
    let ours = authorization(&Client { id: "souk-web".into(), ..client.clone() }, &[]);
    browser.opens(&ours).await.is(400);
    // Neither was spent by that.
    client.refreshes(theirs.text("/refresh_token")).await.is(200).accept();
}

/// Privilege escalation (RFC 6819, 5.1.5.1): a program that was allowed to know who somebody is may do nothing in their name.
#[tokio::test]
async fn a_token_for_a_name_opens_nothing_else() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&site(&["openid", "profile"])).await);
    let tokens = signed_in(&shop, &client, &ana, "openid profile").await;
    let (token, stranger) = (tokens.text("/access_token"), shop.stranger());
    let mut asked = 0;
    for operation in operations(contract::document(&stranger).await) {
        if operation.scopes.is_none() || operation.path == "/userinfo" {
            continue;
        }
        for id in ["me", ana.id()] {
            let path = operation.path.replace("{id}", id).replace(['{', '}'], "");
            let request = stranger.sends(operation.method.clone(), &path).bearer(token);
            request.json(&json!({})).await.is_refused(403, "insufficient-scope");
            asked += 1;
        }
    }
    assert!(asked > 50, "only {asked} were asked");
}

/// The same where strangers may ask too, since a guest has a secret of their own: what is a person's stays closed.
#[tokio::test]
async fn a_token_for_a_name_opens_no_cart_of_its_person() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&site(&["openid"])).await);
    let cart = ana.post("/api/v1/carts", &json!({})).await.is(201).text("/id").to_owned();
    let tokens = signed_in(&shop, &client, &ana, "openid").await;
    let path = format!("/api/v1/carts/{cart}");
    ana.get(&path).await.is(200).accept();
    let stranger = shop.stranger();
    stranger.get(&path).bearer(tokens.text("/access_token")).await.is_refused(404, "not-found");
    stranger.get("/api/v1/invoices").bearer(tokens.text("/access_token")).await.is_refused_somehow();
}

/// A program that acts for itself is nobody's owner, whatever it is told of.
#[tokio::test]
async fn a_machine_is_no_person() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&machine(&["account", "users:read"])).await);
    let answer = client.acts(None).await.is(200);
    let (token, stranger) = (answer.text("/access_token"), shop.stranger());
    let claims = Jwt::read(token).claims;
    assert_eq!(
        (&claims["sub"], claims.get("roles").is_none_or(|it| *it == json!([]))),
        (&json!(client.id), true)
    );
    for path in
        ["/api/v1/users/me", "/api/v1/customers/me", "/api/v1/auth/sessions", "/api/v1/carts/me", "/userinfo"]
    {
        stranger.get(path).bearer(token).await.is_refused_somehow();
    }
    stranger.get(format!("/api/v1/users/{}", ana.id())).bearer(token).await.is(200).accept();
    stranger
        .patch(format!("/api/v1/users/{}", ana.id()), &json!({}))
        .bearer(token)
        .await
        .is_refused(403, "insufficient-scope");
}

/// Algorithm confusion and key id injection (RFC 8725), where auth itself reads tokens.
#[tokio::test]
async fn auth_believes_no_forged_token() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&site(&["openid", "account"])).await);
    let tokens = signed_in(&shop, &client, &ana, "openid account").await;
    let keys = ana.get("/.well-known/jwks.json").without_token().await.is(200);
    let browser = shop.browser().await;
    browser.grants(&authorization(&client, &[]), &ana).await;
    for name in ["/access_token", "/id_token"] {
        let real = Jwt::read(tokens.text(name));
        let kid = real.header["kid"].as_str().expect("a key id");
        let mut forged = vec![real.unsigned(), real.clone().with_claim("sub", "usr_0").tampered()];
        forged.extend([&keys.body[..], b"", kid.as_bytes()].map(|secret| signed_hs256(&real, secret)));
        for id in [kid, "mine", "../../../../dev/null", "' OR 1=1 --", ""] {
            let key = Key::new(id);
            let jwt = real.clone().with_header("kid", id);
            forged.push(key.signs(&jwt));
            forged.push(key.signs(&jwt.clone().with_header("jwk", key.public())));
            forged.push(key.signs(&jwt.with_header("jku", "http://127.0.0.1:9/jwks.json")));
        }
        for token in &forged {
            assert_eq!(client.introspects(token).await.is(200).json(), &json!({"active": false}), "{token}");
            client.revokes(token).await.is(200).accept();
            // As a hint it signs nobody out.
            let logout = format!("/oauth2/logout?{}", form(&[("id_token_hint", token.as_str())]));
            assert!(browser.opens(&logout).await.is(200).has_button("logout"), "{token}");
        }
    }
    assert_eq!(client.introspects(tokens.text("/access_token")).await.is(200).json()["active"], true);
    let silent = browser.opens(&authorization(&client, &[("prompt", "none")])).await;
    assert!(silent.sent_back().contains_key("code"), "she is still signed in");
}

/// Login CSRF and forged consent (BCP 9700, 4.7; RFC 6819, 4.4.1.8): a form is good for who was shown it, for what.
#[tokio::test]
async fn a_form_is_good_for_its_browser_its_session_and_its_request() {
    let shop = Suite::start().await;
    let (ana, eve) = (shop.sign_up("ana").await, shop.sign_up("eve").await);
    let (honest, greedy) =
        (shop.client(&app(&["openid", "account"])).await, shop.client(&app(&["openid", "account"])).await);
    let (hers, eves) = (shop.browser().await, shop.browser().await);
    let (asked, wanted) = (authorization(&honest, &[]), authorization(&greedy, &[]));
    let login = hers.opens(&asked).await.is(200);
    let consent = hers.signs_in(&login, &ana).await.is(200);
    let eves_login = eves.opens(&wanted).await.is(200);
    let eves_consent = eves.signs_in(&eves_login, &eve).await.is(200);
    let (own, site) = (hers.origin().to_owned(), "same-origin");
    let gives_nothing = |shown: &souk_tests::browser::Shown| {
        assert!(shown.answer.status.as_u16() != 303 && !shown.html().contains("code="), "{}", shown.html());
    };
    // Eve's form, of her own browser, sent by Ana's: for her own request, or for Ana's.
    for action in [eves_consent.action(), consent.action()] {
        for csrf in [eves_consent.csrf(), eves_login.csrf(), "", "1.AAAA"] {
            let forged = [("step", "consent"), ("csrf", csrf)];
            gives_nothing(&hers.sends(&action, &own, site, &forged).await);
        }
    }
    // Ana's own form, for another client, or for more.
    let more = authorization(&honest, &[("scope", "openid account"), ("state", "x")]);
    for action in [wanted.as_str(), more.as_str()] {
        let forged = [("step", "consent"), ("csrf", consent.csrf())];
        gives_nothing(&hers.sends(action, &own, site, &forged).await);
    }
    // Ana's own form, sent by another site's page.
    for (origin, site) in
        [("https://evil.example", "cross-site"), ("null", "cross-site"), (own.as_str(), "cross-site")]
    {
        let forged = [("step", "consent"), ("csrf", consent.csrf())];
        gives_nothing(&hers.sends(&consent.action(), origin, site, &forged).await);
    }
    // Signing Ana in as Eve, so that what she does is seen by Eve.
    let fresh = shop.browser().await;
    let (email, password) = (eve.email().to_owned(), eve.password());
    for csrf in [eves_login.csrf(), ""] {
        let filled = [("step", "login"), ("csrf", csrf), ("email", &email), ("password", &password)];
        gives_nothing(&fresh.sends(&asked, &own, site, &filled).await);
        assert!(fresh.cookie("souk-session").is_none());
    }
    // After all that the real one still works.
    hers.presses(&consent, "consent", &[]).await.sent_back();
}

/// Session fixation (RFC 6819, 4.4.1.9; OWASP): a sign-in never goes on with a cookie that was there before.
#[tokio::test]
async fn a_planted_cookie_is_nobodys_session() {
    let shop = Suite::start().await;
    let (ana, eve) = (shop.sign_up("ana").await, shop.sign_up("eve").await);
    let client = shop.client(&app(&["openid", "account"])).await;
    let silent = authorization(&client, &[("prompt", "none")]);
    let (hers, eves) = (shop.browser().await, shop.browser().await);
    hers.keeps("souk-session", "planted-by-eve");
    hers.grants(&authorization(&client, &[]), &ana).await;
    let first = hers.cookie("souk-session").expect("a session");
    assert_ne!(first, "planted-by-eve");
    eves.keeps("souk-session", "planted-by-eve");
    assert_eq!(eves.opens(&silent).await.error(), "login_required");
    // Eve signs in herself and plants that: who signs in there leaves it.
    eves.grants(&authorization(&client, &[]), &eve).await;
    let planted = eves.cookie("souk-session").expect("a session");
    hers.keeps("souk-session", &planted);
    let login = hers.opens(&authorization(&client, &[("prompt", "login")])).await.is(200);
    hers.signs_in(&login, &ana).await;
    let second = hers.cookie("souk-session").expect("a session");
    assert!(second != planted && second != first);
    eves.keeps("souk-session", &planted);
    let eves_answer = eves.opens(&silent).await.sent_back();
    if let Some(code) = eves_answer.get("code") {
        let tokens = client.exchanges(code).await.is(200);
        assert_eq!(Jwt::read(tokens.text("/id_token")).claims["sub"], eve.id(), "never Ana");
    }
    // Signing in anew ends what was there before.
    let third = hers.opens(&authorization(&client, &[("prompt", "login")])).await.is(200);
    hers.signs_in(&third, &ana).await;
    let late = shop.browser().await;
    late.keeps("souk-session", &second);
    assert_eq!(late.opens(&silent).await.error(), "login_required");
}

/// Open redirect (BCP 9700, 4.11): nobody is sent to an address that nobody registered, by any endpoint, in any way.
#[tokio::test]
async fn nobody_is_sent_where_nobody_registered() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&app(&["openid", "account"])).await);
    let browser = shop.browser().await;
    let tokens = {
        let code = browser.grants(&authorization(&client, &[]), &ana).await;
        client.exchanges(&code).await.is(200)
    };
    let evil = "https://evil.example/";
    for odd in
        ["https://evil.example/", "//evil.example", "https://app.example/callback/../x", "data:text/html,x"]
    {
        for error in [("response_type", "token"), ("scope", "nonsense"), ("prompt", "none")] {
            let shown = browser.opens(&authorization(&client, &[("redirect_uri", odd), error])).await.is(400);
            assert!(!shown.answer.headers.contains_key("location"), "{odd}");
        }
    }
    let hint = tokens.text("/id_token");
    for wish in [
        &[("post_logout_redirect_uri", evil)][..],
        &[("post_logout_redirect_uri", evil), ("client_id", client.id.as_str())],
        &[("post_logout_redirect_uri", evil), ("id_token_hint", hint)],
        &[("post_logout_redirect_uri", CALLBACK), ("id_token_hint", hint)],
    ] {
        let shown = browser.opens(&format!("/oauth2/logout?{}", form(wish))).await.is(400);
        assert!(!shown.answer.headers.contains_key("location"), "{wish:?}");
    }
    // What else looks like it would lead somewhere does not.
    for name in ["return_to", "next", "url", "redirect", "target_link_uri", "error_uri"] {
        let shown = browser.opens(&authorization(&client, &[(name, evil)])).await;
        assert!(shown.location().starts_with(CALLBACK), "{}", shown.location());
        assert!(!shown.location().contains("evil"), "{}", shown.location());
    }
}

/// Credentials leak through addresses (BCP 9700, 4.2 and 4.3).
#[tokio::test]
async fn nothing_secret_is_taken_from_an_address_or_told_to_the_next_site() {
    let shop = Suite::start().await;
    let (ana, client) = (shop.sign_up("ana").await, shop.client(&site(&["openid", "account"])).await);
    let tokens = signed_in(&shop, &client, &ana, "openid account").await;
    let stranger = shop.stranger();
    let in_query = form(&[("access_token", tokens.text("/access_token"))]);
    for path in ["/userinfo", "/api/v1/users/me"] {
        stranger.get(format!("{path}?{in_query}")).await.is_refused_somehow();
    }
    let secret = client.secret.clone().expect("a secret");
    let query =
        form(&[("grant_type", "client_credentials"), ("client_id", &client.id), ("client_secret", &secret)]);
    let request = stranger.sends(Method::POST, format!("/oauth2/token?{query}"));
    request.body("application/x-www-form-urlencoded", "").await.is_oauth_error("invalid_request");
    stranger.get(format!("/oauth2/token?{query}")).await.is_refused(405, "method-not-allowed");
    let browser = shop.browser().await;
    let login = browser.opens(&authorization(&client, &[])).await.is(200);
    let policy = login.answer.header("referrer-policy").unwrap_or_default();
    assert!(["no-referrer", "same-origin", "strict-origin"].contains(&policy), "{policy}");
    // No form, and no password, is sent on by a redirect that keeps the method: each is a 303 (see `Shown`).
    browser.signs_in(&login, &ana).await.is(303);
}
