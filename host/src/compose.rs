//! `[component.X.dependencies]`: an import of a component fulfilled by another component's export.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use wac_graph::types::{Package, SubtypeChecker};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

use crate::manifest::{ComponentSpec, Dependency, DependencySource, Manifest};

/// Interfaces that reach what the manifest grants: a dependency that does not inherit must not import them. Sockets are
/// not among them: every Rust program imports them, and the host denies them to all.
const CAPABILITIES: [&str; 6] = [
    "fermyon:spin/",
    "spin:",
    "wasi:config/",
    "wasi:http/client@",
    "wasi:http/outgoing-handler@",
    "wasi:keyvalue/",
];

/// The bytes of `component` with its dependencies inside.
pub(crate) fn compose(manifest: &Manifest, id: &str, spec: &ComponentSpec) -> anyhow::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let (world, root) = register(&mut graph, id, &spec.source)?;
    let imports: Vec<String> = graph.types()[world].imports.keys().cloned().collect();
    let mut fulfilled: BTreeMap<String, NodeId> = BTreeMap::new();
    for dependency in &spec.dependencies {
        let key = format!("component.{id}.dependencies.{:?}", dependency.name);
        let matching: Vec<&String> =
            imports.iter().filter(|import| fulfils(&dependency.name, import)).collect();
        if matching.is_empty() {
            let own: Vec<&str> =
                imports.iter().map(String::as_str).filter(|name| !name.starts_with("wasi:")).collect();
            bail!("`{key}` names no import of {id:?}; beside WASI it imports: {}", own.join(", "));
        }
        let file = match &dependency.source {
            DependencySource::Path(path) => path,
            DependencySource::Component(other) => &manifest.components[other].source,
        };
        let (dependency_world, instance) =
            register(&mut graph, &format!("{id}:dependency-{}", fulfilled.len()), file)
                .with_context(|| format!("`{key}`"))?;
        let needs: Vec<&String> = graph.types()[dependency_world].imports.keys().collect();
        check_capabilities(&key, dependency, spec, &needs)?;
        for import in matching {
            ensure!(!fulfilled.contains_key(import), "`{key}` and another dependency both fulfil {import}");
            let export = dependency.export.as_ref().unwrap_or(import);
            let types = graph.types();
            let offered = types[dependency_world].exports.get(export).copied();
            let offered =
                offered.with_context(|| format!("`{key}`: {} exports no {export}", file.display()))?;
            let wanted = types[world].imports[import];
            SubtypeChecker::new(&mut Default::default())
                .is_subtype(offered, types, wanted, types)
                .with_context(|| format!("`{key}`: the export {export} does not fit the import {import}"))?;
            fulfilled.insert(import.clone(), graph.alias_instance_export(instance, export)?);
        }
    }
    for (import, export) in fulfilled {
        graph.set_instantiation_argument(root, &import, export)?;
    }
    for export in graph.types()[world].exports.keys().cloned().collect::<Vec<_>>() {
        let node = graph.alias_instance_export(root, &export)?;
        graph.export(node, &export)?;
    }
    Ok(graph.encode(EncodeOptions::default())?)
}

fn register(
    graph: &mut CompositionGraph,
    name: &str,
    file: &Path,
) -> anyhow::Result<(wac_graph::types::WorldId, NodeId)> {
    let wasm =
        std::fs::read(file).with_context(|| format!("cannot read {}: is it built?", file.display()))?;
    let package =
        Package::from_bytes(&format!("souk:{}", name.replace(':', "-")), None, wasm, graph.types_mut())
            .with_context(|| format!("{} is not a Wasm component", file.display()))?;
    let world = package.ty();
    let package = graph.register_package(package)?;
    Ok((world, graph.instantiate(package)))
}

/// Spin's matching: a plain name or a whole interface exactly, a package for each of its interfaces.
fn fulfils(name: &str, import: &str) -> bool {
    let (name, version) = name.split_once('@').map_or((name, None), |(name, version)| (name, Some(version)));
    let (import, imported) =
        import.split_once('@').map_or((import, None), |(import, version)| (import, Some(version)));
    let same = name == import || import.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
    same && (version.is_none() || version == imported)
}

/// A dependency shares the imports of its component once composed. One that does not inherit must therefore not ask
/// for what the component was granted; Spin puts a denying layer in between instead.
fn check_capabilities(
    key: &str,
    dependency: &Dependency,
    spec: &ComponentSpec,
    needs: &[&String],
) -> anyhow::Result<()> {
    if dependency.inherits {
        return Ok(());
    }
    let advice = "set `inherit_configuration = true` on it, or take the import away";
    for import in needs {
        if CAPABILITIES.iter().any(|capability| import.starts_with(capability)) {
            bail!("`{key}` imports {import} without inheriting the component's configuration: {advice}");
        }
    }
    for (granted, what) in [(!spec.environment.is_empty(), "environment"), (!spec.files.is_empty(), "files")]
    {
        ensure!(
            !granted,
            "`{key}` would see the component's `{what}`, which souk-host cannot keep from it: {advice}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::fulfils;

    #[test]
    fn names_match_as_in_spin() {
        assert!(fulfils("souk:rules/discount@0.1.0", "souk:rules/discount@0.1.0"));
        assert!(fulfils("souk:rules@0.1.0", "souk:rules/discount@0.1.0"));
        assert!(fulfils("souk:rules", "souk:rules/discount@0.1.0"));
        assert!(!fulfils("souk:rules@0.2.0", "souk:rules/discount@0.1.0"));
        assert!(!fulfils("souk:rule", "souk:rules/discount@0.1.0"));
        assert!(!fulfils("souk:rules/tax", "souk:rules/discount"));
        assert!(fulfils("discount", "discount"));
    }
}
