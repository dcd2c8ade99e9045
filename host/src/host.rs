//! Starting, stopping and killing a host.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use wasmtime_wasi_http::handler::ProxyHandler;

use crate::app::{App, Maintenance, Running};
use crate::engine::Engine;
use crate::faults::Faults;
use crate::logs::LogTarget;
use crate::manifest::{ComponentSpec, Manifest};
use crate::options::Options;
use crate::pool::Pool;
use crate::prepare::{Prepared, prepare};
use crate::routes::Router;
use crate::runtime_config::{DEFAULT_STATE_FOLDER, RuntimeConfig};
use crate::{maintenance, server, variables};

/// How long a kill waits for statements that SQLite is in the middle of.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);
const STOP_POLL: Duration = Duration::from_millis(2);

/// A running application. Dropping it stops everything at once, without waiting.
pub struct Host {
    app: Arc<App>,
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    stop_timeout: Duration,
    runtime: OwnRuntime,
}

impl Host {
    /// Starts the application and returns once it accepts requests.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let runtime = OwnRuntime::new()?;
        // Compiling and opening files block; the caller's runtime must not.
        let started = runtime.get().spawn(async move {
            let setup = tokio::task::spawn_blocking(move || setup(options)).await??;
            setup.listen().await
        });
        let Started { app, address, stopping, stop_timeout } =
            started.await.context("the start was cut off")??;
        Ok(Self { app, address, stopping, stop_timeout, runtime })
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
        self.stopping.send_replace(true);
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
        self.stopping.send_replace(true);
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

/// An application that is ready to listen.
struct Setup {
    app: Arc<App>,
    options: Options,
    stopping: watch::Sender<bool>,
}

struct Started {
    app: Arc<App>,
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    stop_timeout: Duration,
}

impl Setup {
    async fn listen(self) -> anyhow::Result<Started> {
        let Self { app, options, stopping } = self;
        let listener = TcpListener::bind(&options.listen).await.with_context(|| {
            format!("cannot listen on {}: is something else running there?", options.listen)
        })?;
        let address = listener.local_addr()?;
        _ = app.address.set(address);
        tokio::spawn(server::accept(listener, app.clone(), stopping.subscribe()));
        if let Some(period) = options.tick {
            tokio::spawn(maintenance::run(app.clone(), period, stopping.subscribe()));
        }
        Ok(Started { app, address, stopping, stop_timeout: options.limits.stop_timeout })
    }
}

fn setup(options: Options) -> anyhow::Result<Setup> {
    let manifest = Manifest::read(&options.manifest)?;
    let values = variables::resolve(&manifest, &options.variables)?;
    let state = match &options.state_dir {
        Some(folder) => std::path::absolute(folder)?,
        None => manifest.folder.join(DEFAULT_STATE_FOLDER),
    };
    let config = RuntimeConfig::read(options.runtime_config.as_deref(), &state)?;
    let selected = select(&manifest, &options.components)?;
    let logs = log_folder(&state, options.log)?;
    let faults = Faults::default();
    let prepared = prepare(&manifest, &selected, &values, &config, &faults, &options, &logs)?;
    prepared.run_sqlite(&options.sqlite)?;
    let engine = Engine::shared(options.cache_dir.as_deref())?;
    let (stopping, watch) = watch::channel(false);
    let router = router(&manifest, &selected)?;
    let mut code = HashMap::new();
    for (id, spec) in &selected {
        let loaded =
            load(&engine, &manifest, id, spec).with_context(|| format!("the component {id:?} cannot run"))?;
        code.insert((*id).clone(), loaded);
    }
    let app = Arc::new_cyclic(|app| {
        let alive = Arc::new(());
        let Prepared { grants, maintenance, staged, .. } = prepared;
        let mut maintenance: HashMap<String, Maintenance> = maintenance;
        let running = |(id, grants): (String, Arc<crate::guest::Grants>)| {
            let pool = Pool {
                engine: engine.clone(),
                code: code[&id].clone(),
                grants,
                limits: options.limits.clone(),
                app: app.clone(),
                stopping: watch.clone(),
                alive: Arc::downgrade(&alive),
            };
            let running = Running { handler: ProxyHandler::new(pool), maintenance: maintenance.remove(&id) };
            (id, running)
        };
        let components: HashMap<String, Running> = grants.into_iter().map(running).collect();
        App {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            router,
            ids: components.keys().cloned().collect(),
            components,
            faults,
            request_timeout: options.limits.request_timeout.map(|range| range.to.max(range.from)),
            address: OnceLock::new(),
            _staged: staged,
            alive,
        }
    });
    Ok(Setup { app, options, stopping })
}

/// The components to run, by id. A component that only serves as a dependency has no trigger and does not run.
fn select<'m>(
    manifest: &'m Manifest,
    wanted: &[String],
) -> anyhow::Result<Vec<(&'m String, &'m ComponentSpec)>> {
    for id in wanted {
        ensure!(manifest.components.contains_key(id), "there is no component {id:?} in the manifest");
    }
    let triggered = |id: &String| manifest.triggers.iter().any(|trigger| trigger.component == *id);
    let chosen = |id: &String| wanted.is_empty() || wanted.contains(id);
    Ok(manifest.components.iter().filter(|(id, _)| triggered(id) && chosen(id)).collect())
}

fn router(manifest: &Manifest, selected: &[(&String, &ComponentSpec)]) -> anyhow::Result<Router> {
    let runs = |id: &str| selected.iter().any(|(selected, _)| *selected == id);
    let routes = manifest.triggers.iter().filter(|trigger| runs(&trigger.component));
    Router::new(routes.filter_map(|trigger| Some((trigger.route.as_deref()?, trigger.component.as_str()))))
}

fn load(
    engine: &Engine,
    manifest: &Manifest,
    id: &str,
    spec: &ComponentSpec,
) -> anyhow::Result<Arc<wasmtime_wasi_http::handler::ProxyPre<crate::guest::Guest>>> {
    if spec.dependencies.is_empty() {
        return engine.load(&spec.source);
    }
    engine.load_bytes(&crate::compose::compose(manifest, id, spec)?)
}

fn log_folder(state: &Path, target: LogTarget) -> anyhow::Result<PathBuf> {
    let folder = state.join("logs");
    if target != LogTarget::Nowhere {
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(folder)
}
