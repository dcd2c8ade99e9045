//! A running suite, its people, and what a test may do to it.

use crate::contract;
use crate::ending;
use crate::person::{Person, Tokens};
use crate::process::Process;
use crate::project::{manifest, must_be_built, root, secret};
use serde_json::json;
use souk_host::{Faults, Host, Options};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Nothing that people ask for takes longer; a longer wait is a hang.
const PATIENCE: Duration = Duration::from_secs(45);

/// Where a suite is, and what those who talk to it must know.
pub(crate) struct Place {
    url: Mutex<String>,
    pub(crate) client: reqwest::Client,
    secrets: Vec<String>,
    expects_faults: AtomicBool,
}

impl Place {
    fn new(url: impl Into<String>, secrets: Vec<String>) -> Arc<Self> {
        let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        let client = client.build().expect("a client without TLS");
        Arc::new(Self {
            url: Mutex::new(url.into()),
            client,
            secrets,
            expects_faults: AtomicBool::new(false),
        })
    }

    pub(crate) fn url(&self) -> String {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn moves(&self, url: String) {
        *self.url.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }

    pub(crate) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    pub(crate) fn expects_faults(&self) -> bool {
        self.expects_faults.load(Relaxed)
    }
}

/// The secrets of a suite of one's own.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Signs identity assertions between services.
    pub identity: String,
    /// Bearer token of the maintenance route and of `/metrics`.
    pub maintenance: String,
    /// Bearer token that may create the first administrator.
    pub bootstrap: String,
    auth_encryption: String,
    payments: String,
    /// Signs the webhooks of the card simulator.
    pub card_simulator: String,
}

impl Keys {
    fn new() -> Self {
        Self {
            identity: secret(),
            maintenance: secret(),
            bootstrap: secret(),
            auth_encryption: secret(),
            payments: secret(),
            card_simulator: secret(),
        }
    }

    fn variables(&self) -> BTreeMap<String, String> {
        let named = [
            ("identity_key", &self.identity),
            ("maintenance_key", &self.maintenance),
            ("bootstrap_key", &self.bootstrap),
            ("auth_encryption_key", &self.auth_encryption),
            ("payments_key", &self.payments),
            ("card_simulator_key", &self.card_simulator),
        ];
        named.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }
}

/// A running suite. Dropping it checks that every event was delivered, every table is sound, and no error was logged
/// that the test did not provoke.
pub struct Suite {
    place: Arc<Place>,
    admin: OnceCell<Person>,
    own: Option<Own>,
}

/// What runs a suite of one's own.
pub(crate) enum Runner {
    Here(Host),
    Process(Process),
}

/// A suite of one's own: its state outlives what runs it.
pub(crate) struct Own {
    pub(crate) runner: Option<Runner>,
    pub(crate) state: TempDir,
    pub(crate) keys: Keys,
    variables: BTreeMap<String, String>,
    pub(crate) manifest: PathBuf,
    program: Option<PathBuf>,
}

impl Suite {
    /// The suite of this test: its own, or the one at `SOUK_URL`.
    pub async fn start() -> Self {
        match std::env::var("SOUK_URL") {
            Ok(url) => Self::at(url.trim_end_matches('/')).await,
            Err(_) => Self::begin(None, &[], manifest()).await,
        }
    }

    /// A suite that this test alone has power over, to break, stop and restart it. None, and said so, at `SOUK_URL`.
    pub async fn own() -> Option<Self> {
        Self::own_with(&[]).await
    }

    /// The same with some variables of `spin.toml` set.
    pub async fn own_with(variables: &[(&str, &str)]) -> Option<Self> {
        Self::own_from(&manifest(), variables).await
    }

    /// The same from another manifest.
    pub async fn own_from(manifest: &Path, variables: &[(&str, &str)]) -> Option<Self> {
        if is_shared() {
            return None;
        }
        Some(Self::begin(None, variables, manifest.to_owned()).await)
    }

