//! One kept-alive HTTP/1.1 connection that reads answers only as far as it must.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Most headers that an answer may have.
const MAX_HEADERS: usize = 64;
/// Room for an answer's head and the start of its body; it grows when a head is longer.
const BUFFER_BYTES: usize = 16 * 1024;

/// A connection that opens itself when it is needed.
pub struct Connection {
    address: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    filled: usize,
}

/// What the head of an answer says about the rest.
struct Head {
    status: u16,
    bytes: usize,
    body: Body,
    close: bool,
}

enum Body {
    Length(usize),
    Chunked,
}

impl Connection {
    /// Not connected yet.
    pub fn new(address: String) -> Self {
        Self { address, stream: None, buffer: vec![0; BUFFER_BYTES], filled: 0 }
    }

    /// Sends a request and reads its answer to the end; the answer's status.
    pub async fn ask(&mut self, request: &[u8]) -> Result<u16> {
        let answer = self.exchange(request, false).await;
        self.finish(&answer);
        answer.map(|(head, _)| head.status)
    }

    /// The same, with the answer's body.
    pub async fn read(&mut self, request: &[u8]) -> Result<(u16, Vec<u8>)> {
        let answer = self.exchange(request, true).await;
        self.finish(&answer);
        answer.map(|(head, body)| (head.status, body))
    }

    /// Lets the connection go when the server does, or after a failure.
    fn finish(&mut self, answer: &Result<(Head, Vec<u8>)>) {
        if !matches!(answer, Ok((Head { close: false, .. }, _))) {
            self.stream = None;
        }
    }

    async fn exchange(&mut self, request: &[u8], is_read: bool) -> Result<(Head, Vec<u8>)> {
        self.filled = 0;
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address).await?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
        }
        self.stream.as_mut().context("it was just connected")?.write_all(request).await?;
        let head = loop {
            self.fill().await?;
            if let Some(head) = parse(&self.buffer[..self.filled])? {
                break head;
            }
        };
        let mut body = Vec::new();
        match head.body {
            Body::Length(length) if is_read => {
                while self.filled < head.bytes + length {
                    self.fill().await?;
                }
                body.extend_from_slice(&self.buffer[head.bytes..head.bytes + length]);
            }
            Body::Length(length) => self.skip(head.bytes + length).await?,
            Body::Chunked => self.chunks(head.bytes, &mut body).await?,
        }
        Ok((head, body))
    }

    /// Reads until the answer's `total` bytes are there; what does not fit the buffer is read over itself.
    async fn skip(&mut self, total: usize) -> Result<()> {
        let mut read = self.filled;
        while read < total {
            self.filled = 0;
            self.fill().await?;
            read += self.filled;
        }
        ensure!(read == total, "the answer is longer than it says");
        Ok(())
    }

    async fn chunks(&mut self, mut at: usize, body: &mut Vec<u8>) -> Result<()> {
        loop {
            match httparse::parse_chunk_size(&self.buffer[at..self.filled]) {
                Ok(httparse::Status::Complete((line, size))) => {
                    let next = at + line + size as usize + 2;
                    while self.filled < next {
                        self.fill().await?;
                    }
                    body.extend_from_slice(&self.buffer[at + line..next - 2]);
                    at = next;
                    if size == 0 {
                        return Ok(());
                    }
                }
                Ok(httparse::Status::Partial) => self.fill().await?,
                Err(_) => bail!("a chunk of the answer has no size"),
            }
        }
    }

    async fn fill(&mut self) -> Result<()> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let stream = self.stream.as_mut().context("a connection that is read is open")?;
        let read = stream.read(&mut self.buffer[self.filled..]).await?;
        ensure!(read > 0, "the server closed the connection");
        self.filled += read;
        Ok(())
    }
}

/// The head of an answer, when all of it is there.
fn parse(bytes: &[u8]) -> Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes)? else {
        return Ok(None);
    };
    let value = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    let body = match value("content-length") {
        Some(text) => Body::Length(std::str::from_utf8(text)?.trim().parse()?),
        None if value("transfer-encoding").is_some() => Body::Chunked,
        None => Body::Length(0),
    };
    let close = value("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
    let status = response.code.context("an answer has a status")?;
    Ok(Some(Head { status, bytes: length, body, close }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends `pieces`, one write each, for one request.
    async fn asked(pieces: &'static [&'static [u8]]) -> Result<(u16, Vec<u8>)> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let server = async move {
            let (mut stream, _) = listener.accept().await?;
            let mut request = [0; 1024];
            anyhow::ensure!(stream.read(&mut request).await? > 0, "no request came");
            for piece in pieces {
                stream.write_all(piece).await?;
                stream.flush().await?;
                tokio::task::yield_now().await;
            }
            anyhow::Ok(())
        };
        let mut connection = Connection::new(address);
        let (served, answer) = tokio::join!(server, connection.read(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n"));
        served?;
        answer
    }

    #[tokio::test]
    async fn an_answer_with_a_length_arrives_in_pieces() {
        let answer = asked(&[b"HTTP/1.1 200 OK\r\ncontent-", b"length: 5\r\n\r\nhe", b"llo"]).await;
        assert_eq!(answer.unwrap(), (200, b"hello".to_vec()));
    }

    #[tokio::test]
    async fn a_chunked_answer_ends_with_its_last_chunk() {
        let answer = asked(&[
            b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
            b"lo\r\n0\r",
            b"\n\r\n",
        ]);
        assert_eq!(answer.await.unwrap(), (201, b"hello".to_vec()));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let answer = asked(&[b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello"]).await;
        assert!(answer.is_err());
    }
}
