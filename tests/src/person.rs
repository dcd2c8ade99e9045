//! People: whoever talks to the suite.

use crate::request::Request;
use crate::suite::Place;
use http::Method;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};

/// Somebody who talks to a suite. Clones are the same person, who can do several things at once.
#[derive(Clone)]
pub struct Person(Arc<Inner>);

struct Inner {
    place: Arc<Place>,
    name: String,
    account: Option<Account>,
}

struct Account {
    id: String,
    email: String,
    password: Mutex<String>,
    tokens: tokio::sync::Mutex<Option<Tokens>>,
}

/// What signing in gives.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The short-lived token that goes with each request.
    pub access: String,
    /// What gets the next pair.
    pub refresh: String,
}

impl Tokens {
    pub(crate) fn from(answer: &Value) -> Self {
        let text =
            |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

impl Person {
    /// Nobody in particular.
    pub(crate) fn stranger(place: Arc<Place>) -> Self {
        Self(Arc::new(Inner { place, name: "a stranger".into(), account: None }))
    }

    /// Somebody with an account.
    pub(crate) fn with_account(
        place: Arc<Place>,
        name: &str,
        id: String,
        email: String,
        password: String,
    ) -> Self {
        let (password, tokens) = (Mutex::new(password), tokio::sync::Mutex::new(None));
        let account = Some(Account { id, email, password, tokens });
        Self(Arc::new(Inner { place, name: name.to_owned(), account }))
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0.place
    }

    /// What the test calls them.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The id of their account.
    pub fn id(&self) -> &str {
        &self.account().id
    }

    /// Their e-mail address.
    pub fn email(&self) -> &str {
        &self.account().email
    }

    /// Their password of the moment.
    pub fn password(&self) -> String {
        self.account().password.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn remembers_password(&self, password: &str) {
        password.clone_into(&mut self.account().password.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn account(&self) -> &Account {
        self.0.account.as_ref().unwrap_or_else(|| panic!("{} has no account", self.0.name))
    }

    /// Their tokens; the first who asks signs in.
    pub async fn tokens(&self) -> Tokens {
        self.attempt_tokens()
            .await
            .unwrap_or_else(|error| panic!("{} cannot sign in: {error:?}", self.name()))
    }

    /// Their access token.
    pub async fn token(&self) -> String {
        self.tokens().await.access
    }

    pub(crate) async fn attempt_token(&self) -> Result<Option<String>, reqwest::Error> {
        match self.0.account {
            None => Ok(None),
            Some(_) => self.attempt_tokens().await.map(|tokens| Some(tokens.access)),
        }
    }

    async fn attempt_tokens(&self) -> Result<Tokens, reqwest::Error> {
        let mut tokens = self.account().tokens.lock().await;
        if let Some(known) = &*tokens {
            return Ok(known.clone());
        }
        // Boxed, since a request asks for the token and asking for the token is a request.
        let login =
            self.post("/api/v1/auth/login", &json!({"email": self.email(), "password": self.password()}));
        let answer = Box::pin(login.without_token().attempt()).await?.is(200);
        Ok(tokens.insert(Tokens::from(answer.json())).clone())
    }

    /// Goes on with these tokens, or, with none, signs in at the next request.
    pub async fn holds(&self, tokens: Option<Tokens>) {
        *self.account().tokens.lock().await = tokens;
    }

    /// `GET path`.
    pub fn get(&self, path: impl Into<String>) -> Request<'_> {
        Request::new(self, Method::GET, path)
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: impl Into<String>, body: &(impl Serialize + ?Sized)) -> Request<'_> {
        Request::new(self, Method::POST, path).json(body)
    }

    /// `PUT path` with a JSON body.
    pub fn put(&self, path: impl Into<String>, body: &(impl Serialize + ?Sized)) -> Request<'_> {
        Request::new(self, Method::PUT, path).json(body)
    }

    /// `PATCH path` with a JSON body.
    pub fn patch(&self, path: impl Into<String>, body: &(impl Serialize + ?Sized)) -> Request<'_> {
        Request::new(self, Method::PATCH, path).json(body)
    }

    /// `DELETE path`.
    pub fn delete(&self, path: impl Into<String>) -> Request<'_> {
        Request::new(self, Method::DELETE, path)
    }

    /// Any request, without a body so far.
    pub fn sends(&self, method: Method, path: impl Into<String>) -> Request<'_> {
        Request::new(self, method, path)
    }
}
