//! Everything this service refuses, beside what the kit does.

use souk_kit::problem::sign_in::{TOO_MANY_ATTEMPTS, WALLET_NOT_PROVEN, WRONG_CREDENTIALS};
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

const WRONG_WALLET: Spec = Spec::new(
    403,
    "wrong-wallet",
    "The wallet is none of the account's",
    "The operation needs a credential of the account: its password, or one of its wallets.",
);
const WALLET_TAKEN: Spec = Spec::new(
    409,
    "wallet-taken",
    "The wallet belongs to another account",
    "A wallet opens one account. Unlink it there first, or delete that account.",
);
const TOO_MANY_WALLETS: Spec = Spec::new(
    409,
    "too-many-wallets",
    "The account has too many wallets",
    "An account can have 20 wallets. Unlink one first.",
);
const LAST_CREDENTIAL: Spec = Spec::new(
    409,
    "last-credential",
    "The last credential must stay",
    "Nothing else opens the account. Set a password or link another wallet first, or delete the account.",
);
const NO_EMAIL: Spec = Spec::new(
    409,
    "no-email",
    "The account has no e-mail address",
    "It was begun with a wallet. Give it an address first (`PUT /users/me/email`).",
);
const LINK_NOT_VALID: Spec = Spec::new(
    410,
    "link-not-valid",
    "The link is not valid any more",
    "It was used, has expired, or was never sent. Ask for another one.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[
    EMAIL_TAKEN,
    WRONG_CREDENTIALS,
    TOO_MANY_ATTEMPTS,
    WRONG_PASSWORD,
    WALLET_NOT_PROVEN,
    WRONG_WALLET,
    WALLET_TAKEN,
    TOO_MANY_WALLETS,
    LAST_CREDENTIAL,
    NO_EMAIL,
    LINK_NOT_VALID,
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
    /// The signature does not prove the wallet, here and now; why not.
    WalletNotProven(&'static str),
    /// The wallet is none of the account's.
    WrongWallet,
    /// The wallet is another account's.
    WalletTaken,
    /// The account has as many wallets as it may have.
    TooManyWallets,
    /// Nothing else would open the account.
    LastCredential,
    /// There is no address to write to.
    NoEmail,
    /// A link from a mail was used, has expired or was never sent.
    LinkNotValid,
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
            Self::WalletNotProven(_) => WALLET_NOT_PROVEN,
            Self::WrongWallet => WRONG_WALLET,
            Self::WalletTaken => WALLET_TAKEN,
            Self::TooManyWallets => TOO_MANY_WALLETS,
            Self::LastCredential => LAST_CREDENTIAL,
            Self::NoEmail => NO_EMAIL,
            Self::LinkNotValid => LINK_NOT_VALID,
            Self::LastAdministrator => LAST_ADMINISTRATOR,
            Self::AdministratorExists => ADMINISTRATOR_EXISTS,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::TooManyAttempts(wait) => format!("Try again in {} s.", wait.as_millis().div_ceil(1000)),
            Self::WalletNotProven(why) => (*why).into(),
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
