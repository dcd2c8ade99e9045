//! Billing: an invoice for every order that is paid or waits for a bank transfer, a credit note for every refund, and what
//! money moved for each.
//!
//! Keeps: an order has one invoice and a refund one credit note, however often they are told of; numbers have no gaps, and
//! grow with the date, within a series and a year; what was issued is never changed or deleted, which the database itself
//! refuses; the parts of an invoice add up to what is to be paid; a movement of money is noted once.
//!
//! Calls customers, for who is who. Hears of `souk.order.due`, `.paid`, `.cancelled` and `.refunded` from orders, of
//! `souk.payment.captured` and `.refunded` from payments, and of `souk.customer.erased` from customers. Publishes `souk.invoice.issued`, of which orders hears.

mod access;
mod document;
mod html;
mod issue;
mod list;
mod model;
mod movement;
mod order;
mod person;
mod print;
mod problem;
mod rules;
mod settlement;
mod statement;
mod store;

use souk_kit::{Database, Event, Problem, Result, Service, Subscription, Tx};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "billing",
    about: "Invoices, credit notes and statements, as JSON and as pages to print.",
    database: Some(Database {
        label: "billing",
        migrations: &[("billing/0001_billing", include_str!("../../../sql/billing/0001_billing.sql"))],
    }),
    routes,
    problems: problem::ALL,
    subscriptions: &[Subscription { event: "souk.invoice.issued", subscriber: "orders" }],
    on_event: Some(|tx, event| Box::pin(hear(tx, event))),
    ..Service::BASE
};

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(document::invoice))
        .routes(routes!(document::credit_note))
        .routes(routes!(statement::of_customer))
        .routes(routes!(statement::own))
        .routes(routes!(person::person))
        .routes(routes!(settlement::told))
}

async fn hear(tx: &mut Tx, event: &Event) -> Result<()> {
    // The kit has checked that the caller is the source; that the source may say such things is for us to check.
    match (event.source.as_str(), event.kind.as_str()) {
        ("/orders", "souk.order.due") => issue::due(tx, event.data()?).await,
        ("/orders", "souk.order.paid") => issue::paid(tx, event.data()?).await,
        ("/orders", "souk.order.cancelled") => issue::cancelled(tx, event.data()?).await,
        ("/orders", "souk.order.refunded") => issue::refunded(tx, event.data()?).await,
        ("/payments", "souk.payment.captured" | "souk.payment.refunded") => movement::note(tx, event).await,
        ("/customers", "souk.customer.erased") => person::note_erasure(tx, event).await,
        ("/orders" | "/customers", _) => Ok(()),
        _ => Err(Problem::forbidden(
            "Only orders, payments and customers are listened to, each of its own matters.",
        )),
    }
}
