//! cargo-deny: what the dependencies may be. The rules are in `deny.toml`.

use std::net::{TcpStream, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::compile::cargo;
use crate::project::Project;
use crate::shell;

/// Fixed, so that a new release changes nothing by itself.
const VERSION: &str = "0.20.2";
/// Where the RustSec database is.
const ADVISORIES_HOST: (&str, u16) = ("github.com", 443);

/// Checks licences, bans and sources of all dependencies; advisories too, when their database can be reached.
pub fn check(project: &Project) -> Result<()> {
    let deny = program(project)?;
    let mut args = vec!["--workspace", "check", "licenses", "bans", "sources"];
    if online() {
        args.push("advisories");
    } else {
        shell::warn("the RustSec database cannot be reached: advisories were not checked");
    }
    shell::run(&project.root, deny, &args)
}

/// Our own copy, compiled once per machine; somebody else's on the PATH may be of any version.
fn program(project: &Project) -> Result<PathBuf> {
    let tools = cache()?.join("tools");
    let program = tools.join("bin/cargo-deny");
    let version = shell::ask(&program, &["--version"]);
    if version.is_some_and(|version| version.ends_with(VERSION)) {
        return Ok(program);
    }
    shell::say(format!("Installing cargo-deny {VERSION} in {} (once, some minutes)", tools.display()));
    let root = tools.to_str().context("the cache's path is UTF-8")?;
    let args =
        ["install", "--locked", "--debug", "--force", "--root", root, "--version", VERSION, "cargo-deny"];
    // Unoptimised and without debugging information: it runs for a second and compiles in half the time.
    let env = [("CARGO_PROFILE_DEV_DEBUG".to_owned(), "false".to_owned())];
    shell::run_with(&project.root, cargo(), &args, &env)?;
    Ok(program)
}

/// What survives a fresh checkout: `SOUK_CACHE`, or a folder where caches are.
fn cache() -> Result<PathBuf> {
    if let Some(cache) = std::env::var_os("SOUK_CACHE") {
        return Ok(PathBuf::from(cache));
    }
    let home = std::env::var_os("HOME").context("neither SOUK_CACHE nor HOME is set")?;
    Ok(PathBuf::from(home).join(".cache/souk"))
}

fn online() -> bool {
    let addresses = ADVISORIES_HOST.to_socket_addrs().into_iter().flatten();
    addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(3)).is_ok())
}
