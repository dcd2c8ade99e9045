//! Clients: who may ask for tokens, as administrators decide.

use http::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::oauth::{Client, app, basic, machine, site};
use souk_tests::{Person, Suite};

const CLIENTS: &str = "/api/v1/auth/clients";

fn path(client: &Client) -> String {
    format!("{CLIENTS}/{}", client.id)
}

#[tokio::test]
async fn an_administrator_creates_a_client_and_is_told_its_secret_once() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let answer = admin.post(CLIENTS, &site(&["openid", "account"])).await.is(201);
    let (id, secret) = (answer.text("/id").to_owned(), answer.text("/client_secret").to_owned());
    assert!(id.starts_with("cli_") && secret.starts_with("scs_") && secret.len() > 40);
    assert_eq!(answer.header("location"), Some(format!("{CLIENTS}/{id}").as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let read = admin.get(format!("{CLIENTS}/{id}")).await.is(200);
    assert_eq!(read.etag(), answer.etag());
    let mut expected = answer.json().clone();
    expected.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(*read.json(), expected);
    let public = admin.post(CLIENTS, &app(&["openid"])).await.is(201);
    assert!(public.json().get("client_secret").is_none(), "{public}");
}

#[tokio::test]
async fn clients_are_listed_page_by_page_without_the_suites_own() {
    let Some(shop) = Suite::own().await else { return };
    let admin = shop.admin().await;
    let mut created = Vec::new();
    for _ in 0..5 {
        created.push(shop.client(&machine(&["orders:read"])).await.id);
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(format!("{CLIENTS}?limit=2{cursor}")).await.is(200);
        let items = page.json()["items"].as_array().unwrap().clone();
        assert!(items.iter().all(|item| item.get("client_secret").is_none()));
        found.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, created);
}

#[tokio::test]
async fn what_does_not_go_together_is_no_client() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let with = |change: Value| {
        let mut client = site(&["openid"]);
        client.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        client
    };
    for (change, field) in [
        (json!({"name": " "}), "/name"),
        (json!({"name": "a\u{7}b"}), "/name"),
        (json!({"name": "\u{202e}b"}), "/name"),
        (json!({"name": "\u{200b}"}), "/name"),
        (json!({"grants": []}), "/grants"),
        (json!({"grants": ["implicit"]}), "/grants/0"),
        (json!({"grants": ["password"]}), "/grants/0"),
        (json!({"grants": ["refresh_token"]}), "/grants"),
        (json!({"kind": "public", "grants": ["client_credentials"]}), "/grants"),
        (json!({"redirect_uris": []}), "/redirect_uris"),
        (json!({"redirect_uris": ["http://app.example/callback"]}), "/redirect_uris/0"),
        (json!({"redirect_uris": ["https://*.example/callback"]}), "/redirect_uris/0"),
        (json!({"redirect_uris": ["https://app.example/callback#x"]}), "/redirect_uris/0"),
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "/redirect_uris/0"),
        (json!({"post_logout_redirect_uris": ["//app.example"]}), "/post_logout_redirect_uris/0"),
        (json!({"scopes": ["openid", "root"]}), "/scopes/1"),
        (json!({"scopes": ["openid account"]}), "/scopes/0"),
        (json!({"secret": "mine"}), "/secret"),
    ] {
        admin.post(CLIENTS, &with(change.clone())).await.is_refused(422, "invalid-request").with_field(field);
    }
}

#[tokio::test]
async fn a_client_changes_version_by_version() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let client = shop.client(&site(&["openid", "account"])).await;
    let tag = admin.get(path(&client)).await.is(200).etag().to_owned();
    let change = json!({"name": "renamed", "scopes": ["openid"], "first_party": true});
    let changed = admin.patch(path(&client), &change).if_match(&tag).await.is(200);
    assert_eq!((changed.text("/name"), &changed.json()["scopes"]), ("renamed", &json!(["openid"])));
    assert_ne!(changed.etag(), tag);
    admin.patch(path(&client), &change).if_match(&tag).await.is_refused(412, "precondition-failed");
    admin.delete(path(&client)).if_match(&tag).await.is_refused(412, "precondition-failed");
    let wrong = json!({"redirect_uris": []});
    admin.patch(path(&client), &wrong).await.is_refused(422, "invalid-request").with_field("/redirect_uris");
    let kind = json!({"kind": "public"});
    admin.patch(path(&client), &kind).await.is_refused(422, "invalid-request").with_field("/kind");
    admin.delete(path(&client)).await.is(204).accept();
    admin.get(path(&client)).await.is_refused(404, "not-found");
    admin.delete(path(&client)).await.is_refused(404, "not-found");
    for id in ["souk-web", "cli_00000000000000000000000000"] {
        let path = format!("{CLIENTS}/{id}");
        admin.get(path.as_str()).await.is_refused(404, "not-found");
        admin.delete(path.as_str()).await.is_refused(404, "not-found");
        admin.patch(path.as_str(), &change).await.is_refused(404, "not-found");
        let secret = format!("{path}/secret");
        admin.post(secret, &json!({})).await.is_refused(404, "not-found");
    }
}