    /// A suite in a process of its own, run by the `souk-host` that is `program`.
    pub async fn in_a_process(program: &str) -> Option<Self> {
        Self::in_a_process_from(program, &manifest()).await
    }

    /// The same with some variables of `spin.toml` set.
    pub async fn in_a_process_with(program: &str, variables: &[(&str, &str)]) -> Option<Self> {
        if is_shared() {
            return None;
        }
        Some(Self::begin(Some(program.into()), variables, manifest()).await)
    }

    /// The same from another manifest.
    pub async fn in_a_process_from(program: &str, manifest: &Path) -> Option<Self> {
        if is_shared() {
            return None;
        }
        Some(Self::begin(Some(program.into()), &[], manifest.to_owned()).await)
    }

    async fn begin(program: Option<PathBuf>, variables: &[(&str, &str)], manifest: PathBuf) -> Self {
        must_be_built();
        let keys = Keys::new();
        let mut all = keys.variables();
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let state = tempfile::tempdir().expect("a folder for the suite's state");
        let mut own = Own { runner: None, state, variables: all, keys, manifest, program };
        let url = own.run().await;
        let place = Place::new(url, own.keys.variables().into_values().collect());
        // Another application need not have it all.
        if own.manifest == crate::project::manifest() {
            contract::learn(&place).await;
        }
        Self { place, admin: OnceCell::new(), own: Some(own) }
    }

    async fn at(url: &str) -> Self {
        static KNOWN: OnceCell<(String, Tokens)> = OnceCell::const_new();
        let variable =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("SOUK_URL needs {name} too"));
        let (email, password) = (variable("SOUK_ADMIN_EMAIL"), variable("SOUK_ADMIN_PASSWORD"));
        let secrets = [Ok(password.clone()), std::env::var("SOUK_MAINTENANCE_KEY")];
        let place = Place::new(url, secrets.into_iter().flatten().collect());
        contract::learn(&place).await;
        let sign_in = async || {
            let person = Person::with_account(
                place.clone(),
                "the admin",
                String::new(),
                email.clone(),
                password.clone(),
            );
            let id = person.get("/api/v1/users/me").await.is(200).text("/id").to_owned();
            (id, person.tokens().await)
        };
        let (id, tokens) = KNOWN.get_or_init(sign_in).await.clone();
        let admin = Person::with_account(place.clone(), "the admin", id, email, password);
        admin.holds(Some(tokens)).await;
        Self { place, admin: OnceCell::from(admin), own: None }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.place.url()
    }

    /// Somebody who has not signed in.
    pub fn stranger(&self) -> Person {
        Person::stranger(self.place.clone())
    }

    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// The first administrator.
    pub async fn admin(&self) -> Person {
        let create = async || {
            let (email, password) = ("admin@souk.test", "the first of them all");
            let request = self.stranger();
            let request =
                request.post("/api/v1/users/bootstrap", &json!({"email": email, "password": password}));
            let answer = request.bearer(&self.own_ref().keys.bootstrap).await.is(201);
            let id = answer.text("/id").to_owned();
            Person::with_account(self.place.clone(), "the admin", id, email.into(), password.into())
        };
        self.admin.get_or_init(create).await.clone()
    }

    /// Its secrets.
    pub fn keys(&self) -> &Keys {
        &self.own_ref().keys
    }

    /// The folder of its databases and logs.
    pub fn state(&self) -> &Path {
        self.own_ref().state.path()
    }

    /// Calls every maintenance route, as the host does every few seconds.
    pub async fn ticks(&self) {
        if let Some(own) = &self.own {
            ending::tick(own, &self.url()).await.unwrap_or_else(|broken| panic!("{broken}"));
        }
    }

    /// Ticks until every event has been delivered, as if the pauses after failures were over.
    pub async fn has_delivered(&self) {
        let delivered = ending::every_event_is_delivered(self.own_ref(), &self.url()).await;
        delivered.unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// Its faults, to be injected. From now on refusals with 5xx and errors in the logs are no surprise.
    pub fn faults(&self) -> Faults {
        self.expects_faults();
        match &self.own_ref().runner {
            Some(Runner::Here(host)) => host.faults(),
            _ => panic!("faults are injected into a suite that runs in this process"),
        }
    }

    /// From now on refusals with 5xx and errors in the logs are no surprise.
    pub fn expects_faults(&self) {
        self.place.expects_faults.store(true, Relaxed);
    }

    /// Ends it as a power cut would. What it was asked meanwhile gets no answer.
    pub async fn is_killed(&mut self) {
        match self.own_mut().runner.take() {
            Some(Runner::Here(host)) => host.kill().await,
            Some(Runner::Process(process)) => process.kill(),
            None => panic!("the suite is not running"),
        }
    }

    /// Stops it as SIGTERM would.
    pub async fn is_stopped(&mut self) {
        match self.own_mut().runner.take() {
            Some(Runner::Here(host)) => host.stop().await,
            Some(Runner::Process(process)) => process.stop(),
            None => panic!("the suite is not running"),
        }
    }

    /// Starts it on the same state. Its people find it, wherever it is now.
    pub async fn starts_again(&mut self) {
        let url = self.own_mut().run().await;
        self.place.moves(url);
    }

    /// The same with another value of a variable.
    pub async fn starts_again_with(&mut self, variable: &str, value: &str) {
        self.own_mut().variables.insert(variable.into(), value.into());
        self.starts_again().await;
    }

    fn own_ref(&self) -> &Own {
        self.own.as_ref().expect("the test began with Suite::own")
    }

    fn own_mut(&mut self) -> &mut Own {
        self.own.as_mut().expect("the test began with Suite::own")
    }
}

