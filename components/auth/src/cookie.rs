//! Cookies of the pages: never seen by a script, sent only with what this site's own pages or a link to them ask for.

use http::{HeaderMap, HeaderValue, header};
use souk_kit::{Problem, Result, settings};

/// The cookies of a suite at its address.
#[derive(Debug, Clone, Copy)]
pub struct Jar {
    /// Whether browsers come over TLS. Then no other host, and nobody on the way, can set our cookies (`__Host-`).
    is_secure: bool,
}

impl Jar {
    /// The jar of this suite.
    pub async fn of_suite() -> Result<Self> {
        Ok(Self { is_secure: settings::variable("public_url").await?.starts_with("https://") })
    }

    #[cfg(test)]
    pub const fn over_plain_http() -> Self {
        Self { is_secure: false }
    }

    fn name(self, base: &str) -> String {
        format!("{}{base}", if self.is_secure { "__Host-" } else { "" })
    }

    /// The value of a cookie; nothing when two of them came, since one of these is somebody else's.
    pub fn read(self, headers: &HeaderMap, base: &str) -> Option<String> {
        let name = self.name(base);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        let value = values.next();
        if values.next().is_some() { None } else { value }
    }

    /// Sets a cookie that goes with the browser.
    pub fn set(self, base: &str, value: &str) -> Result<HeaderValue> {
        self.line(base, value, "")
    }

    /// Takes a cookie away.
    pub fn clear(self, base: &str) -> Result<HeaderValue> {
        self.line(base, "", "; Max-Age=0")
    }

    fn line(self, base: &str, value: &str, more: &str) -> Result<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let line = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}", self.name(base));
        HeaderValue::try_from(line).map_err(|error| Problem::internal(format!("cookie: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name_and_only_if_it_is_the_only_one() {
        let (plain, secure) = (Jar { is_secure: false }, Jar { is_secure: true });
        let read = |jar: Jar, lines: &[&'static str]| jar.read(&headers(lines), "souk-session");
        assert_eq!(read(plain, &["a=1; souk-session=x=y; b=2"]).as_deref(), Some("x=y"));
        assert_eq!(read(plain, &["a=1", "souk-session=x"]).as_deref(), Some("x"));
        assert_eq!(read(secure, &["__Host-souk-session=x"]).as_deref(), Some("x"));
        assert_eq!(read(secure, &["souk-session=x"]), None);
        assert_eq!(read(plain, &["souk-session=x; souk-session=y"]), None);
        assert_eq!(read(plain, &["souk-session=x", "souk-session=y"]), None);
        assert_eq!(read(plain, &["xsouk-session=x; souk-session"]), None);
    }

    #[test]
    fn a_cookie_over_tls_belongs_to_this_host_alone() {
        let line = Jar { is_secure: true }.set("souk-session", "x").unwrap();
        assert_eq!(line, "__Host-souk-session=x; Path=/; HttpOnly; SameSite=Lax; Secure");
        let line = Jar { is_secure: false }.clear("souk-session").unwrap();
        assert_eq!(line, "souk-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
