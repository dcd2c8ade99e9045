//! Everything this service refuses, beside what the kit does.

use crate::family::Stop;
use souk_kit::problem::sign_in::{TOO_MANY_ATTEMPTS, WALLET_NOT_PROVEN, WRONG_CREDENTIALS};
use souk_kit::{Problem, Refusal, Spec};
use std::time::Duration;

const INVALID_REFRESH_TOKEN: Spec = Spec::new(
    401,
    "invalid-refresh-token",
    "The refresh token is not valid",
    "It was never given, has expired, or its session has ended. Sign in again.",
);
const REFRESH_TOKEN_REUSED: Spec = Spec::new(
    401,
    "refresh-token-reused",
    "The refresh token was used before",
    "Somebody has used this token already: the owner or a thief. The session has been ended; sign in again.",
);
const CLIENT_HAS_NO_SECRET: Spec = Spec::new(
    409,
    "client-has-no-secret",
    "A public client has no secret",
    "It runs where its user can read it, and could keep none. Create a confidential client instead.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[
    WRONG_CREDENTIALS,
    TOO_MANY_ATTEMPTS,
    WALLET_NOT_PROVEN,
    INVALID_REFRESH_TOKEN,
    REFRESH_TOKEN_REUSED,
    CLIENT_HAS_NO_SECRET,
];

/// A refusal of this service.
#[derive(Debug)]
pub enum AuthError {
    /// No account has this e-mail address and password.
    WrongCredentials,
    /// Too many attempts have failed.
    TooManyAttempts(Duration),
    /// What was signed does not prove a wallet; why not.
    WalletNotProven(String),
    /// The refresh token was never given, has expired, or its session has ended.
    InvalidRefreshToken,
    /// The refresh token was used before.
    RefreshTokenReused,
    /// The client is a public one.
    ClientHasNoSecret,
}

impl AuthError {
    /// What it means here that a session does not go on.
    pub fn of_stop(stop: Stop) -> Problem {
        match stop {
            Stop::Unknown => Self::InvalidRefreshToken.into(),
            Stop::Reused => Self::RefreshTokenReused.into(),
            Stop::Fault(problem) => problem,
        }
    }
}

impl Refusal for AuthError {
    fn spec(&self) -> Spec {
        match self {
            Self::WrongCredentials => WRONG_CREDENTIALS,
            Self::TooManyAttempts(_) => TOO_MANY_ATTEMPTS,
            Self::WalletNotProven(_) => WALLET_NOT_PROVEN,
            Self::InvalidRefreshToken => INVALID_REFRESH_TOKEN,
            Self::RefreshTokenReused => REFRESH_TOKEN_REUSED,
            Self::ClientHasNoSecret => CLIENT_HAS_NO_SECRET,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::TooManyAttempts(wait) => format!("Try again in {} s.", wait.as_secs().max(1)),
            Self::WalletNotProven(why) => why.clone(),
            other => format!("{}.", other.spec().title),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts(wait) => Some(*wait),
            _ => None,
        }
    }
}
