//! The command line: Spin's flags under Spin's names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::runtime_config::DEFAULT_STATE_FOLDER;
use crate::variables::ENVIRONMENT_PREFIX;
use crate::{Between, Host, Limits, LogTarget, Options, dotenv};

/// Runs a Spin application without Spin, for development and tests.
#[derive(Parser, Debug)]
#[command(name = "souk-host", version)]
pub struct Arguments {
    /// The manifest, or the folder it lies in.
    #[arg(short = 'f', long = "from", alias = "file", default_value = "spin.toml")]
    pub from: PathBuf,

    /// Address and port to listen on.
    #[arg(long, env = "SPIN_HTTP_LISTEN_ADDR", default_value = "127.0.0.1:3000")]
    pub listen: String,

    /// Where each database and store lives.
    #[arg(long, env = "RUNTIME_CONFIG_FILE")]
    pub runtime_config_file: Option<PathBuf>,

    /// Databases, stores, logs and compiled code [default: .spin beside the manifest].
    #[arg(long)]
    pub state_dir: Option<PathBuf>,

    /// Compiled code [default: `cache` in the state folder].
    #[arg(long)]
    pub cache_dir: Option<PathBuf>,

    /// Tell `perf` the functions of components that are built with their names (CARGO_PROFILE_COMPONENT_STRIP=none): writes
    /// /tmp/perf-PID.map.
    #[arg(long, env = "SOUK_PERF_MAP")]
    pub perf_map: bool,

    /// A variable's value; goes before SPIN_VARIABLE_NAME in the environment, and that before .env.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub variable: Vec<(String, String)>,

    /// An environment variable for every component.
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    pub env: Vec<(String, String)>,

    /// SQL to run first on the default database, or @FILE or @FILE:LABEL.
    #[arg(long, value_name = "SQL")]
    pub sqlite: Vec<String>,

    /// Run only these components.
    #[arg(short, long = "component-id")]
    pub component_id: Vec<String>,

    /// Keep the output of components off the terminal.
    #[arg(short, long)]
    pub quiet: bool,

    /// How often to call the components' maintenance routes: 5s, 500ms.
    #[arg(long, value_parser = duration)]
    pub tick: Option<Duration>,

    /// Requests that one instance answers before it is dropped: a number, or a range as 64..128.
    #[arg(long, default_value = "128", value_parser = count_range)]
    pub max_instance_reuse_count: Between<usize>,

    /// Requests that one instance answers at once: a number or a range.
    #[arg(long, default_value = "16", value_parser = count_range)]
    pub max_instance_concurrent_reuse_count: Between<usize>,

    /// How long an idle instance is kept: a time or a range.
    #[arg(long, default_value = "1s", value_parser = duration_range)]
    pub idle_instance_timeout: Between<Duration>,

    /// How long a component may take to begin its answer: a time or a range [default: no limit].
    #[arg(long, value_parser = duration_range)]
    pub request_timeout: Option<Between<Duration>>,

    /// How long an instance may compute without asking the host for anything.
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub compute_timeout: Duration,

    /// The memory that one instance may use, in bytes.
    #[arg(long, env = "SPIN_MAX_INSTANCE_MEMORY", default_value_t = 256 << 20)]
    pub max_instance_memory: usize,
}

/// Starts what the arguments say, and returns after SIGTERM or SIGINT.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let host = Host::start(arguments.options()?).await?;
    println!("\nServing {}\nAvailable Routes:", host.url());
    for (component, route) in host.routes() {
        println!("  {component}: {}{route}", host.url());
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    host.stop().await;
    Ok(())
}

impl Arguments {
    fn options(self) -> anyhow::Result<Options> {
        let folder = if self.from.is_dir() {
            self.from.as_path()
        } else {
            self.from.parent().unwrap_or(Path::new(""))
        };
        let state = self.state_dir.unwrap_or_else(|| folder.join(DEFAULT_STATE_FOLDER));
        let mut variables = given_by_environment()?;
        variables.extend(self.variable);
        Ok(Options {
            cache_dir: Some(self.cache_dir.unwrap_or_else(|| state.join("cache"))),
            perf_map: self.perf_map,
            manifest: self.from,
            runtime_config: self.runtime_config_file,
            state_dir: Some(state),
            listen: self.listen,
            variables,
            env: self.env.into_iter().collect(),
            components: self.component_id,
            sqlite: self.sqlite,
            limits: Limits {
                reuse_count: self.max_instance_reuse_count,
                concurrency: self.max_instance_concurrent_reuse_count,
                idle: self.idle_instance_timeout,
                request_timeout: self.request_timeout,
                compute_timeout: self.compute_timeout,
                memory_bytes: self.max_instance_memory,
                ..Limits::default()
            },
            tick: self.tick,
            log: if self.quiet { LogTarget::Files } else { LogTarget::Terminal },
        })
    }
}

/// Variables from SPIN_VARIABLE_NAME, in `.env` of the current folder and, before it, in the environment.
fn given_by_environment() -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = dotenv::read(Path::new(".env"))?;
    for (name, value) in std::env::vars_os() {
        if let Some(name) = name.to_str().filter(|name| name.starts_with(ENVIRONMENT_PREFIX)) {
            let value = value.into_string().ok().with_context(|| format!("{name} is not UTF-8"))?;
            all.insert(name.to_owned(), value);
        }
    }
    let variable = |(name, value): (String, String)| {
        Some((name.strip_prefix(ENVIRONMENT_PREFIX)?.to_ascii_lowercase(), value))
    };
    Ok(all.into_iter().filter_map(variable).collect())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn count_range(text: &str) -> Result<Between<usize>, String> {
    range(text, |text| text.parse().map_err(|_| format!("{text:?} is no number")))
}

fn duration_range(text: &str) -> Result<Between<Duration>, String> {
    range(text, duration)
}

fn range<T: Copy>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Between<T>, String> {
    match text.split_once("..") {
        Some((from, to)) => Ok(Between { from: parse(from)?, to: parse(to)? }),
        None => parse(text).map(Between::exactly),
    }
}

/// `5`, `5s`, `500ms`, `10us`, `10ns`, as Spin reads them.
fn duration(text: &str) -> Result<Duration, String> {
    type Unit = (&'static str, fn(u64) -> Duration);
    let units: [Unit; 4] = [
        ("ms", Duration::from_millis),
        ("us", Duration::from_micros),
        ("ns", Duration::from_nanos),
        ("s", Duration::from_secs),
    ];
    let unit = units.iter().find_map(|(suffix, make)| Some((text.strip_suffix(suffix)?, *make)));
    let (number, make) = unit.unwrap_or((text, Duration::from_secs));
    number.parse().map(make).map_err(|_| format!("{text:?} is no time: write 5s or 500ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ranges() {
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("7us"), Ok(Duration::from_micros(7)));
        assert!(duration("soon").is_err());
        assert_eq!(count_range("64..128"), Ok(Between { from: 64, to: 128 }));
        assert_eq!(count_range("1"), Ok(Between::exactly(1)));
        assert!(count_range("..").is_err());
    }
}
