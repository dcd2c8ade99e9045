//! Compiling: the components to WebAssembly, the host and the load generator to this machine.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::javascript;
use crate::project::Project;
use crate::shell;

/// What components are compiled to.
pub const WASM_TARGET: &str = "wasm32-wasip2";

/// Build the WebAssembly components, in one run of Cargo.
///
/// Which ones there are is read from spin.toml. They land in target/wasm32-wasip2/component/, where spin.toml
/// looks for them. The Rust target is added first when it is missing.
#[derive(Args)]
pub struct BuildArgs {
    /// Also build the components that only tests use (tests/fixtures/), one of them with npm
    #[arg(long)]
    fixtures: bool,
}

/// `cargo xtask build`.
pub fn run(args: &BuildArgs) -> Result<()> {
    components(&Project::find()?, args.fixtures)
}

/// Builds every component of `spin.toml`, and the fixtures when asked.
pub fn components(project: &Project, fixtures: bool) -> Result<()> {
    add_wasm_target()?;
    let mut packages = project.components()?;
    if fixtures {
        packages.extend(project.fixtures()?);
        javascript::build(project)?;
    }
    packages_to_wasm(project, &packages)
}

/// Builds the named packages to components.
pub fn packages_to_wasm(project: &Project, packages: &[String]) -> Result<()> {
    let mut args = vec!["build", "--profile", "component", "--target", WASM_TARGET];
    args.extend(selection(packages));
    shell::run(&project.root, cargo(), &args)
}

/// `-p` before each name, as Cargo wants it.
pub fn selection(packages: &[String]) -> Vec<&str> {
    packages.iter().flat_map(|package| ["-p", package.as_str()]).collect()
}

/// Builds our own programs, in release, and says where they are.
///
/// `--workspace --bin` and not `-p`: the features of shared dependencies are then those of the whole workspace, so
/// that `up`, `test` and `bench` compile wasmtime once between them and not once each.
pub fn programs(project: &Project, names: &[&str]) -> Result<Vec<PathBuf>> {
    let mut args = vec!["build", "--release", "--workspace"];
    args.extend(names.iter().flat_map(|name| ["--bin", name]));
    shell::run(&project.root, cargo(), &args)?;
    let release = target_dir(project).join("release");
    Ok(names.iter().map(|name| release.join(name)).collect())
}

/// Builds one of our programs with the features that it has beside the tests, as `cargo test` has just built it.
pub fn program_beside_tests(project: &Project, name: &str, tests: &[String]) -> Result<PathBuf> {
    let mut args = vec!["build", "--release", "--workspace", "--bin", name];
    args.extend(tests.iter().flat_map(|test| ["--test", test.as_str()]));
    shell::run(&project.root, cargo(), &args)?;
    Ok(target_dir(project).join("release").join(name))
}

/// Where Cargo puts what it builds.
pub fn target_dir(project: &Project) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| project.path("target"), PathBuf::from)
}

/// The Cargo that runs this, so that a toolchain chosen with `cargo +name` stays chosen.
pub fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Is the standard library for components there?
pub fn has_wasm_target() -> bool {
    let path = shell::ask("rustc", &["--print", "target-libdir", "--target", WASM_TARGET]);
    path.is_some_and(|path| PathBuf::from(path).is_dir())
}

fn add_wasm_target() -> Result<()> {
    if has_wasm_target() {
        return Ok(());
    }
    shell::say(format!("Adding Rust's {WASM_TARGET} target"));
    if shell::ask("rustup", &["--version"]).is_none() {
        bail!(
            "Rust's {WASM_TARGET} target is missing, and so is rustup, which would add it.\n\
             Install Rust with rustup (https://rustup.rs), or your distribution's package of the \
             {WASM_TARGET} standard library."
        );
    }
    let root = Project::find()?.root;
    shell::run(&root, "rustup", &["target", "add", WASM_TARGET])
        .context("rustup could not add the target; is this machine online?")
}
