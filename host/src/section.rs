//! Reading TOML so that every key is either understood or refused by its full name, all offenders at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use toml::{Table, Value};

/// Everything a document was refused for.
#[derive(Clone, Default)]
pub(crate) struct Refusals(Rc<RefCell<Vec<String>>>);

impl Refusals {
    pub fn add(&self, text: impl Into<String>) {
        self.0.borrow_mut().push(text.into());
    }

    /// `value` when nothing was refused, else one error that lists every offender.
    pub fn unless_any<T>(&self, document: &str, value: T) -> anyhow::Result<T> {
        let mut all = self.0.borrow_mut();
        if all.is_empty() {
            return Ok(value);
        }
        all.sort();
        anyhow::bail!("{document} cannot be run by souk-host:\n  - {}", all.join("\n  - "))
    }
}

/// One table of a document and where it stands. Keys are taken out of it; [`Section::finish`] refuses what is left.
pub(crate) struct Section {
    path: String,
    table: Table,
    refusals: Refusals,
}

impl Section {
    pub fn root(table: Table, refusals: &Refusals) -> Self {
        Self { path: String::new(), table, refusals: refusals.clone() }
    }

    /// The full dotted name of `key` in the document.
    pub fn name(&self, key: &str) -> String {
        let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let key = if plain { key.to_owned() } else { format!("{key:?}") };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    pub fn refuse(&self, key: &str, why: &str) {
        self.refusals.add(format!("`{}` {why}", self.name(key)));
    }

    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    /// Takes a key that Spin knows and this host does not run, and says what to do instead. Whether it was there.
    pub fn unsupported(&mut self, key: &str, instead: &str) -> bool {
        let found = self.take(key).is_some();
        if found {
            self.refuse(key, &format!("is not supported: {instead}"));
        }
        found
    }

    pub fn string(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            _ => {
                self.refuse(key, "must be a string");
                None
            }
        }
    }

    pub fn required_string(&mut self, key: &str) -> String {
        if !self.table.contains_key(key) {
            self.refuse(key, "is missing");
        }
        self.string(key).unwrap_or_default()
    }

    pub fn flag(&mut self, key: &str) -> Option<bool> {
        match self.take(key)? {
            Value::Boolean(value) => Some(value),
            _ => {
                self.refuse(key, "must be true or false");
                None
            }
        }
    }

    pub fn strings(&mut self, key: &str) -> Vec<String> {
        let list = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.refuse(key, "must be a list of strings");
                return Vec::new();
            }
        };
        let texts: Option<Vec<String>> = list.iter().map(|v| v.as_str().map(str::to_owned)).collect();
        texts.unwrap_or_else(|| {
            self.refuse(key, "must be a list of strings");
            Vec::new()
        })
    }

    pub fn string_map(&mut self, key: &str) -> BTreeMap<String, String> {
        let Some(section) = self.section(key) else { return BTreeMap::new() };
        let mut texts = BTreeMap::new();
        for (name, value) in &section.table {
            match value.as_str() {
                Some(text) => _ = texts.insert(name.clone(), text.to_owned()),
                None => section.refuse(name, "must be a string"),
            }
        }
        texts
    }

    pub fn section(&mut self, key: &str) -> Option<Section> {
        let path = self.name(key);
        match self.take(key)? {
            Value::Table(table) => Some(Section { path, table, refusals: self.refusals.clone() }),
            _ => {
                self.refuse(key, "must be a table");
                None
            }
        }
    }

    /// The tables under `key`, by name.
    pub fn sections(&mut self, key: &str) -> Vec<(String, Section)> {
        let Some(mut parent) = self.section(key) else { return Vec::new() };
        let names: Vec<String> = parent.table.keys().cloned().collect();
        names.into_iter().filter_map(|name| parent.section(&name).map(|section| (name, section))).collect()
    }

    /// The tables of the list `[[key]]`, named by their place.
    pub fn list(&mut self, key: &str) -> Vec<Section> {
        let path = self.name(key);
        let list = match self.take(key) {
            None => return Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => {
                self.refuse(key, "must be a list of tables");
                return Vec::new();
            }
        };
        let mut sections = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            match value {
                Value::Table(table) => {
                    let path = format!("{path}[{index}]");
                    sections.push(Section { path, table, refusals: self.refusals.clone() });
                }
                _ => self.refuse(key, "must be a list of tables"),
            }
        }
        sections
    }

    pub fn keys(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// Refuses every key that nobody took.
    pub fn finish(self) {
        for key in self.table.keys() {
            self.refuse(key, "is not a key that souk-host knows: remove it or correct its name");
        }
    }
}
