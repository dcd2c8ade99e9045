//! Guests: who buys without an account proves what is theirs with a token, of which services keep only the hash.

use axum::extract::FromRequestParts;
use http::HeaderName;
use http::request::Parts;
use sha2::{Digest, Sha256};
use std::convert::Infallible;

/// Carries a guest's token.
pub const GUEST_TOKEN: HeaderName = HeaderName::from_static("guest-token");

/// What is stored of a token.
pub type TokenHash = Vec<u8>;

/// What is stored of it.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token).to_vec()
}

/// The hash of the token that came with a request, if one did.
#[derive(Debug, Clone)]
pub struct GuestToken(pub Option<TokenHash>);

impl<S: Sync> FromRequestParts<S> for GuestToken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let token = parts.headers.get(GUEST_TOKEN).and_then(|value| value.to_str().ok());
        Ok(Self(token.filter(|token| !token.is_empty()).map(hash)))
    }
}

/// The hash as text, for events.
pub fn text(hash: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(hash)
}
