//! Everything this service refuses, beside what the kit does.

use souk_kit::{FieldError, Refusal, Spec};

const CUSTOMER_EXISTS: Spec = Spec::new(
    409,
    "customer-exists",
    "The account has a customer already",
    "An account has one customer. Read and change that one.",
);
const TOO_MANY_ADDRESSES: Spec = Spec::new(
    409,
    "too-many-addresses",
    "The customer has too many addresses",
    "Remove an address that is not needed any more.",
);
const EMAIL_NEEDED: Spec = Spec::new(
    409,
    "email-needed",
    "The account needs an e-mail address",
    "Whoever buys must be written to. Give the account an e-mail address first (`PUT /users/me/email`).",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[CUSTOMER_EXISTS, TOO_MANY_ADDRESSES, EMAIL_NEEDED];

/// A refusal of this service.
#[derive(Debug)]
pub enum CustomersError {
    /// The account has a customer already.
    CustomerExists,
    /// The customer has as many addresses as anybody may have.
    TooManyAddresses,
    /// The account was begun with a wallet, and has no e-mail address.
    EmailNeeded,
}

impl Refusal for CustomersError {
    fn spec(&self) -> Spec {
        match self {
            Self::CustomerExists => CUSTOMER_EXISTS,
            Self::TooManyAddresses => TOO_MANY_ADDRESSES,
            Self::EmailNeeded => EMAIL_NEEDED,
        }
    }

    fn detail(&self) -> String {
        format!("{}.", self.spec().title)
    }

    fn errors(&self) -> Vec<FieldError> {
        match self {
            Self::CustomerExists => vec![FieldError::at("/user_id", "has a customer")],
            Self::TooManyAddresses | Self::EmailNeeded => Vec::new(),
        }
    }
}
