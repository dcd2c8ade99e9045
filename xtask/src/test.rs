//! `cargo xtask test`: everything that CI checks, step by step.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::bootstrap;
use crate::compile::{self, WASM_TARGET, cargo};
use crate::env_file::{ADMIN_EMAIL, ADMIN_PASSWORD, EnvFile};
use crate::generate;
use crate::project::Project;
use crate::shell;
use crate::suite::{self, Runner, Suite};
use crate::{clients, deny, up};

/// The tests look for this secret in what a suite answers.
const MAINTENANCE_KEY: &str = "SOUK_MAINTENANCE_KEY";

/// Run everything that CI checks, or some of the tests.
///
/// Without arguments: formatting, the components, clippy for this machine and for WebAssembly, dependencies
/// (cargo-deny), all tests, generated files, independent OAuth clients (npm and PyPI), and the end-to-end tests once
/// more on the real Spin when there is one.
/// With a NAME: the components, then only the tests whose name contains it. With --url: only the end-to-end tests,
/// against a suite that runs already.
#[derive(Args)]
pub struct TestArgs {
    /// Only the tests whose name contains this
    name: Option<String>,
    /// Go on after a step failed
    #[arg(long)]
    keep_going: bool,
    /// Only this step; may be given more than once
    #[arg(long, value_name = "STEP", conflicts_with_all = ["name", "url"])]
    step: Vec<Step>,
    /// Run the end-to-end tests against the suite at this address, whose administrator is read from
    /// SOUK_ADMIN_EMAIL and SOUK_ADMIN_PASSWORD or else from .env
    #[arg(long)]
    url: Option<String>,
    /// The Spin for the end-to-end tests [default: the one on the PATH, if any]
    #[arg(long, value_name = "PATH", env = "SPIN_BINARY")]
    spin_binary: Option<PathBuf>,
}

/// What there is to check, cheapest first where one does not need the other.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// Is the code formatted?
    Format,
    /// Build the components and the tests' fixtures
    Build,
    /// Clippy for the components
    ClippyWasm,
    /// Clippy for everything, on this machine
    Clippy,
    /// Licences, sources and bans of dependencies
    Deny,
    /// Unit, host and end-to-end tests
    Tests,
    /// Are the generated files fresh?
    Generated,
    /// Independent OAuth clients, on Node and Python, against a suite
    Clients,
    /// End-to-end tests on the real Spin
    Spin,
}

const STEPS: [Step; 9] = [
    Step::Format,
    Step::Build,
    Step::ClippyWasm,
    Step::Clippy,
    Step::Deny,
    Step::Tests,
    Step::Generated,
    Step::Clients,
    Step::Spin,
];

/// `cargo xtask test`.
pub fn run(args: &TestArgs) -> Result<()> {
    let project = Project::find()?;
    if let Some(url) = &args.url {
        return end_to_end_at(&project, args, url);
    }
    let steps = match (&args.name, args.step.as_slice()) {
        (Some(_), _) => vec![Step::Build, Step::Tests],
        (None, []) => STEPS.to_vec(),
        (None, chosen) => STEPS.into_iter().filter(|step| chosen.contains(step)).collect(),
    };
    let mut times = Vec::new();
    let mut failed = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        shell::say(format!("[{}/{}] {}", number + 1, steps.len(), step.title()));
        let started = Instant::now();
        let outcome = step.run(&project, args);
        times.push((*step, started.elapsed(), outcome.is_ok()));
        if let Err(error) = outcome {
            failed.push(step.title());
            shell::error(&error);
            if !args.keep_going {
                break;
            }
        }
    }
    summary(&times);
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn summary(times: &[(Step, Duration, bool)]) {
    eprintln!();
    for (step, time, passed) in times {
        let verdict = if *passed { shell::paint("32", "passed") } else { shell::paint("31", "failed") };
        eprintln!("    {verdict}  {:>12}  {}", shell::human(*time), step.title());
    }
}

impl Step {
    fn title(self) -> &'static str {
        match self {
            Self::Format => "formatting",
            Self::Build => "components",
            Self::ClippyWasm => "clippy, WebAssembly",
            Self::Clippy => "clippy, native",
            Self::Deny => "dependencies",
            Self::Tests => "tests",
            Self::Generated => "generated files",
            Self::Clients => "independent OAuth clients",
            Self::Spin => "end-to-end tests on real Spin",
        }
    }

    fn run(self, project: &Project, args: &TestArgs) -> Result<()> {
        let cargo = |args: &[&str]| shell::run(&project.root, cargo(), args);
        match self {
            Self::Format => cargo(&["fmt", "--all", "--check"]),
            Self::Build => compile::components(project, true),
            Self::ClippyWasm => clippy_wasm(project),
            // In release, as everything native: build scripts and macros are then compiled once.
            Self::Clippy => {
                cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])
            }
            Self::Deny => deny::check(project),
            Self::Tests => {
                let mut all = vec!["test", "--release", "--workspace", "--no-fail-fast"];
                all.extend(args.name.as_deref());
                cargo(&all)
            }
            Self::Generated => generate::check(project, &host(project)?),
            Self::Clients => clients::run(project, &host(project)?),
            Self::Spin => on_spin(project, args),
        }
    }
}

