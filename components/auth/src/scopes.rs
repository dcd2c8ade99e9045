//! Which scopes a client gets of those that it asks for.

use crate::clients::Client;
use crate::oauth_error::OAuthError;
use souk_kit::permission::{Role, scope, scopes_of};

/// Reads what is asked for (RFC 6749, section 3.3), each scope once.
pub fn read(text: &str) -> Result<Vec<&'static str>, OAuthError> {
    let mut scopes = Vec::new();
    for name in text.split(' ') {
        let known = scope::named(name);
        let scope = known.ok_or_else(|| OAuthError::invalid_scope(format!("there is no scope {name}")))?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// Those of `asked` that a client may be granted by a person with these roles.
pub fn of_person(asked: &[&'static str], client: &Client, roles: &[Role]) -> Vec<&'static str> {
    let given = scopes_of(roles);
    let may = |name: &&'static str| scope::OF_OPENID.contains(name) || given.contains(name);
    of_client(asked, client).into_iter().filter(may).collect()
}

/// Those of `asked` that a client may ask for at all.
pub fn of_client(asked: &[&'static str], client: &Client) -> Vec<&'static str> {
    asked.iter().copied().filter(|name| client.scopes.iter().any(|scope| scope == name)).collect()
}

/// All that a client may ask for.
pub fn all_of(client: &Client) -> Vec<&'static str> {
    client.scopes.iter().filter_map(|name| scope::named(name)).collect()
}

/// Those of `asked` that a client gets which acts for itself: nobody signs in, so there is nobody to tell of.
pub fn of_machine(asked: Option<&str>, client: &Client) -> Result<Vec<&'static str>, OAuthError> {
    let asked = asked.map(read).transpose()?.unwrap_or_else(|| all_of(client));
    let granted: Vec<_> =
        of_client(&asked, client).into_iter().filter(|name| !scope::OF_OPENID.contains(name)).collect();
    match granted.is_empty() {
        true => Err(OAuthError::invalid_scope("this client may have none of these scopes")),
        false => Ok(granted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::tests::client;

    #[test]
    fn what_is_asked_for_is_known_and_stands_once() {
        assert_eq!(read("openid account openid").unwrap(), ["openid", "account"]);
        for bad in ["", " ", "openid ", "openid  account", "root", "OPENID", "openid,account"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_person_grants_no_more_than_they_have_and_the_client_may() {
        let client = client(&["openid", "account", "orders:read"]);
        let asked = read("openid email account orders:read suite").unwrap();
        assert_eq!(of_person(&asked, &client, &[Role::Customer]), ["openid", "account"]);
        assert_eq!(of_person(&asked, &client, &[Role::Merchant]), ["openid", "account", "orders:read"]);
    }

    #[test]
    fn a_machine_has_what_it_was_given_and_is_nobody() {
        let client = client(&["openid", "orders:read", "products:write"]);
        assert_eq!(of_machine(None, &client).unwrap(), ["orders:read", "products:write"]);
        assert_eq!(of_machine(Some("orders:read suite"), &client).unwrap(), ["orders:read"]);
        for bad in ["openid", "suite", "root"] {
            assert!(of_machine(Some(bad), &client).is_err(), "{bad}");
        }
    }
}
