//! Wallets: Ethereum addresses that open an account.

use crate::SERVICE;
use crate::account::{Locale, Profile};
use crate::credentials::Proven;
use crate::mail::{self, Kind};
use crate::problem::UsersError;
use crate::siwe::{self, Address, Terms, WalletProof};
use crate::store::{self, NewUser};
use crate::trace::told;
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_kit::id::UserId;
use souk_kit::permission::{Role, scope};
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Result, Timestamp, Tx, Valid};
use utoipa::ToSchema;

/// How many wallets an account can have.
const MAX_WALLETS: usize = 20;

/// A wallet that opens an account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Wallet {
    /// Its address.
    #[schema(example = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")]
    pub address: String,
    /// The chain that it was proven on.
    pub chain_id: i64,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When somebody last signed in with it.
    pub last_used_at: Timestamp,
}

/// All of one's wallets.
#[derive(Debug, Serialize, ToSchema)]
pub struct Wallets {
    /// In the order in which they were linked; at most 20.
    items: Vec<Wallet>,
}

/// An attempt to sign in with a wallet.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletSignIn {
    /// What was signed.
    #[garde(dive)]
    proof: WalletProof,
    /// In which language to write to somebody new.
    #[garde(skip)]
    #[serde(default)]
    locale: Locale,
    /// Where the client is.
    #[garde(inner(length(max = 64)))]
    #[serde(default)]
    address: Option<String>,
}

/// What the next message for a wallet to sign has to say.
#[utoipa::path(post, path = "/internal/wallets/nonce", tag = "internal", responses((status = 200, body = Terms)))]
pub async fn terms(caller: Caller) -> Result<Json<Terms>> {
    caller.must_be_service("auth")?;
    Ok(Json(siwe::terms().await?))
}

/// Check a wallet's signature. A wallet that is nobody's gets an account of its own.
#[utoipa::path(post, path = "/internal/wallets/check", tag = "internal", request_body = WalletSignIn, responses(
    (status = 200, body = Proven), (status = 401, body = ProblemDocument, description = "`wallet-not-proven`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn check(ctx: Ctx, caller: Caller, Valid(attempt): Valid<WalletSignIn>) -> Result<Json<Proven>> {
    caller.must_be_service("auth")?;
    let proven = siwe::prove(&ctx, &attempt.proof, "").await?;
    let mut tx = ctx.begin().await?;
    proven.spend(&mut tx).await?;
    let user_id = match store::wallet::owner(&tx, proven.address).await? {
        Some(owner) => owner,
        None => {
            let stranger = Caller { address: attempt.address, ..Caller::anonymous(&SERVICE) };
            begin(&mut tx, &ctx, &stranger, &proven, attempt.locale).await?
        }
    };
    store::wallet::touch(&mut tx, proven.address).await?;
    let standing = store::proven(&tx, user_id).await?;
    tx.commit().await?;
    Ok(Json(standing))
}

/// An account that nothing but this wallet opens.
async fn begin(
    tx: &mut Tx,
    ctx: &Ctx,
    caller: &Caller,
    proven: &siwe::Proven,
    locale: Locale,
) -> Result<UserId> {
    let roles = [Role::Customer];
    let user = NewUser { email: None, password_hash: None, name: None, locale: locale.code(), roles: &roles };
    let profile = store::insert(tx, &user).await?;
    store::wallet::link(tx, profile.id, proven).await?;
    let facts = json!({"roles": profile.roles, "wallet": proven.address.to_string()});
    tx.emit("souk.user.registered", profile.id, told(ctx, caller, facts)).await?;
    Ok(profile.id)
}

/// List one's wallets.
#[utoipa::path(get, path = "/users/me/wallets", tag = "users", security(("bearer" = ["account"])),
    responses((status = 200, body = Wallets)))]
pub async fn list(ctx: Ctx, caller: Caller) -> Result<Json<Wallets>> {
    caller.needs(scope::ACCOUNT)?;
    Ok(Json(Wallets { items: store::wallet::list(&ctx.conn().await?, caller.user_id()?).await? }))
}

/// Link a wallet: its owner can sign in to the account from now on.
///
/// `POST /auth/siwe/nonce` says what the message has to say. Linking a wallet again that is one's own changes nothing.
#[utoipa::path(post, path = "/users/me/wallets", tag = "users", security(("bearer" = ["account"])),
    request_body = WalletProof, responses((status = 201, body = Wallet), (status = 200, body = Wallet),
    (status = 401, body = ProblemDocument, description = "`wallet-not-proven`"),
    (status = 409, body = ProblemDocument, description = "`wallet-taken`, `too-many-wallets`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn link(ctx: Ctx, caller: Caller, Valid(proof): Valid<WalletProof>) -> Result<Response> {
    caller.needs(scope::ACCOUNT)?;
    let id = caller.user_id()?;
    let proven = siwe::prove(&ctx, &proof, "").await?;
    let mut tx = ctx.begin().await?;
    proven.spend(&mut tx).await?;
    let profile = store::find(&tx, id).await?;
    let status = match store::wallet::owner(&tx, proven.address).await? {
        Some(owner) if owner == id => StatusCode::OK,
        Some(_) => return Err(UsersError::WalletTaken.into()),
        None => {
            add(&mut tx, &ctx, &caller, &profile, &proven).await?;
            StatusCode::CREATED
        }
    };
    let wallets = store::wallet::list(&tx, id).await?;
    tx.commit().await?;
    let linked = wallets.into_iter().find(|wallet| wallet.address == proven.address.to_string());
    Ok((status, Json(linked)).into_response())
}

async fn add(
    tx: &mut Tx,
    ctx: &Ctx,
    caller: &Caller,
    profile: &Profile,
    proven: &siwe::Proven,
) -> Result<()> {
    if store::wallet::list(tx, profile.id).await?.len() >= MAX_WALLETS {
        return Err(UsersError::TooManyWallets.into());
    }
    store::wallet::link(tx, profile.id, proven).await?;
    let address = proven.address.to_string();
    mail::write(tx, profile, Kind::WalletLinked, Some(&address)).await?;
    let facts = json!({"wallet": address});
    tx.emit("souk.user.wallet_linked", profile.id, told(ctx, caller, facts)).await
}

/// Unlink a wallet: it opens the account no more.
///
/// All other sessions end, since it may have begun them; the one that the token belongs to goes on. The last credential of an
/// account stays.
#[utoipa::path(delete, path = "/users/me/wallets/{address}", tag = "users", security(("bearer" = ["account"])),
    params(("address" = String, Path, description = "The wallet's address, in the case that is its checksum")),
    responses((status = 204), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`last-credential`")))]
pub async fn unlink(ctx: Ctx, caller: Caller, PathId(address): PathId<Address>) -> Result<StatusCode> {
    caller.needs(scope::ACCOUNT)?;
    let id = caller.user_id()?;
    let mut tx = ctx.begin().await?;
    let profile = store::find(&tx, id).await?;
    if !store::wallet::unlink(&mut tx, id, address).await? {
        return Err(souk_kit::Problem::not_found());
    }
    if !store::wallet::has_password(&tx, id).await? && store::wallet::list(&tx, id).await?.is_empty() {
        return Err(UsersError::LastCredential.into());
    }
    let version = store::wallet::supersede_sessions(&mut tx, id).await?;
    let address = address.to_string();
    mail::write(&mut tx, &profile, Kind::WalletUnlinked, Some(&address)).await?;
    let facts = json!({"keep_session": caller.session, "password_version": version, "reason": "wallet_unlinked",
        "wallet": address});
    tx.emit("souk.user.password_changed", id, told(&ctx, &caller, facts)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
