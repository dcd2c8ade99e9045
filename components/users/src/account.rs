//! One's own account: register, read, update, change the password, delete.

use crate::mail::{self, Kind};
use crate::ownership::{Ownership, must_know_password};
use crate::password;
use crate::problem::UsersError;
use crate::rules;
use crate::siwe::WalletProof;
use crate::store::{self, NewUser};
use crate::trace::told;
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{StatusCode, header};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use souk_kit::id::UserId;
use souk_kit::permission::{Role, scope};
use souk_kit::problem::ProblemDocument;
use souk_kit::{
    Attempt, Caller, Ctx, FieldError, IfMatch, IfNoneMatch, Problem, Result, Secret, Submit, Tagged,
    Timestamp, Tx, Valid, once,
};
use utoipa::ToSchema;

/// An account, as its owner and administrators see it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Profile {
    /// Its id.
    pub id: UserId,
    /// The e-mail address to sign in with; none while the account is opened by a wallet alone.
    #[schema(example = "ana@example.com")]
    pub email: Option<String>,
    /// Whether its owner has shown that mail arrives there.
    pub email_verified: bool,
    /// The name to be called by.
    pub name: Option<String>,
    /// The language of messages: `en` or `fr`.
    #[schema(example = "en")]
    pub locale: String,
    /// A telephone number.
    pub phone: Option<String>,
    /// What the person is to the shop.
    pub roles: Vec<Role>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The `ETag` tells it.
    #[serde(skip)]
    pub version: i64,
}

/// Languages that messages are written in.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// French.
    Fr,
}

impl Locale {
    /// Its ISO 639-1 code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }
}

/// A new account.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ana@example.com", "password": "correct horse battery", "name": "Ana"}))]
pub struct Registration {
    /// The e-mail address to sign in with. Upper and lower case are the same.
    #[garde(email, length(max = 254), custom(plain))]
    #[serde(deserialize_with = "trimmed")]
    pub email: String,
    /// 10 to 200 characters; not one of those that attackers try first.
    #[garde(length(chars, min = 10, max = 200))]
    pub password: Secret,
    /// The name to be called by.
    #[garde(inner(length(chars, max = 200), custom(plain)))]
    #[serde(default)]
    pub name: Option<String>,
    /// The language of messages.
    #[garde(skip)]
    #[serde(default)]
    pub locale: Locale,
}

/// What changes in a profile (JSON merge patch, RFC 7396): what is absent stays, null erases.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileChange {
    /// The name to be called by.
    #[garde(inner(inner(length(chars, max = 200), custom(plain))))]
    #[serde(default, deserialize_with = "souk_kit::valid::present")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// The language of messages.
    #[garde(skip)]
    #[serde(default)]
    pub locale: Option<Locale>,
    /// A telephone number, with digits and the usual punctuation.
    #[garde(inner(inner(length(max = 32), custom(telephone))))]
    #[serde(default, deserialize_with = "souk_kit::valid::present")]
    #[schema(value_type = Option<String>)]
    pub phone: Option<Option<String>>,
}

/// A new password.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    #[garde(length(chars, max = 1000))]
    pub current_password: Secret,
    /// The password from now on: 10 to 200 characters.
    #[garde(length(chars, min = 10, max = 200))]
    pub new_password: Secret,
}

/// Proof that the owner wants the account deleted: one of its credentials.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Farewell {
    /// The account's password.
    #[garde(inner(length(chars, max = 1000)))]
    #[serde(default)]
    pub password: Option<Secret>,
    /// Or a text signed by one of its wallets.
    #[garde(dive)]
    #[serde(default)]
    pub wallet: Option<WalletProof>,
}

/// Forms and clipboards leave spaces around an address.
pub fn trimmed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| text.trim().to_owned())
}

/// Refuses text that would not show as it is.
pub fn plain(text: &str, (): &()) -> garde::Result {
    if rules::is_plain_text(text) { Ok(()) } else { Err(garde::Error::new("must be visible text")) }
}

