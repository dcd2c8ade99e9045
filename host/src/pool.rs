//! The instances of one component: made on demand, reused, run with several requests at once, and let go.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};

use crate::app::App;
use crate::engine::Engine;
use crate::fate::{Fate, Taken};
use crate::guest::{Grants, Guest};
use crate::options::Limits;
use crate::outbound::Outbound;
use crate::phase::{Follow, Phase, reached};

/// What it takes to make an instance.
pub(crate) struct Pool {
    pub engine: Arc<Engine>,
    pub code: Arc<ProxyPre<Guest>>,
    pub grants: Arc<Grants>,
    pub limits: Limits,
    pub app: Weak<App>,
    pub phase: Follow,
    /// Living instances hold it; the application waits for them when it stops.
    pub alive: Weak<()>,
}

impl HandlerState for Pool {
    type StoreData = Guest;
    type WorkerExpiration = Expiry;
    type WorkerState = Usage;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Expiry, Usage>> {
        let outbound = Outbound { app: self.app.clone(), grants: self.grants.clone() };
        let alive = self.alive.upgrade().ok_or_else(|| wasmtime::format_err!("the host has stopped"))?;
        let fate = Fate::default();
        let guest = Guest::new(self.grants.clone(), outbound, fate.clone(), alive)?;
        let mut store = Store::new(self.engine.wasmtime(), guest);
        store.limiter(|guest| &mut guest.limits);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| store.data_mut().computes());
        let proxy = self.code.instantiate_async(&mut store).await?;
        let timeout = self.limits.request_timeout.map(|range| range.pick());
        // As in Spin, an instance of a WASI 0.2 component serves one request: it cannot take several at once, and
        // such components are written for a fresh memory.
        let single = matches!(proxy, Proxy::P2(_));
        Ok(Instance {
            store,
            proxy,
            view: Guest::http_view,
            expiration: Expiry::new(self.limits.idle.pick(), timeout, self.phase.clone()),
            state: Usage {
                most: if single { 1 } else { self.limits.reuse_count.pick() },
                at_once: if single { 1 } else { self.limits.concurrency.pick() },
                timeout,
                grants: self.grants.clone(),
                fate,
                phase: self.phase.clone(),
            },
        })
    }
}

/// A request that no instance has taken yet.
pub(crate) struct Waiting {
    pub taken: Taken,
    /// The next one may come when it is given back.
    pub _place: OwnedSemaphorePermit,
}

/// How much an instance is used.
pub(crate) struct Usage {
    most: usize,
    at_once: usize,
    timeout: Option<Duration>,
    grants: Arc<Grants>,
    fate: Fate,
    phase: Follow,
}

impl WorkerState for Usage {
    type StoreData = Guest;
    type RequestData = Waiting;

    fn should_accept_request(&self, now: usize, so_far: usize) -> ShouldAccept {
        if so_far >= self.most {
            ShouldAccept::Never
        } else if now >= self.at_once {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, Guest>,
        waiting: Waiting,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        _ = waiting.taken.set(self.fate.clone());
        match self.timeout {
            Some(timeout) => Box::pin(tokio::time::sleep(timeout)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn drop(&self, store: Store<Guest>, result: Result<(), wasmtime::Error>) {
        if let Err(e) = result {
            self.fate.fail();
            // A host that is killed drops its instances in the middle; that is no failure of theirs.
            if *self.phase.borrow() != Phase::Running && !e.is::<wasmtime::Trap>() {
                return;
            }
            let component = &self.grants.component;
            tracing::error!(component, "the instance failed: {}", e.root_cause());
            self.grants.outputs.err.note(&format!("the instance of {component} failed: {e:?}"));
        }
        drop(store);
    }
}

/// When an instance is let go: after a time without work, when its latest request is overdue, or when the host stops.
pub(crate) struct Expiry {
    idle: Duration,
    request: Option<Duration>,
    sleep: Pin<Box<Sleep>>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    stopped: bool,
}

impl Expiry {
    fn new(idle: Duration, request: Option<Duration>, mut phase: Follow) -> Self {
        Self {
            idle,
            request,
            sleep: Box::pin(tokio::time::sleep(idle)),
            stopping: Box::pin(async move { reached(&mut phase, Phase::Stopping).await }),
            stopped: false,
        }
    }
}

impl WorkerExpiration for Expiry {
    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        status: WorkerStatus,
        start: Instant,
    ) -> Poll<()> {
        if !self.stopped {
            self.stopped = self.stopping.as_mut().poll(cx).is_ready();
        }
        let limit = match status {
            WorkerStatus::Idle if self.stopped => return Poll::Ready(()),
            WorkerStatus::Idle => Some(self.idle),
            WorkerStatus::Requests | WorkerStatus::PostReturn => self.request,
        };
        let Some(deadline) = limit.and_then(|limit| start.checked_add(limit)) else { return Poll::Pending };
        if self.sleep.deadline() != deadline.into() {
            self.sleep.as_mut().reset(deadline.into());
        }
        self.sleep.as_mut().poll(cx)
    }
}
