//! From options to a listening application.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::net::TcpListener;
use tokio::sync::watch;
use wasmtime_wasi_http::handler::ProxyPre;

use crate::app::{App, Maintenance, Running};
use crate::engine::Engine;
use crate::faults::Faults;
use crate::guest::{Grants, Guest};
use crate::logs::LogTarget;
use crate::manifest::{ComponentSpec, Manifest};
use crate::options::Options;
use crate::phase::Phase;
use crate::pool::Pool;
use crate::prepare::{Prepared, prepare};
use crate::routes::Router;
use crate::runtime_config::{DEFAULT_STATE_FOLDER, RuntimeConfig};
use crate::{maintenance, server, variables};

/// A component, compiled and linked.
type Code = ProxyPre<Guest>;

/// An application that is ready to listen.
pub(crate) struct Setup {
    app: Arc<App>,
    options: Options,
    phase: watch::Sender<Phase>,
}

/// An application that listens.
pub(crate) struct Started {
    pub app: Arc<App>,
    pub address: SocketAddr,
    /// Set to stop it.
    pub phase: watch::Sender<Phase>,
    pub stop_timeout: Duration,
}

impl Setup {
    /// Reads, checks, opens and compiles everything that the application needs.
    pub fn new(options: Options) -> anyhow::Result<Self> {
        let manifest = Manifest::read(&options.manifest)?;
        let values = variables::resolve(&manifest, &options.variables)?;
        let state = match &options.state_dir {
            Some(folder) => std::path::absolute(folder)?,
            None => manifest.folder.join(DEFAULT_STATE_FOLDER),
        };
        let config = RuntimeConfig::read(options.runtime_config.as_deref(), &state)?;
        let selected = select(&manifest, &options.components)?;
        let router = router(&manifest, &selected)?;
        let logs = log_folder(&state, options.log)?;
        let faults = Faults::default();
        let prepared = prepare(&manifest, &selected, &values, &config, &faults, &options, &logs)?;
        prepared.run_sqlite(&options.sqlite)?;
        let engine = Engine::shared(options.cache_dir.as_deref(), options.perf_map)?;
        let code = load_all(&engine, &manifest, &selected)?;
        let (phase, follow) = watch::channel(Phase::Running);
        let app = Arc::new_cyclic(|app| {
            let alive = Arc::new(());
            let Prepared { grants, maintenance, staged, .. } = prepared;
            let pool = |id: &str, grants| Pool {
                engine: engine.clone(),
                code: code[id].clone(),
                grants,
                limits: options.limits.clone(),
                app: app.clone(),
                phase: follow.clone(),
                alive: Arc::downgrade(&alive),
            };
            App {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                router,
                ids: grants.keys().cloned().collect(),
                components: running(grants, maintenance, pool),
                faults,
                request_timeout: options.limits.request_timeout.map(|range| range.to.max(range.from)),
                address: OnceLock::new(),
                _staged: staged,
                alive,
            }
        });
        Ok(Self { app, options, phase })
    }

    /// Begins to accept requests.
    pub async fn listen(self) -> anyhow::Result<Started> {
        let Self { app, options, phase } = self;
        let listener = TcpListener::bind(&options.listen).await.with_context(|| {
            format!("cannot listen on {}: is something else running there?", options.listen)
        })?;
        let address = listener.local_addr()?;
        _ = app.address.set(address);
        tokio::spawn(server::accept(listener, app.clone(), phase.subscribe()));
        if let Some(period) = options.tick {
            tokio::spawn(maintenance::run(app.clone(), period, phase.subscribe()));
        }
        Ok(Started { app, address, phase, stop_timeout: options.limits.stop_timeout })
    }
}

/// A pool of instances for each component.
fn running(
    grants: HashMap<String, Arc<Grants>>,
    mut maintenance: HashMap<String, Maintenance>,
    pool: impl Fn(&str, Arc<Grants>) -> Pool,
) -> HashMap<String, Running> {
    let run = |(id, grants): (String, Arc<Grants>)| {
        let running = Running::new(pool(&id, grants), maintenance.remove(&id));
        (id, running)
    };
    grants.into_iter().map(run).collect()
}

fn load_all(
    engine: &Engine,
    manifest: &Manifest,
    selected: &[(&String, &ComponentSpec)],
) -> anyhow::Result<HashMap<String, Arc<Code>>> {
    let mut code = HashMap::new();
    for (id, spec) in selected {
        let loaded = load(engine, manifest, id, spec);
        code.insert((*id).clone(), loaded.with_context(|| format!("the component {id:?} cannot run"))?);
    }
    Ok(code)
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

fn load(engine: &Engine, manifest: &Manifest, id: &str, spec: &ComponentSpec) -> anyhow::Result<Arc<Code>> {
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
