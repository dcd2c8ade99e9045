//! Bodies at the gateway: their limits, their pace, whose they are.

use serde_json::json;
use souk_tests::{Suite, Until, user};
use std::time::Duration;

#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_waited_for() {
    let shop = Suite::start().await;
    // Nothing of it follows; were it waited for, the suite would answer only when it gives up.
    let announced = |bytes: &str| format!("Content-Type: application/json\r\nContent-Length: {bytes}\r\n");
    for bytes in ["1048577", "999999999999", "18446744073709551615"] {
        let answer = shop.is_asked_with("POST", "/api/v1/users", &announced(bytes)).await;
        // The last one is beyond what HTTP libraries count to; some refuse it before it gets here.
        assert!(matches!(answer.status, Some(400 | 413 | 431)), "{bytes}: {}", answer.text);
    }
    let answer = shop.is_asked_with("POST", "/api/v1/users", &announced("1048577")).await;
    assert!(answer.text.contains("/problems/body-too-large"), "{}", answer.text);
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_cut_off() {
    let shop = Suite::start().await;
    let mut request = b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..17 {
        request.extend_from_slice(chunk.as_bytes());
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = shop.is_sent(&request).await;
    assert_eq!(answer.status, Some(413), "{}", answer.text);
    assert!(answer.text.contains("/problems/body-too-large"), "{}", answer.text);
}

#[tokio::test]
async fn a_body_in_chunks_is_a_body() {
    let shop = Suite::start().await;
    let user = user("ana").to_string();
    let (start, end) = user.split_at(user.len() / 2);
    let request = format!(
        "POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n",
        start.len(),
        end.len(),
    );
    let answer = shop.is_sent(request.as_bytes()).await;
    assert_eq!(answer.status, Some(201), "{}", answer.text);
}

#[tokio::test]
async fn bodies_of_many_people_at_once_are_not_mixed_up() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let registers = (0..24).map(|number| {
        let stranger = stranger.clone();
        async move {
            let mut user = user(&format!("person{number}"));
            user["name"] = json!(format!("{number}-{}", "x".repeat(number)));
            let answer = stranger.registers(&user).await.is(201);
            assert_eq!(answer.json()["name"], user["name"]);
            assert_eq!(answer.json()["email"], user["email"]);
        }
    });
    futures::future::join_all(registers).await;
}

#[tokio::test]
async fn what_a_client_sends_too_slowly_is_no_fault_of_a_service() {
    let Some(shop) = Suite::own().await else { return };
    // Of 100 bytes that are announced, one comes.
    let request = b"POST /api/v1/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
        Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    let answer = shop.is_sent(request).await;
    assert_eq!(answer.status, Some(408), "{}", answer.text);
    assert!(answer.text.contains("/problems/request-timeout"), "{}", answer.text);
}

#[tokio::test]
async fn a_service_that_is_slow_with_a_whole_body_is_to_blame_itself() {
    let Some(shop) = Suite::own().await else { return };
    shop.faults().slow("users", Duration::from_secs(60), Until::Times(1));
    shop.stranger().registers(&user("ana")).await.is_refused(504, "timeout");
}
