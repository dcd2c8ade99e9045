//! The binary: flags, `.env`, the start message, signals.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::bench::{KEY, build_fixtures, probe_folder, root};

struct Running {
    child: Child,
    url: String,
    folder: TempDir,
    client: reqwest::Client,
}

/// Starts the binary in a folder with `env` as `.env`, and waits for its start message.
fn start(env: &str, arguments: &[&str]) -> Running {
    build_fixtures();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(".env"), env).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_souk-host"))
        .arg("--from")
        .arg(probe_folder())
        .arg("--runtime-config-file")
        .arg(probe_folder().join("runtime-config.toml"))
        .arg("--cache-dir")
        .arg(root().join("target/host-test-cache"))
        .args(["--listen", "127.0.0.1:0", "--state-dir", "state"])
        .args(arguments)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let url = loop {
        let line = lines.next().expect("a start message").expect("text");
        if let Some(url) = line.strip_prefix("Serving ") {
            break url.to_owned();
        }
    };
    // Keeps the pipe open and empty.
    std::thread::spawn(move || lines.for_each(drop));
    Running { child, url, folder, client: reqwest::Client::new() }
}

impl Running {
    fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill runs").success());
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            assert!(Instant::now() < deadline, "the host did not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.child.kill();
    }
}

async fn get(running: &Running, path: &str) -> String {
    let response = running.client.get(format!("{}{path}", running.url)).send().await.expect("an answer");
    response.text().await.expect("text")
}

#[tokio::test]
async fn it_serves_once_it_says_so_and_stops_on_sigterm() {
    let env = format!("SPIN_VARIABLE_MAINTENANCE_KEY={KEY}\nSPIN_VARIABLE_GREETING=from-file\n");
    let mut running = start(&env, &["--env", "SIZE=small", "--sqlite", "create table t (n)"]);
    assert_eq!(get(&running, "/variable/greeting").await, "from-file, world");
    assert_eq!(get(&running, "/environment/SIZE").await, "small");
    let slow = running.client.get(format!("{}/sleep/500", running.url)).send();
    let slow = tokio::spawn(async move { slow.await.expect("an answer").text().await.expect("text") });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let status =
        tokio::task::spawn_blocking(move || (running.terminate(), running)).await.expect("no panic").0;
    assert!(status.success());
    assert_eq!(slow.await.expect("no panic"), "slept");
}

#[tokio::test]
async fn a_flag_goes_before_the_environment_file() {
    let env = format!("SPIN_VARIABLE_MAINTENANCE_KEY={KEY}\nSPIN_VARIABLE_GREETING=from-file\n");
    let running = start(&env, &["--variable", "greeting=from-flag", "--quiet"]);
    assert_eq!(get(&running, "/variable/greeting").await, "from-flag, world");
    assert!(running.folder.path().join("state/logs/probe_stdout.txt").is_file());
}

#[tokio::test]
async fn the_terminal_shows_output_with_the_components_name() {
    let mut running = start(&format!("SPIN_VARIABLE_MAINTENANCE_KEY={KEY}"), &["--tick", "50ms"]);
    running.client.post(format!("{}/print", running.url)).body("seen").send().await.expect("an answer");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut stderr = running.child.stderr.take().expect("a pipe");
    let status = tokio::task::spawn_blocking(move || running.terminate()).await.expect("no panic");
    assert!(status.success());
    let mut said = String::new();
    stderr.read_to_string(&mut said).expect("text");
    assert!(said.contains("[probe] seen on stderr\n"), "{said}");
    assert!(!said.contains(KEY), "a secret was printed");
}

#[test]
fn a_start_that_fails_says_why() {
    build_fixtures();
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_souk-host"))
        .arg("--from")
        .arg(probe_folder())
        .current_dir(folder.path())
        .args(["--state-dir", "state"])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("maintenance_key") && said.contains("SPIN_VARIABLE_"), "{said}");
}
