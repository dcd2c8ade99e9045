//! `spin.toml`, version 2: what is read of it, and what is refused by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use toml::Value;

use crate::section::{Refusals, Section};
use crate::template::{Template, variable_name_fault};

/// An application as its manifest describes it.
pub(crate) struct Manifest {
    /// The folder of `spin.toml`: every path in it starts here.
    pub folder: PathBuf,
    pub name: String,
    pub version: String,
    pub variables: BTreeMap<String, Variable>,
    pub triggers: Vec<Trigger>,
    pub components: BTreeMap<String, ComponentSpec>,
}

pub(crate) struct Variable {
    pub default: Option<String>,
    pub secret: bool,
}

pub(crate) struct Trigger {
    /// `None`: private, reached only by other components and the host itself.
    pub route: Option<String>,
    pub component: String,
}

/// One component: where its code is and what it may do.
pub(crate) struct ComponentSpec {
    pub source: PathBuf,
    pub variables: BTreeMap<String, Template>,
    pub environment: BTreeMap<String, String>,
    pub files: Vec<Mount>,
    pub exclude_files: Vec<String>,
    pub allowed_outbound_hosts: Vec<Template>,
    pub key_value_stores: Vec<String>,
    pub sqlite_databases: Vec<String>,
    pub dependencies: Vec<Dependency>,
    pub maintenance: Option<Maintenance>,
}

pub(crate) enum Mount {
    /// Files matching a pattern, at the same place below `/`.
    Pattern(String),
    /// A folder or file at a place of its own.
    Placement { source: String, destination: String },
}

/// An import that another component fulfils.
pub(crate) struct Dependency {
    /// What it fulfils: `ns:package/interface@1.0.0`, `ns:package@1.0.0` or a plain name.
    pub name: String,
    pub source: DependencySource,
    pub export: Option<String>,
    /// Whether it may use what its component may use.
    pub inherits: bool,
}

pub(crate) enum DependencySource {
    Path(PathBuf),
    Component(String),
}

/// `[component.X.tool.souk] maintenance`: the private route that a tick calls.
pub(crate) struct Maintenance {
    pub path: String,
    pub authorization: Option<Template>,
}

impl Manifest {
    /// Reads `file`, or the `spin.toml` in it when it is a folder.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let file = if file.is_dir() { file.join("spin.toml") } else { file.to_owned() };
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let table: toml::Table = toml::from_str(&text).with_context(|| format!("{name} is not TOML"))?;
        let folder = std::path::absolute(&file)?.parent().unwrap_or(Path::new("/")).to_owned();
        Self::parse(table, folder, &name)
    }

    fn parse(table: toml::Table, folder: PathBuf, file_name: &str) -> anyhow::Result<Self> {
        let refusals = Refusals::default();
        let mut root = Section::root(table, &refusals);
        match root.take("spin_manifest_version") {
            Some(Value::Integer(2)) => {}
            _ => root.refuse("spin_manifest_version", "must be 2"),
        }
        let (name, version) = application(&mut root);
        let variables: BTreeMap<_, _> =
            root.sections("variables").into_iter().map(|(name, section)| (name, variable(section))).collect();
        for name in variables.keys() {
            if let Some(fault) = variable_name_fault(name) {
                refusals.add(format!("`variables.{name}` {fault}"));
            }
        }
        let triggers = triggers(&mut root);
        let components = root
            .sections("component")
            .into_iter()
            .map(|(id, section)| (id, component(section, &folder, &variables)))
            .collect();
        root.finish();
        let manifest = Self { folder, name, version, variables, triggers, components };
        manifest.check_references(&refusals);
        refusals.unless_any(file_name, manifest)
    }

    fn check_references(&self, refusals: &Refusals) {
        let mut triggered = BTreeSet::new();
        for (index, trigger) in self.triggers.iter().enumerate() {
            if !self.components.contains_key(&trigger.component) {
                refusals.add(format!(
                    "`trigger.http[{index}].component` names {:?}, which is no component of this manifest",
                    trigger.component
                ));
            }
            triggered.insert(&trigger.component);
        }
        for (id, spec) in &self.components {
            for dependency in &spec.dependencies {
                if let DependencySource::Component(target) = &dependency.source
                    && !self.components.contains_key(target)
                {
                    refusals.add(format!(
                        "`component.{id}.dependencies.{:?}` names {target:?}, which is no component of this manifest",
                        dependency.name
                    ));
                }
            }
            if spec.maintenance.is_some() && !triggered.contains(id) {
                refusals
                    .add(format!("`component.{id}.tool.souk.maintenance` needs an HTTP trigger for {id:?}"));
            }
        }
    }
}

