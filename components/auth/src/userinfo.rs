//! Who signed in, as the access token's scope lets its client know (OpenID Connect Core, section 5.3).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use souk_kit::id::UserId;
use souk_kit::permission::scope;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Problem, Result, Subject, Timestamp};
use utoipa::ToSchema;

/// Claims about a person. Those that the scope does not cover, or that nobody knows, are left out.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserInfo {
    /// Who it is; the same as in the id token.
    #[schema(value_type = UserId)]
    sub: UserId,
    /// With `profile`: the name to be called by.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// With `profile`: the language of messages, `en` or `fr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// With `profile`: when it last changed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    /// With `email`: the e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// With `email`: whether the person has proved that mail to it reaches them.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    /// With `phone`: the telephone number, as the person wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<String>,
    /// With `phone`: always false, as nobody checks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number_verified: Option<bool>,
}

impl IntoResponse for UserInfo {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Json(self)).into_response()
    }
}

/// What users knows of a person, as far as it is told here.
#[derive(Deserialize)]
struct Person {
    id: UserId,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    name: Option<String>,
    locale: String,
    phone: Option<String>,
    updated_at: Timestamp,
}

impl Person {
    fn seen_by(self, caller: &Caller) -> UserInfo {
        let (profile, email, phone) =
            (caller.has(scope::PROFILE), caller.has(scope::EMAIL), caller.has(scope::PHONE));
        let address = self.email.filter(|_| email);
        let number = self.phone.filter(|_| phone);
        UserInfo {
            sub: self.id,
            name: self.name.filter(|_| profile),
            locale: Some(self.locale).filter(|_| profile),
            updated_at: Some(self.updated_at.as_seconds()).filter(|_| profile),
            email_verified: address.is_some().then_some(self.email_verified),
            email: address,
            phone_number_verified: number.is_some().then_some(false),
            phone_number: number,
        }
    }
}

async fn of_caller(ctx: &Ctx, caller: &Caller) -> Result<UserInfo> {
    caller.needs(scope::OPENID)?;
    let Subject::User(id) = caller.subject else {
        return Err(Problem::forbidden("Only a person can be told of."));
    };
    let reply = ctx.call(Method::GET, "users", format!("/internal/persons/{id}")).send().await?;
    if reply.status == StatusCode::NOT_FOUND {
        return Err(Problem::unauthenticated("There is no such person any more."));
    }
    Ok(reply.json::<Person>()?.seen_by(caller))
}

/// Ask who signed in.
#[utoipa::path(get, path = "/userinfo", tag = "auth", security(("bearer" = ["openid"])),
    responses((status = 200, body = UserInfo), (status = 401, body = ProblemDocument)))]
pub async fn read(ctx: Ctx, caller: Caller) -> Result<UserInfo> {
    of_caller(&ctx, &caller).await
}

/// Ask who signed in, by POST.
#[utoipa::path(post, path = "/userinfo", tag = "auth", security(("bearer" = ["openid"])),
    responses((status = 200, body = UserInfo), (status = 401, body = ProblemDocument)))]
pub async fn read_by_post(ctx: Ctx, caller: Caller) -> Result<UserInfo> {
    of_caller(&ctx, &caller).await
}
