//! Who wrote a webhook: PayPal itself is asked (`online`), or its certificate says so (`offline`): RSA-SHA256 over
//! `transmission id|time|webhook id|CRC-32 of the body`, with a certificate that comes from PayPal's host and is in its term.

use super::api::{self, Reply};
use crate::problem::PaymentsError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Request, StatusCode};
use rsa::RsaPublicKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePublicKey as _;
use rsa::sha2::Sha256;
use rsa::signature::Verifier as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};
use souk_kit::{Problem, Result, Timestamp, settings};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::der::{DecodePem as _, Encode as _};

/// The only algorithm that PayPal uses.
const ALGORITHM: &str = "SHA256withRSA";
/// PayPal sends a webhook again for three days; what is older was overheard. The ids of webhooks are remembered for longer.
const OLDEST: Duration = Duration::from_secs((3 * 24 + 1) * 3600);
/// How far PayPal's clock may be ahead.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// Where PayPal keeps its certificates, on any of its hosts.
const CERTIFICATES: &str = "/v1/notifications/certs/";
/// How many certificates an instance remembers: PayPal has one at a time.
const MAX_KNOWN: usize = 8;
/// Shorter keys could be broken.
const MIN_KEY_BYTES: usize = 256;

/// What comes with a webhook.
struct Transmission<'a> {
    id: &'a str,
    time: &'a str,
    signature: &'a str,
    certificate: &'a str,
    algorithm: &'a str,
}

fn refused() -> Problem {
    PaymentsError::InvalidSignature.into()
}

/// Refuses a webhook that PayPal did not write, not for this shop, or long ago.
pub async fn verify(headers: &HeaderMap, body: &[u8]) -> Result<()> {
    let transmission = read(headers).ok_or_else(refused)?;
    if transmission.algorithm != ALGORITHM || !is_recent(transmission.time, Timestamp::now()) {
        return Err(refused());
    }
    let webhook = settings::variable("paypal_webhook_id").await?;
    if webhook.is_empty() {
        return Err(Problem::unavailable("variable paypal_webhook_id is empty"));
    }
    match settings::variable("paypal_verification").await?.as_str() {
        "online" => online(&transmission, &webhook, body).await,
        "offline" => offline(&transmission, &webhook, body).await,
        other => {
            Err(Problem::internal(format!("variable paypal_verification is online or offline, not {other}")))
        }
    }
}

fn read(headers: &HeaderMap) -> Option<Transmission<'_>> {
    let only = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        (values.next().is_none() && !value.is_empty() && value.len() <= 500).then_some(value)
    };
    Some(Transmission {
        id: only("paypal-transmission-id")?,
        time: only("paypal-transmission-time")?,
        signature: only("paypal-transmission-sig")?,
        certificate: only("paypal-cert-url")?,
        algorithm: only("paypal-auth-algo")?,
    })
}

fn is_recent(time: &str, now: Timestamp) -> bool {
    let Ok(time) = serde_json::from_value::<Timestamp>(json!(time)) else { return false };
    now.before(OLDEST) <= time && time <= now.after(AHEAD)
}

/// PayPal says itself whether it wrote it.
async fn online(transmission: &Transmission<'_>, webhook: &str, body: &[u8]) -> Result<()> {
    // The signature is that of the exact bytes, so they are passed on as they came; that they are one JSON value, and so
    // cannot be anything else of the question, is seen to first.
    let event = std::str::from_utf8(body).map_err(|_| refused())?;
    if !serde_json::from_str::<Value>(event).is_ok_and(|event| event.is_object()) {
        return Err(refused());
    }
    let question = json!({
        "transmission_id": transmission.id, "transmission_time": transmission.time,
        "transmission_sig": transmission.signature, "cert_url": transmission.certificate,
        "auth_algo": transmission.algorithm, "webhook_id": webhook,
    });
    let question = question.to_string();
    let question = format!("{},\"webhook_event\":{event}}}", question.trim_end_matches('}'));
    match api::post_raw("/v1/notifications/verify-webhook-signature", question).await {
        Ok(Reply::Done(answer)) if answer["verification_status"] == "SUCCESS" => Ok(()),
        Ok(_) => Err(refused()),
        // It comes again.
        Err(unanswered) => Err(Problem::unavailable(unanswered.0)),
    }
}

