//! Who pretends to be somebody else, or to be inside: bad tokens, forged headers, paths that climb.

use serde_json::json;
use souk_tests::token::{Jwt, Key, now, signed_hs256};
use souk_tests::{Answer, Person, Suite};

/// Asks for the own profile with this token.
async fn shows(person: &Person, token: impl Into<String>) -> Answer {
    person.get("/api/v1/users/me").bearer(token).await
}

#[tokio::test]
async fn a_token_that_was_tampered_with_is_refused() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let token = ana.token().await;
    let jwt = Jwt::read(&token);
    let later = jwt.claims["exp"].as_u64().expect("a token expires") + 3600;
    let forged = [
        jwt.clone().with_claim("sub", bob.id()).tampered(),
        jwt.clone().with_claim("scope", "account users:write suite").tampered(),
        jwt.clone().with_claim("roles", json!(["admin"])).tampered(),
        jwt.clone().with_claim("exp", later).tampered(),
        jwt.clone().with_header("kid", "another").tampered(),
        jwt.clone().with_header("typ", "JWT").tampered(),
        jwt.unsigned(),
        format!("{}AAAA", token),
        token[..token.len() - 4].to_owned(),
    ];
    for token in forged {
        shows(&ana, token).await.is_refused(401, "invalid-token");
    }
    shows(&ana, token).await.is(200).accept();
}

#[tokio::test]
async fn alg_none_is_refused_however_it_is_spelt() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let jwt = Jwt::read(&ana.token().await);
    for alg in ["none", "None", "NONE", "nOnE", "", "ES256 ", "es256"] {
        let unsigned = jwt.clone().with_header("alg", alg).tampered();
        let (content, _) = unsigned.rsplit_once('.').expect("three parts");
        shows(&ana, unsigned.clone()).await.is_refused(401, "invalid-token");
        shows(&ana, format!("{content}.")).await.is_refused(401, "invalid-token");
        shows(&ana, content).await.is_refused(401, "invalid-token");
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret_to_sign_with() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let jwt = Jwt::read(&ana.token().await).with_claim("roles", json!(["admin"]));
    let keys = ana.get("/.well-known/jwks.json").without_token().await.is(200);
    for key in keys.json()["keys"].as_array().expect("a key set") {
        let coordinates = ["x", "y"].map(|name| key[name].as_str().unwrap_or_default());
        let secrets =
            [key.to_string(), keys.json().to_string(), coordinates.concat(), coordinates[0].to_owned()];
        for secret in secrets.iter().map(String::as_bytes).chain([&keys.body[..], b""]) {
            shows(&ana, signed_hs256(&jwt, secret)).await.is_refused(401, "invalid-token");
        }
    }
}

#[tokio::test]
async fn a_key_that_came_with_the_token_is_not_believed() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let real = Jwt::read(&ana.token().await);
    let issuer = real.claims["iss"].as_str().expect("an issuer");
    let kid = real.header["kid"].as_str().expect("a key id");
    // The same key id, another key; and the key itself, or where to find it, in the header.
    for id in [kid, "mine", "../../../../dev/null", "' OR 1=1 --", ""] {
        let key = Key::new(id);
        let jwt = key.access_token(issuer, ana.id(), "account users:read");
        let headers = [
            jwt.clone(),
            jwt.clone().with_header("jwk", key.public()),
            jwt.clone().with_header("jku", "http://127.0.0.1:9/jwks.json"),
            jwt.with_header("x5u", "http://127.0.0.1:9/cert.pem"),
        ];
        for jwt in headers {
            shows(&ana, key.signs(&jwt)).await.is_refused(401, "invalid-token");
        }
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    let deep = format!("{}.{}.AAAA", "a".repeat(2000), "b".repeat(3000));
    let nonsense =
        ["x", ".", "..", "...", "a.b.c", "null", "e30.e30.e30", "😀".trim_end(), &deep, &tokens.refresh];
    for token in nonsense.iter().filter(|token| token.is_ascii()) {
        shows(&ana, *token).await.is_refused(401, "invalid-token");
    }
    let me = || ana.get("/api/v1/users/me").without_token();
    for header in ["Bearer", "Bearer ", "Basic YTpi", "bearer", "Token x", "Bearer a b", "Bearer, Bearer", ""]
    {
        me().header("authorization", header).await.is_refused(401, "invalid-token");
    }
    let (mine, other) = (format!("Bearer {}", tokens.access), "Bearer x");
    me().header("authorization", other).header("authorization", &mine).await.is_refused_somehow();
}

