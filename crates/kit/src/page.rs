//! Lists, page by page: keyset pagination with an opaque cursor and a `Link` header (RFC 8288).

use crate::problem::{Problem, Result};
use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use garde::Validate;
use http::{HeaderValue, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many items a page has when nobody says.
const DEFAULT_LIMIT: u32 = 20;
/// How many items a page has at most.
pub const MAX_LIMIT: u32 = 100;

/// Which page of a list is wanted. Flattened into a list's own query parameters by hand: `serde(flatten)` would lose the
/// names of unknown ones.
#[derive(Debug, Clone, Default, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// How many items at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = MAX_LIMIT)))]
    pub limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the one before.
    #[garde(inner(length(max = 1000)))]
    pub cursor: Option<String>,
}

impl PageQuery {
    /// How many items at most.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
    }

    /// The key after which the page begins.
    pub fn after<K: DeserializeOwned>(&self) -> Result<Option<K>> {
        self.cursor.as_deref().map(Cursor::read).transpose()
    }
}

/// The key of a page's last item, as an opaque text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Cursor {
    /// Wraps the sort key of an item.
    pub fn new(key: &impl Serialize) -> Result<Self> {
        let json = serde_json::to_vec(key).map_err(|error| Problem::internal(format!("cursor: {error}")))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(json)))
    }

    /// The sort key that a client brought back.
    pub fn read<K: DeserializeOwned>(text: &str) -> Result<K> {
        URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or_else(|| Problem::bad_parameter("cursor", "is not one that this list gave"))
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page from up to `limit + 1` items: the one too many tells that there is a next page.
    pub fn new<K: Serialize>(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Result<Self> {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = match items.last().filter(|_| more) {
            Some(last) => Some(Cursor::new(&key(last))?.0),
            None => None,
        };
        Ok(Self { items, next_cursor })
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        // Relative to the request's own address, which only the gateway knows in full. The client keeps its filters.
        let link = self.next_cursor.as_ref().map(|cursor| format!("<?cursor={cursor}>; rel=\"next\""));
        let mut response = Json(self).into_response();
        if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = Page::new(vec![1, 2], 2, |item| *item).unwrap();
        assert_eq!((page.items, page.next_cursor), (vec![1, 2], None));
    }

    #[test]
    fn a_cursor_gives_back_the_key_of_the_last_item() {
        let page = Page::new(vec![1, 2, 3], 2, |item| (*item, "x".to_owned())).unwrap();
        assert_eq!(Cursor::read::<(i32, String)>(&page.next_cursor.unwrap()).unwrap(), (2, "x".to_owned()));
    }

    #[test]
    fn a_forged_cursor_is_refused() {
        for text in ["", "!", "bm9wZQ", "W10"] {
            assert!(Cursor::read::<(i32, String)>(text).is_err(), "{text}");
        }
    }
}
