//! Stock: what lies where, what is promised of it, and every change of either.
//!
//! Keeps: what is on hand somewhere is the sum of its movements; what is reserved there is the sum of what reservations
//! hold; no more is reserved than is on hand, so no unit is promised twice. The schema adds up and refuses
//! (`sql/inventory`), whatever runs at once and wherever it is cut off.
//!
//! A reservation is one look without a lock and one statement, which the schema refuses if somebody was faster; then it is
//! looked at again. So buyers wait for one another no longer than a statement takes.
//!
//! Calls nobody. Publishes `souk.stock.changed` when a variant's stock reaches or leaves zero, to products, and
//! `souk.stock.low`. What is to be published is a matter of what was published last: a crash before it repairs itself at
//! the next change or maintenance.

mod count;
mod exchange;
mod item;
mod location;
mod model;
mod movement;
mod problem;
mod promise;
mod reservation;
mod rules;
mod store;

use souk_kit::{Ctx, Database, Result, Service, Subscription, Timestamp};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "inventory",
    about: "Stock by variant and location: movements, counts, reservations, thresholds.",
    database: Some(Database {
        label: "inventory",
        migrations: &[("inventory/0001_stock", include_str!("../../../sql/inventory/0001_stock.sql"))],
    }),
    routes,
    problems: problem::ALL,
    subscriptions: &[Subscription { event: "souk.stock.changed", subscriber: "products" }],
    maintain: Some(|ctx| Box::pin(maintain(ctx))),
    ..Service::BASE
};

/// Ends what has expired, and publishes what a crash kept back.
async fn maintain(ctx: Ctx) -> Result<()> {
    store::reservation::expire(&ctx.conn().await?, Timestamp::now()).await?;
    item::publish_all(&ctx).await
}

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(location::list, location::add))
        .routes(routes!(location::change))
        .routes(routes!(item::availability))
        .routes(routes!(item::list))
        .routes(routes!(item::watch))
        .routes(routes!(movement::list, movement::add))
        .routes(routes!(count::count))
        .routes(routes!(reservation::read, reservation::reserve, exchange::exchange))
        .routes(routes!(reservation::extend))
        .routes(routes!(reservation::commit))
        .routes(routes!(reservation::release))
        .routes(routes!(promise::ship))
        .routes(routes!(promise::take_back))
}
