//! Statements in SQL: the entries of an account, with the transactions that they are of.

use crate::model::{Kind, Outside};
use crate::rules::iban::Iban;
use crate::rules::state::State;
use souk_kit::id::TransactionId;
use souk_kit::{Conn, DbError, Row, Timestamp, params};

/// An entry of a statement. Above zero is a credit.
#[derive(Debug)]
pub struct Line {
    /// Its place in the ledger.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// How much.
    pub amount: i64,
    /// The account's balance with it.
    pub balance: i64,
    /// The transaction.
    pub transaction: TransactionId,
    /// What that does.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// What people wrote.
    pub label: String,
    /// The number of the other account, if there is one other.
    pub other: Option<Iban>,
    /// The other side, outside.
    pub outside: Option<Outside>,
}

fn read(row: &Row<'_>) -> Result<Line, DbError> {
    let outside = row.get::<Option<&str>>("outside")?;
    Ok(Line {
        seq: row.get("seq")?,
        at: row.get("at")?,
        amount: row.get("amount")?,
        balance: row.get("balance")?,
        transaction: row.parse("id")?,
        kind: row.parse("kind")?,
        state: row.parse("state")?,
        label: row.get("label")?,
        other: row.optional("other")?,
        outside: outside.and_then(|text| serde_json::from_str(text).ok()),
    })
}

/// Which entries are wanted, newest first.
#[derive(Debug)]
pub struct Filter {
    /// From then on.
    pub from: Option<Timestamp>,
    /// Before then.
    pub to: Option<Timestamp>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Before the entry with this time and place.
    pub before: Option<(i64, i64)>,
}

/// Up to `limit` entries of an account. Index: `entries_by_account`.
pub async fn lines(conn: &Conn, account: i64, filter: &Filter, limit: u32) -> Result<Vec<Line>, DbError> {
    let (at, seq) = filter.before.unwrap_or((i64::MAX, i64::MAX));
    let from = filter.from.map_or(i64::MIN, Timestamp::as_millis);
    let to = filter.to.map_or(i64::MAX, Timestamp::as_millis);
    let mut parameters = params![account, limit, at, seq, from, to];
    let mut kind = "";
    if let Some(wanted) = filter.kind {
        parameters.push(wanted.name().into());
        kind = "AND t.kind = ?7";
    }
    let sql = format!(
        "SELECT e.seq, e.at, e.amount, e.balance, t.id, t.kind, t.state, t.label, t.outside, other.iban AS other
           FROM entries e CROSS JOIN transactions t ON t.number = e.number
           LEFT JOIN accounts other ON other.number = CASE e.account WHEN t.from_account THEN t.to_account
                                                                      WHEN t.to_account THEN t.from_account END
          WHERE e.account = ?1 AND e.at <= ?3 AND (e.at, e.seq) < (?3, ?4) AND e.at >= ?5 AND e.at < ?6 {kind}
          ORDER BY e.at DESC, e.seq DESC LIMIT ?2"
    );
    conn.all(&sql, parameters, |row| read(&row)).await
}
