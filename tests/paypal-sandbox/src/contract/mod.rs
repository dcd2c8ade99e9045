//! What PayPal's published OpenAPI documents allow: which operations there are, what may be sent, what may be answered,
//! and the words of every refusal. Both sides of the stand-in are held to them.

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The documents as they are published, unchanged (`openapi/`).
static DOCUMENTS: LazyLock<[Value; 3]> = LazyLock::new(|| {
    [
        include_str!("../../openapi/checkout_orders_v2.json"),
        include_str!("../../openapi/payments_payment_v2.json"),
        include_str!("../../openapi/notifications_webhooks_v1.json"),
    ]
    .map(|text| serde_json::from_str(text).expect("PayPal's documents are JSON"))
});

/// Schemas that were compiled, by document and JSON pointer.
type Compiled = HashMap<(usize, String), Arc<Validator>>;

static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);

/// An operation of the documents, as one request names it.
pub struct Operation {
    /// Its id in the documents, such as `orders.capture`.
    pub id: &'static str,
    /// What stands in the path for its parameters, in their order.
    pub arguments: Vec<String>,
    document: usize,
    pointer: String,
}

/// What of a request the documents do not allow.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// `body`, `path`, `query` or `header`.
    pub location: &'static str,
    /// The JSON pointer or the parameter's name.
    pub field: String,
    /// PayPal's code for it.
    pub issue: &'static str,
    /// In words.
    pub what: String,
}

impl Violation {
    fn new(location: &'static str, field: impl Into<String>, issue: &'static str, what: String) -> Self {
        Self { location, field: field.into(), issue, what }
    }
}

/// The operation that a method and a path name.
pub fn operation(method: &str, path: &str) -> Option<Operation> {
    let method = method.to_ascii_lowercase();
    for (document, text) in DOCUMENTS.iter().enumerate() {
        let paths = text["paths"].as_object().into_iter().flatten();
        for (template, methods) in paths {
            let (Some(arguments), Some(found)) = (arguments(template, path), methods.get(&method)) else {
                continue;
            };
            let id = found["operationId"].as_str().expect("every operation has an id");
            let pointer = format!("/paths/{}/{method}", escape(template));
            return Some(Operation { id, arguments, document, pointer });
        }
    }
    None
}

/// What stands for the parameters of a template; nothing when the path is another one.
fn arguments(template: &str, path: &str) -> Option<Vec<String>> {
    let (mut templates, mut segments) = (template.split('/'), path.split('/'));
    let mut found = Vec::new();
    loop {
        match (templates.next(), segments.next()) {
            (None, None) => return Some(found),
            (Some(name), Some(segment)) if name.starts_with('{') && !segment.is_empty() => {
                found.push(segment.to_owned());
            }
            (Some(name), Some(segment)) if name == segment => {}
            _ => return None,
        }
    }
}

fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

