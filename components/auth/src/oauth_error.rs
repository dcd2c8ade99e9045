//! What OAuth's own endpoints refuse, in OAuth's own words (RFC 6749, sections 4.1.2.1 and 5.2; OpenID Connect Core,
//! section 3.1.2.6). Faults of the machinery stay problem documents.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use souk_kit::{BadForm, DbError, Problem};
use utoipa::ToSchema;

/// A refusal, or a fault that prevents an answer.
#[derive(Debug)]
pub enum OAuthError {
    /// The request is refused.
    Refused(Code, String),
    /// Something of ours failed.
    Fault(Problem),
}

/// The document of a refusal.
#[derive(Debug, Serialize, ToSchema)]
pub struct OAuthErrorDocument {
    /// Which error it is, by the name that the RFC gives it.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// What happened this time, for a developer.
    error_description: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident = $text:literal;)+) => {
        /// The codes that are registered for OAuth, those of them that we use.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])+ $variant,)+ }

        impl Code {
            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

codes! {
    /// A parameter is missing, comes twice, or is malformed.
    InvalidRequest = "invalid_request";
    /// The client could not be authenticated.
    InvalidClient = "invalid_client";
    /// The code or the refresh token is not good, or belongs to another client.
    InvalidGrant = "invalid_grant";
    /// The client may not do this.
    UnauthorizedClient = "unauthorized_client";
    /// There is no such grant.
    UnsupportedGrantType = "unsupported_grant_type";
    /// The scope is unknown, malformed, or more than can be granted.
    InvalidScope = "invalid_scope";
    /// The person, or we, said no.
    AccessDenied = "access_denied";
    /// There is no such response type.
    UnsupportedResponseType = "unsupported_response_type";
    /// Something of ours failed, told by a redirect.
    ServerError = "server_error";
    /// Something of ours is busy, told by a redirect.
    TemporarilyUnavailable = "temporarily_unavailable";
    /// Nobody is signed in, and nobody may be asked.
    LoginRequired = "login_required";
    /// Consent is missing, and nobody may be asked.
    ConsentRequired = "consent_required";
    /// Request objects are not read.
    RequestNotSupported = "request_not_supported";
    /// Request objects are not fetched.
    RequestUriNotSupported = "request_uri_not_supported";
    /// Clients do not register themselves.
    RegistrationNotSupported = "registration_not_supported";
}

impl OAuthError {
    /// A parameter is missing, comes twice, or is malformed.
    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::refused(Code::InvalidRequest, description)
    }

    /// The client could not be authenticated.
    pub fn invalid_client(description: impl Into<String>) -> Self {
        Self::refused(Code::InvalidClient, description)
    }

    /// The code or the refresh token is not good, or belongs to another client.
    pub fn invalid_grant(description: impl Into<String>) -> Self {
        Self::refused(Code::InvalidGrant, description)
    }

    /// The client may not do this.
    pub fn unauthorized_client(description: impl Into<String>) -> Self {
        Self::refused(Code::UnauthorizedClient, description)
    }

    /// There is no such grant.
    pub fn unsupported_grant_type(description: impl Into<String>) -> Self {
        Self::refused(Code::UnsupportedGrantType, description)
    }

    /// The scope is unknown, malformed, or more than can be granted.
    pub fn invalid_scope(description: impl Into<String>) -> Self {
        Self::refused(Code::InvalidScope, description)
    }

    /// A refusal. The description is kept to the characters that the RFC allows.
    pub fn refused(code: Code, description: impl Into<String>) -> Self {
        let allowed = |c: &char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
        Self::Refused(code, description.into().chars().filter(allowed).collect())
    }
}

impl From<Problem> for OAuthError {
    fn from(problem: Problem) -> Self {
        Self::Fault(problem)
    }
}

impl From<DbError> for OAuthError {
    fn from(error: DbError) -> Self {
        Self::Fault(error.into())
    }
}

impl From<BadForm> for OAuthError {
    fn from(bad: BadForm) -> Self {
        Self::invalid_request(bad.to_string())
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let (code, error_description) = match self {
            Self::Refused(code, description) => (code, description),
            Self::Fault(problem) => return problem.into_response(),
        };
        let status =
            if code == Code::InvalidClient { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let document = OAuthErrorDocument { error: code.name(), error_description };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"souk\""));
        }
        response
    }
}
