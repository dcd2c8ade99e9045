//! `docs/permissions.md`: who may do what, from the gateway's own table, which its OpenAPI document shows.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask generate` from the gateway's access table and the kit's roles and scopes. -->
# Permissions

A token carries **scopes**. Those of a person who signs in at the shop come from their **roles**; a program that a person
lets in gets those of them that it asked for, may have and was allowed (docs: `/oauth2/authorize`); a program that acts for
itself has what an administrator gave it. Roles are read anew whenever a token is made, so a change shows within ten minutes.

What belongs to somebody is opened by **ownership**: to the owner, signed in for their whole account (scope `account`), or, of
a guest, to who has the secret that came with it (the `guest-token` of a cart or an order, the `client-secret` of a payment).
To everybody else it is not there: 404. The last table says for each operation what it takes; the gateway goes by the same
table, and what is not in it does not exist.
";

#[derive(Deserialize)]
struct Role {
    name: String,
    about: String,
    scopes: Vec<String>,
}

/// A row of the gateway's table.
#[derive(Deserialize)]
struct Operation {
    method: String,
    path: String,
    service: String,
    needs: String,
    scope: Option<String>,
}

/// The page: roles, scopes, operations.
pub fn page(openapi: &Value) -> Result<String> {
    let part = |name: &str| openapi.get(name).cloned().with_context(|| format!("the document has no {name}"));
    let roles: Vec<Role> = serde_json::from_value(part("x-roles")?).context("x-roles")?;
    let operations: Vec<Operation> = serde_json::from_value(part("x-access")?).context("x-access")?;
    let scopes = part("x-scopes")?;
    let scopes = scopes.as_object().context("x-scopes is no object")?;
    let mut text = INTRODUCTION.to_owned();
    text += "\n## Roles\n\n| role | what it is |\n| --- | --- |\n";
    for role in &roles {
        text += &format!("| `{}` | {} |\n", role.name, role.about);
    }
    text += &scopes_of(&roles, scopes);
    text += "\n## Operations\n";
    let mut services: Vec<&str> = operations.iter().map(|operation| operation.service.as_str()).collect();
    services.dedup();
    for service in services {
        text += &format!("\n### {service}\n\n| operation | needs |\n| --- | --- |\n");
        for operation in operations.iter().filter(|operation| operation.service == service) {
            text += &format!("| `{} {}` | {} |\n", operation.method, operation.path, needs(operation)?);
        }
    }
    Ok(text)
}

fn scopes_of(roles: &[Role], scopes: &serde_json::Map<String, Value>) -> String {
    let names: Vec<String> = roles.iter().map(|role| format!("`{}`", role.name)).collect();
    let mut text = format!("\n## Scopes\n\n| scope | allows to | {} |\n| --- | --- |", names.join(" | "));
    text += &" --- |".repeat(roles.len());
    text.push('\n');
    for (scope, about) in scopes {
        let held = roles.iter().map(|role| if role.scopes.contains(scope) { "yes" } else { "" });
        let held: Vec<&str> = held.collect();
        text += &format!("| `{scope}` | {} | {} |\n", about.as_str().unwrap_or_default(), held.join(" | "));
    }
    text
}

fn needs(operation: &Operation) -> Result<String> {
    let scope = operation.scope.as_deref().map(|scope| format!("`{scope}`"));
    let named = || scope.clone().with_context(|| format!("{} names no scope", operation.path));
    Ok(match operation.needs.as_str() {
        "nothing" => "nothing".to_owned(),
        "scope" => named()?,
        "owner" => format!("to be the owner; {} for everybody's", named()?),
        "holder" => format!("to be the owner, or a guest's secret; {} for everybody's", named()?),
        "credential" => "a credential that the service checks itself".to_owned(),
        "page" => "a browser (a page, with cookies)".to_owned(),
        other => anyhow::bail!("{} needs {other}, which this page cannot say", operation.path),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(needs: &str) -> Value {
        json!({
            "x-scopes": {"account": "Read one's own account", "users:read": "Read everybody's account"},
            "x-roles": [
                {"name": "customer", "about": "Buys.", "scopes": ["account"]},
                {"name": "admin", "about": "Runs the suite.", "scopes": ["account", "users:read"]},
            ],
            "x-access": [
                {"method": "GET", "path": "/api/v1/users/{id}", "service": "users", "needs": needs, "scope": "users:read"},
                {"method": "POST", "path": "/api/v1/users", "service": "users", "needs": "nothing", "scope": null},
            ],
        })
    }

    #[test]
    fn the_page_says_who_has_which_scope_and_what_each_operation_needs() {
        let page = page(&document("owner")).unwrap();
        assert!(page.contains("| `users:read` | Read everybody's account |  | yes |\n"), "{page}");
        assert!(
            page.contains("| `GET /api/v1/users/{id}` | to be the owner; `users:read` for everybody's |\n")
        );
        assert!(page.contains("| `POST /api/v1/users` | nothing |\n"), "{page}");
    }

    #[test]
    fn a_need_that_it_cannot_say_is_no_page() {
        assert!(page(&document("luck")).unwrap_err().to_string().contains("luck"));
    }
}
