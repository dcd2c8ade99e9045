//! Writing products: a few statements, however many products there are.
//!
//! The rows of each table go to SQLite as one JSON parameter. Every call to the database leaves the component, and with
//! libSQL it crosses the network.

use crate::model::{Product, Status, Texts};
use crate::rules::{sort_key, with_ancestors};
use crate::store::category::Tree;
use serde_json::{Value, json};
use souk_kit::{DbError, Problem, Result, Tx, params};

/// A product as it will be.
#[derive(Debug)]
pub struct Entry {
    /// Its row, new or known.
    pub number: i64,
    /// Its version, 1 for a new one.
    pub version: i64,
    /// Whether it is deleted: it keeps its slug and SKUs, and nothing finds it.
    pub deleted: bool,
    /// What it is.
    pub product: Product,
}

/// Writes products with everything that they are found by.
pub async fn write(tx: &Tx, tree: &Tree, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    write_products(tx, entries).await?;
    write_documents(tx, entries).await?;
    let known: Vec<i64> =
        entries.iter().filter(|entry| entry.version > 1).map(|entry| entry.number).collect();
    write_variants(tx, &known, entries).await?;
    write_index(tx, tree, &known, entries).await?;
    Ok(())
}

async fn write_products(tx: &Tx, entries: &[Entry]) -> Result<(), DbError> {
    let rows = entries.iter().map(|Entry { number, version, deleted, product }| {
        let range = product.price_range;
        json!([
            number,
            product.id,
            product.slug,
            product.status,
            version,
            range.map(|range| range.min.currency),
            range.map(|range| range.min.amount),
            range.map(|range| range.max.amount),
            product.available,
            sort_key(&product.title, "en"),
            sort_key(&product.title, "fr"),
            product.created_at.as_millis(),
            product.updated_at.as_millis(),
            deleted.then(|| product.updated_at.as_millis()),
        ])
    });
    let sql =
        "INSERT INTO product (number, id, slug, status, version, currency, price_min, price_max, available,
                                    title_en, title_fr, created_at, updated_at, deleted_at)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
               value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13
          FROM json_each(?1) WHERE true
        ON CONFLICT (number) DO UPDATE SET
          slug = excluded.slug, status = excluded.status, version = excluded.version,
          currency = excluded.currency, price_min = excluded.price_min, price_max = excluded.price_max,
          available = excluded.available, title_en = excluded.title_en, title_fr = excluded.title_fr,
          updated_at = excluded.updated_at, deleted_at = excluded.deleted_at";
    tx.exec(sql, params![array(rows)]).await
}

async fn write_documents(tx: &Tx, entries: &[Entry]) -> Result<()> {
    let mut rows = Vec::with_capacity(entries.len());
    for Entry { number, product, .. } in entries {
        rows.push(json!([number, text(&product.summary())?, text(product)?]));
    }
    let sql = "INSERT INTO product_document (product, summary, document)
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) WHERE true
        ON CONFLICT (product) DO UPDATE SET summary = excluded.summary, document = excluded.document";
    Ok(tx.exec(sql, params![array(rows)]).await?)
}

async fn write_variants(tx: &Tx, known: &[i64], entries: &[Entry]) -> Result<(), DbError> {
    forget(tx, "DELETE FROM variant WHERE product IN (SELECT value FROM json_each(?1))", known).await?;
    let sql = "INSERT INTO variant (sku, id, product)
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)";
    insert(tx, sql, variant_rows(entries)).await
}

