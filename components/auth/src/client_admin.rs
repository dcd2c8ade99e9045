//! Clients, for administrators.

use crate::audit::{self, Act, Entry};
use crate::clients::{self, Client, Grant, Kind};
use crate::opaque;
use crate::problem::AuthError;
use crate::redirect;
use crate::store;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use souk_kit::id::ClientId;
use souk_kit::permission::scope;
use souk_kit::problem::ProblemDocument;
use souk_kit::{
    Caller, Conn, Ctx, FieldError, IfMatch, IfNoneMatch, Page, PageQuery, PathId, Problem, Result, Tagged,
    Timestamp, Valid, ValidQuery, text,
};
use std::time::Duration;
use utoipa::ToSchema;

/// A program that may ask for tokens.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientView {
    id: String,
    name: String,
    kind: Kind,
    /// Where people may be sent back to, exactly.
    redirect_uris: Vec<String>,
    /// Where they may be sent after signing out, exactly.
    post_logout_redirect_uris: Vec<String>,
    /// What it may ask for at most.
    scopes: Vec<String>,
    /// How it may come to tokens.
    grants: Vec<Grant>,
    /// It is the shop's own: people are not asked whether it may.
    first_party: bool,
    /// It gets nothing for now.
    disabled: bool,
    /// Until when the secret before the current one is good too.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_secret_until: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// The secret. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

impl ClientView {
    fn of(client: Client, client_secret: Option<String>) -> Tagged<Self> {
        let version = client.version;
        Tagged::new(version, Self::item(client, client_secret))
    }

    fn item(client: Client, client_secret: Option<String>) -> Self {
        Self {
            id: client.id,
            name: client.name,
            kind: client.kind,
            redirect_uris: client.redirect_uris,
            post_logout_redirect_uris: client.post_logout_redirect_uris,
            scopes: client.scopes,
            grants: client.grants,
            first_party: client.first_party,
            disabled: client.disabled_at.is_some(),
            old_secret_until: client.old_secret_until.filter(|until| !until.has_passed()),
            created_at: client.created_at,
            updated_at: client.updated_at,
            client_secret,
        }
    }
}

/// A new client.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Ana's app", "kind": "public", "redirect_uris": ["https://app.example/callback"],
    "scopes": ["openid", "email", "account"], "grants": ["authorization_code", "refresh_token"]}))]
pub struct NewClient {
    /// What people are shown when they are asked whether it may.
    #[garde(length(chars, min = 1, max = 100), custom(visible))]
    name: String,
    /// Whether it can keep a secret.
    #[garde(skip)]
    kind: Kind,
    /// Where people may be sent back to, exactly: `https`, or `http` on their own machine.
    #[garde(length(max = 20), inner(custom(address)))]
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// Where they may be sent after signing out, exactly.
    #[garde(length(max = 20), inner(custom(address)))]
    #[serde(default)]
    post_logout_redirect_uris: Vec<String>,
    /// What it may ask for at most.
    #[garde(length(max = 50), inner(custom(known_scope)))]
    #[serde(default)]
    scopes: Vec<String>,
    /// How it may come to tokens.
    #[garde(length(min = 1, max = 3))]
    grants: Vec<Grant>,
    /// It is the shop's own: people are not asked whether it may.
    #[garde(skip)]
    #[serde(default)]
    first_party: bool,
}

/// What changes of a client; what is absent stays.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientChange {
    /// What people are shown.
    #[garde(inner(length(chars, min = 1, max = 100), custom(visible)))]
    name: Option<String>,
    /// Where people may be sent back to.
    #[garde(inner(length(max = 20), inner(custom(address))))]
    redirect_uris: Option<Vec<String>>,
    /// Where they may be sent after signing out.
    #[garde(inner(length(max = 20), inner(custom(address))))]
    post_logout_redirect_uris: Option<Vec<String>>,
    /// What it may ask for at most. Less takes effect with the next token.
    #[garde(inner(length(max = 50), inner(custom(known_scope))))]
    scopes: Option<Vec<String>>,
    /// How it may come to tokens.
    #[garde(inner(length(min = 1, max = 3)))]
    grants: Option<Vec<Grant>>,
    /// People are not asked whether it may.
    #[garde(skip)]
    first_party: Option<bool>,
    /// It gets nothing for now.
    #[garde(skip)]
    disabled: Option<bool>,
}

/// A new secret.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRotation {
    /// For how many seconds the secret until now stays good too: 0 to 86400.
    #[garde(range(max = 86_400))]
    #[serde(default)]
    overlap_s: u32,
}

fn visible(name: &str, (): &()) -> garde::Result {
    // A name that turns the direction of what follows could make the page of consent say something else.
    let is_visible = text::is_visible(name) && !name.chars().any(text::is_control);
    if is_visible { Ok(()) } else { Err(garde::Error::new("must be visible text")) }
}