fn telephone(text: &str, (): &()) -> garde::Result {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let known = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-. ()/".contains(&byte));
    if known && (4..=20).contains(&digits) {
        Ok(())
    } else {
        Err(garde::Error::new("must be a telephone number"))
    }
}

/// Refuses a weak password, blaming `pointer`.
pub fn must_be_strong(password: &Secret, email: &str, pointer: &str) -> Result<()> {
    match rules::weakness(password, email) {
        Some(weakness) => Err(Problem::invalid(vec![FieldError::at(pointer, weakness)])),
        None => Ok(()),
    }
}

/// Adds an account with these roles and answers its profile.
pub async fn create(
    ctx: &Ctx,
    caller: &Caller,
    submit: Submit<Registration>,
    roles: &[Role],
    only_first: bool,
) -> Result<Response> {
    let Submit { body, once } = submit;
    let email = rules::normalise_email(&body.email);
    must_be_strong(&body.password, &email, "/password")?;
    // The hash takes 50 ms: it must not be made while the database's only write lock is held.
    let password_hash = password::hash(&body.password).await?;
    let mut tx = match once.begin(ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    if only_first && store::other_administrators(&tx, None).await? > 0 {
        return Err(UsersError::AdministratorExists.into());
    }
    let name = body.name.as_deref().map(str::trim);
    let user = NewUser {
        email: Some(&email),
        password_hash: Some(&password_hash),
        name,
        locale: body.locale.code(),
        roles,
    };
    let profile = store::insert(&mut tx, &user).await?;
    mail::write(&mut tx, &profile, Kind::Verify, None).await?;
    let facts = json!({"roles": profile.roles});
    tx.emit("souk.user.registered", profile.id, told(ctx, caller, facts)).await?;
    let location = format!("/api/v1/users/{}", profile.id);
    let once = once.about(Some(profile.id));
    let answer = (StatusCode::CREATED, [(header::LOCATION, location)], Tagged::new(profile.version, profile));
    once.commit(tx, answer).await
}

/// Register.
///
/// Anybody may. The account gets the role `customer`, and a mail asks to confirm the address. With an `Idempotency-Key` it can be repeated safely.
#[utoipa::path(post, path = "/users", tag = "users", request_body = Registration, responses(
    (status = 201, body = Profile, headers(("location" = String), ("etag" = String))),
    (status = 409, body = ProblemDocument, description = "`email-taken`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`, `idempotency-key-reused`")))]
pub async fn register(ctx: Ctx, caller: Caller, submit: Submit<Registration>) -> Result<Response> {
    create(&ctx, &caller, submit, &[Role::Customer], false).await
}

/// Read one's own profile.
#[utoipa::path(get, path = "/users/me", tag = "users", security(("bearer" = ["account"])), responses(
    (status = 200, body = Profile), (status = 304, description = "Not changed since `If-None-Match`")))]
pub async fn read(ctx: Ctx, caller: Caller, known: IfNoneMatch) -> Result<Tagged<Profile>> {
    caller.needs(scope::ACCOUNT)?;
    let profile = store::find(&ctx.conn().await?, caller.user_id()?).await?;
    Ok(Tagged::new(profile.version, profile).unless(&known))
}

/// Changes a profile in one transaction.
pub async fn change(
    ctx: &Ctx,
    id: UserId,
    wanted: &IfMatch,
    change: ProfileChange,
) -> Result<Tagged<Profile>> {
    let mut tx = ctx.begin().await?;
    let mut profile = store::find(&tx, id).await?;
    wanted.check(profile.version)?;
    if let Some(name) = change.name {
        profile.name = name.map(|name| name.trim().to_owned());
    }
    if let Some(phone) = change.phone {
        profile.phone = phone;
    }
    if let Some(locale) = change.locale {
        profile.locale = locale.code().into();
    }
    store::update(&mut tx, &mut profile).await?;
    tx.commit().await?;
    Ok(Tagged::new(profile.version, profile))
}

