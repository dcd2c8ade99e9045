//! Accounts in SQL.

use crate::model::{Account, AccountKind, Role};
use crate::rules::iban::Iban;
use serde::Deserialize;
use souk_kit::id::{AccountId, UserId};
use souk_kit::{Conn, Currency, DbError, Row, Timestamp, Tx, params};

/// What [`read`] needs.
pub const COLUMNS: &str = "a.number, a.id, a.iban, a.kind, a.role, a.currency, a.owner, a.label, a.state, a.balance, a.held, \
     a.min_balance, a.daily_out, a.out_day, a.out_today, a.version, a.created_at";

/// An account of a row with [`COLUMNS`].
pub fn read(row: &Row<'_>) -> Result<Account, DbError> {
    let role: Option<&str> = row.get("role")?;
    let owner: Option<&str> = row.get("owner")?;
    Ok(Account {
        number: row.get("number")?,
        id: row.parse("id")?,
        iban: row.parse("iban")?,
        kind: row.parse("kind")?,
        role: role.and_then(|role| role.parse().ok()),
        currency: row.parse("currency")?,
        owner: owner.and_then(|owner| owner.parse().ok()),
        label: row.get("label")?,
        is_open: row.get::<&str>("state")? == "open",
        balance: row.get("balance")?,
        held: row.get("held")?,
        min_balance: row.get("min_balance")?,
        daily_out: row.get("daily_out")?,
        out_day: row.get("out_day")?,
        out_today: row.get("out_today")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
    })
}

/// The same as one value, for a question whose answer is one row.
pub const PACKED: &str = "json_array(a.number, a.id, a.iban, a.kind, a.role, a.currency, a.owner, a.label, a.state, a.balance, \
     a.held, a.min_balance, a.daily_out, a.out_day, a.out_today, a.version, a.created_at)";

/// An account that came as one value.
#[derive(Deserialize)]
pub struct Packed(
    i64,
    AccountId,
    Iban,
    AccountKind,
    Option<Role>,
    Currency,
    Option<UserId>,
    String,
    String,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    i64,
    i64,
    i64,
    i64,
);

impl From<Packed> for Account {
    fn from(it: Packed) -> Self {
        Self {
            number: it.0,
            id: it.1,
            iban: it.2,
            kind: it.3,
            role: it.4,
            currency: it.5,
            owner: it.6,
            label: it.7,
            is_open: it.8 == "open",
            balance: it.9,
            held: it.10,
            min_balance: it.11,
            daily_out: it.12,
            out_day: it.13,
            out_today: it.14,
            version: it.15,
            created_at: Timestamp::from_millis(it.16),
        }
    }
}

/// An account that is to be opened.
#[derive(Debug)]
pub struct New<'a> {
    /// Its number.
    pub iban: Iban,
    /// What it is to the shop.
    pub kind: AccountKind,
    /// What the suite uses it for.
    pub role: Option<Role>,
    /// Its currency.
    pub currency: Currency,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// What it is called.
    pub label: &'a str,
    /// Below what it must not fall.
    pub min_balance: Option<i64>,
    /// What may go out on a day.
    pub daily_out: Option<i64>,
}

/// Opens an account. A number that is taken is `accounts.iban`; the suite's own, if it is there already, `accounts.role`.
pub async fn open(tx: &Tx, new: &New<'_>, now: Timestamp) -> Result<Account, DbError> {
    let sql = format!(
        "INSERT INTO accounts AS a (id, iban, kind, role, currency, owner, label, min_balance, daily_out, created_at,
                                    updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10) RETURNING {}",
        COLUMNS.replace("a.", "")
    );
    let parameters = params![
        AccountId::new(),
        new.iban.as_str(),
        new.kind.name(),
        new.role.map(Role::name),
        new.currency,
        new.owner,
        new.label,
        new.min_balance,
        new.daily_out,
        now
    ];
    let opened = tx.one(&sql, parameters, |row| read(&row)).await?;
    opened.ok_or_else(|| DbError::Column("an account gave no row".into()))
}

/// How many accounts somebody has.
pub async fn count_of(conn: &Conn, owner: UserId) -> Result<i64, DbError> {
    let sql = "SELECT count(*) AS n FROM accounts WHERE owner = ?1 AND state = 'open'";
    Ok(conn.one(sql, params![owner], |row| row.get("n")).await?.unwrap_or_default())
}

/// An account by its id.
pub async fn find(conn: &Conn, id: AccountId) -> Result<Option<Account>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts a WHERE a.id = ?1");
    conn.one(&sql, params![id], |row| read(&row)).await
}

/// The suite's own account.
pub async fn by_role(conn: &Conn, role: Role, currency: Currency) -> Result<Option<Account>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts a WHERE a.role = ?1 AND a.currency = ?2");
    conn.one(&sql, params![role.name(), currency], |row| read(&row)).await
}

/// Accounts by their places.
pub async fn by_numbers(conn: &Conn, numbers: &[i64]) -> Result<Vec<Account>, DbError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts a WHERE a.number IN (SELECT value FROM json_each(?1))");
    conn.all(&sql, params![serde_json::json!(numbers).to_string()], |row| read(&row)).await
}

/// Up to `limit` accounts after one, oldest first: all, or somebody's. Index: `accounts_by_owner`.
pub async fn list(
    conn: &Conn,
    owner: Option<UserId>,
    after: i64,
    limit: u32,
) -> Result<Vec<Account>, DbError> {
    let whose = if owner.is_some() { "a.owner = ?3 AND" } else { "" };
    let sql =
        format!("SELECT {COLUMNS} FROM accounts a WHERE {whose} a.number > ?1 ORDER BY a.number LIMIT ?2");
    let mut parameters = params![after, limit];
    parameters.extend(owner.map(Into::into));
    conn.all(&sql, parameters, |row| read(&row)).await
}

/// Stores label, limits and whether it is open. The schema refuses a limit that is not met (`never_below_its_limit`), and
/// to close what is not empty (`closed_when_empty`).
pub async fn save(tx: &Tx, account: &Account, now: Timestamp) -> Result<(), DbError> {
    tx.exec(
        "UPDATE accounts SET label = ?2, min_balance = ?3, daily_out = ?4, state = ?5, version = ?6, updated_at = ?7
          WHERE number = ?1",
        params![
            account.number,
            account.label.as_str(),
            account.min_balance,
            account.daily_out,
            if account.is_open { "open" } else { "closed" },
            account.version,
            now
        ],
    )
    .await
}

/// The balance that an account had at an instant. Index: `entries_by_account`.
pub async fn balance_at(conn: &Conn, number: i64, at: Timestamp) -> Result<i64, DbError> {
    let sql =
        "SELECT balance FROM entries WHERE account = ?1 AND at <= ?2 ORDER BY at DESC, seq DESC LIMIT 1";
    Ok(conn.one(sql, params![number, at], |row| row.get("balance")).await?.unwrap_or_default())
}
