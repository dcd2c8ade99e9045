//! Who is calling: the identity that the gateway, or another service, vouches for.
//!
//! Inside the suite every call carries `Souk-Identity`: an HS256 JWT of at most 60 seconds, made for one service, signed
//! with the variable `identity_key`. A service believes nothing else, so exposing one by mistake opens nothing.

use crate::id::{ClientId, UserId};
use crate::permission::scope::ACCOUNT;
use crate::permission::{Role, scopes_of};
use crate::problem::Problem;
use crate::service::Service;
use crate::settings;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::claims::Claims;
use jwt_simple::common::VerificationOptions;
use jwt_simple::prelude::Duration;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

/// Carries the identity assertion.
pub const IDENTITY: HeaderName = HeaderName::from_static("souk-identity");

/// How long an assertion holds: long enough for one call and its retries.
const LIFETIME_SECONDS: u64 = 60;

/// The longest that an assertion may say to hold.
const LONGEST_SECONDS: u64 = 2 * LIFETIME_SECONDS;
/// By how much the clocks of two services may differ. The library's own answer is a quarter of an hour.
const LEEWAY_SECONDS: u64 = 5;

/// Whom a request is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Nobody signed in.
    Anonymous,
    /// A person.
    User(UserId),
    /// An OAuth client that acts for itself.
    Client(ClientId),
    /// A service that acts for itself.
    Service,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::User(id) => id.fmt(f),
            Self::Client(id) => id.fmt(f),
            Self::Service => f.write_str("service"),
        }
    }
}

impl FromStr for Subject {
    type Err = crate::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "anonymous" => Ok(Self::Anonymous),
            "service" => Ok(Self::Service),
            _ if text.starts_with(ClientId::PREFIX) => text.parse().map(Self::Client),
            _ => text.parse().map(Self::User),
        }
    }
}

/// The proven caller of a request. As an argument of a handler it makes the route refuse everybody without an assertion.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whom the request is made for.
    pub subject: Subject,
    /// The roles of that person.
    pub roles: Vec<Role>,
    /// What the token allows.
    pub scopes: Vec<String>,
    /// The service that vouches: the gateway for requests from outside.
    pub service: String,
    /// The sign-in that the token comes from (`sid`).
    pub session: Option<String>,
    /// Where the request came from, for throttling and the audit log.
    pub address: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Assertion {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<Role>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

impl Caller {
    /// Nobody, seen from `service`.
    pub fn anonymous(service: &Service) -> Self {
        Self {
            subject: Subject::Anonymous,
            roles: Vec::new(),
            scopes: Vec::new(),
            service: service.name.into(),
            session: None,
            address: None,
        }
    }

    /// `service` itself.
    pub fn service(service: &Service) -> Self {
        Self { subject: Subject::Service, ..Self::anonymous(service) }
    }

    /// A person with these roles and all that they allow, seen from `service`.
    pub fn user(service: &Service, id: UserId, roles: Vec<Role>) -> Self {
        let scopes = scopes_of(&roles).into_iter().map(str::to_owned).collect();
        Self { subject: Subject::User(id), roles, scopes, ..Self::anonymous(service) }
    }

    /// The assertion of this identity for one service.
    pub fn assertion_for(&self, audience: &str) -> Result<HeaderValue, Problem> {
        let assertion = Assertion {
            roles: self.roles.clone(),
            scopes: self.scopes.clone(),
            session: self.session.clone(),
            address: self.address.clone(),
        };
        let claims = Claims::with_custom_claims(assertion, Duration::from_secs(LIFETIME_SECONDS))
            .with_issuer(&self.service)
            .with_subject(&self.subject)
            .with_audience(audience);
        let token =
            key()?.authenticate(claims).map_err(|error| Problem::internal(format!("identity: {error}")))?;
        HeaderValue::from_str(&token).map_err(|error| Problem::internal(format!("identity: {error}")))
    }

    fn verify(token: &str, audience: &str) -> Result<Self, Problem> {
        let options = VerificationOptions {
            allowed_audiences: Some(HashSet::from([audience.to_owned()])),
            time_tolerance: Some(Duration::from_secs(LEEWAY_SECONDS)),
            max_validity: Some(Duration::from_secs(LONGEST_SECONDS)),
            ..VerificationOptions::default()
        };
        let refused = || Problem::unauthenticated("The identity assertion is not valid.");
        let claims = key()?.verify_token::<Assertion>(token, Some(options)).map_err(|_| refused())?;
        let (from, until) = claims.issued_at.zip(claims.expires_at).ok_or_else(refused)?;
        if until.as_secs().saturating_sub(from.as_secs()) > LONGEST_SECONDS {
            return Err(refused());
        }
        let subject = claims.subject.as_deref().and_then(|text| text.parse().ok()).ok_or_else(refused)?;
        Ok(Self {
            subject,
            roles: claims.custom.roles,
            scopes: claims.custom.scopes,
            service: claims.issuer.ok_or_else(refused)?,
            session: claims.custom.session,
            address: claims.custom.address,
        })
    }

    /// The person who calls, or a refusal.
    pub fn user_id(&self) -> Result<UserId, Problem> {
        match self.subject {
            Subject::User(id) => Ok(id),
            Subject::Anonymous => Err(Problem::unauthenticated("Sign in first.")),
            Subject::Client(_) | Subject::Service => Err(Problem::forbidden("Only a person can do this.")),
        }
    }

    /// Whether the token allows `scope`.
    pub fn has(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }

    /// Refuses a caller whose token does not allow `scope`.
    pub fn needs(&self, scope: &str) -> Result<(), Problem> {
        match self.subject {
            _ if self.has(scope) => Ok(()),
            Subject::Anonymous => Err(Problem::unauthenticated("Sign in first.")),
            _ => Err(Problem::forbidden(format!("This needs the scope `{scope}`."))),
        }
    }

    /// Refuses everybody but the owner, with a token for their whole account, and whoever has `scope` over other people's
    /// things.
    pub fn owns_or_has(&self, owner: UserId, scope: &str) -> Result<(), Problem> {
        if self.subject == Subject::User(owner) && self.has(ACCOUNT) {
            return Ok(());
        }
        self.needs(scope)
    }

    /// Refuses everybody but the service `name`, acting for itself.
    pub fn must_be_service(&self, name: &str) -> Result<(), Problem> {
        if self.subject == Subject::Service && self.service == name {
            return Ok(());
        }
        Err(Problem::forbidden("Only another service may call this."))
    }
}

fn key() -> Result<HS256Key, Problem> {
    Ok(HS256Key::from_bytes(settings::loaded()?.identity_key.expose().as_bytes()))
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let token = parts.headers.get(IDENTITY).and_then(|value| value.to_str().ok());
        let token =
            token.ok_or_else(|| Problem::unauthenticated("No identity assertion came with the request."))?;
        let ctx = parts.extensions.get::<crate::Ctx>();
        let ctx = ctx.ok_or_else(|| Problem::internal("request without a context"))?;
        let caller = Self::verify(token, ctx.service().name)?;
        ctx.knows(&caller);
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Problem> {
        if !parts.headers.contains_key(IDENTITY) {
            return Ok(None);
        }
        <Self as FromRequestParts<S>>::from_request_parts(parts, state).await.map(Some)
    }
}
