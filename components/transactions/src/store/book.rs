//! The books in SQL: what a request needs of them in one question, and what it enters in a statement for each table.

use crate::model::{Line, Role, Transaction};
use crate::rules::book::{Book, Head};
use crate::rules::iban::Iban;
use crate::store::account;
use serde_json::{Value, json};
use souk_kit::id::{AccountId, HoldId, UserId};
use souk_kit::{Conn, Currency, DbError, Row, Timestamp, Tx, params};
use souk_ledger::Hash;

/// Which accounts are needed.
#[derive(Debug, Default, Clone)]
pub struct Needed {
    /// By id.
    pub ids: Vec<AccountId>,
    /// By number.
    pub ibans: Vec<Iban>,
    /// All of these people.
    pub owners: Vec<UserId>,
    /// The suite's own.
    pub roles: Vec<(Role, Currency)>,
    /// By place.
    pub numbers: Vec<i64>,
}

impl Needed {
    /// Those that transactions touch.
    pub fn by(transactions: &[Transaction]) -> Self {
        let lines = transactions.iter().flat_map(|it| it.lines.iter().map(|Line(account, _)| *account));
        let sides = transactions.iter().flat_map(|it| [it.from, it.to].into_iter().flatten());
        Self { numbers: lines.chain(sides).collect(), ..Self::default() }
    }

    /// Each once: the transactions of a batch often touch the same.
    pub fn dedup(&mut self) {
        fn once<T: Ord>(list: &mut Vec<T>) {
            list.sort();
            list.dedup();
        }
        once(&mut self.ids);
        once(&mut self.ibans);
        once(&mut self.owners);
        once(&mut self.roles);
        once(&mut self.numbers);
    }
}

/// What a look found.
#[derive(Debug)]
pub struct Look {
    /// The books.
    pub book: Book,
    /// Whether a hold's time is over, and nobody has ended it.
    pub some_holds_are_due: bool,
}

/// Loads what is needed, in one question. Accounts that are not there are not in the book.
pub async fn look(conn: &Conn, needed: &Needed, now: Timestamp) -> Result<Look, DbError> {
    let mut parts = Vec::new();
    let mut parameters = params![now];
    let roles: Vec<_> = needed.roles.iter().map(|(role, currency)| json!([role, currency])).collect();
    let lists = [
        ("SELECT number FROM accounts WHERE id IN (SELECT value FROM json_each(?))", json!(needed.ids)),
        ("SELECT number FROM accounts WHERE iban IN (SELECT value FROM json_each(?))", json!(needed.ibans)),
        ("SELECT number FROM accounts WHERE owner IN (SELECT value FROM json_each(?))", json!(needed.owners)),
        (
            "SELECT o.number FROM json_each(?) r CROSS JOIN accounts o
                 ON o.role = r.value ->> 0 AND o.currency = r.value ->> 1",
            json!(roles),
        ),
        ("SELECT value FROM json_each(?)", json!(needed.numbers)),
    ];
    for (sql, list) in lists.into_iter().filter(|(_, list)| list != &json!([])) {
        parameters.push(list.to_string().into());
        parts.push(sql.replace("(?)", &format!("(?{})", parameters.len())));
    }
    if parts.is_empty() {
        parts.push("SELECT NULL".into());
    }
    let sql = format!(
        "SELECT (SELECT json_group_array({}) FROM accounts a WHERE a.number IN ({})) AS accounts,
                (SELECT seq || ' ' || at || ' ' || lower(hex(hash)) FROM entries ORDER BY seq DESC LIMIT 1) AS head,
                (SELECT max(number) FROM transactions) AS last,
                EXISTS (SELECT 1 FROM holds WHERE state = 'active' AND expires_at <= ?1) AS due",
        account::PACKED,
        parts.join(" UNION ")
    );
    let found = conn
        .one(&sql, parameters, |row| {
            let accounts: Vec<account::Packed> = row.json("accounts")?;
            let number = row.get::<Option<i64>>("last")?.unwrap_or_default();
            let book =
                Book::new(accounts.into_iter().map(Into::into).collect(), head(row.get("head")?, number)?);
            Ok(Look { book, some_holds_are_due: row.get("due")? })
        })
        .await?;
    found.ok_or_else(|| DbError::Column("a look gave no row".into()))
}

fn head(text: Option<&str>, number: i64) -> Result<Head, DbError> {
    let Some(text) = text else { return Ok(Head { number, ..Head::START }) };
    let mut parts = text.split(' ');
    let mut part = || parts.next().ok_or_else(|| DbError::Column("the head is incomplete".into()));
    let unread = |_| DbError::Column("the head cannot be read".into());
    let seq = part()?.parse().map_err(unread)?;
    let at = Timestamp::from_millis(part()?.parse().map_err(unread)?);
    let hash: Hash = part()?.parse().map_err(|_| DbError::Column("no hash".into()))?;
    Ok(Head { seq, at, hash, number })
}

