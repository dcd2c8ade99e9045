//! Where things are in the checkout, and names that nobody else has.

use std::path::{Path, PathBuf};

/// The checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the checkout")
}

/// The application.
pub(crate) fn manifest() -> PathBuf {
    root().join("spin.toml")
}

/// The components that `spin.toml` declares, with their Wasm files.
pub fn components() -> Vec<(String, PathBuf)> {
    let text = std::fs::read_to_string(manifest()).expect("spin.toml can be read");
    let manifest: toml::Table = text.parse().expect("spin.toml is TOML");
    let declared = manifest["component"].as_table().expect("spin.toml has components");
    let source =
        |component: &toml::Value| root().join(component["source"].as_str().expect("a source is a path"));
    declared.iter().map(|(id, component)| (id.clone(), source(component))).collect()
}

/// The names of the components that a manifest declares.
pub(crate) fn components_of(manifest: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(manifest).expect("the manifest can be read");
    let manifest: toml::Table = text.parse().expect("the manifest is TOML");
    manifest["component"].as_table().into_iter().flatten().map(|(id, _)| id.clone()).collect()
}

/// Where a component is that only tests use.
pub(crate) fn component(name: &str) -> PathBuf {
    root().join("target/wasm32-wasip2/component").join(name).with_extension("wasm")
}

/// Fails with what to do when a component has not been built.
pub(crate) fn must_be_built() {
    for (id, file) in components() {
        assert!(
            file.exists(),
            "the component {id} is not built ({} is missing): run `cargo xtask build` first",
            file.display()
        );
    }
}

/// `name` with a random end, for suites that others use too.
pub fn unique(name: &str) -> String {
    format!("{name}-{}", hex::encode(random::<5>()))
}

/// A secret as `cargo xtask up` makes it: 32 random bytes in hexadecimal.
pub(crate) fn secret() -> String {
    hex::encode(random::<32>())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the machine gives random bytes");
    bytes
}
