//! A request that a person is about to make.

use crate::answer::Answer;
use crate::person::Person;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use std::error::Error as _;
use std::future::IntoFuture;
use std::io::ErrorKind;

/// A request in the making. Awaiting it makes it, and gives an [`Answer`] that has been judged.
#[must_use = "a request is made when it is awaited"]
pub struct Request<'p> {
    person: &'p Person,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    token: Token,
}

/// The bearer token that goes with a request.
enum Token {
    /// The person's own, if they have an account.
    Own,
    None,
    Given(String),
}

impl<'p> Request<'p> {
    pub(crate) fn new(person: &'p Person, method: Method, path: impl Into<String>) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self { person, method, path: path.into(), headers, body, token: Token::Own }
    }

    /// With `body` as JSON.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        let bytes = serde_json::to_vec(body).expect("a test's body is JSON");
        self.body("application/json", bytes)
    }

    /// With any body.
    pub fn body(mut self, media_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.headers.remove(header::CONTENT_TYPE);
        self.header(header::CONTENT_TYPE.as_str(), media_type)
    }

    /// With one more header; the value may have bytes that are not ASCII.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name: HeaderName = name.parse().expect("a header's name");
        self.headers.append(name, HeaderValue::from_bytes(value.as_ref()).expect("a header's value"));
        self
    }

    /// The same answer to the same key.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Only if nobody changed it since the version with this tag.
    pub fn if_match(self, tag: &str) -> Self {
        self.header("if-match", tag)
    }

    /// With this bearer token instead of the person's own.
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.token = Token::Given(token.into());
        self
    }

    /// Without a token, as a stranger would.
    pub fn without_token(mut self) -> Self {
        self.token = Token::None;
        self
    }

    /// Makes the request where there may be no answer, since the suite dies. What comes is judged as ever.
    pub async fn attempt(mut self) -> Result<Answer, reqwest::Error> {
        let token = match &self.token {
            Token::None => None,
            Token::Given(token) => Some(token.clone()),
            Token::Own => self.person.attempt_token().await?,
        };
        if let Some(token) = token {
            self = self.header("authorization", format!("Bearer {token}"));
        }
        let mut response = self.send().await;
        for _ in 0..HUNG_UP {
            match &response {
                Err(error) if self.body.len() > AT_ONCE && is_cut_off(error) => response = self.send().await,
                _ => break,
            }
        }
        Answer::read(self.person, &self, response?).await
    }

    async fn send(&self) -> Result<reqwest::Response, reqwest::Error> {
        let place = self.person.place();
        let request = place.client.request(self.method.clone(), format!("{}{}", place.url(), self.path));
        request.headers(self.headers.clone()).body(self.body.clone()).send().await
    }
}

/// A body that is longer is not sent in one piece. Who refuses it before having read it all may hang up, and the client may
/// notice that before it has read why (RFC 9112, 9.6): it asks again, so often at most.
const AT_ONCE: usize = 64 << 10;
const HUNG_UP: usize = 10;

fn is_cut_off(error: &reqwest::Error) -> bool {
    let sources = std::iter::successors(error.source(), |&error| error.source());
    let mut kinds =
        sources.filter_map(|error| error.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
    kinds.any(|kind| matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset))
}

impl<'p> IntoFuture for Request<'p> {
    type Output = Answer;
    type IntoFuture = BoxFuture<'p, Answer>;

    fn into_future(self) -> Self::IntoFuture {
        let what = format!("{}: {} {}", self.person.name(), self.method, self.path);
        Box::pin(async move {
            self.attempt().await.unwrap_or_else(|error| panic!("{what} got no answer: {error:?}"))
        })
    }
}
