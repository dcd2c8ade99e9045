//! An account's e-mail address: shown to be its owner's by a link that was mailed there, and changed.

use crate::account::{self, Profile};
use crate::mail::{self, Kind};
use crate::ownership::Ownership;
use crate::problem::UsersError;
use crate::rules;
use crate::siwe::WalletProof;
use crate::store;
use crate::trace::told;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use souk_kit::permission::scope;
use souk_kit::problem::{ProblemDocument, kinds};
use souk_kit::{Caller, Ctx, Problem, Result, Secret, Tagged, Timestamp, Valid};
use std::time::Duration;
use utoipa::ToSchema;

/// How many mails an hour somebody can ask for to confirm an address.
const MAX_AN_HOUR: i64 = 5;
const HOUR: Duration = Duration::from_secs(3600);

/// What a link in a mail carries.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// The `token` of the link.
    #[garde(length(chars, min = 1, max = 200))]
    token: Secret,
}

/// Another e-mail address, and proof that the account's owner wants it: one of the account's credentials.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEmail {
    /// The address from now on.
    #[garde(email, length(max = 254), custom(account::plain))]
    #[serde(deserialize_with = "account::trimmed")]
    email: String,
    /// The account's password.
    #[garde(inner(length(chars, max = 1000)))]
    #[serde(default)]
    password: Option<Secret>,
    /// Or a text signed by one of its wallets.
    #[garde(dive)]
    #[serde(default)]
    wallet: Option<WalletProof>,
}

/// Have the mail sent again that asks to confirm one's e-mail address.
///
/// At most five times an hour. Where the address is confirmed already, nothing is sent.
#[utoipa::path(post, path = "/users/me/email/verification", tag = "users", security(("bearer" = ["account"])), responses(
    (status = 202, description = "It is on its way"), (status = 409, body = ProblemDocument, description = "`no-email`"),
    (status = 429, body = ProblemDocument, description = "`too-many-requests`")))]
pub async fn ask_again(ctx: Ctx, caller: Caller) -> Result<StatusCode> {
    caller.needs(scope::ACCOUNT)?;
    let mut tx = ctx.begin().await?;
    let profile = store::find(&tx, caller.user_id()?).await?;
    if profile.email.is_none() {
        return Err(UsersError::NoEmail.into());
    }
    if profile.email_verified {
        return Ok(StatusCode::ACCEPTED);
    }
    let since = Timestamp::now().before(HOUR);
    if store::mail::count_since(&tx, profile.id, Kind::Verify.name(), since).await? >= MAX_AN_HOUR {
        let detail = "So many mails have been sent to this address lately. Look into them, or wait.";
        return Err(Problem::new(kinds::TOO_MANY_REQUESTS, detail).retry_after(HOUR));
    }
    mail::write(&mut tx, &profile, Kind::Verify, None).await?;
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED)
}

/// Confirm an e-mail address with the token of the link that was sent there.
///
/// It works once, within 24 hours.
#[utoipa::path(post, path = "/users/email/verify", tag = "users", request_body = Confirmation, responses((status = 204),
    (status = 410, body = ProblemDocument, description = "`link-not-valid`")))]
pub async fn verify(ctx: Ctx, caller: Caller, Valid(body): Valid<Confirmation>) -> Result<StatusCode> {
    let mut tx = ctx.begin().await?;
    let link = store::mail::take_link(&mut tx, &mail::hash(body.token.expose()), Kind::Verify.name()).await?;
    let link = link.ok_or(UsersError::LinkNotValid)?;
    if !store::confirm_email(&mut tx, &link).await? {
        return Err(UsersError::LinkNotValid.into()); // The account has another address by now.
    }
    tx.emit("souk.user.email_verified", link.user_id, told(&ctx, &caller, json!({}))).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change one's e-mail address.
///
/// The new one is to be confirmed by a mail that is sent there; the old one is told. Links that were sent to the old one are
/// worth nothing any more.
#[utoipa::path(put, path = "/users/me/email", tag = "users", security(("bearer" = ["account"])), request_body = NewEmail,
    responses((status = 200, body = Profile),
    (status = 403, body = ProblemDocument, description = "`wrong-password`, `wrong-wallet`"),
    (status = 409, body = ProblemDocument, description = "`email-taken`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`"),
    (status = 429, body = ProblemDocument, description = "`too-many-attempts`")))]
pub async fn change(ctx: Ctx, caller: Caller, Valid(body): Valid<NewEmail>) -> Result<Tagged<Profile>> {
    caller.needs(scope::ACCOUNT)?;
    let id = caller.user_id()?;
    let known = store::find(&ctx.conn().await?, id).await?;
    let ownership =
        Ownership::show(&ctx, &caller, &known, body.password.as_ref(), body.wallet.as_ref()).await?;
    let email = rules::normalise_email(&body.email);
    let mut tx = ctx.begin().await?;
    ownership.spend(&mut tx).await?;
    let old = store::find(&tx, id).await?;
    if old.email.as_deref() == Some(&email) {
        tx.commit().await?;
        return Ok(Tagged::new(old.version, old));
    }
    let new = store::set_email(&mut tx, &old, &email).await?;
    store::mail::forget_links(&tx, id, None).await?;
    mail::write(&mut tx, &old, Kind::EmailChanged, None).await?;
    mail::write(&mut tx, &new, Kind::Verify, None).await?;
    tx.emit("souk.user.email_changed", id, told(&ctx, &caller, json!({}))).await?;
    tx.commit().await?;
    Ok(Tagged::new(new.version, new))
}
