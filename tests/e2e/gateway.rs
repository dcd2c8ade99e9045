//! The only public route: what it lets through, what it adds, what it refuses.

use souk_tests::Suite;

#[tokio::test]
async fn what_is_in_no_table_does_not_exist() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    stranger.get("/api/v1/nothing").await.is_refused(404, "not-found");
    stranger.get("/internal/events").await.is_refused(404, "not-found");
}
