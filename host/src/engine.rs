//! The Wasm engine of the process, and the components it has compiled.
//!
//! A process has one engine for each folder of compiled code (or none), so that many hosts in one test binary share
//! what was compiled. Wasmtime keeps the folder: entries are named by content and by everything that compiling depends
//! on, and are written atomically.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, Linker};
use wasmtime::{
    Cache, CacheConfig, Config, InstanceAllocationStrategy, PoolingAllocationConfig, ProfilingStrategy,
};
use wasmtime_wasi_http::handler::ProxyPre;

use crate::bindings::Offers;
use crate::guest::{Guest, HasGuest};

/// How often a guest that computes gives way, so that timeouts are noticed.
pub(crate) const EPOCH: Duration = Duration::from_millis(10);
/// Instances that may live at once in the process, as many as Spin allows.
const MAX_INSTANCES: u32 = 1000;
/// Stacks for them. An instance needs one, and one more for each of its requests that waits in a blocking call; where none
/// is left it fails with all its requests, so unlike Spin there are more of them than instances.
const MAX_STACKS: u32 = 4 * MAX_INSTANCES;
/// What a place for an instance keeps in memory for the next one, and how many places do: the rest costs page faults.
const KEPT_MEMORY_BYTES: usize = 512 << 10;
const KEPT_TABLE_BYTES: usize = 64 << 10;
const KEPT_PLACES: u32 = 16;

/// An engine with the components compiled for it.
pub(crate) struct Engine {
    engine: wasmtime::Engine,
    linker: Linker<Guest>,
    compiled: Mutex<HashMap<[u8; 32], Arc<ProxyPre<Guest>>>>,
    /// Content hashes of files, so that an unchanged one is not read again.
    known_files: Mutex<HashMap<PathBuf, KnownFile>>,
}

/// What tells one engine from another.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    cache: Option<PathBuf>,
    perf_map: bool,
}

/// A file as it was when it was read.
#[derive(Clone, Copy)]
struct KnownFile {
    bytes: u64,
    modified: SystemTime,
    hash: [u8; 32],
}

impl Engine {
    /// The process's engine that keeps compiled code in `cache`, or nowhere, and tells `perf` of it or not.
    pub fn shared(cache: Option<&Path>, perf_map: bool) -> anyhow::Result<Arc<Self>> {
        static ENGINES: OnceLock<Mutex<HashMap<Kind, Arc<Engine>>>> = OnceLock::new();
        let mut engines = lock(ENGINES.get_or_init(Mutex::default));
        let kind = Kind { cache: cache.map(std::path::absolute).transpose()?, perf_map };
        if let Some(engine) = engines.get(&kind) {
            return Ok(engine.clone());
        }
        let engine = Arc::new(Self::new(&kind)?);
        engines.insert(kind, engine.clone());
        Ok(engine)
    }

    fn new(kind: &Kind) -> anyhow::Result<Self> {
        let mut config = config(kind)?;
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling()));
        // A machine may refuse the address space that pooling reserves.
        let engine = wasmtime::Engine::new(&config).or_else(|e| {
            tracing::debug!("instances are not pooled: {e:#}");
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            wasmtime::Engine::new(&config)
        })?;
        let weak = engine.weak();
        std::thread::Builder::new().name("epochs".to_owned()).spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(EPOCH);
            }
        })?;
        let linker = linker(&engine)?;
        Ok(Self { engine, linker, compiled: Mutex::default(), known_files: Mutex::default() })
    }

    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }

    /// The component in `file`, compiled and linked.
    pub fn load(&self, file: &Path) -> anyhow::Result<Arc<ProxyPre<Guest>>> {
        let meta = std::fs::metadata(file)
            .with_context(|| format!("cannot read {}: is it built?", file.display()))?;
        let (bytes, modified) = (meta.len(), meta.modified()?);
        let known = lock(&self.known_files).get(file).copied();
        if let Some(known) = known.filter(|known| known.bytes == bytes && known.modified == modified)
            && let Some(known) = lock(&self.compiled).get(&known.hash)
        {
            return Ok(known.clone());
        }
        let wasm = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let hash: [u8; 32] = Sha256::digest(&wasm).into();
        let compiled = self.compile(hash, &wasm)?;
        lock(&self.known_files).insert(file.to_owned(), KnownFile { bytes, modified, hash });
        Ok(compiled)
    }

    /// The component of these bytes, compiled and linked.
    pub fn load_bytes(&self, wasm: &[u8]) -> anyhow::Result<Arc<ProxyPre<Guest>>> {
        self.compile(Sha256::digest(wasm).into(), wasm)
    }

    fn compile(&self, hash: [u8; 32], wasm: &[u8]) -> anyhow::Result<Arc<ProxyPre<Guest>>> {
        if let Some(known) = lock(&self.compiled).get(&hash) {
            return Ok(known.clone());
        }
        anyhow::ensure!(wasm.starts_with(b"\0asm"), "it is not a Wasm component");
        let component = Component::from_binary(&self.engine, wasm)
            .map_err(anyhow::Error::from)
            .context("it is not a Wasm component")?;
        let pre = self.linker.instantiate_pre(&component).map_err(anyhow::Error::from);
        let pre = pre.context("it imports what souk-host does not offer")?;
        let proxy = match wasmtime_wasi_http::p3::bindings::ServicePre::new(pre.clone()) {
            Ok(service) => ProxyPre::P3(service),
            Err(_) => wasmtime_wasi_http::p2::bindings::ProxyPre::new(pre)
                .map(ProxyPre::P2)
                .ok()
                .context("it exports neither wasi:http/handler@0.3 nor wasi:http/incoming-handler@0.2")?,
        };
        let proxy = Arc::new(proxy);
        lock(&self.compiled).insert(hash, proxy.clone());
        Ok(proxy)
    }
}

fn config(kind: &Kind) -> anyhow::Result<Config> {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.wasm_component_model_async(true);
    config.epoch_interruption(true);
    // Components carry no names of their functions for others than `perf`, so a backtrace would say little.
    config.generate_address_map(kind.perf_map);
    if kind.perf_map {
        config.profiler(ProfilingStrategy::PerfMap);
    }
    if let Some(folder) = &kind.cache {
        let mut settings = CacheConfig::new();
        settings.with_directory(folder);
        let cache = Cache::new(settings).map_err(anyhow::Error::from);
        let cache = cache.with_context(|| format!("cannot keep compiled code in {}", folder.display()))?;
        config.cache(Some(cache));
    }
    Ok(config)
}

/// Spin's limits, but for the stacks.
fn pooling() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MAX_INSTANCES)
        .total_memories(MAX_INSTANCES)
        .total_tables(2 * MAX_INSTANCES)
        .total_stacks(MAX_STACKS)
        .total_core_instances(4 * MAX_INSTANCES)
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .max_core_instances_per_component(200)
        .max_tables_per_component(64)
        .max_memories_per_component(32)
        .max_tables_per_module(2)
        .max_memories_per_module(2)
        .max_memory_size(4 << 30)
        .max_unused_warm_slots(KEPT_PLACES)
        .linear_memory_keep_resident(KEPT_MEMORY_BYTES)
        .table_keep_resident(KEPT_TABLE_BYTES);
    pool
}

fn linker(engine: &wasmtime::Engine) -> anyhow::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    Offers::add_to_linker::<_, HasGuest>(&mut linker, Guest::asks)?;
    Ok(linker)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