/// Writes what products are found by: categories, facets and words. `known` were there before.
pub async fn write_index(tx: &Tx, tree: &Tree, known: &[i64], entries: &[Entry]) -> Result<(), DbError> {
    let forgotten = [
        "DELETE FROM product_category WHERE product IN (SELECT value FROM json_each(?1))",
        "DELETE FROM facet WHERE product IN (SELECT value FROM json_each(?1))",
        // What is not published has its number below zero there.
        "DELETE FROM product_text
          WHERE rowid IN (SELECT value FROM json_each(?1) UNION ALL SELECT -value FROM json_each(?1))",
    ];
    for sql in forgotten {
        forget(tx, sql, known).await?;
    }
    let index = Index::of(tree, entries);
    let sql = "INSERT INTO product_category (product, category)
        SELECT value ->> 0, value ->> 1 FROM json_each(?1)";
    insert(tx, sql, index.categories).await?;
    let sql = "INSERT OR IGNORE INTO facet (published, kind, value, product, price)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)";
    insert(tx, sql, index.facets).await?;
    let sql = "INSERT INTO product_text (rowid, title, labels, description)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1)";
    insert(tx, sql, index.texts).await
}

fn variant_rows(entries: &[Entry]) -> Vec<Value> {
    let mut rows = Vec::new();
    for Entry { number, product, .. } in entries {
        rows.extend(product.variants.iter().map(|variant| json!([variant.sku, variant.id, number])));
    }
    rows
}

/// The rows that products are found by.
#[derive(Default)]
struct Index {
    categories: Vec<Value>,
    facets: Vec<Value>,
    texts: Vec<Value>,
}

impl Index {
    fn of(tree: &Tree, entries: &[Entry]) -> Self {
        let mut index = Self::default();
        for entry in entries.iter().filter(|entry| !entry.deleted) {
            let Entry { number, product, .. } = entry;
            let categories = product.categories.iter().filter_map(|slug| tree.number(slug));
            index.categories.extend(categories.map(|category| json!([number, category])));
            index.facets.extend(facets(tree, entry));
            let (title, description) = (joined(&product.title), joined(&product.description));
            let row = if is_published(product) { *number } else { -number };
            index.texts.push(json!([row, title, labels(tree, product), description]));
        }
        index
    }
}

fn is_published(product: &Product) -> bool {
    product.status == Status::Active
}

fn facets(tree: &Tree, entry: &Entry) -> Vec<Value> {
    let product = &entry.product;
    let published = is_published(product);
    let price = product.price_range.map(|range| range.min.amount);
    let row = |kind: &str, value: &str| json!([published, kind, value, entry.number, price]);
    let slugs = product.categories.iter().map(String::as_str);
    let mut rows: Vec<_> =
        with_ancestors(slugs, &tree.parents).into_iter().map(|slug| row("category", slug)).collect();
    rows.extend(product.brand.iter().map(|brand| row("brand", brand)));
    rows.extend(product.tags.iter().map(|tag| row("tag", tag)));
    let options = product.variants.iter().flat_map(|variant| &variant.options);
    rows.extend(options.map(|(name, value)| row("option", &format!("{name}:{value}"))));
    rows
}

fn labels(tree: &Tree, product: &Product) -> String {
    let slugs = product.categories.iter().map(String::as_str);
    let names = with_ancestors(slugs, &tree.parents).into_iter().filter_map(|slug| tree.name(slug));
    let mut labels: Vec<&str> = product.brand.iter().chain(&product.tags).map(String::as_str).collect();
    labels.extend(product.variants.iter().map(|variant| variant.sku.as_str()));
    labels.extend(names.flat_map(|name| name.values().map(String::as_str)));
    labels.join("\n")
}

fn joined(texts: &Texts) -> String {
    texts.values().map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn text(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Problem::internal(format!("document: {error}")))
}

fn array(rows: impl IntoIterator<Item = Value>) -> String {
    Value::Array(rows.into_iter().collect()).to_string()
}

async fn insert(tx: &Tx, sql: &str, rows: Vec<Value>) -> Result<(), DbError> {
    if rows.is_empty() {
        return Ok(());
    }
    tx.exec(sql, params![array(rows)]).await
}

async fn forget(tx: &Tx, sql: &str, numbers: &[i64]) -> Result<(), DbError> {
    if numbers.is_empty() {
        return Ok(());
    }
    tx.exec(sql, params![json!(numbers).to_string()]).await
}
