//! The books in SQL: what a request needs of them in one question, and what it enters in a statement for each table.

use crate::model::{Line, Role, Transaction};
use crate::rules::book::{Book, Head, NewEntry};
use crate::rules::iban::Iban;
use crate::store::account;
use serde_json::{Value, json};
use souk_kit::id::{AccountId, HoldId, UserId};
use souk_kit::{Conn, Currency, DbError, Timestamp, Tx, params};
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
const COLUMNS: [&str; 33] = [
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
    "payment_id",
];

fn row_of(it: &Transaction) -> [Value; COLUMNS.len()] {
    [
        json!(it.number),
        json!(it.id),
        json!(it.kind),
        json!(it.state),
        json!(it.due.map(|(stage, _)| stage)),
        json!(it.due.map(|(_, at)| at.as_millis())),
        json!(it.from),
        json!(it.to),
        json!(it.amount.map(|amount| amount.amount)),
        json!(it.amount.map(|amount| amount.currency)),
        json!(it.received.map(|amount| amount.amount)),
        json!(it.received.map(|amount| amount.currency)),
        json!(it.lines),
        json!(it.entries.map(|(first, _)| first)),
        json!(it.entries.map(|(_, last)| last)),
        json!(it.counted.0),
        json!(it.counted.1),
        json!(it.label),
        json!(it.metadata),
        json!(it.outside),
        json!(it.quote_id),
        json!(it.batch_id),
        json!(it.reverses),
        json!(it.reason),
        json!(it.key),
        json!(it.created_by),
        json!(it.created_at.as_millis()),
        json!(it.posted_at.map(Timestamp::as_millis)),
        json!(it.created_at.as_millis()),
        json!(it.version),
        json!(it.note),
        json!(it.reversed_by),
        json!(it.payment),
    ]
}

/// Writes transactions with one statement. What all of them have in common is bound once: taking it out of the JSON of each
/// row would cost most of the time of a batch.
async fn write_transactions(tx: &Tx, transactions: &[Transaction]) -> Result<(), DbError> {
    let rows: Vec<_> = transactions.iter().map(row_of).collect();
    let Some(first) = rows.first() else { return Ok(()) };
    let (mut names, mut values, mut differing) = (Vec::new(), Vec::new(), Vec::new());
    let mut parameters = params![""];
    for (index, (name, value)) in COLUMNS.into_iter().zip(first).enumerate() {
        if rows.iter().any(|row| row[index] != *value) {
            values.push(format!("value ->> {}", differing.len()));
            differing.push(index);
        } else if value.is_null() {
            continue;
        } else {
            parameters.push(sql_of(value));
            values.push(format!("?{}", parameters.len()));
        }
        names.push(name);
    }
    let rows: Vec<Vec<&Value>> =
        rows.iter().map(|row| differing.iter().map(|index| &row[*index]).collect()).collect();
    parameters[0] = json!(rows).to_string().into();
    let (names, values) = (names.join(", "), values.join(", "));
    let sql = format!("INSERT INTO transactions ({names}) SELECT {values} FROM json_each(?1)");
    tx.exec(&sql, parameters).await
}

/// A value as `->>` gives it.
fn sql_of(value: &Value) -> spin_sdk::sqlite::Value {
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Number(number) => number.as_i64().unwrap_or_default().into(),
        other => other.to_string().into(),
    }
}

/// Writes the entries of the book, which all have one time; the triggers move the balances.
pub async fn write_entries(tx: &Tx, book: &Book) -> Result<(), DbError> {
    let row = |it: &NewEntry| json!([it.seq, it.number, it.account, it.amount, it.balance, it.hash]);
    let Some(at) = book.entries.first().map(|it| it.at) else { return Ok(()) };
    let rows: Vec<_> = book.entries.iter().map(row).collect();
    tx.exec(
        "INSERT INTO entries (seq, number, account, amount, balance, at, hash)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2, unhex(value ->> 5)
           FROM json_each(?1)",
        params![json!(rows).to_string(), at],
    )
    .await
}
