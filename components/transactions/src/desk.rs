//! What the books are to enter for what somebody wants moved, or why not.

use crate::access::Who;
use crate::beneficiary::Beneficiary;
use crate::config::Config;
use crate::input::{NewKind, NewTransaction, Target};
use crate::model::{Account, Kind, Line, Outside, Role};
use crate::problem::Refused;
use crate::rules::book::Book;
use crate::rules::draft::{Draft, When};
use souk_kit::id::{BatchId, TransactionId};
use souk_kit::{FieldError, Money, Problem, Result, Timestamp};

/// What a transaction is made with.
#[derive(Debug, Clone)]
pub struct Desk<'a> {
    /// Who asks.
    pub who: &'a Who,
    /// The ledger's settings.
    pub config: &'a Config,
    /// Those of the caller's that are named.
    pub beneficiaries: &'a [Beneficiary],
    /// The batch that it comes with.
    pub batch: Option<BatchId>,
    /// What arrives, of a transfer into another currency.
    pub received: Option<Money>,
    /// When.
    pub now: Timestamp,
}

fn invalid(pointer: impl Into<String>, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError::at(pointer, detail)])
}

fn in_currency(account: &Account, amount: Money) -> Result<(), Refused> {
    match account.currency == amount.currency {
        true => Ok(()),
        false => Err(Refused::CurrencyMismatch { expected: account.currency, found: amount.currency }),
    }
}

