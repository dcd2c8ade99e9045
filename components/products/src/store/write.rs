//! Writing products: a few statements, however many products there are.
//!
//! The rows of each table go to SQLite as one JSON parameter. Every call to the database leaves the component, and with
//! libSQL it crosses the network.

use crate::model::{Product, Status, Texts};
use crate::rules::{keys, sort_key, with_ancestors};
use crate::store::category::Tree;
use serde_json::{Value, json};
use souk_kit::{Conn, DbError, Problem, Result, Tx, params};
use std::collections::BTreeSet;

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
    let known: Vec<i64> =
        entries.iter().filter(|entry| entry.version > 1).map(|entry| entry.number).collect();
    // Where a product stands in the index is read from its row, so before that changes.
    forget_index(tx, &known).await?;
    write_products(tx, entries).await?;
    write_documents(tx, entries).await?;
    write_variants(tx, &known, entries).await?;
    write_index(tx, tree, entries).await?;
    Ok(())
}

async fn write_products(tx: &Tx, entries: &[Entry]) -> Result<(), DbError> {
    let rows = entries.iter().map(|entry| {
        let Entry { number, version, deleted, product } = entry;
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
            entry.place(),
        ])
    });
    let sql =
        "INSERT INTO product (number, id, slug, status, version, currency, price_min, price_max, available,
                                    title_en, title_fr, created_at, updated_at, deleted_at, place)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
               value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13,
               value ->> 14
          FROM json_each(?1) WHERE true
        ON CONFLICT (number) DO UPDATE SET
          slug = excluded.slug, status = excluded.status, version = excluded.version,
          currency = excluded.currency, price_min = excluded.price_min, price_max = excluded.price_max,
          available = excluded.available, title_en = excluded.title_en, title_fr = excluded.title_fr,
          updated_at = excluded.updated_at, deleted_at = excluded.deleted_at, place = excluded.place";
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

/// Takes products out of everything that they are found by.
pub async fn forget_index(tx: &Tx, known: &[i64]) -> Result<(), DbError> {
    let forgotten = [
        "DELETE FROM product_category WHERE product IN (SELECT value FROM json_each(?1))",
        "DELETE FROM facet WHERE product IN (SELECT value FROM json_each(?1))",
        // What is not published has its number below zero there.
        "DELETE FROM product_text
          WHERE rowid IN (SELECT value FROM json_each(?1) UNION ALL SELECT -value FROM json_each(?1))",
        "DELETE FROM priced_text
          WHERE rowid IN (SELECT place FROM product WHERE number IN (SELECT value FROM json_each(?1)))",
    ];
    for sql in forgotten {
        forget(tx, sql, known).await?;
    }
    Ok(())
}

/// Writes what products are found by: categories, facets, words and keys.
pub async fn write_index(tx: &Tx, tree: &Tree, entries: &[Entry]) -> Result<(), DbError> {
    let index = Index::of(tree, entries);
    let sql = "INSERT INTO product_category (product, category)
        SELECT value ->> 0, value ->> 1 FROM json_each(?1)";
    insert(tx, sql, index.categories).await?;
    let facets = array(index.facets);
    let sql = "INSERT OR IGNORE INTO facet_value (kind, value)
        SELECT DISTINCT value ->> 2, value ->> 3 FROM json_each(?1)";
    tx.exec(sql, params![facets.as_str()]).await?;
    let sql = "INSERT OR IGNORE INTO facet (product, published, value)
        SELECT given.value ->> 0, given.value ->> 1, v.number
          FROM json_each(?1) given CROSS JOIN facet_value v ON v.kind = given.value ->> 2 AND v.value = given.value ->> 3";
    tx.exec(sql, params![facets]).await?;
    // FTS5 wants rows in ascending order: at each that is not it writes out what it has gathered.
    let sql = "INSERT INTO product_text (rowid, title, labels, description, keys)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) ORDER BY 1";
    insert(tx, sql, index.texts).await?;
    let sql = "INSERT INTO priced_text (rowid, words, keys)
        SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1) ORDER BY 1";
    insert(tx, sql, index.priced).await
}

/// Merges some of the pieces that writes leave the search index in: a search reads them all. Nothing when there are none.
pub async fn merge_index(conn: &Conn) -> Result<(), DbError> {
    /// Each in a transaction of its own, which holds up other writers for some 20 ms.
    const STEPS: usize = 4;
    for _ in 0..STEPS {
        for sql in [
            "INSERT INTO product_text (product_text, rank) VALUES ('merge', 500)",
            "INSERT INTO priced_text (priced_text, rank) VALUES ('merge', 500)",
        ] {
            conn.exec(sql, vec![]).await?;
        }
    }
    Ok(())
}

impl Entry {
    /// Its row in the index that is in order of price, if it is there.
    fn place(&self) -> Option<i64> {
        let range = self.product.price_range.filter(|_| is_published(&self.product))?;
        Some(keys::place(range.min.amount, self.number))
    }
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
    priced: Vec<Value>,
}

impl Index {
    fn of(tree: &Tree, entries: &[Entry]) -> Self {
        let mut index = Self::default();
        for entry in entries.iter().filter(|entry| !entry.deleted) {
            index.add(tree, entry);
        }
        index
    }

    fn add(&mut self, tree: &Tree, entry: &Entry) {
        let Entry { number, product, .. } = entry;
        let categories = product.categories.iter().filter_map(|slug| tree.number(slug));
        self.categories.extend(categories.map(|category| json!([number, category])));
        let published = is_published(product);
        let facets = facets(tree, product);
        self.facets.extend(facets.iter().map(|(kind, value)| json!([number, published, kind, value])));
        let (title, labels) = (joined(&product.title), labels(tree, product));
        let (description, keys) = (joined(&product.description), key_words(product, &facets));
        if let Some(place) = entry.place() {
            self.priced.push(json!([place, format!("{title}\n{labels}\n{description}"), keys]));
        }
        let row = if published { *number } else { -number };
        self.texts.push(json!([row, title, labels, description, keys]));
    }
}

fn is_published(product: &Product) -> bool {
    product.status == Status::Active
}

/// Each with its kind.
fn facets(tree: &Tree, product: &Product) -> BTreeSet<(&'static str, String)> {
    let slugs = product.categories.iter().map(String::as_str);
    let categories = with_ancestors(slugs, &tree.parents);
    let mut facets: BTreeSet<_> = categories.into_iter().map(|slug| ("category", slug.to_owned())).collect();
    facets.extend(product.brand.iter().map(|brand| ("brand", brand.clone())));
    facets.extend(product.tags.iter().map(|tag| ("tag", tag.clone())));
    let options = product.variants.iter().flat_map(|variant| &variant.options);
    facets.extend(options.map(|(name, value)| ("option", format!("{name}:{value}"))));
    facets
}

/// Everything that lists are filtered by, for the search index.
fn key_words(product: &Product, facets: &BTreeSet<(&'static str, String)>) -> String {
    let mut words: Vec<String> = facets.iter().map(|(kind, value)| keys::key(kind, value)).collect();
    words.push(keys::key("status", product.status.name()));
    words.push(keys::key("available", if product.available { "1" } else { "0" }));
    if let Some(range) = product.price_range {
        words.push(keys::key("currency", range.min.currency.code()));
        words.extend(keys::of_prices(range.min.amount, range.max.amount));
    }
    words.join(" ")
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
