//! The client secret: what lets a buyer, who may be nobody in particular, act on one intent.
//!
//! It is the HMAC-SHA256 of the intent's id, so it is stored nowhere and can be told again whenever orders asks.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use souk_kit::id::PaymentId;
use souk_kit::{Problem, Result, Secret, settings};

/// Carries it.
pub const CLIENT_SECRET: HeaderName = HeaderName::from_static("client-secret");

fn mac(id: PaymentId, key: &Secret) -> Result<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
    mac.update(b"souk client secret");
    mac.update(id.to_string().as_bytes());
    Ok(mac)
}

/// The secret of an intent.
pub async fn of(id: PaymentId) -> Result<String> {
    let code = mac(id, &settings::key("payments_key").await?)?.finalize().into_bytes();
    Ok(URL_SAFE_NO_PAD.encode(code))
}

/// Whether the request carries the secret of this intent. Compared in constant time.
pub async fn is_in(headers: &HeaderMap, id: PaymentId) -> Result<bool> {
    let Some(code) = headers.get(CLIENT_SECRET).and_then(|value| URL_SAFE_NO_PAD.decode(value).ok()) else {
        return Ok(false);
    };
    Ok(mac(id, &settings::key("payments_key").await?)?.verify_slice(&code).is_ok())
}

/// Refuses who does not know the secret of this intent; to them there is nothing.
pub async fn must_be_in(headers: &HeaderMap, id: PaymentId) -> Result<()> {
    if is_in(headers, id).await? { Ok(()) } else { Err(Problem::not_found()) }
}
