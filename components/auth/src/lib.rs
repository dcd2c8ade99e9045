//! Signing in: who proves to be somebody gets an access token that the gateway believes, and a way to get the next one.
//!
//! Keeps: a refresh token works once, and using an old one ends its session; a session is never older than the password
//! that opened it; a key is published before it signs and until everything that it signed has expired; neither a refresh
//! token nor a private key can be read from the database.
//!
//! Calls users: is the password right, what are the roles now. Publishes nothing; hears from users that an account was
//! deleted or its password or roles changed.
//!
//! An access token is believed without asking anybody, so it outlives its session by up to its ten minutes.

mod events;
mod jwt;
mod keys;
mod problem;
mod refresh;
mod rules;
mod seal;
mod session;
mod settings;
mod sign_in;
mod store;
mod users;

use souk_kit::{Database, Service, serve};
use spin_sdk::http::{IntoResponse, Request};
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
    on_event: Some(|tx, event| Box::pin(events::receive(tx, event))),
    maintain: Some(|ctx| Box::pin(maintain(ctx))),
    ..Service::BASE
};

#[spin_sdk::http_service]
async fn handle(request: Request) -> impl IntoResponse {
    serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(sign_in::login))
        .routes(routes!(sign_in::refresh))
        .routes(routes!(sign_in::logout))
        .routes(routes!(session::list))
        .routes(routes!(session::end))
        .routes(routes!(keys::publish))
        .routes(routes!(keys::rotate))
}

async fn maintain(ctx: souk_kit::Ctx) -> souk_kit::Result<()> {
    keys::keep_turning(&ctx).await?;
    store::purge(&ctx.conn().await?).await?;
    Ok(())
}
