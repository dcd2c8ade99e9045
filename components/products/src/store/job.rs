//! Reports of imports in SQL.

use crate::import::Report;
use serde_json::json;
use souk_kit::id::JobId;
use souk_kit::{Conn, DbError, Timestamp, params};
use std::time::Duration;

/// Keeps a report, in place of the one before.
pub async fn write(conn: &Conn, report: &Report) -> Result<(), DbError> {
    conn.exec(
        "INSERT INTO import_job (id, report, created_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET report = excluded.report",
        params![report.job_id, json!(report).to_string(), Timestamp::now()],
    )
    .await
}

/// A report.
pub async fn read(conn: &Conn, id: JobId) -> Result<Option<Report>, DbError> {
    conn.one("SELECT report FROM import_job WHERE id = ?1", params![id], |row| row.json("report")).await
}

/// Forgets reports that are older than `age`.
pub async fn purge(conn: &Conn, age: Duration) -> Result<(), DbError> {
    conn.exec("DELETE FROM import_job WHERE created_at < ?1", params![Timestamp::now().before(age)]).await
}
