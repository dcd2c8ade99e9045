//! Accounts: who people are, how they prove it, and what they are to the shop.
//!
//! Keeps: an e-mail address belongs to one account; a password is stored only as an argon2id hash; there is always an
//! administrator once there was one; a deleted account keeps its id, which orders and invoices refer to, and nothing else.
//!
//! Calls nobody. Publishes `souk.user.registered`, `souk.user.deleted`, `souk.user.password_changed` and
//! `souk.user.roles_changed`; auth ends sessions on the second and the third
//! and keeps all of them in its audit log, and customers erase what they know of somebody on the second.

mod account;
mod administration;
mod credentials;
mod guess;
mod password;
mod problem;
mod rules;
mod store;
mod trace;

use souk_kit::{Database, Service, Subscription};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "users",
    about: "Accounts: registration, profile, password, roles, deletion.",
    database: Some(Database {
        label: "users",
        migrations: &[("users/0001_users", include_str!("../../../sql/users/0001_users.sql"))],
    }),
    routes,
    problems: problem::ALL,
    subscriptions: &[
        Subscription { event: "souk.user.deleted", subscriber: "auth" },
        Subscription { event: "souk.user.deleted", subscriber: "customers" },
        Subscription { event: "souk.user.deleted", subscriber: "prices" },
        Subscription { event: "souk.user.deleted", subscriber: "transactions" },
        Subscription { event: "souk.user.password_changed", subscriber: "auth" },
        Subscription { event: "souk.user.registered", subscriber: "auth" },
        Subscription { event: "souk.user.roles_changed", subscriber: "auth" },
    ],
    maintain: Some(|ctx| Box::pin(credentials::purge(ctx))),
    ..Service::BASE
};

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(account::register, administration::list))
        .routes(routes!(account::read, account::update, account::delete))
        .routes(routes!(account::change_password))
        .routes(routes!(administration::bootstrap))
        .routes(routes!(administration::read, administration::update, administration::delete))
        .routes(routes!(administration::set_roles))
        .routes(routes!(credentials::check))
        .routes(routes!(credentials::roles))
        .routes(routes!(credentials::person))
}
