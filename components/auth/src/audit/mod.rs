//! The audit log: every act that matters to security, with who did it, to whom, and from where.
//!
//! An act is noted in the transaction that makes it true, so there is neither without the other. What anybody can cause, a
//! wrong password say, is counted by the minute and stands in one entry, so that a flood of it fills nothing; and it has its
//! own half of the log, so that it drives out nothing else. Of an e-mail address that failed, only a keyed hash is kept: it
//! need not be anybody's, and some type their password there.

mod search;
mod store;

pub use search::*;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use souk_kit::{Conn, Ctx, Event, Problem, Result, Timestamp, network, settings};
use std::time::Duration;
use utoipa::ToSchema;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// What is counted together happened within the same minute.
const TOGETHER_MS: i64 = 60_000;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Act {
    /// Somebody signed in.
    #[serde(rename = "sign_in.ok")]
    SignedIn,
    /// Somebody did not know the password. Counted by the minute, e-mail address and network.
    #[serde(rename = "sign_in.failed")]
    SignInFailed,
    /// Somebody had failed too often and has to wait. Counted likewise.
    #[serde(rename = "sign_in.slowed")]
    SignInSlowed,
    /// A session ended, since its owner said so.
    #[serde(rename = "session.ended")]
    SessionEnded,
    /// A refresh token was used twice; its session ended.
    #[serde(rename = "refresh.reused")]
    RefreshReused,
    /// An authorization code came again, from another client or without its proof; what it gave has ended. Counted likewise.
    #[serde(rename = "code.reused")]
    CodeReused,
    /// A person allowed a client something.
    #[serde(rename = "consent.given")]
    ConsentGiven,
    /// A person took back what they had allowed a client.
    #[serde(rename = "consent.withdrawn")]
    ConsentWithdrawn,
    /// A client took a token back.
    #[serde(rename = "token.revoked")]
    TokenRevoked,
    /// A client was registered.
    #[serde(rename = "client.created")]
    ClientCreated,
    /// A client was changed.
    #[serde(rename = "client.changed")]
    ClientChanged,
    /// A client was deleted; its sessions ended.
    #[serde(rename = "client.deleted")]
    ClientDeleted,
    /// A client got a new secret.
    #[serde(rename = "client.secret")]
    ClientSecret,
    /// A client could not prove who it is. Counted likewise.
    #[serde(rename = "client.refused")]
    ClientRefused,
    /// A new signing key was made.
    #[serde(rename = "keys.rotated")]
    KeysRotated,
    /// Somebody registered.
    #[serde(rename = "user.registered")]
    UserRegistered,
    /// An account was deleted; its sessions ended.
    #[serde(rename = "user.deleted")]
    UserDeleted,
    /// A password was changed; sessions that the old one had opened ended.
    #[serde(rename = "user.password_changed")]
    PasswordChanged,
    /// Somebody's roles were changed.
    #[serde(rename = "user.roles_changed")]
    RolesChanged,
    /// Somebody's e-mail address was changed.
    #[serde(rename = "user.email_changed")]
    EmailChanged,
    /// Somebody showed that mail to their address reaches them.
    #[serde(rename = "user.email_verified")]
    EmailVerified,
    /// A wallet opens somebody's account from now on.
    #[serde(rename = "user.wallet_linked")]
    WalletLinked,
}

impl Act {
    /// Whether anybody can cause it as often as they like.
    const fn is_failure(self) -> bool {
        matches!(self, Self::SignInFailed | Self::SignInSlowed | Self::CodeReused | Self::ClientRefused)
    }

    /// Its name, as the log has it.
    fn name(self) -> String {
        // The one list of names is serde's.
        json!(self).as_str().unwrap_or_default().to_owned()
    }

