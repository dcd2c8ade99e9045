//! Internal: auth asks whether a password is right, what roles somebody has and who they are; so do customers.

use crate::account::Profile;
use crate::guess::{self, Guess};
use crate::problem::UsersError;
use crate::rules;
use crate::store;
use crate::wallet::Wallet;
use axum::Json;
use garde::Validate;
use serde::{Deserialize, Serialize};
use souk_kit::id::UserId;
use souk_kit::permission::Role;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, PathId, Problem, Result, Secret, Valid};
use utoipa::ToSchema;

/// An attempt to sign in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    #[garde(length(max = 1000))]
    email: String,
    #[garde(length(chars, max = 1000))]
    password: Secret,
    /// Where the client is.
    #[garde(inner(length(max = 64)))]
    #[serde(default)]
    address: Option<String>,
}

/// Whose password it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Proven {
    /// The account.
    pub user_id: UserId,
    /// What they are to the shop.
    pub roles: Vec<Role>,
    /// Grows with every new password: what was begun with an earlier one is over.
    pub password_version: i64,
}

/// A person, as far as tokens are concerned.
#[derive(Debug, Serialize, ToSchema)]
pub struct Standing {
    user_id: UserId,
    roles: Vec<Role>,
}

/// A person, with all that is known.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    #[serde(flatten)]
    profile: Profile,
    wallets: Vec<Wallet>,
}

/// Check a password.
///
/// An unknown e-mail address gets the answer of a wrong password, after the same time. Failures slow the network that
/// they come from; see `rules::wait`.
#[utoipa::path(post, path = "/internal/credentials/check", tag = "internal", request_body = Attempt, responses(
    (status = 200, body = Proven),
    (status = 401, body = ProblemDocument, description = "`wrong-credentials`"),
    (status = 429, body = ProblemDocument, description = "`too-many-attempts`")))]
pub async fn check(ctx: Ctx, caller: Caller, Valid(attempt): Valid<Attempt>) -> Result<Json<Proven>> {
    caller.must_be_service("auth")?;
    let email = rules::normalise_email(&attempt.email);
    let guess = Guess { email: &email, password: &attempt.password, address: attempt.address.as_deref() };
    let known = guess::judge(&ctx, guess).await?.ok_or(UsersError::WrongCredentials)?;
    let user_id = known.user_id.ok_or(UsersError::WrongCredentials)?;
    Ok(Json(Proven { user_id, roles: known.roles, password_version: known.password_version }))
}

/// What somebody is to the shop, now.
#[utoipa::path(get, path = "/internal/users/{id}", tag = "internal", params(("id" = UserId, Path, description = "The account")), responses(
    (status = 200, body = Standing), (status = 404, body = ProblemDocument)))]
pub async fn roles(ctx: Ctx, caller: Caller, PathId(id): PathId<UserId>) -> Result<Json<Standing>> {
    caller.must_be_service("auth")?;
    let profile = store::find(&ctx.conn().await?, id).await?;
    Ok(Json(Standing { user_id: id, roles: profile.roles }))
}

/// Everything that is held here on a person, but for secrets: to begin a customer's record with, for what clients are told of
/// who signed in, and for the export of personal data.
#[utoipa::path(get, path = "/internal/persons/{id}", tag = "internal", params(("id" = UserId, Path, description = "The account")),
    responses((status = 200, body = Person), (status = 404, body = ProblemDocument)))]
pub async fn person(ctx: Ctx, caller: Caller, PathId(id): PathId<UserId>) -> Result<Json<Person>> {
    caller.must_be_service("customers").or_else(|_| caller.must_be_service("auth"))?;
    let conn = ctx.conn().await?;
    Ok(Json(Person {
        profile: store::find(&conn, id).await?,
        wallets: store::wallet::list(&conn, id).await?,
    }))
}

/// Forgets what need not be remembered.
pub async fn purge(ctx: &Ctx) -> Result<(), Problem> {
    let conn = ctx.conn().await?;
    store::purge(&conn).await?;
    store::reset::purge(&conn).await?;
    store::wallet::purge(&conn).await?;
    Ok(store::mail::purge(&conn).await?)
}
