//! Authorization codes (RFC 6749, section 4.1.2): good once, for a minute, for the client that asked, with PKCE (RFC 7636).

use crate::audit::{self, Act, Entry};
use crate::clients::Client;
use crate::oauth_error::OAuthError;
use crate::opaque;
use crate::store::{self, codes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use souk_kit::id::{BrowserId, SessionId, UserId};
use souk_kit::secret::same;
use souk_kit::{Ctx, DbError, Level, Result, Secret, Timestamp, Tx};
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

/// What a client brings.
pub struct Presented<'a> {
    pub code: &'a Secret,
    pub verifier: &'a Secret,
    pub redirect_uri: Option<String>,
}

/// What a client's code stands for. Whoever brings one that is not theirs, without what proves that it is, or again, spends
/// it: it has got about (RFC 9700, section 4.5).
pub async fn open(ctx: &Ctx, client: &Client, presented: &Presented<'_>) -> Result<CodeGrant, OAuthError> {
    if !is_verifier(presented.verifier.expose()) {
        return Err(OAuthError::invalid_request(
            "code_verifier must have 43 to 128 characters that need no encoding",
        ));
    }
    let hash = opaque::hash(presented.code.expose());
    let unknown = || OAuthError::invalid_grant("the code is unknown or has expired");
    let stored = codes::find(&ctx.conn().await?, &hash).await?.ok_or_else(unknown)?;
    let wrong = match &stored {
        stored if stored.is_used => Some("the code was used before"),
        stored if stored.expires_at.has_passed() => return Err(unknown()),
        stored if stored.grant.client_id != client.id => Some("the code is another client's"),
        stored => mismatch(&stored.grant, presented),
    };
    let Some(wrong) = wrong else { return Ok(stored.grant) };
    let mut tx = ctx.begin().await?;
    let session = codes::burn(&mut tx, &hash).await?;
    end_of_reused(&mut tx, ctx, &stored.grant, session, &client.id).await?;
    tx.commit().await?;
    souk_kit::log(
        Level::Warn,
        "an authorization code is void: it came again, from another client or without its proof",
        serde_json::json!({"request.id": ctx.request_id(), "client.id": client.id, "user.id": stored.grant.user_id, "why": wrong}),
    );
    Err(OAuthError::invalid_grant(wrong))
}

/// Why a code is not for whoever presents it.
fn mismatch(grant: &CodeGrant, presented: &Presented<'_>) -> Option<&'static str> {
    if presented.redirect_uri.as_ref().is_some_and(|uri| *uri != grant.redirect_uri) {
        return Some("redirect_uri is not the one that the code was sent to");
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(presented.verifier.expose()));
    let is_proven = same(challenge.as_bytes(), grant.challenge.as_bytes());
    (!is_proven).then_some("code_verifier is not what the code was asked for with")
}

/// RFC 7636, section 4.1.
fn is_verifier(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// Whether a code was good.
pub enum Spent {
    /// It was, and is not any more.
    Now,
    /// Somebody was faster, and got this session.
    Before(Option<SessionId>),
}

/// Spends a code for a session.
pub async fn spend(tx: &mut Tx, code: &Secret, session: SessionId) -> Result<Spent, DbError> {
    let hash = opaque::hash(code.expose());
    if codes::spend(tx, &hash, session).await? {
        return Ok(Spent::Now);
    }
    Ok(Spent::Before(codes::find(tx, &hash).await?.and_then(|stored| stored.session_id)))
}

/// Ends what a code gave that came twice, and notes who brought it.
pub async fn end_of_reused(
    tx: &mut Tx,
    ctx: &Ctx,
    grant: &CodeGrant,
    session: Option<SessionId>,
    bringer: &str,
) -> Result<()> {
    let mut entry = Entry::new(Act::CodeReused, ctx).user(grant.user_id).client(bringer);
    if grant.client_id != bringer {
        entry = entry.with("given_to", &grant.client_id);
    }
    if let Some(session) = session {
        store::end(tx, session, None).await?;
        entry = entry.session(session);
    }
    audit::record(tx, entry).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_has_the_length_and_the_letters_of_the_rfc() {
        assert!(is_verifier(&"a".repeat(43)) && is_verifier(&"-._~".repeat(32)));
        for bad in ["a".repeat(42), "a".repeat(129), "a+".repeat(30), "é".repeat(30)] {
            assert!(!is_verifier(&bad), "{bad}");
        }
    }

    /// The example of RFC 7636, appendix B.
    #[test]
    fn a_code_is_for_who_asked_for_it() {
        let grant = CodeGrant {
            client_id: "a".into(),
            user_id: UserId::new(),
            browser_id: None,
            redirect_uri: "https://a.example/cb".into(),
            scope: "openid".into(),
            nonce: None,
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
            auth_time: Timestamp::now(),
            methods: vec!["pwd".into()],
            password_version: 1,
        };
        let fits = |verifier: &str, uri: Option<&str>| {
            let (code, verifier) = (Secret::new("c"), Secret::new(verifier));
            let redirect_uri = uri.map(str::to_owned);
            mismatch(&grant, &Presented { code: &code, verifier: &verifier, redirect_uri }).is_none()
        };
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(fits(verifier, None) && fits(verifier, Some("https://a.example/cb")));
        assert!(!fits(verifier, Some("https://a.example/cb/")));
        assert!(!fits("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", None));
    }
}
