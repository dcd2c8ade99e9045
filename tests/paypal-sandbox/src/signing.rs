//! The signatures of webhooks: RSA-SHA256 over `transmission id|time|webhook id|CRC-32 of the body`, with a certificate of
//! an authority of the stand-in's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1v15::{Signature, SigningKey, VerifyingKey};
use rsa::pkcs8::EncodePublicKey as _;
use rsa::rand_core::OsRng;
use rsa::sha2::Sha256;
use rsa::signature::{Keypair as _, SignatureEncoding as _, Signer as _, Verifier as _};
use rsa::{RsaPrivateKey, RsaPublicKey};
use std::str::FromStr as _;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};
use x509_cert::Certificate;
use x509_cert::builder::{Builder as _, CertificateBuilder, Profile};
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{DateTime, EncodePem as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::{Time, Validity};

const BITS: usize = 2048;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who certifies; made once in a process, for keys take their time.
static AUTHORITY: LazyLock<SigningKey<Sha256>> = LazyLock::new(key);

fn key() -> SigningKey<Sha256> {
    SigningKey::new(RsaPrivateKey::new(&mut OsRng, BITS).expect("an RSA key"))
}

fn name(common: &str) -> Name {
    Name::from_str(&format!("CN={common},O=Souk's stand-in for PayPal,C=FR")).expect("a name")
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// Since yesterday, for a month.
    Now,
    /// It has ended.
    Over,
    /// It has not begun.
    NotYet,
}

/// A key that signs, and its certificate.
pub struct Signatory {
    key: SigningKey<Sha256>,
    pem: String,
}

impl Signatory {
    /// One of the stand-in's authority.
    pub fn new(validity: Term) -> Self {
        let key = key();
        let of_authority = certificate(&AUTHORITY, Profile::Root, "authority", Term::Now);
        let profile = Profile::Leaf {
            issuer: name("authority"),
            enable_key_agreement: false,
            enable_key_encipherment: false,
        };
        let own = certificate(&key, profile, "messageverificationcerts", validity);
        let pem = [own, of_authority].map(|it| it.to_pem(LineEnding::LF).expect("PEM")).concat();
        Self { key, pem }
    }

    /// Its certificate, and that of its authority.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The signature of a webhook.
    pub fn sign(&self, id: &str, time: &str, webhook: &str, body: &[u8]) -> String {
        let signature: Signature = self.key.sign(message(id, time, webhook, body).as_bytes());
        STANDARD.encode(signature.to_bytes())
    }

    /// Whether a signature is its own.
    pub fn has_signed(&self, signature: &str, id: &str, time: &str, webhook: &str, body: &[u8]) -> bool {
        let key: VerifyingKey<Sha256> = self.key.verifying_key();
        let signature = STANDARD.decode(signature).ok();
        let signature = signature.and_then(|bytes| Signature::try_from(bytes.as_slice()).ok());
        signature.is_some_and(|it| key.verify(message(id, time, webhook, body).as_bytes(), &it).is_ok())
    }
}

fn message(id: &str, time: &str, webhook: &str, body: &[u8]) -> String {
    format!("{id}|{time}|{webhook}|{}", crc32fast::hash(body))
}

fn certificate(of: &SigningKey<Sha256>, profile: Profile, common: &str, validity: Term) -> Certificate {
    let now = SystemTime::now();
    let (from, until) = match validity {
        Term::Now => (now - DAY, now + 30 * DAY),
        Term::Over => (now - 30 * DAY, now - DAY),
        Term::NotYet => (now + DAY, now + 30 * DAY),
    };
    let time = |at: SystemTime| {
        let since = at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let whole = Duration::from_secs(since.as_secs());
        Time::GeneralTime(DateTime::from_unix_duration(whole).expect("before 9999").into())
    };
    let validity = Validity { not_before: time(from), not_after: time(until) };
    let public: RsaPublicKey = of.verifying_key().into();
    let public = public.to_public_key_der().expect("a public key");
    let public = SubjectPublicKeyInfoOwned::try_from(public.as_bytes()).expect("a public key");
    let mut serial = [0; 8];
    getrandom::fill(&mut serial).expect("randomness");
    let serial = SerialNumber::from(u64::from_be_bytes(serial) >> 1 | 1);
    let builder = CertificateBuilder::new(profile, serial, validity, name(common), public, &*AUTHORITY);
    builder.expect("a certificate").build::<Signature>().expect("a certificate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_what_was_signed_alone() {
        let signatory = Signatory::new(Term::Now);
        let signature = signatory.sign("id", "time", "hook", b"{}");
        assert!(signatory.has_signed(&signature, "id", "time", "hook", b"{}"));
        assert!(!signatory.has_signed(&signature, "id", "time", "hook", b"{ }"));
        assert!(!signatory.has_signed(&signature, "id", "time", "other", b"{}"));
        assert!(!signatory.has_signed("AAAA", "id", "time", "hook", b"{}"));
        assert!(!Signatory::new(Term::Now).has_signed(&signature, "id", "time", "hook", b"{}"));
        assert_eq!(signatory.pem().matches("BEGIN CERTIFICATE").count(), 2);
    }
}
