//! `cargo xtask verify-ledger`: an exported ledger, checked without asking the suite anything.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use souk_ledger::Audit;

use crate::api::Api;
use crate::bootstrap;
use crate::env_file::EnvFile;
use crate::project::Project;
use crate::shell;

/// Check an exported ledger: its chain of hashes, its sums, its Merkle roots and proofs.
///
/// A file has the lines of `GET /api/v1/ledger/entries`, part after part, and may end with answers of
/// `GET /api/v1/transactions/{id}/proof`. Nothing but the file is needed.
#[derive(Args)]
pub struct VerifyArgs {
    /// The file
    file: PathBuf,
    /// First write the ledger of the suite at this address into the file, as the administrator of .env
    #[arg(long, value_name = "URL")]
    export: Option<String>,
}

/// `cargo xtask verify-ledger`.
pub fn verify(args: &VerifyArgs) -> Result<()> {
    if let Some(url) = &args.export {
        export(url, &args.file)?;
    }
    let file = File::open(&args.file).with_context(|| format!("cannot open {}", args.file.display()))?;
    let mut audit = Audit::default();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        if let Err(wrong) = audit.line(&line) {
            bail!("{}, line {number}: {wrong}", args.file.display());
        }
    }
    let found = audit.finish().with_context(|| args.file.display().to_string())?;
    println!(
        "The ledger is sound: {} entries of {} transactions on {} accounts, {} currencies, each sum is zero.\n\
         {} roots are those of their entries, {} entries at the end have none yet; {} proofs hold.",
        found.entries,
        found.transactions,
        found.accounts,
        found.currencies,
        found.roots,
        found.uncovered,
        found.proofs
    );
    if let Some(head) = found.head {
        println!("Hash of the last entry: {head}");
    }
    Ok(())
}

/// Writes the whole ledger of a suite into a file.
fn export(url: &str, file: &Path) -> Result<()> {
    shell::say(format!("Exporting the ledger of {url}"));
    let api = Api::new(url);
    let admin = bootstrap::signed_in(&api, &EnvFile::read(&Project::find()?)?)?;
    let mut out = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    let mut after = 0;
    loop {
        let path = format!("/api/v1/ledger/entries?after={after}");
        let part = admin.get(&path)?.expect(200, "exporting the ledger")?;
        let text = part.body.as_str();
        let seqs = text.lines().filter_map(|line| {
            let record: Value = serde_json::from_str(line).ok()?;
            record["entry"]["seq"].as_i64()
        });
        let Some(last) = seqs.max() else { return Ok(()) };
        out.write_all(text.as_bytes())?;
        after = last;
    }
}
