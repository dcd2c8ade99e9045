//! Opening the books for a request, under the write lock: accounts of the suite's own are made at their first use, and
//! holds whose time is over are ended first.

use crate::config::Config;
use crate::model::{Account, Role, Transaction};
use crate::rules::book::Book;
use crate::rules::iban::Iban;
use crate::store::account::{self, New};
use crate::store::book::{self as store, Needed};
use crate::store::hold;
use souk_kit::id::AccountId;
use souk_kit::{Conn, Currency, Problem, Result, Timestamp, Tx};
use souk_ledger::Hash;

/// How often a number that somebody has is drawn at most.
const DRAWS: usize = 5;
/// Numbers of accounts have twelve digits.
const NUMBERS: u64 = 1_000_000_000_000;

/// The books with the accounts that are needed.
pub async fn open(tx: &Tx, needed: &Needed, config: &Config, now: Timestamp) -> Result<Book> {
    let look = store::look(tx, needed, now).await?;
    let missing: Vec<_> = needed
        .roles
        .iter()
        .filter(|(role, currency)| look.book.by_role(*role, *currency).is_none())
        .collect();
    if missing.is_empty() && !look.some_holds_are_due {
        return Ok(look.book);
    }
    if look.some_holds_are_due {
        hold::expire(tx, now).await?;
    }
    for (role, currency) in missing {
        own_account(tx, *role, *currency, config, now).await?;
    }
    Ok(store::look(tx, needed, now).await?.book)
}

/// The books of some transactions, for those who look.
pub async fn of(conn: &Conn, transactions: &[Transaction], now: Timestamp) -> Result<Book> {
    Ok(store::look(conn, &Needed::by(transactions), now).await?.book)
}

/// The suite's own account, made at its first use.
pub async fn own_account(
    tx: &Tx,
    role: Role,
    currency: Currency,
    config: &Config,
    now: Timestamp,
) -> Result<Account> {
    if let Some(found) = account::by_role(tx, role, currency).await? {
        return Ok(found);
    }
    let label = format!("{} {currency}", role.name());
    let new = New {
        iban: Iban::make(&config.country, &config.bank, 0).map_err(wrong_bank)?,
        kind: role.kind(),
        role: Some(role),
        currency,
        owner: None,
        label: &label,
        min_balance: role.min_balance(),
        daily_out: None,
    };
    new_account(tx, new, config, now).await
}

fn wrong_bank(why: crate::rules::iban::NotAnIban) -> Problem {
    Problem::internal(format!("variables ledger_country, ledger_bank: what they make {why}"))
}

/// Opens an account under a number that nobody has.
pub async fn new_account(tx: &Tx, mut new: New<'_>, config: &Config, now: Timestamp) -> Result<Account> {
    for _ in 0..DRAWS {
        new.iban = Iban::make(&config.country, &config.bank, drawn()).map_err(wrong_bank)?;
        match account::open(tx, &new, now).await {
            Err(error) if error.violates("accounts.iban") => {}
            other => return Ok(other?),
        }
    }
    Err(Problem::unavailable("no free account number was drawn"))
}

/// A number that nobody guesses from another account's.
fn drawn() -> u64 {
    let random = Hash::of(&[AccountId::new().to_string().as_bytes()]);
    let bytes = random.as_bytes().iter().take(8);
    bytes.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte)) % NUMBERS
}
