//! Browsers, as far as pages are concerned: they keep cookies, say where a form comes from, and fill forms in.

use crate::answer::Answer;
use crate::oauth::{CALLBACK, Client, form};
use crate::person::Person;
use crate::suite::Suite;
use http::Method;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What [`crate::oauth::VERIFIER`] is asked for by (RFC 7636, appendix B).
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser. It follows no redirect by itself.
pub struct Browser {
    person: Person,
    origin: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// An answer as a browser shows it.
#[derive(Debug)]
pub struct Shown {
    /// The answer.
    pub answer: Answer,
    html: String,
}

impl Suite {
    /// A browser that has never been here.
    pub async fn browser(&self) -> Browser {
        let stranger = self.stranger();
        let metadata = stranger.get("/.well-known/openid-configuration").await.is(200);
        let origin = metadata.text("/issuer").to_owned();
        Browser { person: stranger, origin, cookies: Mutex::default() }
    }
}

/// The address that a client sends browsers to, with other values for some parameters; `""` leaves one out.
pub fn authorization(client: &Client, changes: &[(&str, &str)]) -> String {
    let usual = [
        ("client_id", client.id.as_str()),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid account"),
        ("state", "a state & more"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    let kept = usual.into_iter().filter(|(name, _)| !is_changed(name));
    let given = changes.iter().copied().filter(|(_, value)| !value.is_empty());
    format!("/oauth2/authorize?{}", form(&kept.chain(given).collect::<Vec<_>>()))
}

impl Browser {
    /// Where its pages come from.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Has a cookie from now on, wherever it comes from.
    pub fn keeps(&self, name: &str, value: &str) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.insert(name.to_owned(), value.to_owned());
    }

    /// Goes on with the cookies of another one.
    pub fn has_cookies_of(&self, other: &Self) {
        let theirs = other.cookies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        *self.cookies.lock().unwrap_or_else(PoisonError::into_inner) = theirs;
    }

    fn cookie_line(&self) -> String {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Follows a link.
    pub async fn opens(&self, path: &str) -> Shown {
        self.opens_in(path, "en").await
    }

    /// The same in another language.
    pub async fn opens_in(&self, path: &str, language: &str) -> Shown {
        let request = self.person.get(path).header("cookie", self.cookie_line());
        let request = request.header("accept-language", language).header("sec-fetch-site", "cross-site");
        self.shows(request.await)
    }

    /// Sends the form of a page by one of its buttons, with these fields filled in.
    pub async fn presses(&self, page: &Shown, step: &str, fields: &[(&str, &str)]) -> Shown {
        assert!(page.has_button(step), "there is no button {step} in {}", page.html);
        let sent = [&[("csrf", page.csrf()), ("step", step)], fields].concat();
        self.sends(&page.action(), &self.origin, "same-origin", &sent).await
    }

    /// Sends a form, of a page of any origin.
    pub async fn sends(&self, action: &str, origin: &str, site: &str, fields: &[(&str, &str)]) -> Shown {
        let request = self.person.sends(Method::POST, action).header("origin", origin);
        let request = request.header("sec-fetch-site", site).header("cookie", self.cookie_line());
        self.shows(request.body("application/x-www-form-urlencoded", form(fields)).await)
    }

    /// Fills in e-mail address and password.
    pub async fn signs_in(&self, page: &Shown, person: &Person) -> Shown {
        let password = person.password();
        self.presses(page, "login", &[("email", person.email()), ("password", &password)]).await
    }

    /// Whatever the pages ask for that lie between a client's question and its code: signing in, allowing.
    pub async fn grants(&self, path: &str, person: &Person) -> String {
        let mut page = self.opens(path).await;
        if page.has_button("login") {
            page = self.signs_in(&page, person).await;
        }
        if page.has_button("consent") {
            page = self.presses(&page, "consent", &[]).await;
        }
        page.sent_back()["code"].clone()
    }

    fn shows(&self, answer: Answer) -> Shown {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().expect("a cookie is text");
            assert!(line.contains("; HttpOnly") && line.contains("; SameSite=Lax"), "{line}");
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            match line.contains("Max-Age=0") {
                true => cookies.remove(name),
                false => cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let html = String::from_utf8_lossy(&answer.body).into_owned();
        let shown = Shown { answer, html };
        shown.is_sound();
        shown
    }
}

impl Shown {
    /// What every answer to a browser must be.
    fn is_sound(&self) {
        assert_eq!(self.answer.header("cache-control"), Some("no-store"), "{}", self.answer);
        if self.answer.status.is_redirection() {
            assert_eq!(self.answer.status.as_u16(), 303, "{}", self.answer);
            return;
        }
        let policy = self.answer.header("content-security-policy").unwrap_or_default();
        for needed in
            ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(needed), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(self.answer.header("x-frame-options"), Some("DENY"));
        assert!(!self.html.contains("<script") && !self.html.contains("javascript:"), "{}", self.html);
        assert!(self.html.contains("<html lang=\""), "{}", self.html);
        let labels = self.html.matches("<label for=").count();
        let inputs = self.html.matches("<input ").count() - self.html.matches("type=\"hidden\"").count();
        assert_eq!(labels, inputs, "every field has a label: {}", self.html);
        assert_eq!(self.html.matches("<h1>").count(), 1, "{}", self.html);
    }

    /// It has this status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.answer.status.as_u16(), status, "{}", self.answer);
        self
    }

    /// Whether this can be read on it.
    pub fn says(&self, text: &str) -> bool {
        unescaped(&self.html).contains(text)
    }

    /// Its source.
    pub fn html(&self) -> &str {
        &self.html
    }

    /// What went wrong, as it says.
    pub fn alert(&self) -> Option<String> {
        let (_, rest) = self.html.split_once("role=\"alert\"><p>")?;
        rest.split_once("</p>").map(|(alert, _)| unescaped(alert))
    }

    /// Whether it has a button that takes this step.
    pub fn has_button(&self, step: &str) -> bool {
        self.html.contains(&format!("name=\"step\" value=\"{step}\""))
    }

    fn attribute(&self, after: &str) -> &str {
        let (_, rest) = self.html.split_once(after).unwrap_or_else(|| panic!("no {after} in {}", self.html));
        rest.split_once('"').map_or(rest, |(value, _)| value)
    }

    /// Where its form goes.
    pub fn action(&self) -> String {
        unescaped(self.attribute("action=\""))
    }

    /// The code of its form.
    pub fn csrf(&self) -> &str {
        self.attribute("name=\"csrf\" value=\"")
    }

    /// Where it sends the browser.
    #[track_caller]
    pub fn location(&self) -> &str {
        assert_eq!(self.answer.status.as_u16(), 303, "{}", self.answer);
        self.answer.header("location").unwrap_or_else(|| panic!("{} has no location", self.answer))
    }

    /// What it sends back to [`CALLBACK`].
    #[track_caller]
    pub fn sent_back(&self) -> BTreeMap<String, String> {
        let query = self.location().strip_prefix(&format!("{CALLBACK}?"));
        let query = query.unwrap_or_else(|| panic!("{} goes elsewhere", self.location()));
        let url = reqwest::Url::parse(&format!("http://any/?{query}")).expect("an address");
        let pairs: Vec<(String, String)> =
            url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let all: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(all.len(), pairs.len(), "each parameter once: {query}");
        assert!(all.contains_key("iss"), "{query}");
        all
    }

    /// The error that it tells the client.
    #[track_caller]
    pub fn error(&self) -> String {
        let told = self.sent_back();
        assert!(!told.contains_key("code"), "{told:?}");
        told.get("error").cloned().unwrap_or_else(|| panic!("no error in {told:?}"))
    }
}

/// Text as it stands in HTML, as a person reads it.
fn unescaped(html: &str) -> String {
    html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}
