//! In which form and language a document is wanted, and how amounts, rates and dates are written.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, header};
use serde::Serialize;
use sha2::{Digest, Sha256};
use souk_kit::{Language, Money, Timestamp};
use std::convert::Infallible;

/// How pages look, on a screen and on paper.
pub const STYLE: &str = include_str!("print.css");

/// In which form and language a client wants a document.
#[derive(Debug)]
pub struct Wish {
    html: bool,
    language: Option<Language>,
}

impl Wish {
    fn read(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            html: text(header::ACCEPT).is_some_and(prefers_html),
            language: text(header::ACCEPT_LANGUAGE).and_then(Language::preferred),
        }
    }

    /// The document as it is wanted: JSON, or the page in the language that is wanted, else in `own`.
    pub fn answer(
        &self,
        document: &impl Serialize,
        own: Language,
        page: impl FnOnce(Language) -> String,
    ) -> Response {
        let vary = (header::VARY, "accept, accept-language".to_owned());
        if !self.html {
            return ([vary], Json(document)).into_response();
        }
        let language = self.language.unwrap_or(own);
        let headers = [
            vary,
            (header::CONTENT_LANGUAGE, language.code().to_owned()),
            (header::CONTENT_SECURITY_POLICY, policy()),
        ];
        (headers, Html(page(language))).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for Wish {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(&parts.headers))
    }
}

/// A page may look as we say, and do nothing else.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; frame-ancestors 'none'")
}

/// Whether HTML is asked for by name, and no less than JSON (RFC 9110, section 12.5.1).
fn prefers_html(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let ranges = accept.split(',').map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default();
            let q = parts.find_map(|parameter| parameter.strip_prefix("q=")?.parse::<f32>().ok());
            (media_type, q.unwrap_or(1.0))
        });
        ranges.filter(|(media_type, _)| media_type.eq_ignore_ascii_case(wanted)).map(|(_, q)| q).next()
    };
    let json = weight("application/json").unwrap_or(0.0);
    weight("text/html").is_some_and(|html| html > 0.0 && html >= json)
}

const MONTHS: [(&str, &str); 12] = [
    ("January", "janvier"),
    ("February", "février"),
    ("March", "mars"),
    ("April", "avril"),
    ("May", "mai"),
    ("June", "juin"),
    ("July", "juillet"),
    ("August", "août"),
    ("September", "septembre"),
    ("October", "octobre"),
    ("November", "novembre"),
    ("December", "décembre"),
];

/// `21 November 2026`, `1er décembre 2026`.
pub fn date(at: Timestamp, language: Language) -> String {
    let (year, month, day) = at.date();
    let (english, french) = MONTHS.get(usize::from(month) - 1).copied().unwrap_or_default();
    match (language, day) {
        (Language::En, _) => format!("{day} {english} {year}"),
        (Language::Fr, 1) => format!("1er {french} {year}"),
        (Language::Fr, _) => format!("{day} {french} {year}"),
    }
}

/// `EUR 1,234.56`, `1 234,56 EUR`. The code, since a sign may be that of several currencies.
pub fn money(money: Money, language: Language) -> String {
    let decimals = money.currency.decimals() as usize;
    let (group, point) = separators(language);
    let digits = format!("{:0>width$}", money.amount.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let mut number = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            number.push(group);
        }
        number.push(digit);
    }
    if decimals > 0 {
        number.push(point);
        number += fraction;
    }
    let sign = if money.amount < 0 { "−" } else { "" };
    match language {
        Language::En => format!("{sign}{}\u{a0}{number}", money.currency),
        Language::Fr => format!("{sign}{number}\u{a0}{}", money.currency),
    }
}

/// Between groups of three digits, and before the decimals.
const fn separators(language: Language) -> (char, char) {
    match language {
        Language::En => (',', '.'),
        Language::Fr => ('\u{202f}', ','),
    }
}

/// `5.5%`, `5,5 %`.
pub fn rate(basis_points: u32, language: Language) -> String {
    let (_, point) = separators(language);
    let fraction = format!("{:02}", basis_points % 100);
    let fraction = fraction.trim_end_matches('0');
    let number = match fraction {
        "" => (basis_points / 100).to_string(),
        _ => format!("{}{point}{fraction}", basis_points / 100),
    };
    match language {
        Language::En => format!("{number}%"),
        Language::Fr => format!("{number}\u{a0}%"),
    }
}

/// Text as it stands in HTML, in an attribute too.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{En, Fr};

    #[test]
    fn amounts_are_written_as_the_language_writes_them() {
        let amount = |amount, code: &str| Money::new(amount, code.parse().unwrap());
        assert_eq!(money(amount(123_456_789, "EUR"), En), "EUR\u{a0}1,234,567.89");
        assert_eq!(money(amount(123_456, "EUR"), Fr), "1\u{202f}234,56\u{a0}EUR");
        assert_eq!(money(amount(5, "EUR"), En), "EUR\u{a0}0.05");
        assert_eq!(money(amount(-1000, "JPY"), En), "−JPY\u{a0}1,000");
        assert_eq!(money(amount(1, "TND"), Fr), "0,001\u{a0}TND");
    }

    #[test]
    fn rates_and_dates_are_written_as_the_language_writes_them() {
        assert_eq!((rate(2000, En), rate(550, Fr)), ("20%".into(), "5,5\u{a0}%".into()));
        assert_eq!((rate(9975, En), rate(5, En)), ("99.75%".into(), "0.05%".into()));
        let at = Timestamp::from_millis(1_795_253_400_123);
        assert_eq!((date(at, En), date(at, Fr)), ("21 November 2026".into(), "21 novembre 2026".into()));
        assert_eq!(date(Timestamp::start_of(2027), Fr), "1er janvier 2027");
    }

    #[test]
    fn html_is_for_those_who_ask_for_it() {
        for html in
            ["text/html", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json;q=0.5, text/html"]
        {
            assert!(prefers_html(html), "{html}");
        }
        for json in ["", "*/*", "application/json", "application/json, text/html;q=0.9", "text/html;q=0"] {
            assert!(!prefers_html(json), "{json}");
        }
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(escape("<script>'\"&</script>"), "&lt;script&gt;&#39;&quot;&amp;&lt;/script&gt;");
    }
}
