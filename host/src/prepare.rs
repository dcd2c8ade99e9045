//! From the manifest to what each component is granted, with every reference checked before anything runs.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};

use crate::allowed_hosts::{AllowedHosts, INTERNAL_DOMAIN};
use crate::app::Maintenance;
use crate::faults::Faults;
use crate::files;
use crate::guest::Grants;
use crate::key_value::Store;
use crate::logs::Outputs;
use crate::manifest::{ComponentSpec, Manifest};
use crate::options::Options;
use crate::runtime_config::RuntimeConfig;
use crate::section::Refusals;
use crate::sqlite::{Database, Idle};
use crate::variables::without_secrets;

/// What the components of an application are granted.
pub(crate) struct Prepared {
    pub grants: HashMap<String, Arc<Grants>>,
    pub maintenance: HashMap<String, Maintenance>,
    pub staged: Vec<tempfile::TempDir>,
    databases: BTreeMap<String, Database>,
}

/// Prepares the components in `selected`.
pub(crate) fn prepare(
    manifest: &Manifest,
    selected: &[(&String, &ComponentSpec)],
    values: &BTreeMap<String, String>,
    config: &RuntimeConfig,
    faults: &Faults,
    options: &Options,
    logs: &Path,
) -> anyhow::Result<Prepared> {
    let refusals = Refusals::default();
    check_labels(selected, config, &refusals);
    check_chaining(manifest, selected, values, &refusals);
    refusals.unless_any("this application", ())?;

    let databases = databases(selected, config, faults)?;
    let stores = stores(selected, config)?;
    let mut prepared =
        Prepared { grants: HashMap::new(), maintenance: HashMap::new(), staged: Vec::new(), databases };
    for (id, spec) in selected {
        let files = files::prepare(id, spec, &manifest.folder)?;
        prepared.staged.extend(files.staged);
        let hosts: Vec<String> = spec.allowed_outbound_hosts.iter().map(|host| host.fill(values)).collect();
        let allowed_hosts = AllowedHosts::parse(&hosts).map_err(|fault| {
            let fault = without_secrets(&fault, manifest, values);
            anyhow::anyhow!("`component.{id}.allowed_outbound_hosts`: {fault}")
        })?;
        let mut environment = options.env.clone();
        environment.extend(spec.environment.clone());
        let grants = Grants {
            component: (*id).clone(),
            variables: spec.variables.iter().map(|(name, text)| (name.clone(), text.fill(values))).collect(),
            environment,
            folders: files.folders,
            databases: granted(&spec.sqlite_databases, &prepared.databases),
            stores: granted(&spec.key_value_stores, &stores),
            allowed_hosts,
            outputs: Outputs::open(id, options.log, logs)?,
            memory_bytes: options.limits.memory_bytes,
            compute_timeout: options.limits.compute_timeout,
        };
        prepared.grants.insert((*id).clone(), Arc::new(grants));
        if let Some(maintenance) = &spec.maintenance {
            let filled = Maintenance {
                path: maintenance.path.clone(),
                authorization: maintenance.authorization.as_ref().map(|text| text.fill(values)),
                healthy: tokio::sync::Mutex::new(true),
            };
            prepared.maintenance.insert((*id).clone(), filled);
        }
    }
    Ok(prepared)
}

impl Prepared {
    /// Runs what `--sqlite` gave: SQL for the default database, or `@file[:label]`.
    pub fn run_sqlite(&self, statements: &[String]) -> anyhow::Result<()> {
        for statement in statements {
            let (label, sql) = match statement.strip_prefix('@') {
                None => ("default", statement.clone()),
                Some(file) => {
                    let (file, label) = file.split_once(':').unwrap_or((file, "default"));
                    (label, std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?)
                }
            };
            let database = self.databases.get(label);
            let database =
                database.with_context(|| format!("--sqlite: no component uses the database {label:?}"))?;
            database.run_script(&sql).with_context(|| format!("--sqlite: {statement}"))?;
        }
        Ok(())
    }
}

fn granted<T: Clone>(labels: &[String], all: &BTreeMap<String, T>) -> HashMap<String, T> {
    labels.iter().filter_map(|label| Some((label.clone(), all.get(label)?.clone()))).collect()
}

fn check_labels(selected: &[(&String, &ComponentSpec)], config: &RuntimeConfig, refusals: &Refusals) {
    for (id, spec) in selected {
        for label in spec.sqlite_databases.iter().filter(|label| !config.databases.contains_key(*label)) {
            refusals.add(format!(
                "`component.{id}.sqlite_databases` names {label:?}: add [sqlite_database.{label}] to the runtime config"
            ));
        }
        for label in spec.key_value_stores.iter().filter(|label| !config.stores.contains_key(*label)) {
            refusals.add(format!(
                "`component.{id}.key_value_stores` names {label:?}: add [key_value_store.{label}] to the runtime config"
            ));
        }
    }
}

/// As in Spin, a component that runs must not be allowed to call one that was left out.
fn check_chaining(
    manifest: &Manifest,
    selected: &[(&String, &ComponentSpec)],
    values: &BTreeMap<String, String>,
    refusals: &Refusals,
) {
    for (id, spec) in selected {
        for host in &spec.allowed_outbound_hosts {
            let host = host.fill(values);
            let name = host.split_once("://").map_or(host.as_str(), |(_, rest)| rest);
            let Some(target) = name.strip_suffix(INTERNAL_DOMAIN).filter(|target| *target != "*") else {
                continue;
            };
            if !selected.iter().any(|(id, _)| *id == target) {
                let target = without_secrets(target, manifest, values);
                refusals.add(format!(
                    "`component.{id}.allowed_outbound_hosts` names {target:?}, which does not run"
                ));
            }
        }
    }
}

fn databases(
    selected: &[(&String, &ComponentSpec)],
    config: &RuntimeConfig,
    faults: &Faults,
) -> anyhow::Result<BTreeMap<String, Database>> {
    let mut databases = BTreeMap::new();
    for label in selected.iter().flat_map(|(_, spec)| &spec.sqlite_databases) {
        let file = &config.databases[label];
        make_folder(file)?;
        let database = Database {
            label: Arc::from(label.as_str()),
            file: Arc::new(file.clone()),
            faults: faults.clone(),
            idle: Idle::default(),
        };
        databases.insert(label.clone(), database);
    }
    Ok(databases)
}

fn stores(
    selected: &[(&String, &ComponentSpec)],
    config: &RuntimeConfig,
) -> anyhow::Result<BTreeMap<String, Store>> {
    let mut stores = BTreeMap::new();
    for label in selected.iter().flat_map(|(_, spec)| &spec.key_value_stores) {
        let file: &PathBuf = &config.stores[label];
        make_folder(file)?;
        stores.entry(label.clone()).or_insert_with(|| Store::new(label, file.clone()));
    }
    Ok(stores)
}

fn make_folder(file: &Path) -> anyhow::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    ensure!(!file.is_dir(), "{} is a folder, where a database must be", file.display());
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
