//! Writes that can be repeated safely (`Idempotency-Key`, draft-ietf-httpapi-idempotency-key-header).
//!
//! The stored answer is written in the transaction that makes it true, so there is no instant at which one is there
//! without the other. SQLite's write lock makes a repetition wait while the first is running; it then gets its answer.

use crate::caller::Caller;
use crate::context::Ctx;
use crate::db::{DbError, Tx};
use crate::params;
use crate::problem::{Problem, Result, kinds};
use crate::settings;
use crate::time::Timestamp;
use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// The header that makes a write repeatable.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The longest key that is accepted, in characters.
const MAX_KEY: usize = 255;
/// How long an answer can be had again.
const KEPT: Duration = Duration::from_secs(48 * 3600);
/// Answers larger than this are not stored: no write of ours gives one.
const MAX_ANSWER: usize = 1 << 20;
/// The headers that belong to an answer.
const STORED_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// A write, and the key that it came with.
#[derive(Debug, Clone)]
pub struct Once {
    key: Option<String>,
    caller: String,
    operation: String,
    fingerprint: Vec<u8>,
    person: Option<String>,
}

/// How a write begins.
pub enum Attempt {
    /// It is the first with its key, or has none: do it in this transaction.
    First(Tx),
    /// It has been done: this was the answer.
    Repeated(Response),
}

impl Once {
    /// Tells this request from others by `body`: what of the real one may leave a trace.
    pub fn with_body(mut self, body: &[u8]) -> Result<Self> {
        if self.key.is_some() {
            self.fingerprint = fingerprint(body)?;
        }
        Ok(self)
    }

    /// Says whose data the answer has. Who is forgotten is forgotten here too ([`forget`]); the caller always is.
    pub fn about(mut self, person: Option<impl ToString>) -> Self {
        self.person = person.map(|id| id.to_string()).filter(|id| *id != self.caller);
        self
    }

    /// Its [`name`](Self::name) and [`body`](Self::body) in one: for a write that commits its question before it knows the
    /// answer, must know its own question again, and has no need to tell a key that was used for another.
    pub fn mark(&self) -> Option<String> {
        let name = self.name()?;
        let hash = Sha256::new().chain_update(name).chain_update(&self.fingerprint);
        Some(BASE64URL_NOPAD.encode(&hash.finalize()))
    }

    /// Whether a repetition is to be answered as the first was.
    pub fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    /// Refuses a request without a key: for what touches money, stock or a chain.
    pub fn required(self) -> Result<Self> {
        match self.key {
            Some(_) => Ok(self),
            None => Err(Problem::new(
                kinds::KEY_REQUIRED,
                "Send an `Idempotency-Key` header, new for each operation.",
            )),
        }
    }

    /// What tells this write from every other one; nothing without a key. For a write that others take part in and that is
    /// stored before it can be answered, so that a repetition finds it: [`Once::begin`] only knows answers.
    pub fn name(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        Some(format!("{} {} {key}", self.caller, self.operation))
    }

    /// What tells its body from others.
    pub fn body(&self) -> &[u8] {
        &self.fingerprint
    }

    /// Refuses a repetition with another body.
    pub fn must_be_of(&self, body: &[u8]) -> Result<()> {
        match self.fingerprint == body {
            true => Ok(()),
            false => {
                let detail = "This key came with another request body before.";
                Err(Problem::new(kinds::KEY_REUSED, detail))
            }
        }
    }

