//! The only public route: what it lets through, what it adds, what it refuses. Tokens are in `edge.rs` and `security.rs`,
//! services that fail in `faults.rs`, what it documents in `documents.rs`, bodies in `bodies.rs`, what is for browsers in
//! `browsers.rs`.

use http::Method;
use serde_json::json;
use souk_tests::contract::{document, operations, problem_kinds};
use souk_tests::{Person, Suite, Until};
use std::collections::{BTreeMap, BTreeSet, HashSet};

#[tokio::test]
async fn what_is_in_no_table_does_not_exist() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    for path in ["/api/v1/nothing", "/api/v1", "/api/v1/", "/api", "/users", "/products", "/internal/events"]
    {
        ana.get(path).await.is_refused(404, "not-found");
    }
    // Every service answers these, to the inside.
    for path in ["/health", "/ready", "/metrics", "/openapi.json", "/internal/maintenance"] {
        for service in ["", "/users", "/auth", "/products"] {
            let answer = ana.get(format!("/api/v1{service}{path}")).await;
            assert!(answer.status.is_client_error(), "{answer}");
        }
    }
}

/// What each path can be asked for, as the document says; HEAD goes with GET, and OPTIONS with everything.
async fn methods(person: &Person) -> BTreeMap<String, BTreeSet<String>> {
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in operations(document(person).await) {
        let of_path = methods.entry(operation.path.clone()).or_insert_with(|| ["OPTIONS".to_owned()].into());
        of_path.insert(operation.method.to_string());
        if operation.method == Method::GET {
            of_path.insert("HEAD".into());
        }
    }
    methods
}

pub fn list(header: Option<&str>) -> BTreeSet<String> {
    header.unwrap_or_default().split(',').map(|one| one.trim().to_owned()).collect()
}

#[tokio::test]
async fn every_path_says_which_methods_it_has() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let known = methods(&stranger).await;
    assert!(known.len() > 15, "only {} paths", known.len());
    for (path, methods) in known {
        let options = stranger.sends(Method::OPTIONS, &path).await.is(204);
        assert_eq!(list(options.header("allow")), methods, "OPTIONS {path}");
        let refused = stranger.sends(Method::TRACE, &path).await.is_refused(405, "method-not-allowed");
        assert_eq!(list(refused.answer().header("allow")), methods, "TRACE {path}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    for path in ["/", "/docs", "/openapi.json", "/health", "/api/v1/categories", "/.well-known/jwks.json"] {
        let get = stranger.get(path).await.is(200);
        let head = stranger.sends(Method::HEAD, path).await.is(200);
        assert!(head.body.is_empty(), "{head}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        let length = head.header("content-length").map(str::to_owned);
        assert!(length.is_none_or(|length| length == get.body.len().to_string()), "the length of {head}");
    }
    stranger.sends(Method::HEAD, "/api/v1/users/me").await.is(401).accept();
}

/// Without its length an answer goes out in chunks, and a kept-alive client waits 40 ms for the last of them.
#[tokio::test]
async fn an_answer_tells_its_length() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let paths = ["/", "/docs", "/ready", "/api/v1/categories", "/api/v1/users/me", "/api/v1/nothing"];
    for path in paths {
        let answer = ana.get(path).await;
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()), "{path}");
    }
}

#[tokio::test]
async fn every_answer_can_be_found_in_the_logs() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let mut ids = HashSet::new();
    for path in ["/", "/health", "/api/v1/products", "/api/v1/users", "/api/v1/nothing", "/nothing"] {
        let answer = stranger.get(path).await;
        let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{answer} has no id")).to_owned();
        assert!(id.starts_with("req_") && ids.insert(id), "the id of {answer} is not its own");
        assert!(answer.header("traceparent").is_some_and(|trace| trace.len() == 55), "{answer}");
    }
}

#[tokio::test]
async fn the_suite_is_ready_when_every_service_is() {
    let Some(shop) = Suite::own().await else { return };
    let stranger = shop.stranger();
    let ready = stranger.get("/ready").await.is(200);
    assert_eq!(ready.json()["status"], "ready");
    let services: BTreeSet<_> =
        ready.json()["services"].as_object().expect("services").keys().cloned().collect();
    let expected = [
        "auth",
        "billing",
        "customers",
        "inventory",
        "orders",
        "payments",
        "prices",
        "products",
        "rules",
        "transactions",
        "users",
    ];
    assert_eq!(services, expected.map(str::to_owned).into());
    shop.faults().unreachable("products", Until::Cleared);
    let unready = stranger.get("/ready").await.is_refused(503, "unavailable");
    assert!(unready.answer().text("/detail").contains("products"), "{}", unready.answer());
    // Whether the process lives is another question.
    stranger.get("/health").await.is(200).accept();
    shop.faults().clear();
    stranger.get("/ready").await.is(200).accept();
}

#[tokio::test]
async fn one_call_does_the_housekeeping_of_all() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    // auth does not hear of it at once, so that the event has to wait for the housekeeping.
    shop.faults().fail("auth", 503, Until::Times(1));
    ana.deletes_account().await.is(204).accept();
    let maintenance = || ana.sends(Method::POST, "/internal/maintenance");
    maintenance().await.is_refused(401, "unauthenticated");
    maintenance().bearer(&shop.keys().identity).await.is_refused(401, "unauthenticated");
    maintenance().bearer(&shop.keys().maintenance).await.is(204).accept();
    shop.has_delivered().await;
    ana.refreshes(&tokens.refresh).await.is_refused_somehow();
}

