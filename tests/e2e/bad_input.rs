//! Bad input, on every operation that the suite documents: refused in so many words, never a fault, never a leak. What an
//! [`Answer`](souk_tests::Answer) must be is judged as it comes in.

use http::Method;
use serde_json::{Map, Value, json};
use souk_tests::contract::{self, Operation, operations};
use souk_tests::{Person, Suite};

/// Texts that end a statement, a path, a line, a page or a program that takes them for something else.
const NASTY: &[&str] = &[
    "",
    " ",
    "'; DROP TABLE users; --",
    "\" OR \"\"=\"",
    "%' UNION SELECT password_hash FROM users --",
    "NEAR(a b) AND (\"",
    "*",
    "../../etc/passwd",
    "a\u{0}b",
    "\r\nX-Evil: 1",
    "<script>alert(1)</script>",
    "{{ maintenance_key }} ${env} {0} %s %n",
    "\u{202e}gnp.exe",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "👩‍👩‍👧‍👦🏴\u{e0067}\u{e0062}",
    "\u{feff}\u{200b}\u{fffe}\u{10ffff}",
    "ﷺİıẞſK",
];

/// Values of every other kind.
fn odd_values() -> Vec<Value> {
    let numbers =
        ["0", "-1", "1e400", "-0.0", "9223372036854775808", "99999999999999999999999", "0.1", "1e-400"];
    // serde_json cannot hold some of these, but it can read the document that has them: see `with_raw`.
    let raw = numbers.into_iter().map(|number| json!({ RAW: number }));
    let shapes = [json!(null), json!(true), json!([]), json!({}), json!([[[[null]]]]), json!({"$gt": ""})];
    let texts = NASTY.iter().map(|text| json!(text)).chain([json!("x".repeat(70_000))]);
    raw.chain(shapes).chain(texts).collect()
}

/// Marks a number that is to be written as it stands.
const RAW: &str = "raw-number";

fn with_raw(body: &Value) -> String {
    let mut text = body.to_string();
    while let Some(start) = text.find(&format!("{{\"{RAW}\":\"")) {
        let number = start + RAW.len() + 5;
        let end = number + text[number..].find('"').expect("the number ends");
        text = format!("{}{}{}", &text[..start], &text[number..end], &text[end + 2..]);
    }
    text
}

/// An example of what a schema describes; nothing about it need be right.
fn example(document: &Value, schema: &Value, depth: usize) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
        return if depth > 6 { Value::Null } else { example(document, target, depth + 1) };
    }
    if let Some(given) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        return given.clone();
    }
    if let Some(first) = ["oneOf", "anyOf"].iter().find_map(|name| schema[*name].as_array()?.last()) {
        return example(document, first, depth + 1);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().map(|part| example(document, part, depth + 1));
        let objects = parts.filter_map(|part| part.as_object().cloned());
        return Value::Object(objects.flatten().collect());
    }
    match schema["enum"].get(0) {
        Some(first) => first.clone(),
        None => example_of_type(document, schema, depth),
    }
}

fn example_of_type(document: &Value, schema: &Value, depth: usize) -> Value {
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str());
    match kind.unwrap_or_default() {
        "string" => json!("some text that is long enough"),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        "array" => json!([example(document, &schema["items"], depth + 1)]),
        _ => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            let examples = properties.map(|(name, it)| (name.clone(), example(document, it, depth + 1)));
            Value::Object(examples.collect::<Map<_, _>>())
        }
    }
}

/// The operation's JSON body, if it takes one.
fn json_body(document: &Value, operation: &Operation) -> Option<Value> {
    let schema = operation.about.pointer("/requestBody/content/application~1json/schema")?;
    Some(example(document, schema, 0))
}

fn encoded(text: &str) -> String {
    let mut url = reqwest::Url::parse("http://any/").expect("an address");
    url.path_segments_mut().expect("a path").push(text);
    // What a URL would take for a step up is encoded by hand.
    url.path().trim_start_matches('/').replace("..", "%2e%2e")
}

