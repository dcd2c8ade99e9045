//! `docs/problems.md`: everything the suite can refuse, from the `x-problems` of its OpenAPI document.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask generate` from what the services declare. -->
# Problems

Every refusal is a problem document (RFC 9457, `application/problem+json`). Its `type` and `status` are part of the
contract and stand below; `detail` is for people and may change. Invalid input lists every field in `errors`, each with a
JSON pointer; `request_id` finds the request in the logs.
";

/// One kind of refusal, as a service declares it.
#[derive(Deserialize)]
struct Problem {
    kind: String,
    status: u16,
    title: String,
    #[serde(rename = "about", default)]
    description: String,
    #[serde(default)]
    service: String,
}

/// The page, with a section for each problem type: the `type` URI leads to it.
pub fn page(openapi: &Value) -> Result<String> {
    let declared = openapi.get("x-problems").context("the OpenAPI document has no x-problems")?;
    let declared: Vec<Problem> = serde_json::from_value(declared.clone()).context("x-problems")?;
    let mut kinds: BTreeMap<String, Vec<Problem>> = BTreeMap::new();
    for problem in declared {
        kinds.entry(slug(&problem.kind).to_owned()).or_default().push(problem);
    }
    let mut text = INTRODUCTION.to_owned();
    for (slug, problems) in kinds {
        text.push_str(&section(&slug, &problems));
    }
    Ok(text)
}

fn section(slug: &str, problems: &[Problem]) -> String {
    let first = &problems[0];
    let mut services: Vec<_> =
        problems.iter().map(|p| p.service.as_str()).filter(|name| !name.is_empty()).collect();
    services.sort_unstable();
    services.dedup();
    let mut text = format!("\n## {slug}\n\n**{}** {}.", first.status, first.title.trim_end_matches('.'));
    let mut said: Vec<&str> = Vec::new();
    for problem in problems {
        let description = problem.description.trim();
        if !description.is_empty() && !said.contains(&description) {
            text.push_str(&format!(" {description}"));
            said.push(description);
        }
    }
    text.push_str(&format!("\n\n`{}`", first.kind));
    if !services.is_empty() {
        text.push_str(&format!(", from {}", services.join(", ")));
    }
    text + "\n"
}

/// The last part of a problem's `type` URI.
fn slug(kind: &str) -> &str {
    kind.rsplit(['/', '#']).next().unwrap_or(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_two_services_is_one_section() {
        let problem = |service: &str| {
            let kind = "https://souk.example/problems/not-found";
            serde_json::json!({ "kind": kind, "status": 404, "title": "Not found", "service": service })
        };
        let page =
            page(&serde_json::json!({ "x-problems": [problem("users"), problem("products")] })).unwrap();
        assert_eq!(page.matches("## not-found").count(), 1);
        assert!(page.contains("`https://souk.example/problems/not-found`, from products, users\n"), "{page}");
    }
}
