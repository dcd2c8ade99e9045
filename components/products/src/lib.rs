//! The catalogue: products, their variants, categories and images, and the search over them.
//!
//! Keeps: a slug names one product, an SKU one variant of the whole shop; a product's variants have one currency and no
//! two the same options; what is not published is seen only by those who may change it; a deleted product keeps its slug
//! and SKUs and can be restored.
//!
//! A product is stored as the answer that it gives, so that reading it is one statement and no parsing. Whatever it is
//! found by is written beside it, in the same transaction.
//!
//! Calls nobody. Publishes `souk.product.created`, `souk.product.updated` and `souk.product.deleted`. Hears from inventory
//! (`souk.stock.changed`) what is in stock.

mod category;
mod export;
mod image;
mod import;
mod model;
mod problem;
mod product;
mod rules;
mod search;
mod sheet;
mod stock;
mod store;
mod variant;

use souk_kit::{Ctx, Database, Result, Service};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The service.
pub static SERVICE: Service = Service {
    name: "products",
    about: "The catalogue: products, categories, images, search, import and export.",
    database: Some(Database {
        label: "products",
        migrations: &[
            ("products/0001_catalogue", include_str!("../../../sql/products/0001_catalogue.sql")),
            ("products/0002_stock", include_str!("../../../sql/products/0002_stock.sql")),
        ],
    }),
    routes,
    problems: problem::ALL,
    on_event: Some(|tx, event| Box::pin(stock::hear(tx, event))),
    maintain: Some(|ctx| Box::pin(maintain(ctx))),
    ..Service::BASE
};

async fn maintain(ctx: Ctx) -> Result<()> {
    import::forget_old_reports(&ctx).await?;
    Ok(store::write::merge_index(&ctx.conn().await?).await?)
}

#[cfg(target_family = "wasm")]
#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> impl spin_sdk::http::IntoResponse {
    souk_kit::serve(&SERVICE, request).await
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(search::list, product::add))
        .routes(routes!(variant::list))
        .routes(routes!(product::read, product::change, product::delete))
        .routes(routes!(import::import))
        .routes(routes!(import::report))
        .routes(routes!(export::export))
        .routes(routes!(image::add))
        .routes(routes!(image::read))
        .routes(routes!(image::change, image::remove))
        .routes(routes!(product::restore))
        .routes(routes!(category::list, category::add))
        .routes(routes!(category::change, category::remove))
}
