//! Requests as no decent client sends them, byte by byte.

use crate::suite::Suite;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(45);

/// What came back. Some of it is answered by the HTTP server itself, which knows no problem documents.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status; none when the connection was closed without an answer.
    pub status: Option<u16>,
    /// Everything, as text.
    pub text: String,
}

impl Suite {
    /// Sends these bytes on a connection of their own and reads until it is closed.
    pub async fn is_sent(&self, bytes: &[u8]) -> RawAnswer {
        let url = self.url();
        let address = url.trim_start_matches("http://");
        let exchange = async {
            let mut stream = TcpStream::connect(address).await.expect("the suite listens");
            // Who sends nonsense may be cut off in the middle of it.
            _ = stream.write_all(bytes).await;
            let mut answer = Vec::new();
            _ = stream.read_to_end(&mut answer).await;
            answer
        };
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        let answer = answer.unwrap_or_else(|_| panic!("no end of the answer to {shown:?}"));
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        assert!(status.is_none_or(|status| status < 500), "{shown:?} is answered with {text}");
        RawAnswer { status, text }
    }

    /// Asks for a path exactly as it stands here.
    pub async fn is_asked_for(&self, method: &str, path: &str) -> RawAnswer {
        self.is_asked_with(method, path, "").await
    }

    /// The same with further header lines, each with its line end.
    pub async fn is_asked_with(&self, method: &str, path: &str, headers: &str) -> RawAnswer {
        let url = self.url();
        let host = url.trim_start_matches("http://");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        self.is_sent(head.as_bytes()).await
    }
}
