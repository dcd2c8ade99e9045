//! What this server is and can, for client libraries (OpenID Connect Discovery; RFC 8414).

use axum::Json;
use http::{HeaderName, header};
use serde::Serialize;
use souk_kit::permission::scope;
use souk_kit::{Ctx, Result, settings};
use utoipa::ToSchema;

/// How long others may rely on it.
const CACHE_CONTROL: &str = "public, max-age=300";

/// The server's metadata.
#[derive(Debug, Serialize, ToSchema)]
pub struct Metadata {
    /// Who makes the tokens: `iss` in each of them.
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: String,
    jwks_uri: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    end_session_endpoint: String,
    /// What can be asked for.
    scopes_supported: Vec<&'static str>,
    response_types_supported: [&'static str; 1],
    response_modes_supported: [&'static str; 1],
    grant_types_supported: [&'static str; 3],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 3],
    introspection_endpoint_auth_methods_supported: [&'static str; 2],
    code_challenge_methods_supported: [&'static str; 1],
    claim_types_supported: [&'static str; 1],
    claims_supported: &'static [&'static str],
    ui_locales_supported: [&'static str; 2],
    prompt_values_supported: [&'static str; 4],
    /// RFC 9207.
    authorization_response_iss_parameter_supported: bool,
    claims_parameter_supported: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    service_documentation: String,
}

const CLAIMS: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "amr",
    "at_hash",
    "sid",
    "name",
    "locale",
    "updated_at",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
];

type Published = ([(HeaderName, &'static str); 1], Json<Metadata>);

async fn metadata() -> Result<Published> {
    let issuer = settings::variable("public_url").await?;
    let at = |path: &str| format!("{issuer}{path}");
    let metadata = Metadata {
        authorization_endpoint: at("/oauth2/authorize"),
        token_endpoint: at("/oauth2/token"),
        userinfo_endpoint: at("/userinfo"),
        jwks_uri: at("/.well-known/jwks.json"),
        revocation_endpoint: at("/oauth2/revoke"),
        introspection_endpoint: at("/oauth2/introspect"),
        end_session_endpoint: at("/oauth2/logout"),
        scopes_supported: scope::ALL.iter().map(|(name, _)| *name).collect(),
        response_types_supported: ["code"],
        response_modes_supported: ["query"],
        grant_types_supported: ["authorization_code", "refresh_token", "client_credentials"],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["ES256"],
        token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
        code_challenge_methods_supported: ["S256"],
        claim_types_supported: ["normal"],
        claims_supported: CLAIMS,
        ui_locales_supported: ["en", "fr"],
        prompt_values_supported: ["none", "login", "consent", "select_account"],
        authorization_response_iss_parameter_supported: true,
        claims_parameter_supported: false,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
        service_documentation: at("/docs"),
        issuer,
    };
    Ok(([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(metadata)))
}

/// What this OpenID provider is and can.
#[utoipa::path(get, path = "/.well-known/openid-configuration", tag = "auth", responses((status = 200, body = Metadata)))]
pub async fn openid(_: Ctx) -> Result<Published> {
    metadata().await
}

/// What this authorization server is and can (RFC 8414).
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "auth", responses((status = 200, body = Metadata)))]
pub async fn oauth(_: Ctx) -> Result<Published> {
    metadata().await
}
