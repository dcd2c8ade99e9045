//! Money that goes back to buyers' accounts at their banks, for the service payments.

use crate::access::Who;
use crate::model::{Account, Kind, Outside, Role, Transaction};
use crate::payment::{PAYMENTS, again};
use crate::problem::Refused;
use crate::rules::book::Book;
use crate::rules::clearing::done_at;
use crate::rules::draft::{Draft, When};
use crate::rules::iban::Iban;
use crate::store::book::{self as store_book, Needed};
use crate::store::{settlement, transaction};
use crate::view::TransactionView;
use crate::{books, config, event, hold};
use axum::Json;
use axum::response::{IntoResponse, Response};
use config::Config;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use souk_kit::id::PaymentId;
use souk_kit::problem::{ProblemDocument, kinds};
use souk_kit::text;
use souk_kit::{Caller, Ctx, FieldError, Money, PathId, Problem, Result, Timestamp, Tx, Valid};
use utoipa::ToSchema;

/// Where the money of a payout comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum From {
    /// What was sold: it counts as given back of the payment.
    Sales,
    /// What buyers transferred, and nothing was found that it pays.
    Collection,
}

impl From {
    const fn role(self) -> Role {
        match self {
            Self::Sales => Role::Sales,
            Self::Collection => Role::Collection,
        }
    }

    const fn kind(self) -> Kind {
        match self {
            Self::Sales => Kind::Refund,
            Self::Collection => Kind::Transfer,
        }
    }
}

/// Money that is to go to an account.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Payout {
    /// The caller's key: the same one sends nothing more.
    #[garde(length(min = 1, max = 100), custom(text::line))]
    key: String,
    /// How much.
    #[garde(skip)]
    amount: Money,
    /// The account that it goes to.
    #[garde(skip)]
    iban: Iban,
    /// Whose that is.
    #[garde(length(chars, min = 1, max = 100), custom(text::line))]
    name: String,
    /// What it is for.
    #[garde(length(chars, max = 140), custom(text::optional_line))]
    #[serde(default)]
    label: Option<String>,
    /// Where it comes from.
    #[garde(skip)]
    from: From,
}

