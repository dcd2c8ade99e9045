//! Files that are made from others and committed, so that a reader finds them and a change of a contract is seen.

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::catalogue;
use crate::compile;
use crate::env_file::EnvFile;
use crate::project::{self, Project};
use crate::shell;
use crate::suite::{self, Runner, Suite};
use crate::up;

mod database;
mod permissions;
mod problems;

/// Write the generated files.
///
/// These are the demo catalogue (demo/), the description of the API (docs/api/openapi.json) and of its problems
/// (docs/problems.md) and permissions (docs/permissions.md), all asked from a running suite, and of the databases
/// (docs/database.md).
#[derive(Args)]
pub struct GenerateArgs {
    /// Write nothing, and fail when a file is not as it would be written
    #[arg(long)]
    check: bool,
}

/// A file's path below the checkout, and what should be in it.
type Generated = (&'static str, String);

/// `cargo xtask generate`.
pub fn run(args: &GenerateArgs) -> Result<()> {
    let project = Project::find()?;
    compile::components(&project, false)?;
    let host = Runner::Host(compile::programs(&project, &["souk-host"])?.remove(0));
    if args.check {
        return check(&project, &host);
    }
    for (file, text) in files(&project, &host)? {
        project::write(&project.path(file), &text)?;
        shell::say(format!("Wrote {file}"));
    }
    Ok(())
}

/// Fails when a committed file differs from what would be generated.
pub fn check(project: &Project, host: &Runner) -> Result<()> {
    let mut stale = Vec::new();
    for (file, text) in files(project, host)? {
        let committed = std::fs::read_to_string(project.path(file)).unwrap_or_default();
        if committed != text {
            stale.push(format!("{file} ({})", first_difference(&committed, &text)));
        }
    }
    if !stale.is_empty() {
        bail!("stale: {}; run `cargo xtask generate`", stale.join(", "));
    }
    shell::say("The generated files are fresh");
    Ok(())
}

fn files(project: &Project, host: &Runner) -> Result<Vec<Generated>> {
    let mut openapi = openapi(project, host)?;
    // The port of the suite that was asked is chance.
    openapi["servers"] = serde_json::json!([{ "url": "http://localhost:8005" }]);
    Ok(vec![
        (catalogue::PRODUCTS_FILE, catalogue::lines(catalogue::products(catalogue::DEMO_PRODUCTS))?),
        (catalogue::CATEGORIES_FILE, catalogue::lines(catalogue::categories())?),
        ("docs/database.md", database::page(project)?),
        ("docs/permissions.md", permissions::page(&openapi)?),
        ("docs/problems.md", problems::page(&openapi)?),
        ("docs/api/openapi.json", serde_json::to_string_pretty(&openapi)? + "\n"),
    ])
}

/// The whole suite's OpenAPI document, from the suite itself.
fn openapi(project: &Project, host: &Runner) -> Result<Value> {
    let folder = tempfile::tempdir()?;
    let secrets = EnvFile::ephemeral(project)?;
    let mut launch = up::launch(project, host, suite::free_port()?, folder.path(), &secrets)?;
    launch.log = Some(folder.path().join("host.log"));
    let suite = Suite::start(&launch)?;
    let answer = suite.api().get("/openapi.json")?.expect(200, "asking for the OpenAPI document")?;
    answer.json().context("the OpenAPI document")
}

fn first_difference(committed: &str, fresh: &str) -> String {
    if committed.is_empty() {
        return "missing".to_owned();
    }
    let same = committed.lines().zip(fresh.lines()).take_while(|(old, new)| old == new).count();
    format!("from line {}", same + 1)
}
