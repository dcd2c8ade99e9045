//! What somebody wants moved, and what the books make of it.

use crate::access::Who;
use crate::beneficiary::Beneficiary;
use crate::config::Config;
use crate::model::{Account, Kind, Line, Outside, Role};
use crate::problem::Refused;
use crate::rules::book::{Book, Draft, When};
use crate::rules::iban::Iban;
use crate::store::book::Needed;
use crate::text;
use garde::Validate;
use serde::Deserialize;
use souk_kit::id::{AccountId, BatchId, BeneficiaryId, QuoteId, TransactionId, UserId};
use souk_kit::money::MAX_AMOUNT;
use souk_kit::{FieldError, Money, Problem, Result, Timestamp};
use std::time::Duration;
use utoipa::ToSchema;

/// Postings of one transaction.
const MAX_POSTINGS: usize = 100;
/// Bytes of metadata, as JSON.
const MAX_METADATA: usize = 4096;
/// How far ahead a transfer can be dated.
const FARTHEST: Duration = Duration::from_secs(400 * 24 * 3600);

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewKind {
    /// From an account of one's own to any other, here or outside.
    Transfer,
    /// In through the clearing account.
    Deposit,
    /// Out through the clearing account.
    Withdrawal,
    /// Any postings.
    Posting,
}

/// Money that is to be moved.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"kind": "transfer", "from_account": "acc_06b8xk2m0q3v5t7w9y1z3b5d7f",
    "to": {"iban": "XS11SOUK000000000042", "name": "Ana Silva"}, "amount": {"amount": 1999, "currency": "EUR"},
    "label": "Lunch"}))]
pub struct NewTransaction {
    /// What it does.
    #[garde(skip)]
    pub kind: NewKind,
    /// Of a transfer or a withdrawal: where money goes from.
    #[garde(skip)]
    #[serde(default)]
    pub from_account: Option<AccountId>,
    /// Of a deposit: where it goes.
    #[garde(skip)]
    #[serde(default)]
    pub to_account: Option<AccountId>,
    /// Of a transfer: where it goes. One of its members says so.
    #[garde(dive)]
    #[serde(default)]
    pub to: Option<Target>,
    /// How much; more than nothing. Not for postings.
    #[garde(skip)]
    #[serde(default)]
    pub amount: Option<Money>,
    /// Of postings: they sum to zero in each currency, and name each account once.
    #[garde(inner(length(min = 2, max = MAX_POSTINGS)))]
    #[serde(default)]
    pub postings: Option<Vec<NewPosting>>,
    /// What it is for.
    #[garde(length(chars, max = 140), custom(text::optional_line))]
    #[serde(default)]
    pub label: Option<String>,
    /// Of a transfer: when it is to be made, at most 400 days ahead; at once if absent.
    #[garde(skip)]
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// Of a transfer into another currency: the price, from `POST /prices/quotes`.
    #[garde(skip)]
    #[serde(default)]
    pub quote: Option<QuoteId>,
    /// Whatever programs need to find again: an object of at most 4096 bytes.
    #[garde(skip)]
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<serde_json::Map<String, serde_json::Value>>,
}

/// Where a transfer goes: exactly one of `account`, `iban` (with `name`), `beneficiary`, `user`.
#[derive(Debug, Clone, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// An account here.
    #[garde(skip)]
    #[serde(default)]
    pub account: Option<AccountId>,
    /// Any account, here or outside.
    #[garde(skip)]
    #[serde(default)]
    pub iban: Option<Iban>,
    /// Whose that is.
    #[garde(length(chars, max = 100), custom(text::optional_line))]
    #[serde(default)]
    pub name: Option<String>,
    /// One of one's beneficiaries.
    #[garde(skip)]
    #[serde(default)]
    pub beneficiary: Option<BeneficiaryId>,
    /// Somebody's wallet of the currency.
    #[garde(skip)]
    #[serde(default)]
    pub user: Option<UserId>,
}

/// A line of a posting.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPosting {
    /// The account.
    pub account: AccountId,
    /// Above zero is a credit, below zero a debit.
    pub amount: Money,
}

/// Refuses an amount that nothing could be done with.
pub fn check_amount(pointer: &str, amount: Money, errors: &mut Vec<FieldError>) {
    match amount.amount {
        ..=0 => errors.push(FieldError::at(format!("{pointer}/amount"), "must be above zero")),
        1..=MAX_AMOUNT => {}
        _ => errors.push(FieldError::at(format!("{pointer}/amount"), "is too large")),
    }
}

