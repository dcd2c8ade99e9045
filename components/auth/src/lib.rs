//! Signing in: who proves to be somebody gets an access token that the gateway believes, and a way to get the next one.
//!
//! To whom: people, by the suite's own client (`/auth/login`); programs, by OAuth 2.1 and OpenID Connect (`/oauth2/*`).
//!
//! Keeps: a refresh token works once (and for seconds again, for a second tab), and using an older one ends its session; a
//! code works once, for its client alone, and ends what it gave when it comes again; no session, code or browser outlives the
//! password that it was begun with, but for the session that changed it; no token allows more than its client may ask for, its
//! person granted and their roles give; a key is published before it signs and until everything that it signed has expired;
//! neither a refresh token, a code, a client's secret nor a private key can be read from the database.
//!
//! Calls users: is the password right, is the wallet theirs, what are the roles now. Publishes nothing; hears from users that
//! an account was deleted or its password changed, and for the log whatever else matters to security.
//!
//! What happens that matters to security is in the audit log, with who did it and from where.
//!
//! An access token is believed without asking anybody, so it outlives its session by up to its ten minutes.

mod audit;
mod authorize;
mod browser;
mod client_admin;
mod client_auth;
mod clients;
mod code;
mod consent;
mod cookie;
mod csrf;
mod discovery;
mod exchange;
mod family;
mod hint;
mod id_token;
mod introspection;
mod keys;
mod logout;
mod oauth_error;
mod opaque;
mod page;
mod pages;
mod person;
mod problem;
mod recovery;
mod redirect;
mod refresh;
mod revocation;
mod scopes;
mod session;
mod sign_in;
mod siwe;
mod store;
mod token;
mod userinfo;

use serde::Deserialize;
use souk_kit::{Ctx, Database, Event, Problem, Result, Service, Tx};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "auth",
    about: "Sign-in: access tokens, refresh tokens, sessions, signing keys.",
    database: Some(Database {
        label: "auth",
        migrations: &[("auth/0001_auth", include_str!("../../../sql/auth/0001_auth.sql"))],
    }),
    routes,
    problems: problem::ALL,
    on_event: Some(|tx, event| Box::pin(hear(tx, event))),
    maintain: Some(|ctx| Box::pin(maintain(ctx))),
    ..Service::BASE
};

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(sign_in::login))
        .routes(routes!(siwe::terms))
        .routes(routes!(siwe::login))
        .routes(routes!(sign_in::refresh))
        .routes(routes!(sign_in::logout))
        .routes(routes!(session::list))
        .routes(routes!(session::end))
        .routes(routes!(audit::search))
        .routes(routes!(authorize::show, authorize::step))
        .routes(routes!(logout::show, logout::step))
        .routes(routes!(recovery::forgot, recovery::ask))
        .routes(routes!(recovery::reset, recovery::renew))
        .routes(routes!(recovery::verify, recovery::confirm))
        .routes(routes!(consent::list))
        .routes(routes!(consent::withdraw))
        .routes(routes!(exchange::exchange))
        .routes(routes!(introspection::introspect))
        .routes(routes!(revocation::revoke))
        .routes(routes!(userinfo::read, userinfo::read_by_post))
        .routes(routes!(client_admin::list, client_admin::create))
        .routes(routes!(client_admin::read, client_admin::update, client_admin::delete))
        .routes(routes!(client_admin::rotate_secret))
        .routes(routes!(discovery::openid))
        .routes(routes!(discovery::oauth))
        .routes(routes!(keys::published))
        .routes(routes!(keys::rotate))
}

/// Ends what signs in who left, and what an old password opened.
async fn hear(tx: &mut Tx, event: &Event) -> Result<()> {
    #[derive(Deserialize)]
    struct PasswordChanged {
        password_version: i64,
        keep_session: Option<String>,
    }
    // The kit has checked that the caller is the source; that the source may say such things is for us to check.
    if event.source != "/users" {
        return Err(Problem::forbidden("Only users can tell of people."));
    }
    let ended = match event.kind.as_str() {
        "souk.user.deleted" => {
            store::forget_consents(tx, &event.subject).await?;
            Some(store::end_before(tx, &event.subject, store::NO_PASSWORD, None).await?)
        }
        "souk.user.password_changed" => {
            let changed: PasswordChanged = event.data()?;
            let keep = changed.keep_session.as_deref();
            Some(store::end_before(tx, &event.subject, changed.password_version, keep).await?)
        }
        _ => None,
    };
    match audit::Entry::of_event(event, ended)? {
        Some(entry) => audit::record(tx, entry).await,
        None => Ok(()),
    }
}

async fn maintain(ctx: Ctx) -> Result<()> {
    keys::rotate_if_old(&ctx).await?;
    let conn = ctx.conn().await?;
    store::purge(&conn).await?;
    audit::forget(&conn).await
}
