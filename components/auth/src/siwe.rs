//! Signing in with an Ethereum wallet (ERC-4361). Users checks what was signed; who comes in so is signed in as everybody is.

use crate::audit::{self, Act, Entry};
use crate::problem::AuthError;
use crate::sign_in::{self, Credential, Proven, Tokens};
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{HeaderMap, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::client::Reply;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Language, Problem, Result, Timestamp, Valid};
use utoipa::ToSchema;

/// What the message has to say that a wallet is to sign.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Terms {
    /// Its nonce: good once.
    nonce: String,
    /// Its domain.
    #[schema(example = "localhost:8005")]
    domain: String,
    /// Its URI; one below it will do as well.
    #[schema(example = "http://localhost:8005")]
    uri: String,
    /// Its version.
    #[schema(example = "1")]
    version: String,
    /// Its chain id.
    #[schema(example = 1)]
    chain_id: u64,
    /// When it may say that it was issued.
    issued_at: Timestamp,
    /// Until when the nonce can be used.
    expires_at: Timestamp,
}

impl IntoResponse for Terms {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// What a wallet signed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletLogin {
    /// The message of ERC-4361, as it was signed.
    #[garde(length(min = 1, max = 8192))]
    message: String,
    /// The signature, in hexadecimal: 65 bytes of a key, or whatever a contract takes for one (ERC-1271).
    #[garde(length(min = 4, max = 8194))]
    signature: String,
}

/// Ask what a wallet is to sign.
///
/// For signing in, for linking a wallet to an account (`POST /users/me/wallets`), and to show that one's wallet is at hand.
/// Each nonce is good once, for ten minutes.
#[utoipa::path(post, path = "/auth/siwe/nonce", tag = "auth", responses((status = 200, body = Terms)))]
pub async fn terms(ctx: Ctx, _: Caller) -> Result<Terms> {
    ctx.call(Method::POST, "users", "/internal/wallets/nonce").send().await?.json()
}

/// Sign in with an Ethereum wallet.
///
/// A wallet that is linked to no account gets one of its own, without an e-mail address.
#[utoipa::path(post, path = "/auth/siwe", tag = "auth", request_body = WalletLogin, responses((status = 200, body = Tokens),
    (status = 401, body = ProblemDocument, description = "`wallet-not-proven`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`: the message does not follow the grammar")))]
pub async fn login(
    ctx: Ctx,
    caller: Caller,
    headers: HeaderMap,
    Valid(login): Valid<WalletLogin>,
) -> Result<Tokens> {
    let accept = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let locale = accept.and_then(Language::preferred).unwrap_or_default();
    let check = json!({"proof": {"message": login.message, "signature": login.signature}, "locale": locale.code(),
        "address": caller.address});
    let reply = ctx.call(Method::POST, "users", "/internal/wallets/check").json(&check)?.send().await?;
    let who: Proven = match reply.status {
        StatusCode::UNAUTHORIZED | StatusCode::UNPROCESSABLE_ENTITY => {
            let entry = Entry::new(Act::SignInFailed, &ctx).with("method", Credential::Wallet.method());
            audit::record_failure(&ctx, entry).await?;
            return Err(refused(&reply));
        }
        _ => reply.json()?,
    };
    let again = "The account changed at this moment. Sign again.";
    let tokens = sign_in::begin(&ctx, caller, &headers, &who, Credential::Wallet).await?;
    tokens.ok_or_else(|| AuthError::WalletNotProven(again.into()).into())
}

/// Users' refusal, as ours.
fn refused(reply: &Reply) -> Problem {
    match serde_json::from_slice::<ProblemDocument>(&reply.body) {
        Ok(document) if reply.status == StatusCode::UNAUTHORIZED => {
            AuthError::WalletNotProven(document.detail).into()
        }
        Ok(document) => Problem::invalid(document.errors),
        Err(_) => reply.unexpected(),
    }
}
