//! The keys that sign access tokens: kept encrypted, published as a JWK set, rotated without invalidating anything.

use crate::audit::{self, Act, Entry};
use crate::store::{self, StoredKey};
use crate::token;
use axum::Json;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use http::{HeaderName, header};
use jwt_simple::algorithms::{ECDSAP256PublicKeyLike, ES256KeyPair, ES256PublicKey};
use jwt_simple::claims::JWTClaims;
use jwt_simple::common::VerificationOptions;
use jwt_simple::token::{Token, TokenMetadata};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use souk_kit::permission::scope;
use souk_kit::{Caller, Conn, Ctx, Problem, Result, Timestamp, settings};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// How old the signing key gets.
const ROTATED_AFTER: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a key is published before it signs, so that every verifier has it by then.
const PUBLISHED_AHEAD: Duration = Duration::from_secs(10 * 60);
/// How long an instance relies on the key it knows.
const REMEMBERED: Duration = Duration::from_secs(30);
/// How long others may rely on the published keys; shorter than [`PUBLISHED_AHEAD`].
const CACHE_CONTROL: &str = "public, max-age=300";

const NONCE_BYTES: usize = 24;
/// Longer tokens than ours ever are.
const MAX_TOKEN: usize = 8192;

struct Known {
    pair: Arc<ES256KeyPair>,
    until: Instant,
}

static KNOWN: Mutex<Option<Known>> = Mutex::new(None);

/// The key that signs now: the newest that is due. It is made when there is none, or when this instance cannot open it
/// because the variable `auth_encryption_key` was changed.
pub async fn current(ctx: &Ctx) -> Result<Arc<ES256KeyPair>> {
    if let Some(known) = KNOWN
        .lock()
        .ok()
        .and_then(|known| known.as_ref().filter(|it| it.until > Instant::now()).map(|it| it.pair.clone()))
    {
        return Ok(known);
    }
    let stored = newest_due(&ctx.conn().await?).await?;
    let pair = Arc::new(match stored {
        Some(pair) => pair,
        None => make(ctx).await?,
    });
    if let Ok(mut known) = KNOWN.lock() {
        *known = Some(Known { pair: pair.clone(), until: Instant::now() + REMEMBERED });
    }
    Ok(pair)
}

/// The newest key whose time has come, if it can be opened. An older one must not sign: it will not be published for long.
async fn newest_due(conn: &Conn) -> Result<Option<ES256KeyPair>> {
    match store::keys(conn).await?.into_iter().find(StoredKey::is_due) {
        Some(key) => open(&key).await,
        None => Ok(None),
    }
}

/// Makes a key that signs at once, unless another instance just has: the write lock lets one at a time look.
async fn make(ctx: &Ctx) -> Result<ES256KeyPair> {
    let now = Timestamp::now();
    let (pair, sealed) = generate(now).await?;
    let mut tx = ctx.begin().await?;
    if let Some(made) = newest_due(&tx).await? {
        tx.rollback().await?;
        return Ok(made);
    }
    store::add_key(&mut tx, &sealed, published_until(now)).await?;
    audit::record(&tx, made(Entry::of_the_suite(Act::KeysRotated), &sealed)).await?;
    tx.commit().await?;
    Ok(pair)
}

/// Until when a key must be published whose successor signs from `successor_signs_from` on: an instance may remember it for
/// a little longer, and what it then signs holds for its time.
fn published_until(successor_signs_from: Timestamp) -> Timestamp {
    successor_signs_from.after(REMEMBERED).after(token::LIFETIME).after(token::LEEWAY)
}

/// Adds a key that will sign soon, unless one is waiting already. Answers when it will.
async fn add_next(ctx: &Ctx, entry: Entry) -> Result<Timestamp> {
    let signs_from = Timestamp::now().after(PUBLISHED_AHEAD);
    let (_, sealed) = generate(signs_from).await?;
    let mut tx = ctx.begin().await?;
    if let Some(waiting) = store::keys(&tx).await?.first().filter(|key| !key.is_due()) {
        let signs_from = waiting.signs_from;
        tx.rollback().await?;
        return Ok(signs_from);
    }
    store::add_key(&mut tx, &sealed, published_until(signs_from)).await?;
    audit::record(&tx, made(entry, &sealed)).await?;
    tx.commit().await?;
    Ok(signs_from)
}

/// That a key was made, for the audit log.
fn made(entry: Entry, key: &StoredKey) -> Entry {
    entry.with("kid", &key.kid).with("signs_from", key.signs_from)
}

/// Rotates when the newest key is old.
pub async fn rotate_if_old(ctx: &Ctx) -> Result<()> {
    let keys = store::keys(&ctx.conn().await?).await?;
    let oldest = Timestamp::now().before(ROTATED_AFTER);
    if keys.first().is_some_and(|newest| newest.signs_from < oldest) {
        add_next(ctx, Entry::of_the_suite(Act::KeysRotated)).await?;
    }
    Ok(())
}

