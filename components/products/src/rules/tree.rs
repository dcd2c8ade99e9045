//! The tree of categories, given as each one's parent.

use std::collections::{BTreeMap, BTreeSet};

/// The categories of `slugs` and all above them, given each one's parent.
pub fn with_ancestors<'a>(
    slugs: impl IntoIterator<Item = &'a str>,
    parents: &'a BTreeMap<String, Option<String>>,
) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for slug in slugs {
        let mut at = Some(slug);
        // A category that was met before has its ancestors in already, so this ends even if the tree had a cycle.
        while let Some(here) = at.filter(|here| found.insert(*here)) {
            at = parents.get(here).and_then(Option::as_deref);
        }
    }
    found
}

/// Whether `slug` would be above itself if `parent` were put above it.
pub fn would_be_its_own_ancestor(
    slug: &str,
    parent: &str,
    parents: &BTreeMap<String, Option<String>>,
) -> bool {
    with_ancestors([parent], parents).contains(slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_never_its_own_ancestor() {
        let parents = BTreeMap::from([
            ("home".into(), None),
            ("light".into(), Some("home".into())),
            ("desk".into(), Some("light".into())),
        ]);
        assert!(would_be_its_own_ancestor("home", "desk", &parents));
        assert!(would_be_its_own_ancestor("home", "home", &parents));
        assert!(!would_be_its_own_ancestor("desk", "home", &parents));
    }
}
