//! Starting, stopping and killing a host.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::app::App;
use crate::faults::Faults;
use crate::maintenance;
use crate::options::Options;
use crate::phase::Phase;
use crate::setup::{Setup, Started};

/// How long a kill waits for statements that SQLite is in the middle of.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);
const STOP_POLL: Duration = Duration::from_millis(2);

/// A running application. Dropping it stops everything at once, without waiting.
pub struct Host {
    app: Arc<App>,
    address: SocketAddr,
    phase: watch::Sender<Phase>,
    stop_timeout: Duration,
    runtime: OwnRuntime,
}

impl Host {
    /// Starts the application and returns once it accepts requests.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let runtime = OwnRuntime::new()?;
        // Compiling and opening files block; the caller's runtime must not.
        let started = runtime.get().spawn(async move {
            let setup = tokio::task::spawn_blocking(move || Setup::new(options)).await??;
            setup.listen().await
        });
        let Started { app, address, phase, stop_timeout } =
            started.await.context("the start was cut off")??;
        Ok(Self { app, address, phase, stop_timeout, runtime })
    }

    /// `http://ADDRESS:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `(component, route)` for every public route.
    pub fn routes(&self) -> Vec<(String, String)> {
        self.app.router.list()
    }

    /// The faults of this host, to be injected by tests.
    pub fn faults(&self) -> Faults {
        self.app.faults.clone()
    }

    /// Calls every maintenance route once and waits for the answers.
    pub async fn tick(&self) -> Vec<maintenance::Tick> {
        self.runtime.get().spawn(maintenance::round(self.app.clone())).await.unwrap_or_default()
    }

    /// Stops gracefully: new connections are refused, requests and work under way finish, within the stop timeout.
    pub async fn stop(self) {
        self.phase.send_replace(Phase::Stopping);
        let deadline = Instant::now() + self.stop_timeout;
        let app = self.app.clone();
        let waiting = self.runtime.get().spawn(async move {
            while app.lives() > 0 && Instant::now() < deadline {
                tokio::time::sleep(STOP_POLL).await;
            }
            app.lives()
        });
        if let Ok(left @ 1..) = waiting.await {
            tracing::warn!("{left} connections or instances were cut off at the end of the stop timeout");
        }
        self.kill().await;
    }

    /// Stops at once: requests under way are cut, instances vanish, databases are closed. A statement that SQLite is
    /// in the middle of ends first, so that nothing changes after this returns.
    pub async fn kill(mut self) {
        self.phase.send_replace(Phase::Killed);
        if let Some(runtime) = self.runtime.0.take() {
            let (done, ended) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                runtime.shutdown_timeout(KILL_TIMEOUT);
                _ = done.send(());
            });
            _ = ended.await;
        }
    }
}

/// A runtime of one's own: to stop it is to stop all that runs on it.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> anyhow::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("souk-host").build();
        Ok(Self(Some(runtime.context("cannot start threads")?)))
    }

    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("only `kill` and `drop` take it, and they end the host")
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
