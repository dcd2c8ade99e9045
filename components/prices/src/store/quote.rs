//! Quotes in SQL.

use crate::model::{Amount, Quote};
use souk_kit::id::QuoteId;
use souk_kit::{Conn, DbError, Row, Timestamp, Tx, params};

fn amount(row: &Row<'_>, units: &str, code: &str) -> Result<Amount, DbError> {
    Ok(Amount { amount: row.parse(units)?, currency: row.parse(code)? })
}

fn quote(row: &Row<'_>) -> Result<Quote, DbError> {
    Ok(Quote {
        id: row.parse("id")?,
        owner: row.get("owner")?,
        from: amount(row, "from_units", "from_code")?,
        to: amount(row, "to_units", "to_code")?,
        rate: row.get("rate")?,
        as_of: row.get("as_of")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        used_by: row.get("used_by")?,
    })
}

/// Adds a quote, unless its owner has `most` open ones; false then. Index: `quote_by_owner`.
pub async fn insert(tx: &Tx, quote: &Quote, most: i64) -> Result<bool, DbError> {
    let added = tx
        .one(
            "INSERT INTO quote (id, owner, from_code, from_units, to_code, to_units, rate, as_of, created_at, expires_at)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
              WHERE (SELECT count(*) FROM quote WHERE owner = ?2 AND expires_at > ?9 AND used_at IS NULL) < ?11
             RETURNING 1 AS added",
            params![
                quote.id,
                quote.owner.as_str(),
                &quote.from.currency,
                quote.from.amount.to_string(),
                &quote.to.currency,
                quote.to.amount.to_string(),
                quote.rate.as_str(),
                quote.as_of,
                quote.created_at,
                quote.expires_at,
                most,
            ],
            |row| row.get::<i64>("added"),
        )
        .await?;
    Ok(added.is_some())
}

/// A quote.
pub async fn find(conn: &Conn, id: QuoteId) -> Result<Option<Quote>, DbError> {
    conn.one("SELECT * FROM quote WHERE id = ?1", params![id], |row| quote(&row)).await
}

/// Somebody's quotes, the last to expire first. Index: `quote_by_owner`.
pub async fn of(conn: &Conn, owner: &str, limit: u32) -> Result<Vec<Quote>, DbError> {
    let sql = "SELECT * FROM quote WHERE owner = ?1 ORDER BY expires_at DESC LIMIT ?2";
    conn.all(sql, params![owner, limit], |row| quote(&row)).await
}

/// Forgets whose somebody's quotes were. Index: `quote_by_owner`.
pub async fn forget_owner(tx: &Tx, owner: &str) -> Result<(), DbError> {
    tx.exec("UPDATE quote SET owner = 'erased' WHERE owner = ?1", params![owner]).await
}

/// Uses a quote of this owner, if it is open; nothing when it is not. One statement, so that only one of many can.
pub async fn use_open(
    conn: &Conn,
    id: QuoteId,
    owner: &str,
    used_by: &str,
    now: Timestamp,
) -> Result<Option<Quote>, DbError> {
    conn.one(
        "UPDATE quote SET used_at = ?4, used_by = ?3 WHERE id = ?1 AND owner = ?2 AND used_at IS NULL AND expires_at > ?4
         RETURNING *",
        params![id, owner, used_by, now],
        |row| quote(&row),
    )
    .await
}

/// Forgets up to `limit` quotes of each sort that are done with: those that nobody used, and those that were used long ago.
/// Indexes: `quote_unused`, `quote_used`.
pub async fn purge(conn: &Conn, unused: Timestamp, used: Timestamp, limit: u32) -> Result<(), DbError> {
    for (column, condition, before) in
        [("expires_at", "used_at IS NULL", unused), ("used_at", "used_at IS NOT NULL", used)]
    {
        let due =
            format!("SELECT id FROM quote WHERE {condition} AND {column} < ?1 ORDER BY {column} LIMIT ?2");
        // Looking costs no lock, and there is seldom anything.
        let any = conn.one(&due, params![before, 1], |row| row.get::<String>("id")).await?;
        if any.is_some() {
            conn.exec(&format!("DELETE FROM quote WHERE id IN ({due})"), params![before, limit]).await?;
        }
    }
    Ok(())
}
