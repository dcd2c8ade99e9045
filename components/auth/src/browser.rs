//! Browsers in which a person is signed in: a cookie with a secret, of which the database keeps the hash.
//!
//! Keeps: a sign-in always makes a new session with a new secret, so that nobody can plant one; no session outlives the
//! password that it was begun with.

use crate::cookie::Jar;
use crate::family;
use crate::opaque;
use crate::store::{BROWSER_IDLE, browsers};
use http::{HeaderMap, HeaderValue};
use souk_kit::id::{BrowserId, UserId};
use souk_kit::{Ctx, Result, Timestamp, Tx};
use std::time::Duration;

const COOKIE: &str = "souk-session";
/// How long a browser's use is not noted again.
const NOTED: Duration = Duration::from_secs(60);

/// A browser in which somebody is signed in.
#[derive(Debug, Clone)]
pub struct Browser {
    pub id: BrowserId,
    pub user_id: UserId,
    /// When they proved who they are.
    pub auth_time: Timestamp,
    /// How they did (`amr`, RFC 8176).
    pub methods: Vec<String>,
    /// By which password of the account.
    pub password_version: i64,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Browser {
    /// When it is signed out if it is not used again.
    pub fn ends_at(&self) -> Timestamp {
        self.expires_at.min(self.last_used_at.after(BROWSER_IDLE))
    }
}

/// Who has just proved who they are, and how.
#[derive(Debug)]
pub struct Proof {
    /// The account.
    pub user_id: UserId,
    /// Which of its passwords is the newest.
    pub password_version: i64,
    /// How (`amr`).
    pub methods: Vec<String>,
    /// Where the browser is.
    pub address: Option<String>,
}

/// The browser that a request comes from, if somebody is signed in there.
pub async fn of_request(ctx: &Ctx, headers: &HeaderMap, jar: Jar) -> Result<Option<Browser>> {
    let Some(secret) = jar.read(headers, COOKIE) else { return Ok(None) };
    let found = browsers::find(&ctx.conn().await?, opaque::hash(&secret)).await?;
    if let Some(browser) = &found
        && browser.last_used_at.after(NOTED).has_passed()
    {
        browsers::touch(&ctx.relaxed().await?, browser.id).await?;
    }
    Ok(found)
}

/// Signs somebody in, in the place of whoever was signed in there: the browser, and the cookie that it gets. Nothing when
/// their password has changed meanwhile.
pub async fn begin(
    tx: &mut Tx,
    proof: Proof,
    headers: &HeaderMap,
    before: Option<&Browser>,
    jar: Jar,
) -> Result<Option<(Browser, HeaderValue)>> {
    let now = Timestamp::now();
    let browser = Browser {
        id: BrowserId::new(),
        user_id: proof.user_id,
        auth_time: now,
        methods: proof.methods,
        password_version: proof.password_version,
        address: proof.address,
        user_agent: family::user_agent(headers),
        created_at: now,
        last_used_at: now,
        expires_at: now.after(browsers::LIFETIME),
    };
    let secret = opaque::make("")?;
    if !browsers::begin(tx, &browser, opaque::hash(&secret)).await? {
        return Ok(None);
    }
    if let Some(before) = before {
        browsers::hand_over(tx, before.id, &browser).await?;
    }
    Ok(Some((browser, jar.set(COOKIE, &secret)?)))
}

/// Takes the cookie away.
pub fn forget(jar: Jar) -> Result<HeaderValue> {
    jar.clear(COOKIE)
}