    /// Begins the write's transaction, or gives the answer that an earlier one with the same key got.
    pub async fn begin(&self, ctx: &Ctx) -> Result<Attempt> {
        let tx = ctx.begin().await?;
        let Some(key) = &self.key else { return Ok(Attempt::First(tx)) };
        let stored = tx
            .one(
                "SELECT fingerprint, status, headers, body FROM idempotency
                  WHERE caller = ?1 AND operation = ?2 AND key = ?3",
                params![self.caller.as_str(), self.operation.as_str(), key.as_str()],
                |row| {
                    let body = row.get::<Vec<u8>>("fingerprint")?;
                    let (status, headers) = (row.get::<u32>("status")?, row.json("headers")?);
                    let answer = row.get::<Option<Vec<u8>>>("body")?;
                    Ok((body, answer.map(|answer| restore(status, headers, answer))))
                },
            )
            .await?;
        let Some((body, response)) = stored else { return Ok(Attempt::First(tx)) };
        tx.rollback().await?;
        self.must_be_of(&body)?;
        let forgotten = "This was done before. Its answer was erased with the person that it was about.";
        response.map(Attempt::Repeated).ok_or_else(|| Problem::new(kinds::ANSWER_ERASED, forgotten))
    }

    /// Stores the answer with what was done, and makes both durable.
    pub async fn commit(&self, tx: Tx, answer: impl IntoResponse) -> Result<Response> {
        let response = answer.into_response();
        let Some(key) = &self.key else {
            tx.commit().await?;
            return Ok(response);
        };
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, MAX_ANSWER)
            .await
            .map_err(|error| Problem::internal(format!("answer: {error}")))?;
        let headers: BTreeMap<&str, &str> = STORED_HEADERS
            .iter()
            .filter_map(|name| Some((name.as_str(), parts.headers.get(name)?.to_str().ok()?)))
            .collect();
        let headers = serde_json::json!(headers).to_string();
        tx.exec(
            "INSERT INTO idempotency (caller, operation, key, fingerprint, status, headers, body, created_at, person)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                self.caller.as_str(),
                self.operation.as_str(),
                key.as_str(),
                self.fingerprint.clone(),
                parts.status.as_u16(),
                headers,
                body.to_vec(),
                Timestamp::now(),
                self.person.as_deref(),
            ],
        )
        .await?;
        tx.commit().await?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

/// What tells one body from another. It needs a key that the database has not, since a body may have a password, which a
/// plain hash would let whoever reads the database guess.
fn fingerprint(body: &[u8]) -> Result<Vec<u8>> {
    let key = &settings::loaded()?.identity_key;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
    mac.update(b"souk idempotency");
    mac.update(body);
    Ok(mac.finalize().into_bytes().to_vec())
}

fn restore(status: u32, headers: BTreeMap<String, String>, body: Vec<u8>) -> Response {
    let status = u16::try_from(status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), body).into_response();
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Erases the answers that a person got, and those that are about them. What was done stays known, so that repeating it
/// does nothing. Indexes: the primary key, `idempotency_by_person`.
pub async fn forget(tx: &Tx, person: impl ToString) -> Result<(), DbError> {
    let person = person.to_string();
    for whose in ["caller", "person"] {
        let sql = format!("UPDATE idempotency SET body = NULL, headers = '{{}}' WHERE {whose} = ?1");
        tx.exec(&sql, params![person.as_str()]).await?;
    }
    Ok(())
}

/// Forgets answers that are older than we promise to keep them.
pub(crate) async fn purge(ctx: &Ctx) -> Result<(), DbError> {
    let oldest = Timestamp::now().before(KEPT);
    ctx.conn().await?.exec("DELETE FROM idempotency WHERE created_at < ?1", params![oldest]).await
}

impl<S: Sync> FromRequestParts<S> for Once {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let key = match parts.headers.get(&IDEMPOTENCY_KEY) {
            None => None,
            Some(value) => Some(
                value
                    .to_str()
                    .ok()
                    .map(str::trim)
                    .filter(|key| !key.is_empty() && key.len() <= MAX_KEY)
                    .ok_or_else(|| {
                        Problem::bad_parameter("Idempotency-Key", "must have 1 to 255 visible characters")
                    })?
                    .to_owned(),
            ),
        };
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(Self {
            key,
            caller: caller.subject.to_string(),
            operation: format!("{} {}", parts.method, parts.uri.path()),
            fingerprint: Vec::new(),
            person: None,
        })
    }
}
