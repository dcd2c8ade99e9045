//! Key-value stores, by Spin's interface and by WASI's.

use crate::bench::{Bench, text};

#[tokio::test]
async fn keys_are_written_read_listed_and_deleted() {
    let bench = Bench::start().await;
    let url = |path: &str| format!("{}{path}", bench.url);
    assert_eq!(text(bench.get("/kv/default/a")).await.0, 404);
    for key in ["a", "b"] {
        assert_eq!(text(bench.client.put(url(&format!("/kv/default/{key}"))).body("1")).await.0, 204);
    }
    assert_eq!(text(bench.client.put(url("/kv/default/a")).body("2")).await.0, 204);
    assert_eq!(bench.text("/kv/default/a").await, "2");
    assert_eq!(text(bench.client.head(url("/kv/default/b"))).await.0, 200);
    assert_eq!(bench.text("/kv/default").await, "a,b");
    assert_eq!(text(bench.client.delete(url("/kv/default/a"))).await.0, 204);
    assert_eq!(bench.text("/kv/default").await, "b");
}

#[tokio::test]
async fn stores_are_apart_and_must_be_granted() {
    let bench = Bench::start().await;
    text(bench.client.put(format!("{}/kv/more/a", bench.url)).body("1")).await;
    assert_eq!(bench.text("/kv/default").await, "");
    assert_eq!(
        text(bench.get("/kv/nobodys/a")).await,
        (403.try_into().expect("a status"), "Error::AccessDenied".to_owned())
    );
    assert!(bench.state.path().join("more-keys.db").is_file());
}

#[tokio::test]
async fn increments_of_concurrent_requests_all_count() {
    let bench = Bench::start().await;
    let add = |_| text(bench.post("/wasi-kv/default/increment/n/2"));
    futures::future::join_all((0..30).map(add)).await;
    assert_eq!(text(bench.post("/wasi-kv/default/increment/n/-10")).await.1, "50");
}

#[tokio::test]
async fn what_is_no_number_is_not_incremented() {
    let bench = Bench::start().await;
    text(bench.client.put(format!("{}/kv/default/n", bench.url)).body("text")).await;
    assert_eq!(text(bench.post("/wasi-kv/default/increment/n/1")).await.0, 409);
    text(bench.post(&format!("/wasi-kv/default/increment/most/{}", i64::MAX))).await;
    assert_eq!(text(bench.post("/wasi-kv/default/increment/most/1")).await.0, 409);
}

#[tokio::test]
async fn a_swap_keeps_what_another_wrote_in_between() {
    let bench = Bench::start().await;
    text(bench.client.put(format!("{}/kv/default/k", bench.url)).body("old")).await;
    let swap = |body: &'static str| text(bench.post("/wasi-kv/default/swap/k").body(body));
    assert_eq!(swap("other\nnew").await.1, "kept other");
    assert_eq!(swap("\nnew").await.1, "swapped");
    assert_eq!(bench.text("/kv/default/k").await, "new");
}

#[tokio::test]
async fn batches_work_on_several_keys() {
    let bench = Bench::start().await;
    assert_eq!(text(bench.post("/wasi-kv/default/batch")).await.1, "2 found, left two");
}