/// The operation's path with every parameter replaced.
fn path_with(operation: &Operation, value: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { encoded(value) } else { part.to_owned() };
    operation.path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Signing out, or turning the keys, would spoil the rest.
fn is_spared(operation: &Operation) -> bool {
    ["/api/v1/auth/logout", "/api/v1/auth/keys/rotate", "/api/v1/users/bootstrap"]
        .contains(&operation.path.as_str())
}

async fn actor(shop: &Suite) -> Person {
    // Not the administrator: what is deleted or locked out here is this person's own.
    let actor = shop.sign_up("eve").await;
    shop.admin().await.gives_roles(&actor, &["customer", "merchant", "admin"]).await.is(200).accept();
    actor.tokens().await;
    actor
}

#[tokio::test]
async fn odd_ids_name_nothing() {
    let Some(shop) = Suite::own().await else { return };
    let eve = actor(&shop).await;
    let document = contract::document(&eve).await;
    for operation in operations(document).iter().filter(|operation| operation.path.contains('{')) {
        for text in NASTY.iter().filter(|text| !text.trim().is_empty()) {
            let request = eve.sends(operation.method.clone(), path_with(operation, text));
            let answer = match json_body(document, operation) {
                Some(body) => request.json(&body).await,
                None => request.await,
            };
            answer.is_refused_somehow();
        }
    }
}

#[tokio::test]
async fn odd_query_parameters_are_refused_or_harmless() {
    let Some(shop) = Suite::own().await else { return };
    let eve = actor(&shop).await;
    let numbers = ["0", "-1", "101", "99999999999999999999", "1.5", "1e9", "NaN", "%", "a,b,,c", ":", "-"];
    for operation in operations(contract::document(&eve).await) {
        let parameters = operation.about["parameters"].as_array().into_iter().flatten();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        for name in in_query.filter_map(|parameter| parameter["name"].as_str()) {
            for text in NASTY.iter().chain(&numbers) {
                let path = format!("{}?{name}={}", path_with(&operation, "any"), encoded(text));
                eve.sends(operation.method.clone(), path).await.accept();
            }
        }
        if operation.method == Method::GET {
            let path = path_with(&operation, "any");
            for query in ["%", "%ff=%fe", "q=%ff", "&&&", "=", "a=1&a=2", "%00=1", &"q".repeat(10_000)] {
                eve.get(format!("{path}?{query}")).await.accept();
            }
        }
    }
}

#[tokio::test]
async fn every_field_takes_only_what_it_should() {
    let Some(shop) = Suite::own().await else { return };
    let eve = actor(&shop).await;
    let document = contract::document(&eve).await;
    for operation in operations(document).iter().filter(|operation| !is_spared(operation)) {
        let Some(good) = json_body(document, operation) else { continue };
        let names: Vec<&String> = good.as_object().into_iter().flatten().map(|(name, _)| name).collect();
        for name in names {
            for odd in odd_values() {
                let mut body = good.clone();
                body[name] = odd;
                let request = eve.sends(operation.method.clone(), path_with(operation, "any"));
                request.body("application/json", with_raw(&body)).await.accept();
            }
        }
        let mut body = good.clone();
        body["__proto__"] = json!({"admin": true});
        let request = eve.sends(operation.method.clone(), path_with(operation, "any"));
        request.json(&body).await.is_refused_somehow();
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused() {
    let Some(shop) = Suite::own().await else { return };
    let eve = actor(&shop).await;
    let document = contract::document(&eve).await;
    let deep = "[".repeat(200_000);
    let bodies: &[&[u8]] = &[
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b"\"a\"",
        b"{\"a\":1,}",
        b"\xff\xfe",
        b"{\"\xff\":1}",
        deep.as_bytes(),
    ];
    for operation in operations(document).iter().filter(|operation| !is_spared(operation)) {
        if json_body(document, operation).is_none() {
            continue;
        }
        let send = |media_type: &str, body: &[u8]| {
            let request = eve.sends(operation.method.clone(), path_with(operation, "any"));
            request.body(media_type, body.to_vec())
        };
        for body in bodies {
            send("application/json", body).await.is_refused_somehow();
        }
        for media_type in ["text/plain", "application/xml", "", "application/json\u{3b} charset=utf-16", "x"]
        {
            send(media_type, b"{\"__proto__\":1}").await.is_refused_somehow();
        }
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_and_not_read_to_its_end() {
    let shop = Suite::start().await;
    let large = "x".repeat(3 << 20);
    let user = json!({"email": "a@b.example", "password": "long enough it is", "name": large});
    shop.stranger().registers(&user).await.is_refused(413, "body-too-large");
    // A promise of a terabyte is not waited for.
    let headers = "Content-Type: application/json\r\nContent-Length: 1099511627776\r\n";
    let answer = shop.is_asked_with("POST", "/api/v1/users", headers).await;
    assert_eq!(answer.status, Some(413), "{}", answer.text);
}
