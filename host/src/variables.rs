//! The variables of an application, and `spin:variables@3.0`.

use std::collections::BTreeMap;

use wasmtime::component::Accessor;

use crate::bindings::spin::variables::variables::{Error, Host, HostWithStore};
use crate::guest::{Guest, HasGuest};
use crate::manifest::Manifest;
use crate::template::variable_name_fault;

/// The prefix of an environment variable that gives a variable its value.
pub(crate) const ENVIRONMENT_PREFIX: &str = "SPIN_VARIABLE_";

/// A value for every variable that the manifest declares. `given` goes before the defaults; names that the manifest
/// does not declare are ignored, as Spin does.
pub(crate) fn resolve(
    manifest: &Manifest,
    given: &BTreeMap<String, String>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, variable) in &manifest.variables {
        match given.get(name).or(variable.default.as_ref()) {
            Some(value) => _ = values.insert(name.clone(), value.clone()),
            None => missing.push(name.as_str()),
        }
    }
    anyhow::ensure!(
        missing.is_empty(),
        "these variables are required and have no value: {}. Set {ENVIRONMENT_PREFIX}NAME (upper case) in the \
         environment or in .env, or pass --variable NAME=VALUE",
        missing.join(", ")
    );
    Ok(values)
}

/// The text with every secret's value replaced by its name, for messages that show something filled.
pub(crate) fn without_secrets(text: &str, manifest: &Manifest, values: &BTreeMap<String, String>) -> String {
    let mut text = text.to_owned();
    for (name, _) in manifest.variables.iter().filter(|(_, variable)| variable.secret) {
        if let Some(value) = values.get(name).filter(|value| !value.is_empty()) {
            text = text.replace(value.as_str(), &format!("{{{{ {name} }}}}"));
        }
    }
    text
}

impl Host for Guest {
    fn convert_error(&mut self, error: Error) -> wasmtime::Result<Error> {
        Ok(error)
    }
}

impl<T: Send> HostWithStore<T> for HasGuest {
    async fn get(store: &Accessor<T, Self>, name: String) -> Result<String, Error> {
        if let Some(fault) = variable_name_fault(&name) {
            return Err(Error::InvalidName(format!("{name:?}: {fault}")));
        }
        store.with(|mut access| {
            let grants = &access.get().grants;
            let undefined = || Error::Undefined(format!("no variable for {:?}.{name:?}", grants.component));
            grants.variables.get(&name).cloned().ok_or_else(undefined)
        })
    }
}
