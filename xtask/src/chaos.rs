//! `cargo xtask chaos`: the shop is killed again and again while it sells, and its books must be right each time.

use crate::compile;
use crate::project::Project;
use crate::shell;
use crate::test;
use anyhow::Result;
use clap::Args;

/// Kill the suite at random moments while it sells, and check its books after each restart.
///
/// Each round starts the whole suite in a process of its own, lets buyers order, pay, cancel and get money back, kills it
/// with SIGKILL, starts it again, and checks the invariants of docs/architecture.md over all databases.
#[derive(Args)]
pub struct ChaosArgs {
    /// How often it is killed
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// The test that does it, in `tests/e2e/chaos.rs`.
const TEST: &str = "chaos::the_books_are_right_after_every_kill";

/// `cargo xtask chaos`.
pub fn run(args: &ChaosArgs) -> Result<()> {
    let project = Project::find()?;
    compile::components(&project, true)?;
    shell::say(format!("{} rounds", args.rounds));
    test::end_to_end(&project, Some(TEST), &[("CHAOS_ROUNDS".to_owned(), args.rounds.to_string())])
}
