//! Where requests arrive: checked against PayPal's documents, done in the books, and the answers checked, too.

use crate::books::{Books, Repeat, random_id};
use crate::contract::{self, Operation, Violation};
use crate::moves::{Moved, Refusal};
use crate::notify::{Delivery, Letter, letters};
use crate::page::{self, Page};
use crate::signing::{Signatory, Term};
use crate::trouble::{Trouble, Troubles};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use url::form_urlencoded;

/// Every stand-in of a process begins with the same key: making one takes its time.
static FIRST: LazyLock<Arc<Signatory>> = LazyLock::new(|| Arc::new(Signatory::new(Term::Now)));

/// A request.
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its query.
    pub query: BTreeMap<String, String>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// A call of the API that was answered, or would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its id in the documents; `token` for the token.
    pub operation: String,
    /// The `PayPal-Request-Id`.
    pub key: Option<String>,
    /// The status.
    pub status: u16,
}

/// What becomes of a request.
pub struct Outcome {
    /// The answer; none when the connection breaks.
    pub answer: Option<Response<Bytes>>,
    /// How long it takes.
    pub delay: Duration,
}

impl Outcome {
    fn now(answer: Response<Bytes>) -> Self {
        Self { answer: Some(answer), delay: Duration::ZERO }
    }
}

/// Everything that changes.
pub struct State {
    pub books: Books,
    pub tokens: HashMap<String, Instant>,
    pub token_lasts: Duration,
    pub troubles: Troubles,
    pub calls: Vec<Call>,
    /// Answers of the stand-in that PayPal's documents do not have: bugs of the stand-in.
    pub complaints: Vec<String>,
    pub certificates: BTreeMap<String, Arc<Signatory>>,
    pub signs_with: String,
    /// How often each letter is sent.
    pub copies: usize,
    /// Letters that wait until somebody lets them go.
    pub held: Option<Vec<Letter>>,
    /// Letters that are to be sent.
    pub outbox: Vec<Letter>,
    pub deliveries: Vec<Delivery>,
}

/// The stand-in without its server.
pub struct Desk {
    state: Mutex<State>,
    file: Option<PathBuf>,
}

impl Desk {
    /// A desk at an address, with the books of a file, if there is one.
    pub fn new(origin: String, file: Option<PathBuf>, token_lasts: Duration) -> Self {
        let kept = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let mut books: Books = kept.and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default();
        books.open(origin);
        let state = State {
            books,
            tokens: HashMap::new(),
            token_lasts,
            troubles: Troubles::default(),
            calls: Vec::new(),
            complaints: Vec::new(),
            certificates: BTreeMap::new(),
            signs_with: String::new(),
            copies: 1,
            held: None,
            outbox: Vec::new(),
            deliveries: Vec::new(),
        };
        let desk = Self { state: Mutex::new(state), file };
        desk.state().signs_anew(Term::Now);
        desk
    }

    /// What is known now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request.
    pub fn take(&self, asked: &Asked) -> Outcome {
        let mut state = self.state();
        let outcome = state.take(asked);
        state.posts();
        if let Some(file) = &self.file {
            let kept = serde_json::to_vec(&state.books).expect("books are JSON");
            // Who runs out of disk keeps a stand-in that forgets.
            _ = std::fs::write(file, kept);
        }
        outcome
    }
}

fn answer(status: u16, kind: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let response = Response::builder().status(status).header("content-type", kind);
    response.body(body.into()).expect("a response")
}

fn json_answer(status: u16, body: &Value) -> Response<Bytes> {
    let debug_id = body["debug_id"].as_str().map_or_else(|| random_id(13).to_lowercase(), str::to_owned);
    let mut answer = match body {
        Value::Null => answer(status, "application/json", Bytes::new()),
        body => answer(status, "application/json", body.to_string()),
    };
    answer.headers_mut().insert("paypal-debug-id", debug_id.parse().expect("letters"));
    answer
}

