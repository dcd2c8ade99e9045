//! Tokens that nobody should believe, and those that a stand-in for auth signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{ES256KeyPair, HS256Key, MACLike as _};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as JWTs count them.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The parts of a JWT.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// Its header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
    signature: String,
}

impl Jwt {
    /// Takes a token apart, without judging it.
    pub fn read(token: &str) -> Self {
        let mut parts = token.split('.');
        let mut part = || parts.next().unwrap_or_else(|| panic!("{token} is no JWT"));
        let json = |part: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_else(|error| panic!("{part}: {error}"));
            serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{part}: {error}"))
        };
        Self { header: json(part()), claims: json(part()), signature: part().to_owned() }
    }

    /// The same with another value in its header.
    pub fn with_header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// The same with another claim.
    pub fn with_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// The same without a claim.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.as_object_mut().expect("claims are an object").remove(name);
        self
    }

    fn content(&self) -> String {
        [&self.header, &self.claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
    }

    /// Put together with the signature that it had before it was changed.
    pub fn tampered(&self) -> String {
        format!("{}.{}", self.content(), self.signature)
    }

    /// Put together without a signature (`alg: none`).
    pub fn unsigned(&self) -> String {
        format!("{}.", self.clone().with_header("alg", "none").content())
    }
}

/// A key that signs with ES256.
pub struct Key {
    pair: ES256KeyPair,
    id: String,
}

impl Key {
    /// A new key that goes by `id`.
    pub fn new(id: &str) -> Self {
        Self { pair: ES256KeyPair::generate().with_key_id(id), id: id.to_owned() }
    }

    /// The public half, as a key set lists it.
    pub fn public(&self) -> Value {
        let mut jwk: Value = serde_json::from_str(&self.pair.public_key().to_jwk()).expect("a JWK is JSON");
        jwk["use"] = "sig".into();
        jwk["alg"] = "ES256".into();
        jwk
    }

    /// An access token as auth would sign it, still open to changes.
    pub fn access_token(&self, issuer: &str, subject: &str, scope: &str) -> Jwt {
        let now = now();
        Jwt {
            header: json!({"alg": "ES256", "typ": "at+jwt", "kid": self.id}),
            claims: json!({
                "iss": issuer, "aud": "souk", "sub": subject, "client_id": "souk", "iat": now, "exp": now + 600,
                "jti": crate::unique("jti"), "scope": scope, "roles": ["customer"],
            }),
            signature: String::new(),
        }
    }

    /// Signs whatever header and claims there are.
    pub fn signs(&self, jwt: &Jwt) -> String {
        let key = SigningKey::from_slice(&self.pair.to_bytes()).expect("32 bytes of a private key");
        let signature: Signature = key.sign(jwt.content().as_bytes());
        format!("{}.{}", jwt.content(), URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// Signs with HS256 and any secret: a public key that everybody can read, say.
pub fn signed_hs256(jwt: &Jwt, secret: &[u8]) -> String {
    let content = jwt.clone().with_header("alg", "HS256").content();
    let tag = HS256Key::from_bytes(secret).authentication_tag(content.as_bytes());
    format!("{content}.{}", URL_SAFE_NO_PAD.encode(tag))
}
