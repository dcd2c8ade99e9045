//! How clients and people come to tokens, as plans for the load generator.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::api::Api;

/// How often a sign-in is refreshed before the next one begins: signing in costs as much as dozens of refreshes.
const REFRESHES: usize = 2_000;

/// A client is created, and asks for a token of its own.
pub fn of_client(admin: &Api) -> Result<Value> {
    let client = json!({
        "name": "bench", "kind": "confidential", "grants": ["client_credentials"], "scopes": ["orders:read"],
    });
    let created = admin.post("/api/v1/auth/clients", &client)?.expect(201, "creating a client")?.json()?;
    let text = |name: &str| created[name].as_str().with_context(|| format!("the new client has no {name}"));
    let (id, secret) = (text("id")?, text("client_secret")?);
    Ok(json!({
        "method": "POST", "path": "/oauth2/token", "headers": { "content-type": "application/x-www-form-urlencoded" },
        "body": format!("grant_type=client_credentials&client_id={id}&client_secret={secret}"),
    }))
}

/// A sign-in on each connection, and then its refresh tokens, each good once: every one is a durable write.
pub fn refreshes(email: &str, password: &str, connections: usize) -> Vec<Value> {
    let post = |path: &str, body: String| {
        json!({
            "method": "POST", "path": path, "headers": { "content-type": "application/json" }, "body": body,
            "keep": { "refresh": "/refresh_token" },
        })
    };
    let login = post("/api/v1/auth/login", json!({ "email": email, "password": password }).to_string());
    let refresh = post("/api/v1/auth/refresh", json!({ "refresh_token": "{{refresh}}" }).to_string());
    let of_connection = || std::iter::once(login.clone()).chain(vec![refresh.clone(); REFRESHES]);
    (0..connections).flat_map(|_| of_connection()).collect()
}
