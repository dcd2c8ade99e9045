//! The stand-in as a server on loopback, and what a test may do to it.

use crate::books::{Authorization, Capture, Order, Refund, now};
use crate::desk::{Asked, Call, Desk};
use crate::notify::{self, Delivery, Letter, TRIES};
use crate::signing::Term;
use crate::trouble::Trouble;
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use url::form_urlencoded;

/// The longest pause before a webhook is sent again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A webhook as it is sent.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The type of its event.
    pub event_type: String,
    /// What proves who wrote it.
    pub headers: Vec<(&'static str, String)>,
    /// The event.
    pub body: Bytes,
}

/// How a stand-in is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// On which port of the loopback interface; 0 for a free one.
    pub port: u16,
    /// Where the books are kept; in memory alone, if nowhere.
    pub file: Option<PathBuf>,
    /// How long a token lasts.
    pub token_lasts: Duration,
    /// The pause before a webhook is sent again, doubled each time.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let token_lasts = Duration::from_secs(9 * 60 * 60);
        Self { port: 0, file: None, token_lasts, pause: Duration::from_secs(1) }
    }
}

/// A running stand-in. It ends when it is dropped, and fails the test if it answered what PayPal's documents do not have.
pub struct Sandbox {
    desk: Arc<Desk>,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Sandbox {
    /// Starts one, in a thread of its own.
    pub fn start(options: Options) -> Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", options.port))
            .with_context(|| format!("port {} is taken", options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let desk = Arc::new(Desk::new(format!("http://{address}"), options.file, options.token_lasts));
        let (stop, stopped) = oneshot::channel();
        let own = Arc::clone(&desk);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = accept(listener, own, options.pause) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self { desk, address, _stop: stop })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// The merchant's id and secret, and the id of the webhook that the account begins with.
    pub fn account(&self) -> (String, String, String) {
        let books = &self.desk.state().books;
        (books.client_id.clone(), books.secret.clone(), books.webhook_id.clone())
    }

    /// That webhook tells everything to this address from now on.
    pub fn tells(&self, url: &str) {
        let books = &mut self.desk.state().books;
        let id = books.webhook_id.clone();
        if let Some(webhook) = books.webhooks.get_mut(&id) {
            url.clone_into(&mut webhook.url);
        }
    }

    /// Something happens to the next call of an operation.
    pub fn ails(&self, operation: &str, trouble: Trouble) {
        self.desk.state().troubles.add(operation, trouble);
    }

    /// Every token is worth nothing any more.
    pub fn forgets_tokens(&self) {
        self.desk.state().tokens.clear();
    }

    /// PayPal has looked at a pending capture: it is good, or it is not.
    pub fn settles(&self, capture: &str, is_good: bool) {
        let mut state = self.desk.state();
        assert!(state.books.settle(capture, is_good), "{capture} is not pending");
        state.posts();
    }

    /// The merchant gives money back on PayPal's own pages.
    pub fn refunds(&self, capture: &str, request: &Value) {
        let mut state = self.desk.state();
        state.books.refund(capture, request, false).expect("a refund");
        state.posts();
    }

    /// Every webhook is sent so many times.
    pub fn tells_times(&self, copies: usize) {
        self.desk.state().copies = copies;
    }

    /// Webhooks wait until they are let go.
    pub fn holds_webhooks(&self) {
        self.desk.state().held.get_or_insert_default();
    }

    /// The types of those that wait, the first first.
    pub fn held_webhooks(&self) -> Vec<String> {
        let state = self.desk.state();
        state.held.iter().flatten().map(|letter| letter.event_type.clone()).collect()
    }

    /// Those that wait, signed now, for somebody who carries them by hand; others go on waiting.
    pub fn takes_webhooks(&self) -> Vec<Signed> {
        let mut state = self.desk.state();
        let held = state.held.as_mut().map(std::mem::take).unwrap_or_default();
        let (signatory, cert_url) = state.signatory();
        let sign = |letter: Letter| Signed {
            headers: notify::headers(&signatory, &cert_url, &now(), &letter.webhook, &letter.body).into(),
            event_type: letter.event_type,
            body: letter.body,
        };
        held.into_iter().map(sign).collect()
    }

    /// Those that waited go, the last first if that is wanted, and no more wait.
    pub fn lets_webhooks_go(&self, is_backwards: bool) {
        let mut state = self.desk.state();
        let mut held = state.held.take().unwrap_or_default();
        if is_backwards {
            held.reverse();
        }
        state.outbox.extend(held);
    }

    /// Webhooks are signed with another key from now on, whose certificate is good for that term.
    pub fn signs_anew(&self, term: Term) {
        self.desk.state().signs_anew(term);
    }

    /// The headers of a webhook that PayPal could have sent.
    pub fn signs(&self, time: &str, webhook: &str, body: &[u8]) -> Vec<(&'static str, String)> {
        let (signatory, url) = self.desk.state().signatory();
        notify::headers(&signatory, &url, time, webhook, body).into()
    }

    /// An event as PayPal writes it.
    pub fn event(&self, event_type: &str, resource_type: &str, resource: Value) -> Value {
        notify::event(event_type, resource_type, resource)
    }

    /// What was asked since the last time somebody wanted to know.
    pub fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.desk.state().calls)
    }