/// The embedded host as the tests have it.
fn host(project: &Project) -> Result<Runner> {
    Ok(Runner::Host(compile::program_beside_tests(project, "souk-host", &test_targets(project)?)?))
}

fn clippy_wasm(project: &Project) -> Result<()> {
    let packages = [project.components()?, project.crates()?, project.fixtures()?].concat();
    let mut args = vec!["clippy", "--profile", "component", "--target", WASM_TARGET];
    args.extend(compile::selection(&packages));
    args.extend(["--", "-D", "warnings"]);
    shell::run(&project.root, cargo(), &args)
}

/// The end-to-end tests against a suite of somebody else's.
fn end_to_end_at(project: &Project, args: &TestArgs, url: &str) -> Result<()> {
    let file = EnvFile::read(project)?;
    let value = |name: &str| {
        let given = std::env::var(name).ok().or_else(|| file.get(name).map(str::to_owned));
        given
            .with_context(|| format!("{name} is neither in the environment nor in {}", file.path().display()))
    };
    let mut env = vec![("SOUK_URL".to_owned(), url.to_owned())];
    for name in [ADMIN_EMAIL, ADMIN_PASSWORD] {
        env.push((name.to_owned(), value(name)?));
    }
    env.extend(file.variable("maintenance_key").ok().map(|key| (MAINTENANCE_KEY.to_owned(), key.to_owned())));
    end_to_end(project, args.name.as_deref(), &env)
}

/// The end-to-end tests against a fresh suite on the real Spin.
fn on_spin(project: &Project, args: &TestArgs) -> Result<()> {
    if args.spin_binary.is_none() && shell::ask("spin", &["--version"]).is_none() {
        shell::warn("there is no Spin on the PATH (nor SPIN_BINARY): the embedded host alone was tested");
        return Ok(());
    }
    let spin = Runner::Spin(up::spin_program(args.spin_binary.as_deref())?);
    let folder = tempfile::tempdir()?;
    let secrets = EnvFile::ephemeral(project)?;
    let mut launch = up::launch(project, &spin, suite::free_port()?, folder.path(), &secrets)?;
    launch.log = Some(folder.path().join("spin.log"));
    let suite = Suite::start(&launch)?;
    bootstrap::administrator(&suite.api(), &secrets)?;
    let (email, password) = bootstrap::credentials(&secrets)?;
    let env = [
        ("SOUK_URL", suite.url()),
        (ADMIN_EMAIL, email),
        (ADMIN_PASSWORD, password),
        (MAINTENANCE_KEY, secrets.variable("maintenance_key")?),
    ];
    end_to_end(project, args.name.as_deref(), &env.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

/// The end-to-end tests, told by `env` which suite to use.
pub fn end_to_end(project: &Project, name: Option<&str>, env: &[(String, String)]) -> Result<()> {
    let targets = test_targets(project)?;
    // `--workspace` for the same reason as in `compile::programs`.
    let mut all = vec!["test", "--release", "--workspace", "--no-fail-fast"];
    all.extend(targets.iter().flat_map(|target| ["--test", target.as_str()]));
    all.extend(name);
    shell::run_with(&project.root, cargo(), &all, env)
}

/// The test programs of the package in `tests/`.
fn test_targets(project: &Project) -> Result<Vec<String>> {
    let manifest = project.path("tests/Cargo.toml");
    let manifest = manifest.to_str().context("the project's path is UTF-8")?;
    let metadata =
        shell::ask(cargo(), &["metadata", "--no-deps", "--format-version=1", "--manifest-path", manifest]);
    let metadata: serde_json::Value = serde_json::from_str(&metadata.context("cargo metadata failed")?)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.filter(|package| package["manifest_path"] == manifest);
    let targets = package.flat_map(|package| package["targets"].as_array().into_iter().flatten());
    let tests = targets.filter(|target| target["kind"][0] == "test");
    let names: Vec<_> = tests.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect();
    if names.is_empty() {
        bail!("tests/ has no test program");
    }
    Ok(names)
}
