//! The words of the demo catalogue, read from `words.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// Everything that products are made of.
pub static WORDS: LazyLock<Words> = LazyLock::new(|| {
    toml::from_str(include_str!("words.toml")).expect("words.toml is tested to be complete")
});

/// A text in the languages of the demo.
#[derive(Serialize, Deserialize, Clone)]
pub struct Text {
    pub en: String,
    pub fr: String,
}

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// What a value of an option adds to the price; nothing when it is not named.
    pub surcharge_percent: BTreeMap<String, u32>,
    /// The values of each option.
    pub choices: BTreeMap<String, Vec<String>>,
    #[serde(rename = "department")]
    pub departments: Vec<Department>,
    #[serde(rename = "material")]
    pub materials: BTreeMap<String, Material>,
    #[serde(rename = "kind")]
    pub kinds: Vec<Kind>,
}

/// A top category, and who makes what is in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Department {
    pub slug: String,
    pub name: Text,
    pub brands: Vec<String>,
    /// Last sentences of descriptions.
    pub closings: Vec<Text>,
    pub categories: Vec<Heading>,
}

/// A category below a department.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heading {
    pub slug: String,
    pub name: Text,
}

/// What a thing is made of, or smells or tastes of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Material {
    pub name: Text,
    pub price_percent: u32,
    pub about: Text,
}

/// A kind of thing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Start of its SKUs.
    pub code: String,
    pub name: Text,
    pub category: String,
    pub materials: Vec<String>,
    pub choices: Vec<String>,
    /// Least and most, in cents.
    pub price: [u32; 2],
    pub weight_g: [u32; 2],
    pub about: Text,
}

impl Words {
    /// The department that a kind's category belongs to.
    pub fn department_of(&self, kind: &Kind) -> &Department {
        let holds = |department: &&Department| department.categories.iter().any(|c| c.slug == kind.category);
        self.departments.iter().find(holds).expect("words.toml is tested to be complete")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_that_is_used_is_there() {
        for kind in &WORDS.kinds {
            assert!(!WORDS.department_of(kind).brands.is_empty());
            assert!(kind.materials.iter().all(|name| WORDS.materials.contains_key(name)), "{}", kind.code);
            assert!(kind.choices.iter().all(|name| WORDS.choices.contains_key(name)), "{}", kind.code);
            assert!(kind.price[0] < kind.price[1] && kind.weight_g[0] < kind.weight_g[1], "{}", kind.code);
        }
    }
}
