//! Prices: what currencies and tokens are worth, where that is known from, and prices that hold for a time.
//!
//! Keeps: a rate is a decimal and a conversion exact, rounded once, half to even; what sources say is believed when it is
//! near what the others say, or what was so before; a rate that is too old is marked, and later refused; a quote is used
//! once, by its owner, before it expires; one instance at a time asks a provider, not more often than it is meant to be, and
//! less often while it fails.
//!
//! Providers stand behind one trait ([`provider::Provider`]): the European Central Bank, CoinGecko, Chainlink, and people.
//! Calls no other service. Publishes `souk.rate.changed`, of which nobody hears yet.

mod book;
mod convert;
mod decimal;
mod history;
mod instrument;
mod maintenance;
mod manual;
mod market;
mod memory;
mod model;
mod options;
mod person;
mod problem;
mod provider;
mod quote;
mod rate;
mod refresh;
mod settle;
mod store;

use souk_kit::{Database, Service};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "prices",
    about: "Rates of currencies and tokens with their sources and age, conversion, quotes that hold for a time.",
    database: Some(Database {
        label: "prices",
        migrations: &[("prices/0001_prices", include_str!("../../../sql/prices/0001_prices.sql"))],
    }),
    routes,
    problems: problem::ALL,
    on_event: Some(|tx, event| Box::pin(person::hear(tx, event))),
    maintain: Some(|ctx| Box::pin(maintenance::run(ctx))),
    ..Service::BASE
};

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(instrument::list))
        .routes(routes!(instrument::put, instrument::delete))
        .routes(routes!(rate::list))
        .routes(routes!(manual::set, manual::withdraw))
        .routes(routes!(history::list))
        .routes(routes!(refresh::refresh))
        .routes(routes!(convert::convert))
        .routes(routes!(quote::ask))
        .routes(routes!(quote::read))
        .routes(routes!(quote::consume))
        .routes(routes!(person::told))
}