/// Writes what was entered. The triggers move balances and note the parties; the schema refuses what breaks a limit.
pub async fn write(tx: &Tx, book: &Book, now: Timestamp) -> Result<(), DbError> {
    write_transactions(tx, &book.transactions).await?;
    write_entries(tx, book).await?;
    let in_clearing: Vec<Value> = book.transactions.iter().filter_map(clearing_hold).collect();
    if in_clearing.is_empty() {
        return Ok(());
    }
    write_clearing_holds(tx, in_clearing, now).await
}

/// The money that a transaction in clearing sets aside.
fn clearing_hold(it: &Transaction) -> Option<Value> {
    let (crate::model::Stage::Clearing, _) = it.due? else { return None };
    Some(json!([HoldId::new(), it.from?, it.amount?.amount, it.number, it.created_by]))
}

/// Sets aside what a transaction that was scheduled will take.
pub async fn hold_for_clearing(tx: &Tx, it: &Transaction, now: Timestamp) -> Result<(), DbError> {
    match clearing_hold(it) {
        Some(hold) => write_clearing_holds(tx, vec![hold], now).await,
        None => Ok(()),
    }
}

async fn write_clearing_holds(tx: &Tx, holds: Vec<Value>, now: Timestamp) -> Result<(), DbError> {
    tx.exec(
        "INSERT INTO holds (id, account, amount, state, purpose, number, created_by, created_at, updated_at)
         SELECT value ->> 0, value ->> 1, value ->> 2, 'active', 'in clearing', value ->> 3, value ->> 4, ?2, ?2
           FROM json_each(?1)",
        params![json!(holds).to_string(), now],
    )
    .await
}

/// The columns of a transaction, in the order of [`row_of`].
const COLUMNS: [&str; 32] = [
    "number",
    "id",
    "kind",
    "state",
    "stage",
    "due_at",
    "from_account",
    "to_account",
    "amount",
    "currency",
    "received",
    "received_currency",
    "lines",
    "first_seq",
    "last_seq",
    "counted",
    "counted_day",
    "label",
    "metadata",
    "outside",
    "quote_id",
    "batch_id",
    "reverses",
    "reason",
    "key",
    "created_by",
    "created_at",
    "posted_at",
    "updated_at",
    "version",
    "note",
    "reversed_by",
];

fn row_of(it: &Transaction) -> Value {
    json!([
        it.number,
        it.id,
        it.kind,
        it.state,
        it.due.map(|(stage, _)| stage),
        it.due.map(|(_, at)| at.as_millis()),
        it.from,
        it.to,
        it.amount.map(|amount| amount.amount),
        it.amount.map(|amount| amount.currency),
        it.received.map(|amount| amount.amount),
        it.received.map(|amount| amount.currency),
        it.lines,
        it.entries.map(|(first, _)| first),
        it.entries.map(|(_, last)| last),
        it.counted.0,
        it.counted.1,
        it.label,
        it.metadata,
        it.outside,
        it.quote_id,
        it.batch_id,
        it.reverses,
        it.reason,
        it.key,
        it.created_by,
        it.created_at.as_millis(),
        it.posted_at.map(Timestamp::as_millis),
        it.created_at.as_millis(),
        it.version,
        it.note,
        it.reversed_by,
    ])
}

async fn write_transactions(tx: &Tx, transactions: &[Transaction]) -> Result<(), DbError> {
    if transactions.is_empty() {
        return Ok(());
    }
    let values: Vec<_> = (0..COLUMNS.len()).map(|index| format!("value ->> {index}")).collect();
    let sql = format!(
        "INSERT INTO transactions ({}) SELECT {} FROM json_each(?1)",
        COLUMNS.join(", "),
        values.join(", ")
    );
    let rows: Vec<_> = transactions.iter().map(row_of).collect();
    tx.exec(&sql, params![json!(rows).to_string()]).await
}

/// Writes the entries of the book; the triggers move the balances.
pub async fn write_entries(tx: &Tx, book: &Book) -> Result<(), DbError> {
    if book.entries.is_empty() {
        return Ok(());
    }
    let row = |it: &crate::rules::book::NewEntry| {
        json!([it.seq, it.number, it.account, it.amount, it.balance, it.at.as_millis(), it.hash])
    };
    let rows: Vec<_> = book.entries.iter().map(row).collect();
    tx.exec(
        "INSERT INTO entries (seq, number, account, amount, balance, at, hash)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, unhex(value ->> 6)
           FROM json_each(?1)",
        params![json!(rows).to_string()],
    )
    .await
}

/// A text that may be missing.
pub fn optional<T: std::str::FromStr>(row: &Row<'_>, column: &str) -> Result<Option<T>, DbError> {
    Ok(row.get::<Option<&str>>(column)?.and_then(|text| text.parse().ok()))
}
