//! Locations in SQL.

use crate::model::Location;
use souk_kit::id::LocationId;
use souk_kit::{Conn, DbError, Row, params};

fn read(row: &Row<'_>) -> Result<Location, DbError> {
    Ok(Location {
        id: row.parse("id")?,
        name: row.get("name")?,
        active: row.get("active")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        version: row.get("version")?,
    })
}

/// Up to `limit` locations after the id `after`.
pub async fn list(conn: &Conn, after: Option<LocationId>, limit: u32) -> Result<Vec<Location>, DbError> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let sql = "SELECT * FROM location WHERE id > ?1 ORDER BY id LIMIT ?2";
    conn.all(sql, params![after, limit], |row| read(&row)).await
}

/// A location.
pub async fn find(conn: &Conn, id: LocationId) -> Result<Option<Location>, DbError> {
    conn.one("SELECT * FROM location WHERE id = ?1", params![id], |row| read(&row)).await
}

/// Writes a new location, or one that has changed.
pub async fn write(conn: &Conn, location: &Location) -> Result<(), DbError> {
    conn.exec(
        "INSERT INTO location (id, name, active, version, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, active = excluded.active, version = excluded.version,
           updated_at = excluded.updated_at",
        params![
            location.id,
            location.name.as_str(),
            i64::from(location.active),
            location.version,
            location.created_at,
            location.updated_at,
        ],
    )
    .await
}
