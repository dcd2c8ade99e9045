//! Faults that tests inject.

use std::time::{Duration, Instant};

use serde_json::json;
use souk_host::{SqliteFault, Until};

use crate::bench::{Bench, is_problem};

#[tokio::test]
async fn a_component_is_slow() {
    let bench = Bench::start().await;
    bench.host().faults().slow("hidden", Duration::from_millis(300), Until::Times(1));
    for expected in [true, false] {
        let start = Instant::now();
        assert_eq!(bench.call("http://hidden.spin.internal/hello").await.1, "hello");
        assert_eq!(start.elapsed() >= Duration::from_millis(300), expected);
    }
}

#[tokio::test]
async fn a_component_fails_or_traps_as_often_as_asked() {
    let bench = Bench::start().await;
    let faults = bench.host().faults();
    faults.fail("probe", 503, Until::Times(2));
    for _ in 0..2 {
        is_problem(bench.get("/hello").send().await.expect("an answer"), 503).await;
    }
    assert_eq!(bench.text("/hello").await, "hello");
    faults.trap("probe", Until::Cleared);
    for _ in 0..3 {
        is_problem(bench.get("/hello").send().await.expect("an answer"), 500).await;
    }
    faults.clear();
    assert_eq!(bench.text("/hello").await, "hello");
}

#[tokio::test]
async fn a_component_is_unreachable_for_others() {
    let bench = Bench::start().await;
    bench.host().faults().unreachable("hidden", Until::Times(1));
    assert_eq!(bench.call("http://hidden.spin.internal/hello").await.1, "ErrorCode::ConnectionRefused");
    assert_eq!(bench.call("http://hidden.spin.internal/hello").await.1, "hello");
}

#[tokio::test]
async fn a_database_is_busy_or_full() {
    let bench = Bench::start().await;
    let create = json!([{ "sql": "create table t (n)" }]);
    let faults = bench.host().faults();
    faults.sqlite("default", SqliteFault::Busy, Until::Times(1));
    assert_eq!(bench.sql("default", create.clone()).await[0]["failed"], "Error::Io(\"database is locked\")");
    faults.sqlite("default", SqliteFault::Full, Until::Times(1));
    assert_eq!(
        bench.sql("default", create.clone()).await[0]["failed"],
        "Error::Io(\"database or disk is full\")"
    );
    assert!(bench.sql("default", create).await[0]["failed"].is_null());
}

#[tokio::test]
async fn a_real_lock_reads_the_same_as_an_injected_one() {
    let bench = Bench::start().await;
    bench.sql("default", json!([{ "sql": "create table t (n)" }])).await;
    let other = rusqlite::Connection::open(bench.state.path().join("sqlite_db.db")).expect("the file");
    other.execute_batch("begin immediate; insert into t values (1)").expect("the lock");
    let write = json!([{ "sql": "pragma busy_timeout = 10" }, { "sql": "insert into t values (2)" }]);
    assert_eq!(bench.sql("default", write).await[1]["failed"], "Error::Io(\"database is locked\")");
}
