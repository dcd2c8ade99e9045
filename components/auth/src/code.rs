//! Authorization codes (RFC 6749, section 4.1.2): good once, for a minute.

use crate::opaque;
use crate::store::codes;
use souk_kit::id::{BrowserId, UserId};
use souk_kit::{Result, Timestamp, Tx};
use std::time::Duration;

/// How long a code may wait for its client.
const LIFETIME: Duration = Duration::from_secs(60);

/// What a code stands for.
#[derive(Debug, Clone)]
pub struct CodeGrant {
    /// Whom it was given to.
    pub client_id: String,
    /// Whose consent it is.
    pub user_id: UserId,
    /// Where they are signed in.
    pub browser_id: Option<BrowserId>,
    /// Where it was sent, exactly.
    pub redirect_uri: String,
    /// What was granted, separated by spaces.
    pub scope: String,
    /// What the client wants to read in the id token.
    pub nonce: Option<String>,
    /// PKCE: SHA-256 of the verifier, in base64url (43 characters).
    pub challenge: String,
    /// When the person proved who they are.
    pub auth_time: Timestamp,
    /// How they did (`amr`).
    pub methods: Vec<String>,
    /// By which password of the account.
    pub password_version: i64,
}

/// Makes the code of a grant, in the transaction that makes it true.
pub async fn issue(tx: &mut Tx, grant: &CodeGrant) -> Result<String> {
    let code = opaque::make("sac_")?;
    codes::add(tx, &opaque::hash(&code), grant, Timestamp::now().after(LIFETIME)).await?;
    Ok(code)
}
