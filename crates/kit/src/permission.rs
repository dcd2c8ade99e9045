//! Roles and scopes: who may do what. The one list that the gateway, the token issuer and the documentation share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person is to the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys. Everybody who registers is one.
    Customer,
    /// Runs the catalogue and the shop's daily business.
    Merchant,
    /// Runs the suite: people, roles, everything a merchant may.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[Self::Customer, Self::Merchant, Self::Admin];

    /// Its name, as it stands in tokens and databases.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Merchant => "merchant",
            Self::Admin => "admin",
        }
    }

    /// What it is, for the documentation.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Customer => "Buys. Everybody who registers is one.",
            Self::Merchant => "Runs the catalogue and the shop's daily business.",
            Self::Admin => "Runs the suite: people, roles, everything a merchant may.",
        }
    }

    /// The scopes that a token of this role carries.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Customer => &[scope::ACCOUNT],
            Self::Merchant => scope::OF_MERCHANTS,
            Self::Admin => scope::OF_ADMINS,
        }
    }
}

impl std::str::FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|role| role.name() == text).ok_or(())
    }
}

/// What a token allows.
pub mod scope {
    /// Read, change and delete one's own account.
    pub const ACCOUNT: &str = "account";
    /// Change the catalogue, and see what is not published.
    pub const PRODUCTS_WRITE: &str = "products:write";
    /// Read every customer's record.
    pub const CUSTOMERS_READ: &str = "customers:read";
    /// Change every customer's record.
    pub const CUSTOMERS_WRITE: &str = "customers:write";
    /// Read stock, movements and reservations.
    pub const INVENTORY_READ: &str = "inventory:read";
    /// Move and count stock.
    pub const INVENTORY_WRITE: &str = "inventory:write";
    /// Read everybody's orders.
    pub const ORDERS_READ: &str = "orders:read";
    /// Change, ship, cancel and refund everybody's orders.
    pub const ORDERS_WRITE: &str = "orders:write";
    /// Read every payment.
    pub const PAYMENTS_READ: &str = "payments:read";
    /// Capture, cancel and refund payments.
    pub const PAYMENTS_WRITE: &str = "payments:write";
    /// Read every invoice, credit note and statement.
    pub const BILLING_READ: &str = "billing:read";
    /// Read every account of the ledger, its transactions and proofs.
    pub const TRANSACTIONS_READ: &str = "transactions:read";
    /// Open accounts, post, reverse and settle in the ledger.
    pub const TRANSACTIONS_WRITE: &str = "transactions:write";
    /// Set rates and have them refreshed.
    pub const PRICES_WRITE: &str = "prices:write";
    /// Read everybody's account.
    pub const USERS_READ: &str = "users:read";
    /// Change everybody's account and roles.
    pub const USERS_WRITE: &str = "users:write";
    /// Operate the suite: metrics, key rotation.
    pub const SUITE: &str = "suite";
    /// See which programs may ask for tokens.
    pub const CLIENTS_READ: &str = "clients:read";
    /// Decide which programs may ask for tokens.
    pub const CLIENTS_WRITE: &str = "clients:write";
    /// Read what happened that matters to security.
    pub const AUDIT_READ: &str = "audit:read";
    /// Ask of every token whether it is good.
    pub const TOKENS_INTROSPECT: &str = "tokens:introspect";

    /// Sign in with OpenID Connect: who the person is (OpenID Connect Core, section 5.4).
    pub const OPENID: &str = "openid";
    /// The person's name and language.
    pub const PROFILE: &str = "profile";
    /// The person's e-mail address.
    pub const EMAIL: &str = "email";
    /// The person's telephone number.
    pub const PHONE: &str = "phone";
    /// Go on while the person is away.
    pub const OFFLINE_ACCESS: &str = "offline_access";

    /// What a person may grant whatever their roles are.
    pub const OF_OPENID: &[&str] = &[OPENID, PROFILE, EMAIL, PHONE, OFFLINE_ACCESS];

