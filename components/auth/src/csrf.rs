//! Forms that only our own pages can send: each carries a code over the browser's cookie, the page, what it was shown for and
//! to whom, so that a form of one page is worth nothing for another, or for another's sign-in.

use crate::cookie::Jar;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, header};
use sha2::Sha256;
use souk_kit::{Problem, Result, Secret, Timestamp, settings};
use std::time::Duration;

const COOKIE: &str = "souk-csrf";
const COOKIE_BYTES: usize = 32;
/// How long a page may stay open before its form is no longer taken.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A page with a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Signing in.
    Login,
    /// Choosing the account.
    Choose,
    /// Allowing an application what it asks for.
    Consent,
    /// Signing out.
    Logout,
    /// Asking for a new password.
    Forgot,
    /// Choosing it.
    Reset,
    /// Confirming an e-mail address.
    Verify,
}

/// What a form was shown for: by which page, for which query, to the browser session of whom.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The page.
    pub form: Form,
    /// The query of its address.
    pub query: &'a str,
    /// The browser session, if there was one.
    pub session: &'a str,
}

/// A browser, as far as forms are concerned.
pub struct Csrf {
    cookie: String,
    is_new: bool,
    jar: Jar,
    key: Secret,
}

impl Csrf {
    /// The browser of a request; one that has no cookie yet gets one.
    pub async fn of(headers: &HeaderMap, jar: Jar) -> Result<Self> {
        let key = settings::key("auth_encryption_key").await?;
        let is_ours =
            |value: &String| URL_SAFE_NO_PAD.decode(value).is_ok_and(|bytes| bytes.len() == COOKIE_BYTES);
        if let Some(cookie) = jar.read(headers, COOKIE).filter(is_ours) {
            return Ok(Self { cookie, is_new: false, jar, key });
        }
        let mut bytes = [0_u8; COOKIE_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| Problem::internal(format!("randomness: {error}")))?;
        Ok(Self { cookie: URL_SAFE_NO_PAD.encode(bytes), is_new: true, jar, key })
    }

    /// The cookie to set, if the browser has none.
    pub fn set_cookie(&self) -> Result<Option<HeaderValue>> {
        match self.is_new {
            true => self.jar.set(COOKIE, &self.cookie).map(Some),
            false => Ok(None),
        }
    }

    /// The code for a form.
    pub fn code(&self, shown: Shown<'_>) -> Result<String> {
        self.code_at(shown, Timestamp::now())
    }

    fn code_at(&self, shown: Shown<'_>, at: Timestamp) -> Result<String> {
        let mac = self.mac(shown, at.as_seconds())?.finalize().into_bytes();
        Ok(format!("{}.{}", at.as_seconds(), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Whether a form that comes back was shown so, to this browser, not too long ago.
    pub fn accepts(&self, code: &str, shown: Shown<'_>) -> Result<bool> {
        self.accepts_at(code, shown, Timestamp::now())
    }

    fn accepts_at(&self, code: &str, shown: Shown<'_>, now: Timestamp) -> Result<bool> {
        let Some((seconds, mac)) = code.split_once('.') else { return Ok(false) };
        let Ok(seconds) = seconds.parse::<i64>() else { return Ok(false) };
        let Ok(mac) = URL_SAFE_NO_PAD.decode(mac) else { return Ok(false) };
        let age = now.as_seconds().abs_diff(seconds);
        Ok(self.mac(shown, seconds)?.verify_slice(&mac).is_ok() && age <= PATIENCE.as_secs() && !self.is_new)
    }

    fn mac(&self, shown: Shown<'_>, seconds: i64) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose().as_bytes())
            .map_err(|error| Problem::internal(format!("hmac: {error}")))?;
        mac.update(b"souk form");
        let form = format!("{:?}", shown.form);
        // Each with its length, so that no two lists of parts read the same.
        for part in [&form, &self.cookie, shown.query, shown.session] {
            mac.update(&part.len().to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(&seconds.to_be_bytes());
        Ok(mac)
    }
}

/// Whether a form comes from a page of ours, as far as the browser says. The code of the form decides; this is a second lock.
pub async fn is_from_here(headers: &HeaderMap) -> Result<bool> {
    let public_url = settings::variable("public_url").await?;
    Ok(is_from(headers, public_url.trim_end_matches('/')))
}

fn is_from(headers: &HeaderMap, origin: &str) -> bool {
    let is_ours = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
    let is_near = |value: &HeaderValue| matches!(value.as_bytes(), b"same-origin" | b"none");
    headers.get_all(header::ORIGIN).iter().all(is_ours)
        && headers.get_all("sec-fetch-site").iter().all(is_near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn browser(cookie: &str) -> Csrf {
        let jar = Jar::over_plain_http();
        Csrf { cookie: cookie.into(), is_new: false, jar, key: Secret::new("k".repeat(32)) }
    }

    #[test]
    fn a_form_is_good_for_its_own_page_query_session_and_browser() {
        let ana = browser("ana");
        let shown = Shown { form: Form::Login, query: "a=1", session: "" };
        let now = Timestamp::now();
        let code = ana.code_at(shown, now).unwrap();
        let is_good = |browser: &Csrf, shown, after| {
            browser.accepts_at(&code, shown, now.after(Duration::from_secs(after))).unwrap()
        };
        assert!(is_good(&ana, shown, 0) && is_good(&ana, shown, 3590));
        assert!(!is_good(&ana, shown, 3610));
        for other in [
            Shown { form: Form::Consent, ..shown },
            Shown { query: "a=2", ..shown },
            Shown { query: "", session: "a=1", ..shown },
            Shown { session: "brs_1", ..shown },
        ] {
            assert!(!is_good(&ana, other, 0), "{other:?}");
        }
        assert!(!is_good(&browser("eve"), shown, 0));
        for nonsense in ["", ".", "x.y", "1.", &code[1..], &format!("{code}A")] {
            assert!(!ana.accepts_at(nonsense, shown, now).unwrap(), "{nonsense}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_known_by_what_the_browser_says() {
        let from = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            is_from(&pairs.collect(), "https://shop.example")
        };
        assert!(from(&[]) && from(&[("origin", "https://shop.example"), ("sec-fetch-site", "same-origin")]));
        assert!(from(&[("sec-fetch-site", "none")]));
        for bad in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "https://shop.example.evil.example"),
            ("origin", "http://shop.example"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!from(&[bad]), "{bad:?}");
        }
    }
}
