//! A running application: every request goes through [`App::serve`] from outside, or [`App::call`] from within.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri, header};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::{ExpirationError, InstantiationError, ProxyHandler, TrapOrPanicError};

use crate::allowed_hosts::INTERNAL_DOMAIN;
use crate::fate::{Fate, Taken, watched};
use crate::faults::{Faults, RequestFault};
use crate::headers;
use crate::pool::{Pool, Waiting};
use crate::problem::{problem, whole};
use crate::routes::{Match, Router, WELL_KNOWN};

/// The client of a call that never left the process, as Spin shows it.
pub(crate) const NO_CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// How much longer than the request timeout an answer is waited for: a guest that computes is only noticed between
/// two epochs.
const TIMEOUT_SLACK: Duration = Duration::from_millis(100);

/// A running application.
pub(crate) struct App {
    pub name: String,
    pub version: String,
    pub router: Router,
    pub components: HashMap<String, Running>,
    /// The names of `components`, for the allowed hosts.
    pub ids: Vec<String>,
    pub faults: Faults,
    pub request_timeout: Option<Duration>,
    /// Where it listens, once it does.
    pub address: OnceLock<SocketAddr>,
    /// Folders with copies of mounted files.
    pub _staged: Vec<tempfile::TempDir>,
    /// What connections and instances hold a share of while they live.
    pub alive: Arc<()>,
}

/// Requests of one component that may wait at once for an instance to take them. Each of a crowd that comes in the same
/// instant would start an instance of its own otherwise, where a few that are reused can serve them all.
const AT_THE_DOOR: usize = 16;

/// One component that takes requests.
pub(crate) struct Running {
    handler: ProxyHandler<Pool>,
    door: Arc<Semaphore>,
    pub maintenance: Option<Maintenance>,
}

impl Running {
    pub fn new(pool: Pool, maintenance: Option<Maintenance>) -> Self {
        Self { handler: ProxyHandler::new(pool), door: Arc::new(Semaphore::new(AT_THE_DOOR)), maintenance }
    }

    async fn handle(&self, taken: Taken, request: Request<WasiBody>) -> wasmtime::Result<Response<WasiBody>> {
        let place = self.door.clone().acquire_owned().await?;
        self.handler.handle(Waiting { taken, _place: place }, request).await
    }
}

/// A component's maintenance route, with everything filled in.
pub(crate) struct Maintenance {
    pub path: String,
    pub authorization: Option<String>,
    /// Held while a round is under way; says whether the last one worked.
    pub healthy: tokio::sync::Mutex<bool>,
}

impl App {
    pub fn component_ids(&self) -> &[String] {
        &self.ids
    }

    /// Address and port of its own front door.
    pub fn local_authority(&self) -> String {
        self.address.get().map(SocketAddr::to_string).unwrap_or_default()
    }

    /// Connections and instances that live.
    pub fn lives(&self) -> usize {
        Arc::strong_count(&self.alive) - 1
    }

    /// Answers a request from outside.
    pub async fn serve(
        self: &Arc<Self>,
        mut request: Request<WasiBody>,
        client: SocketAddr,
    ) -> Response<WasiBody> {
        let headers = request.headers_mut();
        // A name that only components may use is no host of ours; what remains is a request without one.
        let internal = headers.get(header::HOST).is_some_and(|host| {
            let host = host.to_str().unwrap_or_default();
            host.split(':').next().is_some_and(|name| name.ends_with(INTERNAL_DOMAIN))
        });
        if internal {
            headers.remove(header::HOST);
        }
        headers.remove(header::CONNECTION);
        if let Some(name) = request.uri().path().strip_prefix(WELL_KNOWN) {
            return self.well_known(name);
        }
        let Some(route) = self.router.find(request.uri().path()) else {
            return problem(StatusCode::NOT_FOUND);
        };
        let Some(uri) = full_uri(&request) else {
            return problem(StatusCode::BAD_REQUEST);
        };
        *request.uri_mut() = uri;
        self.call(route, request, client).await
    }

