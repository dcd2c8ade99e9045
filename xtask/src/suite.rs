//! A suite that runs as a child process: on the embedded host, or on real Spin.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::api::Api;
use crate::env_file::EnvFile;
use crate::shell;

/// How often the suite is told to do what is due (deliver events, expire reservations).
const TICK: Duration = Duration::from_secs(5);
/// A first start compiles every component to machine code.
const START_LIMIT: Duration = Duration::from_secs(180);
/// Requests under way may finish before a suite is killed.
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// How much of a log an error shows.
const LOG_TAIL_LINES: usize = 25;

/// The variable of the application that says where it is.
const PUBLIC_URL: &str = "SPIN_VARIABLE_PUBLIC_URL";
/// How many heaps glibc divides the threads among.
const ARENAS: &str = "MALLOC_ARENA_MAX";

/// Process groups to pass SIGINT and SIGTERM on to.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
/// Has somebody asked us to stop?
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The program that runs the components.
#[derive(Clone)]
pub enum Runner {
    /// Our embedded host.
    Host(PathBuf),
    /// Spin 4.1 or later.
    Spin(PathBuf),
}

/// What to start, and where it keeps its state.
pub struct Launch<'a> {
    /// The program that runs it.
    pub runner: &'a Runner,
    /// Its `spin.toml`.
    pub manifest: PathBuf,
    /// Where its databases are.
    pub runtime_config: Option<PathBuf>,
    /// Port on the loopback interface.
    pub port: u16,
    /// Folder of databases and logs.
    pub state_dir: PathBuf,
    /// Values of the application's secret variables.
    pub secrets: &'a EnvFile,
    /// File that takes its output; this terminal when there is none.
    pub log: Option<PathBuf>,
}

/// A running suite; it is stopped when this is dropped.
pub struct Suite {
    child: Child,
    group: Pid,
    url: String,
    log: Option<PathBuf>,
    /// Stops the thread that ticks for Spin, which has no timer.
    stopped: Arc<AtomicBool>,
}

impl Suite {
    /// Starts it and waits until every service says that it is ready.
    pub fn start(launch: &Launch) -> Result<Self> {
        let mut suite = Self::spawn(launch)?;
        suite.wait_until("/ready", START_LIMIT)?;
        if matches!(launch.runner, Runner::Spin(_)) {
            suite.tick(launch.secrets.variable("maintenance_key")?);
        }
        Ok(suite)
    }

    /// Starts it, and returns before it answers.
    pub fn spawn(launch: &Launch) -> Result<Self> {
        forward_signals();
        let mut command = command(launch);
        if let Some(log) = &launch.log {
            let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
            command.stdout(file.try_clone()?).stderr(file);
        }
        // A group of its own: Ctrl-C reaches it through us alone, and Spin's own children with it.
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let group = Pid::from_child(&child);
        groups().push(group);
        Ok(Self {
            child,
            group,
            url: format!("http://127.0.0.1:{}", launch.port),
            log: launch.log.clone(),
            stopped: Arc::default(),
        })
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A stranger's client.
    pub fn api(&self) -> Api {
        Api::new(&self.url)
    }

    /// The process that runs it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks `path` until the answer is 200.
    pub fn wait_until(&mut self, path: &str, limit: Duration) -> Result<()> {
        let started = Instant::now();
        let api = self.api();
        let mut last = "nothing listens yet".to_owned();
        while started.elapsed() < limit {
            match api.get(path) {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => last = format!("{}: {}", answer.status, answer.body),
                Err(error) => last = format!("{error:#}"),
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the suite stopped while starting ({status}){}", self.log_tail());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        bail!("{path} did not answer 200 within {} ({last}){}", shell::human(limit), self.log_tail())
    }

    /// Waits until the suite ends by itself or somebody stops it.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// Lets requests under way finish, then ends it.
    pub fn stop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let asked = Instant::now();
        // Each step may find that the process is gone already, which is what is wanted.
        let _ = kill_process_group(self.group, Signal::TERM);
        while asked.elapsed() < STOP_LIMIT {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.wait();
        }
        groups().retain(|group| *group != self.group);
    }

    fn tick(&self, maintenance_key: &str) {
        let api = self.api().with_token(maintenance_key);
        let stopped = Arc::clone(&self.stopped);
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match api.post("/internal/maintenance", &serde_json::json!({})) {
                    Ok(answer) if answer.status < 300 => {}
                    Ok(answer) => shell::warn(format!("maintenance: {} {}", answer.status, answer.body)),
                    Err(error) => shell::warn(format!("maintenance: {error:#}")),
                }
                std::thread::sleep(TICK);
            }
        });
    }

    fn log_tail(&self) -> String {
        let Some(text) = self.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok()) else {
            return String::new();
        };
        let lines: Vec<_> = text.lines().collect();
        let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES)..];
        format!("; its last lines:\n{}", tail.join("\n"))
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        self.stop();
    }
}