fn address(text: &str, (): &()) -> garde::Result {
    redirect::objection(text).map_or(Ok(()), |objection| Err(garde::Error::new(objection)))
}

fn known_scope(text: &str, (): &()) -> garde::Result {
    scope::named(text).map(|_| ()).ok_or_else(|| garde::Error::new("is not a scope"))
}

/// Refuses what does not go together.
fn must_be_sound(client: &Client) -> Result<()> {
    let mut errors = Vec::new();
    if client.may(Grant::ClientCredentials) && client.kind == Kind::Public {
        errors.push(FieldError::at("/grants", "client_credentials needs a confidential client"));
    }
    if client.may(Grant::RefreshToken) && !client.may(Grant::AuthorizationCode) {
        errors.push(FieldError::at("/grants", "refresh_token needs authorization_code"));
    }
    if client.may(Grant::AuthorizationCode) && client.redirect_uris.is_empty() {
        errors.push(FieldError::at("/redirect_uris", "authorization_code needs one"));
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

/// Nobody gets hold of more than they have by way of a client.
fn must_cover(caller: &Caller, client: &Client) -> Result<()> {
    let lacks = |name: &&String| !scope::OF_OPENID.contains(&name.as_str()) && !caller.has(name);
    match client.scopes.iter().find(lacks) {
        Some(name) => Err(Problem::forbidden(format!("Your own token does not have the scope `{name}`."))),
        None => Ok(()),
    }
}

fn each_once<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut kept = Vec::new();
    for item in list {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// What a client is from now on, for the audit log.
fn entry(act: Act, ctx: &Ctx, client: &Client) -> Entry {
    let entry = Entry::new(act, ctx).client(&client.id).with("name", &client.name).with("kind", client.kind);
    let entry = entry.with("redirect_uris", &client.redirect_uris).with("scopes", &client.scopes);
    let entry = entry.with("grants", &client.grants).with("first_party", client.first_party);
    entry.with("disabled", client.disabled_at.is_some())
}

async fn find(conn: &Conn, id: ClientId) -> Result<Client> {
    store::clients::find(conn, &id.to_string()).await?.ok_or_else(Problem::not_found)
}

/// List clients.
#[utoipa::path(get, path = "/auth/clients", tag = "auth", params(PageQuery), security(("bearer" = ["clients:read"])),
    responses((status = 200, body = Page<ClientView>)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Page<ClientView>> {
    caller.needs(scope::CLIENTS_READ)?;
    let after: Option<String> = query.after()?;
    let found = store::clients::list(&ctx.conn().await?, after.as_deref(), query.limit()).await?;
    let items = found.into_iter().map(|client| ClientView::item(client, None)).collect();
    Page::new(items, query.limit(), |client: &ClientView| client.id.clone())
}

/// Create a client.
///
/// The secret of a confidential one is shown in this answer and never again. You can give it no scope that your own token
/// does not have. An `Idempotency-Key` is not heeded, as the answer is kept nowhere.
#[utoipa::path(post, path = "/auth/clients", tag = "auth", request_body = NewClient, security(("bearer" = ["clients:write"])),
    responses((status = 201, body = ClientView, headers(("location" = String), ("etag" = String))),
        (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn create(ctx: Ctx, caller: Caller, Valid(new): Valid<NewClient>) -> Result<Response> {
    caller.needs(scope::CLIENTS_WRITE)?;
    let secret = match new.kind {
        Kind::Confidential => Some(opaque::make(clients::SECRET_PREFIX)?),
        Kind::Public => None,
    };
    let now = Timestamp::now();
    let client = Client {
        id: ClientId::new().to_string(),
        name: new.name.trim().to_owned(),
        kind: new.kind,
        secret_hash: secret.as_deref().map(opaque::hash),
        old_secret_hash: None,
        old_secret_until: None,
        redirect_uris: each_once(new.redirect_uris),
        post_logout_redirect_uris: each_once(new.post_logout_redirect_uris),
        scopes: each_once(new.scopes),
        grants: each_once(new.grants),
        first_party: new.first_party,
        created_at: now,
        updated_at: now,
        version: 1,
        disabled_at: None,
    };
    must_be_sound(&client)?;
    must_cover(&caller, &client)?;
    let tx = ctx.begin().await?;
    store::clients::add(&tx, &client).await?;
    audit::record(&tx, entry(Act::ClientCreated, &ctx, &client)).await?;
    tx.commit().await?;
    let location = format!("/api/v1/auth/clients/{}", client.id);
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::CREATED, headers, ClientView::of(client, secret)).into_response())
}

/// Read a client.
#[utoipa::path(get, path = "/auth/clients/{id}", tag = "auth", security(("bearer" = ["clients:read"])),
    params(("id" = ClientId, Path, description = "The client")),
    responses((status = 200, body = ClientView), (status = 404, body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<ClientId>,
    known: IfNoneMatch,
) -> Result<Tagged<ClientView>> {
    caller.needs(scope::CLIENTS_READ)?;
    Ok(ClientView::of(find(&ctx.conn().await?, id).await?, None).unless(&known))
}

/// Change a client.
#[utoipa::path(patch, path = "/auth/clients/{id}", tag = "auth", request_body = ClientChange, security(("bearer" = ["clients:write"])),
    params(("id" = ClientId, Path, description = "The client")),
    responses((status = 200, body = ClientView), (status = 404, body = ProblemDocument), (status = 412, body = ProblemDocument),
        (status = 422, body = ProblemDocument, description = "`invalid-request`")))]
pub async fn update(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<ClientId>,
    if_match: IfMatch,
    Valid(change): Valid<ClientChange>,
) -> Result<Tagged<ClientView>> {
    caller.needs(scope::CLIENTS_WRITE)?;
    let mut tx = ctx.begin().await?;
    let client = find(&tx, id).await?;
    if_match.check(client.version)?;
    must_cover(&caller, &client)?;
    let changed = change.apply(client);
    must_be_sound(&changed)?;
    must_cover(&caller, &changed)?;
    store::clients::update(&mut tx, &changed).await?;
    let stored = find(&tx, id).await?;
    audit::record(&tx, entry(Act::ClientChanged, &ctx, &stored)).await?;
    tx.commit().await?;
    Ok(ClientView::of(stored, None))
}

impl ClientChange {
    fn apply(self, mut client: Client) -> Client {
        let now = Timestamp::now();
        client.name = self.name.map_or(client.name, |name| name.trim().to_owned());
        client.redirect_uris = self.redirect_uris.map_or(client.redirect_uris, each_once);
        client.post_logout_redirect_uris =
            self.post_logout_redirect_uris.map_or(client.post_logout_redirect_uris, each_once);
        client.scopes = self.scopes.map_or(client.scopes, each_once);
        client.grants = self.grants.map_or(client.grants, each_once);
        client.first_party = self.first_party.unwrap_or(client.first_party);
        client.disabled_at = match self.disabled {
            Some(true) => client.disabled_at.or(Some(now)),
            Some(false) => None,
            None => client.disabled_at,
        };
        client.updated_at = now;
        client
    }
}

/// Delete a client.
///
/// Its sessions end, and what people have allowed it is forgotten.
#[utoipa::path(delete, path = "/auth/clients/{id}", tag = "auth", security(("bearer" = ["clients:write"])),
    params(("id" = ClientId, Path, description = "The client")),
    responses((status = 204), (status = 404, body = ProblemDocument), (status = 412, body = ProblemDocument)))]
pub async fn delete(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<ClientId>,
    if_match: IfMatch,
) -> Result<StatusCode> {
    caller.needs(scope::CLIENTS_WRITE)?;
    let mut tx = ctx.begin().await?;
    let client = find(&tx, id).await?;
    if_match.check(client.version)?;
    store::clients::delete(&mut tx, &client.id).await?;
    audit::record(&tx, Entry::new(Act::ClientDeleted, &ctx).client(&client.id)).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a client a new secret.
///
/// The new one is shown in this answer and never again. The one until now stays good for `overlap_s` seconds, so that it can
/// be replaced everywhere.
#[utoipa::path(post, path = "/auth/clients/{id}/secret", tag = "auth", request_body = SecretRotation,
    security(("bearer" = ["clients:write"])), params(("id" = ClientId, Path, description = "The client")),
    responses((status = 200, body = ClientView), (status = 404, body = ProblemDocument),
        (status = 409, body = ProblemDocument, description = "`client-has-no-secret`")))]
pub async fn rotate_secret(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<ClientId>,
    Valid(rotation): Valid<SecretRotation>,
) -> Result<Response> {
    caller.needs(scope::CLIENTS_WRITE)?;
    let secret = opaque::make(clients::SECRET_PREFIX)?;
    let overlap = Some(rotation.overlap_s).filter(|seconds| *seconds > 0);
    let until = overlap.map(|seconds| Timestamp::now().after(Duration::from_secs(seconds.into())));
    let mut tx = ctx.begin().await?;
    let client = find(&tx, id).await?;
    if client.kind == Kind::Public {
        return Err(AuthError::ClientHasNoSecret.into());
    }
    must_cover(&caller, &client)?;
    let changed = store::clients::set_secret(&mut tx, &client.id, &opaque::hash(&secret), until).await?;
    let changed = changed.ok_or_else(Problem::not_found)?;
    let noted = Entry::new(Act::ClientSecret, &ctx).client(&client.id).with("overlap_s", rotation.overlap_s);
    audit::record(&tx, noted).await?;
    tx.commit().await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((headers, ClientView::of(changed, Some(secret))).into_response())
}
