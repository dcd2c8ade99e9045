//! Transactions in SQL.

use crate::model::{Kind, Stage, Transaction};
use crate::rules::state::State;
use souk_kit::id::{TransactionId, UserId};
use souk_kit::{Conn, DbError, Money, Row, Timestamp, Tx, params};

/// Pending ones that one round of maintenance takes.
const DUE_AT_ONCE: u32 = 50;

fn money(row: &Row<'_>, amount: &str, currency: &str) -> Result<Option<Money>, DbError> {
    let amount: Option<i64> = row.get(amount)?;
    Ok(amount.zip(row.optional(currency)?).map(|(amount, currency)| Money::new(amount, currency)))
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>, DbError> {
    Ok(row.get::<Option<&str>>(column)?.and_then(|text| serde_json::from_str(text).ok()))
}

fn read(row: &Row<'_>) -> Result<Transaction, DbError> {
    let due_at: Option<Timestamp> = row.get("due_at")?;
    let (first, last): (Option<i64>, Option<i64>) = (row.get("first_seq")?, row.get("last_seq")?);
    Ok(Transaction {
        number: row.get("number")?,
        id: row.parse("id")?,
        kind: row.parse("kind")?,
        state: row.parse("state")?,
        due: row.optional::<Stage>("stage")?.zip(due_at),
        from: row.get("from_account")?,
        to: row.get("to_account")?,
        amount: money(row, "amount", "currency")?,
        received: money(row, "received", "received_currency")?,
        lines: row.json("lines")?,
        entries: first.zip(last),
        counted: (row.get("counted")?, row.get("counted_day")?),
        label: row.get("label")?,
        note: row.get("note")?,
        metadata: json(row, "metadata")?,
        outside: json(row, "outside")?,
        quote_id: row.optional("quote_id")?,
        batch_id: row.optional("batch_id")?,
        reverses: row.optional("reverses")?,
        reversed_by: row.optional("reversed_by")?,
        reason: row.get("reason")?,
        key: row.get("key")?,
        payment: row.optional("payment_id")?,
        created_by: row.get("created_by")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        posted_at: row.get("posted_at")?,
    })
}

/// A transaction by its id.
pub async fn find(conn: &Conn, id: TransactionId) -> Result<Option<Transaction>, DbError> {
    conn.one("SELECT * FROM transactions WHERE id = ?1", params![id], |row| read(&row)).await
}

/// A transaction by what somebody else knows it by.
pub async fn by_key(conn: &Conn, key: &str) -> Result<Option<Transaction>, DbError> {
    conn.one("SELECT * FROM transactions WHERE key = ?1", params![key], |row| read(&row)).await
}

/// Stores what became of a transaction, as its next version.
pub async fn save(tx: &Tx, it: &mut Transaction, now: Timestamp) -> Result<(), DbError> {
    it.version += 1;
    tx.exec(
        "UPDATE transactions SET state = ?2, stage = ?3, due_at = ?4, first_seq = ?5, last_seq = ?6, counted_day = ?7,
                counted = ?8, label = ?9, note = ?10, metadata = ?11, reversed_by = ?12, reason = ?13, version = ?14,
                posted_at = ?15, updated_at = ?16
          WHERE number = ?1",
        params![
            it.number,
            it.state.name(),
            it.due.map(|(stage, _)| stage.name()),
            it.due.map(|(_, at)| at),
            it.entries.map(|(first, _)| first),
            it.entries.map(|(_, last)| last),
            it.counted.1,
            it.counted.0,
            it.label.as_str(),
            it.note.as_deref(),
            it.metadata.as_ref().map(ToString::to_string),
            it.reversed_by,
            it.reason.as_deref(),
            it.version,
            it.posted_at,
            now
        ],
    )
    .await
}

/// Those that something is to become of now, the oldest first. Index: `transactions_due`.
pub async fn due(conn: &Conn, now: Timestamp) -> Result<Vec<TransactionId>, DbError> {
    let sql = "SELECT id FROM transactions WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2";
    conn.all(sql, params![now, DUE_AT_ONCE], |row| row.parse("id")).await
}

/// Which transactions are wanted, newest first.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of this account, by its place.
    pub account: Option<i64>,
    /// Of any account of theirs.
    pub owner: Option<UserId>,
    /// In this state.
    pub state: Option<State>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Asked for from then on.
    pub from: Option<Timestamp>,
    /// Before then.
    pub to: Option<Timestamp>,
    /// Before this one.
    pub before: Option<i64>,
}

/// Up to `limit` transactions. Indexes: the primary keys of `parties` and `transactions`.
pub async fn list(conn: &Conn, filter: &Filter, limit: u32) -> Result<Vec<Transaction>, DbError> {
    let mut parameters = params![limit, filter.before.unwrap_or(i64::MAX)];
    let mut wanted = String::new();
    let conditions = [
        ("f.state =", filter.state.map(|it| it.name().to_owned().into())),
        ("f.kind =", filter.kind.map(|it| it.name().to_owned().into())),
        ("f.created_at >=", filter.from.map(Into::into)),
        ("f.created_at <", filter.to.map(Into::into)),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            parameters.push(value);
            wanted += &format!(" AND {condition} ?{}", parameters.len());
        }
    }
    // Of each account so many at most, so that the time does not grow with the history.
    let of_account = |account: &str| {
        format!(
            "SELECT p.number FROM parties p CROSS JOIN transactions f ON f.number = p.number
              WHERE p.account = {account} AND p.number < ?2 {wanted} ORDER BY p.number DESC LIMIT ?1"
        )
    };
    let sql = if let Some(account) = filter.account {
        parameters.push(account.into());
        let numbers = of_account(&format!("?{}", parameters.len()));
        format!("SELECT * FROM transactions WHERE number IN ({numbers}) ORDER BY number DESC LIMIT ?1")
    } else if let Some(owner) = filter.owner {
        parameters.push(owner.into());
        let owner = parameters.len();
        format!(
            "SELECT DISTINCT t.* FROM accounts a CROSS JOIN transactions t ON t.number IN ({})
              WHERE a.owner = ?{owner} ORDER BY t.number DESC LIMIT ?1",
            of_account("a.number")
        )
    } else {
        format!("SELECT f.* FROM transactions f WHERE f.number < ?2 {wanted} ORDER BY f.number DESC LIMIT ?1")
    };
    conn.all(&sql, parameters, |row| read(&row)).await
}

/// The transaction that a request is to become, the same whenever it is asked.
pub async fn intention(conn: &Conn, mark: &str, now: Timestamp) -> Result<TransactionId, DbError> {
    let sql = "INSERT INTO intentions (mark, transaction_id, created_at) VALUES (?1, ?2, ?3)
               ON CONFLICT DO UPDATE SET created_at = created_at RETURNING transaction_id";
    let found =
        conn.one(sql, params![mark, TransactionId::new(), now], |row| row.parse("transaction_id")).await?;
    found.ok_or_else(|| DbError::Column("an intention gave no row".into()))
}

/// Forgets intentions that nobody repeats any more.
pub async fn forget_intentions(conn: &Conn, oldest: Timestamp) -> Result<(), DbError> {
    conn.exec("DELETE FROM intentions WHERE created_at < ?1", params![oldest]).await
}
