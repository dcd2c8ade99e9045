//! The catalogue's SQL.

pub mod category;
pub mod image;
pub mod job;
pub mod list;
mod question;
pub mod write;

use crate::model::Product;
use serde_json::json;
use souk_kit::id::VariantId;
use souk_kit::{Conn, DbError, Row, params};
use std::collections::HashMap;

/// A product as it can be sent, without being read.
pub struct Ready {
    /// Its JSON.
    pub document: String,
    /// Its version.
    pub version: i64,
}

/// A product, read to be changed.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its row.
    pub number: i64,
    /// Its version.
    pub version: i64,
    /// Whether it was deleted.
    pub deleted: bool,
    /// What it is.
    pub product: Product,
}

/// A product by id or slug; an unpublished one only for those who may see it.
pub async fn ready(conn: &Conn, key: &str, unpublished: bool) -> Result<Option<Ready>, DbError> {
    // An id has a `_`, which no slug has.
    let sql = match key.contains('_') {
        true => {
            "SELECT version, document FROM product JOIN product_document ON product = number
              WHERE id = ?1 AND (status = 'active' OR ?2)"
        }
        false => {
            "SELECT version, document FROM product JOIN product_document ON product = number
              WHERE slug = ?1 AND (status = 'active' OR ?2)"
        }
    };
    let read = |row: Row<'_>| Ok(Ready { document: row.get("document")?, version: row.get("version")? });
    conn.one(sql, params![key, i64::from(unpublished)], read).await
}

/// The variants that have these ids, as a JSON list in the order of the ids; of unpublished products only for those who
/// may see them. The texts are moved, not read. Indexes: `variant.id`, then primary keys.
pub async fn variants(conn: &Conn, ids: &[VariantId], unpublished: bool) -> Result<String, DbError> {
    let list = conn
        .one(
            "SELECT json_group_array(json(one)) AS list FROM (
               SELECT json_object('variant_id', v.id, 'product_id', p.id, 'slug', p.slug, 'sku', v.sku,
                        'title', d.document -> 'title', 'options', its.value -> 'options',
                        'price', its.value -> 'price', 'weight_g', its.value -> 'weight_g',
                        'categories', d.document -> 'categories', 'available',
                        json(iif(its.value ->> 'available' AND coalesce(its.value ->> 'in_stock', 1), 'true', 'false')),
                        'sold_out',
                        json(iif(its.value ->> 'available' AND NOT coalesce(its.value ->> 'in_stock', 1), 'true', 'false'))
                      ) AS one
                 FROM json_each(?1) wanted
                 CROSS JOIN variant v ON v.id = wanted.value
                 CROSS JOIN product p ON p.number = v.product AND (p.status = 'active' OR ?2)
                 CROSS JOIN product_document d ON d.product = p.number
                 CROSS JOIN json_each(d.document, '$.variants') its ON its.value ->> 'id' = v.id
                ORDER BY wanted.key)",
            params![json!(ids).to_string(), i64::from(unpublished)],
            |row| row.get("list"),
        )
        .await?;
    list.ok_or_else(|| DbError::Column("json_group_array gave no row".into()))
}

fn stored(row: &Row<'_>) -> Result<Stored, DbError> {
    Ok(Stored {
        number: row.get("number")?,
        version: row.get("version")?,
        deleted: row.get("deleted")?,
        product: row.json("document")?,
    })
}

/// A product by id or slug, to be changed.
pub async fn find(conn: &Conn, key: &str) -> Result<Option<Stored>, DbError> {
    conn.one(
        "SELECT number, version, deleted_at IS NOT NULL AS deleted, document
           FROM product JOIN product_document ON product = number
          WHERE id = ?1 OR slug = ?1",
        params![key],
        |row| stored(&row),
    )
    .await
}

/// The product that has this variant, to be changed.
pub async fn product_of(conn: &Conn, variant: VariantId) -> Result<Option<Stored>, DbError> {
    conn.one(
        "SELECT p.number, p.version, p.deleted_at IS NOT NULL AS deleted, d.document
           FROM variant v JOIN product p ON p.number = v.product JOIN product_document d ON d.product = p.number
          WHERE v.id = ?1",
        params![variant],
        |row| stored(&row),
    )
    .await
}

/// Notes how new the news of a variant's stock is; whether it is newer than all before.
pub async fn is_newest(conn: &Conn, variant: VariantId, version: i64) -> Result<bool, DbError> {
    let newest = conn
        .one(
            "INSERT INTO variant_stock (variant_id, told) VALUES (?1, ?2)
             ON CONFLICT DO UPDATE SET told = excluded.told WHERE excluded.told > told RETURNING 1 AS newest",
            params![variant, version],
            |_| Ok(()),
        )
        .await?;
    Ok(newest.is_some())
}

/// The products that have these slugs, deleted ones too.
pub async fn by_slugs(conn: &Conn, slugs: &[&str]) -> Result<HashMap<String, Stored>, DbError> {
    let found = conn
        .all(
            "SELECT number, version, deleted_at IS NOT NULL AS deleted, document
               FROM product JOIN product_document ON product = number
              WHERE slug IN (SELECT value FROM json_each(?1))",
            params![json!(slugs).to_string()],
            |row| stored(&row),
        )
        .await?;
    Ok(found.into_iter().map(|stored| (stored.product.slug.clone(), stored)).collect())
}

/// The number of the product that has this slug.
pub async fn slug_owner(conn: &Conn, slug: &str) -> Result<Option<i64>, DbError> {
    conn.one("SELECT number FROM product WHERE slug = ?1", params![slug], |row| row.get("number")).await
}

/// The numbers of the products that have these SKUs.
pub async fn sku_owners(conn: &Conn, skus: &[&str]) -> Result<HashMap<String, i64>, DbError> {
    let found = conn
        .all(
            "SELECT sku, product FROM variant WHERE sku IN (SELECT value FROM json_each(?1))",
            params![json!(skus).to_string()],
            |row| Ok((row.get("sku")?, row.get("product")?)),
        )
        .await?;
    Ok(found.into_iter().collect())
}

/// The number of the next product; it stays free as long as the transaction that asks for it.
pub async fn next_number(conn: &Conn) -> Result<i64, DbError> {
    let next = conn
        .one("SELECT coalesce(max(number), 0) + 1 AS next FROM product", vec![], |row| row.get("next"))
        .await?;
    next.ok_or_else(|| DbError::Column("max(number) gave no row".into()))
}

/// The languages of titles and descriptions and the names of options, each with `title`, `description` or `option`.
pub async fn languages_and_options(conn: &Conn) -> Result<Vec<(String, String)>, DbError> {
    conn.all(
        "SELECT DISTINCT 'title' AS kind, key AS name FROM product_document, json_each(document, '$.title')
         UNION SELECT DISTINCT 'description', key FROM product_document, json_each(document, '$.description')
         UNION SELECT DISTINCT 'option', value FROM product_document, json_each(document, '$.options')
         ORDER BY kind, name",
        vec![],
        |row| Ok((row.get("kind")?, row.get("name")?)),
    )
    .await
}
