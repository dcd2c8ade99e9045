//! The OpenAPI document of the whole suite: every service's, merged, as the access table lets clients see it.

use crate::SERVICE;
use crate::access::{self, Needs, Operation};
use axum::Json;
use axum::response::{IntoResponse, Response};
use futures::future::join_all;
use http::Method;
use serde_json::{Map, Value, json};
use souk_kit::permission::{Role, scope};
use souk_kit::{Ctx, Result, settings};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::OnceLock;

const DESCRIPTION: &str = "Commerce, payments and blockchain as one suite of WebAssembly components. Amounts are integers \
    in minor units; times are RFC 3339 in UTC; every error is a problem document (RFC 9457).";

static MERGED: OnceLock<Value> = OnceLock::new();

/// `GET /openapi.json`.
pub async fn show(ctx: Ctx) -> Result<Response> {
    Ok(Json(&*document(&ctx).await?).into_response())
}

/// The document, put together once per instance. A service that is down is left out, and named in `x-unavailable`.
pub async fn document(ctx: &Ctx) -> Result<Cow<'static, Value>> {
    if let Some(document) = MERGED.get() {
        return Ok(Cow::Borrowed(document));
    }
    let read = |service| async move {
        let reply = ctx.call(Method::GET, service, "/openapi.json").send().await;
        (service, reply.and_then(|reply| reply.json::<Value>()))
    };
    let answers = join_all(access::services().into_iter().map(read)).await;
    let down: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_err()).map(|(name, _)| *name).collect();
    let services = answers.into_iter().filter_map(|(name, answer)| Some((name, answer.ok()?))).collect();
    let mut merged = merge(&settings::variable("public_url").await?, services)?;
    if down.is_empty() {
        return Ok(Cow::Borrowed(MERGED.get_or_init(|| merged)));
    }
    merged["x-unavailable"] = json!(down);
    Ok(Cow::Owned(merged))
}

