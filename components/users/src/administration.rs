//! Other people's accounts, for administrators.

use crate::account::{self, Profile, ProfileChange, Registration};
use crate::problem::UsersError;
use crate::store::{self, Filter};
use crate::trace::told;
use axum::extract::FromRequestParts;
use axum::response::Response;
use garde::Validate;
use http::request::Parts;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::UserId;
use souk_kit::permission::{Role, scope};
use souk_kit::problem::ProblemDocument;
use souk_kit::{
    Caller, Ctx, IfMatch, Page, PageQuery, PathId, Problem, Result, Submit, Tagged, Valid, ValidQuery,
    settings, words,
};
use utoipa::{IntoParams, ToSchema};

/// Which accounts to list.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Words of the name or of the e-mail address, or their beginnings: all of them must match.
    #[garde(inner(length(chars, min = 1, max = 254)))]
    q: Option<String>,
    /// A role.
    #[garde(skip)]
    role: Option<Role>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// The roles that somebody is to have.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// All of them.
    #[garde(length(min = 1, max = 3))]
    roles: Vec<Role>,
}

/// Proof of knowing the variable `bootstrap_key`. As an argument it is asked for before the body is looked at.
pub struct BootstrapKey;

impl<S: Sync> FromRequestParts<S> for BootstrapKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        match settings::key("bootstrap_key").await?.matches(token) {
            true => Ok(Self),
            false => Err(Problem::unauthenticated("This needs the bootstrap key as bearer token.")),
        }
    }
}

/// Create the first administrator.
///
/// Works once, with the variable `bootstrap_key` as bearer token.
#[utoipa::path(post, path = "/users/bootstrap", tag = "users", request_body = Registration, responses(
    (status = 201, body = Profile), (status = 401, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`administrator-exists`, `email-taken`")))]
pub async fn bootstrap(
    ctx: Ctx,
    _: BootstrapKey,
    caller: Caller,
    submit: Submit<Registration>,
) -> Result<Response> {
    account::create(&ctx, &caller, submit, &[Role::Customer, Role::Admin], true).await
}

/// List and search accounts.
#[utoipa::path(get, path = "/users", tag = "users", params(ListQuery), security(("bearer" = ["users:read"])),
    responses((status = 200, body = Page<Profile>)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Page<Profile>> {
    caller.needs(scope::USERS_READ)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let words = query.q.as_deref().map(words::searched);
    if words.as_ref().is_some_and(Vec::is_empty) {
        return Page::new(Vec::new(), page.limit(), |user: &Profile| user.id); // Signs that nobody's name is made of.
    }
    let words = words.unwrap_or_default();
    let filter = Filter { words: &words, role: query.role, after: page.after()?, limit: page.limit() + 1 };
    let users = store::list(&ctx.conn().await?, &filter).await?;
    Page::new(users, page.limit(), |user| user.id)
}

/// Read an account: one's own, or any with the scope `users:read`.
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = UserId, Path, description = "The account")), security(("bearer" = [])),
    responses((status = 200, body = Profile), (status = 404, body = ProblemDocument)))]
pub async fn read(ctx: Ctx, caller: Caller, PathId(id): PathId<UserId>) -> Result<Tagged<Profile>> {
    caller.owns_or_has(id, scope::USERS_READ)?;
    let profile = store::find(&ctx.conn().await?, id).await?;
    Ok(Tagged::new(profile.version, profile))
}

/// Update an account's profile.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", params(("id" = UserId, Path, description = "The account")),
    security(("bearer" = ["users:write"])), request_body = ProfileChange, responses((status = 200, body = Profile),
    (status = 404, body = ProblemDocument), (status = 412, body = ProblemDocument)))]
pub async fn update(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<UserId>,
    wanted: IfMatch,
    Valid(body): Valid<ProfileChange>,
) -> Result<Tagged<Profile>> {
    caller.needs(scope::USERS_WRITE)?;
    account::change(&ctx, id, &wanted, body).await
}

/// Set an account's roles.
///
/// They show in access tokens from the next refresh on, ten minutes later at the latest.
#[utoipa::path(put, path = "/users/{id}/roles", tag = "users", params(("id" = UserId, Path, description = "The account")),
    security(("bearer" = ["users:write"])), request_body = Roles, responses((status = 200, body = Profile),
    (status = 404, body = ProblemDocument), (status = 409, body = ProblemDocument, description = "`last-administrator`")))]
pub async fn set_roles(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<UserId>,
    Valid(Roles { mut roles }): Valid<Roles>,
) -> Result<Tagged<Profile>> {
    caller.needs(scope::USERS_WRITE)?;
    roles.sort();
    roles.dedup();
    let mut tx = ctx.begin().await?;
    let mut profile = store::find(&tx, id).await?;
    let steps_down = profile.roles.contains(&Role::Admin) && !roles.contains(&Role::Admin);
    if steps_down && store::other_administrators(&tx, Some(id)).await? == 0 {
        return Err(UsersError::LastAdministrator.into());
    }
    store::set_roles(&mut tx, id, &roles).await?;
    profile.roles = roles;
    store::update(&mut tx, &mut profile).await?;
    let facts = json!({"roles": profile.roles});
    tx.emit("souk.user.roles_changed", id, told(&ctx, &caller, facts)).await?;
    tx.commit().await?;
    Ok(Tagged::new(profile.version, profile))
}

/// Delete an account. See the deletion of one's own for what stays.
#[utoipa::path(delete, path = "/users/{id}", tag = "users", params(("id" = UserId, Path, description = "The account")),
    security(("bearer" = ["users:write"])), responses((status = 204), (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "`last-administrator`")))]
pub async fn delete(ctx: Ctx, caller: Caller, PathId(id): PathId<UserId>) -> Result<StatusCode> {
    caller.needs(scope::USERS_WRITE)?;
    account::erase(ctx.begin().await?, &ctx, &caller, id).await
}
