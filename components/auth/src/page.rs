//! What every page for people has: its frame, its style and its headers.
//!
//! Keeps: no script, no style but ours (allowed by its hash), nothing from elsewhere, in no frame and in no cache; a form goes
//! to this suite, and from there to nowhere but where its client is known to live. All that is shown goes through `maud`, which
//! escapes it.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use souk_kit::Language;
use std::sync::LazyLock;

const STYLE: &str = include_str!("page.css");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE)));

/// A page in the making.
pub struct Page<'a> {
    language: Language,
    title: &'a str,
    status: StatusCode,
    alert: Option<&'a str>,
    leads_to: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// A page with this heading.
    pub fn new(language: Language, title: &'a str) -> Self {
        Self { language, title, status: StatusCode::OK, alert: None, leads_to: None }
    }

    /// With another status than 200.
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With what went wrong, said first.
    pub fn alert(mut self, alert: Option<&'a str>) -> Self {
        self.alert = alert;
        self
    }

    /// With forms whose answer may redirect to this address. Browsers apply `form-action` to redirects too.
    pub fn leads_to(mut self, uri: &'a str) -> Self {
        self.leads_to = Some(uri);
        self
    }

    /// The answer, with this below the heading.
    pub fn with(self, content: Markup) -> Response {
        let error = match self.language {
            Language::En => "Error",
            Language::Fr => "Erreur",
        };
        let html = html! {
            (DOCTYPE)
            html lang=(self.language.code()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="robots" content="noindex";
                    title { @if self.alert.is_some() { (error) ": " } (self.title) " · Souk" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        p.brand { "Souk" }
                        h1 { (self.title) }
                        @if let Some(alert) = self.alert {
                            div #alert .alert role="alert" { p { (alert) } }
                        }
                        (content)
                    }
                }
            }
        };
        let mut response = (self.status, html.into_string()).into_response();
        self.harden(response.headers_mut());
        response
    }

    fn harden(&self, headers: &mut HeaderMap) {
        let policy = policy(self.leads_to);
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, &policy),
            (header::CONTENT_LANGUAGE, self.language.code()),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            // With `no-referrer` browsers would send `Origin: null` with our own forms.
            (header::REFERRER_POLICY, "same-origin"),
            (header::VARY, "accept-language, cookie"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
    }
}

fn policy(leads_to: Option<&str>) -> String {
    let target = leads_to.and_then(source).map(|source| format!(" {source}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'{target}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH
    )
}

/// What a content security policy calls the place that an address leads to: its origin, or its scheme alone where it has no
/// host that the policy's grammar knows (an app's own scheme, an IPv6 address).
pub fn source(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return None;
    }
    let host =
        rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    let is_host = host.starts_with(|c: char| c.is_ascii_alphanumeric())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte));
    Some(match is_host && matches!(scheme, "http" | "https") {
        true => format!("{scheme}://{host}"),
        false => format!("{scheme}:"),
    })
}

/// The language for somebody: what the client asks for (`ui_locales`, best first), else what their browser does.
pub fn language(ui_locales: Option<&str>, headers: &HeaderMap) -> Language {
    let tags = ui_locales.unwrap_or_default().split_ascii_whitespace();
    let mut known = tags.filter_map(|tag| {
        let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        primary.parse().ok()
    });
    let accept = || headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok().and_then(Language::preferred);
    known.next().or_else(accept).unwrap_or_default()
}

/// Something to fill in.
#[derive(Default)]
pub struct Field<'a> {
    /// Its name, and the id that its label points to.
    pub name: &'a str,
    /// What it is called.
    pub label: &'a str,
    /// What kind of input: `email`, `password`, `text`.
    pub kind: &'a str,
    /// What password managers know it by.
    pub autocomplete: &'a str,
    /// What is in it to begin with.
    pub value: Option<&'a str>,
    /// What to know before filling it in.
    pub hint: Option<&'a str>,
    /// Whether the alert is about it.
    pub is_wrong: bool,
    /// Whether to begin here.
    pub is_first: bool,
}

/// A field with its label.
pub fn field(field: &Field<'_>) -> Markup {
    let hint_id = format!("{}-hint", field.name);
    let described: Vec<&str> = [field.hint.map(|_| hint_id.as_str()), field.is_wrong.then_some("alert")]
        .into_iter()
        .flatten()
        .collect();
    let described = Some(described.join(" ")).filter(|ids| !ids.is_empty());
    html! {
        div.field {
            label for=(field.name) { (field.label) }
            @if let Some(hint) = field.hint { p.hint #(hint_id) { (hint) } }
            input #(field.name) name=(field.name) type=(field.kind) autocomplete=(field.autocomplete)
                value=[field.value] required autofocus[field.is_first] autocapitalize="none" spellcheck="false"
                aria-invalid=[field.is_wrong.then_some("true")] aria-describedby=[described];
        }
    }
}

/// Something that a form carries without showing it.
pub fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_where_a_form_may_lead_and_cannot_be_extended() {
        for (uri, expected) in [
            ("https://app.example/cb?x=1", Some("https://app.example")),
            ("http://127.0.0.1:8123/cb", Some("http://127.0.0.1:8123")),
            ("http://[::1]:8123/cb", Some("http:")),
            ("com.example.app:/cb", Some("com.example.app:")),
            ("https://a.example;script-src *", Some("https:")),
            ("https://a.example 'unsafe-inline'/", Some("https:")),
            ("x;y:/", None),
            ("nothing", None),
        ] {
            assert_eq!(source(uri).as_deref(), expected, "{uri}");
        }
        assert!(!policy(Some("https://a.example;script-src *")).contains("script-src"));
    }

    #[test]
    fn the_client_says_the_language_before_the_browser_does() {
        let headers: HeaderMap =
            [(header::ACCEPT_LANGUAGE, HeaderValue::from_static("fr-CH, en;q=0.5"))].into_iter().collect();
        for (ui_locales, expected) in [
            (None, Language::Fr),
            (Some("en-GB fr"), Language::En),
            (Some("de fr-CA en"), Language::Fr),
            (Some("de"), Language::Fr),
        ] {
            assert_eq!(language(ui_locales, &headers), expected, "{ui_locales:?}");
        }
        assert_eq!(language(Some("de"), &HeaderMap::new()), Language::En);
    }

    #[test]
    fn nothing_that_is_shown_becomes_markup() {
        let evil = "\"><script>alert(1)</script>";
        let shown = field(&Field {
            name: "email",
            label: evil,
            value: Some(evil),
            hint: Some(evil),
            ..Field::default()
        });
        assert!(!shown.into_string().contains("<script"));
    }
}
