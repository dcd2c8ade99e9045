//! Whose a cart or an order is: a person's who signed in, or a guest's who has its token.

use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha2::Sha256;
use souk_kit::guest::GuestToken;
use souk_kit::id::{OrderId, UserId};
use souk_kit::permission::scope::{ACCOUNT, ORDERS_READ, ORDERS_WRITE};
use souk_kit::{Caller, Problem, Result, Secret, Subject, secret, settings};

pub use souk_kit::guest::{TokenHash, hash};

/// Who asks, with the token that came along.
#[derive(Debug)]
pub struct Buyer {
    /// The caller.
    pub caller: Caller,
    token: Option<TokenHash>,
}

/// Whose something is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The person.
    pub user_id: Option<UserId>,
    /// The hash of the token that opens it.
    pub token_hash: Option<TokenHash>,
}

/// A new token: 256 bits of chance.
pub fn new_token() -> Result<Secret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Problem::internal(format!("randomness: {error}")))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// The token of a guest's order that has no cart. It is reckoned from the order, so that a repeated request is told it too.
pub async fn token_of(order: OrderId) -> Result<Secret> {
    let key = settings::key("identity_key").await?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
    mac.update(b"souk guest token");
    mac.update(order.to_string().as_bytes());
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

/// By what a coupon is counted for one customer: the account, or the hash of a guest's e-mail address, of which no second
/// copy should lie about.
pub fn customer(user: Option<UserId>, email: &str) -> String {
    match user {
        Some(user) => user.to_string(),
        None => URL_SAFE_NO_PAD.encode(hash(&email.trim().to_lowercase())),
    }
}

impl Buyer {
    /// The person, unless it is a guest, or a program that they let do something else.
    pub fn user_id(&self) -> Option<UserId> {
        match self.caller.subject {
            Subject::User(id) if self.caller.has(ACCOUNT) => Some(id),
            _ => None,
        }
    }

    /// Whether it is theirs. What belongs to a person is opened by no token.
    pub fn owns(&self, owner: &Owner) -> bool {
        match (owner.user_id, &owner.token_hash, &self.token) {
            (Some(owner), _, _) => self.user_id() == Some(owner),
            (None, Some(stored), Some(given)) => secret::same(stored, given),
            _ => false,
        }
    }

    /// Refuses whoever may not see it: to them it is not there.
    pub fn must_see(&self, owner: &Owner) -> Result<()> {
        match self.owns(owner) || self.caller.has(ORDERS_READ) {
            true => Ok(()),
            false => Err(Problem::not_found()),
        }
    }

    /// Refuses whoever may not change it.
    pub fn must_change(&self, owner: &Owner) -> Result<()> {
        match self.owns(owner) || self.is_merchant() {
            true => Ok(()),
            false => Err(Problem::not_found()),
        }
    }

    /// Whether they may change everybody's orders.
    pub fn is_merchant(&self) -> bool {
        self.caller.has(ORDERS_WRITE)
    }

    /// What the history calls them.
    pub fn author(&self) -> String {
        match self.caller.subject {
            Subject::Anonymous => "guest".into(),
            Subject::Service => self.caller.service.clone(),
            _ => self.caller.subject.to_string(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Buyer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let caller = <Caller as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let Ok(GuestToken(token)) = GuestToken::from_request_parts(parts, state).await;
        Ok(Self { caller, token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buyer(subject: Subject, token: Option<&str>) -> Buyer {
        let caller = Caller { subject, scopes: vec![ACCOUNT.into()], ..Caller::anonymous(&crate::SERVICE) };
        Buyer { caller, token: token.map(hash) }
    }

    #[test]
    fn a_token_opens_what_is_a_guests_and_nothing_of_a_person() {
        let (ana, bob) = (UserId::new(), UserId::new());
        let guests = Owner { user_id: None, token_hash: Some(hash("secret")) };
        let anas = Owner { user_id: Some(ana), token_hash: Some(hash("secret")) };
        assert!(buyer(Subject::Anonymous, Some("secret")).owns(&guests));
        assert!(buyer(Subject::User(bob), Some("secret")).owns(&guests));
        assert!(!buyer(Subject::Anonymous, Some("guess")).owns(&guests));
        assert!(!buyer(Subject::Anonymous, None).owns(&guests));
        assert!(buyer(Subject::User(ana), None).owns(&anas));
        assert!(!buyer(Subject::User(bob), Some("secret")).owns(&anas));
        assert!(!buyer(Subject::Anonymous, None).owns(&Owner::default()));
        let lent = Buyer {
            caller: Caller { subject: Subject::User(ana), ..Caller::anonymous(&crate::SERVICE) },
            token: None,
        };
        assert!(!lent.owns(&anas), "a token that was given for something else");
    }
}