fn merge(public_url: &str, services: Vec<(&'static str, Value)>) -> Result<Value> {
    let own = serde_json::to_value(SERVICE.openapi())
        .map_err(|error| souk_kit::Problem::internal(format!("openapi: {error}")))?;
    let mut problems: Vec<Value> = own["x-problems"].as_array().cloned().unwrap_or_default();
    let (mut paths, mut schemas, mut tags) = (Map::new(), Map::new(), Vec::new());
    for (service, document) in services {
        if access::OPERATIONS.iter().any(|operation| operation.service == service) {
            tags.push(json!({"name": service, "description": document["info"]["description"]}));
        }
        let document = keep_apart(service, document, &schemas);
        for problem in document["x-problems"].as_array().into_iter().flatten() {
            if !problems.iter().any(|known| known["kind"] == problem["kind"]) {
                problems.push(problem.clone());
            }
        }
        for operation in access::OPERATIONS.iter().filter(|operation| operation.service == service) {
            let method = operation.method.as_str().to_lowercase();
            let described = &document["paths"][operation.path][&method];
            if described.is_object() {
                let path = paths.entry(public_path(operation.path)).or_insert_with(|| json!({}));
                path[&method] = describe(operation, described);
            }
        }
        schemas.extend(document["components"]["schemas"].as_object().cloned().unwrap_or_default());
    }
    keep_used(&mut schemas, &paths);
    problems.sort_by_key(|problem| problem["kind"].as_str().unwrap_or_default().to_owned());
    Ok(json!({
        "openapi": "3.1.0",
        "info": {"title": "Souk", "version": env!("CARGO_PKG_VERSION"), "description": DESCRIPTION,
                 "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": public_url}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "x-scopes": scope::ALL.iter().map(|(name, about)| ((*name).to_owned(), json!(about))).collect::<Map<_, _>>(),
        "x-roles": Role::ALL.iter().map(role).collect::<Vec<_>>(),
        "x-access": access::OPERATIONS.iter().map(access_to).collect::<Vec<_>>(),
        "x-problems": problems,
    }))
}

/// A role and what it may, for docs/permissions.md.
fn role(role: &Role) -> Value {
    json!({"name": role.name(), "about": role.about(), "scopes": role.scopes()})
}

/// What an operation needs, for docs/permissions.md.
fn access_to(operation: &Operation) -> Value {
    let (needs, scope) = operation.needs.documented();
    json!({"method": operation.method.as_str(), "path": public_path(operation.path), "service": operation.service,
           "needs": needs, "scope": scope})
}

/// Drops the schemas that no operation refers to: those of a service's inside are nobody's business.
fn keep_used(schemas: &mut Map<String, Value>, paths: &Map<String, Value>) {
    let mut used = BTreeSet::new();
    // Every operation can answer with a problem.
    let mut found = vec!["Problem"];
    found.extend(paths.values().flat_map(references));
    while let Some(name) = found.pop() {
        if used.insert(name.to_owned()) {
            found.extend(schemas.get(name).into_iter().flat_map(references));
        }
    }
    schemas.retain(|name, _| used.contains(name));
}

/// The names of the schemas that `value` refers to.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => text.strip_prefix("#/components/schemas/").into_iter().collect(),
        Value::Object(map) => map.values().flat_map(references).collect(),
        Value::Array(list) => list.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

fn public_path(path: &str) -> String {
    if access::is_standard(path) { path.to_owned() } else { format!("{}{path}", access::PREFIX) }
}

/// Renames a service's schemas that another service's of the same name would clash with.
fn keep_apart(service: &str, document: Value, taken: &Map<String, Value>) -> Value {
    let schemas = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
    let clashing: Vec<&String> = schemas
        .iter()
        .filter(|(name, schema)| taken.get(*name).is_some_and(|other| other != *schema))
        .map(|(name, _)| name)
        .collect();
    let mut text = document.to_string();
    for name in &clashing {
        let (old, new) =
            (format!("#/components/schemas/{name}\""), format!("#/components/schemas/{service}.{name}\""));
        text = text.replace(&old, &new);
    }
    let mut document: Value = serde_json::from_str(&text).unwrap_or(document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for name in clashing {
            if let Some(schema) = schemas.remove(name) {
                schemas.insert(format!("{service}.{name}"), schema);
            }
        }
    }
    document
}

/// `get_users_me`: what is unique about an operation, as a name in any language.
fn operation_id(operation: &Operation) -> String {
    let words = operation.path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = operation.method.as_str().to_lowercase();
    std::iter::once(method.as_str()).chain(words).collect::<Vec<_>>().join("_")
}

/// An operation as clients see it: with what it needs, and with the refusals that the gateway adds.
fn describe(operation: &Operation, described: &Value) -> Value {
    let mut described = described.clone();
    described["operationId"] = json!(operation_id(operation));
    described["tags"] = json!([operation.service]);
    let problem = |about: &str| {
        let schema = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
        json!({"description": about, "content": {"application/problem+json": schema}})
    };
    let mut add = |status: &str, about: &str| {
        let responses = &mut described["responses"];
        if responses[status].is_null() {
            responses[status] = problem(about);
        }
    };
    add("default", "Any other problem");
    match operation.needs {
        Needs::Scope(scope) => {
            add("401", "`unauthenticated`, `invalid-token`");
            add("403", "`insufficient-scope`");
            described["security"] = json!([{"bearer": [scope]}]);
            described["x-scope"] = json!(scope);
        }
        Needs::Owner(_) => {
            add("401", "`unauthenticated`, `invalid-token`");
            add("403", "`insufficient-scope`");
            described["security"] = json!([{"bearer": []}]);
        }
        Needs::OwnCredential => add("401", "`unauthenticated`"),
        Needs::Nothing | Needs::Holder(_) | Needs::Page => {
            described.as_object_mut().map(|map| map.remove("security"));
        }
    }
    described
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_of_the_same_name_are_kept_apart() {
        let document = json!({
            "paths": {"/a": {"$ref": "#/components/schemas/Page"}},
            "components": {"schemas": {"Page": {"type": "string"}, "PageSize": {}}},
        });
        let taken = json!({"Page": {"type": "object"}}).as_object().unwrap().clone();
        let apart = keep_apart("users", document, &taken);
        assert_eq!(apart["paths"]["/a"]["$ref"], "#/components/schemas/users.Page");
        assert!(apart["components"]["schemas"].get("users.Page").is_some());
        assert!(apart["components"]["schemas"].get("PageSize").is_some());
    }

    #[test]
    fn what_no_operation_speaks_of_is_not_published() {
        let refer = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let mut schemas =
            json!({"Problem": refer("FieldError"), "FieldError": {}, "User": {"items": [refer("Role")]},
                                 "Role": {}, "Password": {}})
            .as_object()
            .cloned()
            .unwrap_or_default();
        let paths = json!({"/users": {"get": refer("User")}}).as_object().cloned().unwrap_or_default();
        keep_used(&mut schemas, &paths);
        let kept: Vec<_> = schemas.keys().map(String::as_str).collect();
        assert_eq!(kept, ["FieldError", "Problem", "Role", "User"]);
    }

    #[test]
    fn an_operation_says_which_scope_it_needs() {
        let operation =
            access::OPERATIONS.iter().find(|it| it.needs == Needs::Scope(scope::USERS_READ)).unwrap();
        let described = describe(operation, &json!({"operationId": "list", "responses": {"200": {}}}));
        assert_eq!(described["security"], json!([{"bearer": ["users:read"]}]));
        assert!(described["responses"]["401"].is_object() && described["operationId"] == "get_users");
    }
}
