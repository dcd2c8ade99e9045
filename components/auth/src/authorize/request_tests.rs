use super::*;
use crate::clients::Kind;
use souk_kit::Timestamp;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn client() -> Client {
    Client {
        id: "cli_1".into(),
        name: "App".into(),
        kind: Kind::Public,
        secret_hash: None,
        old_secret_hash: None,
        old_secret_until: None,
        redirect_uris: vec!["https://app.example/cb".into(), "http://127.0.0.1/cb".into()],
        post_logout_redirect_uris: vec![],
        scopes: vec!["openid".into(), "account".into(), "orders:read".into()],
        grants: vec![Grant::AuthorizationCode],
        first_party: false,
        created_at: Timestamp::now(),
        updated_at: Timestamp::now(),
        version: 1,
        disabled_at: None,
    }
}

/// A good query, with other values for some parameters; an empty one takes it away.
fn query(changes: &[(&str, &str)]) -> String {
    let good = [
        ("client_id", "cli_1"),
        ("redirect_uri", "https://app.example/cb"),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "s 1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let changed = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let kept = good.into_iter().filter(|(name, _)| !changed(name));
    let all = kept.chain(changes.iter().copied());
    all.map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

fn read(changes: &[(&str, &str)]) -> Result<Request, Failure> {
    Request::read(&query(changes), client())
}

fn code(failure: Failure) -> &'static str {
    match failure {
        Failure::Redirect(refusal) => refusal.code.name(),
        Failure::Page(_) => "a page",
    }
}

#[test]
fn a_good_request_is_read() {
    let request =
        read(&[("nonce", "n"), ("max_age", "60"), ("prompt", "login consent"), ("unknown", "1")]).unwrap();
    assert_eq!(request.target.state.as_deref(), Some("s 1"));
    assert_eq!((request.scope, request.nonce.as_deref()), (vec!["openid"], Some("n")));
    assert_eq!(request.max_age, Some(Duration::from_secs(60)));
    assert!(request.prompt.login && request.prompt.consent && !request.prompt.none);
}

#[test]
fn each_error_has_the_code_that_its_specification_gives_it() {
    for (changes, expected) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("response_type", "code id_token")], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("code_challenge_method", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("scope", "openid nonsense")], "invalid_scope"),
        (&[("scope", "users:write")], "invalid_scope"),
        (&[("scope", "")], "invalid_scope"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "create")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("request", "x")], "request_not_supported"),
        (&[("request_uri", "https://x.example")], "request_uri_not_supported"),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("scope", "openid"), ("scope", "openid")], "invalid_request"),
        (&[("state", "a"), ("state", "b")], "invalid_request"),
        (&[("nonce", &"x".repeat(3000))], "invalid_request"),
    ] {
        assert_eq!(code(read(changes).unwrap_err()), expected, "{changes:?}");
    }
    let mut other = client();
    other.grants = vec![Grant::ClientCredentials];
    assert_eq!(code(Request::read(&query(&[]), other).unwrap_err()), "unauthorized_client");
}

#[test]
fn nobody_is_sent_to_an_address_that_is_not_registered() {
    for uri in [
        "",
        "https://app.example/cb/",
        "https://app.example/CB",
        "https://app.example/cb?x=1",
        "https://app.example/cb#x",
        "https://app.example:443/cb",
        "https://app.example.evil.example/cb",
        "https://app.example@evil.example/cb",
        "http://app.example/cb",
        "//app.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:/cb",
        "http://localhost/cb",
        "http://[::1]/cb",
        "javascript:alert(1)",
    ] {
        assert_eq!(code(read(&[("redirect_uri", uri)]).unwrap_err()), "a page", "{uri}");
    }
    let twice = [("redirect_uri", "https://app.example/cb"), ("redirect_uri", "https://app.example/cb")];
    assert_eq!(code(read(&twice).unwrap_err()), "a page");
    for uri in ["http://127.0.0.1/cb", "http://127.0.0.1:8123/cb"] {
        assert_eq!(read(&[("redirect_uri", uri)]).unwrap().target.redirect_uri, uri);
    }
}

#[test]
fn a_role_can_grant_what_it_has_and_who_one_is() {
    let request = read(&[("scope", "openid account orders:read")]).unwrap();
    assert_eq!(request.grantable(&[Role::Customer]), ["openid", "account"]);
    assert_eq!(request.grantable(&[Role::Merchant]), ["openid", "account", "orders:read"]);
}

#[test]
fn an_answer_keeps_the_query_of_its_address_and_cannot_break_out_of_its_value() {
    let target = Target {
        redirect_uri: "https://app.example/cb?a=1".into(),
        state: Some("x&code=evil#\r\n é".into()),
    };
    assert_eq!(
        target.with("https://shop.example", &[("code", "c")]),
        "https://app.example/cb?a=1&code=c&state=x%26code%3Devil%23%0D%0A%20%C3%A9&iss=https%3A%2F%2Fshop.example"
    );
}
