//! The chain in SQL: entries as they are hashed, and the roots over them.

use souk_kit::{Conn, DbError, Row, Timestamp, params};
use souk_ledger::{Entry, Facts, Hash, Root};

/// The hash of a row that has it as hexadecimal text.
fn hash(row: &Row<'_>, column: &str) -> Result<Hash, DbError> {
    row.parse(column)
}

/// Up to `limit` entries after one, each with its links.
pub async fn entries(conn: &Conn, after: i64, limit: u32) -> Result<Vec<Entry>, DbError> {
    let sql = "SELECT e.seq, t.id AS transaction_id, t.kind, a.id AS account_id, a.currency, e.amount, e.balance, e.at,
                      lower(hex(e.hash)) AS hash,
                      coalesce((SELECT lower(hex(b.hash)) FROM entries b WHERE b.seq = e.seq - 1), ?3) AS previous
                 FROM entries e CROSS JOIN transactions t ON t.number = e.number CROSS JOIN accounts a ON a.number = e.account
                WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
    conn.all(sql, params![after, limit, Hash::ZERO.to_string()], |row| {
        let facts = Facts {
            seq: row.get("seq")?,
            transaction_id: row.get("transaction_id")?,
            kind: row.get("kind")?,
            account_id: row.get("account_id")?,
            currency: row.get("currency")?,
            amount: row.get("amount")?,
            balance: row.get("balance")?,
            at_ms: row.get("at")?,
        };
        Ok(Entry { facts, previous_hash: hash(&row, "previous")?, hash: hash(&row, "hash")? })
    })
    .await
}

/// The hashes of the entries from one to another.
pub async fn hashes(conn: &Conn, first: i64, last: i64) -> Result<Vec<Hash>, DbError> {
    let sql = "SELECT lower(hex(hash)) AS hash FROM entries WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq";
    conn.all(sql, params![first, last], |row| hash(&row, "hash")).await
}

fn root(row: &Row<'_>) -> Result<Root, DbError> {
    Ok(Root {
        number: row.get("number")?,
        first_seq: row.get("first_seq")?,
        last_seq: row.get("last_seq")?,
        root: hash(row, "root")?,
        at_ms: row.get("at")?,
    })
}

const ROOT: &str = "SELECT number, first_seq, last_seq, lower(hex(root)) AS root, at FROM roots";

/// Up to `limit` roots after one.
pub async fn roots(conn: &Conn, after: i64, limit: u32) -> Result<Vec<Root>, DbError> {
    let sql = format!("{ROOT} WHERE number > ?1 ORDER BY number LIMIT ?2");
    conn.all(&sql, params![after, limit], |row| root(&row)).await
}

/// The root over an entry, if it is made. Index: `roots.last_seq`.
pub async fn root_over(conn: &Conn, seq: i64) -> Result<Option<Root>, DbError> {
    let sql = format!("{ROOT} WHERE last_seq >= ?1 ORDER BY last_seq LIMIT 1");
    conn.one(&sql, params![seq], |row| root(&row)).await
}

/// The roots whose last entry is among these.
pub async fn roots_between(conn: &Conn, first: i64, last: i64) -> Result<Vec<Root>, DbError> {
    let sql = format!("{ROOT} WHERE last_seq BETWEEN ?1 AND ?2 ORDER BY last_seq");
    conn.all(&sql, params![first, last], |row| root(&row)).await
}

/// What waits for a root.
#[derive(Debug)]
pub struct Uncovered {
    /// The next root.
    pub number: i64,
    /// The first entry without one.
    pub first_seq: i64,
    /// The last entry.
    pub last_seq: i64,
    /// When the first of them was made.
    pub since: Timestamp,
}

/// What waits for a root, if anything does.
pub async fn uncovered(conn: &Conn) -> Result<Option<Uncovered>, DbError> {
    let sql = "SELECT r.number + 1 AS number, e.seq AS first_seq, e.at, (SELECT max(seq) FROM entries) AS last_seq
                 FROM (SELECT coalesce(max(number), 0) AS number, coalesce(max(last_seq), 0) AS last FROM roots) r
                 JOIN entries e ON e.seq = r.last + 1";
    conn.one(sql, vec![], |row| {
        Ok(Uncovered {
            number: row.get("number")?,
            first_seq: row.get("first_seq")?,
            last_seq: row.get("last_seq")?,
            since: row.get("at")?,
        })
    })
    .await
}

/// Notes roots. Another instance may have been faster: then nothing happens.
pub async fn write_roots(conn: &Conn, roots: &[Root]) -> Result<(), DbError> {
    conn.exec(
        "INSERT INTO roots (number, first_seq, last_seq, root, at)
         SELECT value ->> 'number', value ->> 'first_seq', value ->> 'last_seq', unhex(value ->> 'root'), value ->> 'at_ms'
           FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING",
        params![serde_json::json!(roots).to_string()],
    )
    .await
}
