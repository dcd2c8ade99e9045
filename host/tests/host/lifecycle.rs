//! Starting, ticking, stopping, killing, starting again.

use std::time::{Duration, Instant};

use serde_json::json;
use souk_host::{Host, Tick};

use crate::bench::{Bench, KEY, options, text};

async fn rounds(bench: &Bench) -> u32 {
    text(bench.get("/kv/default/rounds")).await.1.parse().unwrap_or(0)
}

#[tokio::test]
async fn a_graceful_stop_lets_requests_finish_and_refuses_new_ones() {
    let mut bench = Bench::start().await;
    let slow = tokio::spawn(text(bench.get("/sleep/600")));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(bench.host.take().expect("it runs").stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let refused = reqwest::Client::new().get(format!("{}/hello", bench.url)).send().await;
    assert!(refused.is_err(), "a stopping host took a new request");
    assert_eq!(slow.await.expect("no panic").1, "slept");
    stopping.await.expect("no panic");
}

#[tokio::test]
async fn a_graceful_stop_waits_for_work_after_the_answer() {
    let mut bench = Bench::start().await;
    text(bench.post("/later/300")).await;
    bench.host.take().expect("it runs").stop().await;
    let bench = bench.restart().await;
    assert_eq!(bench.text("/kv/default/later").await, "done");
}

#[tokio::test]
async fn a_graceful_stop_does_not_wait_for_idle_instances_or_connections() {
    let mut bench = Bench::start().await;
    bench.text("/hello").await;
    let start = Instant::now();
    bench.host.take().expect("it runs").stop().await;
    assert!(start.elapsed() < Duration::from_millis(500), "stopping took {:?}", start.elapsed());
}

#[tokio::test]
async fn a_graceful_stop_is_bounded() {
    let mut bench = Bench::with(|options| options.limits.stop_timeout = Duration::from_millis(200)).await;
    let slow = tokio::spawn(bench.get("/sleep/30000").send());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    bench.host.take().expect("it runs").stop().await;
    assert!(start.elapsed() < Duration::from_secs(3), "stopping took {:?}", start.elapsed());
    assert!(slow.await.expect("no panic").is_err());
}

#[tokio::test]
async fn a_kill_cuts_requests_and_keeps_what_was_committed() {
    let mut bench = Bench::start().await;
    bench
        .sql("default", json!([{ "sql": "create table t (n)" }, { "sql": "insert into t values (1)" }]))
        .await;
    let slow = tokio::spawn(bench.get("/sleep/30000").send());
    let open = json!([{ "sql": "begin immediate" }, { "sql": "insert into t values (2)" }]);
    bench.sql("default", open).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    bench.host.take().expect("it runs").kill().await;
    assert!(slow.await.expect("no panic").is_err(), "a request outlived its host");
    let bench = bench.restart().await;
    assert_eq!(bench.value("select group_concat(n) from t").await, "1");
}

#[tokio::test]
async fn many_hosts_run_at_once() {
    let hosts = futures::future::join_all((0..8).map(|_| Bench::start())).await;
    let answers = futures::future::join_all(hosts.iter().map(|bench| bench.text("/hello"))).await;
    assert!(answers.iter().all(|answer| answer == "hello"));
}

#[tokio::test]
async fn a_compiled_application_starts_at_once() {
    drop(Bench::start().await);
    let start = Instant::now();
    let bench = Bench::start().await;
    assert!(start.elapsed() < Duration::from_secs(1), "the second start took {:?}", start.elapsed());
    assert_eq!(bench.text("/hello").await, "hello");
}

#[tokio::test]
async fn a_taken_port_is_told() {
    let bench = Bench::start().await;
    let state = tempfile::tempdir().expect("a folder");
    let mut options = options(state.path());
    options.listen = bench.url.trim_start_matches("http://").to_owned();
    let fault = Host::start(options).await.err().expect("the port is taken");
    assert!(format!("{fault:#}").contains("cannot listen on 127.0.0.1:"), "{fault:#}");
}

#[tokio::test]
async fn a_round_of_maintenance_calls_the_route_with_its_key() {
    let bench = Bench::start().await;
    assert_eq!(bench.host().tick().await, [Tick { component: "probe".to_owned(), status: 204 }]);
    assert_eq!(bench.host().tick().await.len(), 1);
    assert_eq!(rounds(&bench).await, 2);
    assert_eq!(
        text(bench.post("/internal/maintenance").header("authorization", "Bearer wrong")).await.0,
        401
    );
}

#[tokio::test]
async fn the_ticker_keeps_calling() {
    let bench = Bench::with(|options| options.tick = Some(Duration::from_millis(100))).await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while rounds(&bench).await < 3 {
        assert!(Instant::now() < deadline, "no rounds");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn secrets_are_in_no_message_of_a_start_that_fails() {
    let state = tempfile::tempdir().expect("a folder");
    let mut options = options(state.path());
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = "spin_manifest_version = 2
        [application]
        name = \"leak\"
        [variables]
        key = { required = true, secret = true }
        [[trigger.http]]
        route = \"/...\"
        component = \"leak\"
        [component.leak]
        source = \"none.wasm\"
        allowed_outbound_hosts = [\"http://a b/{{ key }}\"]";
    std::fs::write(folder.path().join("spin.toml"), manifest).expect("a file");
    options.manifest = folder.path().to_owned();
    options.variables = [("key".to_owned(), KEY.to_owned())].into();
    let fault = format!("{:#}", Host::start(options).await.err().expect("a wrong host"));
    assert!(fault.contains("component.leak.allowed_outbound_hosts"), "{fault}");
    assert!(!fault.contains(KEY), "{fault}");
}