impl Operation {
    fn root(&self) -> &'static Value {
        &DOCUMENTS[self.document]
    }

    fn at(&self, pointer: &str) -> Option<&'static Value> {
        self.root().pointer(&format!("{}{pointer}", self.pointer))
    }

    /// What of a request is not allowed.
    pub fn violations(
        &self,
        query: &BTreeMap<String, String>,
        header: impl Fn(&str) -> Option<String>,
        body: Option<&Value>,
    ) -> Vec<Violation> {
        let mut found = self.wrong_parameters(query, header);
        let schema = format!("{}/requestBody/content/application~1json/schema", self.pointer);
        match (body, self.root().pointer(&schema)) {
            (Some(body), Some(_)) => found.extend(self.wrong_body(&schema, body)),
            // PayPal takes an empty object where nothing is asked for.
            (Some(body), None) if body.as_object().is_none_or(|body| !body.is_empty()) => {
                found.push(Violation::new("body", "", "NOT_SUPPORTED", "takes no body".into()));
            }
            (None, Some(_)) if self.at("/requestBody/required") == Some(&json!(true)) => {
                found.push(Violation::new("body", "", "MISSING_REQUIRED_PARAMETER", "needs a body".into()));
            }
            _ => {}
        }
        found
    }

    fn wrong_parameters(
        &self,
        query: &BTreeMap<String, String>,
        header: impl Fn(&str) -> Option<String>,
    ) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut known = Vec::new();
        let mut in_path = self.arguments.iter();
        let listed = self.at("/parameters").and_then(Value::as_array).into_iter().flatten();
        for parameter in listed.map(|it| self.resolved(it)) {
            let name = parameter["name"].as_str().unwrap_or_default();
            let (location, value) = match parameter["in"].as_str() {
                Some("path") => ("path", in_path.next().cloned()),
                Some("header") => ("header", header(name)),
                _ => ("query", query.get(name).cloned()),
            };
            known.push(name);
            let Some(value) = value else {
                if parameter["required"] == json!(true) {
                    found.push(Violation::new(
                        location,
                        name,
                        "MISSING_REQUIRED_PARAMETER",
                        "is missing".into(),
                    ));
                }
                continue;
            };
            let value = match parameter["schema"]["type"] == "integer" {
                true => value.parse::<i64>().map_or_else(|_| json!(value), Value::from),
                false => json!(value),
            };
            let compiled = compile(&parameter["schema"]);
            let errors = compiled.iter_errors(&value);
            found
                .extend(errors.map(|error| Violation::new(location, name, issue(&error), error.to_string())));
        }
        for name in query.keys().filter(|name| !known.contains(&name.as_str())) {
            found.push(Violation::new("query", name, "NOT_SUPPORTED", "is no parameter".into()));
        }
        found
    }

    fn wrong_body(&self, schema: &str, body: &Value) -> Vec<Violation> {
        let compiled = self.compiled(schema);
        let errors = compiled.iter_errors(body);
        let mut found: Vec<_> = errors
            .map(|error| {
                let mut field = error.instance_path().to_string();
                if let Kind::Required { property } = error.kind() {
                    field = format!("{field}/{}", property.as_str().unwrap_or_default());
                }
                Violation::new("body", field, issue(&error), error.to_string())
            })
            .collect();
        for field in self.undeclared(schema, body) {
            found.push(Violation::new("body", field, "NOT_SUPPORTED", "is in no document".into()));
        }
        found
    }

    /// What of an answer is not allowed, in words.
    pub fn wrong_answer(&self, status: u16, body: Option<&Value>) -> Vec<String> {
        let Some((answer, described)) = self.answer(status) else {
            return vec![format!("{} does not answer {status}", self.id)];
        };
        let schema = format!("{answer}/content/application~1json/schema");
        match (body, described.pointer("/content/application~1json/schema")) {
            (None, _) | (Some(Value::Null), None) => Vec::new(),
            (Some(_), None) => vec![format!("{} answers {status} without a body", self.id)],
            (Some(body), Some(_)) => {
                let compiled = self.compiled(&schema);
                let errors =
                    compiled.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path()));
                let undeclared = self.undeclared(&schema, body).into_iter();
                errors.chain(undeclared.map(|field| format!("{field} is in no document"))).collect()
            }
        }
    }

    /// Whether the document has an answer with exactly this status.
    pub fn describes(&self, status: u16) -> bool {
        self.at(&format!("/responses/{status}")).is_some()
    }

    /// Where an answer is described, and how.
    fn answer(&self, status: u16) -> Option<(String, &'static Value)> {
        for name in [status.to_string(), "default".to_owned()] {
            let pointer = format!("{}/responses/{name}", self.pointer);
            let Some(described) = self.root().pointer(&pointer) else { continue };
            return match described["$ref"].as_str() {
                Some(there) => Some((there[1..].to_owned(), self.resolved(described))),
                None => Some((pointer, described)),
            };
        }
        None
    }

    /// A refusal in the words of the documents; `details` are only what the documents let this operation say.
    pub fn refusal(&self, status: u16, violations: &[Violation]) -> Value {
        let error = &self.root()["components"]["schemas"][format!("error_{status}")]["properties"];
        let details: Vec<Value> = violations.iter().filter_map(|it| self.detail(status, it)).collect();
        let mut refusal = json!({
            "name": error["name"]["enum"][0],
            "message": error["message"]["enum"][0],
            "debug_id": crate::books::random_id(13).to_lowercase(),
        });
        if !details.is_empty() {
            refusal["details"] = json!(details);
        }
        refusal
    }

    fn detail(&self, status: u16, violation: &Violation) -> Option<Value> {
        let described = self.issue(status, violation.issue);
        let is_free = !self.describes(status);
        let description = match described {
            Some(description) => description,
            None if is_free && self.document == 2 => violation.what.clone(),
            None => return None,
        };
        let mut detail = json!({ "issue": violation.issue, "description": description });
        if !violation.field.is_empty() {
            detail["field"] = json!(violation.field);
            if matches!(violation.location, "body" | "path" | "query") {
                detail["location"] = json!(violation.location);
            }
        }
        Some(detail)
    }

    /// How the documents describe an issue of this operation.
    pub fn issue(&self, status: u16, issue: &str) -> Option<String> {
        fn search(operation: &Operation, schema: &'static Value, issue: &str) -> Option<String> {
            let schema = operation.resolved(schema);
            let properties = &schema["properties"];
            if properties["issue"]["enum"][0] == json!(issue) {
                return Some(properties["description"]["enum"][0].as_str().unwrap_or_default().to_owned());
            }
            let branches = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|name| schema[name].as_array());
            let mut inner = branches.flatten().chain([&properties["details"], &schema["items"]]);
            inner.find_map(|it| if it.is_null() { None } else { search(operation, it, issue) })
        }
        let (_, described) = self.answer(status)?;
        search(self, described.pointer("/content/application~1json/schema")?, issue)
    }

    fn resolved(&self, value: &'static Value) -> &'static Value {
        let mut value = value;
        while let Some(there) = value["$ref"].as_str() {
            value = self.root().pointer(&there[1..]).expect("PayPal's references lead somewhere");
        }
        value
    }

    fn compiled(&self, schema: &str) -> Arc<Validator> {
        let mut known = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.document, schema.to_owned());
        let compiled = known.entry(key).or_insert_with(|| {
            let mut whole = self.root().clone();
            whole["$ref"] = json!(format!("#{}", schema.replace('{', "%7B").replace('}', "%7D")));
            Arc::new(compile(&whole))
        });
        Arc::clone(compiled)
    }

    /// Fields that no branch of the schema declares: JSON Schema lets them pass, a client's typing error they are.
    fn undeclared(&self, schema: &str, body: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let schema = self.root().pointer(schema).expect("a schema");
        self.search_undeclared(&[schema], body, "", &mut found);
        found
    }

    fn search_undeclared(
        &self,
        schemas: &[&'static Value],
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) {
        let branches = self.branches(schemas);
        if let Some(items) = value.as_array() {
            let schemas: Vec<_> = branches.iter().filter_map(|it| it.get("items")).collect();
            for (index, item) in items.iter().enumerate() {
                self.search_undeclared(&schemas, item, &format!("{at}/{index}"), found);
            }
        }
        let Some(object) = value.as_object() else { return };
        let declared: Vec<_> = branches.iter().filter_map(|it| it["properties"].as_object()).collect();
        let is_open = branches.iter().any(|it| it.get("additionalProperties").is_some_and(|it| it != false));
        for (name, value) in object {
            let schemas: Vec<_> = declared.iter().filter_map(|it| it.get(name)).collect();
            let field = format!("{at}/{}", escape(name));
            match schemas.is_empty() {
                true if is_open || declared.is_empty() => {}
                true => found.push(field),
                false => self.search_undeclared(&schemas, value, &field, found),
            }
        }
    }

    /// Every schema that these are made of.
    fn branches(&self, schemas: &[&'static Value]) -> Vec<&'static Value> {
        let mut found: Vec<&'static Value> = Vec::new();
        let mut open: Vec<_> = schemas.iter().map(|it| self.resolved(it)).collect();
        while let Some(schema) = open.pop() {
            if found.iter().any(|it| std::ptr::eq(*it, schema)) {
                continue;
            }
            found.push(schema);
            let inner = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|name| schema[name].as_array());
            open.extend(inner.flatten().map(|it| self.resolved(it)));
        }
        found
    }
}

/// OpenAPI 3.0's schemas are those of JSON Schema's draft 4 as far as these documents go: none says `nullable`.
fn compile(schema: &Value) -> Validator {
    let options = jsonschema::options().with_draft(Draft::Draft4).should_validate_formats(true);
    options.build(schema).expect("PayPal's schemas compile")
}

fn issue(error: &ValidationError<'_>) -> &'static str {
    match error.kind() {
        Kind::Required { .. } => "MISSING_REQUIRED_PARAMETER",
        Kind::MinLength { .. } | Kind::MaxLength { .. } => "INVALID_STRING_LENGTH",
        Kind::MinItems { .. } => "INVALID_ARRAY_MIN_ITEMS",
        Kind::MaxItems { .. } => "INVALID_ARRAY_MAX_ITEMS",
        Kind::Enum { .. } => "INVALID_PARAMETER_VALUE",
        _ => "INVALID_PARAMETER_SYNTAX",
    }
}

#[cfg(test)]
mod tests;
