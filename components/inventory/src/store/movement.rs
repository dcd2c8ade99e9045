//! Movements in SQL.

use crate::model::{Kind, Movement};
use serde_json::json;
use souk_kit::id::{LocationId, VariantId};
use souk_kit::{Conn, DbError, Row, Tx, params};
use std::collections::HashMap;

/// Which movements are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of this variant.
    pub variant: Option<VariantId>,
    /// At this location.
    pub location: Option<LocationId>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Before this one.
    pub before: Option<i64>,
}

fn read(row: &Row<'_>) -> Result<(i64, Movement), DbError> {
    let other: Option<String> = row.get("other_location_id")?;
    let order: Option<String> = row.get("order_id")?;
    let movement = Movement {
        id: row.parse("id")?,
        kind: row.parse("kind")?,
        variant_id: row.parse("variant_id")?,
        location_id: row.parse("location_id")?,
        quantity: row.get("quantity")?,
        other_location_id: other.and_then(|id| id.parse().ok()),
        order_id: order.and_then(|id| id.parse().ok()),
        reason: row.get("reason")?,
        author: row.get("author")?,
        created_at: row.get("created_at")?,
    };
    Ok((row.get("number")?, movement))
}

/// Up to `limit` movements, newest first, each with its place in the list.
pub async fn list(conn: &Conn, filter: &Filter, limit: u32) -> Result<Vec<(i64, Movement)>, DbError> {
    let mut parameters = params![limit, filter.before.unwrap_or(i64::MAX)];
    let mut sql = String::from("SELECT * FROM movement WHERE number < ?2");
    let variant = filter.variant.map(|id| ("variant_id", id.to_string()));
    let location = filter.location.map(|id| ("location_id", id.to_string()));
    let kind = filter.kind.map(|kind| ("kind", kind.name().to_owned()));
    for (column, value) in [variant, location, kind].into_iter().flatten() {
        parameters.push(value.into());
        sql += &format!(" AND {column} = ?{}", parameters.len());
    }
    sql += " ORDER BY number DESC LIMIT ?1";
    conn.all(&sql, parameters, |row| read(&row)).await
}

/// Writes movements; the triggers add them to the stock.
pub async fn write(tx: &Tx, movements: &[Movement]) -> Result<(), DbError> {
    let rows: Vec<_> = movements
        .iter()
        .map(|it| {
            json!([
                it.id,
                it.kind,
                it.variant_id,
                it.location_id,
                it.quantity,
                it.other_location_id,
                it.order_id,
                it.reason,
                it.author,
                it.created_at.as_millis(),
            ])
        })
        .collect();
    tx.exec(
        "INSERT INTO movement (id, kind, variant_id, location_id, quantity, other_location_id, order_id, reason,
                               author, created_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
                value ->> 8, value ->> 9
           FROM json_each(?1)",
        params![json!(rows).to_string()],
    )
    .await
}

/// What lies of these variants at a location, each `(on hand, reserved)`; those that never lay there are absent.
pub async fn lying(
    conn: &Conn,
    location: LocationId,
    variants: &[VariantId],
) -> Result<HashMap<VariantId, (i64, i64)>, DbError> {
    let found = conn
        .all(
            "SELECT s.variant_id, s.on_hand, s.reserved
               FROM json_each(?2) wanted
               CROSS JOIN stock s ON s.variant_id = wanted.value AND s.location_id = ?1",
            params![location, json!(variants).to_string()],
            |row| Ok((row.parse("variant_id")?, (row.get("on_hand")?, row.get("reserved")?))),
        )
        .await?;
    Ok(found.into_iter().collect())
}