async fn cipher() -> Result<XChaCha20Poly1305> {
    let wrong = || Problem::internal("variable auth_encryption_key must be 32 bytes in hexadecimal");
    let key = settings::key("auth_encryption_key").await?;
    let bytes: [u8; 32] =
        hex::decode(key.expose()).ok().and_then(|key| key.try_into().ok()).ok_or_else(wrong)?;
    Ok(XChaCha20Poly1305::new(&bytes.into()))
}

/// A new key, and the same encrypted; its id is bound to the ciphertext.
async fn generate(signs_from: Timestamp) -> Result<(ES256KeyPair, StoredKey)> {
    let pair = ES256KeyPair::generate();
    let public = pair.public_key();
    let kid = public.jwk_thumbprint();
    let pair = pair.with_key_id(&kid);
    let mut nonce = [0_u8; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| Problem::internal(format!("randomness: {error}")))?;
    let payload = Payload { msg: &pair.to_bytes(), aad: kid.as_bytes() };
    let sealed = cipher().await?.encrypt(&XNonce::from(nonce), payload);
    let sealed = sealed.map_err(|error| Problem::internal(format!("seal: {error}")))?;
    let mut jwk: Value =
        serde_json::from_str(&public.to_jwk()).map_err(|error| Problem::internal(format!("jwk: {error}")))?;
    for (name, value) in [("kid", kid.as_str()), ("use", "sig"), ("alg", "ES256")] {
        jwk[name] = json!(value);
    }
    let sealed = [&nonce[..], &sealed].concat();
    Ok((pair, StoredKey { kid, sealed, jwk: jwk.to_string(), signs_from }))
}

/// A stored key; nothing, and a warning, when it was not encrypted with the `auth_encryption_key` of now.
async fn open(key: &StoredKey) -> Result<Option<ES256KeyPair>> {
    let cipher = cipher().await?;
    let opened = key.sealed.split_at_checked(NONCE_BYTES).and_then(|(nonce, sealed)| {
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let payload = Payload { msg: sealed, aad: key.kid.as_bytes() };
        let bytes = cipher.decrypt(&XNonce::from(nonce), payload).ok()?;
        Some(ES256KeyPair::from_bytes(&bytes).ok()?.with_key_id(&key.kid))
    });
    if opened.is_none() {
        souk_kit::log(
            souk_kit::Level::Warn,
            "a signing key cannot be decrypted and is replaced: was the variable auth_encryption_key changed?",
            json!({"key.id": key.kid}),
        );
    }
    Ok(opened)
}

/// The claims of a token that a published key has signed; nothing when none has, or when they are not as `options` say.
pub async fn verify<C: Serialize + DeserializeOwned>(
    ctx: &Ctx,
    token: &str,
    options: VerificationOptions,
) -> Result<Option<JWTClaims<C>>> {
    let metadata = Token::decode_metadata(token).ok().filter(|it| it.algorithm() == "ES256");
    let Some(kid) = metadata.as_ref().and_then(TokenMetadata::key_id) else { return Ok(None) };
    let keys = store::keys(&ctx.conn().await?).await?;
    let key = keys.iter().find(|key| key.kid == kid).and_then(|key| ES256PublicKey::from_jwk(&key.jwk).ok());
    let options = VerificationOptions { max_token_length: Some(MAX_TOKEN), ..options };
    Ok(key.and_then(|key| key.verify_token::<C>(token, Some(options)).ok()))
}

/// A JWK set (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub struct JwkSet {
    /// The public keys.
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Value>,
}

/// The public keys that verify access tokens (JWK set, RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", responses((status = 200, body = JwkSet)))]
pub async fn published(ctx: Ctx) -> Result<([(HeaderName, &'static str); 1], Json<JwkSet>)> {
    current(&ctx).await?;
    let keys = store::keys(&ctx.conn().await?).await?;
    let keys = keys.iter().filter_map(|key| serde_json::from_str(&key.jwk).ok()).collect();
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(JwkSet { keys })))
}

/// What a rotation brings.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rotation {
    /// When the new key begins to sign; it is published already.
    signs_from: Timestamp,
}

/// Rotate the signing key.
///
/// The new key is published at once and signs ten minutes later; the old one stays published until everything that it
/// signed has expired. Nothing that is valid becomes invalid.
#[utoipa::path(post, path = "/auth/keys/rotate", tag = "auth", security(("bearer" = ["suite"])),
    responses((status = 200, body = Rotation)))]
pub async fn rotate(ctx: Ctx, caller: Caller) -> Result<Json<Rotation>> {
    caller.needs(scope::SUITE)?;
    current(&ctx).await?;
    Ok(Json(Rotation { signs_from: add_next(&ctx, Entry::new(Act::KeysRotated, &ctx)).await? }))
}
