//! Programs that ask for tokens, as sentences.

use crate::answer::Answer;
use crate::person::Person;
use crate::suite::Suite;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What codes are asked for with.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Where the clients of tests want people to be sent back to.
pub const CALLBACK: &str = "https://app.example/callback";

/// A client: somebody without an account, who has an id and maybe a secret.
#[derive(Clone)]
pub struct Client {
    /// Whoever runs it.
    pub person: Person,
    /// Its id.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<String>,
}

/// A client that acts for itself.
pub fn machine(scopes: &[&str]) -> Value {
    json!({"name": "a machine", "kind": "confidential", "grants": ["client_credentials"], "scopes": scopes})
}

/// A client on a server that signs people in.
pub fn site(scopes: &[&str]) -> Value {
    json!({"name": "a site", "kind": "confidential", "grants": ["authorization_code", "refresh_token"],
           "scopes": scopes, "redirect_uris": [CALLBACK]})
}

/// A client on people's own machines that signs them in.
pub fn app(scopes: &[&str]) -> Value {
    json!({"name": "an app", "kind": "public", "grants": ["authorization_code", "refresh_token"],
           "scopes": scopes, "redirect_uris": [CALLBACK]})
}

/// A code as auth stores it, so that tests of what it gives need no browser.
pub struct Code {
    /// Its text.
    pub text: String,
    /// What it was granted.
    pub scope: String,
    /// What the id token is to repeat.
    pub nonce: Option<String>,
    /// In how many milliseconds it expires.
    pub lasts_ms: i64,
}

impl Code {
    /// A good one.
    pub fn of(scope: &str) -> Self {
        let text = format!("sac_{}", crate::unique("code"));
        Self { text, scope: scope.to_owned(), nonce: Some("n-0S6_WzA2Mj".to_owned()), lasts_ms: 60_000 }
    }
}

impl Suite {
    /// The administrator creates a client.
    pub async fn client(&self, new: &Value) -> Client {
        let answer = self.admin().await.post("/api/v1/auth/clients", new).await.is(201);
        let secret = answer.json()["client_secret"].as_str().map(str::to_owned);
        Client { person: self.stranger(), id: answer.text("/id").to_owned(), secret }
    }

    /// Somebody has granted a client a code, in a suite of one's own.
    pub fn grants(&self, person: &Person, client: &Client, code: &Code) {
        let database = Connection::open(self.state().join("auth.db")).expect("auth's database");
        let now = i64::try_from(crate::token::now()).unwrap_or_default() * 1000;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let inserted = database.execute(
            "INSERT INTO codes (hash, client_id, user_id, redirect_uri, scope, nonce, challenge, auth_time, methods,
                                password_version, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '[\"pwd\"]', 1, ?9)",
            rusqlite::params![
                Sha256::digest(&code.text).to_vec(),
                client.id,
                person.id(),
                CALLBACK,
                code.scope,
                code.nonce,
                challenge,
                now - 5_000,
                now + code.lasts_ms
            ],
        );
        assert_eq!(inserted.expect("a code can be inserted"), 1);
    }
}

/// A form as it is sent.
pub fn form(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://any/").expect("an address");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

/// What `client_secret_basic` sends.
pub fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

impl Client {
    /// Asks an OAuth endpoint; a confidential client with `client_secret_basic`.
    pub async fn asks(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.person.sends(http::Method::POST, path);
        match &self.secret {
            Some(secret) => {
                let request = request.header("authorization", basic(&self.id, secret));
                request.body("application/x-www-form-urlencoded", form(fields)).await
            }
            None => {
                let named = [fields, &[("client_id", self.id.as_str())]].concat();
                request.body("application/x-www-form-urlencoded", form(&named)).await
            }
        }
    }

    /// Asks for a token of its own.
    pub async fn acts(&self, scope: Option<&str>) -> Answer {
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(scope.map(|scope| ("scope", scope)));
        self.asks("/oauth2/token", &fields).await
    }

    /// Exchanges a code.
    pub async fn exchanges(&self, code: &str) -> Answer {
        let fields = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        self.asks("/oauth2/token", &fields).await
    }

    /// Exchanges a refresh token.
    pub async fn refreshes(&self, token: &str) -> Answer {
        self.asks("/oauth2/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Asks whether a token is good.
    pub async fn introspects(&self, token: &str) -> Answer {
        self.asks("/oauth2/introspect", &[("token", token)]).await
    }

    /// Takes a token back.
    pub async fn revokes(&self, token: &str) -> Answer {
        self.asks("/oauth2/revoke", &[("token", token)]).await
    }
}