    pub(super) const OF_MERCHANTS: &[&str] = &[
        ACCOUNT,
        PRODUCTS_WRITE,
        CUSTOMERS_READ,
        CUSTOMERS_WRITE,
        INVENTORY_READ,
        INVENTORY_WRITE,
        ORDERS_READ,
        ORDERS_WRITE,
        PAYMENTS_READ,
        PAYMENTS_WRITE,
        BILLING_READ,
        TRANSACTIONS_READ,
        PRICES_WRITE,
    ];
    pub(super) const OF_ADMINS: &[&str] = &[
        ACCOUNT,
        PRODUCTS_WRITE,
        CUSTOMERS_READ,
        CUSTOMERS_WRITE,
        INVENTORY_READ,
        INVENTORY_WRITE,
        ORDERS_READ,
        ORDERS_WRITE,
        PAYMENTS_READ,
        PAYMENTS_WRITE,
        BILLING_READ,
        TRANSACTIONS_READ,
        TRANSACTIONS_WRITE,
        PRICES_WRITE,
        USERS_READ,
        USERS_WRITE,
        SUITE,
        CLIENTS_READ,
        CLIENTS_WRITE,
        AUDIT_READ,
        TOKENS_INTROSPECT,
    ];

    /// Every scope with what it allows, for the documentation.
    pub const ALL: &[(&str, &str)] = &[
        (ACCOUNT, "Read, change and delete one's own account"),
        (PRODUCTS_WRITE, "Change the catalogue, and see what is not published"),
        (CUSTOMERS_READ, "Read every customer's record"),
        (CUSTOMERS_WRITE, "Change every customer's record"),
        (INVENTORY_READ, "Read stock, movements and reservations"),
        (INVENTORY_WRITE, "Move and count stock"),
        (ORDERS_READ, "Read everybody's orders"),
        (ORDERS_WRITE, "Change, ship, cancel and refund everybody's orders"),
        (PAYMENTS_READ, "Read every payment"),
        (PAYMENTS_WRITE, "Capture, cancel and refund payments"),
        (BILLING_READ, "Read every invoice, credit note and statement"),
        (TRANSACTIONS_READ, "Read every account of the ledger, its transactions and proofs"),
        (TRANSACTIONS_WRITE, "Open accounts, post, reverse and settle in the ledger"),
        (PRICES_WRITE, "Set rates and have them refreshed"),
        (USERS_READ, "Read everybody's account"),
        (USERS_WRITE, "Change everybody's account and roles"),
        (SUITE, "Operate the suite: metrics, key rotation"),
        (CLIENTS_READ, "See which programs may ask for tokens"),
        (CLIENTS_WRITE, "Decide which programs may ask for tokens"),
        (AUDIT_READ, "Read what happened that matters to security"),
        (TOKENS_INTROSPECT, "Ask of every token whether it is good"),
        (OPENID, "Sign in with OpenID Connect"),
        (PROFILE, "Read the person's name and language"),
        (EMAIL, "Read the person's e-mail address"),
        (PHONE, "Read the person's telephone number"),
        (OFFLINE_ACCESS, "Go on while the person is away"),
    ];

    /// The scope of this name, if there is one.
    pub fn named(name: &str) -> Option<&'static str> {
        ALL.iter().map(|(scope, _)| *scope).find(|scope| *scope == name)
    }
}

/// The scopes of all these roles together, each once.
pub fn scopes_of(roles: &[Role]) -> Vec<&'static str> {
    let mut scopes: Vec<_> = roles.iter().flat_map(|role| role.scopes()).copied().collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_that_a_role_has_is_documented() {
        for name in scopes_of(Role::ALL) {
            assert!(scope::ALL.iter().any(|(documented, _)| *documented == name), "{name}");
        }
    }

    #[test]
    fn a_customer_may_touch_nothing_but_the_own_account() {
        assert_eq!(scopes_of(&[Role::Customer]), [scope::ACCOUNT]);
    }
}
