//! Payments: what an order wants paid, the tries to pay it, and what is captured and given back.
//!
//! Keeps: an intent has at most one try that may cost money; never is more refunded than captured, or more captured than
//! authorized (the tables refuse it, too); what a provider is asked is durable before it is asked, under a key by which it
//! can be asked again, so no crash charges anybody twice or loses a charge; card data is neither stored nor logged, but for
//! the brand and the last four digits.
//!
//! Providers stand behind one trait ([`provider::Provider`]): one simulates cards, one holds money on wallets, one waits for
//! transfers that carry a reference, one is PayPal. Calls transactions (wallets, accounts to transfer to, money that goes
//! back), and hears from it of `souk.transfer.received`. Publishes `souk.payment.authorized`, `souk.payment.captured`,
//! `souk.payment.failed`, `souk.payment.refunded`, `souk.payment.cancelled` and `souk.payment.awaited` to orders; captures and
//! refunds to transactions and billing, too.

mod card;
mod confirm;
mod event;
mod intent;
mod maintenance;
mod method;
mod methods;
mod model;
mod problem;
mod provider;
mod receipt;
mod receipts;
mod reference;
mod rules;
mod secret;
mod settle;
mod settlement;
mod store;
mod transfer;
mod view;
mod webhook;

use souk_kit::{Database, Service, Subscription};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "payments",
    about: "Payments: intents, tries to pay them, captures, refunds, providers' webhooks.",
    database: Some(Database {
        label: "payments",
        migrations: &[("payments/0001_payments", include_str!("../../../sql/payments/0001_payments.sql"))],
    }),
    routes,
    problems: problem::ALL,
    subscriptions: &[
        Subscription { event: event::AUTHORIZED, subscriber: "orders" },
        Subscription { event: event::CAPTURED, subscriber: "orders" },
        Subscription { event: event::CAPTURED, subscriber: "transactions" },
        Subscription { event: event::CAPTURED, subscriber: "billing" },
        Subscription { event: event::FAILED, subscriber: "orders" },
        Subscription { event: event::REFUNDED, subscriber: "orders" },
        Subscription { event: event::REFUNDED, subscriber: "transactions" },
        Subscription { event: event::REFUNDED, subscriber: "billing" },
        Subscription { event: event::CANCELLED, subscriber: "orders" },
        Subscription { event: event::AWAITED, subscriber: "orders" },
    ],
    on_event: Some(|tx, event| Box::pin(receipt::hear(tx, event))),
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
        .routes(routes!(intent::list))
        .routes(routes!(intent::put))
        .routes(routes!(intent::read))
        .routes(routes!(intent::cancel))
        .routes(routes!(confirm::confirm))
        .routes(routes!(confirm::challenge))
        .routes(routes!(confirm::carry_on))
        .routes(routes!(methods::list))
        .routes(routes!(receipts::list))
        .routes(routes!(receipts::allocate))
        .routes(routes!(receipts::give_back))
        .routes(routes!(transfer::capture))
        .routes(routes!(transfer::refund))
        .routes(routes!(webhook::receive))
        .routes(routes!(intent::of_person))
        .routes(routes!(settlement::told))
        .routes(routes!(settlement::known))
}
