//! Rates, and what sources say of them, in SQL.

use crate::model::{Code, Observation, Standing, Times};
use serde_json::{Value, json};
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};
use std::collections::BTreeMap;

/// A base and a quote.
pub type Pair = (Code, Code);

fn pair(row: &Row<'_>) -> Result<Pair, DbError> {
    Ok((row.parse("base")?, row.parse("quote")?))
}

fn times(row: &Row<'_>) -> Result<Times, DbError> {
    Ok(Times {
        as_of: row.get("as_of")?,
        fetched_at: row.get("fetched_at")?,
        stale_at: row.get("stale_at")?,
        refuse_at: row.get("refuse_at")?,
    })
}

fn observation(row: &Row<'_>) -> Result<Observation, DbError> {
    let (base, quote) = pair(row)?;
    Ok(Observation {
        base,
        quote,
        source: row.get("source")?,
        rate: row.parse("rate")?,
        times: times(row)?,
        refused: row.get("refused")?,
        set_by: row.get("set_by")?,
    })
}

fn standing(row: &Row<'_>) -> Result<(Pair, Standing), DbError> {
    Ok((pair(row)?, Standing { rate: row.parse("rate")?, times: times(row)? }))
}

fn as_json(pairs: &[Pair]) -> String {
    json!(pairs).to_string()
}

/// What sources say of these pairs, in order. Index: the primary key.
pub async fn observations(conn: &Conn, pairs: &[Pair]) -> Result<BTreeMap<Pair, Vec<Observation>>, DbError> {
    let sql = "SELECT o.* FROM json_each(?1) p
                CROSS JOIN observation o ON o.base = p.value ->> 0 AND o.quote = p.value ->> 1
                ORDER BY o.base, o.quote, o.source";
    let found = conn.all(sql, params![as_json(pairs)], |row| observation(&row)).await?;
    let mut all: BTreeMap<Pair, Vec<Observation>> = BTreeMap::new();
    for one in found {
        all.entry((one.base.clone(), one.quote.clone())).or_default().push(one);
    }
    Ok(all)
}

/// The rates of these pairs that count. Index: the primary key.
pub async fn standing_of(conn: &Conn, pairs: &[Pair]) -> Result<BTreeMap<Pair, Standing>, DbError> {
    let sql = "SELECT r.* FROM json_each(?1) p
                CROSS JOIN rate r ON r.base = p.value ->> 0 AND r.quote = p.value ->> 1";
    Ok(conn.all(sql, params![as_json(pairs)], |row| standing(&row)).await?.into_iter().collect())
}

/// Notes what was said. What is older than what the same source said before is not.
pub async fn observe(tx: &Tx, said: &[Observation]) -> Result<(), DbError> {
    let row = |one: &Observation| {
        let Times { as_of, fetched_at, stale_at, refuse_at } = one.times;
        let times = [as_of, fetched_at, stale_at, refuse_at].map(Timestamp::as_millis);
        json!([one.base, one.quote, one.source, one.rate, times[0], times[1], times[2], times[3], one.set_by])
    };
    let rows: Vec<Value> = said.iter().map(row).collect();
    tx.exec(
        "INSERT INTO observation (base, quote, source, rate, as_of, fetched_at, stale_at, refuse_at, set_by)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
                value ->> 8 FROM json_each(?1) WHERE true
         ON CONFLICT DO UPDATE SET rate = excluded.rate, as_of = excluded.as_of, fetched_at = excluded.fetched_at,
           stale_at = excluded.stale_at, refuse_at = excluded.refuse_at, set_by = excluded.set_by, refused = NULL
         WHERE excluded.as_of >= observation.as_of",
        params![Value::from(rows).to_string()],
    )
    .await
}

/// Notes which of them were not believed, and why.
pub async fn judge(tx: &Tx, judged: &[&Observation]) -> Result<(), DbError> {
    let rows: Vec<Value> =
        judged.iter().map(|one| json!([one.base, one.quote, one.source, one.refused])).collect();
    tx.exec(
        "UPDATE observation SET refused = verdict.value ->> 3 FROM json_each(?1) verdict
          WHERE base = verdict.value ->> 0 AND quote = verdict.value ->> 1 AND source = verdict.value ->> 2",
        params![Value::from(rows).to_string()],
    )
    .await
}

/// Sets the rates that count.
pub async fn stand(tx: &Tx, agreed: &[(&Pair, Standing)]) -> Result<(), DbError> {
    let row = |((base, quote), standing): &(&Pair, Standing)| {
        let Times { as_of, fetched_at, stale_at, refuse_at } = standing.times;
        let times = [as_of, fetched_at, stale_at, refuse_at].map(Timestamp::as_millis);
        json!([base, quote, standing.rate, times[0], times[1], times[2], times[3]])
    };
    let rows: Vec<Value> = agreed.iter().map(row).collect();
    tx.exec(
        "INSERT INTO rate (base, quote, rate, as_of, fetched_at, stale_at, refuse_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
           FROM json_each(?1) WHERE true
         ON CONFLICT DO UPDATE SET rate = excluded.rate, as_of = excluded.as_of, fetched_at = excluded.fetched_at,
           stale_at = excluded.stale_at, refuse_at = excluded.refuse_at",
        params![Value::from(rows).to_string()],
    )
    .await
}

/// Whether there are so many rates that a pair which has none gets none.
pub async fn is_full(tx: &Tx, (base, quote): &Pair, most: i64) -> Result<bool, DbError> {
    let found = tx
        .one(
            "SELECT NOT EXISTS (SELECT 1 FROM rate WHERE base = ?1 AND quote = ?2)
                AND (SELECT count(*) FROM rate) >= ?3 AS is_full",
            params![base, quote, most],
            |row| row.get::<bool>("is_full"),
        )
        .await?;
    Ok(found.unwrap_or_default())
}

/// Takes back what was set by hand; false when nothing was.
pub async fn withdraw(tx: &Tx, (base, quote): &Pair) -> Result<bool, DbError> {
    let withdrawn = tx
        .one(
            "DELETE FROM observation WHERE base = ?1 AND quote = ?2 AND source = 'manual' RETURNING 1 AS withdrawn",
            params![base, quote],
            |row| row.get::<i64>("withdrawn"),
        )
        .await?;
    Ok(withdrawn.is_some())
}

/// Forgets the rate of a pair.
pub async fn forget(tx: &Tx, (base, quote): &Pair) -> Result<(), DbError> {
    tx.exec("DELETE FROM rate WHERE base = ?1 AND quote = ?2", params![base, quote]).await
}

/// Up to `limit` pairs whose rate is stale while a source says something that is not. Index: `rate_by_staleness`.
pub async fn overtaken(conn: &Conn, now: Timestamp, limit: u32) -> Result<Vec<Pair>, DbError> {
    conn.all(
        "SELECT base, quote FROM rate r WHERE stale_at <= ?1 AND EXISTS (
           SELECT 1 FROM observation o WHERE o.base = r.base AND o.quote = r.quote AND o.stale_at > ?1 AND o.refused IS NULL)
          ORDER BY stale_at LIMIT ?2",
        params![now, limit],
        |row| pair(&row),
    )
    .await
}
