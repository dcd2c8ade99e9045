//! Who somebody is, as users says.

use http::{Method, StatusCode};
use serde::Deserialize;
use souk_kit::id::UserId;
use souk_kit::permission::Role;
use souk_kit::{Ctx, Result};

/// A person, as far as pages are concerned.
#[derive(Debug, Deserialize)]
pub struct Person {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
    /// What they are to the shop, now.
    pub roles: Vec<Role>,
    id: UserId,
}

impl Person {
    /// What they are called on a page of theirs.
    pub fn shown(&self) -> String {
        self.email.clone().or_else(|| self.name.clone()).unwrap_or_else(|| self.id.to_string())
    }
}

/// The person of an account; nothing when it is gone.
pub async fn find(ctx: &Ctx, id: UserId) -> Result<Option<Person>> {
    let reply = ctx.call(Method::GET, "users", format!("/internal/persons/{id}")).send().await?;
    match reply.status {
        StatusCode::NOT_FOUND => Ok(None),
        _ => reply.json().map(Some),
    }
}
