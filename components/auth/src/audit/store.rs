//! The SQL of the log.

use super::search::{Filter, Record};
use super::{Entry, Origin};
use serde_json::{Value, json};
use souk_kit::id::AuditId;
use souk_kit::{Conn, DbError, Row, Timestamp, params};
use std::time::Duration;

/// How many entries are forgotten at once: the lock is not held for longer.
const BATCH: u32 = 10_000;
/// What every id sorts before.
const END: &str = "b";

/// Adds an entry, or counts it with those that say the same.
pub async fn insert(conn: &Conn, entry: &Entry) -> Result<(), DbError> {
    let Origin { actor, address, user_agent, request_id } = entry.origin.clone();
    let flood = entry.flood();
    conn.exec(
        "INSERT INTO audit (id, at, last_at, kind, user_id, client_id, session_id, email_hash, actor, address,
                            user_agent, request_id, detail, is_failure, flood)
         VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT (flood) DO UPDATE SET times = times + 1, last_at = max(last_at, excluded.last_at)",
        params![
            AuditId::new(),
            entry.at,
            entry.kind.name(),
            entry.user.as_deref(),
            entry.client.as_deref(),
            entry.session.as_deref(),
            entry.email.clone(),
            actor,
            address,
            user_agent,
            request_id,
            json!(entry.detail).to_string(),
            i64::from(flood.is_some()),
            flood
        ],
    )
    .await
}

fn record(row: Row<'_>) -> Result<Record, DbError> {
    let kind: &str = row.get("kind")?;
    Ok(Record {
        id: row.parse("id")?,
        at: row.get("at")?,
        last_at: row.get("last_at")?,
        times: row.get("times")?,
        kind: serde_json::from_value(Value::from(kind))
            .map_err(|error| DbError::Column(format!("kind: {error}")))?,
        user_id: row.get("user_id")?,
        client_id: row.get("client_id")?,
        session_id: row.get("session_id")?,
        actor: row.get("actor")?,
        address: row.get("address")?,
        user_agent: row.get("user_agent")?,
        request_id: row.get("request_id")?,
        detail: row.json("detail")?,
    })
}

/// A page of the log, newest first. Indexes: the primary key, and `audit_by_…` of what is asked for.
pub async fn list(conn: &Conn, filter: &Filter) -> Result<Vec<Record>, DbError> {
    let earliest = |at: Option<Timestamp>| at.map(|at| AuditId::earliest(at).to_string());
    let from = earliest(filter.from).unwrap_or_default();
    let until = [earliest(filter.to), filter.before.map(|id| id.to_string())];
    let until = until.into_iter().flatten().min().unwrap_or_else(|| END.to_owned());
    let mut sql = "SELECT * FROM audit WHERE id >= ?1 AND id < ?2".to_owned();
    let mut parameters = params![from, until, filter.limit];
    let wanted = [
        ("kind", filter.kind.map(|kind| kind.name().into())),
        ("user_id", filter.user.clone().map(Into::into)),
        ("client_id", filter.client.clone().map(Into::into)),
        ("address", filter.address.clone().map(Into::into)),
        ("email_hash", filter.email.clone().map(Into::into)),
    ];
    for (column, value) in wanted.into_iter().filter_map(|(column, value)| Some((column, value?))) {
        parameters.push(value);
        sql += &format!(" AND {column} = ?{}", parameters.len());
    }
    sql += " ORDER BY id DESC LIMIT ?3";
    conn.all(&sql, parameters, record).await
}

/// Forgets what is older than `kept`, and the oldest beyond `rows`: failures and acts have half of them each.
pub async fn purge(conn: &Conn, kept: Duration, rows: u32) -> Result<(), DbError> {
    conn.exec(
        "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < ?1 ORDER BY id LIMIT ?2)",
        params![AuditId::earliest(Timestamp::now().before(kept)), BATCH],
    )
    .await?;
    for is_failure in [0, 1] {
        conn.exec(
            "DELETE FROM audit WHERE id IN (
               SELECT id FROM audit WHERE is_failure = ?1 ORDER BY id DESC LIMIT ?2 OFFSET ?3)",
            params![is_failure, BATCH, rows.div_ceil(2)],
        )
        .await?;
    }
    Ok(())
}