impl NewTransaction {
    /// What is wrong with it that no single field shows.
    pub fn errors(&self, now: Timestamp) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let kind = self.kind;
        let takes = |kinds: &[NewKind]| kinds.contains(&kind);
        let fields = [
            (
                "/from_account",
                self.from_account.is_some(),
                takes(&[NewKind::Transfer, NewKind::Withdrawal]),
                true,
            ),
            ("/to", self.to.is_some(), takes(&[NewKind::Transfer]), true),
            ("/to_account", self.to_account.is_some(), takes(&[NewKind::Deposit]), true),
            ("/amount", self.amount.is_some(), kind != NewKind::Posting, true),
            ("/postings", self.postings.is_some(), kind == NewKind::Posting, true),
            ("/at", self.at.is_some(), takes(&[NewKind::Transfer]), false),
            ("/quote", self.quote.is_some(), takes(&[NewKind::Transfer]), false),
        ];
        for (field, is_there, belongs, is_needed) in fields {
            match (is_there, belongs) {
                (false, true) if is_needed => errors.push(FieldError::at(field, "is required")),
                (true, false) => {
                    errors.push(FieldError::at(field, "does not belong to this kind of transaction"))
                }
                _ => {}
            }
        }
        if let Some(amount) = self.amount {
            check_amount("/amount", amount, &mut errors);
        }
        if self.at.is_some_and(|at| at <= now || at > now.after(FARTHEST)) {
            errors.push(FieldError::at("/at", "must be to come, within 400 days"));
        }
        if self.at.is_some() && self.quote.is_some() {
            errors.push(FieldError::at("/quote", "holds now, and not at another time"));
        }
        if self.metadata.as_ref().is_some_and(|it| serde_json::json!(it).to_string().len() > MAX_METADATA) {
            errors.push(FieldError::at("/metadata", "is longer than 4096 bytes"));
        }
        errors.extend(self.to.iter().flat_map(Target::errors));
        errors.extend(self.posting_errors());
        errors
    }

    fn posting_errors(&self) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (index, posting) in self.postings.iter().flatten().enumerate() {
            if !seen.insert(posting.account) {
                errors.push(FieldError::at(format!("/postings/{index}/account"), "comes twice"));
            }
            if posting.amount.amount == 0 || posting.amount.amount.unsigned_abs() > MAX_AMOUNT.unsigned_abs()
            {
                let error = "must not be zero, nor too large";
                errors.push(FieldError::at(format!("/postings/{index}/amount/amount"), error));
            }
        }
        errors
    }

    /// Which accounts the books need for it.
    pub fn needs(&self, config: &Config, beneficiaries: &[Beneficiary], needed: &mut Needed) {
        needed.ids.extend(self.from_account.into_iter().chain(self.to_account));
        needed.ids.extend(self.postings.iter().flatten().map(|posting| posting.account));
        if matches!(self.kind, NewKind::Deposit | NewKind::Withdrawal) {
            needed.roles.extend(self.amount.map(|amount| (Role::Clearing, amount.currency)));
        }
        let Some(to) = &self.to else { return };
        needed.ids.extend(to.account);
        needed.owners.extend(to.user);
        if let Some(outside) = to.outside(beneficiaries) {
            if outside.iban.is_of(&config.country, &config.bank) {
                needed.ibans.push(outside.iban);
            } else {
                needed.roles.extend(self.amount.map(|amount| (Role::Clearing, amount.currency)));
            }
        }
    }
}

impl Target {
    fn errors(&self) -> Vec<FieldError> {
        let ways =
            [self.account.is_some(), self.iban.is_some(), self.beneficiary.is_some(), self.user.is_some()];
        let mut errors = Vec::new();
        if ways.iter().filter(|is_there| **is_there).count() != 1 {
            errors.push(FieldError::at("/to", "must have one of account, iban, beneficiary, user"));
        }
        let is_named = self.name.as_deref().is_some_and(|name| !name.is_empty());
        match (self.iban.is_some(), is_named) {
            (true, false) => errors.push(FieldError::at("/to/name", "is required with an iban")),
            (false, true) => errors.push(FieldError::at("/to/name", "belongs to an iban")),
            _ => {}
        }
        errors
    }

    fn outside(&self, beneficiaries: &[Beneficiary]) -> Option<Outside> {
        let known =
            |id| beneficiaries.iter().find(|it| it.id == id).map(|it| (it.iban.clone(), it.name.clone()));
        let given = self.iban.clone().map(|iban| (iban, self.name.clone().unwrap_or_default()));
        let (iban, name) = given.or_else(|| known(self.beneficiary?))?;
        Some(Outside { iban, name, reference: None, end_to_end_id: None })
    }
}

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
