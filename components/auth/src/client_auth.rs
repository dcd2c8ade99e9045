//! Which client asks, and whether it is (RFC 6749, section 2.3).

use crate::audit::{self, Act, Entry};
use crate::clients::{self, Client, Kind};
use crate::oauth_error::OAuthError;
use crate::opaque;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use souk_kit::form;
use souk_kit::secret::same;
use souk_kit::{Ctx, Secret};

/// What a request says of the client that makes it.
#[derive(Debug)]
pub struct Credentials {
    id: String,
    secret: Option<Secret>,
}

/// What fails looks the same, whatever is wrong.
fn refused() -> OAuthError {
    OAuthError::invalid_client("the client is unknown or its authentication failed")
}

impl Credentials {
    /// Reads them from the header (client_secret_basic) or from the form (client_secret_post, or none).
    pub fn read(
        headers: &HeaderMap,
        client_id: Option<String>,
        client_secret: Option<Secret>,
    ) -> Result<Self, OAuthError> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            let id = client_id.ok_or_else(|| OAuthError::invalid_client("no client is named"))?;
            return Ok(Self { id, secret: client_secret });
        };
        if values.next().is_some() || client_secret.is_some() {
            return Err(OAuthError::invalid_request("the client is authenticated in more than one way"));
        }
        let basic = value.to_str().ok().and_then(basic).ok_or_else(refused)?;
        if client_id.is_some_and(|id| id != basic.id) {
            return Err(OAuthError::invalid_request("client_id is not that of the Authorization header"));
        }
        Ok(basic)
    }

    /// The client, if it is the one that it says. The work is the same whatever is wrong.
    pub async fn verify(self, ctx: &Ctx) -> Result<Client, OAuthError> {
        let found = clients::find(&ctx.conn().await?, &self.id).await?;
        let is_proven = is_proven(found.as_ref(), self.secret.as_ref());
        if let Some(client) = found.as_ref().filter(|_| is_proven) {
            return Ok(client.clone());
        }
        let entry = Entry::new(Act::ClientRefused, ctx);
        // Made-up names need not be kept.
        let entry = match found {
            Some(client) => entry.client(client.id),
            None => entry,
        };
        audit::record_failure(ctx, entry).await?;
        Err(refused())
    }
}

/// Each part is percent-encoded before they are put together: a colon in either cannot be taken for the one between.
fn basic(value: &str) -> Option<Credentials> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(encoded.trim()).ok()?;
    let mut halves = bytes.splitn(2, |byte| *byte == b':');
    let (id, secret) = (form::decode(halves.next()?)?, form::decode(halves.next()?)?);
    let secret = Some(secret).filter(|secret| !secret.is_empty()).map(Secret::new);
    Some(Credentials { id, secret })
}

fn is_proven(client: Option<&Client>, secret: Option<&Secret>) -> bool {
    let nothing = vec![0; 32];
    let hash = opaque::hash(secret.map_or("", Secret::expose));
    let of_now = client.and_then(|it| it.secret_hash.as_ref());
    let of_before = client.and_then(|it| {
        it.old_secret_hash.as_ref().filter(|_| it.old_secret_until.is_some_and(|until| !until.has_passed()))
    });
    // Both are compared, always.
    let matches = same(of_now.unwrap_or(&nothing), &hash) | same(of_before.unwrap_or(&nothing), &hash);
    match client.map(|client| client.kind) {
        Some(Kind::Confidential) => secret.is_some() && matches,
        Some(Kind::Public) => secret.is_none(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::tests::client;
    use http::HeaderValue;
    use souk_kit::Timestamp;
    use std::time::Duration;

    fn with(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    fn read(headers: &HeaderMap, id: Option<&str>, secret: Option<&str>) -> Option<(String, Option<String>)> {
        let read = Credentials::read(headers, id.map(str::to_owned), secret.map(Secret::new)).ok()?;
        Some((read.id, read.secret.map(|secret| secret.expose().to_owned())))
    }

    #[test]
    fn a_client_names_itself_in_one_way() {
        let none = HeaderMap::new();
        let basic = |text: &str| with(&format!("Basic {}", STANDARD.encode(text)));
        let some = |id: &str, secret: &str| Some((id.to_owned(), Some(secret.to_owned())));
        assert_eq!(read(&none, Some("a"), None), Some(("a".into(), None)));
        assert_eq!(read(&none, Some("a"), Some("s")), some("a", "s"));
        assert_eq!(read(&basic("a:s"), None, None), some("a", "s"));
        assert_eq!(read(&basic("a%3Ab:s%20t+u:v"), Some("a:b"), None), some("a:b", "s t u:v"));
        assert_eq!(read(&basic("a:"), None, None), Some(("a".into(), None)));
        assert_eq!(read(&none, None, Some("s")), None);
        assert_eq!(read(&basic("a:s"), None, Some("s")), None);
        assert_eq!(read(&basic("a:s"), Some("b"), None), None);
        for bad in ["Basic", "Basic !", "Bearer YTpz", "Basic YQ=="] {
            assert_eq!(read(&with(bad), None, None), None, "{bad}");
        }
        let mut twice = basic("a:s");
        twice.append(header::AUTHORIZATION, HeaderValue::from_static("Basic YTpz"));
        assert_eq!(read(&twice, None, None), None);
    }

    #[test]
    fn only_the_secret_of_now_and_for_a_while_the_one_before_it_prove_a_client() {
        let now = Timestamp::now();
        let confidential = Client {
            kind: Kind::Confidential,
            secret_hash: Some(opaque::hash("new")),
            old_secret_hash: Some(opaque::hash("old")),
            old_secret_until: Some(now.after(Duration::from_secs(60))),
            ..client(&[])
        };
        let proves =
            |client: &Client, secret: Option<&str>| is_proven(Some(client), secret.map(Secret::new).as_ref());
        assert!(proves(&confidential, Some("new")) && proves(&confidential, Some("old")));
        for bad in [None, Some(""), Some("NEW"), Some("newer")] {
            assert!(!proves(&confidential, bad), "{bad:?}");
        }
        let later = Client { old_secret_until: Some(now), ..confidential.clone() };
        assert!(proves(&later, Some("new")) && !proves(&later, Some("old")));
        let public = client(&[]);
        assert!(proves(&public, None) && !proves(&public, Some("x")));
        assert!(!is_proven(None, Some(&Secret::new("new"))) && !is_proven(None, None));
    }
}