impl State {
    /// From now on webhooks are signed with another key.
    pub fn signs_anew(&mut self, term: Term) {
        let id = format!("CERT-{}", random_id(16).to_lowercase());
        let is_first = self.certificates.is_empty();
        let signatory = if is_first { Arc::clone(&FIRST) } else { Arc::new(Signatory::new(term)) };
        self.certificates.insert(id.clone(), signatory);
        self.signs_with = id;
    }

    /// Who signs, and where its certificate is.
    pub fn signatory(&self) -> (Arc<Signatory>, String) {
        let url = format!("{}/v1/notifications/certs/{}", self.books.origin, self.signs_with);
        (Arc::clone(&self.certificates[&self.signs_with]), url)
    }

    /// Puts the news into envelopes.
    pub fn posts(&mut self) {
        let letters = letters(&mut self.books);
        let all = letters.into_iter().flat_map(|letter| vec![letter; self.copies]);
        match &mut self.held {
            Some(held) => held.extend(all),
            None => self.outbox.extend(all.filter(|letter| !letter.url.is_empty())),
        }
    }

    fn take(&mut self, asked: &Asked) -> Outcome {
        let segments: Vec<&str> = asked.path.split('/').collect();
        match (asked.method.as_str(), segments.as_slice()) {
            ("GET", ["", "checkoutnow"]) => Outcome::now(read(page::show(&self.books, &asked.query))),
            ("POST", ["", "checkoutnow"]) => {
                Outcome::now(read(page::choose(&mut self.books, &asked.query, &asked.body)))
            }
            ("GET", ["", "v1", "notifications", "certs", id]) => {
                Outcome::now(match self.certificates.get(*id) {
                    Some(found) => answer(200, "application/x-pem-file", found.pem().to_owned()),
                    None => answer(404, "text/plain", "no such certificate"),
                })
            }
            ("POST", ["", "v1", "oauth2", "token"]) => {
                self.with_troubles("token", None, |state| state.token(asked))
            }
            _ => match contract::operation(asked.method.as_str(), &asked.path) {
                Some(operation) => {
                    let key = header(asked, "paypal-request-id");
                    self.with_troubles(operation.id, key, |state| state.call(&operation, asked))
                }
                None => Outcome::now(answer(404, "text/plain", "PayPal's documents have no such operation")),
            },
        }
    }

    fn with_troubles(
        &mut self,
        operation: &str,
        key: Option<String>,
        act: impl FnOnce(&mut Self) -> Response<Bytes>,
    ) -> Outcome {
        let (answer, delay) = match self.troubles.next(operation) {
            Some(Trouble::LostBefore) => (None, Duration::ZERO),
            Some(Trouble::Status(status)) => (Some(in_trouble(status)), Duration::ZERO),
            Some(Trouble::LostAfter) => {
                let status = act(self).status().as_u16();
                self.calls.push(Call { operation: operation.to_owned(), key: key.clone(), status });
                (None, Duration::ZERO)
            }
            Some(Trouble::Slow(delay)) => (Some(act(self)), delay),
            None => (Some(act(self)), Duration::ZERO),
        };
        if let Some(answer) = &answer {
            self.calls.push(Call { operation: operation.to_owned(), key, status: answer.status().as_u16() });
        }
        Outcome { answer, delay }
    }