impl Desk<'_> {
    /// What the books are to enter for it.
    pub fn draft(&self, new: &NewTransaction, book: &Book, id: TransactionId) -> Result<Draft> {
        let mut draft = match new.kind {
            NewKind::Posting => self.postings(new, book)?,
            NewKind::Transfer => self.transfer(new, book)?,
            NewKind::Deposit | NewKind::Withdrawal => self.through_clearing(new, book)?,
        };
        draft.id = id;
        draft.label = new.label.clone().unwrap_or_default();
        draft.metadata = new.metadata.clone().map(Into::into);
        draft.batch_id = self.batch;
        draft.quote_id = new.quote;
        Ok(draft)
    }

    fn spends(&self, new: &NewTransaction, book: &Book) -> Result<Account> {
        let from =
            new.from_account.and_then(|id| book.by_id(id)).filter(|account| self.who.may_move(account));
        from.cloned().ok_or_else(|| invalid("/from_account", "is not an account that you may spend from"))
    }

    fn amount(new: &NewTransaction) -> Result<Money> {
        new.amount.ok_or_else(|| invalid("/amount", "is required"))
    }

    fn transfer(&self, new: &NewTransaction, book: &Book) -> Result<Draft> {
        let (from, amount) = (self.spends(new, book)?, Self::amount(new)?);
        in_currency(&from, amount)?;
        let target = new.to.clone().unwrap_or_default();
        let outside = target.outside(self.beneficiaries);
        if target.beneficiary.is_some() && outside.is_none() {
            return Err(invalid("/to/beneficiary", "is not a beneficiary of yours"));
        }
        let is_ours = |it: &Outside| it.iban.is_of(&self.config.country, &self.config.bank);
        let draft = match outside {
            Some(outside) if !is_ours(&outside) => self.outside(&from, amount, outside, book)?,
            outside => self.inside(&from, amount, (&target, outside), book)?,
        };
        if new.quote.is_some() != draft.received.is_some() {
            return Err(invalid("/quote", "belongs to a transfer into another currency"));
        }
        Ok(match new.at {
            Some(at) => Draft { when: When::At(at), ..draft },
            None => draft,
        })
    }

    /// To an account here.
    fn inside(
        &self,
        from: &Account,
        amount: Money,
        (target, outside): (&Target, Option<Outside>),
        book: &Book,
    ) -> Result<Draft> {
        let arrives = self.received.unwrap_or(amount).currency;
        let (to, field) = match (target.account, target.user, &outside) {
            (Some(id), _, _) => (book.by_id(id), "/to/account"),
            (_, Some(user), _) => (book.wallet(user, arrives), "/to/user"),
            (_, _, Some(outside)) => (book.by_iban(&outside.iban), "/to/iban"),
            _ => (None, "/to"),
        };
        // Of the shop's own accounts only that for buyers takes money from everybody.
        let takes =
            |to: &&Account| to.owner.is_some() || to.role == Some(Role::Collection) || self.who.writes_all;
        let to = to.filter(takes);
        let to = to.ok_or_else(|| invalid(field, "is not an account here"))?;
        if to.number == from.number {
            return Err(invalid(field, "is the account that the money comes from"));
        }
        let limited = (to.owner != from.owner && self.who.owns(from)).then_some(self.config.daily_out);
        let plain = Draft::between(Kind::Transfer, from.number, to.number, amount, &self.who.name);
        let Some(received) = self.received else {
            in_currency(to, amount)?;
            return Ok(Draft { limited, ..plain });
        };
        in_currency(to, received)?;
        let through = |currency| {
            let account = book.by_role(Role::Conversion, currency).map(|it| it.number);
            account.ok_or_else(|| Problem::internal("no account between two currencies"))
        };
        let lines = vec![
            Line(from.number, -amount.amount),
            Line(through(amount.currency)?, amount.amount),
            Line(through(received.currency)?, -received.amount),
            Line(to.number, received.amount),
        ];
        Ok(Draft { lines, limited, received: Some(received), ..plain })
    }

    /// To an account outside, through clearing.
    fn outside(&self, from: &Account, amount: Money, outside: Outside, book: &Book) -> Result<Draft> {
        let clearing = book.by_role(Role::Clearing, amount.currency);
        let clearing = clearing.ok_or_else(|| Problem::internal("no clearing account"))?.number;
        let limited = self.who.owns(from).then_some(self.config.daily_out);
        let cleared = When::Cleared(crate::rules::clearing::done_at(
            &outside.iban,
            self.now,
            self.config.clearing_delay,
        ));
        let draft = Draft::between(Kind::Transfer, from.number, clearing, amount, &self.who.name);
        Ok(Draft { outside: Some(outside), when: cleared, limited, ..draft })
    }

    fn through_clearing(&self, new: &NewTransaction, book: &Book) -> Result<Draft> {
        self.who.must_write()?;
        let amount = Self::amount(new)?;
        let clearing = book.by_role(Role::Clearing, amount.currency).map(|it| it.number);
        let clearing = clearing.ok_or_else(|| Problem::internal("no clearing account"))?;
        if new.kind == NewKind::Withdrawal {
            let from = self.spends(new, book)?;
            in_currency(&from, amount)?;
            return Ok(Draft::between(Kind::Withdrawal, from.number, clearing, amount, &self.who.name));
        }
        let to = new.to_account.and_then(|id| book.by_id(id));
        let to = to.ok_or_else(|| invalid("/to_account", "is not an account here"))?;
        in_currency(to, amount)?;
        if to.number == clearing {
            return Err(invalid("/to_account", "is the clearing account itself"));
        }
        Ok(Draft::between(Kind::Deposit, clearing, to.number, amount, &self.who.name))
    }

    fn postings(&self, new: &NewTransaction, book: &Book) -> Result<Draft> {
        self.who.must_write()?;
        let mut lines = Vec::new();
        for (index, posting) in new.postings.iter().flatten().enumerate() {
            let account = book.by_id(posting.account);
            let account = account
                .ok_or_else(|| invalid(format!("/postings/{index}/account"), "is not an account here"))?;
            in_currency(account, posting.amount)?;
            lines.push(Line(account.number, posting.amount.amount));
        }
        if !book.sums_to_zero(&lines) {
            return Err(invalid("/postings", "must sum to zero in each currency"));
        }
        let none =
            Draft::between(Kind::Posting, 0, 0, Money::new(0, souk_kit::Currency::EUR), &self.who.name);
        Ok(Draft { from: None, to: None, amount: None, lines, ..none })
    }
}
