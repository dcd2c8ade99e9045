//! Mail: written in the transaction of its cause, delivered at once after it, and again until it is.
//!
//! Keeps: what was committed is delivered at least once while its reason lasts, by an HTTP mail API that knows a repetition by
//! its `Idempotency-Key`; the database holds nothing that opens an account, since links are computed when a mail is composed.

mod inbox;
mod post;
mod text;

pub use inbox::{__path_list, __path_read, list, read};
pub use post::{LEASE, deliver};

use crate::account::Profile;
use crate::store;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use souk_kit::id::{MailId, UserId};
use souk_kit::{Language, Problem, Result, Secret, Timestamp, Tx, settings};
use std::time::Duration;
use utoipa::ToSchema;

/// How long it is tried to deliver a mail.
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 3600);

/// Why a mail is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// To see whether mail arrives at an account's address.
    Verify,
    /// To let somebody choose a new password.
    Reset,
    /// Another password is in force.
    PasswordChanged,
    /// To the address that was an account's until now.
    EmailChanged,
    /// One more wallet opens the account.
    WalletLinked,
    /// A wallet opens the account no more.
    WalletUnlinked,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Verify,
        Self::Reset,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::WalletLinked,
        Self::WalletUnlinked,
    ];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::WalletLinked => "wallet_linked",
            Self::WalletUnlinked => "wallet_unlinked",
        }
    }

    /// How long the link holds that is in it, if there is one.
    const fn link_lifetime(self) -> Option<Duration> {
        match self {
            Self::Verify => Some(Duration::from_secs(24 * 3600)),
            Self::Reset => Some(Duration::from_secs(3600)),
            Self::PasswordChanged | Self::EmailChanged | Self::WalletLinked | Self::WalletUnlinked => None,
        }
    }

    /// For how long there is a reason to deliver it.
    fn patience(self) -> Duration {
        self.link_lifetime().unwrap_or(PATIENCE).min(PATIENCE)
    }
}

impl std::str::FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(())
    }
}

/// What has become of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is being delivered.
    Waiting,
    /// No mail API is set up: it can be read here.
    Kept,
    /// The mail API has it.
    Sent,
    /// It was given up.
    Failed,
}

impl State {
    const ALL: [Self; 4] = [Self::Waiting, Self::Kept, Self::Sent, Self::Failed];

    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Kept => "kept",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(())
    }
}

/// A mail.
#[derive(Debug, Clone)]
pub struct Letter {
    pub id: MailId,
    pub user_id: UserId,
    pub kind: Kind,
    pub recipient: String,
    pub language: Language,
    pub about: Option<String>,
    pub state: State,
    pub created_at: Timestamp,
    pub attempts: u32,
    pub last_error: Option<String>,
    pub sent_at: Option<Timestamp>,
}

/// Writes to the owner of an account, once this transaction commits. Who has no address is not written to.
pub async fn write(tx: &mut Tx, to: &Profile, kind: Kind, about: Option<&str>) -> Result<()> {
    let Some(email) = &to.email else { return Ok(()) };
    let state = match settings::variable("mail_url").await?.is_empty() {
        true => State::Kept,
        false => State::Waiting,
    };
    let letter = Letter {
        id: MailId::new(),
        user_id: to.id,
        kind,
        recipient: email.clone(),
        language: to.locale.parse().unwrap_or_default(),
        about: about.map(str::to_owned),
        state,
        created_at: Timestamp::now(),
        attempts: 0,
        last_error: None,
        sent_at: None,
    };
    store::mail::insert(tx, &letter).await?;
    if let Some(lifetime) = kind.link_lifetime() {
        let hash = hash(token(letter.id).await?.expose());
        store::mail::insert_link(tx, &letter, &hash, letter.created_at.after(lifetime)).await?;
    }
    if state == State::Waiting {
        tx.afterwards(async move |ctx| post::attempt(&ctx, letter).await.map(|_| ()));
    }
    Ok(())
}

/// What the link in a mail carries: 256 bits that only we can compute.
async fn token(id: MailId) -> Result<Secret> {
    let key = settings::key("identity_key").await?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
    mac.update(b"souk mail link");
    mac.update(id.to_string().as_bytes());
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

/// By what a link is known in the database.
pub fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
