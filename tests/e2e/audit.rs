//! The audit log: who did what, and from where. What the OAuth endpoints add to it is in `oauth_audit.rs`.

use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::{Answer, Person, Suite, unique};
use std::time::Duration;

/// How long an event may be on its way to the log.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

async fn searches(admin: &Person, query: &str) -> Answer {
    admin.get(format!("/api/v1/auth/audit?{query}")).await
}

async fn found(admin: &Person, query: &str) -> Vec<Value> {
    let page = searches(admin, query).await.is(200);
    page.json()["items"].as_array().expect("a page has items").clone()
}

/// The entries, once there are as many: what users tell of takes a moment.
async fn comes(admin: &Person, query: &str, many: usize) -> Vec<Value> {
    let until = tokio::time::Instant::now() + ON_ITS_WAY;
    loop {
        let entries = found(admin, query).await;
        if entries.len() >= many || tokio::time::Instant::now() > until {
            assert_eq!(entries.len(), many, "{query}: {entries:#?}");
            return entries;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_sign_in_is_noted_with_who_and_from_where() {
    let shop = Suite::start().await;
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let login = json!({"email": ana.email(), "password": ana.password()});
    let request = ana.post("/api/v1/auth/login", &login).without_token().header("user-agent", "Tester/1");
    let answer = request.await.is(200);
    let entries = found(&admin, &format!("user={}&kind=sign_in.ok", ana.id())).await;
    assert_eq!(entries.len(), 1, "{entries:#?}");
    let entry = &entries[0];
    assert_eq!((&entry["kind"], &entry["user_id"]), (&json!("sign_in.ok"), &json!(ana.id())));
    assert_eq!((&entry["times"], &entry["user_agent"]), (&json!(1), &json!("Tester/1")));
    assert_eq!(entry["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(entry["address"], "127.0.0.1");
    let session = &ana.get("/api/v1/auth/sessions").bearer(answer.text("/access_token")).await.is(200);
    assert_eq!(entry["session_id"], session.json()["items"][0]["id"]);
}

#[tokio::test]
async fn wrong_passwords_are_counted_and_found_by_the_address_that_they_were_for() {
    let shop = Suite::start().await;
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    for _ in 0..3 {
        ana.signs_in_as(ana.email(), "not her password").await.is_refused(401, "wrong-credentials");
    }
    let nobody = format!("{}@example.com", unique("nobody"));
    ana.signs_in_as(&nobody, "not her password").await.is_refused(401, "wrong-credentials");
    let of_ana = found(&admin, &format!("kind=sign_in.failed&email={}", ana.email())).await;
    let times: i64 = of_ana.iter().map(|entry| entry["times"].as_i64().unwrap_or_default()).sum();
    // The minute may have turned between them.
    assert!(times == 3 && of_ana.len() <= 2, "{of_ana:#?}");
    assert_eq!(found(&admin, &format!("email={nobody}")).await.len(), 1);
    assert!(!json!(of_ana).to_string().contains(ana.email()), "no address is kept that need not be one");
    assert!(found(&admin, &format!("email={}", unique("other"))).await.is_empty());
}

#[tokio::test]
async fn who_has_to_wait_is_noted_too() {
    let shop = Suite::start().await;
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    for _ in 0..8 {
        ana.signs_in_as(ana.email(), "not her password").await.is_refused_somehow();
    }
    let slowed = found(&admin, &format!("kind=sign_in.slowed&email={}", ana.email())).await;
    let times: i64 = slowed.iter().map(|entry| entry["times"].as_i64().unwrap_or_default()).sum();
    assert!(times > 0, "{slowed:#?}");
}

#[tokio::test]
async fn what_happens_to_an_account_is_noted_with_who_did_it() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let of_ana = |kind: &str| format!("user={}&kind={kind}", ana.id());
    let registered = comes(&admin, &of_ana("user.registered"), 1).await;
    assert_eq!(
        (&registered[0]["actor"], &registered[0]["address"]),
        (&json!("anonymous"), &json!("127.0.0.1"))
    );
    assert_eq!(registered[0]["detail"], json!({"roles": ["customer"]}));

    let answer = admin.gives_roles(&ana, &["customer", "merchant"]).await.is(200);
    let changed = comes(&admin, &of_ana("user.roles_changed"), 1).await;
    assert_eq!(changed[0]["actor"], admin.id());
    assert_eq!(changed[0]["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(changed[0]["detail"], json!({"roles": ["customer", "merchant"]}));

    ana.signs_in().await;
    ana.signs_in().await;
    ana.changes_password("another horse battery").await.is(204).accept();
    let password = comes(&admin, &of_ana("user.password_changed"), 1).await;
    assert_eq!(password[0]["actor"], ana.id());
    assert_eq!(password[0]["detail"], json!({"sessions_ended": 1}), "the other session of two");

    ana.deletes_account().await.is(204).accept();
    let deleted = comes(&admin, &of_ana("user.deleted"), 1).await;
    assert_eq!(
        (&deleted[0]["actor"], &deleted[0]["detail"]),
        (&json!(ana.id()), &json!({"sessions_ended": 1}))
    );
}

#[tokio::test]
async fn the_end_of_a_session_is_noted_once() {
    let shop = Suite::start().await;
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let tokens = ana.tokens().await;
    for _ in 0..2 {
        ana.signs_out(&tokens.refresh).await.is(204).accept();
    }
    let ended = format!("user={}&kind=session.ended", ana.id());
    assert_eq!(found(&admin, &ended).await.len(), 1);
    let (stays, goes) = (ana.signs_in().await, ana.signs_in().await);
    ana.holds(Some(stays)).await;
    let sessions = ana.get("/api/v1/auth/sessions").bearer(&goes.access).await.is(200);
    let other = sessions.json()["items"].as_array().expect("sessions").iter();
    let other = other.clone().find(|session| session["current"] == false).expect("another session");
    let path = format!("/api/v1/auth/sessions/{}", other["id"].as_str().expect("an id"));
    ana.delete(&path).bearer(&goes.access).await.is(204).accept();
    ana.delete(&path).bearer(&goes.access).await.is_refused(404, "not-found");
    let entries = found(&admin, &ended).await;
    assert_eq!(entries.len(), 2, "{entries:#?}");
    assert_eq!((&entries[0]["session_id"], &entries[0]["actor"]), (&other["id"], &json!(ana.id())));
}

#[tokio::test]
async fn a_stolen_refresh_token_is_noted_when_it_comes_again() {
    let shop = Suite::start().await;
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let first = ana.tokens().await.refresh;
    let second = ana.refreshes(&first).await.is(200).text("/refresh_token").to_owned();
    ana.refreshes(&second).await.is(200).accept();
    ana.refreshes(&first).await.is_refused(401, "refresh-token-reused");
    ana.refreshes(&first).await.is_refused_somehow();
    let entries = found(&admin, &format!("user={}&kind=refresh.reused", ana.id())).await;
    assert_eq!(entries.len(), 1, "{entries:#?}");
    assert!(entries[0]["session_id"].is_string());
}

#[tokio::test]
async fn who_turns_the_keys_is_noted() {
    let Some(shop) = Suite::own().await else { return };
    let admin = shop.admin().await;
    admin.post("/api/v1/auth/keys/rotate", &json!({})).await.is(200).accept();
    let actors: Vec<_> =
        found(&admin, "kind=keys.rotated").await.iter().map(|entry| entry["actor"].clone()).collect();
    assert_eq!(actors, [json!(admin.id()), json!("service")], "the first was made when it was needed");
}

#[tokio::test]
async fn the_log_is_read_in_pages_newest_first_and_between_two_instants() {
    let Some(shop) = Suite::own().await else { return };
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    for _ in 0..5 {
        ana.signs_in().await;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let query = format!("user={}&kind=sign_in.ok", ana.id());
    let all = found(&admin, &query).await;
    assert_eq!(all.len(), 5);
    let ids: Vec<_> = all.iter().map(|entry| entry["id"].as_str().unwrap_or_default()).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
    let first = searches(&admin, &format!("{query}&limit=2")).await.is(200);
    let rest = format!("{query}&limit=3&cursor={}", first.text("/next_cursor"));
    assert_eq!([first.json()["items"].as_array().unwrap().clone(), found(&admin, &rest).await].concat(), all);

    let at = |index: usize| all[index]["at"].as_str().expect("an instant").to_owned();
    let between = found(&admin, &format!("{query}&from={}&to={}", at(3), at(1))).await;
    assert_eq!(between, all[2..4].to_vec(), "from is included, to is not");
    assert!(found(&admin, &format!("{query}&address=192.0.2.1")).await.is_empty());
    assert_eq!(found(&admin, &format!("{query}&address=127.0.0.1")).await.len(), 5);
    for odd in ["kind=luck", "user=ana", "from=yesterday", "limit=0", "cursor=x", "who=ana", "address="] {
        searches(&admin, odd).await.is_refused_somehow();
    }
}

#[tokio::test]
async fn only_administrators_read_the_log() {
    let shop = Suite::start().await;
    shop.stranger().get("/api/v1/auth/audit").await.is_refused(401, "unauthenticated");
    shop.merchant().await.get("/api/v1/auth/audit").await.is_refused(403, "insufficient-scope");
}

/// Entries with ids as of so many days ago.
fn adds(shop: &Suite, many: i64, is_failure: bool, days_ago: i64) {
    let database = Connection::open(shop.state().join("auth.db")).expect("auth has a database");
    let kind = if is_failure { "sign_in.failed" } else { "sign_in.ok" };
    // The first 48 bits of an id are its milliseconds: made of the newest there is, by taking time off it.
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO audit (id, at, last_at, kind, is_failure, flood)
         SELECT ?4 || printf('%016d', i), 0, 0, ?2, ?3, CASE ?3 WHEN 1 THEN randomblob(32) END FROM n";
    let prefix = id_of(days_ago);
    database.execute(sql, rusqlite::params![many, kind, is_failure, prefix]).expect("entries");
}

/// What an id of that day begins with.
fn id_of(days_ago: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let millis = i64::try_from(now.as_millis()).expect("a time") - days_ago * 86_400_000;
    let alphabet = b"0123456789abcdefghjkmnpqrstvwxyz";
    // 48 bits and two of the version: ten digits of five bits.
    let bits = millis << 2;
    let digits = (0..10)
        .rev()
        .map(|place| char::from(alphabet[usize::try_from(bits >> (5 * place)).unwrap_or(0) & 31]));
    format!("aud_{}", digits.collect::<String>())
}

fn count(shop: &Suite, condition: &str) -> i64 {
    let database = Connection::open(shop.state().join("auth.db")).expect("auth has a database");
    let sql = format!("SELECT count(*) FROM audit WHERE {condition}");
    database.query_row(&sql, [], |row| row.get(0)).expect("a number")
}

#[tokio::test]
async fn old_entries_are_forgotten() {
    let Some(shop) = Suite::own_with(&[("audit_days", "30")]).await else { return };
    shop.sign_up("ana").await.tokens().await;
    adds(&shop, 20, false, 29);
    adds(&shop, 20, false, 31);
    adds(&shop, 20, true, 400);
    shop.ticks().await;
    assert_eq!((count(&shop, "at = 0"), count(&shop, "at > 0 AND kind = 'sign_in.ok'")), (20, 1));
}

#[tokio::test]
async fn a_flood_of_failures_drives_out_nothing_but_failures() {
    let Some(shop) = Suite::own_with(&[("audit_rows", "100")]).await else { return };
    shop.sign_up("ana").await.tokens().await;
    adds(&shop, 300, true, 0);
    adds(&shop, 20, false, 3);
    shop.ticks().await;
    assert_eq!((count(&shop, "is_failure = 1"), count(&shop, "at = 0 AND is_failure = 0")), (50, 20));
    adds(&shop, 300, false, 5);
    shop.ticks().await;
    assert_eq!(count(&shop, "is_failure = 0"), 50, "and everything else is bounded too");
    assert_eq!(count(&shop, "kind = 'sign_in.ok' AND at > 0"), 1, "the oldest went");
}