#[tokio::test]
async fn who_operates_the_suite_sees_its_rates() {
    let Some(shop) = Suite::own().await else { return };
    let stranger = shop.stranger();
    stranger.get("/api/v1/categories").await.is(200).accept();
    stranger.get("/metrics").await.is_refused(401, "unauthenticated");
    let counted =
        "http_requests_total{service=\"gateway\",method=\"GET\",route=\"/categories\",status=\"200\"} ";
    // An instance adds up what it has counted a moment later.
    for _ in 0..100 {
        let metrics = stranger.get("/metrics").bearer(&shop.keys().maintenance).await.is(200);
        if String::from_utf8_lossy(&metrics.body).contains(counted) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the request was not counted under its route");
}

#[tokio::test]
async fn every_kind_of_problem_has_its_page() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let kinds = problem_kinds(&stranger).await;
    assert!(kinds.len() > 17, "only {} kinds", kinds.len());
    for (kind, (status, title)) in kinds {
        let path = format!("/problems/{kind}");
        let page = stranger.get(&path).header("accept", "text/html,*/*;q=0.8").await.is(200);
        assert!(page.header("content-type").is_some_and(|it| it.starts_with("text/html")), "{page}");
        let data = stranger.get(&path).header("accept", "application/json").await.is(200);
        assert_eq!(data.json()["status"], *status, "{data}");
        assert_eq!(data.json()["title"], title.as_str(), "{data}");
    }
    for path in ["/problems/nothing", "/problems/%3Cscript%3E", "/problems/", "/problems"] {
        stranger.get(path).await.is_refused(404, "not-found");
    }
}

#[tokio::test]
async fn pages_need_no_script() {
    let shop = Suite::start().await;
    for path in ["/", "/docs", "/problems/not-found"] {
        let page = shop.stranger().get(path).await.is(200);
        let html = String::from_utf8_lossy(&page.body).to_lowercase();
        for active in ["<script", "<iframe", "<object", "javascript:", "onclick", "onload", "onerror"] {
            assert!(!html.contains(active), "{path} has {active}");
        }
        assert!(html.contains("<html lang=") && html.contains("name=\"viewport\""), "{path}");
    }
}

#[tokio::test]
async fn a_token_in_the_address_is_refused_since_addresses_are_logged() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let token = ana.token().await;
    let asked = ana.get(format!("/api/v1/users/me?access_token={token}")).without_token().await;
    asked.is_refused(400, "malformed-request").with_field("access_token");
    ana.get(format!("/api/v1/products?q=lamp&access_token={token}"))
        .await
        .is_refused(400, "malformed-request");
}

#[tokio::test]
async fn a_bad_token_is_refused_even_where_none_is_needed() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    for path in ["/api/v1/products", "/api/v1/categories", "/.well-known/jwks.json"] {
        let refused = stranger.get(path).bearer("nonsense").await.is_refused(401, "invalid-token");
        let challenge = refused.answer().header("www-authenticate").unwrap_or_default().to_owned();
        assert!(
            challenge.starts_with("Bearer ") && challenge.contains("error=\"invalid_token\""),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn a_challenge_says_what_is_missing() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let refused = ana.get("/api/v1/users").await.is_refused(403, "insufficient-scope");
    let challenge = refused.answer().header("www-authenticate").unwrap_or_default();
    assert!(
        challenge.contains("error=\"insufficient_scope\"") && challenge.contains("scope=\"users:read\""),
        "{challenge}"
    );
    // RFC 6750, section 3.1: who sent no token is told of no error.
    let refused = ana.get("/api/v1/users").without_token().await.is_refused(401, "unauthenticated");
    let challenge = refused.answer().header("www-authenticate").unwrap_or_default();
    assert!(challenge.starts_with("Bearer ") && !challenge.contains("error"), "{challenge}");
}

#[tokio::test]
async fn a_service_that_is_down_is_missing_in_the_documentation_and_nothing_else() {
    let Some(shop) = Suite::own().await else { return };
    shop.faults().unreachable("users", Until::Cleared);
    let stranger = shop.stranger();
    let document = stranger.get("/openapi.json").await.is(200);
    assert_eq!(document.json()["x-unavailable"], json!(["users"]));
    assert!(document.json()["paths"]["/api/v1/products"].is_object());
    stranger.get("/docs").await.is(200).accept();
    stranger.get("/problems/not-found").await.is(200).accept();
    shop.faults().clear();
    let whole = stranger.get("/openapi.json").await.is(200);
    assert!(
        whole.json().get("x-unavailable").is_none() && whole.json()["paths"]["/api/v1/users"].is_object()
    );
}

#[tokio::test]
async fn an_answer_without_content_has_no_length() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let answer = ana.deletes_account().await.is(204);
    assert!(answer.header("content-length").is_none(), "{:?}", answer.headers);
}

#[tokio::test]
async fn caches_keep_what_a_caller_sees_from_what_a_stranger_sees() {
    let shop = Suite::start().await;
    let answer = shop.stranger().get("/api/v1/categories").await.is(200);
    let varies =
        answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>();
    let varies = varies.join(", ").to_lowercase();
    assert!(varies.contains("authorization") && varies.contains("origin"), "{varies}");
}
