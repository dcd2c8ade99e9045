//! Customers: who buys, where to, in which language and currency, and what they agreed to.
//!
//! Keeps: an account has at most one customer, made when it is first asked for; at most one address of a customer is the
//! default for shipping, and one for billing; an erased customer keeps the id and two dates, and nothing personal.
//!
//! Calls users (who somebody is) and, for the export, every service that holds something on a person. Publishes
//! `souk.customer.changed` (whose groups are others) and `souk.customer.erased`; erases on `souk.user.deleted`.

mod access;
mod address;
mod customer;
mod export;
mod history;
mod model;
mod problem;
mod rules;
mod store;

use souk_kit::id::UserId;
use souk_kit::{Ctx, Database, Event, Problem, Result, Service, Subscription, Tx};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "customers",
    about: "Customers: profiles, addresses, preferences, export and erasure of personal data.",
    database: Some(Database {
        label: "customers",
        migrations: &[(
            "customers/0001_customers",
            include_str!("../../../sql/customers/0001_customers.sql"),
        )],
    }),
    routes,
    problems: problem::ALL,
    subscriptions: &[
        Subscription { event: "souk.customer.changed", subscriber: "orders" },
        Subscription { event: "souk.customer.erased", subscriber: "billing" },
        Subscription { event: "souk.customer.erased", subscriber: "orders" },
    ],
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
        .routes(routes!(customer::add, customer::list))
        .routes(routes!(customer::read, customer::change, customer::erase))
        .routes(routes!(address::add, address::list))
        .routes(routes!(address::read, address::change, address::remove))
        .routes(routes!(export::export))
        .routes(routes!(history::orders))
        .routes(routes!(customer::by_user))
        .routes(routes!(customer::payer))
}

async fn hear(tx: &mut Tx, event: &Event) -> Result<()> {
    if event.source != "/users" {
        return Err(Problem::forbidden("Only users can tell of accounts."));
    }
    if event.kind != "souk.user.deleted" {
        return Ok(());
    }
    let user = event.subject.parse::<UserId>();
    let user = user.map_err(|error| Problem::internal(format!("event {}: subject {error}", event.id)))?;
    store::note_departure(tx, user).await?;
    match store::find_by_user(tx, user).await? {
        Some(customer) => customer::blank(tx, &customer).await,
        None => Ok(()),
    }
}

async fn maintain(ctx: Ctx) -> Result<()> {
    Ok(store::purge(&ctx.conn().await?).await?)
}
