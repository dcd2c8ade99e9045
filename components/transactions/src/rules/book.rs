//! The books, as far as a request needs them: accounts, the head of the chain, and what is entered.
//!
//! Whatever is refused leaves the book as it was. What is entered keeps the invariants: each currency sums to zero, no
//! account passes its limit, each entry has the hash of the one before.

use crate::model::{Account, Line, Role, Stage, Transaction};
use crate::problem::Refused;
use crate::rules::draft::{Draft, When};
use crate::rules::iban::Iban;
use crate::rules::state::State;
use souk_kit::id::{AccountId, UserId};
use souk_kit::{Currency, Money, Timestamp};
use souk_ledger::{Facts, Hash};
use std::collections::{BTreeMap, HashMap};

/// What JavaScript counts exactly: 2^53 - 1.
const MAX_BALANCE: i64 = 9_007_199_254_740_991;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// The end of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last entry.
    pub seq: i64,
    /// When it was made.
    pub at: Timestamp,
    /// Its hash.
    pub hash: Hash,
    /// The last transaction.
    pub number: i64,
}

impl Head {
    /// Of an empty ledger.
    pub const START: Self = Self { seq: 0, at: Timestamp::from_millis(0), hash: Hash::ZERO, number: 0 };
}

/// An entry that is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewEntry {
    /// Its place.
    pub seq: i64,
    /// The transaction, by its place.
    pub number: i64,
    /// The account, by its place.
    pub account: i64,
    /// Above zero is a credit.
    pub amount: i64,
    /// The account's balance with it.
    pub balance: i64,
    /// When.
    pub at: Timestamp,
    /// Its hash.
    pub hash: Hash,
}

/// Accounts and the head of the chain under the write lock, and what is to be written.
#[derive(Debug, Clone)]
pub struct Book {
    accounts: BTreeMap<i64, Account>,
    by_id: HashMap<AccountId, i64>,
    by_iban: HashMap<Iban, i64>,
    head: Head,
    /// What is entered.
    pub transactions: Vec<Transaction>,
    /// What is posted of it.
    pub entries: Vec<NewEntry>,
}

impl Book {
    /// The books with these accounts.
    pub fn new(accounts: Vec<Account>, head: Head) -> Self {
        let by_id = accounts.iter().map(|it| (it.id, it.number)).collect();
        let by_iban = accounts.iter().map(|it| (it.iban.clone(), it.number)).collect();
        let accounts = accounts.into_iter().map(|it| (it.number, it)).collect();
        Self { accounts, by_id, by_iban, head, transactions: Vec::new(), entries: Vec::new() }
    }

    /// An account by its place.
    pub fn account(&self, number: i64) -> Option<&Account> {
        self.accounts.get(&number)
    }

    /// An account by its id.
    pub fn by_id(&self, id: AccountId) -> Option<&Account> {
        self.account(*self.by_id.get(&id)?)
    }

    /// An account by its number.
    pub fn by_iban(&self, iban: &Iban) -> Option<&Account> {
        self.account(*self.by_iban.get(iban)?)
    }

    /// The suite's own account.
    pub fn by_role(&self, role: Role, currency: Currency) -> Option<&Account> {
        self.accounts.values().find(|it| it.role == Some(role) && it.currency == currency)
    }

    /// Somebody's oldest open wallet in a currency.
    pub fn wallet(&self, owner: UserId, currency: Currency) -> Option<&Account> {
        self.accounts.values().find(|it| it.owner == Some(owner) && it.currency == currency && it.is_open)
    }

    /// All accounts.
    #[cfg(test)]
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// Lets go what was set aside, before it is taken.
    pub fn release(&mut self, account: i64, amount: i64) {
        if let Some(account) = self.accounts.get_mut(&account) {
            account.held -= amount;
        }
    }

    /// Enters a transaction: posts it, or notes it until its time.
    pub fn enter(&mut self, draft: Draft, now: Timestamp) -> Result<&Transaction, Refused> {
        let at = now.max(self.head.at);
        for Line(account, _) in &draft.lines {
            self.must_be_open(*account)?;
        }
        let counted = match draft.when {
            When::At(_) => (0, 0),
            When::Now | When::Cleared(_) => self.counted(&draft, now)?,
        };
        let number = self.head.number + 1;
        let when = draft.when;
        let mut entered = draft.into_transaction(number, counted, now);
        match when {
            When::Now => self.post(&mut entered, at)?,
            When::At(time) => entered.due = Some((Stage::Scheduled, time)),
            When::Cleared(time) => {
                self.set_aside(&entered)?;
                entered.due = Some((Stage::Clearing, time));
            }
        }
        self.count(&entered, counted);
        self.head.number = number;
        self.transactions.push(entered);
        Ok(&self.transactions[self.transactions.len() - 1])
    }

    /// Posts what was pending. It counts towards the limit of the day only if it has not yet.
    pub fn settle(
        &mut self,
        pending: &mut Transaction,
        limited: Option<Option<i64>>,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let at = now.max(self.head.at);
        let counted = match (limited, pending.counted) {
            (Some(otherwise), (0, _)) => self.within_limit(pending.from, pending.amount, otherwise, now)?,
            (_, counted) => counted,
        };
        self.post(pending, at)?;
        if counted != pending.counted {
            pending.counted = counted;
            self.count(&pending.clone(), counted);
        }
        pending.due = None;
        Ok(())
    }

