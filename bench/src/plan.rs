//! What is asked: journeys, each a request or several that build on one another's answers.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// A request as the plan has it. In `path`, `headers` and `body`, `{{name}}` stands for what an earlier answer of the same
/// journey gave, or of one before it on the same connection, and `{{new}}` for a text that is another one in every journey.
#[derive(Deserialize)]
struct Planned {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    /// What later requests need of the answer: a name, and where it stands as a JSON pointer (RFC 6901).
    #[serde(default)]
    keep: BTreeMap<String, String>,
    /// Asked again until this JSON pointer gives something.
    #[serde(default)]
    until: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

/// Requests that are asked one after the other.
pub type Journey = Vec<Request>;

/// A request that is ready to be sent, but for what it takes from earlier answers.
pub struct Request {
    head: Template,
    body: Template,
    /// The whole of it, where it is always the same.
    fixed: Option<Vec<u8>>,
    /// What to keep of the answer.
    pub keep: BTreeMap<String, String>,
    /// What the answer must have.
    pub until: Option<String>,
}

/// Reads a plan: an array of journeys, each an array of requests.
pub fn read(text: &str, address: &str) -> Result<Vec<Journey>> {
    let plan: Vec<Vec<Planned>> = serde_json::from_str(text).context("the plan on standard input")?;
    ensure!(plan.iter().all(|journey| !journey.is_empty()), "a journey of the plan has no request");
    ensure!(!plan.is_empty(), "the plan has no journey");
    let journey = |planned: Vec<Planned>| planned.into_iter().map(|it| Request::new(it, address)).collect();
    Ok(plan.into_iter().map(journey).collect())
}

impl Request {
    fn new(planned: Planned, address: &str) -> Self {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", planned.method, planned.path);
        for (name, value) in &planned.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let (head, body) = (Template::new(&head), Template::new(&planned.body));
        let mut request = Self { head, body, fixed: None, keep: planned.keep, until: planned.until };
        if request.head.is_fixed() && request.body.is_fixed() {
            request.fixed = Some(request.render(&Values::default()));
        }
        request
    }

    /// Whether it is the same in every journey.
    pub fn is_fixed(&self) -> bool {
        self.fixed.is_some()
    }

    /// Whether its answer has to be read, not only counted.
    pub fn needs_answer(&self) -> bool {
        !self.keep.is_empty() || self.until.is_some()
    }

    /// Its bytes.
    pub fn bytes(&self, values: &Values) -> std::borrow::Cow<'_, [u8]> {
        match &self.fixed {
            Some(bytes) => bytes.into(),
            None => self.render(values).into(),
        }
    }

    fn render(&self, values: &Values) -> Vec<u8> {
        let body = self.body.filled(values);
        let mut text = self.head.filled(values);
        if !body.is_empty() {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(&body);
        text.into_bytes()
    }
}

/// What the answers on one connection gave.
#[derive(Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// A journey begins; `number` is its own within this run.
    pub fn begin(&mut self, number: u64) {
        let run = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        self.0.insert("new".to_owned(), format!("{run:x}-{number}"));
    }

    /// Takes what a request keeps from its answer.
    pub fn take(&mut self, keep: &BTreeMap<String, String>, answer: &serde_json::Value) -> Result<()> {
        for (name, pointer) in keep {
            let value = answer.pointer(pointer).with_context(|| format!("the answer has no {pointer}"))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.0.insert(name.clone(), text);
        }
        Ok(())
    }
}

/// A text with gaps: the text before each gap with the gap's name, and the rest.
struct Template {
    gaps: Vec<(String, String)>,
    rest: String,
}

impl Template {
    fn new(mut text: &str) -> Self {
        let mut gaps = Vec::new();
        while let Some((before, after)) = text.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else { break };
            gaps.push((before.to_owned(), name.to_owned()));
            text = after;
        }
        Self { gaps, rest: text.to_owned() }
    }

    fn is_fixed(&self) -> bool {
        self.gaps.is_empty()
    }

    fn filled(&self, values: &Values) -> String {
        let mut text = String::new();
        for (before, name) in &self.gaps {
            text.push_str(before);
            text.push_str(values.0.get(name).map_or("", String::as_str));
        }
        text.push_str(&self.rest);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_takes_what_an_earlier_answer_gave() {
        let plan = json!([[
            {"method": "POST", "path": "/carts", "keep": {"cart": "/id"}},
            {"method": "POST", "path": "/carts/{{cart}}", "headers": {"key": "{{new}}"}, "body": "{\"a\":{\"b\":\"{{cart}}\"}}"}
        ]]);
        let journeys = read(&plan.to_string(), "test").unwrap();
        let mut values = Values::default();
        values.begin(7);
        values.take(&journeys[0][0].keep, &json!({"id": "crt_1"})).unwrap();
        let text = String::from_utf8(journeys[0][1].bytes(&values).into_owned()).unwrap();
        assert!(text.starts_with("POST /carts/crt_1 HTTP/1.1\r\nhost: test\r\nkey: "), "{text}");
        assert!(text.ends_with("-7\r\ncontent-length: 19\r\n\r\n{\"a\":{\"b\":\"crt_1\"}}"), "{text}");
    }

    #[test]
    fn a_request_without_gaps_is_made_once() {
        let journeys = read(r#"[[{"path": "/"}]]"#, "test").unwrap();
        assert!(matches!(journeys[0][0].bytes(&Values::default()), std::borrow::Cow::Borrowed(_)));
    }
}
