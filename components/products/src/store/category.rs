//! Categories in SQL.

use crate::model::{Product, Texts};
use crate::store::write::{Entry, forget_index, write_index};
use serde_json::json;
use souk_kit::id::CategoryId;
use souk_kit::{Conn, DbError, Timestamp, Tx, params};
use std::collections::BTreeMap;

/// How many products are indexed anew at once.
const BATCH: u32 = 200;

/// All categories, as products are indexed by them. There are hundreds at most.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: BTreeMap<String, (i64, Texts)>,
    /// The parent's slug of each.
    pub parents: BTreeMap<String, Option<String>>,
}

impl Tree {
    /// Reads them all.
    pub async fn read(conn: &Conn) -> Result<Self, DbError> {
        let rows = conn
            .all(
                "SELECT c.slug, c.number, c.name, p.slug AS parent
                   FROM category c LEFT JOIN category p ON p.number = c.parent",
                vec![],
                |row| {
                    let slug: String = row.get("slug")?;
                    Ok((slug, row.get::<i64>("number")?, row.json("name")?, row.get("parent")?))
                },
            )
            .await?;
        let mut tree = Self::default();
        for (slug, number, name, parent) in rows {
            tree.nodes.insert(slug.clone(), (number, name));
            tree.parents.insert(slug, parent);
        }
        Ok(tree)
    }

    /// The row of a category.
    pub fn number(&self, slug: &str) -> Option<i64> {
        self.nodes.get(slug).map(|(number, _)| *number)
    }

    /// The name of a category.
    pub fn name(&self, slug: &str) -> Option<&Texts> {
        self.nodes.get(slug).map(|(_, name)| name)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }
}

/// A category's row.
pub struct CategoryRow {
    /// Its id.
    pub id: CategoryId,
    /// Its slug.
    pub slug: String,
    /// Its names.
    pub name: Texts,
    /// The slug of the one above.
    pub parent: Option<String>,
    /// How many published products are in it and below.
    pub product_count: i64,
}

fn category(row: &souk_kit::Row<'_>) -> Result<CategoryRow, DbError> {
    Ok(CategoryRow {
        id: row.parse("id")?,
        slug: row.get("slug")?,
        name: row.json("name")?,
        parent: row.get("parent")?,
        product_count: row.get("product_count")?,
    })
}

/// All categories, or the one with this slug.
pub async fn list(conn: &Conn, slug: Option<&str>) -> Result<Vec<CategoryRow>, DbError> {
    conn.all(
        "SELECT c.id, c.slug, c.name, p.slug AS parent, coalesce(v.products, 0) AS product_count
           FROM category c LEFT JOIN category p ON p.number = c.parent
                LEFT JOIN facet_value v ON v.kind = 'category' AND v.value = c.slug
          WHERE ?1 IS NULL OR c.slug = ?1
          ORDER BY c.slug",
        params![slug.map(str::to_owned)],
        |row| category(&row),
    )
    .await
}

/// Adds a category. False when the slug is taken.
pub async fn add(tx: &Tx, slug: &str, name: &Texts, parent: Option<i64>) -> Result<bool, DbError> {
    let added = tx
        .one(
            "INSERT INTO category (id, slug, name, parent, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (slug) DO NOTHING RETURNING number",
            params![CategoryId::new(), slug, json!(name).to_string(), parent, Timestamp::now()],
            |row| row.get::<i64>("number"),
        )
        .await?;
    Ok(added.is_some())
}

/// Gives a category another name and place.
pub async fn change(tx: &Tx, slug: &str, name: &Texts, parent: Option<i64>) -> Result<(), DbError> {
    tx.exec(
        "UPDATE category SET name = ?2, parent = ?3, updated_at = ?4 WHERE slug = ?1",
        params![slug, json!(name).to_string(), parent, Timestamp::now()],
    )
    .await
}

/// Removes a category that nothing is in. False when something is.
pub async fn remove(tx: &Tx, number: i64) -> Result<bool, DbError> {
    let removed = tx
        .one(
            "DELETE FROM category WHERE number = ?1
                AND NOT EXISTS (SELECT 1 FROM category WHERE parent = ?1)
                AND NOT EXISTS (SELECT 1 FROM product_category WHERE category = ?1)
             RETURNING number",
            params![number],
            |row| row.get::<i64>("number"),
        )
        .await?;
    Ok(removed.is_some())
}

/// Indexes every product in a category, and below it, anew: its names or its place have changed.
pub async fn reindex(tx: &Tx, tree: &Tree, slug: &str) -> Result<(), DbError> {
    let mut after = 0;
    loop {
        let entries = tx
            .all(
                "WITH RECURSIVE branch (number) AS (
                   SELECT number FROM category WHERE slug = ?1
                   UNION SELECT c.number FROM category c JOIN branch b ON c.parent = b.number)
                 SELECT p.number, p.version, d.document FROM product p JOIN product_document d ON d.product = p.number
                  WHERE p.number > ?2 AND p.number IN (
                        SELECT product FROM product_category JOIN branch ON category = branch.number)
                  ORDER BY p.number LIMIT ?3",
                params![slug, after, BATCH],
                |row| {
                    let product: Product = row.json("document")?;
                    let (number, version) = (row.get("number")?, row.get("version")?);
                    Ok(Entry { number, version, deleted: false, product })
                },
            )
            .await?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.number;
        let numbers: Vec<i64> = entries.iter().map(|entry| entry.number).collect();
        forget_index(tx, &numbers).await?;
        write_index(tx, tree, &entries).await?;
    }
}
