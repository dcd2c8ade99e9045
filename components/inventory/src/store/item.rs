//! What can be promised, in SQL.

use crate::model::{Availability, Stock};
use serde_json::json;
use souk_kit::id::{LocationId, VariantId};
use souk_kit::{Conn, DbError, Row, Tx, params};

/// Which stock is wanted.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of this variant.
    pub variant: Option<VariantId>,
    /// Of what has ever lain at this location.
    pub location: Option<LocationId>,
    /// Low, or not low.
    pub low: Option<bool>,
    /// After this variant.
    pub after: Option<VariantId>,
}

/// What has changed since it was published.
#[derive(Debug)]
pub struct News {
    /// Of which variant.
    pub variant: VariantId,
    /// What can be promised of it.
    pub available: i64,
    /// Where low begins.
    pub threshold: Option<i64>,
    /// How often something was published of it, with this time.
    pub version: i64,
    /// Whether its stock reached or left zero.
    pub is_stock: bool,
    /// Whether it has become low.
    pub is_low: bool,
}

const COLUMNS: &str = "i.variant_id, i.available, i.low_stock_threshold, i.is_low, i.version,
    (SELECT json_group_array(json_object('location_id', location_id, 'on_hand', on_hand, 'reserved', reserved))
       FROM stock WHERE variant_id = i.variant_id) AS locations";

fn read(row: &Row<'_>) -> Result<Stock, DbError> {
    Ok(Stock {
        variant_id: row.parse("variant_id")?,
        available: row.get("available")?,
        low_stock_threshold: row.get("low_stock_threshold")?,
        low: row.get("is_low")?,
        locations: row.json("locations")?,
        version: row.get("version")?,
    })
}

/// Up to `limit` variants' stock, in order of their ids.
pub async fn list(conn: &Conn, filter: &Filter, limit: u32) -> Result<Vec<Stock>, DbError> {
    let mut parameters = params![limit, filter.after.map_or_else(String::new, |id| id.to_string())];
    let mut sql = format!("SELECT {COLUMNS} FROM item i WHERE i.variant_id > ?2");
    if let Some(variant) = filter.variant {
        parameters.push(variant.into());
        sql += &format!(" AND i.variant_id = ?{}", parameters.len());
    }
    if let Some(location) = filter.location {
        parameters.push(location.into());
        sql += &format!(
            " AND i.variant_id IN (SELECT variant_id FROM stock WHERE location_id = ?{} AND variant_id > ?2)",
            parameters.len()
        );
    }
    if let Some(low) = filter.low {
        sql += if low { " AND i.is_low = 1" } else { " AND i.is_low = 0" };
    }
    sql += " ORDER BY i.variant_id LIMIT ?1";
    conn.all(&sql, parameters, |row| read(&row)).await
}

/// The stock of one variant.
pub async fn find(conn: &Conn, variant: VariantId) -> Result<Option<Stock>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM item i WHERE i.variant_id = ?1");
    conn.one(&sql, params![variant], |row| read(&row)).await
}

/// What can be promised of each of these.
pub async fn availability(conn: &Conn, variants: &[VariantId]) -> Result<Vec<Availability>, DbError> {
    conn.all(
        "SELECT wanted.value AS variant_id, coalesce(i.available, 0) AS available
           FROM json_each(?1) wanted LEFT JOIN item i ON i.variant_id = wanted.value ORDER BY wanted.key",
        params![json!(variants).to_string()],
        |row| Ok(Availability { variant_id: row.parse("variant_id")?, available: row.get("available")? }),
    )
    .await
}

/// Says from where down the stock of a variant is low, known so far or not.
pub async fn set_threshold(
    conn: &Conn,
    variant: VariantId,
    threshold: Option<i64>,
    version: i64,
) -> Result<(), DbError> {
    conn.exec(
        "INSERT INTO item (variant_id, low_stock_threshold, version) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET low_stock_threshold = excluded.low_stock_threshold, version = excluded.version",
        params![variant, threshold, version],
    )
    .await
}

/// Up to `limit` variants of which there is news, and notes that it will be published with this transaction.
pub async fn take_news(tx: &Tx, limit: u32) -> Result<Vec<News>, DbError> {
    let news = tx
        .all(
            "SELECT variant_id, available, low_stock_threshold, told + 1 AS version,
                    (available > 0) IS NOT told_in_stock AS is_stock, is_low > told_low AS is_low
               FROM item WHERE is_news = 1 LIMIT ?1",
            params![limit],
            |row| {
                Ok(News {
                    variant: row.parse("variant_id")?,
                    available: row.get("available")?,
                    threshold: row.get("low_stock_threshold")?,
                    version: row.get("version")?,
                    is_stock: row.get("is_stock")?,
                    is_low: row.get("is_low")?,
                })
            },
        )
        .await?;
    if !news.is_empty() {
        let variants: Vec<VariantId> = news.iter().map(|news| news.variant).collect();
        tx.exec(
            "UPDATE item SET told_in_stock = available > 0, told_low = is_low, told = told + 1
              WHERE variant_id IN (SELECT value FROM json_each(?1))",
            params![json!(variants).to_string()],
        )
        .await?;
    }
    Ok(news)
}