    /// What an event of users means here.
    fn of_event(kind: &str) -> Option<Self> {
        match kind {
            "souk.user.registered" => Some(Self::UserRegistered),
            "souk.user.deleted" => Some(Self::UserDeleted),
            "souk.user.password_changed" => Some(Self::PasswordChanged),
            "souk.user.roles_changed" => Some(Self::RolesChanged),
            "souk.user.email_changed" => Some(Self::EmailChanged),
            "souk.user.email_verified" => Some(Self::EmailVerified),
            "souk.user.wallet_linked" => Some(Self::WalletLinked),
            _ => None,
        }
    }
}

/// Who did something, and from where.
#[derive(Debug, Clone, Default, Deserialize)]
struct Origin {
    /// Who acts: an id, `anonymous` or `service`.
    #[serde(default)]
    actor: Option<String>,
    /// Where the request came from.
    #[serde(default)]
    address: Option<String>,
    /// With what.
    #[serde(default)]
    user_agent: Option<String>,
    /// Finds the request in every log.
    #[serde(default)]
    request_id: Option<String>,
}

impl Origin {
    /// Who asks, and from where.
    fn of(ctx: &Ctx) -> Self {
        Self {
            actor: ctx.actor().map(str::to_owned),
            address: ctx.address().map(str::to_owned),
            user_agent: ctx.user_agent().map(str::to_owned),
            request_id: Some(ctx.request_id().to_owned()),
        }
    }

    /// The suite itself, when it is time.
    fn suite() -> Self {
        Self { actor: Some("service".into()), ..Self::default() }
    }
}

/// Something that happened, to be noted.
#[derive(Debug)]
pub struct Entry {
    kind: Act,
    at: Timestamp,
    origin: Origin,
    user: Option<String>,
    client: Option<String>,
    session: Option<String>,
    email: Option<Vec<u8>>,
    detail: Map<String, Value>,
}

impl Entry {
    /// What happened, and by whose request.
    pub fn new(kind: Act, ctx: &Ctx) -> Self {
        Self::by(kind, Origin::of(ctx))
    }

    /// What the suite did of itself.
    pub fn of_the_suite(kind: Act) -> Self {
        Self::by(kind, Origin::suite())
    }

    fn by(kind: Act, origin: Origin) -> Self {
        let at = Timestamp::now();
        Self { kind, at, origin, user: None, client: None, session: None, email: None, detail: Map::new() }
    }

    /// Whose account it is about.
    pub fn user(self, id: impl ToString) -> Self {
        Self { user: Some(id.to_string()), ..self }
    }

    /// Which client it is about.
    pub fn client(self, id: impl ToString) -> Self {
        Self { client: Some(id.to_string()), ..self }
    }

    /// Which session it is about.
    pub fn session(self, id: impl ToString) -> Self {
        Self { session: Some(id.to_string()), ..self }
    }

    /// By which e-mail address somebody was asked for.
    pub async fn email(self, email: &str) -> Result<Self> {
        Ok(Self { email: Some(email_hash(email).await?), ..self })
    }

    /// A fact beside.
    pub fn with(mut self, name: &str, fact: impl Serialize) -> Self {
        self.detail.insert(name.to_owned(), json!(fact));
        self
    }

    /// What users told of, with how many sessions that ended; nothing when it is none of the log's business.
    pub fn of_event(event: &Event, sessions_ended: Option<usize>) -> Result<Option<Self>> {
        let Some(kind) = Act::of_event(&event.kind) else { return Ok(None) };
        let mut entry = Self::by(kind, event.data()?).user(&event.subject);
        entry.at = event.time;
        entry.detail = event.data.as_object().cloned().unwrap_or_default();
        for told in ["actor", "address", "user_agent", "request_id", "keep_session", "password_version"] {
            entry.detail.remove(told);
        }
        Ok(Some(match sessions_ended {
            Some(sessions) => entry.with("sessions_ended", sessions),
            None => entry,
        }))
    }

    /// What makes it the same failure as another one.
    fn flood(&self) -> Option<Vec<u8>> {
        if !self.kind.is_failure() {
            return None;
        }
        let minute = self.at.as_millis().div_euclid(TOGETHER_MS);
        let network = network::of(self.origin.address.as_deref());
        let what = json!([self.kind, self.user, self.client, self.email, network, minute]);
        Some(Sha256::digest(what.to_string()).to_vec())
    }
}

