//! Instruments in SQL.

use crate::model::{Code, Instrument, Kind};
use serde_json::json;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};

fn read(row: &Row<'_>) -> Result<Instrument, DbError> {
    Ok(Instrument {
        code: row.parse("code")?,
        kind: row.parse::<Kind>("kind")?,
        name: row.get("name")?,
        decimals: row.get("decimals")?,
        sources: row.json("sources")?,
        version: row.get("version")?,
    })
}

/// All that have been set: a few hundred at most.
pub async fn all(conn: &Conn) -> Result<Vec<Instrument>, DbError> {
    conn.all("SELECT * FROM instrument ORDER BY code", vec![], |row| read(&row)).await
}

/// One that has been set.
pub async fn find(conn: &Conn, code: &Code) -> Result<Option<Instrument>, DbError> {
    conn.one("SELECT * FROM instrument WHERE code = ?1", params![code], |row| read(&row)).await
}

/// How many have been set.
pub async fn count(conn: &Conn) -> Result<i64, DbError> {
    let found = conn.one("SELECT count(*) AS count FROM instrument", vec![], |row| row.get("count")).await?;
    Ok(found.unwrap_or_default())
}

/// Sets one.
pub async fn put(tx: &Tx, instrument: &Instrument) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO instrument (code, kind, name, decimals, sources, version, created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
         ON CONFLICT DO UPDATE SET name = excluded.name, sources = excluded.sources, version = excluded.version,
                                   updated_at = excluded.updated_at",
        params![
            &instrument.code,
            instrument.kind.name(),
            instrument.name.as_str(),
            instrument.decimals,
            json!(instrument.sources).to_string(),
            instrument.version,
            Timestamp::now(),
        ],
    )
    .await
}

/// Forgets what was set of one.
pub async fn delete(tx: &Tx, code: &Code) -> Result<(), DbError> {
    tx.exec("DELETE FROM instrument WHERE code = ?1", params![code]).await
}

/// Forgets every rate that a token is part of. What it was worth stays known.
pub async fn forget_rates(tx: &Tx, code: &Code) -> Result<(), DbError> {
    for table in ["rate", "observation"] {
        tx.exec(&format!("DELETE FROM {table} WHERE base = ?1 OR quote = ?1"), params![code]).await?;
    }
    Ok(())
}
