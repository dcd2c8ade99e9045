//! What a client asks for (RFC 6749, section 4.1.1; RFC 7636; OpenID Connect Core, section 3.1.2.1), validated anew each time.
//!
//! Keeps: nobody is sent anywhere before the client and its address are proven.

use crate::clients::{Client, Grant};
use crate::oauth_error::Code;
use crate::redirect::is_same;
use serde::Deserialize;
use souk_kit::form::{self, encode};
use souk_kit::permission::{Role, scope, scopes_of};
use std::time::Duration;

/// The longest value of a parameter that comes back, or is kept.
const MAX_VALUE: usize = 2048;
/// How long a challenge is: SHA-256 in base64url (RFC 7636, section 4.2).
const CHALLENGE: usize = 43;

/// A request that can be served, of a client that is proven.
#[derive(Debug, Clone)]
pub struct Request {
    pub client: Client,
    pub target: Target,
    /// What it asks for, of what it may.
    pub scope: Vec<&'static str>,
    pub nonce: Option<String>,
    pub challenge: String,
    pub prompt: Prompt,
    pub max_age: Option<Duration>,
    pub login_hint: Option<String>,
    pub id_token_hint: Option<String>,
}

/// Where the answer goes, proven to be the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub redirect_uri: String,
    pub state: Option<String>,
}

/// What the client wants the person to be asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prompt {
    pub none: bool,
    pub login: bool,
    pub consent: bool,
    pub select_account: bool,
}

/// Why a request cannot be served.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The person is told: there is nobody proven to send them back to.
    Page(Unproven),
    /// The client is told.
    Redirect(Refusal),
}

/// Why a client, or its address, is not proven.
#[derive(Debug, PartialEq, Eq)]
pub enum Unproven {
    /// There is no such client.
    Client,
    /// The address is none of the client's.
    Address,
    /// It cannot be read who asks, or where the answer should go.
    Unreadable(&'static str),
}

/// An error that a client is told by a redirect.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    pub target: Target,
    pub code: Code,
    pub description: &'static str,
}

#[derive(Debug, Deserialize)]
struct Parameters {
    response_type: Option<String>,
    response_mode: Option<String>,
    scope: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    prompt: Option<String>,
    max_age: Option<String>,
    login_hint: Option<String>,
    id_token_hint: Option<String>,
    request: Option<String>,
    request_uri: Option<String>,
    registration: Option<String>,
}

/// The value of a parameter that may come once; one without a value was not sent.
pub fn once(query: &str, name: &str) -> Result<Option<String>, ()> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if form::decode(key.as_bytes()).as_deref() != Some(name) {
            continue;
        }
        if found.is_some() {
            return Err(());
        }
        found = Some(form::decode(value.as_bytes()).ok_or(())?);
    }
    Ok(found.filter(|value| !value.is_empty()))
}

/// The id of the client that a query names.
pub fn client_id(query: &str) -> Result<String, Failure> {
    let unreadable = Failure::Page(Unproven::Unreadable("client_id"));
    once(query, "client_id").ok().flatten().ok_or(unreadable)
}

impl Request {
    /// Reads the request of a query, whose `client_id` is that of `client`.
    pub fn read(query: &str, client: Client) -> Result<Self, Failure> {
        let target = Target::read(query, &client)?;
        let refused =
            |code, description| Failure::Redirect(Refusal { target: target.clone(), code, description });
        let invalid = |description| refused(Code::InvalidRequest, description);
        if once(query, "state").is_err() {
            return Err(invalid("state comes more than once or is not encoded well"));
        }
        let asked: Parameters = form::parse(query.as_bytes())
            .map_err(|_| invalid("a parameter comes more than once or is not encoded well"))?;
        asked.is_supported().map_err(|(code, description)| refused(code, description))?;
        if !client.may(Grant::AuthorizationCode) {
            return Err(refused(Code::UnauthorizedClient, "the client may not use authorization codes"));
        }
        let challenge = asked.challenge().map_err(invalid)?;
        let prompt = Prompt::read(asked.prompt.as_deref().unwrap_or_default()).map_err(invalid)?;
        let max_age = asked.max_age.as_deref().map(str::parse).transpose();
        let max_age: Option<u32> = max_age.map_err(|_| invalid("max_age must be a number of seconds"))?;
        let scope = scope_of(asked.scope.as_deref().unwrap_or_default(), &client)
            .map_err(|description| refused(Code::InvalidScope, description))?;
        let is_long = |value: &Option<String>| value.as_ref().is_some_and(|text| text.len() > MAX_VALUE);
        if [&target.state, &asked.nonce, &asked.login_hint].into_iter().any(is_long) {
            return Err(invalid("state, nonce or login_hint is too long"));
        }
        Ok(Self {
            scope,
            nonce: asked.nonce,
            challenge,
            prompt,
            max_age: max_age.map(|seconds| Duration::from_secs(seconds.into())),
            login_hint: asked.login_hint,
            id_token_hint: asked.id_token_hint,
            client,
            target,
        })
    }