impl Drop for Suite {
    fn drop(&mut self) {
        let Some(own) = self.own.take() else { return };
        if std::thread::panicking() {
            return;
        }
        let (url, expects_faults) = (self.place.url(), self.place.expects_faults());
        // In a thread of its own: a test's runtime must not be waited in.
        let checked = std::thread::spawn(move || ending::check(own, &url, expects_faults)).join();
        if let Err(broken) = checked.unwrap_or_else(|_| Err("the check of the suite failed".into())) {
            panic!("the suite was left broken: {broken}");
        }
    }
}

impl Own {
    async fn run(&mut self) -> String {
        assert!(self.runner.is_none(), "the suite is running already");
        let runner = match &self.program {
            Some(program) => {
                Runner::Process(Process::start(program, &self.manifest, self.state.path(), &self.variables))
            }
            None => Runner::Here(self.host().await),
        };
        let url = match &runner {
            Runner::Here(host) => host.url(),
            Runner::Process(process) => process.url().to_owned(),
        };
        self.runner = Some(runner);
        url
    }

    async fn host(&self) -> Host {
        let options = Options {
            manifest: self.manifest.clone(),
            runtime_config: Some(root().join("runtime-config.toml")),
            state_dir: Some(self.state.path().to_owned()),
            cache_dir: Some(CACHE.clone()),
            listen: "127.0.0.1:0".into(),
            variables: self.variables.clone(),
            ..Options::default()
        };
        Host::start(options).await.unwrap_or_else(|error| panic!("the suite does not start: {error:#}"))
    }
}

/// Compiled components, for the next run.
pub(crate) static CACHE: LazyLock<PathBuf> = LazyLock::new(|| root().join("target/souk-tests-cache"));

fn is_shared() -> bool {
    let shared = std::env::var_os("SOUK_URL").is_some();
    if shared {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // Past the test harness, which hides what a passing test prints.
        _ = writeln!(std::io::stderr(), "{test} is skipped: it needs power over the suite's process");
    }
    shared
}
