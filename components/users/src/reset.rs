//! A forgotten password: who can read the account's mail may choose another.
//!
//! Keeps: asking tells nothing, neither by the answer nor by the time that it takes. A request is only noted; whether the
//! address is anybody's is looked into after the answer, and by maintenance if a crash came in between.

use crate::account::{self, must_be_strong};
use crate::mail::{self, Kind};
use crate::password;
use crate::problem::UsersError;
use crate::rules;
use crate::store;
use crate::trace::told;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Result, Secret, Valid};
use utoipa::ToSchema;

/// Whose password is forgotten.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ana@example.com"}))]
pub struct Forgotten {
    /// The account's e-mail address.
    #[garde(email, length(max = 254), custom(account::plain))]
    #[serde(deserialize_with = "account::trimmed")]
    email: String,
}

/// A new password, and the right to choose it.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// The `token` of the link that was mailed.
    #[garde(length(chars, min = 1, max = 200))]
    token: Secret,
    /// The password from now on: 10 to 200 characters.
    #[garde(length(chars, min = 10, max = 200))]
    password: Secret,
}

/// Ask for a new password.
///
/// If the address is that of an account, a link is sent there that works once, within an hour. The answer is the same if it
/// is not, and takes as long. At most five mails an hour go to an address.
#[utoipa::path(post, path = "/users/password-reset", tag = "users", request_body = Forgotten, responses(
    (status = 202, description = "If there is such an account, a mail is on its way"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn ask(ctx: Ctx, _: Caller, Valid(body): Valid<Forgotten>) -> Result<StatusCode> {
    let mut tx = ctx.begin().await?;
    let hash = store::reset::ask(&mut tx, &rules::normalise_email(&body.email)).await?;
    tx.afterwards(async move |ctx| look_into(&ctx, &hash).await);
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sends a link if the address is somebody's. To one that nobody has confirmed only for an account that had a password
/// before: it would be a first credential for whoever reads mail there.
async fn look_into(ctx: &Ctx, hash: &[u8]) -> Result<()> {
    let mut tx = ctx.begin().await?;
    let Some(email) = store::reset::take(&mut tx, hash).await? else { return Ok(()) };
    if let Some(profile) = store::find_by_email(&tx, &email).await?
        && (profile.email_verified || store::wallet::has_password(&tx, profile.id).await?)
    {
        mail::write(&mut tx, &profile, Kind::Reset, None).await?;
    }
    Ok(tx.commit().await?)
}

/// Looks into what a crash left.
pub async fn resume(ctx: &Ctx) -> Result<()> {
    for hash in store::reset::due(&ctx.conn().await?).await? {
        look_into(ctx, &hash).await?;
    }
    Ok(())
}

/// Choose a new password with the token of a link.
///
/// Every session of the account ends, and mail says that the password was changed. Since the link was read there, the e-mail
/// address is confirmed by it too.
#[utoipa::path(post, path = "/users/password-reset/confirm", tag = "users", request_body = Renewal, responses((status = 204),
    (status = 410, body = ProblemDocument, description = "`link-not-valid`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn confirm(ctx: Ctx, caller: Caller, Valid(body): Valid<Renewal>) -> Result<StatusCode> {
    let token = mail::hash(body.token.expose());
    let link = store::mail::find_link(&ctx.conn().await?, &token, Kind::Reset.name()).await?;
    let link = link.ok_or(UsersError::LinkNotValid)?;
    must_be_strong(&body.password, &link.email, "/password")?;
    let hash = password::hash(&body.password).await?;
    let mut tx = ctx.begin().await?;
    let link = store::mail::take_link(&mut tx, &token, Kind::Reset.name()).await?;
    let link = link.ok_or(UsersError::LinkNotValid)?; // Somebody was faster.
    let version = store::renew_password(&mut tx, &link, &hash).await?.ok_or(UsersError::LinkNotValid)?;
    store::confirm_email(&mut tx, &link).await?;
    let profile = store::find(&tx, link.user_id).await?;
    mail::write(&mut tx, &profile, Kind::PasswordChanged, None).await?;
    let facts = json!({"keep_session": null, "password_version": version, "reason": "reset"});
    tx.emit("souk.user.password_changed", link.user_id, told(&ctx, &caller, facts)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
