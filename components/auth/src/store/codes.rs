//! Authorization codes.

use crate::code::CodeGrant;
use souk_kit::{DbError, Timestamp, Tx, params};

/// Adds a code by its hash.
pub async fn add(tx: &mut Tx, hash: &[u8], grant: &CodeGrant, expires_at: Timestamp) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO codes (hash, client_id, user_id, browser_id, redirect_uri, scope, nonce, challenge, auth_time,
                            methods, password_version, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            hash.to_vec(),
            grant.client_id.as_str(),
            grant.user_id,
            grant.browser_id,
            grant.redirect_uri.as_str(),
            grant.scope.as_str(),
            grant.nonce.as_deref(),
            grant.challenge.as_str(),
            grant.auth_time,
            serde_json::json!(grant.methods).to_string(),
            grant.password_version,
            expires_at
        ],
    )
    .await
}
