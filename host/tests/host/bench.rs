//! A host on the test bench: the probe application with a state folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use souk_host::{Host, Options};
use tempfile::TempDir;

/// The secret of the probe's maintenance route.
pub const KEY: &str = "open-sesame-4711";

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host/ has a parent").to_owned()
}

pub fn probe_folder() -> PathBuf {
    root().join("tests/fixtures/probe")
}

/// Builds the fixtures, once.
pub fn build_fixtures() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--profile", "component", "--target", "wasm32-wasip2"])
            .args(["-p", "probe", "-p", "probe-plugin", "-p", "probe-composed"])
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the fixtures do not build");
    });
}

/// The probe application's options on an empty state folder.
pub fn options(state: &Path) -> Options {
    build_fixtures();
    Options {
        manifest: probe_folder(),
        runtime_config: Some(probe_folder().join("runtime-config.toml")),
        state_dir: Some(state.to_owned()),
        cache_dir: Some(root().join("target/host-test-cache")),
        listen: "127.0.0.1:0".to_owned(),
        variables: [("maintenance_key".to_owned(), KEY.to_owned())].into(),
        ..Options::default()
    }
}

/// A running host and a client.
pub struct Bench {
    pub host: Option<Host>,
    pub url: String,
    pub client: Client,
    pub state: TempDir,
}

impl Bench {
    /// The probe application as it is.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// The probe application with other options.
    pub async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let state = tempfile::tempdir().expect("a folder");
        let mut options = options(state.path());
        change(&mut options);
        let host = Host::start(options).await.expect("the probe starts");
        Self { url: host.url(), host: Some(host), client: Client::new(), state }
    }

    /// Another host on the state of this one, which must have ended.
    pub async fn restart(self) -> Self {
        assert!(self.host.is_none(), "the old host still runs");
        let host = Host::start(options(self.state.path())).await.expect("the probe starts again");
        Self { url: host.url(), host: Some(host), ..self }
    }

    pub fn host(&self) -> &Host {
        self.host.as_ref().expect("the host runs")
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    pub async fn text(&self, path: &str) -> String {
        text(self.get(path)).await.1
    }

    /// The answer of the component when it is asked to call `url`.
    pub async fn call(&self, url: &str) -> (StatusCode, String) {
        text(self.post("/call").body(url.to_owned())).await
    }

    /// What the statements give, run on one connection to `label`.
    pub async fn sql(&self, label: &str, statements: Value) -> Vec<Value> {
        let request = self.post(&format!("/sql/{label}")).json(&statements);
        request.send().await.expect("an answer").json().await.expect("outcomes")
    }

    /// The one value of the first row of `sql` on the default database.
    pub async fn value(&self, sql: &str) -> Value {
        self.sql("default", serde_json::json!([{ "sql": sql }])).await[0]["rows"][0][0].clone()
    }

    /// What the component has printed on `stream`, `stdout` or `stderr`.
    pub fn log(&self, component: &str, stream: &str) -> String {
        let file = self.state.path().join(format!("logs/{component}_{stream}.txt"));
        std::fs::read_to_string(file).expect("a log")
    }
}

/// Status and text of an answer.
pub async fn text(request: RequestBuilder) -> (StatusCode, String) {
    let response = request.send().await.expect("an answer");
    (response.status(), response.text().await.expect("text"))
}

/// Asserts that the answer is the host's own problem document.
pub async fn is_problem(response: Response, status: u16) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.expect("JSON");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem.as_object().expect("an object").len(), 3, "a problem of the host has no details");
}
