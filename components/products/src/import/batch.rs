//! Products on their way into the catalogue, a few hundred in one transaction.

use super::{Item, LineError, Report};
use crate::model::{Product, ProductInput};
use crate::product::unknown_categories;
use crate::store::category::Tree;
use crate::store::write::{Entry, write};
use crate::store::{self, Stored, job};
use serde_json::json;
use souk_kit::{Ctx, Result, Timestamp, Tx};
use std::collections::{HashMap, HashSet};

/// Products in one transaction: enough that its fsync does not matter, few enough that other writers do not wait long.
const SIZE: usize = 200;
/// Variants in one transaction, for the same reason.
const VARIANTS: usize = 2000;

/// Products that are fit, each slug and each SKU once.
#[derive(Default)]
pub struct Batch {
    inputs: Vec<(u64, ProductInput)>,
    slugs: HashSet<String>,
    skus: HashSet<String>,
}

/// What there is already, of what a batch is about.
struct Known {
    tree: Tree,
    products: HashMap<String, Stored>,
    owners: HashMap<String, i64>,
    next: i64,
}

impl Batch {
    /// Whether the batch is full, or has something that `item` must see in the catalogue.
    pub fn must_go_before(&self, item: &Item) -> bool {
        let Ok(input) = &item.product else { return false };
        let twice = self.slugs.contains(&input.slug)
            || input.variants.iter().any(|variant| self.skus.contains(&variant.sku));
        self.inputs.len() >= SIZE || self.skus.len() >= VARIANTS || twice
    }

    /// Adds a product.
    pub fn add(&mut self, line: u64, input: ProductInput) {
        self.slugs.insert(input.slug.clone());
        self.skus.extend(input.variants.iter().map(|variant| variant.sku.clone()));
        self.inputs.push((line, input));
    }

    /// Writes the products and, with them, the report so far.
    pub async fn write(&mut self, ctx: &Ctx, report: &mut Report) -> Result<()> {
        let batch = std::mem::take(self);
        if batch.inputs.is_empty() {
            return Ok(());
        }
        let tx = ctx.begin().await?;
        let mut known = batch.look_up(&tx).await?;
        let now = Timestamp::now();
        let mut entries = Vec::with_capacity(batch.inputs.len());
        // Counted apart: a batch that fails was not written.
        let mut counted = report.clone();
        for (line, input) in batch.inputs {
            match known.entry(line, input, now) {
                Ok(Some(entry)) if entry.version == 1 => {
                    counted.created += 1;
                    entries.push(entry);
                }
                Ok(Some(entry)) => {
                    counted.updated += 1;
                    entries.push(entry);
                }
                Ok(None) => counted.unchanged += 1,
                Err(errors) => counted.fail(errors),
            }
        }
        write(&tx, &known.tree, &entries).await?;
        tell(&tx, &entries).await?;
        match report.dry_run {
            true => tx.rollback().await?,
            false => {
                job::write(&tx, &counted).await?;
                tx.commit().await?;
            }
        }
        *report = counted;
        Ok(())
    }

    async fn look_up(&self, tx: &Tx) -> Result<Known> {
        let slugs: Vec<&str> = self.slugs.iter().map(String::as_str).collect();
        let skus: Vec<&str> = self.skus.iter().map(String::as_str).collect();
        Ok(Known {
            tree: Tree::read(tx).await?,
            products: store::by_slugs(tx, &slugs).await?,
            owners: store::sku_owners(tx, &skus).await?,
            next: store::next_number(tx).await?,
        })
    }
}

impl Known {
    /// What becomes of a product: something to write, nothing, or what is wrong with it.
    fn entry(
        &mut self,
        line: u64,
        input: ProductInput,
        now: Timestamp,
    ) -> std::result::Result<Option<Entry>, Vec<LineError>> {
        let before = self.products.remove(&input.slug);
        if before.as_ref().is_some_and(|stored| !stored.deleted && stored.product.input() == input) {
            return Ok(None);
        }
        let number = before.as_ref().map(|stored| stored.number);
        let version = before.as_ref().map_or(1, |stored| stored.version + 1);
        let product = Product::from_input(input, before.map(|stored| stored.product), now);
        let mut errors: Vec<LineError> = unknown_categories(&self.tree, &product)
            .into_iter()
            .map(|error| LineError { line, pointer: error.pointer, detail: error.detail })
            .collect();
        for (index, variant) in product.variants.iter().enumerate() {
            if self.owners.get(&variant.sku).is_some_and(|owner| Some(*owner) != number) {
                let detail = format!("the SKU `{}` belongs to another product", variant.sku);
                errors.push(LineError::at(line, format!("variants/{index}/sku"), detail));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let number = number.unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        Ok(Some(Entry { number, version, deleted: false, product }))
    }
}

async fn tell(tx: &Tx, entries: &[Entry]) -> Result<()> {
    for Entry { version, product, .. } in entries {
        let kind = if *version == 1 { "souk.product.created" } else { "souk.product.updated" };
        tx.emit(kind, product.id, json!({"slug": product.slug, "status": product.status})).await?;
    }
    Ok(())
}
