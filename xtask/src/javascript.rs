//! The fixture that is written in JavaScript: built by npm, in target/, when something that it is made from has changed.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::compile::target_dir;
use crate::project::Project;
use crate::shell;

const FOLDER: &str = "tests/fixtures/rules-js";
const WIT: &str = "wit/souk-rules.wit";
const SOURCES: [&str; 3] = ["package.json", "package-lock.json", "rules.js"];
/// What `npm run build` leaves, and the name it gets beside the other components.
const WASM: &str = "rules_js.wasm";
/// Says from what there was built last.
const STAMP: &str = "built-from";

/// Builds the fixture unless it is as it would be built.
pub fn build(project: &Project) -> Result<()> {
    let sources = SOURCES.map(|name| project.path(FOLDER).join(name));
    let wit = project.path(WIT);
    let workshop = target_dir(project).join("npm/rules-js");
    let stamp = stamp_of(sources.iter().chain([&wit]))?;
    let built = target_dir(project).join("wasm32-wasip2/component").join(WASM);
    let is_fresh = std::fs::read_to_string(workshop.join(STAMP)).is_ok_and(|found| found == stamp);
    if is_fresh && built.is_file() {
        return Ok(());
    }
    if shell::ask("npm", &["--version"]).is_none() {
        bail!("{FOLDER} is built by npm, which is missing: install Node 20 or later (https://nodejs.org)");
    }
    std::fs::create_dir_all(&workshop)?;
    for source in &sources {
        copy(source, &workshop.join(source.file_name().context("a file")?))?;
    }
    copy(&wit, &workshop.join("rules.wit"))?;
    shell::run(&workshop, "npm", &["ci", "--no-audit", "--no-fund"])?;
    shell::run(&workshop, "npm", &["run", "--silent", "build"])?;
    std::fs::create_dir_all(built.parent().context("a folder")?)?;
    copy(&workshop.join(WASM), &built)?;
    std::fs::write(workshop.join(STAMP), stamp)?;
    Ok(())
}

/// What files say, in short.
pub fn stamp_of<'p>(files: impl Iterator<Item = &'p PathBuf>) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for file in files {
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        bytes.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Copies a file, with both names in the error.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
