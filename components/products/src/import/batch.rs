//! Products on their way into the catalogue, a few hundred in one transaction.

use super::known::{Known, Tried, Verdict};
use super::{Item, Report};
use crate::model::{Product, ProductInput};
use crate::store::job;
use crate::store::write::{Entry, write};
use serde_json::json;
use souk_kit::{Ctx, Result, Timestamp, Tx};
use std::collections::HashSet;

/// Products in one transaction: enough that its fsync does not matter, few enough that other writers do not wait long.
const SIZE: usize = 200;
/// Variants in one transaction, for the same reason.
const VARIANTS: usize = 2000;

/// Products that are fit, each slug once.
#[derive(Default)]
pub struct Batch {
    inputs: Vec<(u64, ProductInput)>,
    slugs: HashSet<String>,
    variants: usize,
}

impl Batch {
    /// Whether the batch is full, or has the product that `item` is about, too.
    pub fn must_go_before(&self, item: &Item) -> bool {
        let Ok(input) = &item.product else { return false };
        self.inputs.len() >= SIZE || self.variants >= VARIANTS || self.slugs.contains(&input.slug)
    }

    /// Adds a product.
    pub fn add(&mut self, line: u64, input: ProductInput) {
        self.slugs.insert(input.slug.clone());
        self.variants += input.variants.len();
        self.inputs.push((line, input));
    }

    /// Writes the products and, with them, the report so far.
    pub async fn write(&mut self, ctx: &Ctx, report: &mut Report) -> Result<()> {
        let inputs = std::mem::take(self).inputs;
        if inputs.is_empty() {
            return Ok(());
        }
        let tx = ctx.begin().await?;
        let mut known = Known::look_up(&tx, &inputs).await?;
        let now = Timestamp::now();
        let mut entries = Vec::with_capacity(inputs.len());
        // Counted apart: a batch that fails was not written.
        let mut counted = report.clone();
        for (line, input) in inputs {
            let verdict = known.judge(line, &input);
            if let Verdict::Fit { number, version } = verdict {
                let before = known.stored(&input.slug);
                let product = Product::from_input(input, before, now);
                entries.push(Entry { number, version, deleted: false, product });
            }
            counted.count(verdict);
        }
        write(&tx, &known.tree, &entries).await?;
        tell(&tx, &entries).await?;
        job::write(&tx, &counted).await?;
        tx.commit().await?;
        *report = counted;
        Ok(())
    }

    /// Judges the products as [`Batch::write`] would, and writes nothing.
    pub async fn try_out(&mut self, ctx: &Ctx, report: &mut Report, tried: &mut Tried) -> Result<()> {
        let inputs = std::mem::take(self).inputs;
        if inputs.is_empty() {
            return Ok(());
        }
        let mut known = Known::look_up(&ctx.conn().await?, &inputs).await?;
        known.add(tried, &inputs);
        for (line, input) in &inputs {
            let verdict = known.judge(*line, input);
            if let Verdict::Fit { number, version } = verdict {
                tried.note(input, number, version);
            }
            report.count(verdict);
        }
        Ok(())
    }
}

impl Report {
    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Unchanged => self.unchanged += 1,
            Verdict::Fit { version: 1, .. } => self.created += 1,
            Verdict::Fit { .. } => self.updated += 1,
            Verdict::Unfit(errors) => self.fail(errors),
        }
    }
}

async fn tell(tx: &Tx, entries: &[Entry]) -> Result<()> {
    for Entry { version, product, .. } in entries {
        let kind = if *version == 1 { "souk.product.created" } else { "souk.product.updated" };
        tx.emit(kind, product.id, json!({"slug": product.slug, "status": product.status})).await?;
    }
    Ok(())
}