#[tokio::test]
async fn a_new_secret_replaces_the_old_one_at_once_or_after_a_while() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let client = shop.client(&machine(&["orders:read"])).await;
    let rotates = async |overlap: u32| {
        let answer =
            admin.post(format!("{}/secret", path(&client)), &json!({"overlap_s": overlap})).await.is(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let secret = Some(answer.text("/client_secret").to_owned());
        (Client { secret, ..client.clone() }, answer.json()["old_secret_until"].is_string())
    };
    client.acts(None).await.is(200).accept();
    let (second, overlaps) = rotates(600).await;
    assert!(overlaps);
    client.acts(None).await.is(200).accept();
    second.acts(None).await.is(200).accept();
    let (third, overlaps) = rotates(0).await;
    assert!(!overlaps);
    client.acts(None).await.is_oauth_error("invalid_client");
    second.acts(None).await.is_oauth_error("invalid_client");
    third.acts(None).await.is(200).accept();
    let public = shop.client(&app(&["openid"])).await;
    let secret = format!("{}/secret", path(&public));
    admin.post(secret.as_str(), &json!({})).await.is_refused(409, "client-has-no-secret");
    let long = admin.post(format!("{}/secret", path(&client)), &json!({"overlap_s": 86_401})).await;
    long.is_refused(422, "invalid-request").with_field("/overlap_s");
}

#[tokio::test]
async fn an_old_secret_expires_and_is_forgotten() {
    let Some(shop) = Suite::own().await else { return };
    let admin = shop.admin().await;
    let client = shop.client(&machine(&["orders:read"])).await;
    admin.post(format!("{}/secret", path(&client)), &json!({"overlap_s": 60})).await.is(200).accept();
    client.acts(None).await.is(200).accept();
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    let earlier =
        "UPDATE clients SET old_secret_until = old_secret_until - 60001 WHERE old_secret_until IS NOT NULL";
    assert_eq!(database.execute(earlier, []).unwrap(), 1);
    client.acts(None).await.is_oauth_error("invalid_client");
    shop.ticks().await;
    let left = "SELECT count(*) FROM clients WHERE old_secret_hash IS NOT NULL";
    assert_eq!(database.query_row(left, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
}

#[tokio::test]
async fn a_disabled_client_gets_nothing_until_it_is_enabled() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let client = shop.client(&machine(&["orders:read"])).await;
    admin.patch(path(&client), &json!({"disabled": true})).await.is(200).accept();
    client.acts(None).await.is_oauth_error("invalid_client");
    admin.patch(path(&client), &json!({"disabled": false})).await.is(200).accept();
    client.acts(None).await.is(200).accept();
}

/// Calls as a client, by a token of its own.
async fn acts_with(client: &Client, scope: &str) -> String {
    client.acts(Some(scope)).await.is(200).text("/access_token").to_owned()
}

#[tokio::test]
async fn nobody_gets_hold_of_more_than_they_have_by_way_of_a_client() {
    let shop = Suite::start().await;
    let keeper = shop.client(&machine(&["clients:read", "clients:write", "orders:read"])).await;
    let token = acts_with(&keeper, "clients:read clients:write orders:read").await;
    let stranger: Person = shop.stranger();
    let create = |new: &Value| stranger.post(CLIENTS, new).bearer(token.as_str());
    create(&machine(&["orders:read"])).await.is(201).accept();
    create(&machine(&["orders:read", "users:write"])).await.is_refused(403, "forbidden");
    let mighty = shop.client(&machine(&["users:write"])).await;
    let change = json!({"name": "mine"});
    stranger.patch(path(&mighty), &change).bearer(token.as_str()).await.is_refused(403, "forbidden");
    let rotate = stranger.post(format!("{}/secret", path(&mighty)), &json!({})).bearer(token.as_str());
    rotate.await.is_refused(403, "forbidden");
    stranger.get(path(&mighty)).bearer(token.as_str()).await.is(200).accept();
}

#[tokio::test]
async fn merchants_and_customers_decide_on_no_clients() {
    let shop = Suite::start().await;
    let (ana, merchant) = (shop.sign_up("ana").await, shop.merchant().await);
    for person in [&ana, &merchant] {
        person.get(CLIENTS).await.is_refused(403, "insufficient-scope");
        person.post(CLIENTS, &machine(&["orders:read"])).await.is_refused(403, "insufficient-scope");
    }
}

#[tokio::test]
async fn no_secret_of_a_client_is_on_the_disk() {
    let Some(mut shop) = Suite::own().await else { return };
    let client = shop.client(&machine(&["orders:read"])).await;
    client.acts(None).await.is(200).accept();
    let secret = client.secret.clone().unwrap();
    shop.is_stopped().await;
    for file in std::fs::read_dir(shop.state()).unwrap().flatten().filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{} holds a secret", file.path().display());
    }
    shop.starts_again().await;
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_look_the_same() {
    let shop = Suite::start().await;
    let client = shop.client(&machine(&["orders:read"])).await;
    let asks = async |authorization: String| {
        let request =
            client.person.sends(Method::POST, "/oauth2/token").header("authorization", authorization);
        request.body("application/x-www-form-urlencoded", "grant_type=client_credentials").await
    };
    let wrong = asks(basic(&client.id, "scs_wrong")).await.is_oauth_error("invalid_client");
    let unknown = asks(basic("cli_00000000000000000000000000", "scs_wrong")).await;
    let unknown = unknown.is_oauth_error("invalid_client");
    assert_eq!(wrong.answer().json(), unknown.answer().json());
}
