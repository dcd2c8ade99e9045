//! Whose documents a caller may see, and whose a merchant asks for.

use crate::store;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Method, StatusCode};
use serde::{Deserialize, Deserializer};
use souk_kit::guest::{self, GuestToken};
use souk_kit::id::{CustomerId, UserId};
use souk_kit::permission::scope::{ACCOUNT, BILLING_READ};
use souk_kit::{Caller, Ctx, Problem, Result, Subject, secret};

/// Whose documents a caller may see: everybody's, those of the account, and those that a guest's token opens.
#[derive(Debug, Default)]
pub struct Sight {
    all: bool,
    user: Option<UserId>,
    token: Option<String>,
}

/// Whose a document is.
#[derive(Debug, Default)]
pub struct Owner {
    /// The account.
    pub user_id: Option<UserId>,
    /// Of a guest: the hash of the token that opens the order, as text.
    pub token_hash: Option<String>,
}

impl Sight {
    fn of(caller: &Caller, token: Option<String>) -> Result<Self> {
        if caller.has(BILLING_READ) {
            return Ok(Self { all: true, ..Self::default() });
        }
        match caller.subject {
            Subject::User(user) if caller.has(ACCOUNT) => Ok(Self { all: false, user: Some(user), token }),
            _ if token.is_some() => Ok(Self { token, ..Self::default() }),
            Subject::Anonymous => {
                Err(Problem::unauthenticated("Sign in first, or send the `guest-token` of the order."))
            }
            _ => Err(Problem::forbidden(format!("This needs the scope `{ACCOUNT}` or `{BILLING_READ}`."))),
        }
    }

    /// Whether it is everybody's.
    pub const fn is_all(&self) -> bool {
        self.all
    }

    /// The account whose documents it is, and the hash of the token that opens others.
    pub fn own(&self) -> (Option<UserId>, Option<&str>) {
        (self.user, self.token.as_deref())
    }

    fn covers(&self, owner: &Owner) -> bool {
        if self.all {
            return true;
        }
        match (owner.user_id, &owner.token_hash, &self.token) {
            // What belongs to a person is opened by no token.
            (Some(owner), _, _) => self.user == Some(owner),
            (None, Some(stored), Some(given)) => secret::same(stored.as_bytes(), given.as_bytes()),
            _ => false,
        }
    }

    /// What belongs to somebody else is not there.
    pub fn must_cover(&self, owner: &Owner) -> Result<()> {
        if self.covers(owner) { Ok(()) } else { Err(Problem::not_found()) }
    }
}

impl<S: Sync> FromRequestParts<S> for Sight {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let Ok(GuestToken(token)) = GuestToken::from_request_parts(parts, state).await;
        Self::of(&caller, token.map(|hash| guest::text(&hash)))
    }
}

/// A customer, as invoices know one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Customer {
    /// This account.
    User(UserId),
    /// Whoever gave this e-mail address.
    Email(String),
}

/// A customer, as merchants name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By what stands on invoices: the account, or the e-mail address of a guest.
    Customer(Customer),
    /// By the id that customers gave.
    Record(CustomerId),
}

/// What customers say of one of theirs.
#[derive(Deserialize)]
struct Known {
    user_id: Option<UserId>,
    email: String,
}

impl Named {
    /// Who that is. Customers know, unless they have erased it: then we do.
    pub async fn customer(self, ctx: &Ctx) -> Result<Customer> {
        let id = match self {
            Self::Customer(customer) => return Ok(customer),
            Self::Record(id) => id,
        };
        if let Some(user) = store::erased(&ctx.conn().await?, id).await? {
            return Ok(Customer::User(user));
        }
        let reply = ctx.call(Method::GET, "customers", format!("/internal/customers/{id}")).send().await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Err(Problem::not_found());
        }
        let Known { user_id, email } = reply.json()?;
        Ok(user_id.map_or(Customer::Email(email), Customer::User))
    }
}

impl std::fmt::Display for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Email(email) => f.write_str(email),
        }
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if let Ok(user) = text.parse() {
            return Ok(Self::Customer(Customer::User(user)));
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Record(id));
        }
        if text.contains('@') && text.len() <= 254 {
            return Ok(Self::Customer(Customer::Email(text.trim().to_lowercase())));
        }
        Err(serde::de::Error::custom("is neither a user's or a customer's id nor an e-mail address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_what_is_a_guests_and_nothing_of_a_person() {
        let (ana, bob) = (UserId::new(), UserId::new());
        let token = |text: &str| Some(guest::text(&guest::hash(text)));
        let guests = || Owner { user_id: None, token_hash: token("secret") };
        let anas = Owner { user_id: Some(ana), token_hash: token("secret") };
        let sees = |user, token, owner: &Owner| Sight { all: false, user, token }.covers(owner);
        assert!(sees(None, token("secret"), &guests()) && sees(Some(bob), token("secret"), &guests()));
        assert!(!sees(None, token("guess"), &guests()) && !sees(None, None, &guests()));
        assert!(sees(Some(ana), token("stale"), &anas) && !sees(Some(bob), token("secret"), &anas));
        assert!(!sees(None, None, &Owner::default()));
    }
}