/// Update one's own profile.
#[utoipa::path(patch, path = "/users/me", tag = "users", security(("bearer" = ["account"])), request_body = ProfileChange,
    responses((status = 200, body = Profile), (status = 412, body = ProblemDocument, description = "`precondition-failed`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn update(
    ctx: Ctx,
    caller: Caller,
    wanted: IfMatch,
    Valid(body): Valid<ProfileChange>,
) -> Result<Tagged<Profile>> {
    caller.needs(scope::ACCOUNT)?;
    change(&ctx, caller.user_id()?, &wanted, body).await
}

/// Change one's password.
///
/// All other sessions end; the one that the token belongs to goes on. Mail tells of it. Who has no password yet gets the first
/// by `POST /users/password-reset`.
#[utoipa::path(post, path = "/users/me/password", tag = "users", security(("bearer" = ["account"])),
    request_body = PasswordChange, responses((status = 204),
    (status = 403, body = ProblemDocument, description = "`wrong-password`"),
    (status = 429, body = ProblemDocument, description = "`too-many-attempts`"),
    (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn change_password(
    ctx: Ctx,
    caller: Caller,
    Valid(body): Valid<PasswordChange>,
) -> Result<StatusCode> {
    caller.needs(scope::ACCOUNT)?;
    let id = caller.user_id()?;
    let profile = store::find(&ctx.conn().await?, id).await?;
    must_be_strong(&body.new_password, profile.email.as_deref().unwrap_or_default(), "/new_password")?;
    let pointer = "/current_password";
    let known = must_know_password(&ctx, &caller, &profile, &body.current_password, pointer).await?;
    let hash = password::hash(&body.new_password).await?;
    let mut tx = ctx.begin().await?;
    let version = store::set_password(&mut tx, id, known, &hash).await?;
    let version = version.ok_or(UsersError::WrongPassword(pointer))?; // Somebody else has just changed it.
    store::mail::forget_links(&tx, id, Some(Kind::Reset.name())).await?;
    mail::write(&mut tx, &profile, Kind::PasswordChanged, None).await?;
    let facts = json!({"keep_session": caller.session, "password_version": version, "reason": "changed"});
    tx.emit("souk.user.password_changed", id, told(&ctx, &caller, facts)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes an account, with which the transaction ends.
pub async fn erase(mut tx: Tx, ctx: &Ctx, caller: &Caller, id: UserId) -> Result<StatusCode> {
    let profile = store::find(&tx, id).await?;
    if profile.roles.contains(&Role::Admin) && store::other_administrators(&tx, Some(id)).await? == 0 {
        return Err(UsersError::LastAdministrator.into());
    }
    store::erase(&mut tx, &profile).await?;
    once::forget(&tx, id).await?;
    tx.emit("souk.user.deleted", id, told(ctx, caller, json!({}))).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete one's account.
///
/// The e-mail address, name, telephone number, password, wallets, roles and mails are erased at once and for good, every session ends,
/// and the address is free for a new account. What stays is the id with the dates of creation and deletion, because
/// orders and invoices, which the law requires to be kept, refer to it.
#[utoipa::path(delete, path = "/users/me", tag = "users", security(("bearer" = ["account"])), request_body = Farewell,
    responses((status = 204), (status = 403, body = ProblemDocument, description = "`wrong-password`, `wrong-wallet`"),
    (status = 409, body = ProblemDocument, description = "`last-administrator`"),
    (status = 429, body = ProblemDocument, description = "`too-many-attempts`")))]
pub async fn delete(ctx: Ctx, caller: Caller, Valid(body): Valid<Farewell>) -> Result<StatusCode> {
    caller.needs(scope::ACCOUNT)?;
    let id = caller.user_id()?;
    let profile = store::find(&ctx.conn().await?, id).await?;
    let ownership =
        Ownership::show(&ctx, &caller, &profile, body.password.as_ref(), body.wallet.as_ref()).await?;
    let mut tx = ctx.begin().await?;
    ownership.spend(&mut tx).await?;
    erase(tx, &ctx, &caller, id).await
}

impl IntoResponse for Profile {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