    /// Answers a request to a component whose URI is complete. Boxed, since components call one another.
    pub fn call(
        self: &Arc<Self>,
        route: Match,
        request: Request<WasiBody>,
        client: SocketAddr,
    ) -> BoxFuture<'static, Response<WasiBody>> {
        let app = self.clone();
        Box::pin(async move { app.answer(route, request, client).await })
    }

    async fn answer(
        &self,
        route: Match,
        mut request: Request<WasiBody>,
        client: SocketAddr,
    ) -> Response<WasiBody> {
        let Some(running) = self.components.get(&route.component) else {
            tracing::error!(component = route.component, "a request to a component that does not run");
            return problem(StatusCode::INTERNAL_SERVER_ERROR);
        };
        if headers::add(&mut request, &route, client).is_none() {
            return problem(StatusCode::BAD_REQUEST);
        }
        if let Some(delay) = self.faults.delay(&route.component) {
            tokio::time::sleep(delay).await;
        }
        match self.faults.request(&route.component) {
            Some(RequestFault::Fail(status)) => {
                return problem(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
            }
            Some(RequestFault::Trap) => return problem(StatusCode::INTERNAL_SERVER_ERROR),
            None => {}
        }
        tracing::trace!(component = route.component, method = %request.method(), uri = %request.uri());
        let start = Instant::now();
        let taken = Taken::default();
        let answer = running.handle(taken.clone(), request);
        let answer = match self.request_timeout {
            Some(limit) => match tokio::time::timeout(limit + TIMEOUT_SLACK, answer).await {
                Ok(answer) => answer,
                Err(_) => Err(ExpirationError.into()),
            },
            None => answer.await,
        };
        match answer {
            Ok(response) => response.map(|body| watched(body, &taken)),
            Err(_) if taken.get().is_some_and(Fate::was_given_up) => problem(StatusCode::GATEWAY_TIMEOUT),
            Err(e) => self.failure(&route.component, &e, start.elapsed()),
        }
    }

    /// The answer in place of one that a component failed to give.
    fn failure(&self, component: &str, error: &wasmtime::Error, after: Duration) -> Response<WasiBody> {
        let overdue = self.request_timeout.is_some_and(|limit| after >= limit);
        if overdue || error.is::<ExpirationError>() {
            tracing::warn!(component, "the request timed out after {} ms", after.as_millis());
            problem(StatusCode::GATEWAY_TIMEOUT)
        } else if error.is::<InstantiationError<Taken>>() {
            tracing::error!(component, "no instance could be made: {error:#}");
            problem(StatusCode::SERVICE_UNAVAILABLE)
        } else {
            // The pool told of a trap when it took the instance away.
            if !error.is::<TrapOrPanicError>() {
                tracing::error!(component, "the request failed: {error:#}");
            }
            problem(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }

    fn well_known(&self, name: &str) -> Response<WasiBody> {
        match name {
            "health" => Response::new(whole("OK")),
            "info" => {
                let info = serde_json::json!({ "name": self.name, "version": self.version });
                let mut response = Response::new(whole(info.to_string()));
                let json = header::HeaderValue::from_static("application/json");
                response.headers_mut().insert(header::CONTENT_TYPE, json);
                response
            }
            _ => problem(StatusCode::NOT_FOUND),
        }
    }
}

/// The URI with the scheme and the host that the request was sent to. `None` without a host, or with two.
fn full_uri<B>(request: &Request<B>) -> Option<Uri> {
    let mut parts = request.uri().clone().into_parts();
    let named = match request.headers().get(header::HOST) {
        Some(host) => Some(host.to_str().ok()?.parse::<Authority>().ok()?),
        None => None,
    };
    let authority = match (named, parts.authority) {
        (Some(a), Some(b)) if a != b => return None,
        (Some(a), _) | (None, Some(a)) => a,
        (None, None) => return None,
    };
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    Uri::from_parts(parts).ok()
}
