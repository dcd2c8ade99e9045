//! Carts and orders: what people want to buy, what they agreed to pay, and what became of it.
//!
//! Keeps: an order's prices, addresses and lines are what its buyer agreed to; its state changes only as
//! [`state::State::next`] allows, and every change is in its history; refunds together never exceed what was paid; a cart
//! becomes one order; a coupon is used as often as the rules allow.
//!
//! Calls products (offers), rules (discounts, tax, shipping), inventory (reservations), payments (intents, refunds) and
//! customers (a person's addresses). Publishes `souk.order.due`, `souk.order.paid`, `souk.order.cancelled`,
//! `souk.order.shipped`, `souk.order.returned` and `souk.order.refunded`, and hears what payments, billing and customers publish.

mod ask;
mod buyer;
mod cart;
mod change;
mod checkout;
mod contents;
mod due;
mod events;
mod fulfilment;
mod life;
mod model;
mod order;
mod pricing;
mod problem;
mod revision;
mod saga;
mod settlement;
mod state;
mod store;
mod tracking;
mod wish;

use souk_kit::{Ctx, Database, Result, Service, Subscription};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "orders",
    about: "Carts, checkout, orders, shipments, returns and refunds.",
    database: Some(Database {
        label: "orders",
        migrations: &[("orders/0001_orders", include_str!("../../../sql/orders/0001_orders.sql"))],
    }),
    routes,
    problems: problem::ALL,
    subscriptions: &[
        Subscription { event: "souk.order.due", subscriber: "billing" },
        Subscription { event: "souk.order.paid", subscriber: "billing" },
        Subscription { event: "souk.order.cancelled", subscriber: "billing" },
        Subscription { event: "souk.order.refunded", subscriber: "billing" },
    ],
    on_event: Some(events::on_event),
    maintain: Some(|ctx| Box::pin(maintain(ctx))),
    ..Service::BASE
};

async fn maintain(ctx: Ctx) -> Result<()> {
    saga::run(ctx.clone()).await?;
    cart::purge(ctx).await
}

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(cart::begin))
        .routes(routes!(cart::read_mine))
        .routes(routes!(cart::merge))
        .routes(routes!(cart::read, cart::change, cart::delete))
        .routes(routes!(cart::add_line))
        .routes(routes!(cart::change_line, cart::remove_line))
        .routes(routes!(checkout::place, order::list))
        .routes(routes!(order::read, change::change, order::delete))
        .routes(routes!(order::history))
        .routes(routes!(tracking::follow))
        .routes(routes!(order::cancel))
        .routes(routes!(order::refund))
        .routes(routes!(fulfilment::begin))
        .routes(routes!(fulfilment::ship))
        .routes(routes!(fulfilment::deliver))
        .routes(routes!(fulfilment::ask_return))
        .routes(routes!(fulfilment::decide))
        .routes(routes!(order::held))
        .routes(routes!(settlement::told))
}
