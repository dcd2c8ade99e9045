//! How a host is started.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use crate::logs::LogTarget;

/// Everything that may be chosen about a host; the defaults are Spin's.
#[derive(Clone, Debug)]
pub struct Options {
    /// `spin.toml`, or the folder it lies in.
    pub manifest: PathBuf,
    /// `runtime-config.toml`, if there is one.
    pub runtime_config: Option<PathBuf>,
    /// Databases, stores and logs. `None`: `.spin` beside the manifest. A database that `runtime-config.toml` places in
    /// `.spin/` lies in this folder too.
    pub state_dir: Option<PathBuf>,
    /// Where compiled components are kept for the next process. `None`: only in memory, for this process.
    pub cache_dir: Option<PathBuf>,
    /// Whether `perf` is told the functions of components.
    pub perf_map: bool,
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Values of the manifest's variables. Those that it does not declare are ignored.
    pub variables: BTreeMap<String, String>,
    /// Environment variables of every component, before those of the manifest.
    pub env: BTreeMap<String, String>,
    /// The components to run. Empty: all.
    pub components: Vec<String>,
    /// SQL to run before the first request, as `--sqlite` takes it: a statement, or `@file[:label]`.
    pub sqlite: Vec<String>,
    /// How instances are used and bounded.
    pub limits: Limits,
    /// How often the maintenance routes are called.
    pub tick: Option<Duration>,
    /// Where the output of components goes.
    pub log: LogTarget,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            manifest: PathBuf::from("spin.toml"),
            runtime_config: None,
            state_dir: None,
            cache_dir: None,
            perf_map: false,
            listen: "127.0.0.1:3000".to_owned(),
            variables: BTreeMap::new(),
            env: BTreeMap::new(),
            components: Vec::new(),
            sqlite: Vec::new(),
            limits: Limits::default(),
            tick: None,
            log: LogTarget::default(),
        }
    }
}

/// How instances are used and bounded.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Requests that one instance answers before it is dropped.
    pub reuse_count: Between<usize>,
    /// Requests that one instance answers at once.
    pub concurrency: Between<usize>,
    /// How long an idle instance is kept.
    pub idle: Between<Duration>,
    /// How long a component may take to begin its answer. `None`: as long as it likes.
    pub request_timeout: Option<Between<Duration>>,
    /// How long an instance may compute without asking the host for anything before it is cut off.
    pub compute_timeout: Duration,
    /// The linear memory that one instance may use.
    pub memory_bytes: usize,
    /// How long a graceful stop waits for requests under way.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reuse_count: Between::exactly(128),
            concurrency: Between::exactly(16),
            idle: Between::exactly(Duration::from_secs(1)),
            request_timeout: None,
            compute_timeout: Duration::from_secs(5),
            memory_bytes: 256 << 20,
            stop_timeout: Duration::from_secs(10),
        }
    }
}

/// A value, or a range of which each new instance takes one at random, without the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between<T> {
    /// The smallest value.
    pub from: T,
    /// The bound that no value reaches, unless it is `from` itself.
    pub to: T,
}

impl<T: Copy> Between<T> {
    /// Always `value`.
    pub fn exactly(value: T) -> Self {
        Self { from: value, to: value }
    }
}

impl Between<usize> {
    pub(crate) fn pick(self) -> usize {
        self.from + random_below((self.to.saturating_sub(self.from)) as u64) as usize
    }
}

impl Between<Duration> {
    pub(crate) fn pick(self) -> Duration {
        let width = u64::try_from(self.to.saturating_sub(self.from).as_nanos()).unwrap_or(u64::MAX);
        self.from + Duration::from_nanos(random_below(width))
    }
}

/// Good enough to keep instances from ending all at once, which is what the ranges are for.
fn random_below(bound: u64) -> u64 {
    RandomState::new().hash_one(0).checked_rem(bound).unwrap_or(0)
}
