//! `.env`: the secrets of this checkout, made once at random and never changed afterwards.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::project::Project;

/// Prefix under which Spin, and our host, read a variable of the application from the environment.
const PREFIX: &str = "SPIN_VARIABLE_";
/// First administrator's address.
pub const ADMIN_EMAIL: &str = "SOUK_ADMIN_EMAIL";
/// First administrator's password.
pub const ADMIN_PASSWORD: &str = "SOUK_ADMIN_PASSWORD";

const HEADER: &str = "\
# Secrets of this checkout, made by `cargo xtask up`. Git ignores this file; keep it as long as the data in .spin/.
";

/// The lines of `.env`.
pub struct EnvFile {
    path: PathBuf,
    lines: Vec<(String, String)>,
}

impl EnvFile {
    /// Reads `.env` and adds what is missing: a random value for each secret of `spin.toml`, and the first
    /// administrator's credentials. What is there stays as it is.
    pub fn complete(project: &Project) -> Result<Self> {
        let mut file = Self::read(project)?;
        let wanted = wanted(&project.secrets()?)?;
        let missing: Vec<_> = wanted.into_iter().filter(|(name, _)| file.get(name).is_none()).collect();
        append(&file.path, &missing)?;
        file.lines.extend(missing);
        Ok(file)
    }

    /// Reads `.env`; a missing file has no lines.
    pub fn read(project: &Project) -> Result<Self> {
        let path = project.path(".env");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Self { path, lines: parse(&text) })
    }

    /// Fresh secrets that are written nowhere, for a suite that lives as long as a test or a measurement.
    pub fn ephemeral(project: &Project) -> Result<Self> {
        Ok(Self { path: project.path(".env"), lines: wanted(&project.secrets()?)? })
    }

    /// The value of a line; of two with one name the first counts, as in Spin.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a variable of the application.
    pub fn variable(&self, name: &str) -> Result<&str> {
        self.get(&variable_line(name))
            .with_context(|| format!("{} has no line {}", self.path.display(), variable_line(name)))
    }

    /// Gives a variable of the application another value, for as long as this lives: the file stays as it is.
    pub fn set(&mut self, name: &str, value: &str) {
        let line = variable_line(name);
        self.lines.retain(|(known, _)| *known != line);
        self.lines.push((line, value.to_owned()));
    }

    /// Every line, as a child process wants them.
    pub fn lines(&self) -> &[(String, String)] {
        &self.lines
    }

    /// Where it stands.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn wanted(secrets: &[String]) -> Result<Vec<(String, String)>> {
    let mut lines = Vec::new();
    for secret in secrets {
        lines.push((variable_line(secret), random_key()?));
    }
    lines.push((ADMIN_EMAIL.to_owned(), "admin@souk.local".to_owned()));
    lines.push((ADMIN_PASSWORD.to_owned(), random_password()?));
    Ok(lines)
}

fn variable_line(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase())
}

/// `NAME=value` lines; blank lines and comments are skipped, one pair of quotes around a value is taken off.
fn parse(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.strip_prefix("export ").unwrap_or(line))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), unquoted(value.trim()).to_owned()))
        .collect()
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

/// Adds lines at the end: what a person wrote above stays byte for byte.
fn append(path: &Path, lines: &[(String, String)]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let existing = std::fs::read_to_string(path).unwrap_or_default();
    let mut text = String::new();
    if existing.is_empty() {
        text.push_str(HEADER);
    } else if !existing.ends_with('\n') {
        text.push('\n');
    }
    for (name, value) in lines {
        text.push_str(&format!("{name}={value}\n"));
    }
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// 32 random bytes in hexadecimal.
fn random_key() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).context("this machine gives no random bytes")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// 100 random bits in letters and digits that nobody confuses when copying them by hand.
fn random_password() -> Result<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).context("this machine gives no random bytes")?;
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    Ok(letters.chunks(5).map(|word| word.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn project(folder: &tempfile::TempDir, variables: &str) -> Project {
        std::fs::write(folder.path().join("spin.toml"), format!("[variables]\n{variables}")).unwrap();
        Project { root: folder.path().to_owned() }
    }

    #[test]
    fn secrets_are_made_once_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(&folder, "identity_key = { required = true, secret = true }");
        let first = EnvFile::complete(&project).unwrap();
        let again = EnvFile::complete(&project).unwrap();
        assert_eq!(first.variable("identity_key").unwrap().len(), 64);
        assert_eq!(first.lines(), again.lines());
        assert_eq!(std::fs::metadata(first.path()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_new_secret_is_added_below_what_a_person_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(
            &folder,
            "old_key = { required = true, secret = true }\nnew_key = { required = true, secret = true }",
        );
        let written = "# mine\nSPIN_VARIABLE_OLD_KEY='chosen'\nSOUK_ADMIN_EMAIL=me@example.com";
        std::fs::write(folder.path().join(".env"), written).unwrap();
        let file = EnvFile::complete(&project).unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert!(text.starts_with(&format!("{written}\nSPIN_VARIABLE_NEW_KEY=")), "{text}");
        assert_eq!(file.variable("old_key").unwrap(), "chosen");
        assert_eq!(file.get(ADMIN_EMAIL), Some("me@example.com"));
    }

    #[test]
    fn two_secrets_differ() {
        assert_ne!(random_key().unwrap(), random_key().unwrap());
        assert_eq!(random_password().unwrap().len(), 23);
    }
}
