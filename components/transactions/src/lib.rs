//! The ledger: accounts, transactions whose postings sum to zero, holds, and the proof that nothing was changed afterwards.
//!
//! Keeps: the entries of each currency sum to zero; no account passes its limit; what is posted is never edited, but
//! reversed by another transaction; each entry has the hash of the one before. The schema refuses what would break it
//! (`sql/transactions`), whatever runs at once and wherever it is cut off.
//!
//! A transaction is one look at the accounts and the end of the ledger, under the write lock; decisions in memory
//! (`rules/book.rs`); and a statement each for the transactions and their entries, whose triggers move the balances. A batch
//! of a thousand needs no more statements than one transfer.
//!
//! Calls prices, for transfers into another currency. Publishes `souk.transfer.received` to payments.

mod access;
mod account;
mod batch;
mod beneficiary;
mod booking;
mod books;
mod clearing;
mod config;
mod desk;
mod event;
mod hold;
mod input;
mod ledger;
mod maintenance;
mod model;
mod payment;
mod payout;
mod person;
mod problem;
mod quote;
mod reconciliation;
mod rules;
mod statement;
mod store;
mod transaction;
mod view;

use souk_kit::{Database, Event, Problem, Result, Service, Subscription, Tx};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "transactions",
    about: "The double-entry ledger: accounts, transfers, holds, clearing, statements, proofs.",
    database: Some(Database {
        label: "transactions",
        migrations: &[(
            "transactions/0001_ledger",
            include_str!("../../../sql/transactions/0001_ledger.sql"),
        )],
    }),
    routes,
    problems: problem::ALL,
    subscriptions: &[Subscription { event: event::RECEIVED, subscriber: "payments" }],
    on_event: Some(|tx, event| Box::pin(hear(tx, event))),
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
        .routes(routes!(account::list, account::open))
        .routes(routes!(account::read, account::change))
        .routes(routes!(account::balance))
        .routes(routes!(statement::read))
        .routes(routes!(transaction::list, transaction::create))
        .routes(routes!(reconciliation::read))
        .routes(routes!(transaction::read, transaction::change))
        .routes(routes!(transaction::reverse))
        .routes(routes!(ledger::proof))
        .routes(routes!(batch::create))
        .routes(routes!(hold::list, hold::create))
        .routes(routes!(hold::read))
        .routes(routes!(hold::capture))
        .routes(routes!(hold::release))
        .routes(routes!(payment::put))
        .routes(routes!(payment::capture))
        .routes(routes!(payment::release))
        .routes(routes!(payment::refund))
        .routes(routes!(payment::collection))
        .routes(routes!(payout::create))
        .routes(routes!(beneficiary::list, beneficiary::add))
        .routes(routes!(beneficiary::remove))
        .routes(routes!(clearing::incoming))
        .routes(routes!(ledger::roots))
        .routes(routes!(ledger::export))
        .routes(routes!(person::told))
}

async fn hear(tx: &mut Tx, event: &Event) -> Result<()> {
    // The kit has checked that the caller is the source; that the source may say such things is for us to check.
    match (event.source.as_str(), event.kind.as_str()) {
        ("/users", "souk.user.deleted") => person::forget(tx, event).await,
        ("/payments", "souk.payment.captured" | "souk.payment.refunded") => {
            booking::book(tx, &event.data()?).await
        }
        ("/users" | "/payments", _) => Ok(()),
        _ => Err(Problem::forbidden("Only users and payments are listened to.")),
    }
}
