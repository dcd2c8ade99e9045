//! `files` of a component: folders of this machine as they are, patterns and single files as copies, all read-only.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::manifest::{ComponentSpec, Mount};

/// What a component sees of the file system.
#[derive(Default)]
pub(crate) struct Files {
    /// Folders and where they appear.
    pub folders: Vec<(PathBuf, String)>,
    /// The copies among them, kept as long as the application runs.
    pub staged: Option<TempDir>,
}

/// Prepares the files of component `id`.
pub(crate) fn prepare(id: &str, spec: &ComponentSpec, folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::default();
    let excluded = Excluded::new(spec, folder)?;
    for mount in &spec.files {
        match mount {
            Mount::Placement { source, destination } => {
                let name = || format!("`component.{id}.files`: {source}");
                ensure!(destination.starts_with('/'), "{}: the destination must start with a slash", name());
                let path = folder.join(source);
                ensure!(path.exists(), "{}: there is no such file or folder", name());
                if path.is_dir() && excluded.is_empty() {
                    files.folders.push((path, destination.clone()));
                } else if path.is_dir() {
                    copy_matching(&path.join("**/*"), &path, &files.place(destination)?, &excluded)?;
                } else {
                    copy(&path, &files.place(destination)?)?;
                }
            }
            Mount::Pattern(pattern) => {
                let path = folder.join(pattern);
                let top = files.place("/")?;
                let copied = if path.is_file() {
                    copy(&path, &top.join(pattern))?;
                    1
                } else if path.is_dir() {
                    copy_matching(&path.join("**/*"), folder, &top, &excluded)?
                } else {
                    copy_matching(&path, folder, &top, &excluded)?
                };
                ensure!(copied > 0, "`component.{id}.files`: nothing matches {pattern}");
            }
        }
    }
    if let Some(staged) = &files.staged {
        files.folders.push((staged.path().to_owned(), "/".to_owned()));
    }
    Ok(files)
}

impl Files {
    /// Where a copy that appears at `destination` goes.
    fn place(&mut self, destination: &str) -> anyhow::Result<PathBuf> {
        if self.staged.is_none() {
            self.staged = Some(tempfile::tempdir().context("cannot make a folder for mounted files")?);
        }
        let top = self.staged.as_ref().map(|staged| staged.path().to_owned()).unwrap_or_default();
        Ok(top.join(destination.trim_start_matches('/')))
    }
}

struct Excluded(Vec<glob::Pattern>);

impl Excluded {
    fn new(spec: &ComponentSpec, folder: &Path) -> anyhow::Result<Self> {
        let pattern = |text: &String| {
            let whole = format!("{}/{text}", glob::Pattern::escape(&folder.to_string_lossy()));
            glob::Pattern::new(&whole).with_context(|| format!("`exclude_files`: {text}"))
        };
        Ok(Self(spec.exclude_files.iter().map(pattern).collect::<Result<_, _>>()?))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn has(&self, path: &Path) -> bool {
        self.0.iter().any(|pattern| pattern.matches_path(path))
    }
}

/// Copies what matches `pattern`, keeping its place below `from`.
fn copy_matching(pattern: &Path, from: &Path, to: &Path, excluded: &Excluded) -> anyhow::Result<usize> {
    let mut copied = 0;
    let pattern = pattern.to_string_lossy();
    for path in glob::glob(&pattern).with_context(|| format!("{pattern} is no pattern"))? {
        let path = path?;
        if path.is_file() && !excluded.has(&path) {
            copy(&path, &to.join(path.strip_prefix(from)?))?;
            copied += 1;
        }
    }
    Ok(copied)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}