    /// What of the asked scope somebody with these roles can grant.
    pub fn grantable(&self, roles: &[Role]) -> Vec<&'static str> {
        let theirs = scopes_of(roles);
        let is_theirs = |name: &&'static str| scope::OF_OPENID.contains(name) || theirs.contains(name);
        self.scope.iter().copied().filter(is_theirs).collect()
    }

    /// The client is refused.
    pub fn refuse(&self, code: Code, description: &'static str) -> Refusal {
        Refusal { target: self.target.clone(), code, description }
    }
}

impl Parameters {
    fn is_supported(&self) -> Result<(), (Code, &'static str)> {
        if self.request.is_some() {
            return Err((Code::RequestNotSupported, "request objects are not supported"));
        }
        if self.request_uri.is_some() {
            return Err((Code::RequestUriNotSupported, "request_uri is not supported"));
        }
        if self.registration.is_some() {
            return Err((Code::RegistrationNotSupported, "registration is not supported"));
        }
        match self.response_type.as_deref() {
            Some("code") => {}
            Some(_) => return Err((Code::UnsupportedResponseType, "response_type must be code")),
            None => return Err((Code::InvalidRequest, "response_type is required")),
        }
        match self.response_mode.as_deref() {
            None | Some("query") => Ok(()),
            Some(_) => Err((Code::InvalidRequest, "response_mode must be query")),
        }
    }

    fn challenge(&self) -> Result<String, &'static str> {
        let challenge = self.code_challenge.clone().ok_or("code_challenge is required")?;
        // Without a method it would be `plain` (RFC 7636, section 4.3).
        if self.code_challenge_method.as_deref() != Some("S256") {
            return Err("code_challenge_method must be S256");
        }
        let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        match challenge.len() == CHALLENGE && challenge.bytes().all(is_base64url) {
            true => Ok(challenge),
            false => Err("code_challenge must be 43 characters of base64url"),
        }
    }
}

/// What of the asked scope the client may have.
fn scope_of(asked: &str, client: &Client) -> Result<Vec<&'static str>, &'static str> {
    let mut known = Vec::new();
    for name in asked.split(' ').filter(|name| !name.is_empty()) {
        let name = scope::named(name).ok_or("a scope is unknown")?;
        if !known.contains(&name) {
            known.push(name);
        }
    }
    known.retain(|name| client.scopes.iter().any(|allowed| allowed == name));
    match known.is_empty() {
        true => Err("no scope is asked for that the client may have"),
        false => Ok(known),
    }
}

impl Prompt {
    fn read(text: &str) -> Result<Self, &'static str> {
        let mut prompt = Self::default();
        for name in text.split(' ').filter(|name| !name.is_empty()) {
            match name {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err("prompt has an unknown value"),
            }
        }
        match prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            true => Err("prompt none goes with no other"),
            false => Ok(prompt),
        }
    }
}

impl Target {
    fn read(query: &str, client: &Client) -> Result<Self, Failure> {
        let unreadable = || Failure::Page(Unproven::Unreadable("redirect_uri"));
        let redirect_uri = once(query, "redirect_uri").ok().flatten().ok_or_else(unreadable)?;
        if !client.redirect_uris.iter().any(|registered| is_same(registered, &redirect_uri)) {
            return Err(Failure::Page(Unproven::Address));
        }
        let state = once(query, "state").unwrap_or_default();
        Ok(Self { redirect_uri, state })
    }

    /// The address with the answer's parameters, the state and who answers (RFC 9207).
    pub fn with(&self, issuer: &str, parameters: &[(&str, &str)]) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        append(&self.redirect_uri, parameters.iter().copied().chain(state).chain([("iss", issuer)]))
    }
}

/// An address with more parameters in its query.
pub fn append<'a>(uri: &str, parameters: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut uri = uri.to_owned();
    let mut mark = if uri.contains('?') { '&' } else { '?' };
    for (name, value) in parameters {
        uri.push(mark);
        uri.push_str(&format!("{name}={}", encode(value)));
        mark = '&';
    }
    uri
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
