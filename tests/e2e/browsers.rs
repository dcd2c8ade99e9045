//! What the gateway does for browsers: headers that make them careful, and pages of other origins.

use crate::gateway::list;
use http::Method;
use souk_tests::{Answer, Person, Suite};

fn is_hardened(answer: &Answer) {
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{answer}");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{answer}");
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[tokio::test]
async fn a_browser_is_told_to_be_careful_with_every_answer() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let paths = [
        "/",
        "/docs",
        "/openapi.json",
        "/ready",
        "/problems/not-found",
        "/api/v1/categories",
        "/api/v1/users/me",
        "/api/v1/users",
        "/api/v1/nothing",
        "/nothing",
        "/.well-known/jwks.json",
    ];
    for path in paths {
        let answer = ana.get(path).await;
        is_hardened(&answer);
        assert!(
            answer.header("strict-transport-security").is_none(),
            "{answer} insists on TLS over plain HTTP"
        );
        assert!(
            answer.headers.keys().all(|name| !name.as_str().starts_with("souk-")),
            "{:?}",
            answer.headers
        );
    }
}

#[tokio::test]
async fn a_suite_behind_tls_insists_on_it() {
    let Some(shop) = Suite::own_with(&[("public_url", "https://shop.example")]).await else { return };
    let answer = shop.stranger().get("/api/v1/categories").await.is(200);
    let policy = answer.header("strict-transport-security").unwrap_or_default();
    assert!(policy.starts_with("max-age="), "{policy}");
}

/// What a browser asks before a page of `origin` may send a request of `method` with headers of its own.
async fn preflight(person: &Person, path: &str, origin: &str, method: &str) -> Answer {
    let request = person.sends(Method::OPTIONS, path).header("origin", origin);
    request.header("access-control-request-method", method).await
}

#[tokio::test]
async fn pages_of_listed_origins_may_call_the_api() {
    let variables =
        [("public_url", "https://shop.example"), ("cors_origins", "https://a.example http://b.example:81")];
    let Some(shop) = Suite::own_with(&variables).await else { return };
    let stranger = shop.stranger();
    for origin in ["https://shop.example", "https://a.example", "http://b.example:81"] {
        let answer = preflight(&stranger, "/api/v1/products", origin, "POST").await.is(204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{:?}", answer.headers);
        assert!(list(answer.header("access-control-allow-methods")).contains("POST"), "{:?}", answer.headers);
        let headers = list(answer.header("access-control-allow-headers"));
        for name in ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match"] {
            assert!(headers.contains(name), "{name} is not in {headers:?}");
        }
        assert!(answer.header("access-control-allow-credentials").is_none(), "tokens travel in a header");
        let answer = stranger.get("/api/v1/categories").header("origin", origin).await.is(200);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{:?}", answer.headers);
        assert!(list(answer.header("access-control-expose-headers")).contains("x-request-id"));
        // A page must be able to read why it was refused.
        let refused = stranger.get("/api/v1/users").header("origin", origin).await;
        assert_eq!(refused.header("access-control-allow-origin"), Some(origin), "{:?}", refused.headers);
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_not() {
    let Some(shop) = Suite::own_with(&[("cors_origins", "https://a.example")]).await else { return };
    let stranger = shop.stranger();
    let others = [
        "https://evil.example",
        "http://a.example",
        "https://a.example:444",
        "https://a.example.evil.example",
        "null",
        "",
    ];
    for origin in others {
        let asked = preflight(&stranger, "/api/v1/products", origin, "POST").await;
        let got = stranger.get("/api/v1/categories").header("origin", origin).await.is(200);
        for answer in [asked, got] {
            assert!(answer.header("access-control-allow-origin").is_none(), "{origin}: {:?}", answer.headers);
        }
    }
}

#[tokio::test]
async fn any_origin_may_if_the_operator_says_so() {
    let Some(shop) = Suite::own_with(&[("cors_origins", "*")]).await else { return };
    let origin = "https://anywhere.example";
    let answer = shop.stranger().get("/api/v1/categories").header("origin", origin).await.is(200);
    let allowed = answer.header("access-control-allow-origin");
    assert!(allowed == Some("*") || allowed == Some(origin), "{:?}", answer.headers);
    assert!(answer.header("access-control-allow-credentials").is_none(), "{:?}", answer.headers);
}
