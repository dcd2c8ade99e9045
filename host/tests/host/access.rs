//! What a component may reach: variables, files, other components and hosts, and nothing else.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::bench::{Bench, KEY, text};

/// Answers every connection with the request line it got.
async fn stand_in() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 8192];
                let read = stream.read(&mut request).await.unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..read]).into_owned();
                let line = text.lines().next().unwrap_or_default().to_owned();
                let host = text
                    .lines()
                    .find(|l| l.to_lowercase().starts_with("host:"))
                    .unwrap_or_default()
                    .to_owned();
                let body = format!("{line} | {host}");
                let answer = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn variables_are_filled_from_defaults_and_from_outside() {
    let bench = Bench::start().await;
    assert_eq!(bench.text("/variable/greeting").await, "hello, world");
    assert_eq!(bench.text("/variable/maintenance_key").await, KEY);
    let given =
        Bench::with(|options| _ = options.variables.insert("greeting".to_owned(), "salut".to_owned())).await;
    assert_eq!(given.text("/variable/greeting").await, "salut, world");
}

#[tokio::test]
async fn variables_of_nobody_or_of_another_are_not_there() {
    let bench = Bench::start().await;
    assert!(bench.text("/variable/stand_in").await.contains("Undefined"));
    assert!(bench.text("/variable/Greeting").await.contains("InvalidName"));
}

#[tokio::test]
async fn the_environment_is_the_manifests_and_the_options() {
    let bench = Bench::with(|options| {
        options.env =
            [("SIZE".to_owned(), "large".to_owned()), ("COLOUR".to_owned(), "red".to_owned())].into();
    })
    .await;
    assert_eq!(bench.text("/environment/COLOUR").await, "green");
    assert_eq!(bench.text("/environment/SIZE").await, "large");
    assert_eq!(text(bench.get("/environment/PATH")).await.0, 404);
}

#[tokio::test]
async fn mounted_files_can_be_read_and_nothing_written() {
    let bench = Bench::start().await;
    assert_eq!(bench.text("/file?path=/assets/note.txt").await, "a note");
    assert_eq!(bench.text("/file?path=/mounted/deep/note.txt").await, "a deep note");
    for path in ["/assets/hidden.txt", "/mounted/hidden.txt", "/etc/passwd", "/mounted/../../etc/passwd"] {
        assert_eq!(text(bench.get(&format!("/file?path={path}"))).await.0, 404, "{path}");
    }
    assert_eq!(text(bench.get("/file?path=/mounted/note.txt&write=changed")).await.0, 404);
    assert_eq!(bench.text("/file?path=/mounted/note.txt").await, "a note");
}

#[tokio::test]
async fn components_call_one_another_in_process() {
    let bench = Bench::start().await;
    assert_eq!(bench.call("http://hidden.spin.internal/hello").await.1, "hello");
    let (_, uri) = bench.call("http://hidden.spin.internal/uri?a=b").await;
    assert_eq!(uri, "http://hidden.spin.internal/uri?a=b");
    let seen: Value =
        serde_json::from_str(&bench.call("http://hidden.spin.internal/headers/x").await.1).expect("JSON");
    assert_eq!(seen["spin-client-addr"][0], "0.0.0.0:0");
    assert_eq!(seen["spin-path-info"][0], "/headers/x");
    assert_eq!(seen["spin-raw-component-route"][0], "/...");
    assert_eq!(seen["host"], Value::Null);
}

#[tokio::test]
async fn bodies_stream_through_a_chain() {
    let bench = Bench::start().await;
    let body = vec![b'y'; 1 << 20];
    let request = bench.post("/relay").header("x-url", "http://hidden.spin.internal/echo").body(body.clone());
    let (status, back) = text(request).await;
    assert_eq!((status.as_u16(), back.len()), (200, body.len()));
}

#[tokio::test]
async fn a_private_component_is_not_reached_from_outside() {
    let bench =
        Bench::with(|options| options.components = vec!["hidden".to_owned(), "other".to_owned()]).await;
    assert_eq!(text(bench.get("/hello")).await.0, 404);
}

#[tokio::test]
async fn a_component_calls_only_those_it_may() {
    let bench = Bench::start().await;
    let other = |url: &'static str| {
        text(bench.post("/relay").header("x-url", "http://other.spin.internal/call").body(url))
    };
    assert_eq!(other("http://hidden.spin.internal/hello").await.1, "hello");
    assert_eq!(other("http://probe.spin.internal/hello").await.1, "ErrorCode::HttpRequestDenied");
    assert_eq!(bench.call("http://nobody.spin.internal/").await.1, "ErrorCode::HttpRequestDenied");
}

#[tokio::test]
async fn the_application_calls_itself_through_its_front_door() {
    let bench = Bench::start().await;
    assert_eq!(bench.call("http://self.alt/hello").await.1, "hello");
}

#[tokio::test]
async fn only_allowed_hosts_are_called() {
    let port = stand_in().await;
    let allowed = format!("http://127.0.0.1:{port}");
    let bench =
        Bench::with(|options| _ = options.variables.insert("stand_in".to_owned(), allowed.clone())).await;
    let (status, answer) = bench.call(&format!("{allowed}/a/b?c=d")).await;
    assert_eq!(status, 201);
    assert_eq!(answer, format!("GET /a/b?c=d HTTP/1.1 | host: 127.0.0.1:{port}"));
    for denied in [
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        "http://10.0.0.1/".to_owned(),
    ] {
        let (status, answer) = bench.call(&denied).await;
        assert_eq!((status.as_u16(), answer.as_str()), (502, "ErrorCode::HttpRequestDenied"), "{denied}");
    }
    assert!(bench.log("probe", "stderr").contains("allowed_outbound_hosts"));
}

#[tokio::test]
async fn a_dead_host_is_an_error_and_no_crash() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let dead = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let bench =
        Bench::with(|options| _ = options.variables.insert("stand_in".to_owned(), dead.clone())).await;
    let (status, answer) =
        tokio::time::timeout(Duration::from_secs(5), bench.call(&dead)).await.expect("an answer");
    assert_eq!((status.as_u16(), answer.as_str()), (502, "ErrorCode::ConnectionRefused"));
}

#[tokio::test]
async fn a_dependency_fulfils_an_import() {
    let bench = Bench::start().await;
    assert_eq!(bench.text("/composed/21").await, "42");
}
