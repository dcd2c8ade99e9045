//! What inventory says of stock: a variant can be bought if the shop offers it and inventory has any, or knows nothing of
//! it.

use crate::model::{Product, Variant};
use crate::store::category::Tree;
use crate::store::write::{Entry, write};
use crate::store::{self, Stored};
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::VariantId;
use souk_kit::{Event, Problem, Result, Timestamp, Tx};

/// `souk.stock.changed`.
#[derive(Debug, Deserialize)]
struct StockChanged {
    variant_id: VariantId,
    available: i64,
    /// Grows with each.
    version: i64,
}

/// Takes in what happened elsewhere.
pub async fn hear(tx: &mut Tx, event: &Event) -> Result<()> {
    // The kit has checked that the caller is the source; that the source may say such things is for us to check.
    if event.source != "/inventory" {
        return Err(Problem::forbidden("Only inventory can tell of stock."));
    }
    if event.kind != "souk.stock.changed" {
        return Ok(());
    }
    let changed: StockChanged = event.data()?;
    // A variant that is gone has no stock to show.
    let Some(stored) = store::product_of(tx, changed.variant_id).await? else { return Ok(()) };
    if !store::is_newest(tx, changed.variant_id, changed.version).await? {
        return Ok(());
    }
    mark(tx, stored, changed.variant_id, changed.available > 0).await
}

/// Writes down whether a variant is in stock, as the product's next version, if that changes anything.
async fn mark(tx: &Tx, stored: Stored, variant: VariantId, in_stock: bool) -> Result<()> {
    let Stored { number, version, deleted, mut product } = stored;
    let Some(marked) = product.variants.iter_mut().find(|it| it.id == variant) else { return Ok(()) };
    if marked.in_stock == Some(in_stock) {
        return Ok(());
    }
    marked.in_stock = Some(in_stock);
    let available = product.variants.iter().any(Variant::can_be_bought);
    let product = Product { available, updated_at: Timestamp::now(), ..product };
    let (id, data) = (product.id, json!({"slug": product.slug, "status": product.status}));
    let entry = Entry { number, version: version + 1, deleted, product };
    write(tx, &Tree::read(tx).await?, &[entry]).await?;
    tx.emit("souk.product.updated", id, data).await
}
