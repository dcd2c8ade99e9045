//! The keys that auth publishes, by which tokens are verified.
//!
//! An instance keeps what it has read for a while. The newest answer also stands in the gateway's database: a new instance
//! begins from it without asking, and while auth is down tokens are verified by it however old it is.

use futures::future::OptionFuture;
use http::Method;
use jwt_simple::algorithms::ES256PublicKey;
use serde::Deserialize;
use serde_json::{Value, json};
use souk_kit::db::DbError;

use souk_kit::{Ctx, Level, Result, Timestamp, log, params};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// How long the published keys are relied on without asking.
const KEPT: Duration = Duration::from_secs(300);
/// How soon an instance asks again, for an unknown key id (a stranger can invent as many as they like) or when auth is down.
const PAUSE: Duration = Duration::from_secs(5);

/// What auth published, and when.
#[derive(Clone)]
struct Published {
    jwks: String,
    by_id: HashMap<String, ES256PublicKey>,
    read_at: Timestamp,
    /// Before this time this instance does not ask auth again.
    ask_after: Timestamp,
}

static HELD: Mutex<Option<Published>> = Mutex::new(None);

impl Published {
    fn read(jwks: String, read_at: Timestamp) -> Self {
        #[derive(Deserialize)]
        struct JwkSet {
            keys: Vec<Value>,
        }
        let set = serde_json::from_str(&jwks).unwrap_or(JwkSet { keys: Vec::new() });
        let key = |jwk: &Value| {
            let key = ES256PublicKey::from_jwk(&jwk.to_string()).ok()?;
            Some((jwk["kid"].as_str()?.to_owned(), key))
        };
        let by_id = set.keys.iter().filter_map(key).collect();
        Self { jwks, by_id, read_at, ask_after: read_at }
    }

    /// The same after auth was asked, whether it answered or not.
    fn asked(self) -> Self {
        Self { ask_after: Timestamp::now().after(PAUSE), ..self }
    }

    fn key(&self, kid: &str) -> Option<&ES256PublicKey> {
        self.by_id.get(kid)
    }

    /// Whether the answer for `kid` can be given without asking auth.
    fn settles(&self, kid: &str) -> bool {
        let is_fresh = self.by_id.contains_key(kid) && !self.is_old();
        is_fresh || !self.ask_after.has_passed()
    }

    fn is_old(&self) -> bool {
        self.read_at.after(KEPT).has_passed()
    }
}

/// The published key of this id, if there is one.
pub async fn find(ctx: &Ctx, kid: &str) -> Result<Option<ES256PublicKey>> {
    let held = HELD.lock().ok().and_then(|held| held.clone());
    if let Some(held) = held.as_ref().filter(|held| held.settles(kid)) {
        return Ok(held.key(kid).cloned());
    }
    let stored = OptionFuture::from(held.is_none().then(|| stored(ctx))).await.flatten();
    let known = held.or(stored);
    let published = match known {
        Some(known) if known.settles(kid) => known,
        known => ask(ctx, known).await?,
    };
    let found = published.key(kid).cloned();
    if let Ok(mut held) = HELD.lock() {
        *held = Some(published);
    }
    Ok(found)
}

/// What auth publishes now; when it does not answer, what it published last.
async fn ask(ctx: &Ctx, known: Option<Published>) -> Result<Published> {
    let answer = ctx.call(Method::GET, "auth", "/.well-known/jwks.json").send().await;
    match answer.and_then(|reply| reply.json::<Value>()) {
        Ok(jwks) => {
            let published = Published::read(jwks.to_string(), Timestamp::now());
            // A stranger's made-up key id must cost us no write.
            let is_news = known.is_none_or(|known| known.jwks != published.jwks || known.is_old());
            if is_news && let Err(error) = store(ctx, &published).await {
                let fields = json!({"service": "gateway", "cause": format!("{error:?}")});
                log(Level::Warn, "auth's published keys could not be kept", fields);
            }
            Ok(published.asked())
        }
        Err(problem) => {
            let known = known.filter(|known| !known.by_id.is_empty()).ok_or(problem)?;
            let fields = json!({"service": "gateway", "read_at": known.read_at});
            log(Level::Warn, "auth does not answer: its last published keys are used", fields);
            Ok(known.asked())
        }
    }
}

/// The newest answer of auth that any instance has had. A database that fails is as good as an empty one here.
async fn stored(ctx: &Ctx) -> Option<Published> {
    let conn = ctx.conn().await.ok()?;
    let row = conn.one("SELECT jwks, read_at FROM published_keys", vec![], |row| {
        Ok(Published::read(row.get("jwks")?, row.get("read_at")?))
    });
    row.await.ok().flatten()
}

async fn store(ctx: &Ctx, published: &Published) -> Result<(), DbError> {
    let sql = "INSERT INTO published_keys (id, jwks, read_at) VALUES (1, ?1, ?2)
               ON CONFLICT (id) DO UPDATE SET jwks = excluded.jwks, read_at = excluded.read_at";
    ctx.conn().await?.exec(sql, params![published.jwks.as_str(), published.read_at]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ago: Duration) -> Published {
        let jwk = jwt_simple::algorithms::ES256KeyPair::generate().public_key().to_jwk();
        let mut jwk: Value = serde_json::from_str(&jwk).unwrap_or_default();
        jwk["kid"] = "known".into();
        Published::read(json!({"keys": [jwk]}).to_string(), Timestamp::now().before(ago))
    }

    #[test]
    fn a_known_key_is_relied_on_for_minutes_and_an_unknown_one_asked_for_at_most_every_few_seconds() {
        assert!(read(Duration::from_secs(299)).settles("known"));
        assert!(!read(Duration::from_secs(301)).settles("known"));
        // What another instance has read lately may lack the newest key; what was asked for just now does not.
        assert!(!read(Duration::ZERO).settles("other"));
        assert!(read(Duration::ZERO).asked().settles("other"));
    }

    #[test]
    fn a_key_that_cannot_be_read_is_left_out() {
        let published =
            Published::read(r#"{"keys": [{"kid": "x", "kty": "RSA"}, 7]}"#.into(), Timestamp::now());
        assert!(published.key("x").is_none());
    }
}