    fn token(&mut self, asked: &Asked) -> Response<Bytes> {
        let refused =
            |error: &str, what: &str| json_answer(401, &json!({ "error": error, "error_description": what }));
        let wanted = format!("{}:{}", self.books.client_id, self.books.secret);
        if header(asked, "authorization") != Some(format!("Basic {}", STANDARD.encode(wanted))) {
            return refused("invalid_client", "Client Authentication failed");
        }
        let form: BTreeMap<_, _> = form_urlencoded::parse(&asked.body).into_owned().collect();
        if form.get("grant_type").map(String::as_str) != Some("client_credentials") {
            let problem =
                json!({ "error": "unsupported_grant_type", "error_description": "unsupported grant_type" });
            return json_answer(400, &problem);
        }
        let token = format!("A21AA{}", random_id(92));
        self.tokens.insert(token.clone(), Instant::now() + self.token_lasts);
        json_answer(
            200,
            &json!({
                "scope": "https://uri.paypal.com/services/payments/payment/authcapture",
                "access_token": token, "token_type": "Bearer", "app_id": "APP-80W284485P519543T",
                "expires_in": self.token_lasts.as_secs(), "nonce": random_id(20),
            }),
        )
    }

    fn call(&mut self, operation: &Operation, asked: &Asked) -> Response<Bytes> {
        let (status, body) = self.answer(operation, asked);
        let wrong = operation.wrong_answer(status, Some(&body).filter(|body| !body.is_null()));
        if wrong.is_empty() || status == 501 {
            return json_answer(status, &body);
        }
        self.complaints.push(format!("{} answers {status} {body}: {}", operation.id, wrong.join("; ")));
        answer(500, "text/plain", wrong.join("\n"))
    }

    fn answer(&mut self, operation: &Operation, asked: &Asked) -> (u16, Value) {
        let body = match self.checked(operation, asked) {
            Ok(body) => body,
            Err(refused) => return refused,
        };
        let key = header(asked, "paypal-request-id");
        let key = key.map(|key| format!("{} {} {key}", asked.method, asked.path));
        if let Some(repeat) = key.as_ref().and_then(|key| self.books.repeats.get(key)) {
            if repeat.request != body {
                return (422, operation.refusal(422, &[]));
            }
            return (if operation.describes(200) { 200 } else { repeat.status }, repeat.body.clone());
        }
        let (status, issue, field) = match self.act(operation, asked, &body) {
            Ok((status, answer)) => {
                if let Some(key) = key {
                    let repeat = Repeat { request: body, status, body: answer.clone() };
                    self.books.repeats.insert(key, repeat);
                }
                return (status, answer);
            }
            Err(Refusal { status: 501, .. }) => {
                return (501, json!({ "name": "the stand-in does not have that" }));
            }
            Err(Refusal { status, issue, field }) => (status, issue, field),
        };
        if operation.issue(status, issue).is_none() && !operation.id.contains("webhook") {
            self.complaints.push(format!("{} has no issue {issue}", operation.id));
        }
        let (location, what) = (if status == 404 { "path" } else { "body" }, "It cannot be done.".to_owned());
        (status, operation.refusal(status, &[Violation { location, field: field.into(), issue, what }]))
    }

    /// The body of a request that the documents allow, of somebody who has a token; or what it is answered instead.
    fn checked(&self, operation: &Operation, asked: &Asked) -> Result<Value, (u16, Value)> {
        let refused = |status, violations: &[Violation]| Err((status, operation.refusal(status, violations)));
        let token =
            header(asked, "authorization").and_then(|it| it.strip_prefix("Bearer ").map(str::to_owned));
        let is_good = |token| self.tokens.get(&token).is_some_and(|ends| Instant::now() < *ends);
        if !token.is_some_and(is_good) {
            return refused(401, &[]);
        }
        let is_json = header(asked, "content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if !is_json && asked.method == Method::POST {
            return refused(415, &[]);
        }
        let body: Option<Value> = match (asked.body.is_empty(), serde_json::from_slice(&asked.body)) {
            (true, _) => None,
            (false, Ok(body)) => Some(body),
            (false, Err(error)) => {
                let (field, issue) = (String::new(), "MALFORMED_REQUEST_JSON");
                return refused(
                    400,
                    &[Violation { location: "body", field, issue, what: error.to_string() }],
                );
            }
        };
        let violations = operation.violations(&asked.query, |name| header(asked, name), body.as_ref());
        if violations.is_empty() { Ok(body.unwrap_or_else(|| json!({}))) } else { refused(400, &violations) }
    }

