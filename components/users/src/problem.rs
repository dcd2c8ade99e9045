//! Everything this service refuses, beside what the kit does.

use souk_kit::problem::sign_in::{TOO_MANY_ATTEMPTS, WRONG_CREDENTIALS};
use souk_kit::{FieldError, Refusal, Spec};
use std::time::Duration;

const EMAIL_TAKEN: Spec = Spec::new(
    409,
    "email-taken",
    "The e-mail address is taken",
    "Another account has this e-mail address. Sign in with it, or use another one.",
);
const WRONG_PASSWORD: Spec = Spec::new(
    403,
    "wrong-password",
    "The current password is wrong",
    "The operation needs the account's current password.",
);
const LAST_ADMINISTRATOR: Spec = Spec::new(
    409,
    "last-administrator",
    "The last administrator must stay",
    "Make somebody else an administrator first.",
);
const ADMINISTRATOR_EXISTS: Spec = Spec::new(
    409,
    "administrator-exists",
    "There is an administrator already",
    "The bootstrap route works once. Ask an administrator for the role.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[
    EMAIL_TAKEN,
    WRONG_CREDENTIALS,
    TOO_MANY_ATTEMPTS,
    WRONG_PASSWORD,
    LAST_ADMINISTRATOR,
    ADMINISTRATOR_EXISTS,
];

/// A refusal of this service.
#[derive(Debug)]
pub enum UsersError {
    /// Another account has the e-mail address.
    EmailTaken,
    /// No account has this e-mail address and password.
    WrongCredentials,
    /// Too many attempts have failed; the next one may be made after this time.
    TooManyAttempts(Duration),
    /// The account's password is needed, and what stands at this JSON pointer is not it.
    WrongPassword(&'static str),
    /// Nobody would administer the suite any more.
    LastAdministrator,
    /// The first administrator is made once.
    AdministratorExists,
}

impl Refusal for UsersError {
    fn spec(&self) -> Spec {
        match self {
            Self::EmailTaken => EMAIL_TAKEN,
            Self::WrongCredentials => WRONG_CREDENTIALS,
            Self::TooManyAttempts(_) => TOO_MANY_ATTEMPTS,
            Self::WrongPassword(_) => WRONG_PASSWORD,
            Self::LastAdministrator => LAST_ADMINISTRATOR,
            Self::AdministratorExists => ADMINISTRATOR_EXISTS,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::TooManyAttempts(wait) => format!("Try again in {} s.", wait.as_millis().div_ceil(1000)),
            other => format!("{}.", other.spec().title),
        }
    }

    fn errors(&self) -> Vec<FieldError> {
        match self {
            Self::EmailTaken => vec![FieldError::at("/email", "is taken")],
            Self::WrongPassword(pointer) => vec![FieldError::at(*pointer, "is wrong")],
            _ => Vec::new(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts(wait) => Some(*wait),
            _ => None,
        }
    }
}
