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

    /// The scopes that a token of this role carries.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Customer => &[scope::ACCOUNT],
            Self::Merchant => &[scope::ACCOUNT, scope::PRODUCTS_WRITE],
            Self::Admin => {
                &[scope::ACCOUNT, scope::PRODUCTS_WRITE, scope::USERS_READ, scope::USERS_WRITE, scope::SUITE]
            }
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
    /// Read everybody's account.
    pub const USERS_READ: &str = "users:read";
    /// Change everybody's account and roles.
    pub const USERS_WRITE: &str = "users:write";
    /// Operate the suite: metrics, key rotation.
    pub const SUITE: &str = "suite";

    /// Every scope with what it allows, for the documentation.
    pub const ALL: &[(&str, &str)] = &[
        (ACCOUNT, "Read, change and delete one's own account"),
        (PRODUCTS_WRITE, "Change the catalogue, and see what is not published"),
        (USERS_READ, "Read everybody's account"),
        (USERS_WRITE, "Change everybody's account and roles"),
        (SUITE, "Operate the suite: metrics, key rotation"),
    ];
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