/// Notes something in the transaction that makes it true.
pub async fn record(tx: &Conn, entry: Entry) -> Result<()> {
    Ok(store::insert(tx, &entry).await?)
}

/// Notes a failure, which changes nothing else. A power cut may lose it: else anybody could keep the disk busy.
pub async fn record_failure(ctx: &Ctx, entry: Entry) -> Result<()> {
    record(&ctx.relaxed().await?, entry).await
}

/// Forgets what is older than `audit_days`, and the oldest beyond `audit_rows`.
pub async fn forget(conn: &Conn) -> Result<()> {
    let days: u32 = settings::number("audit_days").await?;
    let rows: u32 = settings::number("audit_rows").await?;
    Ok(store::purge(conn, DAY * days, rows).await?)
}

/// By what entries about an e-mail address are found again. Without the key it cannot be guessed back.
async fn email_hash(email: &str) -> Result<Vec<u8>> {
    let key = settings::key("auth_encryption_key").await?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
    mac.update(b"souk audit e-mail");
    mac.update(email.trim().to_lowercase().as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: Act, address: &str, at: i64) -> Entry {
        let origin = Origin { address: Some(address.into()), ..Origin::default() };
        Entry { at: Timestamp::from_millis(at), ..Entry::by(kind, origin) }
    }

    #[test]
    fn a_kind_goes_by_one_name() {
        assert_eq!(Act::SignInFailed.name(), "sign_in.failed");
        assert_eq!(serde_json::from_value::<Act>(json!("sign_in.failed")).unwrap(), Act::SignInFailed);
    }

    #[test]
    fn the_same_failure_of_one_network_and_minute_is_one() {
        let one = failure(Act::SignInFailed, "192.0.2.7", 60_000).flood();
        assert!(one.is_some());
        assert_eq!(one, failure(Act::SignInFailed, "192.0.2.8", 119_999).flood());
        let others = [
            failure(Act::SignInSlowed, "192.0.2.7", 60_000),
            failure(Act::SignInFailed, "192.0.3.7", 60_000),
            failure(Act::SignInFailed, "192.0.2.7", 120_000),
            failure(Act::SignInFailed, "192.0.2.7", 60_000).user("usr_1"),
            Entry { email: Some(vec![1]), ..failure(Act::SignInFailed, "192.0.2.7", 60_000) },
        ];
        for other in others {
            assert_ne!(one, other.flood(), "{other:?}");
        }
    }

    #[test]
    fn what_only_the_entitled_can_do_is_never_counted_together() {
        assert_eq!(failure(Act::SignedIn, "192.0.2.7", 0).flood(), None);
        assert_eq!(failure(Act::RefreshReused, "192.0.2.7", 0).flood(), None);
    }

    #[test]
    fn an_event_of_users_is_told_with_who_caused_it_and_without_what_is_for_auth_alone() {
        let event = |kind: &str| Event {
            specversion: "1.0".into(),
            id: "evt_1".into(),
            source: "/users".into(),
            kind: kind.into(),
            subject: "usr_1".into(),
            time: Timestamp::from_millis(5),
            datacontenttype: "application/json".into(),
            data: json!({"roles": ["admin"], "actor": "usr_2", "address": "192.0.2.7", "request_id": "req_1",
                         "password_version": 2, "keep_session": null}),
        };
        let entry = Entry::of_event(&event("souk.user.roles_changed"), Some(3)).unwrap().unwrap();
        assert_eq!((entry.kind, entry.at), (Act::RolesChanged, Timestamp::from_millis(5)));
        assert_eq!((entry.user.as_deref(), entry.origin.actor.as_deref()), (Some("usr_1"), Some("usr_2")));
        assert_eq!(Value::Object(entry.detail), json!({"roles": ["admin"], "sessions_ended": 3}));
        assert!(Entry::of_event(&event("souk.user.moved"), None).unwrap().is_none());
    }
}