/// Send money to an account, through clearing. For the service payments; repeatable by its key.
///
/// It is `pending` until clearing is done, may fail, and may come back: then it is not given back any more.
#[utoipa::path(post, path = "/internal/payouts/{of}", tag = "internal", request_body = Payout,
    params(("of" = String, Path, description = "The payment whose money goes back; of what pays nothing, the transaction that it came with")),
    responses(
        (status = 200, description = "It was sent before", body = TransactionView),
        (status = 201, description = "Sent", body = TransactionView),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`payout-exceeds`, `insufficient-funds`, `account-closed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `currency-mismatch`, `idempotency-key-reused`",
            body = ProblemDocument)))]
pub async fn create(
    ctx: Ctx,
    caller: Caller,
    PathId(of): PathId<String>,
    Valid(wanted): Valid<Payout>,
) -> Result<Response> {
    caller.must_be_service(PAYMENTS)?;
    hold::must_be_amount(wanted.amount)?;
    let (now, who, config) = (Timestamp::now(), Who::service(PAYMENTS), config::load().await?);
    let source = wanted.source(&of)?;
    let key = format!("{}:{of}:{}", wanted.from.kind().name(), wanted.key);
    let tx = ctx.begin().await?;
    if let Some(known) = transaction::by_key(&tx, &key).await? {
        let book = books::of(&tx, std::slice::from_ref(&known), now).await?;
        tx.rollback().await?;
        wanted.must_be(&known, &book)?;
        return Ok(Json(TransactionView::new(&known, &book, &who)).into_response());
    }
    let mut book = books::open(&tx, &wanted.needs(), config, now).await?;
    let draft = Draft { key: Some(key), ..wanted.draft(&tx, &source, &book, config, now).await? };
    let sent = book.enter(draft, now)?.clone();
    store_book::write(&tx, &book, now).await?;
    event::tell_all(&tx, &book).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(TransactionView::new(&sent, &book, &who))).into_response())
}

/// What the money of a payout came with.
enum Source {
    /// A payment that took it.
    Payment(PaymentId),
    /// A transaction that it came in by, or a payment that did not take it.
    Unused(String),
}

impl Payout {
    /// What has been taken has a payment.
    fn source(&self, of: &str) -> Result<Source> {
        match self.from {
            From::Sales => of.parse().map(Source::Payment).map_err(|_| Problem::not_found()),
            From::Collection => Ok(Source::Unused(of.to_owned())),
        }
    }

    /// Refuses a key that came with something else.
    fn must_be(&self, known: &Transaction, book: &Book) -> Result<()> {
        again(known, Some(self.amount))?;
        let inside = || known.to.and_then(|to| book.account(to)).map(|it| &it.iban);
        match known.outside.as_ref().map(|it| &it.iban).or_else(inside) == Some(&self.iban) {
            true => Ok(()),
            false => Err(Problem::new(kinds::KEY_REUSED, "This key came with another account before.")),
        }
    }

    fn needs(&self) -> Needed {
        let currency = self.amount.currency;
        let roles = vec![(self.from.role(), currency), (Role::Clearing, currency)];
        Needed { ibans: vec![self.iban.clone()], roles, ..Needed::default() }
    }

    async fn draft(
        &self,
        tx: &Tx,
        source: &Source,
        book: &Book,
        config: &Config,
        now: Timestamp,
    ) -> Result<Draft> {
        let own = |role| book.by_role(role, self.amount.currency);
        let accounts = own(self.from.role()).zip(own(Role::Clearing));
        let (from, clearing) = accounts.ok_or_else(|| Problem::internal("no account of the suite's own"))?;
        self.must_be_there(tx, source, from).await?;
        let is_ours = self.iban.is_of(&config.country, &config.bank);
        let to = if is_ours { self.inside(book)? } else { clearing };
        let outside = Outside {
            iban: self.iban.clone(),
            name: self.name.clone(),
            reference: None,
            end_to_end_id: None,
        };
        let by = Who::service(PAYMENTS).name;
        let (payment, of) = match source {
            Source::Payment(id) => (Some(*id), id.to_string()),
            Source::Unused(of) => (None, of.clone()),
        };
        Ok(Draft {
            payment,
            label: self.label.clone().unwrap_or_else(|| format!("return of {of}")),
            metadata: Some(json!({"return_of": of})),
            outside: (!is_ours).then_some(outside),
            when: if is_ours {
                When::Now
            } else {
                When::Cleared(done_at(&self.iban, now, config.clearing_delay))
            },
            ..Draft::between(self.from.kind(), from.number, to.number, self.amount, &by)
        })
    }

    /// Refuses more than was taken for the payment and not given back, or more than waits for its use.
    async fn must_be_there(&self, tx: &Tx, source: &Source, from: &Account) -> Result<()> {
        let Source::Payment(id) = source else {
            let (available, wanted) = (from.money(from.available()), self.amount);
            return match wanted.amount <= available.amount {
                true => Ok(()),
                false => Err(Refused::InsufficientFunds { available, wanted }.into()),
            };
        };
        let moved = settlement::of(tx, *id).await?;
        if let Some(expected) = moved.map(|it| it.currency).filter(|it| *it != self.amount.currency) {
            return Err(Refused::CurrencyMismatch { expected, found: self.amount.currency }.into());
        }
        let left = moved.map_or(0, |it| it.captured - it.refunded);
        match self.amount.amount <= left {
            true => Ok(()),
            false => Err(Refused::PayoutExceeds { left: from.money(left) }.into()),
        }
    }

    /// An account here, which needs no clearing.
    fn inside<'b>(&self, book: &'b Book) -> Result<&'b Account> {
        let account = book.by_iban(&self.iban).filter(|it| it.role.is_none()).ok_or_else(|| {
            Problem::invalid(vec![FieldError::at("/iban", "is not an account that money can be sent to")])
        })?;
        match account.currency == self.amount.currency {
            true => Ok(account),
            false => {
                let (expected, found) = (account.currency, self.amount.currency);
                Err(Refused::CurrencyMismatch { expected, found }.into())
            }
        }
    }
}
