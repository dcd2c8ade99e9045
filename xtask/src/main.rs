//! `cargo xtask`: the one tool to know for building, running, testing and measuring Souk.
//!
//! Each command is a module with its own arguments; what they share is [`project`] (what the manifest says),
//! [`shell`] (commands and steps shown to a person), [`suite`] (a running host) and [`api`] (its HTTP interface).

use anyhow::Result;
use clap::{Parser, Subcommand};

mod api;
mod bench;
mod bootstrap;
mod catalogue;
mod chaos;
mod clients;
mod compile;
mod deny;
mod doctor;
mod env_file;
mod generate;
mod javascript;
mod ledger;
mod paypal;
mod project;
mod reconcile;
mod shell;
mod suite;
mod test;
mod up;

/// Build, run, test and measure Souk.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(up::UpArgs),
    Spin(up::SpinArgs),
    Build(compile::BuildArgs),
    Test(test::TestArgs),
    Bench(bench::BenchArgs),
    Chaos(chaos::ChaosArgs),
    Demo(catalogue::DemoArgs),
    Generate(generate::GenerateArgs),
    VerifyLedger(ledger::VerifyArgs),
    Reconcile(reconcile::ReconcileArgs),
    Doctor(doctor::DoctorArgs),
}

fn main() -> std::process::ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            shell::error(&error);
            std::process::ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Up(args) => up::up(&args),
        Command::Spin(args) => up::spin(&args),
        Command::Build(args) => compile::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Chaos(args) => chaos::run(&args),
        Command::Demo(args) => catalogue::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::VerifyLedger(args) => ledger::verify(&args),
        Command::Reconcile(args) => reconcile::run(&args),
        Command::Doctor(args) => doctor::run(&args),
    }
}
