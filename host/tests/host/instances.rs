//! How instances are reused, shared, bounded, and lost.

use std::time::{Duration, Instant};

use futures::future::join_all;
use souk_host::Between;

use crate::bench::{Bench, is_problem, text};

#[tokio::test]
async fn an_instance_serves_many_requests_up_to_its_count() {
    let bench = Bench::with(|options| options.limits.reuse_count = Between::exactly(3)).await;
    let mut counts = Vec::new();
    for _ in 0..7 {
        counts.push(bench.text("/count").await);
    }
    assert_eq!(counts, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[tokio::test]
async fn an_idle_instance_is_let_go() {
    let bench =
        Bench::with(|options| options.limits.idle = Between::exactly(Duration::from_millis(100))).await;
    assert_eq!(bench.text("/count").await, "1");
    assert_eq!(bench.text("/count").await, "2");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(bench.text("/count").await, "1");
}

#[tokio::test]
async fn requests_share_an_instance_up_to_its_concurrency() {
    let bench = Bench::with(|options| options.limits.concurrency = Between::exactly(4)).await;
    let most = join_all((0..12).map(|_| bench.text("/together/200"))).await;
    let most = most.iter().map(|most| most.parse::<u32>().expect("a number")).max().expect("an answer");
    assert!((2..=4).contains(&most), "{most} at once");
}

#[tokio::test]
async fn waiting_requests_do_not_wait_for_one_another() {
    let bench = Bench::start().await;
    let start = Instant::now();
    join_all((0..50).map(|_| bench.text("/sleep/200"))).await;
    assert!(start.elapsed() < Duration::from_secs(3), "50 sleeps of 200 ms took {:?}", start.elapsed());
}

#[tokio::test]
async fn a_trap_is_a_problem_and_the_next_request_works() {
    let bench = Bench::start().await;
    bench.text("/count").await;
    is_problem(bench.get("/trap").send().await.expect("an answer"), 500).await;
    assert_eq!(bench.text("/count").await, "1", "the instance that trapped is gone");
    // The instance is taken away just after the answer.
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let log = bench.log("probe", "stderr");
        if log.contains("asked to trap") && log.contains("the instance of probe failed") {
            break;
        }
        assert!(Instant::now() < deadline, "{log}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_trap_in_a_called_component_is_its_own() {
    let bench = Bench::start().await;
    assert_eq!(bench.call("http://hidden.spin.internal/trap").await.0, 500);
    assert_eq!(bench.call("http://hidden.spin.internal/hello").await.1, "hello");
}

#[tokio::test]
async fn a_trap_in_the_middle_cuts_the_answer() {
    let bench = Bench::start().await;
    let mut response = bench.get("/stream-trap").send().await.expect("an answer");
    assert_eq!(response.chunk().await.expect("a chunk").expect("the first"), "so far\n");
    let rest = response.chunk().await;
    assert!(rest.is_err(), "the answer must not look complete: {rest:?}");
    assert_eq!(bench.text("/hello").await, "hello");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_problem() {
    let bench = Bench::with(|options| {
        options.limits.request_timeout = Some(Between::exactly(Duration::from_millis(300)));
    })
    .await;
    let start = Instant::now();
    is_problem(bench.get("/sleep/20000").send().await.expect("an answer"), 504).await;
    assert!(start.elapsed() < Duration::from_secs(3));
    assert_eq!(bench.text("/hello").await, "hello");
}

#[tokio::test]
async fn a_loop_without_end_is_stopped_and_holds_up_nobody() {
    let bench = Bench::with(|options| {
        options.limits.request_timeout = Some(Between::exactly(Duration::from_millis(500)));
    })
    .await;
    let (endless, quick) =
        tokio::join!(async { bench.get("/compute").send().await.expect("an answer") }, async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let start = Instant::now();
            assert_eq!(bench.text("/hello").await, "hello");
            start.elapsed()
        });
    is_problem(endless, 504).await;
    assert!(quick < Duration::from_millis(400), "a loop held up another request for {quick:?}");
    assert_eq!(bench.text("/hello").await, "hello");
}

#[tokio::test]
async fn a_loop_without_end_is_cut_off_where_no_request_timeout_is() {
    let bench = Bench::with(|options| options.limits.compute_timeout = Duration::from_millis(300)).await;
    let start = Instant::now();
    is_problem(bench.get("/compute").send().await.expect("an answer"), 504).await;
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    assert_eq!(bench.text("/hello").await, "hello");
}

#[tokio::test]
async fn who_computes_and_asks_the_host_now_and_then_goes_on() {
    let bench = Bench::with(|options| options.limits.compute_timeout = Duration::from_millis(300)).await;
    assert_eq!(bench.text("/compute-and-ask/900").await, "done");
}

#[tokio::test]
async fn memory_is_bounded_for_each_instance() {
    let bench = Bench::with(|options| options.limits.memory_bytes = 32 << 20).await;
    assert_eq!(bench.text("/memory/8").await, "1");
    is_problem(bench.get("/memory/64").send().await.expect("an answer"), 500).await;
    assert_eq!(bench.text("/memory/8").await, "1");
}

#[tokio::test]
async fn work_after_the_answer_is_done() {
    let bench = Bench::start().await;
    assert_eq!(text(bench.post("/later/150")).await.0, 202);
    assert_eq!(text(bench.get("/kv/default/later")).await.0, 404);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(bench.text("/kv/default/later").await, "done");
}
