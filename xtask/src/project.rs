//! What the project consists of, read from where it is said already: `spin.toml` and the folders.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The checkout.
pub struct Project {
    /// Its top folder.
    pub root: PathBuf,
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    component: BTreeMap<String, Component>,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
}

#[derive(Deserialize)]
struct Component {
    build: Option<Build>,
}

#[derive(Deserialize)]
struct Build {
    command: String,
}

#[derive(Deserialize)]
struct Variable {
    default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    secret: bool,
}

#[derive(Deserialize)]
struct CargoManifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

impl Project {
    /// The checkout that Cargo runs this program from; two of them may share what Cargo has built.
    pub fn find() -> Result<Self> {
        let xtask = std::env::var_os("CARGO_MANIFEST_DIR");
        let xtask = xtask.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = xtask.parent().context("xtask/ stands inside the project's folder")?;
        Ok(Self { root: root.to_owned() })
    }

    /// A path below the checkout.
    pub fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The Cargo packages of the components in `spin.toml` that Cargo builds.
    pub fn components(&self) -> Result<Vec<String>> {
        Ok(components_of(&self.manifest()?))
    }

    /// The variables that somebody must choose a secret value for.
    pub fn secrets(&self) -> Result<Vec<String>> {
        Ok(secrets_of(&self.manifest()?))
    }

    /// The packages of the components that only tests use.
    pub fn fixtures(&self) -> Result<Vec<String>> {
        self.packages_under("tests/fixtures")
    }

    /// The libraries that components share.
    pub fn crates(&self) -> Result<Vec<String>> {
        self.packages_under("crates")
    }

    /// The name of the Cargo package in a folder.
    pub fn package(&self, folder: &Path) -> Result<String> {
        let path = folder.join("Cargo.toml");
        let text = read(&path)?;
        let cargo: CargoManifest =
            toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(cargo.package.name)
    }

    fn packages_under(&self, folder: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in read_dir(&self.path(folder))? {
            if entry.join("Cargo.toml").is_file() {
                names.push(self.package(&entry)?);
            }
        }
        Ok(names)
    }

    fn manifest(&self) -> Result<Manifest> {
        let path = self.path("spin.toml");
        toml::from_str(&read(&path)?).with_context(|| format!("cannot read {}", path.display()))
    }
}

fn components_of(manifest: &Manifest) -> Vec<String> {
    let built = |component: &Component| {
        component.build.as_ref().is_some_and(|build| build.command.starts_with("cargo build"))
    };
    manifest.component.iter().filter(|(_, c)| built(c)).map(|(id, _)| id.clone()).collect()
}

fn secrets_of(manifest: &Manifest) -> Vec<String> {
    let secret = |v: &Variable| v.secret && v.required && v.default.is_none();
    manifest.variables.iter().filter(|(_, v)| secret(v)).map(|(name, _)| name.clone()).collect()
}

/// A text file, with its path in the error.
pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a text file and the folders it stands in, with its path in the error.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file stands in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// What a folder holds, sorted; nothing when it is missing.
pub fn read_dir(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [variables]
        identity_key = { required = true, secret = true }
        greeting = { default = "hello" }
        region = { required = true }
        [component.users]
        source = "target/wasm32-wasip2/component/users.wasm"
        [component.users.build]
        command = "cargo build --profile component --target wasm32-wasip2 -p users"
        [component.pages]
        source = "pages.wasm"
        [component.other.build]
        command = "npm run build"
    "#;

    #[test]
    fn only_what_cargo_builds_is_a_component_to_build() {
        assert_eq!(components_of(&toml::from_str(MANIFEST).unwrap()), ["users"]);
    }

    #[test]
    fn only_required_secrets_are_made() {
        assert_eq!(secrets_of(&toml::from_str(MANIFEST).unwrap()), ["identity_key"]);
    }
}
