//! `souk-host`: runs a Spin application without Spin.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use souk_host::cli::{Arguments, run};
use tracing_subscriber::EnvFilter;

/// What is told unless RUST_LOG asks for more.
const TOLD: &str = "warn,souk_host=info";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(TOLD));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("souk-host: {e:#}");
            ExitCode::FAILURE
        }
    }
}
