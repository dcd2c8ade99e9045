//! What rates were, in SQL.

use crate::decimal::Rate;
use crate::model::Standing;
use crate::store::rate::Pair;
use serde_json::{Value, json};
use souk_kit::{Conn, DbError, Timestamp, Tx, params};

/// A day, in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

/// Adds what has become the rate.
pub async fn add(tx: &Tx, agreed: &[(&Pair, Standing)]) -> Result<(), DbError> {
    let row = |((base, quote), standing): &(&Pair, Standing)| {
        json!([base, quote, standing.times.as_of.as_millis(), standing.rate])
    };
    let rows: Vec<Value> = agreed.iter().map(row).collect();
    tx.exec(
        "INSERT INTO history (base, quote, as_of, rate)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?1) WHERE true
         ON CONFLICT DO UPDATE SET rate = excluded.rate",
        params![Value::from(rows).to_string()],
    )
    .await
}

/// Whether anything is known of what a pair was.
pub async fn has(conn: &Conn, (base, quote): &Pair) -> Result<bool, DbError> {
    let sql = "SELECT 1 AS known FROM history WHERE base = ?1 AND quote = ?2 LIMIT 1";
    Ok(conn.one(sql, params![base, quote], |row| row.get::<i64>("known")).await?.is_some())
}

/// Which part of a history is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Not after this.
    pub to: Option<Timestamp>,
    /// Before this, which the last page ended with.
    pub before: Option<i64>,
}

/// Up to `limit` rates of a pair, the newest first. Index: the primary key.
pub async fn list(
    conn: &Conn,
    (base, quote): &Pair,
    span: &Span,
    limit: u32,
) -> Result<Vec<(Timestamp, Rate)>, DbError> {
    let from = span.from.map_or(i64::MIN, Timestamp::as_millis);
    let to = span.to.map_or(i64::MAX, Timestamp::as_millis);
    let until = span.before.map_or(to, |before| to.min(before.saturating_sub(1)));
    conn.all(
        "SELECT as_of, rate FROM history WHERE base = ?1 AND quote = ?2 AND as_of BETWEEN ?3 AND ?4
          ORDER BY as_of DESC LIMIT ?5",
        params![base, quote, from, until, limit],
        |row| Ok((row.get("as_of")?, row.parse("rate")?)),
    )
    .await
}

/// Leaves of the days before `now - kept` only the last rate of each, at most `limit` rates at a time. Whether there may be
/// more. Index: `history_to_thin`.
pub async fn thin(conn: &Conn, before: Timestamp, limit: u32) -> Result<bool, DbError> {
    // Only days that are over altogether.
    let before = before.as_millis().div_euclid(DAY) * DAY;
    let due =
        "SELECT base, quote, as_of FROM history h WHERE daily = 0 AND as_of < ?1 ORDER BY as_of LIMIT ?2";
    let waiting = conn.one(due, params![before, 1], |row| row.get::<i64>("as_of")).await?;
    if waiting.is_none() {
        return Ok(false);
    }
    let later = format!(
        "EXISTS (SELECT 1 FROM history l WHERE l.base = h.base AND l.quote = h.quote AND l.as_of > h.as_of
                    AND l.as_of < (h.as_of / {DAY} + 1) * {DAY})"
    );
    let due = |condition: &str| due.replace("ORDER", &format!("AND {condition} ORDER"));
    let delete = format!("DELETE FROM history WHERE (base, quote, as_of) IN ({})", due(&later));
    conn.exec(&delete, params![before, limit]).await?;
    let keep = format!(
        "UPDATE history SET daily = 1 WHERE (base, quote, as_of) IN ({})",
        due(&format!("NOT {later}"))
    );
    conn.exec(&keep, params![before, limit]).await?;
    Ok(true)
}
