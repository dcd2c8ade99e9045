//! The gateway alone, with stand-ins where the services would be: what reaches them, and which of auth's signatures it
//! believes. Here the test holds auth's key, so a token can be wrong in exactly one way.

use serde_json::{Value, json};
use souk_tests::standin::{Seen, StandIn};
use souk_tests::token::{Jwt, Key, now};
use souk_tests::{Person, Suite, components, root};
use std::sync::Arc;

const ISSUER: &str = "http://souk.example";
const ANA: &str = "usr_06gzth8z0ssnb43t4fv629t6y8";

/// A gateway whose services are one stand-in: auth publishes `key`, everything else answers `{}`.
struct Edge {
    shop: Suite,
    services: StandIn,
    key: Arc<Key>,
    _folder: tempfile::TempDir,
}

impl Edge {
    async fn stands() -> Option<Self> {
        drop(Suite::own().await?); // What the whole suite documents is learned from a whole suite.
        let key = Arc::new(Key::new("the-key"));
        let published = json!({"keys": [key.public()]});
        let script = move |seen: &Seen| match seen.path.contains("jwks") {
            true => (200, published.clone()),
            false => (200, json!({})),
        };
        let services = StandIn::start(script);
        let folder = tempfile::tempdir().expect("a folder for the manifest");
        let manifest = folder.path().join("spin.toml");
        std::fs::write(&manifest, gateway_alone(&services.authority())).expect("a manifest");
        let service_url = format!("http://{}/{{service}}", services.authority());
        let variables = [("public_url", ISSUER), ("service_url", &service_url)];
        let shop = Suite::own_from(&manifest, &variables).await?;
        Some(Self { shop, services, key, _folder: folder })
    }

    fn person(&self) -> Person {
        self.shop.stranger()
    }

    fn token(&self) -> Jwt {
        self.key.access_token(ISSUER, ANA, "account")
    }
}

/// `spin.toml` with the gateway alone, which may reach the stand-in.
fn gateway_alone(authority: &str) -> String {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml can be read");
    let mut manifest: toml::Table = text.parse().expect("spin.toml is TOML");
    let (_, source) = components().into_iter().find(|(id, _)| id == "gateway").expect("there is a gateway");
    let all = manifest["component"].as_table_mut().expect("components");
    all.retain(|id, _| id == "gateway");
    let gateway = all["gateway"].as_table_mut().expect("the gateway");
    gateway.insert("source".into(), source.to_string_lossy().into_owned().into());
    gateway.insert("allowed_outbound_hosts".into(), vec![format!("http://{authority}")].into());
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
    triggers.retain(|trigger| trigger["component"].as_str() == Some("gateway"));
    manifest.to_string()
}

#[tokio::test]
async fn a_good_token_reaches_the_service_as_an_assertion() {
    let Some(edge) = Edge::stands().await else { return };
    let token = edge.key.signs(&edge.token());
    edge.person().get("/api/v1/users/me").bearer(&token).await.is(200).accept();
    let seen = edge.services.has_seen();
    let request =
        seen.iter().find(|seen| seen.path == "/users/users/me").unwrap_or_else(|| panic!("{seen:?}"));
    let assertion = Jwt::read(request.header("souk-identity").expect("an assertion"));
    assert_eq!(assertion.claims["sub"], ANA);
    assert_eq!(assertion.claims["iss"], "gateway");
    assert_eq!(assertion.claims["aud"], "users");
    let life = assertion.claims["exp"].as_u64().zip(assertion.claims["iat"].as_u64());
    assert!(life.is_some_and(|(end, start)| end - start <= 60), "{assertion:?}");
    assert!(request.header("authorization").is_none(), "the token itself stays outside");
}

/// Ways in which a token that auth did sign is not one for us, now.
fn wrong(token: &Jwt) -> Vec<(&'static str, Jwt)> {
    let with = |name: &str, value: Value| token.clone().with_claim(name, value);
    vec![
        ("expired an hour ago", with("iat", json!(now() - 7200)).with_claim("exp", now() - 3600)),
        ("expired two minutes ago", with("iat", json!(now() - 720)).with_claim("exp", now() - 120)),
        ("without an end", token.clone().without_claim("exp")),
        ("valid from tomorrow", with("nbf", json!(now() + 86_400))),
        ("issued tomorrow", with("iat", json!(now() + 86_400)).with_claim("exp", now() + 87_000)),
        ("of another issuer", with("iss", json!("http://evil.example"))),
        ("of an issuer that begins like ours", with("iss", json!(format!("{ISSUER}.evil.example")))),
        ("of no issuer", token.clone().without_claim("iss")),
        ("for another audience", with("aud", json!("elsewhere"))),
        ("for other audiences", with("aud", json!(["elsewhere", "souk2"]))),
        ("for no audience", token.clone().without_claim("aud")),
        ("of nobody", token.clone().without_claim("sub")),
        ("of somebody impossible", with("sub", json!("'; DROP TABLE users; --"))),
        ("of the machinery", with("sub", json!("service"))),
        ("of another type", token.clone().with_header("typ", "JWT")),
        ("an id token", token.clone().with_header("typ", "id+jwt")),
        ("of an unknown key", token.clone().with_header("kid", "another-key")),
        ("of no key", token.clone().with_header("kid", Value::Null)),
        ("of another algorithm", token.clone().with_header("alg", "ES384")),
        (
            "critical about what we do not know",
            token.clone().with_header("crit", json!(["b64"])).with_header("b64", false),
        ),
    ]
}

