//! What a cart costs beside the goods: discounts, ways of shipping and taxes, as the plugin decides that `spin.toml` names.
//!
//! Keeps: no answer goes out that does not hold together (a negative amount, more discount than the price, a tax that is
//! not its rate's, two currencies), whatever the plugin says. Owns nothing and remembers nothing.
//!
//! It is a component of its own because a plugin that traps or never ends takes its whole instance with it: the caller
//! then sees a failed or overdue call, and nothing else of the suite is touched. Asks the plugin three times per
//! evaluation. Calls nobody.

mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit",
        world: "front",
        runtime_path: "spin_sdk::wit_bindgen::rt",
    });
}
mod answer;
mod ask;
mod check;
mod evaluate;
mod problem;
mod question;

use souk_kit::Service;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "rules",
    about: "Discounts, shipping and taxes, decided by a plugin.",
    routes,
    problems: problem::ALL,
    ..Service::BASE
};

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(evaluate::evaluate))
}
