//! What somebody wants moved, as it comes in.

use crate::beneficiary::Beneficiary;
use crate::config::Config;
use crate::model::{Outside, Role};
use crate::rules::iban::Iban;
use crate::store::book::Needed;
use garde::Validate;
use serde::Deserialize;
use souk_kit::id::{AccountId, BeneficiaryId, QuoteId, UserId};
use souk_kit::money::MAX_AMOUNT;
use souk_kit::text;
use souk_kit::{FieldError, Money, Timestamp};
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

    /// The account that it names by number, with whose it is.
    pub fn outside(&self, beneficiaries: &[Beneficiary]) -> Option<Outside> {
        let known =
            |id| beneficiaries.iter().find(|it| it.id == id).map(|it| (it.iban.clone(), it.name.clone()));
        let given = self.iban.clone().map(|iban| (iban, self.name.clone().unwrap_or_default()));
        let (iban, name) = given.or_else(|| known(self.beneficiary?))?;
        Some(Outside { iban, name, reference: None, end_to_end_id: None })
    }
}
