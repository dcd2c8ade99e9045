//! Independent OAuth clients against a fresh suite: those of npm on Node, those of PyPI on Python, both installed in target/.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::bootstrap;
use crate::compile::target_dir;
use crate::env_file::{ADMIN_EMAIL, ADMIN_PASSWORD, EnvFile};
use crate::javascript::{copy, stamp_of};
use crate::project::{self, Project};
use crate::shell;
use crate::suite::{self, Runner, Suite};
use crate::up;

const FOLDER: &str = "tests/clients";
/// Says from what there was installed last.
const STAMP: &str = "installed-from";

/// Runs every flow of every client.
pub fn run(project: &Project, host: &Runner) -> Result<()> {
    let node = node(project)?;
    let python = python(project)?;
    let folder = tempfile::tempdir()?;
    let secrets = EnvFile::ephemeral(project)?;
    let port = suite::free_port()?;
    let mut launch = up::launch(project, host, port, folder.path(), &secrets)?;
    launch.log = Some(folder.path().join("host.log"));
    let suite = Suite::start(&launch)?;
    bootstrap::administrator(&suite.api(), &secrets)?;
    let (email, password) = bootstrap::credentials(&secrets)?;
    // Tokens name the suite so, and clients ask under the name that tokens have.
    let issuer = format!("http://localhost:{port}");
    let env = [
        ("SOUK_URL", issuer.as_str()),
        (ADMIN_EMAIL, email),
        (ADMIN_PASSWORD, password),
        // It would refuse a server without TLS.
        ("AUTHLIB_INSECURE_TRANSPORT", "1"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    shell::run_with(&node, "node", &["--test"], &env)?;
    shell::run_with(&project.path(FOLDER).join("python"), python, &["-B", "-m", "unittest"], &env)
}

/// The folder where Node's clients stand beside what they need: Node looks for packages above the file that asks for them.
fn node(project: &Project) -> Result<PathBuf> {
    must_be_there("node", "Node 20 or later (https://nodejs.org)")?;
    must_be_there("npm", "Node 20 or later (https://nodejs.org)")?;
    let (sources, workshop) = (project.path(FOLDER).join("node"), target_dir(project).join("clients/node"));
    std::fs::create_dir_all(&workshop)?;
    for old in files_of(&workshop, "js")? {
        std::fs::remove_file(old)?;
    }
    for source in [files_of(&sources, "js")?, files_of(&sources, "json")?].concat() {
        copy(&source, &workshop.join(source.file_name().unwrap_or_default()))?;
    }
    let lock = sources.join("package-lock.json");
    once(&workshop, &lock, || shell::run(&workshop, "npm", &["ci", "--no-audit", "--no-fund"]))?;
    Ok(workshop)
}

/// The Python that has what Python's clients need.
fn python(project: &Project) -> Result<PathBuf> {
    must_be_there("python3", "Python 3.11 or later with venv (Debian: apt install python3-venv)")?;
    let lock = project.path(FOLDER).join("python/requirements.txt");
    let workshop = target_dir(project).join("clients/python");
    std::fs::create_dir_all(&workshop)?;
    let python = workshop.join("venv/bin/python");
    once(&workshop, &lock, || {
        shell::run(&workshop, "python3", &["-m", "venv", "--clear", "venv"])?;
        let install =
            "-m pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: -r";
        let mut args: Vec<&str> = install.split(' ').collect();
        let lock = lock.to_string_lossy();
        args.push(&lock);
        shell::run(&workshop, &python, &args)
    })?;
    Ok(python)
}

fn must_be_there(program: &str, what: &str) -> Result<()> {
    if shell::ask(program, &["--version"]).is_none() {
        bail!("the clients in {FOLDER} need {program}, which is missing: install {what}");
    }
    Ok(())
}

/// Installs unless it was installed from the same list.
fn once(workshop: &Path, list: &Path, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let (stamp, file) = (stamp_of(std::iter::once(&list.to_owned()))?, workshop.join(STAMP));
    if std::fs::read_to_string(&file).is_ok_and(|found| found == stamp) {
        return Ok(());
    }
    install()?;
    std::fs::write(file, stamp)?;
    Ok(())
}

fn files_of(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let files = project::read_dir(folder)?.into_iter();
    Ok(files.filter(|file| file.extension().is_some_and(|found| found == extension)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_installed_again_when_its_list_changes() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        let installs = std::cell::Cell::new(0);
        let install = || {
            once(folder.path(), &list, || {
                installs.set(installs.get() + 1);
                Ok(())
            })
        };
        std::fs::write(&list, "one").unwrap();
        install().unwrap();
        install().unwrap();
        std::fs::write(&list, "another").unwrap();
        install().unwrap();
        assert_eq!(installs.get(), 2);
    }

    #[test]
    fn what_could_not_be_installed_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        std::fs::write(&list, "one").unwrap();
        assert!(once(folder.path(), &list, || bail!("no network")).is_err());
        let mut installed = false;
        once(folder.path(), &list, || {
            installed = true;
            Ok(())
        })
        .unwrap();
        assert!(installed);
    }
}
