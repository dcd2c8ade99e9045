//! What the suite says of itself: its OpenAPI document, and the page that shows it.

use serde_json::Value;
use souk_tests::contract::{self, Operation, operations};
use souk_tests::{Suite, root};
use std::collections::{BTreeMap, HashSet};

#[tokio::test]
async fn the_suite_describes_itself_in_openapi_3_1() {
    let shop = Suite::start().await;
    let document = shop.stranger().get("/openapi.json").await.is(200);
    let version = document.text("/openapi");
    assert!(version.starts_with("3.1."), "{version}");
    let document = document.json();
    assert!(operations(document).len() > 20, "an almost empty document");
    every_reference_leads_somewhere(document, document);
}

fn every_reference_leads_somewhere(document: &Value, part: &Value) {
    if let Some(reference) = part["$ref"].as_str() {
        let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads outside"));
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    match part {
        Value::Object(map) => map.values().for_each(|part| every_reference_leads_somewhere(document, part)),
        Value::Array(list) => list.iter().for_each(|part| every_reference_leads_somewhere(document, part)),
        _ => {}
    }
}

#[tokio::test]
async fn every_operation_says_what_it_does_and_what_it_refuses() {
    let shop = Suite::start().await;
    let mut lacking = Vec::new();
    let mut ids = HashSet::new();
    for operation in operations(contract::document(&shop.stranger()).await) {
        lacking.extend(what_lacks(&operation).map(|what| format!("{operation} has no {what}")));
        let id = operation.about["operationId"].as_str().unwrap_or_default().to_owned();
        assert!(ids.insert(id.clone()), "{operation}: another operation is called {id:?} too");
    }
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}

fn what_lacks(operation: &Operation) -> impl Iterator<Item = &'static str> {
    let about = &operation.about;
    let said = |name: &str| about[name].as_str().is_some_and(|text| !text.trim().is_empty());
    let responses = || about["responses"].as_object().into_iter().flatten();
    let succeeds = responses().any(|(status, _)| status.starts_with('2') || status.starts_with('3'));
    let refuses = responses().any(|(status, response)| {
        let problem = response["content"]
            .as_object()
            .is_some_and(|types| types.contains_key("application/problem+json"));
        (status.starts_with('4') || status == "default") && (problem || response["$ref"].is_string())
    });
    [
        (said("summary"), "summary"),
        (said("operationId"), "operationId"),
        (about["tags"].as_array().is_some_and(|tags| !tags.is_empty()), "tag"),
        (succeeds, "success"),
        (refuses, "problem response"),
    ]
    .into_iter()
    .filter_map(|(there, what)| (!there).then_some(what))
}

fn parameters(about: &Value) -> impl Iterator<Item = &Value> {
    about["parameters"].as_array().into_iter().flatten()
}

#[tokio::test]
async fn every_parameter_of_a_path_is_declared() {
    let shop = Suite::start().await;
    for operation in operations(contract::document(&shop.stranger()).await) {
        let inside = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        for name in inside {
            let declared = parameters(&operation.about).any(|parameter| parameter["name"] == name);
            assert!(declared, "{operation} does not declare {name}");
        }
    }
}

#[tokio::test]
async fn a_kind_of_problem_means_the_same_everywhere() {
    let shop = Suite::start().await;
    let document = contract::document(&shop.stranger()).await;
    let mut known: BTreeMap<String, (Value, Value)> = BTreeMap::new();
    for problem in document["x-problems"].as_array().expect("a list of problems") {
        let kind = problem["type"].as_str().or(problem["kind"].as_str()).expect("a type").to_owned();
        let meaning = (problem["status"].clone(), problem["title"].clone());
        let first = known.entry(kind.clone()).or_insert_with(|| meaning.clone());
        assert_eq!(*first, meaning, "two services mean different things by {kind}");
    }
}

#[tokio::test]
async fn the_committed_document_is_the_live_one() {
    let shop = Suite::start().await;
    let committed = std::fs::read_to_string(root().join("docs/api/openapi.json")).unwrap_or_default();
    let mut committed: Value = serde_json::from_str(&committed).expect("JSON");
    let mut live = contract::document(&shop.stranger()).await.clone();
    // Each suite has an address of its own.
    committed["servers"].take();
    live["servers"].take();
    let paths = |document: &Value| operations(document).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(paths(&committed), paths(&live), "docs/api/openapi.json is stale: run `cargo xtask generate`");
    assert!(committed == live, "docs/api/openapi.json is stale: run `cargo xtask generate`");
}

#[tokio::test]
async fn the_documentation_can_be_read_in_a_browser() {
    let shop = Suite::start().await;
    let page = shop.stranger().get("/docs").await.is(200);
    assert!(page.header("content-type").is_some_and(|it| it.starts_with("text/html")), "{page}");
    let html = String::from_utf8(page.body.to_vec()).expect("UTF-8");
    assert!(html.contains("<html") && html.contains("</html>"), "{html}");
    for asset in links(&html) {
        assert!(!asset.contains("//"), "the page needs {asset} from somewhere else");
        if asset.starts_with('/') {
            shop.stranger().get(asset).await.is(200).accept();
        }
    }
}

/// What the page loads or leads to.
fn links(html: &str) -> impl Iterator<Item = &str> {
    ["src=\"", "href=\""]
        .into_iter()
        .flat_map(|attribute| html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()))
}
