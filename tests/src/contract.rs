//! What the suite says of itself: its live OpenAPI document.

use crate::person::Person;
use crate::suite::Place;
use http::Method;
use serde_json::Value;
use std::collections::HashMap;
use tokio::sync::OnceCell;

/// The kinds of problems that are documented, each with its status and title.
pub type Kinds = HashMap<String, (u64, String)>;

static DOCUMENT: OnceCell<Value> = OnceCell::const_new();
static KINDS: OnceCell<Kinds> = OnceCell::const_new();

/// Reads the document while all is well; it is the same in every suite of this run.
pub(crate) async fn learn(place: &Place) -> &'static Value {
    let read = async || {
        let answer = place.client.get(format!("{}/openapi.json", place.url())).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("the suite does not describe itself: {error:?}"));
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        assert!(status.is_success(), "/openapi.json: {status} {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("/openapi.json is no JSON: {error}"))
    };
    DOCUMENT.get_or_init(read).await
}

/// Whether the document has been read in this run.
pub(crate) fn is_learnt() -> bool {
    DOCUMENT.initialized()
}

/// The live document of the whole suite.
pub async fn document(person: &Person) -> &'static Value {
    learn(person.place()).await
}

/// The documented kinds of problems.
pub async fn problem_kinds(person: &Person) -> &'static Kinds {
    let read = async || {
        let document = learn(person.place()).await;
        let declared = document["x-problems"].as_array().expect("the OpenAPI document lists its problems");
        declared.iter().map(|problem| (kind(problem), spec(problem))).collect()
    };
    KINDS.get_or_init(read).await
}

fn kind(problem: &Value) -> String {
    let kind = problem["type"].as_str().or(problem["kind"].as_str());
    kind.and_then(|kind| kind.rsplit('/').next()).unwrap_or_else(|| panic!("no type in {problem}")).to_owned()
}

fn spec(problem: &Value) -> (u64, String) {
    let (status, title) = (problem["status"].as_u64(), problem["title"].as_str());
    let spec = status.zip(title).unwrap_or_else(|| panic!("no status or title in {problem}"));
    (spec.0, spec.1.to_owned())
}

/// One thing that the suite can be asked to do.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The HTTP method.
    pub method: Method,
    /// The path with its `{parameters}`.
    pub path: String,
    /// The scopes that its caller needs; none when strangers may.
    pub scopes: Option<Vec<String>>,
    /// What the document says of it.
    pub about: Value,
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// Everything that the suite can be asked to do.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().into_iter().flatten() {
        for (method, about) in methods.as_object().into_iter().flatten() {
            let Ok(method) = method.to_uppercase().parse::<Method>() else { continue };
            if !matches!(
                method.as_str(),
                "GET" | "HEAD" | "PUT" | "POST" | "DELETE" | "OPTIONS" | "PATCH" | "TRACE"
            ) {
                continue;
            }
            let scopes = scopes(about).or_else(|| scopes(document));
            found.push(Operation { method, path: path.clone(), scopes, about: about.clone() });
        }
    }
    found
}

/// The scopes of the first security requirement. An empty one means that strangers may.
fn scopes(of: &Value) -> Option<Vec<String>> {
    let requirement = of["security"].as_array()?.first()?.as_object()?;
    let names = requirement.values().next()?.as_array()?;
    Some(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}
