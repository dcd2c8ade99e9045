//! The text that a wallet signs (ERC-4361), by its whole grammar: what does not follow it to the letter is refused.

use super::address::Address;
use iri_string::types::{UriRelativeStr, UriStr};
use souk_kit::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The longest message that is read, in bytes: what a person should be shown is shorter by far.
pub const MAX_MESSAGE: usize = 8 << 10;
/// The most resources that one may name.
const MAX_RESOURCES: usize = 50;
/// What stands between the domain and the address.
const WANTS: &str = " wants you to sign in with your Ethereum account:";

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The scheme of the origin, where it is named.
    pub scheme: Option<String>,
    /// The authority that asks for the signature: host, and port if it is no usual one.
    pub domain: String,
    /// Who signs.
    pub address: Address,
    /// What the person is told.
    pub statement: Option<String>,
    /// What is signed in to.
    pub uri: String,
    /// On which chain a contract's signature holds (EIP-155).
    pub chain_id: u64,
    /// Ours, against repetition.
    pub nonce: String,
    /// When it was written.
    pub issued_at: Timestamp,
    /// Until when it holds.
    pub expires_at: Option<Timestamp>,
    /// From when on it holds.
    pub not_before: Option<Timestamp>,
    /// What the one who asks knows the request by.
    pub request_id: Option<String>,
    /// What the person wishes to have resolved.
    pub resources: Vec<String>,
}

/// Which part of a message does not follow the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// The lines of a message, taken one by one.
struct Lines<'a>(std::iter::Peekable<std::str::Split<'a, char>>);

impl<'a> Lines<'a> {
    fn next(&mut self, what: &'static str) -> Result<&'a str, Malformed> {
        self.0.next().ok_or(Malformed(what))
    }

    /// The rest of the next line, which begins with `label`.
    fn labelled(&mut self, label: &'static str, what: &'static str) -> Result<&'a str, Malformed> {
        self.next(what)?.strip_prefix(label).ok_or(Malformed(what))
    }

    /// The same, if the next line begins so.
    fn optional(&mut self, label: &'static str) -> Option<&'a str> {
        self.0.next_if(|line| line.starts_with(label))?.strip_prefix(label)
    }
}

impl Message {
    /// Reads a message.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        if text.len() > MAX_MESSAGE {
            return Err(Malformed("is too long"));
        }
        let mut lines = Lines(text.split('\n').peekable());
        let origin =
            lines.next("is empty")?.strip_suffix(WANTS).ok_or(Malformed("has no such first line"))?;
        let (scheme, domain) = origin_of(origin)?;
        let address = lines.next("has no address")?.parse().map_err(Malformed)?;
        let statement = statement(&mut lines)?;
        let uri = uri(lines.labelled("URI: ", "has no URI")?).ok_or(Malformed("has no valid URI"))?;
        if lines.labelled("Version: ", "has no version")? != "1" {
            return Err(Malformed("is not of version 1"));
        }
        let chain_id = lines.labelled("Chain ID: ", "has no chain id")?;
        let chain_id = number(chain_id).ok_or(Malformed("has no valid chain id"))?;
        let nonce = lines.labelled("Nonce: ", "has no nonce")?;
        if nonce.len() < 8 || !nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Malformed("has no valid nonce"));
        }
        let issued_at = lines.labelled("Issued At: ", "has no time of issue")?;
        let message = Self {
            scheme: scheme.map(str::to_owned),
            domain: domain.to_owned(),
            address,
            statement: statement.map(str::to_owned),
            uri: uri.to_owned(),
            chain_id,
            nonce: nonce.to_owned(),
            issued_at: date_time(issued_at).ok_or(Malformed("has no valid time of issue"))?,
            expires_at: optional_time(
                lines.optional("Expiration Time: "),
                "has no valid time of expiration",
            )?,
            not_before: optional_time(lines.optional("Not Before: "), "has no valid time to begin")?,
            request_id: request_id(lines.optional("Request ID: "))?,
            resources: resources(&mut lines)?,
        };
        // What follows is out of order, or nothing that the grammar knows.
        match lines.0.next() {
            None => Ok(message),
            Some(_) => Err(Malformed("has a line that does not belong there")),
        }
    }
}