async fn offline(transmission: &Transmission<'_>, webhook: &str, body: &[u8]) -> Result<()> {
    let host = settings::variable("paypal_certs_url").await?;
    let host = if host.is_empty() { api::url().await? } else { host };
    if !is_certificate(transmission.certificate, &host) {
        return Err(refused());
    }
    let signature = STANDARD.decode(transmission.signature).map_err(|_| refused())?;
    let signature = Signature::try_from(signature.as_slice()).map_err(|_| refused())?;
    let signer = signer(transmission.certificate).await?;
    if !signer.is_in_term(Timestamp::now()) {
        return Err(refused());
    }
    let message = format!("{}|{}|{webhook}|{}", transmission.id, transmission.time, crc32fast::hash(body));
    signer.key.verify(message.as_bytes(), &signature).map_err(|_| refused())
}

/// Whether an address is one of a certificate at that host, and nothing else.
fn is_certificate(url: &str, host: &str) -> bool {
    let name = url.strip_prefix(host.trim_end_matches('/')).and_then(|path| path.strip_prefix(CERTIFICATES));
    name.is_some_and(|name| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

/// A key, and when it may be used.
#[derive(Clone)]
struct Signer {
    key: VerifyingKey<Sha256>,
    from_s: u64,
    until_s: u64,
}

static KNOWN: Mutex<BTreeMap<String, Signer>> = Mutex::new(BTreeMap::new());

impl Signer {
    /// The first certificate of a PEM file, which is that of whoever signs.
    fn of(pem: &[u8]) -> Option<Self> {
        const END: &str = "-----END CERTIFICATE-----";
        let text = std::str::from_utf8(pem).ok()?.trim_start();
        let first = &text[..text.find(END)? + END.len()];
        let certificate = Certificate::from_pem(first).ok()?.tbs_certificate;
        let key = certificate.subject_public_key_info.to_der().ok()?;
        let key = RsaPublicKey::from_public_key_der(&key).ok().filter(|key| key.size() >= MIN_KEY_BYTES)?;
        let seconds = |time: x509_cert::time::Time| time.to_unix_duration().as_secs();
        Some(Self {
            key: VerifyingKey::new(key),
            from_s: seconds(certificate.validity.not_before),
            until_s: seconds(certificate.validity.not_after),
        })
    }

    fn is_in_term(&self, now: Timestamp) -> bool {
        u64::try_from(now.as_seconds()).is_ok_and(|now| self.from_s <= now && now <= self.until_s)
    }
}

/// The signer whose certificate is there: known to this instance, or fetched.
async fn signer(url: &str) -> Result<Signer> {
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(signer) = known().get(url) {
        return Ok(signer.clone());
    }
    let fetched = api::exchange(Request::get(url).body(axum::body::Body::empty())).await;
    let (status, pem) = fetched.map_err(|unanswered| Problem::unavailable(unanswered.0))?;
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Problem::unavailable(format!("PayPal's certificate: {status}")));
    }
    let signer = Signer::of(&pem).filter(|_| status == StatusCode::OK).ok_or_else(refused)?;
    let mut known = known();
    if known.len() >= MAX_KNOWN {
        known.clear();
    }
    known.insert(url.to_owned(), signer.clone());
    Ok(signer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_come_from_paypals_host_alone() {
        let host = "https://api.paypal.com";
        assert!(is_certificate(
            "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-5edc0ebc",
            host
        ));
        for url in [
            "http://api.paypal.com/v1/notifications/certs/CERT-1",
            "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
            "https://api.paypal.com@evil.test/v1/notifications/certs/CERT-1",
            "https://api.paypal.com/v1/notifications/certs/",
            "https://api.paypal.com/v1/notifications/certs/../../x",
            "https://api.paypal.com/v1/notifications/certs/CERT-1?x=y",
            "https://api.paypal.com/other/CERT-1",
            "https://evil.test/v1/notifications/certs/CERT-1",
        ] {
            assert!(!is_certificate(url, host), "{url}");
        }
    }

    #[test]
    fn what_was_sent_long_ago_or_from_the_future_is_refused() {
        let now = Timestamp::now();
        let at = |time: Timestamp| is_recent(&time.to_string(), now);
        assert!(
            at(now)
                && at(now.before(Duration::from_secs(3 * 24 * 3600)))
                && at(now.after(Duration::from_secs(60)))
        );
        assert!(!at(now.before(Duration::from_secs(4 * 24 * 3600))));
        assert!(!at(now.after(Duration::from_secs(600))));
        assert!(!is_recent("yesterday", now));
    }

    #[test]
    fn what_is_no_certificate_signs_nothing() {
        for pem in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
            assert!(Signer::of(pem.as_bytes()).is_none());
        }
    }
}
