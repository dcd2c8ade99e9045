//! Calls to other services, by name.
//!
//! A call carries who it is made for, the trace, the time that is left and, where one is given, the idempotency key. What
//! may be repeated safely is repeated when the other side is down, with growing pauses, while there is time.

use crate::caller::{Caller, IDENTITY};
use crate::context::{Ctx, DEADLINE, REQUEST_ID, TRACEPARENT};
use crate::once::IDEMPOTENCY_KEY;
use crate::problem::{Problem, Result, kinds};
use crate::settings;
use crate::wire;
use axum::body::Body;
use bytes::Bytes;
use futures::future::{Either, select};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// How often a call that may be repeated is made at most.
const MAX_ATTEMPTS: u32 = 3;
/// The pause before the second attempt; it doubles after that.
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Larger answers than this are not what one service asks of another.
const MAX_ANSWER: usize = 16 << 20;

/// Where `path` of `service` is.
pub fn url(service: &str, path: &str) -> Result<String> {
    Ok(settings::loaded()?.service_url.replace("{service}", service) + path)
}

/// What `future` gives, or nothing when it takes longer than `limit`.
pub async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(spin_sdk::time::sleep(limit))).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// A call that is being put together.
pub struct Call {
    ctx: Ctx,
    method: Method,
    service: &'static str,
    path: String,
    caller: Option<Caller>,
    key: Option<String>,
    body: Option<(HeaderValue, Bytes)>,
}

/// Another service's answer.
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
    retry_after: Option<Duration>,
    service: &'static str,
}

impl Call {
    pub(crate) fn new(ctx: Ctx, method: Method, service: &'static str, path: String) -> Self {
        Self { ctx, method, service, path, caller: None, key: None, body: None }
    }

    /// Makes the call for `caller` instead of for this service itself.
    pub fn on_behalf_of(mut self, caller: &Caller) -> Self {
        let service = self.ctx.service().name.to_owned();
        self.caller = Some(Caller { service, ..caller.clone() });
        self
    }

    /// Makes the call repeatable: the other side answers the same to the same key.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sends `body` as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self> {
        let bytes =
            serde_json::to_vec(body).map_err(|error| Problem::internal(format!("call body: {error}")))?;
        self.body = Some((HeaderValue::from_static("application/json"), bytes.into()));
        Ok(self)
    }

    /// Sends what is JSON already.
    pub(crate) fn raw_json(mut self, body: String) -> Self {
        self.body = Some((HeaderValue::from_static("application/json"), body.into()));
        self
    }

    /// Makes the call. An error means that there was no answer; a refusal is an answer.
    pub async fn send(self) -> Result<Reply> {
        let repeatable = self.key.is_some() || self.method.is_idempotent();
        let attempts = if repeatable { MAX_ATTEMPTS } else { 1 };
        let mut pause = FIRST_PAUSE;
        for _ in 1..attempts {
            match self.attempt().await {
                Ok(reply) if reply.status != StatusCode::SERVICE_UNAVAILABLE => return Ok(reply),
                _ if self.ctx.time_left() <= pause => break,
                _ => spin_sdk::time::sleep(pause).await,
            }
            pause *= 2;
        }
        self.attempt().await
    }

    async fn attempt(&self) -> Result<Reply> {
        let failed = |cause: String| Problem::unavailable(format!("{}: {cause}", self.service));
        let request = self.request()?;
        let exchange = async {
            let response =
                wire::send(request).await.map_err(|error| wire::no_answer(self.service, &error))?;
            let (parts, body) = response.into_parts();
            let body =
                Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| failed(error.to_string()))?;
            let retry_after =
                parts.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let retry_after = retry_after.map(Duration::from_secs);
            Ok(Reply { status: parts.status, body: body.to_bytes(), retry_after, service: self.service })
        };
        within(self.ctx.time_left(), exchange).await.unwrap_or_else(|| {
            let cause = format!("{} did not answer in time", self.service);
            Err(Problem::fault(kinds::TIMEOUT, "Another service took too long.", cause))
        })
    }

    fn request(&self) -> Result<Request<Body>> {
        let own = Caller::service(self.ctx.service());
        let identity = self.caller.as_ref().unwrap_or(&own).assertion_for(self.service)?;
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(url(self.service, &self.path)?)
            .header(IDENTITY, identity)
            .header(REQUEST_ID, self.ctx.request_id())
            .header(TRACEPARENT, self.ctx.traceparent())
            .header(DEADLINE, self.ctx.time_left().as_millis().to_string());
        if let Some(key) = &self.key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        let body = match &self.body {
            Some((media_type, bytes)) => {
                request = request
                    .header(header::CONTENT_TYPE, media_type)
                    .header(header::CONTENT_LENGTH, bytes.len());
                Body::from(bytes.clone())
            }
            None => Body::empty(),
        };
        request.body(body).map_err(|error| Problem::internal(format!("call: {error}")))
    }
}

impl Reply {
    /// The answer as `T`; what is not 2xx, or not a `T`, is the other side's fault.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        if !self.status.is_success() {
            return Err(self.unexpected());
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let cause = format!("{} answered nonsense: {error}", self.service);
            Problem::fault(kinds::UPSTREAM_FAILED, "Another service gave an unusable answer.", cause)
        })
    }

    /// How long the other side asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The kind of the refusal, the last segment of its `type`.
    pub fn kind(&self) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Kind {
            #[serde(rename = "type")]
            kind: String,
        }
        let document: Kind = serde_json::from_slice(&self.body).ok()?;
        document.kind.rsplit('/').next().map(str::to_owned)
    }

    /// The problem to report when the answer is none that we know how to go on from.
    pub fn unexpected(&self) -> Problem {
        let cause =
            format!("{} answered {} ({})", self.service, self.status, self.kind().unwrap_or_default());
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => Problem::unavailable(cause),
            _ => Problem::fault(kinds::UPSTREAM_FAILED, "Another service gave an unusable answer.", cause),
        }
    }
}