fn application(root: &mut Section) -> (String, String) {
    let Some(mut section) = root.section("application") else {
        root.refuse("application", "is missing");
        return Default::default();
    };
    let name = section.required_string("name");
    let version = section.string("version").unwrap_or_default();
    section.string("description");
    section.strings("authors");
    section.take("targets");
    section.take("tool");
    section.unsupported("trigger", "write the full route in each trigger");
    section.finish();
    (name, version)
}

fn variable(mut section: Section) -> Variable {
    section.string("description");
    let default = section.string("default");
    let secret = section.flag("secret").unwrap_or(false);
    match (section.flag("required"), &default) {
        (Some(true), Some(_)) => section.refuse("required", "and `default` exclude one another"),
        (Some(true), None) | (_, Some(_)) => {}
        (_, None) => section.refuse("default", "is missing: give one, or say `required = true`"),
    }
    section.finish();
    Variable { default, secret }
}

fn triggers(root: &mut Section) -> Vec<Trigger> {
    let Some(mut kinds) = root.section("trigger") else {
        root.refuse("trigger", "is missing: an application needs at least one `[[trigger.http]]`");
        return Vec::new();
    };
    let triggers = kinds.list("http").into_iter().map(trigger).collect();
    for kind in kinds.keys() {
        kinds.unsupported(&kind, "souk-host serves HTTP only, so write `[[trigger.http]]`");
    }
    triggers
}

fn trigger(mut section: Section) -> Trigger {
    section.string("id");
    section.unsupported("static_response", "answer from a component");
    section.unsupported("components", "name one `component`");
    section.unsupported("dependencies", "declare them on the component");
    if let Some(mut executor) = section.section("executor") {
        if executor.required_string("type") != "http" {
            executor.refuse("type", "must be \"http\": Wagi is not supported");
        }
        executor.finish();
    }
    let route = match section.take("route") {
        Some(Value::String(route)) => Some(route),
        Some(Value::Table(private))
            if private.get("private") == Some(&Value::Boolean(true)) && private.len() == 1 =>
        {
            None
        }
        _ => {
            section.refuse("route", "must be a path or `{ private = true }`");
            None
        }
    };
    let component = match section.take("component") {
        Some(Value::String(id)) => id,
        Some(Value::Table(_)) => {
            section.refuse("component", "is not supported as a table: name a `[component.NAME]`");
            String::new()
        }
        _ => {
            section.refuse("component", "must name a component");
            String::new()
        }
    };
    section.finish();
    Trigger { route, component }
}

fn component(mut section: Section, folder: &Path, variables: &BTreeMap<String, Variable>) -> ComponentSpec {
    section.string("description");
    section.take("targets");
    section.unsupported("ai_models", "souk-host runs no language models");
    section.unsupported("allowed_http_hosts", "use `allowed_outbound_hosts`");
    section.unsupported("profile", "write the values in the component itself");
    build(&mut section);
    let inherits_all = section.flag("dependencies_inherit_configuration").unwrap_or(false);
    let templates = templates(&mut section, variables);
    let hosts = section.strings("allowed_outbound_hosts");
    let spec = ComponentSpec {
        source: source(&mut section, folder),
        variables: templates,
        environment: section.string_map("environment"),
        files: mounts(&mut section),
        exclude_files: section.strings("exclude_files"),
        allowed_outbound_hosts: hosts
            .iter()
            .filter_map(|host| template(&section, "allowed_outbound_hosts", host, variables))
            .collect(),
        key_value_stores: section.strings("key_value_stores"),
        sqlite_databases: section.strings("sqlite_databases"),
        dependencies: section
            .sections("dependencies")
            .into_iter()
            .map(|(name, section)| dependency(name, section, folder, inherits_all))
            .collect(),
        maintenance: maintenance(&mut section, variables),
    };
    section.finish();
    spec
}