    fn act(&mut self, operation: &Operation, asked: &Asked, body: &Value) -> Moved {
        let is_short = header(asked, "prefer").as_deref() != Some("return=representation");
        let id = operation.arguments.first().map_or("", String::as_str);
        let books = &mut self.books;
        match operation.id {
            "orders.create" => books.create_order(body, is_short),
            "orders.get" => books.read_order(id),
            "orders.capture" => books.capture_order(id, is_short),
            "orders.authorize" => books.authorize_order(id, is_short),
            "authorizations.get" => books.read_authorization(id),
            "authorizations.capture" => books.capture_authorization(id, body, is_short),
            "authorizations.reauthorize" => books.reauthorize(id, body),
            "authorizations.void" => books.void(id, is_short),
            "captures.get" => books.read_capture(id),
            "captures.refund" => books.refund(id, body, is_short),
            "refunds.get" => books.read_refund(id),
            "webhooks.post" => books.add_webhook(body),
            "webhooks.list" => Ok((200, books.show_webhooks())),
            "webhooks.get" => books.read_webhook(id),
            "webhooks.delete" => books.remove_webhook(id),
            "verify-webhook-signature.post" => {
                let verdict = if self.is_genuine(body, &asked.body) { "SUCCESS" } else { "FAILURE" };
                Ok((200, json!({ "verification_status": verdict })))
            }
            _ => Err(Refusal { status: 501, issue: "", field: "" }),
        }
    }

    /// Whether a webhook that a merchant asks about is ours, byte for byte.
    fn is_genuine(&self, body: &Value, sent: &[u8]) -> bool {
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let certificate = text("cert_url").strip_prefix(&self.books.origin);
        let certificate = certificate.and_then(|path| path.strip_prefix("/v1/notifications/certs/"));
        let Some(signatory) = certificate.and_then(|id| self.certificates.get(id)) else { return false };
        let Some(event) = part(sent, "webhook_event", &body["webhook_event"]) else { return false };
        let (id, time, webhook) = (text("transmission_id"), text("transmission_time"), text("webhook_id"));
        self.books.webhooks.contains_key(webhook)
            && text("auth_algo") == "SHA256withRSA"
            && signatory.has_signed(text("transmission_sig"), id, time, webhook, event)
    }
}

/// The bytes of a member of a JSON object, as they were sent.
fn part<'a>(sent: &'a [u8], name: &str, value: &Value) -> Option<&'a [u8]> {
    let text = std::str::from_utf8(sent).ok()?;
    let key = format!("\"{name}\"");
    text.match_indices(&key).find_map(|(at, _)| {
        let rest = text[at + key.len()..].trim_start().strip_prefix(':')?.trim_start();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        let found = values.next()?.ok()?;
        (found == *value).then(|| &rest.as_bytes()[..values.byte_offset()])
    })
}

fn header(asked: &Asked, name: &str) -> Option<String> {
    asked.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// The answer of a PayPal that is not well. Of 429 the documents say nothing but that there may be other answers.
fn in_trouble(status: u16) -> Response<Bytes> {
    let (name, message) = match status {
        429 => ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
        503 => ("SERVICE_UNAVAILABLE", "Service Unavailable."),
        _ => ("INTERNAL_SERVER_ERROR", "An internal server error occurred."),
    };
    json_answer(
        status,
        &json!({ "name": name, "message": message, "debug_id": random_id(13).to_lowercase() }),
    )
}

fn read(page: Page) -> Response<Bytes> {
    match page {
        Page::Html(status, html) => answer(status, "text/html; charset=utf-8", html),
        Page::See(location) => {
            let response = Response::builder().status(303).header("location", location);
            response.body(Bytes::new()).expect("a response")
        }
    }
}
