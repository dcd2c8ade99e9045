//! Pages that a person reads: the API reference, an explanation of each problem, and where to begin.
//!
//! Rendered here from the OpenAPI document: no script, nothing from elsewhere, so that they work anywhere and the content
//! security policy can forbid everything but their one style sheet.

use crate::openapi;
use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, header};
use serde_json::Value;
use sha2::{Digest, Sha256};
use souk_kit::{Ctx, Problem, Result};
use std::fmt::Write;
use std::sync::LazyLock;

const STYLE: &str = include_str!("docs.css");

/// Allows the style sheet by its hash, and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    use base64::Engine;
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
});

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Text with `code` marked as such, and blank lines as paragraphs.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let parts = paragraph.split('`').enumerate();
        let inline = parts.map(|(index, part)| match index % 2 {
            0 => escape(part),
            _ => format!("<code>{}</code>", escape(part)),
        });
        let _ = write!(html, "<p>{}</p>", inline.collect::<String>());
    }
    html
}

fn page(title: &str, body: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Souk</title>\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>{STYLE}</style></head>\
         <body>{body}</body></html>",
        title = escape(title),
    );
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, &POLICY)];
    (headers, html).into_response()
}

/// `GET /`: where to begin.
pub async fn home() -> Response {
    page(
        "Welcome",
        "<main><h1>Souk</h1><p>The suite is running. The web shop comes later; the API is here.</p><ul>\
         <li><a href=\"/docs\">API reference</a></li><li><a href=\"/openapi.json\">OpenAPI document</a></li>\
         <li><a href=\"/ready\">Is every service ready?</a></li></ul></main>",
    )
}

/// `GET /docs`: the API reference.
pub async fn reference(ctx: Ctx) -> Result<Response> {
    let document = &*openapi::document(&ctx).await?;
    let (mut menu, mut body) = (String::new(), String::new());
    for tag in document["tags"].as_array().into_iter().flatten() {
        let service = tag["name"].as_str().unwrap_or_default();
        let _ = write!(menu, "<li><a href=\"#{service}\">{service}</a></li>");
        let about = prose(tag["description"].as_str().unwrap_or_default());
        let _ = write!(body, "<section id=\"{service}\"><h2>{service}</h2>{about}");
        for (path, method, operation) in
            operations(document).filter(|(_, _, it)| it["tags"][0] == tag["name"])
        {
            body += &describe(document, path, method, operation);
        }
        body += "</section>";
    }
    body += &scopes(document);
    body += &problems(document);
    let about = prose(document["info"]["description"].as_str().unwrap_or_default());
    Ok(page(
        "API reference",
        &format!(
            "<a class=\"skip\" href=\"#main\">Skip to content</a><nav aria-label=\"Sections\"><ul>{menu}\
             <li><a href=\"#scopes\">Scopes</a></li><li><a href=\"#problems\">Problems</a></li></ul></nav>\
             <main id=\"main\"><h1>Souk API</h1>{about}<p><a href=\"/openapi.json\">OpenAPI document</a></p>{body}</main>"
        ),
    ))
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

fn describe(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let summary = operation["summary"].as_str().unwrap_or_default();
    let mut html = format!(
        "<details><summary><b class=\"{method}\">{}</b> <code>{}</code> <span>{}</span></summary>",
        method.to_uppercase(),
        escape(path),
        escape(summary),
    );
    html += &prose(operation["description"].as_str().unwrap_or_default());
    if let Some(scope) = operation["x-scope"].as_str() {
        let _ = write!(html, "<p>Needs the scope <a href=\"#scopes\"><code>{scope}</code></a>.</p>");
    } else if operation["security"].is_array() {
        html += "<p>Needs an access token.</p>";
    }
    let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        html += "<h4>Parameters</h4><dl>";
        for parameter in parameters {
            let name = escape(parameter["name"].as_str().unwrap_or_default());
            let place = escape(parameter["in"].as_str().unwrap_or_default());
            let about = prose(parameter["description"].as_str().unwrap_or_default());
            let _ = write!(html, "<dt><code>{name}</code> <i>{place}</i></dt><dd>{about}</dd>");
        }
        html += "</dl>";
    }
    for (media_type, body) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        let _ = write!(
            html,
            "<h4>Body <i>{}</i></h4>{}",
            escape(media_type),
            schema(document, &body["schema"], 0)
        );
    }
    html += "<h4>Answers</h4><dl>";
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let about = prose(response["description"].as_str().unwrap_or_default());
        let _ = write!(html, "<dt>{}</dt><dd>{about}", escape(status));
        for body in response["content"].as_object().into_iter().flatten().map(|(_, body)| body) {
            if body["schema"]["$ref"] != "#/components/schemas/Problem" {
                html += &schema(document, &body["schema"], 0);
            }
        }
        html += "</dd>";
    }
    html + "</dl></details>"
}

