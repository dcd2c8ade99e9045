//! One request's context: its ids, its deadline, its way to the database and to other services.

use crate::caller::Caller;
use crate::client::Call;
use crate::db::{Conn, Db, DbError, Tx};
use crate::id::RequestId;
use crate::problem::Problem;
use crate::service::Service;
use crate::unique;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, header};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Carries the request id between services; the gateway makes it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Carries the trace (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Carries how many milliseconds are left until the caller gives up.
pub const DEADLINE: HeaderName = HeaderName::from_static("souk-deadline-ms");

/// How long a request may take when its caller does not say.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);
/// The longest name of a client's program that is kept.
const MAX_USER_AGENT: usize = 200;

/// The context of one request. Cheap to clone.
#[derive(Clone)]
pub struct Ctx(Arc<Inner>);

struct Inner {
    service: &'static Service,
    request_id: String,
    traceparent: String,
    deadline: Instant,
    user_agent: Option<String>,
    /// Who asks, and from where, once that is proven.
    caller: OnceLock<(String, Option<String>)>,
}

impl Ctx {
    /// Reads the context from a request. At the edge nothing that a client sent is believed, but for its trace.
    pub(crate) fn read(service: &'static Service, headers: &HeaderMap, started: Instant) -> Self {
        let trusted = |name: &HeaderName| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .filter(|_| !service.edge)
                .map(str::to_owned)
        };
        let traceparent = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
        let patience = trusted(&DEADLINE).and_then(|text| text.parse().ok()).map(Duration::from_millis);
        Self(Arc::new(Inner {
            service,
            request_id: trusted(&REQUEST_ID)
                .filter(|id| id.parse::<RequestId>().is_ok())
                .unwrap_or_else(|| RequestId::unique().to_string()),
            traceparent: child_of(traceparent),
            user_agent: headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(short),
            caller: OnceLock::new(),
            deadline: started + patience.unwrap_or(DEFAULT_DEADLINE).min(DEFAULT_DEADLINE),
        }))
    }

    /// A context for work that no request asked for (deliveries, maintenance).
    pub(crate) fn background(service: &'static Service) -> Self {
        Self::read(service, &HeaderMap::new(), Instant::now())
    }

    /// The service that is running.
    pub fn service(&self) -> &'static Service {
        self.0.service
    }

    /// Finds this request in every log.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// The trace, for the next service (W3C Trace Context).
    pub fn traceparent(&self) -> &str {
        &self.0.traceparent
    }

    /// With what the request was made, as it says itself.
    pub fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// Remembers who asks, for the audit log.
    pub(crate) fn knows(&self, caller: &Caller) {
        // The first is the only one: a request has one caller.
        let _ = self.0.caller.set((caller.subject.to_string(), caller.address.clone()));
    }

    /// Who asks: an id, `anonymous` or `service`; nothing where no handler has asked for the caller.
    pub fn actor(&self) -> Option<&str> {
        self.0.caller.get().map(|(actor, _)| actor.as_str())
    }

    /// From where they ask.
    pub fn address(&self) -> Option<&str> {
        self.0.caller.get()?.1.as_deref()
    }

    /// How long the caller is still waiting.
    pub fn time_left(&self) -> Duration {
        self.0.deadline.saturating_duration_since(Instant::now())
    }

    /// The service's database.
    pub fn db(&self) -> Result<Db, DbError> {
        Db::of(self.0.service)
    }

    /// A connection for questions.
    pub async fn conn(&self) -> Result<Conn, DbError> {
        self.db()?.conn().await
    }

    /// A connection whose writes a power cut may lose ([`Db::relaxed`]).
    pub async fn relaxed(&self) -> Result<Conn, DbError> {
        self.db()?.relaxed().await
    }

    /// A write transaction.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        self.db()?.begin().await
    }

    /// A call to another service, by its name, as this service itself.
    pub fn call(&self, method: Method, service: &'static str, path: impl Into<String>) -> Call {
        Call::new(self.clone(), method, service, path.into())
    }
}

impl<S: Sync> FromRequestParts<S> for Ctx {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Problem::internal("request without a context"))
    }
}

fn short(text: &str) -> String {
    text.chars().take(MAX_USER_AGENT).collect()
}

/// The next span of the trace: the same trace id, a new span id. A trace that cannot be read is begun anew.
fn child_of(traceparent: Option<&str>) -> String {
    let fresh = format!("{:032x}", unique::number());
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let known = traceparent.filter(|text| text.len() == 55 && text.starts_with("00-")).and_then(|text| {
        let (trace, parent, flags) = (text.get(3..35)?, text.get(36..52)?, text.get(53..55)?);
        let zero = trace.bytes().all(|byte| byte == b'0') || parent.bytes().all(|byte| byte == b'0');
        (is_hex(trace) && is_hex(parent) && is_hex(flags) && !zero).then_some((trace, flags))
    });
    match known {
        Some((trace, flags)) => format!("00-{trace}-{}-{flags}", &fresh[..16]),
        None => format!("00-{fresh}-{}-01", &fresh[16..]),
    }
}

#[cfg(test)]
mod tests {
    use super::child_of;

    #[test]
    fn a_trace_goes_on_with_a_new_span() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let child = child_of(Some(parent));
        assert!(child.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && child.ends_with("-01"));
        assert_ne!(child, parent);
    }

    #[test]
    fn nonsense_begins_a_new_trace() {
        for text in
            ["", "00-x", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "é".repeat(55).as_str()]
        {
            assert_eq!(child_of(Some(text)).len(), 55, "{text}");
        }
    }
}
