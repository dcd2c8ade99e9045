//! Signed webhooks: `webhook-signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`.

use crate::problem::PaymentsError;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;
use souk_kit::{Problem, Result, Secret, Timestamp};

/// Carries the signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How old a signature may be, or how far ahead: somebody who overheard one cannot use it much later.
const TOLERANCE_SECONDS: u64 = 5 * 60;
/// While a key is replaced there are two signatures; nobody needs more.
const MAX_SIGNATURES: usize = 4;

fn mac(time: i64, body: &[u8], key: &Secret) -> Result<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
    mac.update(format!("{time}.").as_bytes());
    mac.update(body);
    Ok(mac)
}

/// The header's value for a body that is sent now.
pub fn sign(body: &[u8], now: Timestamp, key: &Secret) -> Result<String> {
    let code = mac(now.as_seconds(), body, key)?.finalize().into_bytes();
    Ok(format!("t={},v1={}", now.as_seconds(), hex::encode(code)))
}

/// Refuses a body that nobody with the key has signed within the last minutes. Compared in constant time.
pub fn verify(headers: &HeaderMap, body: &[u8], now: Timestamp, key: &Secret) -> Result<()> {
    let refused = || Problem::from(PaymentsError::InvalidSignature);
    let mut values = headers.get_all(SIGNATURE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(refused()) };
    let mut time = None;
    let mut codes = Vec::new();
    for (name, value) in
        value.to_str().unwrap_or_default().split(',').filter_map(|it| it.trim().split_once('='))
    {
        match name {
            "t" if time.is_none() => time = Some(value.parse::<i64>().map_err(|_| refused())?),
            "t" => return Err(refused()),
            "v1" => codes.push(hex::decode(value).map_err(|_| refused())?),
            _ => {}
        }
    }
    let time = time.ok_or_else(refused)?;
    if time.abs_diff(now.as_seconds()) > TOLERANCE_SECONDS || codes.len() > MAX_SIGNATURES {
        return Err(refused());
    }
    let mac = mac(time, body, key)?;
    let is_genuine = codes.iter().any(|code| mac.clone().verify_slice(code).is_ok());
    if is_genuine { Ok(()) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(SIGNATURE, value.parse().unwrap())])
    }

    #[test]
    fn what_was_signed_is_believed_for_five_minutes() {
        let (key, now, body) = (Secret::new("the key"), Timestamp::now(), b"{}".as_slice());
        let value = sign(body, now, &key).unwrap();
        let at = |now| verify(&headers(&value), body, now, &key);
        assert!(at(now).is_ok() && at(now.after(Duration::from_secs(299))).is_ok());
        assert!(at(now.after(Duration::from_secs(302))).is_err());
        assert!(at(now.before(Duration::from_secs(302))).is_err());
    }

    #[test]
    fn nothing_else_is_believed() {
        let (key, now, body) = (Secret::new("the key"), Timestamp::now(), b"{}".as_slice());
        let value = sign(body, now, &key).unwrap();
        let (time, code) = value.split_once(',').unwrap();
        assert!(verify(&headers(&value), b"{} ", now, &key).is_err());
        assert!(verify(&headers(&value), body, now, &Secret::new("another")).is_err());
        assert!(verify(&HeaderMap::new(), body, now, &key).is_err());
        for wrong in [
            String::new(),
            time.to_owned(),
            code.to_owned(),
            format!("{value},t=1"),
            format!("t=1,{code}"),
            format!("t={}x,{code}", now.as_seconds()),
            value[..value.len() - 2].to_owned(),
            format!("{time},v1=zz"),
            format!("{time},v1="),
            format!("{time},v0={}", &code[3..]),
        ] {
            assert!(verify(&headers(&wrong), body, now, &key).is_err(), "{wrong}");
        }
        let during_rotation = format!("{time},v1={},{code}", hex::encode([0; 32]));
        assert!(verify(&headers(&during_rotation), body, now, &key).is_ok());
    }
}