/// How deep a schema is shown before it is only named.
const MAX_DEPTH: usize = 4;

fn schema(document: &Value, schema_or_ref: &Value, depth: usize) -> String {
    let schema_value = resolve(document, schema_or_ref);
    if depth > MAX_DEPTH {
        return String::new();
    }
    if schema_value["items"].is_object() {
        return format!("<p><i>list of</i></p>{}", schema(document, &schema_value["items"], depth + 1));
    }
    let Some(properties) = schema_value["properties"].as_object() else {
        return format!("<p><i>{}</i></p>", escape(&type_name(schema_value)));
    };
    let mut html = String::from("<dl>");
    for (name, property) in properties {
        let inner = resolve(document, property);
        let required =
            schema_value["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let about = property["description"].as_str().or(inner["description"].as_str()).unwrap_or_default();
        let mark = if required { " <b>required</b>" } else { "" };
        let kind = escape(&type_name(inner));
        let _ =
            write!(html, "<dt><code>{}</code> <i>{kind}</i>{mark}</dt><dd>{}", escape(name), prose(about));
        if inner["properties"].is_object() || inner["items"].is_object() {
            html += &schema(document, property, depth + 1);
        }
        html += "</dd>";
    }
    html + "</dl>"
}

/// What a reference, or the one thing that may be null, stands for.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#')) {
        return document.pointer(pointer).unwrap_or(schema);
    }
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    let mut real = variants.filter(|variant| variant["type"] != "null");
    match (real.next(), real.next()) {
        (Some(only), None) => resolve(document, only),
        _ => schema,
    }
}

fn type_name(schema: &Value) -> String {
    let kind = match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => String::from("any"),
    };
    let values: Vec<_> = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match (values.is_empty(), schema["format"].as_str()) {
        (false, _) => values.join(" | "),
        (true, Some(format)) => format!("{kind}, {format}"),
        (true, None) => kind,
    }
}

fn scopes(document: &Value) -> String {
    let mut html = String::from("<section id=\"scopes\"><h2>Scopes</h2><dl>");
    for (name, about) in document["x-scopes"].as_object().into_iter().flatten() {
        let _ = write!(
            html,
            "<dt><code>{}</code></dt><dd>{}</dd>",
            escape(name),
            prose(about.as_str().unwrap_or_default())
        );
    }
    html + "</dl></section>"
}

fn problems(document: &Value) -> String {
    let mut html = String::from("<section id=\"problems\"><h2>Problems</h2><dl>");
    for problem in document["x-problems"].as_array().into_iter().flatten() {
        let (kind, about) =
            (problem["kind"].as_str().unwrap_or_default(), problem["about"].as_str().unwrap_or_default());
        let _ = write!(
            html,
            "<dt id=\"{kind}\"><a href=\"/problems/{kind}\"><code>{kind}</code></a> {}</dt><dd>{}</dd>",
            problem["status"],
            prose(about),
        );
    }
    html + "</dl></section>"
}

/// `GET /problems/{kind}`: what a problem's `type` leads to.
pub async fn problem(ctx: Ctx, Path(kind): Path<String>, headers: HeaderMap) -> Result<Response> {
    let document = &*openapi::document(&ctx).await?;
    let found = document["x-problems"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|problem| problem["kind"] == kind.as_str());
    let found = found.ok_or_else(Problem::not_found)?;
    let wants_json = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|it| it.contains("json"));
    if wants_json {
        return Ok(Json(found).into_response());
    }
    let title = found["title"].as_str().unwrap_or_default();
    let about = prose(found["about"].as_str().unwrap_or_default());
    let repeat = match found["transient"].as_bool() {
        Some(true) => "The same request may succeed later.",
        _ => "The same request will be refused again.",
    };
    let body = format!(
        "<main><h1>{}</h1><p>Status {}, type <code>/problems/{}</code>. {repeat}</p>{about}\
         <p><a href=\"/docs#problems\">All problems</a></p></main>",
        escape(title),
        found["status"],
        escape(&kind),
    );
    Ok(page(title, &body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_in_the_document_becomes_markup() {
        let document = json!({"components": {"schemas": {}}});
        let operation = json!({"summary": "<script>", "description": "a `<b>` c", "responses": {}});
        let html = describe(&document, "/<x>", "get", &operation);
        assert!(
            !html.contains("<script>") && !html.contains("<x>") && html.contains("<code>&lt;b&gt;</code>")
        );
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let node = json!({"type": "object", "properties": {"child": {"$ref": "#/components/schemas/Node"}}});
        let document = json!({"components": {"schemas": {"Node": node}}});
        assert!(schema(&document, &json!({"$ref": "#/components/schemas/Node"}), 0).len() < 10_000);
    }
}
