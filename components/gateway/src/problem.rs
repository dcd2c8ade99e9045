//! What the gateway refuses, beside what the kit does.

use souk_kit::{Refusal, Spec};

const INVALID_TOKEN: Spec = Spec::new(
    401,
    "invalid-token",
    "The access token is not valid",
    "It has expired, was tampered with, or was not made by this suite for this suite. Refresh it or sign in again.",
);
const INSUFFICIENT_SCOPE: Spec = Spec::new(
    403,
    "insufficient-scope",
    "The access token does not allow this",
    "The operation needs a scope that the token does not have; `WWW-Authenticate` names it.",
);

const REQUEST_TIMEOUT: Spec = Spec::new(
    408,
    "request-timeout",
    "The request took too long to arrive",
    "The whole body did not arrive in the time that the operation has. Send it again, over a faster connection or in \
     smaller parts.",
)
.transient();

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[INVALID_TOKEN, INSUFFICIENT_SCOPE, REQUEST_TIMEOUT];

/// A refusal of the gateway.
#[derive(Debug)]
pub enum GatewayError {
    /// The token cannot be believed; the text says why and is ASCII without quotes.
    InvalidToken(&'static str),
    /// The token lacks a scope.
    InsufficientScope(&'static str),
    /// The client did not send its body in time.
    RequestTimeout,
}

impl Refusal for GatewayError {
    fn spec(&self) -> Spec {
        match self {
            Self::InvalidToken(_) => INVALID_TOKEN,
            Self::InsufficientScope(_) => INSUFFICIENT_SCOPE,
            Self::RequestTimeout => REQUEST_TIMEOUT,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::InvalidToken(why) => format!("The access token {why}."),
            Self::InsufficientScope(scope) => format!("This needs the scope `{scope}`."),
            Self::RequestTimeout => "The body did not arrive in time.".to_owned(),
        }
    }

    /// RFC 6750, section 3.
    fn challenge(&self) -> Option<String> {
        match self {
            Self::InvalidToken(why) => Some(format!(
                "Bearer realm=\"souk\", error=\"invalid_token\", error_description=\"The access token {why}\""
            )),
            Self::InsufficientScope(scope) => {
                Some(format!("Bearer realm=\"souk\", error=\"insufficient_scope\", scope=\"{scope}\""))
            }
            Self::RequestTimeout => None,
        }
    }
}
