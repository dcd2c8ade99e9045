//! `runtime-config.toml`: where each database and store lives on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use toml::Value;

use crate::section::{Refusals, Section};

/// Where Spin keeps state unless told otherwise.
pub(crate) const DEFAULT_STATE_FOLDER: &str = ".spin";

/// Files behind the labels of databases and stores.
pub(crate) struct RuntimeConfig {
    pub databases: BTreeMap<String, PathBuf>,
    pub stores: BTreeMap<String, PathBuf>,
}

impl RuntimeConfig {
    /// Reads `file`, if there is one. `default` exists in both kinds unless the file moves it.
    pub fn read(file: Option<&Path>, state_folder: &Path) -> anyhow::Result<Self> {
        let mut config = Self { databases: BTreeMap::new(), stores: BTreeMap::new() };
        config.databases.insert("default".to_owned(), state_folder.join("sqlite_db.db"));
        config.stores.insert("default".to_owned(), state_folder.join("sqlite_key_value.db"));
        let Some(file) = file else { return Ok(config) };

        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let table: toml::Table = toml::from_str(&text).with_context(|| format!("{name} is not TOML"))?;
        let folder = std::path::absolute(file)?.parent().unwrap_or(Path::new("/")).to_owned();
        let refusals = Refusals::default();
        let mut root = Section::root(table, &refusals);
        for (label, section) in root.sections("sqlite_database") {
            let path = labelled_file(section, &label, &folder, state_folder);
            config.databases.insert(label, path);
        }
        for (label, section) in root.sections("key_value_store") {
            let path = labelled_file(section, &label, &folder, state_folder);
            config.stores.insert(label, path);
        }
        for (key, instead) in [
            ("state_dir", "pass --state-dir"),
            ("log_dir", "logs go to the state folder's `logs`"),
            ("max_instance_memory", "pass --max-instance-memory"),
            ("variables_provider", "pass --variable, or set SPIN_VARIABLE_NAME"),
            ("config_provider", "pass --variable, or set SPIN_VARIABLE_NAME"),
        ] {
            root.unsupported(key, instead);
        }
        root.finish();
        refusals.unless_any(&name, config)
    }
}

/// The file of one label. A relative path starts at the configuration file's folder; one below `.spin` lies in the
/// state folder, so that another state folder takes every database along.
fn labelled_file(mut section: Section, label: &str, folder: &Path, state_folder: &Path) -> PathBuf {
    match section.take("type") {
        Some(Value::String(kind)) if kind == "spin" => {}
        Some(Value::String(kind)) => {
            section
                .refuse("type", &format!("= {kind:?} is not supported: use \"spin\", or run this on Spin"));
            for key in section.keys() {
                section.take(&key);
            }
        }
        _ => section.refuse("type", "must be \"spin\""),
    }
    let path = section
        .string("path")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(DEFAULT_STATE_FOLDER).join(format!("{label}.db")));
    section.finish();
    match path.strip_prefix(DEFAULT_STATE_FOLDER) {
        Ok(below) => state_folder.join(below),
        Err(_) => folder.join(path),
    }
}