    /// Moves what was scheduled into clearing.
    pub fn send(
        &mut self,
        pending: &mut Transaction,
        limited: Option<Option<i64>>,
        (now, cleared): (Timestamp, Timestamp),
    ) -> Result<(), Refused> {
        for Line(account, _) in &pending.lines {
            self.must_be_open(*account)?;
        }
        if let Some(otherwise) = limited {
            pending.counted = self.within_limit(pending.from, pending.amount, otherwise, now)?;
        }
        self.set_aside(pending)?;
        self.count(&pending.clone(), pending.counted);
        pending.due = Some((Stage::Clearing, cleared));
        Ok(())
    }

    fn must_be_open(&self, account: i64) -> Result<(), Refused> {
        match self.account(account) {
            Some(account) if account.is_open => Ok(()),
            _ => Err(Refused::AccountClosed),
        }
    }

    fn counted(&self, draft: &Draft, now: Timestamp) -> Result<(i64, i64), Refused> {
        match draft.limited {
            Some(otherwise) => self.within_limit(draft.from, draft.amount, otherwise, now),
            None => Ok((0, 0)),
        }
    }

    /// What of it counts for today, if the day's limit allows it.
    fn within_limit(
        &self,
        from: Option<i64>,
        amount: Option<Money>,
        otherwise: Option<i64>,
        now: Timestamp,
    ) -> Result<(i64, i64), Refused> {
        let Some((account, amount)) = from.and_then(|from| self.account(from)).zip(amount) else {
            return Ok((0, 0));
        };
        let today = now.as_millis().div_euclid(DAY_MS);
        let out = if account.out_day == today { account.out_today } else { 0 };
        if let Some(limit) = account.daily_out.or(otherwise)
            && out.checked_add(amount.amount).is_none_or(|sum| sum > limit)
        {
            let left = account.money((limit - out).max(0));
            return Err(Refused::DailyLimit { limit: account.money(limit), left });
        }
        Ok((amount.amount, today))
    }

    fn count(&mut self, entered: &Transaction, (counted, day): (i64, i64)) {
        let from = entered.from.and_then(|from| self.accounts.get_mut(&from));
        if let Some(account) = from.filter(|_| counted > 0) {
            let out = if account.out_day == day { account.out_today } else { 0 };
            (account.out_day, account.out_today) = (day, out.saturating_add(counted));
        }
    }

    /// Holds what a transaction in clearing will take.
    fn set_aside(&mut self, entered: &Transaction) -> Result<(), Refused> {
        let Some((from, amount)) = entered.from.zip(entered.amount) else { return Ok(()) };
        let Some(account) = self.accounts.get_mut(&from) else { return Err(Refused::AccountClosed) };
        has_left(account, account.standing(), account.held + amount.amount, amount.amount)?;
        account.held += amount.amount;
        Ok(())
    }

    /// Enters the lines of a transaction, all or none.
    fn post(&mut self, entered: &mut Transaction, at: Timestamp) -> Result<(), Refused> {
        debug_assert!(self.sums_to_zero(&entered.lines), "whoever makes the lines makes them sum to zero");
        let mut balances = Vec::with_capacity(entered.lines.len());
        for Line(number, amount) in &entered.lines {
            self.must_be_open(*number)?;
            balances.push(self.balance_with(*number, *amount)?);
        }
        let first = self.head.seq + 1;
        for (Line(number, amount), balance) in entered.lines.iter().zip(balances) {
            let Some(account) = self.accounts.get_mut(number) else { continue };
            account.balance = balance;
            let facts = Facts {
                seq: self.head.seq + 1,
                transaction_id: entered.id.to_string(),
                kind: entered.kind.name().to_owned(),
                account_id: account.id.to_string(),
                currency: account.currency.code().to_owned(),
                amount: *amount,
                balance,
                at_ms: at.as_millis(),
            };
            let hash = facts.hash(&self.head.hash);
            self.head = Head { seq: facts.seq, at, hash, ..self.head };
            self.entries.push(NewEntry {
                seq: facts.seq,
                number: entered.number,
                account: *number,
                amount: *amount,
                balance,
                at,
                hash,
            });
        }
        entered.state = State::Posted;
        entered.entries = Some((first, self.head.seq));
        entered.posted_at = Some(at);
        Ok(())
    }

    /// What an account would have with this amount more.
    fn balance_with(&self, number: i64, amount: i64) -> Result<i64, Refused> {
        let Some(account) = self.account(number) else { return Err(Refused::AccountClosed) };
        let balance =
            account.balance.checked_add(amount).filter(|it| (-MAX_BALANCE..=MAX_BALANCE).contains(it));
        let balance = balance.ok_or(Refused::BalanceOutOfRange)?;
        has_left(account, account.kind.side(balance), account.held, amount.saturating_abs())?;
        Ok(balance)
    }

    /// Whether lines sum to zero in each currency.
    pub fn sums_to_zero(&self, lines: &[Line]) -> bool {
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for Line(number, amount) in lines {
            let Some(account) = self.account(*number) else { return false };
            *sums.entry(account.currency).or_default() += i128::from(*amount);
        }
        sums.values().all(|sum| *sum == 0)
    }
}

/// Refuses what would bring an account below its limit.
fn has_left(account: &Account, standing: i64, held: i64, wanted: i64) -> Result<(), Refused> {
    match account.min_balance {
        Some(limit) if standing.saturating_sub(held) < limit => {
            let available = account.money(account.available().saturating_sub(limit).max(0));
            Err(Refused::InsufficientFunds { available, wanted: account.money(wanted) })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
