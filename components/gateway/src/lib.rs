//! The only public route: every request comes in here, and nothing gets round it.
//!
//! Keeps: what is not in the access table does not exist; no service hears a header that only we may set; a token is
//! believed only when auth's published keys verify it; every answer, ours or a service's, has one error format.
//!
//! Calls every service. Owns what it remembers of auth's keys, and the counters of its metrics.

mod access;
mod arrival;
mod cors;
mod docs;
mod headers;
mod keys;
mod openapi;
mod problem;
mod proxy;
mod readiness;
mod token;

use axum::middleware;
use axum::routing::get;
use souk_kit::{Database, Service};
use utoipa_axum::router::OpenApiRouter;

/// The service.
pub static SERVICE: Service = Service {
    name: "gateway",
    about: "The single entry point of the suite.",
    edge: true,
    database: Some(Database {
        label: "gateway",
        migrations: &[("gateway/0001_gateway", include_str!("../../../sql/gateway/0001_gateway.sql"))],
    }),
    routes,
    wrap: |router| router.layer(middleware::from_fn(cors::apply)).layer(middleware::from_fn(headers::harden)),
    problems: problem::ALL,
    maintain: Some(|ctx| Box::pin(readiness::maintain_all(ctx))),
    ..Service::BASE
};

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .route("/", get(docs::home))
        .route("/ready", get(readiness::ready))
        .route("/openapi.json", get(openapi::show))
        .route("/docs", get(docs::reference))
        .route("/problems/{kind}", get(docs::problem))
        .fallback(proxy::forward)
}