fn build(section: &mut Section) {
    let Some(mut build) = section.section("build") else { return };
    if !matches!(build.take("command"), Some(Value::String(_) | Value::Array(_))) {
        build.refuse("command", "must be a command or a list of commands");
    }
    build.string("workdir");
    build.strings("watch");
    build.finish();
}

fn source(section: &mut Section, folder: &Path) -> PathBuf {
    match section.take("source") {
        Some(Value::String(path)) => folder.join(path),
        Some(Value::Table(_)) => {
            section.refuse("source", "is not supported as a table: fetch the file and write its path");
            PathBuf::new()
        }
        _ => {
            section.refuse("source", "must be the path of a Wasm file");
            PathBuf::new()
        }
    }
}

fn template(
    section: &Section,
    key: &str,
    text: &str,
    variables: &BTreeMap<String, Variable>,
) -> Option<Template> {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(fault) => {
            section.refuse(key, &fault);
            return None;
        }
    };
    for name in template.variables().filter(|name| !variables.contains_key(*name)) {
        section.refuse(key, &format!("names the variable {name:?}, which `[variables]` does not declare"));
    }
    Some(template)
}

fn templates(section: &mut Section, variables: &BTreeMap<String, Variable>) -> BTreeMap<String, Template> {
    let mut templates = BTreeMap::new();
    for (name, text) in section.string_map("variables") {
        if let Some(fault) = variable_name_fault(&name) {
            section.refuse("variables", &format!("has a name that {fault}: {name:?}"));
        }
        if let Some(template) = template(section, "variables", &text, variables) {
            templates.insert(name, template);
        }
    }
    templates
}

fn mounts(section: &mut Section) -> Vec<Mount> {
    let list = match section.take("files") {
        None => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(_) => {
            section.refuse("files", "must be a list");
            return Vec::new();
        }
    };
    let mut mounts = Vec::new();
    for value in list {
        let mount = match value {
            Value::String(pattern) => Some(Mount::Pattern(pattern)),
            Value::Table(table) if table.len() == 2 => {
                let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
                text("source")
                    .zip(text("destination"))
                    .map(|(source, destination)| Mount::Placement { source, destination })
            }
            _ => None,
        };
        match mount {
            Some(mount) => mounts.push(mount),
            None => {
                section.refuse("files", "may hold patterns and `{ source = \"…\", destination = \"/…\" }`")
            }
        }
    }
    mounts
}

fn dependency(name: String, mut section: Section, folder: &Path, inherits_all: bool) -> Dependency {
    let mut remote = false;
    for key in ["version", "package", "registry", "url", "digest"] {
        remote |= section.unsupported(key, "fetch the component and write its `path`");
    }
    let source = match (section.string("path"), section.string("component")) {
        (Some(path), None) => DependencySource::Path(folder.join(path)),
        (None, Some(id)) => DependencySource::Component(id),
        (None, None) if remote => DependencySource::Path(PathBuf::new()),
        _ => {
            section.refuse("path", "or `component` must say where the dependency is, and not both");
            DependencySource::Path(PathBuf::new())
        }
    };
    let inherits = match section.take("inherit_configuration") {
        None => inherits_all,
        Some(Value::Boolean(inherits)) => inherits,
        Some(_) => {
            section.refuse("inherit_configuration", "must be true or false: a list of keys is not supported");
            false
        }
    };
    let dependency = Dependency { name, source, export: section.string("export"), inherits };
    section.finish();
    dependency
}

fn maintenance(section: &mut Section, variables: &BTreeMap<String, Variable>) -> Option<Maintenance> {
    let mut tools = section.section("tool")?;
    let mut souk = tools.section("souk")?;
    let mut route = souk.section("maintenance")?;
    let path = route.required_string("path");
    if !path.starts_with('/') {
        route.refuse("path", "must start with a slash");
    }
    let authorization = route.string("authorization");
    let authorization = authorization.and_then(|text| template(&route, "authorization", &text, variables));
    route.finish();
    souk.finish();
    Some(Maintenance { path, authorization })
}