fn command(launch: &Launch) -> Command {
    let program = match launch.runner {
        Runner::Host(path) | Runner::Spin(path) => path,
    };
    let mut command = Command::new(program);
    if matches!(launch.runner, Runner::Spin(_)) {
        command.arg("up");
    }
    command.arg("--from").arg(&launch.manifest);
    command.arg("--listen").arg(format!("127.0.0.1:{}", launch.port));
    command.arg("--state-dir").arg(&launch.state_dir);
    if let Some(config) = &launch.runtime_config {
        command.arg("--runtime-config-file").arg(config);
    }
    if matches!(launch.runner, Runner::Host(_)) {
        command.arg("--tick").arg(format!("{}s", TICK.as_secs()));
    }
    // Wasmtime would take the trace of every error that a guest handles.
    command.env("RUST_LIB_BACKTRACE", "0");
    // glibc keeps freed memory apart for each thread of many; for two it is 30 MB less, and no slower.
    if std::env::var_os(ARENAS).is_none() {
        command.env(ARENAS, "2");
    }
    // The issuer of tokens is the address that people use; who runs it behind another one says so in .env.
    if std::env::var_os(PUBLIC_URL).is_none() {
        command.env(PUBLIC_URL, format!("http://localhost:{}", launch.port));
    }
    command.envs(launch.secrets.lines().iter().map(|(name, value)| (name, value)));
    command
}

/// Has somebody asked this command to stop, with Ctrl-C or SIGTERM?
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// A port that nobody listens on now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// Is the port free? The error says what to do when it is not.
pub fn check_port(port: u16) -> Result<()> {
    TcpListener::bind(("127.0.0.1", port)).map(drop).with_context(|| {
        format!(
            "port {port} is taken (by another `cargo xtask up`?). Stop what listens there, or choose another \
             port with --port"
        )
    })
}

/// A copy of `runtime-config.toml` whose files stand in another folder.
///
/// Spin takes relative paths from the folder it was started in, whatever `--state-dir` says.
pub fn runtime_config_in(state_dir: &Path, original: &Path) -> Result<PathBuf> {
    let text = crate::project::read(original)?;
    let mut config: toml::Table = toml::from_str(&text).with_context(|| original.display().to_string())?;
    for section in ["sqlite_database", "key_value_store"] {
        let Some(toml::Value::Table(stores)) = config.get_mut(section) else { continue };
        for store in stores.iter_mut().filter_map(|(_, store)| store.as_table_mut()) {
            let Some(path) = store.get("path").and_then(toml::Value::as_str) else { continue };
            let name = Path::new(path).file_name().context("a database's path names a file")?;
            let moved = state_dir.join(name).display().to_string();
            store.insert("path".to_owned(), toml::Value::String(moved));
        }
    }
    let copy = state_dir.join("runtime-config.toml");
    crate::project::write(&copy, &toml::to_string(&config)?)?;
    Ok(copy)
}

fn groups() -> std::sync::MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// From here on SIGINT and SIGTERM end the suites, and the commands that wait for them end by themselves.
fn forward_signals() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]) else {
            shell::warn("signals cannot be caught: stop the suite's process by hand");
            return;
        };
        std::thread::spawn(move || {
            for (count, _) in signals.forever().enumerate() {
                INTERRUPTED.store(true, Ordering::Relaxed);
                let signal = if count == 0 { Signal::TERM } else { Signal::KILL };
                for group in groups().iter() {
                    let _ = kill_process_group(*group, signal);
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_move_with_the_state_folder_and_remote_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let original = folder.path().join("original.toml");
        let text = "[sqlite_database.users]\ntype = \"spin\"\npath = \".spin/users.db\"\n\
                    [sqlite_database.far]\ntype = \"libsql\"\nurl = \"https://db.example\"\n";
        std::fs::write(&original, text).unwrap();
        let copy = runtime_config_in(folder.path(), &original).unwrap();
        let moved: toml::Table = toml::from_str(&std::fs::read_to_string(copy).unwrap()).unwrap();
        let stores = &moved["sqlite_database"];
        assert_eq!(
            stores["users"]["path"].as_str().unwrap(),
            folder.path().join("users.db").to_str().unwrap()
        );
        assert_eq!(stores["far"]["url"].as_str(), Some("https://db.example"));
    }

    #[test]
    fn a_taken_port_is_said_with_a_way_out() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let error = check_port(taken.local_addr().unwrap().port()).unwrap_err();
        assert!(error.to_string().contains("--port"), "{error}");
    }
}