#[tokio::test]
async fn the_scheme_is_spelt_in_any_case() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let token = ana.token().await;
    let me = ana.get("/api/v1/users/me").without_token();
    me.header("authorization", format!("bearer {token}")).await.is(200).accept();
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused_though_its_key_is_ours() {
    let Some(mut shop) = Suite::own_with(&[("public_url", "http://one.example")]).await else { return };
    let ana = shop.sign_up("ana").await;
    let token = ana.token().await;
    assert_eq!(Jwt::read(&token).claims["iss"], "http://one.example");
    shop.is_stopped().await;
    shop.starts_again_with("public_url", "http://two.example").await;
    shows(&ana, token).await.is_refused(401, "invalid-token");
    ana.signs_in().await;
    ana.reads_profile().await.is(200).accept();
}

/// What a client must not be able to say: the names that Spin, proxies and our services give meaning to.
const FORGED_HEADERS: &[(&str, &str)] = &[
    ("souk-identity", "x"),
    ("souk-deadline-ms", "0"),
    ("x-request-id", "req_forged"),
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "evil.example"),
    ("x-original-url", "/internal/maintenance"),
    ("x-http-method-override", "DELETE"),
    ("x-user-id", "usr_00000000000000000000000000"),
    ("x-roles", "admin"),
    ("spin-path-info", "/internal/maintenance"),
    ("spin-matched-route", "/internal/maintenance"),
    ("spin-full-url", "http://users.spin.internal/internal/maintenance"),
    ("spin-client-addr", "127.0.0.1:1"),
    ("forwarded", "for=127.0.0.1"),
];

#[tokio::test]
async fn forged_headers_open_nothing() {
    let shop = Suite::start().await;
    let (stranger, ana) = (shop.stranger(), shop.sign_up("ana").await);
    for (name, value) in FORGED_HEADERS {
        stranger.get("/api/v1/users").header(name, value).await.is_refused(401, "unauthenticated");
        ana.get("/api/v1/users").header(name, value).await.is_refused(403, "insufficient-scope");
        let profile = ana.get("/api/v1/users/me").header(name, value).await.is(200);
        assert_eq!(profile.text("/id"), ana.id(), "{name}");
        assert_ne!(profile.header("x-request-id"), Some(*value), "{name}");
    }
}

#[tokio::test]
async fn even_a_genuine_assertion_is_worth_nothing_from_outside() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    for (audience, issuer) in
        [("users", "gateway"), ("users", "auth"), ("gateway", "gateway"), ("products", "users")]
    {
        let assertion = Key::new("any").access_token(issuer, admin.id(), "");
        let assertion = assertion
            .with_claim("aud", audience)
            .with_claim("exp", now() + 60)
            .with_claim("roles", json!(["admin"]))
            .with_claim("scopes", json!(["users:read", "users:write", "products:write", "suite"]));
        let assertion = signed_hs256(&assertion.with_header("typ", "JWT"), shop.keys().identity.as_bytes());
        let list = || ana.get("/api/v1/users").header("souk-identity", &assertion);
        list().without_token().await.is_refused(401, "unauthenticated");
        list().await.is_refused(403, "insufficient-scope");
        ana.get("/api/v1/users").bearer(&assertion).await.is_refused(401, "invalid-token");
    }
}

