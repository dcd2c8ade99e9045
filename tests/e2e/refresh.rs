//! Refresh tokens: each is good once, and one that comes back ends its session.

use rusqlite::Connection;
use serde_json::json;
use souk_tests::Suite;
use souk_tests::token::Jwt;
use tokio::join;

#[tokio::test]
async fn a_refresh_token_gives_new_tokens() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let old = ana.tokens().await;
    let mut refresh = old.refresh.clone();
    for _ in 0..3 {
        let answer = ana.refreshes(&refresh).await.is(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let (new, access) = (answer.text("/refresh_token"), answer.text("/access_token"));
        assert!(new != refresh && access != old.access);
        assert_eq!(Jwt::read(access).claims["sid"], Jwt::read(&old.access).claims["sid"]);
        ana.get("/api/v1/users/me").bearer(access).await.is(200).accept();
        refresh = new.to_owned();
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_its_session_and_no_other() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let (elsewhere, stolen) = (ana.signs_in().await, ana.signs_in().await);
    let second = ana.refreshes(&stolen.refresh).await.is(200).text("/refresh_token").to_owned();
    let third = ana.refreshes(&second).await.is(200).text("/refresh_token").to_owned();
    ana.refreshes(&stolen.refresh).await.is_refused_somehow();
    for token in [&stolen.refresh, &second, &third] {
        ana.refreshes(token).await.is_refused(401, "invalid-refresh-token");
    }
    ana.refreshes(&elsewhere.refresh).await.is(200).accept();
}

/// As if the session's last refresh had been so much earlier.
fn time_passes_for_sessions(shop: &Suite, millis: i64) {
    let database = Connection::open(shop.state().join("auth.db")).unwrap();
    let earlier = "UPDATE sessions SET created_at = created_at - ?1, last_used_at = last_used_at - ?1";
    assert!(database.execute(earlier, [millis]).unwrap() > 0);
}

#[tokio::test]
async fn tabs_that_refresh_at_once_get_the_same_token_and_stay_signed_in() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let token = ana.tokens().await.refresh;
    let (a, b, c) = join!(ana.refreshes(&token), ana.refreshes(&token), ana.refreshes(&token));
    let (a, b, c) = (a.is(200), b.is(200), c.is(200));
    assert_eq!(a.text("/refresh_token"), b.text("/refresh_token"));
    assert_eq!(a.text("/refresh_token"), c.text("/refresh_token"));
    for answer in [&a, &b, &c] {
        ana.get("/api/v1/users/me").bearer(answer.text("/access_token")).await.is(200).accept();
    }
    ana.refreshes(a.text("/refresh_token")).await.is(200).accept();
}

#[tokio::test]
async fn a_token_that_comes_back_after_seconds_ends_its_session() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let first = ana.tokens().await.refresh;
    let second = ana.refreshes(&first).await.is(200).text("/refresh_token").to_owned();
    time_passes_for_sessions(&shop, 10_001);
    ana.refreshes(&first).await.is_refused(401, "refresh-token-reused");
    ana.refreshes(&second).await.is_refused(401, "invalid-refresh-token");
}

#[tokio::test]
async fn the_token_before_the_last_one_ends_its_session_at_once() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let first = ana.tokens().await.refresh;
    let second = ana.refreshes(&first).await.is(200).text("/refresh_token").to_owned();
    let third = ana.refreshes(&second).await.is(200).text("/refresh_token").to_owned();
    ana.refreshes(&first).await.is_refused(401, "refresh-token-reused");
    ana.refreshes(&third).await.is_refused(401, "invalid-refresh-token");
}

#[tokio::test]
async fn a_clock_that_steps_back_ends_no_session() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let token = ana.tokens().await.refresh;
    time_passes_for_sessions(&shop, -3_600_000);
    let token = ana.refreshes(&token).await.is(200).text("/refresh_token").to_owned();
    ana.refreshes(&token).await.is(200).accept();
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let (hers, his) = (ana.tokens().await, bob.tokens().await);
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (mine, other) = (parts(&hers.refresh), parts(&his.refresh));
    let forged = [
        "srt_x".to_owned(),
        "x".to_owned(),
        hers.access.clone(),
        hers.refresh[..hers.refresh.len() - 1].to_owned(),
        format!("{}A", hers.refresh),
        format!("{}\u{0}", hers.refresh),
        format!("{}.2.{}", mine[0], mine[2]),
        format!("{}.-1.{}", mine[0], mine[2]),
        format!("{}.{}.{}", other[0], mine[1], mine[2]),
    ];
    for token in forged {
        ana.refreshes(&token).await.is_refused(401, "invalid-refresh-token");
    }
    // None of that was taken for reuse.
    ana.refreshes(&hers.refresh).await.is(200).accept();
    bob.refreshes(&his.refresh).await.is(200).accept();
    let refresh = |token: &str| ana.post("/api/v1/auth/refresh", &json!({"refresh_token": token}));
    refresh("").await.is_refused(422, "invalid-request").with_fields(&["/refresh_token"]);
    refresh(&"x".repeat(100_000)).await.is_refused(422, "invalid-request");
    let empty = ana.post("/api/v1/auth/refresh", &json!({})).await;
    empty.is_refused(422, "invalid-request").with_fields(&["/refresh_token"]);
}
