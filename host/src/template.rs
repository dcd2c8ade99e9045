//! Templates of the manifest (`"Bearer {{ key }}"`), and the variables that fill them.

use std::collections::BTreeMap;

/// Text with `{{ name }}` places.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, tail) = after.split_once("}}").ok_or("has `{{` without `}}`")?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Variable(name.trim().to_owned()));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// The variables it names.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with every place filled. The manifest was checked to name only declared variables, and the start to
    /// give every one a value.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> String {
        let fill = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable(name) => values.get(name).cloned().unwrap_or_default(),
        };
        self.0.iter().map(fill).collect()
    }
}

/// Why `name` cannot name a variable, by Spin's rule: it must survive as an environment variable and as a file name.
pub(crate) fn variable_name_fault(name: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() {
        Some("must not be empty".to_owned())
    } else if let Some(c) = name.chars().find(|c| !allowed(*c)) {
        Some(format!("has the character {c:?}: use lower-case letters, digits and underscores"))
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("must start with a lower-case letter".to_owned())
    } else if name.ends_with('_') || name.contains("__") {
        Some("must not end with an underscore nor have two in a row".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        let values = BTreeMap::from([("key".to_owned(), "s3".to_owned())]);
        Template::parse(text).expect("a good template").fill(&values)
    }

    #[test]
    fn places_are_filled_and_text_is_kept() {
        assert_eq!(filled("Bearer {{ key }}"), "Bearer s3");
        assert_eq!(filled("{{key}}{{ key}}"), "s3s3");
        assert_eq!(filled("a } b { c"), "a } b { c");
        assert_eq!(filled(""), "");
    }

    #[test]
    fn an_open_place_is_refused() {
        assert!(Template::parse("http://{{ host").is_err());
    }

    #[test]
    fn names_follow_spins_rule() {
        for good in ["a", "a1", "api_key_2"] {
            assert_eq!(variable_name_fault(good), None, "{good}");
        }
        for bad in ["", "A", "1a", "a_", "a__b", "a-b", "_a"] {
            assert!(variable_name_fault(bad).is_some(), "{bad}");
        }
    }
}