    /// What was delivered so far.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.desk.state().deliveries.clone()
    }

    /// Every order.
    pub fn orders(&self) -> Vec<Order> {
        self.desk.state().books.orders.values().cloned().collect()
    }

    /// Everything that is or was held.
    pub fn authorizations(&self) -> Vec<Authorization> {
        self.desk.state().books.authorizations.values().cloned().collect()
    }

    /// Everything that was taken.
    pub fn captures(&self) -> Vec<Capture> {
        self.desk.state().books.captures.values().cloned().collect()
    }

    /// Everything that was given back.
    pub fn given_back(&self) -> Vec<Refund> {
        self.desk.state().books.refunds.values().cloned().collect()
    }

    /// A capture as PayPal shows it.
    pub fn shown(&self, capture: &str) -> Value {
        let state = self.desk.state();
        state.books.captures.get(capture).map_or(Value::Null, |it| state.books.show_capture(it, false))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let complaints = std::mem::take(&mut self.desk.state().complaints);
        if !std::thread::panicking() {
            assert!(
                complaints.is_empty(),
                "the stand-in is not as PayPal's documents are:\n{}",
                complaints.join("\n")
            );
        }
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>, pause: Duration) {
    tokio::spawn(deliver_all(Arc::clone(&desk), pause));
    while let Ok((stream, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        let service = service_fn(move |request| serve(request, Arc::clone(&desk)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn serve(request: Request<Incoming>, desk: Arc<Desk>) -> std::io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let path = parts.uri.path().to_owned();
    let asked = Asked { method: parts.method, path, query, headers: parts.headers, body };
    let outcome = desk.take(&asked);
    if !outcome.delay.is_zero() {
        tokio::time::sleep(outcome.delay).await;
    }
    // Hyper closes the connection of a service that fails.
    let answer = outcome.answer.ok_or_else(|| std::io::Error::other("the answer is lost"))?;
    Ok(answer.map(Full::new))
}

/// Sends what is to be sent: each letter by itself, one begun after the other.
async fn deliver_all(desk: Arc<Desk>, pause: Duration) {
    loop {
        let letters = std::mem::take(&mut desk.state().outbox);
        for letter in letters {
            if !deliver(&desk, &letter).await {
                tokio::spawn(insist(Arc::clone(&desk), letter, pause));
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn insist(desk: Arc<Desk>, letter: Letter, pause: Duration) {
    let mut pause = pause;
    for _ in 1..TRIES {
        tokio::time::sleep(pause).await;
        if deliver(&desk, &letter).await {
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn deliver(desk: &Desk, letter: &Letter) -> bool {
    let (signatory, cert_url) = desk.state().signatory();
    let status = notify::send(letter, &signatory, &cert_url).await;
    desk.state().deliveries.push(Delivery { event_type: letter.event_type.clone(), status });
    status.is_some_and(|status| (200..300).contains(&status))
}
