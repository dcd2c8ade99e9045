//! The pages of forgotten passwords and unconfirmed addresses, as a browser without scripts sees them.

use http::Method;
use souk_tests::post::token_in;
use souk_tests::{Answer, PASSWORD, Person, Suite, unique};

/// A browser on one of the pages: its origin and address, its cookie and the code of its form.
#[derive(Clone)]
struct Tab {
    origin: String,
    path: String,
    cookie: String,
    csrf: String,
}

fn html(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{answer}");
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    text.split_once(before)?.1.split_once(after).map(|(part, _)| part)
}

async fn opens(person: &Person, path: &str) -> Tab {
    let answer = person.get(path).without_token().await.is(200);
    let page = html(&answer);
    let cookie = answer.header("set-cookie").and_then(|value| value.split(';').next()).expect("a cookie");
    let csrf = between(&page, "name=\"csrf\" value=\"", "\"").expect("a code");
    let metadata = person.get("/.well-known/openid-configuration").await.is(200);
    Tab {
        origin: metadata.text("/issuer").into(),
        path: path.into(),
        cookie: cookie.into(),
        csrf: csrf.into(),
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

impl Tab {
    async fn submits(&self, person: &Person, fields: &[(&str, &str)]) -> Answer {
        self.submits_from(person, fields, &[("origin", &self.origin)]).await
    }

    async fn submits_from(
        &self,
        person: &Person,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut form = format!("csrf={}&step=go", encoded(&self.csrf));
        fields.iter().for_each(|(name, value)| form += &format!("&{name}={}", encoded(value)));
        let request = person.sends(Method::POST, &self.path).without_token().header("cookie", &self.cookie);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body("application/x-www-form-urlencoded", form).await
    }
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_without_a_script() {
    let shop = Suite::start().await;
    let (ana, browser) = (shop.sign_up("ana").await, shop.stranger());
    let tab = opens(&browser, "/oauth2/forgot?ui_locales=en").await;
    let told = html(&tab.submits(&browser, &[("email", ana.email())]).await.is(200));
    assert!(told.contains("Look into your mail"), "{told}");
    let mail = shop.kept_mail(ana.email(), 2).await.remove(0);
    let link = between(mail["text"].as_str().expect("a text"), &tab.origin, "\n").expect("a link").to_owned();
    // Opening it, as programs that look through mail do, uses nothing up.
    opens(&browser, &link).await;
    let tab = opens(&browser, &link).await;
    let again = tab.submits(&browser, &[("password", "password123")]).await.is(422);
    let page = html(&again);
    assert!(page.contains("role=\"alert\"") && page.contains("aria-invalid=\"true\""), "{page}");
    let done = html(&tab.submits(&browser, &[("password", "a whole new passphrase")]).await.is(200));
    assert!(done.contains("Your password is changed"), "{done}");
    ana.signs_in_as(ana.email(), "a whole new passphrase").await.is(200).accept();
    ana.signs_in_as(ana.email(), PASSWORD).await.is_refused(401, "wrong-credentials");
    let gone = html(&tab.submits(&browser, &[("password", "yet another passphrase")]).await.is(410));
    assert!(gone.contains("/oauth2/forgot"), "{gone}");
}

#[tokio::test]
async fn an_address_is_confirmed_on_a_page_by_a_button() {
    let shop = Suite::start().await;
    let (ana, browser) = (shop.sign_up("ana").await, shop.stranger());
    let token = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    let tab = opens(&browser, &format!("/oauth2/verify?token={token}&ui_locales=fr")).await;
    assert_eq!(ana.reads_profile().await.is(200).json()["email_verified"], false);
    let done = tab.submits(&browser, &[]).await.is(200);
    assert!(html(&done).contains("Votre adresse e-mail est confirmée"));
    assert_eq!(ana.reads_profile().await.is(200).json()["email_verified"], true);
    tab.submits(&browser, &[]).await.is(410).accept();
}

#[tokio::test]
async fn the_pages_tell_a_known_address_from_an_unknown_one_by_nothing() {
    let shop = Suite::start().await;
    let (ana, browser) = (shop.sign_up("ana").await, shop.stranger());
    let tab = opens(&browser, "/oauth2/forgot").await;
    let known = tab.submits(&browser, &[("email", ana.email())]).await.is(200);
    let nobody = format!("{}@example.com", unique("nobody"));
    let unknown = tab.submits(&browser, &[("email", &nobody)]).await.is(200);
    assert_eq!(known.body, unknown.body);
    let wrong = tab.submits(&browser, &[("email", "no address")]).await.is(422);
    assert!(html(&wrong).contains("role=\"alert\""));
}

#[tokio::test]
async fn forms_of_other_sites_are_not_taken() {
    let shop = Suite::start().await;
    let (ana, browser) = (shop.sign_up("ana").await, shop.stranger());
    let token = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    let tab = opens(&browser, &format!("/oauth2/verify?token={token}")).await;
    for headers in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        tab.submits_from(&browser, &[], &[headers]).await.is(403).accept();
    }
    let other = opens(&browser, "/oauth2/forgot").await;
    let stolen = Tab { csrf: other.csrf.clone(), ..tab.clone() };
    stolen.submits(&browser, &[]).await.is(403).accept();
    let without = Tab { cookie: "x=y".into(), ..tab.clone() };
    without.submits(&browser, &[]).await.is(403).accept();
    assert_eq!(ana.reads_profile().await.is(200).json()["email_verified"], false);
    tab.submits(&browser, &[]).await.is(200).accept();
}

#[tokio::test]
async fn the_pages_run_no_script_and_are_kept_nowhere() {
    let shop = Suite::start().await;
    let browser = shop.stranger();
    for path in ["/oauth2/forgot", "/oauth2/reset?token=x", "/oauth2/verify?token=x"] {
        let answer = browser.get(path).await.is(200);
        let policy = answer.header("content-security-policy").unwrap_or_default().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        let page = html(&answer);
        assert!(!page.contains("<script") && page.contains("<html lang=\"en\">"), "{page}");
    }
    for path in ["/oauth2/reset", "/oauth2/verify", "/oauth2/reset?token="] {
        browser.get(path).await.is(410).accept();
    }
    let evil = "/oauth2/reset?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    assert!(!html(&browser.get(evil).await.is(200)).contains("<script"));
    let french = browser.get("/oauth2/forgot").header("accept-language", "fr-FR,fr;q=0.9").await.is(200);
    assert!(html(&french).contains("Mot de passe oublié"));
}