/// `[ scheme "://" ] domain`
fn origin_of(text: &str) -> Result<(Option<&str>, &str), Malformed> {
    let (scheme, domain) = match text.split_once("://") {
        Some((scheme, domain)) if is_scheme(scheme) => (Some(scheme), domain),
        Some(_) => return Err(Malformed("has no valid scheme")),
        None => (None, text),
    };
    if is_authority(domain) { Ok((scheme, domain)) } else { Err(Malformed("has no valid domain")) }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// RFC 3986, section 3.2, with a host: the domain is whom the person trusts, and nobody has no name.
fn is_authority(text: &str) -> bool {
    let reference = format!("//{text}");
    let Ok(reference) = UriRelativeStr::new(&reference) else { return false };
    reference.authority_str() == Some(text)
        && reference.authority_components().is_some_and(|parts| !parts.host().is_empty())
}

/// `LF [ statement LF ] LF`, of which the first line ended the address.
fn statement<'a>(lines: &mut Lines<'a>) -> Result<Option<&'a str>, Malformed> {
    const NO_EMPTY_LINE: Malformed = Malformed("has no empty lines around its statement");
    if !lines.next(NO_EMPTY_LINE.0)?.is_empty() {
        return Err(NO_EMPTY_LINE);
    }
    let statement = match lines.next(NO_EMPTY_LINE.0)? {
        "" => return Ok(None),
        statement => statement,
    };
    if !statement.bytes().all(|byte| byte == b' ' || is_reserved(byte) || is_unreserved(byte)) {
        return Err(Malformed("has a statement with characters that it may not have"));
    }
    if lines.next(NO_EMPTY_LINE.0)?.is_empty() { Ok(Some(statement)) } else { Err(NO_EMPTY_LINE) }
}

/// RFC 3986, section 2.2.
fn is_reserved(byte: u8) -> bool {
    b":/?#[]@!$&'()*+,;=".contains(&byte)
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// RFC 3986, section 3: with a scheme, and perhaps a fragment.
fn uri(text: &str) -> Option<&str> {
    UriStr::new(text).ok().map(UriStr::as_str)
}

fn number(text: &str) -> Option<u64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits)
}

/// RFC 3339, section 5.6.
fn date_time(text: &str) -> Option<Timestamp> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok().map(Timestamp::from_millis)
}

fn optional_time(text: Option<&str>, what: &'static str) -> Result<Option<Timestamp>, Malformed> {
    text.map(|text| date_time(text).ok_or(Malformed(what))).transpose()
}

/// `*pchar` (RFC 3986, section 3.3).
fn request_id(text: Option<&str>) -> Result<Option<String>, Malformed> {
    let Some(text) = text else { return Ok(None) };
    // A path of one segment has exactly these characters.
    let is_segment = !text.contains(['/', '?', '#']) && UriRelativeStr::new(&format!("/{text}")).is_ok();
    if is_segment { Ok(Some(text.to_owned())) } else { Err(Malformed("has no valid request id")) }
}

fn resources(lines: &mut Lines<'_>) -> Result<Vec<String>, Malformed> {
    const INVALID: Malformed = Malformed("has a resource that is no URI");
    match lines.optional("Resources:") {
        None => return Ok(Vec::new()),
        Some("") => {}
        Some(_) => return Err(INVALID),
    }
    let mut resources = Vec::new();
    while let Some(resource) = lines.optional("- ") {
        resources.push(uri(resource).ok_or(INVALID)?.to_owned());
        if resources.len() > MAX_RESOURCES {
            return Err(Malformed("names too many resources"));
        }
    }
    Ok(resources)
}
