//! Whose documents a caller may see.

use serde::{Deserialize, Deserializer};
use souk_kit::id::UserId;
use souk_kit::permission::scope::{ACCOUNT, BILLING_READ};
use souk_kit::{Caller, Problem, Result, Subject};

/// Whose documents.
#[derive(Debug, Clone, Copy)]
pub enum Sight {
    /// Everybody's.
    All,
    /// This person's.
    Own(UserId),
}

impl Sight {
    /// What the caller may see, if anything.
    pub fn of(caller: &Caller) -> Result<Self> {
        match caller.subject {
            _ if caller.has(BILLING_READ) => Ok(Self::All),
            Subject::User(user) if caller.has(ACCOUNT) => Ok(Self::Own(user)),
            Subject::Anonymous => Err(Problem::unauthenticated("Sign in first.")),
            _ => Err(Problem::forbidden(format!("This needs the scope `{ACCOUNT}` or `{BILLING_READ}`."))),
        }
    }

    /// What belongs to somebody else is not there.
    pub fn must_cover(self, owner: Option<UserId>) -> Result<()> {
        match self {
            Self::All => Ok(()),
            Self::Own(user) if owner == Some(user) => Ok(()),
            Self::Own(_) => Err(Problem::not_found()),
        }
    }
}

/// A customer, as merchants name one: by the account, or a guest by the e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Customer {
    /// This account.
    User(UserId),
    /// Whoever gave this e-mail address.
    Email(String),
}

impl<'de> Deserialize<'de> for Customer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.parse() {
            Ok(user) => Ok(Self::User(user)),
            Err(_) if text.contains('@') && text.len() <= 254 => Ok(Self::Email(text.trim().to_lowercase())),
            Err(_) => Err(serde::de::Error::custom("is neither a user's id nor an e-mail address")),
        }
    }
}