#[tokio::test]
async fn a_token_that_is_not_for_us_now_is_refused() {
    let Some(edge) = Edge::stands().await else { return };
    let person = edge.person();
    for (what, jwt) in wrong(&edge.token()) {
        let answer = person.get("/api/v1/users/me").bearer(edge.key.signs(&jwt)).await;
        assert_eq!(answer.status, 401, "a token {what}: {answer}");
        answer.is_refused(401, "invalid-token");
    }
    let reached: Vec<_> =
        edge.services.has_seen().into_iter().filter(|seen| seen.path.contains("/me")).collect();
    assert!(reached.is_empty(), "{reached:?}");
}

#[tokio::test]
async fn a_token_is_believed_no_longer_than_it_lasts() {
    let Some(edge) = Edge::stands().await else { return };
    let person = edge.person();
    let short = edge.key.signs(&edge.token().with_claim("exp", now() + 2));
    person.get("/api/v1/users/me").bearer(&short).await.is(200).accept();
    // The gateway remembers good tokens; it must also forget them. A clock may be off by some seconds, not by minutes.
    let started = std::time::Instant::now();
    while person.get("/api/v1/users/me").bearer(&short).await.is_success() {
        assert!(started.elapsed().as_secs() < 40, "a token of two seconds is still believed");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn a_token_for_several_audiences_is_for_us_too() {
    let Some(edge) = Edge::stands().await else { return };
    let both = edge.key.signs(&edge.token().with_claim("aud", json!(["elsewhere", "souk"])));
    edge.person().get("/api/v1/users/me").bearer(both).await.is(200).accept();
}

#[tokio::test]
async fn no_scope_means_no_entry() {
    let Some(edge) = Edge::stands().await else { return };
    let bare = edge.key.signs(&edge.token().with_claim("scope", "").with_claim("roles", json!([])));
    edge.person().get("/api/v1/users/me").bearer(bare).await.is_refused(403, "insufficient-scope");
}

#[tokio::test]
async fn what_only_the_inside_may_say_is_taken_off_on_the_way() {
    let Some(edge) = Edge::stands().await else { return };
    let forged = [
        ("souk-identity", "forged"),
        ("souk-deadline-ms", "forged"),
        ("x-request-id", "forged"),
        ("x-forwarded-for", "forged"),
        ("x-forwarded-host", "forged"),
        ("x-forwarded-proto", "forged"),
        ("forwarded", "forged"),
        ("x-real-ip", "forged"),
        ("spin-path-info", "forged"),
        ("spin-client-addr", "forged"),
        ("spin-full-url", "forged"),
        ("proxy-authorization", "forged"),
        ("te", "forged"),
    ];
    let (person, token) = (edge.person(), edge.key.signs(&edge.token()));
    let mut request = person.get("/api/v1/users/me").bearer(&token);
    for (name, value) in forged {
        request = request.header(name, value);
    }
    request.await.is(200).accept();
    let seen = edge.services.has_seen();
    let request = seen.iter().find(|seen| seen.path.ends_with("/me")).expect("the request went through");
    let passed: Vec<_> = request.headers.iter().filter(|(_, value)| value.as_bytes() == b"forged").collect();
    assert!(passed.is_empty(), "{passed:?}");
}

#[tokio::test]
async fn a_client_cannot_choose_the_address_that_it_is_throttled_by() {
    let Some(edge) = Edge::stands().await else { return };
    let me = edge.person();
    for name in ["spin-client-addr", "x-forwarded-for", "x-real-ip", "forwarded"] {
        me.get("/api/v1/products").header(name, "192.0.2.1:5").await.is(200).accept();
    }
    for seen in edge.services.has_seen().iter().filter(|seen| seen.path.starts_with("/products")) {
        let assertion = Jwt::read(seen.header("souk-identity").expect("an assertion"));
        assert_eq!(assertion.claims["address"], "127.0.0.1");
    }
}

#[tokio::test]
async fn a_trace_goes_on_through_the_gateway() {
    let Some(edge) = Edge::stands().await else { return };
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let sent = format!("00-{trace}-00f067aa0ba902b7-01");
    edge.person().get("/api/v1/products").header("traceparent", &sent).await.is(200).accept();
    let seen = edge.services.has_seen();
    let request =
        seen.iter().find(|seen| seen.path.starts_with("/products")).expect("the request went through");
    let passed = request.header("traceparent").expect("a trace");
    assert!(passed.contains(trace) && passed != sent, "{passed}");
}

#[tokio::test]
async fn a_service_that_speaks_no_problem_documents_is_translated() {
    let Some(edge) = Edge::stands().await else { return };
    let _ = edge; // Its services answer well; this one does not:
    let rude =
        StandIn::start(|_| (500, json!({"stack": "at main.rs:1", "sql": "SELECT password_hash FROM users"})));
    let folder = tempfile::tempdir().expect("a folder for the manifest");
    let manifest = folder.path().join("spin.toml");
    std::fs::write(&manifest, gateway_alone(&rude.authority())).expect("a manifest");
    let service_url = format!("http://{}/{{service}}", rude.authority());
    let variables = [("public_url", ISSUER), ("service_url", service_url.as_str())];
    let Some(shop) = Suite::own_from(&manifest, &variables).await else { return };
    shop.expects_faults();
    let answer = shop.stranger().get("/api/v1/products").await;
    assert!(answer.status.is_server_error(), "{answer}");
}
