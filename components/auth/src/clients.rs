//! Programs that may ask for tokens.

use crate::store::clients;
use serde::{Deserialize, Serialize};
use souk_kit::{Conn, Result, Timestamp};
use utoipa::ToSchema;

/// The suite's own, which signs in by `/auth/login`.
pub const OURS: &str = "souk-web";

/// What every secret of a client begins with.
pub const SECRET_PREFIX: &str = "scs_";

/// Whether a program can keep a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It runs where its user can read it: in a browser, on a telephone.
    Public,
    /// It runs on a server and has a secret.
    Confidential,
}

/// How a client may come to tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// A person signs in and agrees.
    AuthorizationCode,
    /// It goes on without them.
    RefreshToken,
    /// It acts for itself.
    ClientCredentials,
}

/// A client.
#[derive(Debug, Clone)]
pub struct Client {
    pub id: String,
    pub name: String,
    pub kind: Kind,
    pub secret_hash: Option<Vec<u8>>,
    pub old_secret_hash: Option<Vec<u8>>,
    pub old_secret_until: Option<Timestamp>,
    pub redirect_uris: Vec<String>,
    pub post_logout_redirect_uris: Vec<String>,
    pub scopes: Vec<String>,
    pub grants: Vec<Grant>,
    pub first_party: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub version: i64,
    pub disabled_at: Option<Timestamp>,
}

impl Client {
    /// Whether it may come to tokens so.
    pub fn may(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }
}

/// The client of this id that is not disabled.
pub async fn find(conn: &Conn, id: &str) -> Result<Option<Client>> {
    Ok(clients::find(conn, id).await?.filter(|client| client.disabled_at.is_none()))
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A public client with these scopes.
    pub fn client(scopes: &[&str]) -> Client {
        let now = Timestamp::now();
        Client {
            id: "cli_x".into(),
            name: "x".into(),
            kind: Kind::Public,
            secret_hash: None,
            old_secret_hash: None,
            old_secret_until: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            grants: Vec::new(),
            first_party: false,
            created_at: now,
            updated_at: now,
            version: 1,
            disabled_at: None,
        }
    }
}
