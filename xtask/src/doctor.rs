//! `cargo xtask doctor`: what is there, what is missing, and what to do about it.

use anyhow::{Result, bail};
use clap::Args;

use crate::compile::{self, WASM_TARGET};
use crate::project::{self, Project};
use crate::shell;
use crate::suite;

/// Say what is missing on this machine, and what to do about it.
///
/// Needed for `up`: Rust 1.94 or later with its wasm32-wasip2 target (which `up` adds by itself) and a C compiler. The
/// rest is optional, and the list says for what.
#[derive(Args)]
pub struct DoctorArgs {
    /// The port that the suite would use
    #[arg(long, default_value_t = 8005)]
    port: u16,
}

/// One thing to look for.
#[derive(Clone)]
struct Finding {
    name: String,
    /// What was found, or nothing.
    found: Option<String>,
    /// What to do when it is missing.
    advice: String,
    needed: bool,
}

/// `cargo xtask doctor`.
pub fn run(args: &DoctorArgs) -> Result<()> {
    let project = Project::find()?;
    let findings = [tools(&rust_version(&project)?), optional_tools(), state(&project, args.port)].concat();
    for finding in &findings {
        println!("{}", line(finding));
    }
    let missing: Vec<_> =
        findings.iter().filter(|f| f.needed && f.found.is_none()).map(|f| f.name.as_str()).collect();
    if !missing.is_empty() {
        bail!("missing: {}", missing.join(", "));
    }
    println!("\nNothing that is needed is missing: run `cargo xtask up`.");
    Ok(())
}

fn line(finding: &Finding) -> String {
    let name = &finding.name;
    match (&finding.found, finding.needed) {
        (Some(found), _) => format!("  {} {name:<14} {found}", shell::paint("32", "ok     ")),
        (None, true) => format!("  {} {name:<14} {}", shell::paint("31", "missing"), finding.advice),
        (None, false) => format!("  {} {name:<14} {}", shell::paint("33", "without"), finding.advice),
    }
}

fn tools(rust_version: &str) -> Vec<Finding> {
    let rust = shell::ask("rustc", &["--version"]).filter(|found| at_least(found, rust_version));
    let clang = || shell::ask("clang", &["--version"]);
    let compiler = shell::ask("cc", &["--version"]).or_else(clang);
    let target = compile::has_wasm_target().then(|| "installed".to_owned());
    let has_rustup = shell::ask("rustup", &["--version"]);
    let target_advice = match has_rustup {
        Some(_) => format!("`cargo xtask up` adds it, or: rustup target add {WASM_TARGET}"),
        None => format!("install rustup (https://rustup.rs), then: rustup target add {WASM_TARGET}"),
    };
    vec![
        needed(
            "rust",
            rust,
            &format!("install Rust {rust_version} or later: https://rustup.rs, then rustup update"),
        ),
        Finding { needed: has_rustup.is_none(), ..needed(WASM_TARGET, target, &target_advice) },
        needed(
            "C compiler",
            compiler.map(first_line),
            "for SQLite; Debian: apt install gcc; macOS: xcode-select --install",
        ),
    ]
}

fn optional_tools() -> Vec<Finding> {
    let version = |program: &str| shell::ask(program, &["--version"]).map(first_line);
    let spin = std::env::var("SPIN_BINARY").unwrap_or_else(|_| "spin".to_owned());
    let clippy = version("cargo-clippy")
        .zip(version("rustfmt"))
        .map(|(clippy, rustfmt)| format!("{clippy}, {rustfmt}"));
    vec![
        optional("clippy, rustfmt", clippy, "for `test`: rustup component add clippy rustfmt"),
        optional("node", version("node"), "for `test`: Node 20 or later, https://nodejs.org"),
        optional("npm", version("npm"), "for `test`: it comes with Node"),
        optional(
            "python3",
            version("python3"),
            "for `test`: Python 3.11 or later with venv; Debian: apt install python3-venv",
        ),
        optional("spin", version(&spin), "for `spin`: Spin 4.1 or later, https://spinframework.dev"),
    ]
}

fn state(project: &Project, port: u16) -> Vec<Finding> {
    let free = suite::check_port(port).ok().map(|()| "free".to_owned());
    let env = project.path(".env");
    let env = env.is_file().then(|| env.display().to_string());
    vec![
        optional(&format!("port {port}"), free, "taken: stop what listens there, or use --port"),
        optional("secrets", env, "`cargo xtask up` makes them, in .env"),
    ]
}

fn needed(name: &str, found: Option<String>, advice: &str) -> Finding {
    Finding { name: name.to_owned(), found, advice: advice.to_owned(), needed: true }
}

fn optional(name: &str, found: Option<String>, advice: &str) -> Finding {
    Finding { needed: false, ..needed(name, found, advice) }
}

/// The oldest Rust that the workspace promises to compile with.
fn rust_version(project: &Project) -> Result<String> {
    let manifest: toml::Table = toml::from_str(&project::read(&project.path("Cargo.toml"))?)?;
    Ok(manifest["workspace"]["package"]["rust-version"].as_str().unwrap_or("1.94").to_owned())
}

/// Is the first version number in `found` at least `wanted`?
fn at_least(found: &str, wanted: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        let digits = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
        digits.take(2).filter_map(|part| part.parse().ok()).collect()
    };
    numbers(found) >= numbers(wanted)
}

fn first_line(text: String) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(at_least("rustc 1.100.0 (abc 2027-01-01)", "1.94"));
        assert!(at_least("rustc 1.94.0", "1.94"));
        assert!(!at_least("rustc 1.9.0", "1.94"));
    }
}