/// Paths that a careless proxy would take somewhere else, or that a file server would climb.
const CLIMBING_PATHS: &[&str] = &[
    "/internal/events",
    "/api/v1/internal/events",
    "/api/v1/users/internal/events",
    "/api/v1/users/../internal/events",
    "/api/v1/users/../../../internal/events",
    "/api/v1/users/%2e%2e/internal/events",
    "/api/v1/users/..%2finternal%2fevents",
    "/api/v1/products/..%2f..%2finternal%2fmaintenance",
    "/api/v1/products/%252e%252e%252finternal",
    "/api/v1/products/..;/internal/events",
    "/api/v1//users//me",
    "//api/v1/users/me",
    "//users.spin.internal/users",
    "/api/v1/users/me%00",
    "/api/v1/users/me%0d%0aX-Evil:1",
    "/api/v1/users/me%2f",
    "/api/v1/users%3fq=a",
    "/api/v1/products/%c0%ae%c0%ae/etc/passwd",
    "/api/v1/products/%ff%fe",
    "/api/v1/products/../../../../../../etc/passwd",
    "/docs/../spin.toml",
    "/docs/%2e%2e/%2e%2e/spin.toml",
    "/API/V1/USERS",
    "/api/v1/users/..",
    "/api/v1/./users",
    "/*",
    "/api/v1/products/*",
    "/api/v1/{id}",
    "/api/v1/products/{id}",
];

#[tokio::test]
async fn no_path_leads_inside() {
    let shop = Suite::start().await;
    for path in CLIMBING_PATHS {
        for method in ["GET", "POST"] {
            let answer = shop.is_asked_with(method, path, "Content-Length: 0\r\n").await;
            let status = answer.status.unwrap_or(400);
            assert!((400..500).contains(&status), "{method} {path}: {}", answer.text);
            assert!(
                !answer.text.contains("root:") && !answer.text.contains("spin_manifest"),
                "{}",
                answer.text
            );
        }
    }
}

#[tokio::test]
async fn the_machinery_s_routes_need_its_key() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    for person in [shop.stranger(), ana] {
        person.post("/internal/maintenance", &json!({})).await.is_refused_somehow();
        person.get("/metrics").await.is_refused_somehow();
        person.post("/internal/events", &json!({})).await.is_refused_somehow();
        person
            .post(
                "/api/v1/users/bootstrap",
                &json!({"email": "a@b.example", "password": "long enough it is"}),
            )
            .await
            .is_refused_somehow();
    }
}

#[tokio::test]
async fn requests_that_are_no_http_are_cut_off() {
    let shop = Suite::start().await;
    let host = "Host: localhost\r\n";
    let requests = [
        "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: users.spin.internal\r\nConnection: close\r\n\r\n".to_owned(),
        format!("GET / HTTP/9.9\r\n{host}\r\n"),
        "nonsense\r\n\r\n".to_owned(),
        format!("GET /a b HTTP/1.1\r\n{host}\r\n"),
        format!("POST /api/v1/users HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n"),
        format!("POST /api/v1/users HTTP/1.1\r\n{host}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{{}}   "),
        format!("POST /api/v1/users HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
        format!("GET /health HTTP/1.1\r\n{host}X: {}\r\nConnection: close\r\n\r\n", "x".repeat(600_000)),
        "GET http://users.spin.internal/users HTTP/1.1\r\nHost: users.spin.internal\r\nConnection: close\r\n\r\n".to_owned(),
    ];
    for request in &requests {
        let answer = shop.is_sent(request.as_bytes()).await;
        assert!(!answer.text.contains("\"email\""), "{}", answer.text);
    }
    shop.stranger().get("/health").await.is(200).accept();
}

/// Spin's own server answers 500 to such a header, before any component hears of it: only our host can do better.
#[tokio::test]
async fn a_header_that_is_no_text_is_no_fault_of_ours() {
    let Some(shop) = Suite::own().await else { return };
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n";
    assert!(shop.is_sent(request).await.status.is_none_or(|status| status < 500));
}
