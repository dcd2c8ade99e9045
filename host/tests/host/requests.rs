//! What a component sees of a request, and what a client sees of an answer.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bench::{Bench, is_problem, text};

async fn headers(bench: &Bench, path: &str) -> Value {
    bench.get(path).send().await.expect("an answer").json().await.expect("JSON")
}

#[tokio::test]
async fn the_most_exact_route_gets_the_request() {
    let bench = Bench::start().await;
    assert_eq!(headers(&bench, "/exact").await["spin-raw-component-route"][0], "/exact");
    assert_eq!(headers(&bench, "/exact/not").await["spin-raw-component-route"][0], "/...");
    assert_eq!(
        headers(&bench, "/shops/7/items/8").await["spin-matched-route"][0],
        "/shops/:shop/items/:item_id"
    );
    assert_eq!(headers(&bench, "/below/ana/x").await["spin-matched-route"][0], "/below/:owner/...");
}

#[tokio::test]
async fn spins_headers_tell_of_the_route() {
    let bench = Bench::start().await;
    let seen = headers(&bench, "/below/Ana/photos/1/?size=2").await;
    assert_eq!(seen["spin-path-info"][0], "/photos/1/");
    assert_eq!(seen["spin-component-route"][0], "/below/:owner");
    assert_eq!(seen["spin-raw-component-route"][0], "/below/:owner/...");
    assert_eq!(seen["spin-base-path"][0], "/");
    assert_eq!(seen["spin-path-match-owner"][0], "Ana");
    assert_eq!(seen["spin-full-url"][0], format!("{}/below/Ana/photos/1/?size=2", bench.url));
    assert!(seen["spin-client-addr"][0].as_str().expect("an address").starts_with("127.0.0.1:"));
    assert_eq!(headers(&bench, "/shops/7/items/8").await["spin-path-match-item-id"][0], "8");
}

#[tokio::test]
async fn a_clients_own_spin_header_stands_before_the_hosts_as_in_spin() {
    let bench = Bench::start().await;
    let request =
        bench.get("/headers").header("spin-client-addr", "10.0.0.1:1").header("spin-path-info", "/admin");
    let seen: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(seen["spin-client-addr"][0], "10.0.0.1:1");
    assert!(seen["spin-client-addr"][1].as_str().expect("the host's").starts_with("127.0.0.1:"));
    assert_eq!(seen["spin-path-info"][1], "/headers");
}

#[tokio::test]
async fn no_route_is_a_problem() {
    let bench = Bench::with(|options| options.components = vec!["hidden".to_owned()]).await;
    is_problem(bench.get("/anything").send().await.expect("an answer"), 404).await;
    is_problem(bench.get("/.well-known/spin/nothing").send().await.expect("an answer"), 404).await;
    assert_eq!(bench.text("/.well-known/spin/health").await, "OK");
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let bench = Bench::start().await;
    let large = vec![b'x'; 3 << 20];
    let (status, echoed) = text(bench.post("/echo").body(large.clone())).await;
    assert_eq!((status.as_u16(), echoed.len()), (200, large.len()));

    let start = Instant::now();
    let mut response = bench.get("/stream/4").send().await.expect("an answer");
    assert_eq!(response.chunk().await.expect("a chunk").expect("the first"), "chunk 0\n");
    assert!(start.elapsed() < Duration::from_millis(140), "the first chunk waited for the others");
    let mut rest = String::new();
    while let Some(chunk) = response.chunk().await.expect("a chunk") {
        rest.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert_eq!(rest, "chunk 1\nchunk 2\nchunk 3\n");
}

#[tokio::test]
async fn a_request_body_is_handed_on_as_it_arrives() {
    let bench = Bench::start().await;
    let mut client =
        tokio::net::TcpStream::connect(bench.url.trim_start_matches("http://")).await.expect("a connection");
    let head = "POST /echo HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n";
    client.write_all(head.as_bytes()).await.expect("a write");
    let mut got = String::new();
    while !got.contains("one") {
        let mut part = [0; 1024];
        let read =
            tokio::time::timeout(Duration::from_secs(5), client.read(&mut part)).await.expect("no wait");
        got.push_str(&String::from_utf8_lossy(&part[..read.expect("bytes")]));
    }
    client.write_all(b"3\r\ntwo\r\n0\r\n\r\n").await.expect("a write");
    while !got.contains("two") {
        let mut part = [0; 1024];
        let read = client.read(&mut part).await.expect("bytes");
        assert!(read > 0, "the answer ended early: {got}");
        got.push_str(&String::from_utf8_lossy(&part[..read]));
    }
}

#[tokio::test]
async fn requests_that_name_no_host_or_an_inner_one_are_refused() {
    let bench = Bench::start().await;
    for host in ["", "host: hidden.spin.internal\r\n", "host: a b\r\n"] {
        let mut client = tokio::net::TcpStream::connect(bench.url.trim_start_matches("http://"))
            .await
            .expect("a connection");
        let request = format!("GET /headers HTTP/1.1\r\n{host}connection: close\r\n\r\n");
        client.write_all(request.as_bytes()).await.expect("a write");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("text");
        assert!(answer.starts_with("HTTP/1.1 400 "), "{host:?} gave {answer}");
    }
}

#[tokio::test]
async fn a_header_that_is_not_text_is_a_bad_request() {
    let bench = Bench::start().await;
    let value = reqwest::header::HeaderValue::from_bytes(&[0xff, 0xfe]).expect("bytes");
    is_problem(bench.get("/headers").header("x-odd", value).send().await.expect("an answer"), 400).await;
}

#[tokio::test]
async fn output_goes_to_the_components_own_files() {
    let bench = Bench::start().await;
    text(bench.post("/print").body("a line of the probe")).await;
    assert_eq!(bench.log("probe", "stdout"), "a line of the probe\n");
    assert_eq!(bench.log("probe", "stderr"), "a line of the probe on stderr\n");
    assert_eq!(bench.log("other", "stdout"), "");
}
