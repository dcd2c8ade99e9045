//! Holds: money that is set aside, and taken, let go, or free again after a time.

use crate::access::{self, Who};
use crate::config::Config;
use crate::input::check_amount;
use crate::model::{Account, Hold, HoldState, Kind, Transaction};
use crate::problem::Refused;
use crate::rules::book::Book;
use crate::rules::draft::Draft;
use crate::store::book::{self as store_book, Needed};
use crate::store::{account, hold as store};
use crate::view::{HoldView, TransactionView};
use crate::{books, config, event};
use axum::Json;
use axum::response::Response;
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use souk_kit::id::{AccountId, HoldId, PaymentId};
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::{
    Attempt, Caller, Conn, Ctx, DbError, FieldError, Money, Page, PageQuery, PathId, Problem, Result, Submit,
    Timestamp, Tx, ValidQuery,
};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// A month.
const LONGEST_S: u64 = 31 * 24 * 3600;

/// Money that is to be set aside.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// On this account.
    #[garde(skip)]
    account: AccountId,
    /// How much.
    #[garde(skip)]
    amount: Money,
    /// After so many seconds it ends by itself, at most after 31 days.
    #[garde(range(min = 1, max = LONGEST_S))]
    expires_in_s: u64,
    /// What for.
    #[garde(length(chars, min = 1, max = 140), custom(text::line))]
    purpose: String,
}

/// Set money aside. Needs the scope `transactions:write`.
#[utoipa::path(post, path = "/holds", tag = "transactions", request_body = NewHold,
    security(("bearer" = ["transactions:write"])),
    params(("Idempotency-Key" = String, Header, description = "New for each hold")),
    responses(
        (status = 201, description = "Set aside", body = HoldView),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`insufficient-funds`, `account-closed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `currency-mismatch`", body = ProblemDocument)))]
pub async fn create(ctx: Ctx, caller: Caller, request: Submit<NewHold>) -> Result<Response> {
    let who = Who::of(&caller)?;
    who.must_write()?;
    let (new, once) = (request.body, request.once.required()?);
    must_be_amount(new.amount)?;
    let (now, config) = (Timestamp::now(), config::load().await?);
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let needed = Needed { ids: vec![new.account], ..Needed::default() };
    let book = books::open(&tx, &needed, config, now).await?;
    let account = book.by_id(new.account).ok_or_else(|| unknown("/account"))?;
    let hold = Hold {
        expires_at: Some(now.after(Duration::from_secs(new.expires_in_s))),
        ..fresh(account, new.amount, &new.purpose, &who.name)
    };
    set_aside(&tx, account, &hold, new.amount).await?;
    once.commit(tx, (StatusCode::CREATED, Json(HoldView::new(&hold, account)))).await
}

/// Refuses an amount that nothing could be done with.
pub fn must_be_amount(amount: Money) -> Result<()> {
    let mut errors = Vec::new();
    check_amount("/amount", amount, &mut errors);
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
}

fn unknown(field: &str) -> Problem {
    Problem::invalid(vec![FieldError::at(field, "is not an account here")])
}

/// A hold that begins now and does not end by itself.
pub fn fresh(account: &Account, amount: Money, purpose: &str, by: &str) -> Hold {
    Hold {
        id: HoldId::new(),
        account: account.number,
        amount: amount.amount,
        captured: 0,
        state: HoldState::Active,
        purpose: purpose.to_owned(),
        payment_id: None,
        transaction: None,
        expires_at: None,
        created_by: by.to_owned(),
        created_at: Timestamp::now(),
    }
}

/// Stores a hold, if the account has as much.
pub async fn set_aside(tx: &Tx, account: &Account, hold: &Hold, amount: Money) -> Result<()> {
    if amount.currency != account.currency {
        let (expected, found) = (account.currency, amount.currency);
        return Err(Refused::CurrencyMismatch { expected, found }.into());
    }
    if !account.is_open {
        return Err(Refused::AccountClosed.into());
    }
    let limit = account.min_balance.unwrap_or_default();
    let short = || {
        let available = account.money((account.available() - limit).max(0));
        Problem::from(Refused::InsufficientFunds { available, wanted: amount })
    };
    store::write(tx, hold).await.map_err(|error| match error {
        error @ DbError::Constraint(_) if error.violates("never_below_its_limit") => short(),
        error => error.into(),
    })
}

/// Which holds are wanted, newest first.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HoldQuery {
    /// On this account.
    #[garde(skip)]
    account: AccountId,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// List the holds on an account of one's own, or on any with the scope `transactions:read`.
#[utoipa::path(get, path = "/holds", tag = "transactions", params(HoldQuery), security(("bearer" = ["account"])),
    responses(
        (status = 200, body = Page<HoldView>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`: the account", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<HoldQuery>,
) -> Result<Page<HoldView>> {
    let who = Who::of(&caller)?;
    let conn = ctx.conn().await?;
    let account = access::account(&conn, &who, query.account).await?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let before: Option<HoldId> = page.after()?;
    let before = before.map(|id| id.to_string());
    let found = store::list(&conn, account.number, before, page.limit() + 1).await?;
    let page = Page::new(found, page.limit(), |it| it.id)?;
    let items = page.items.iter().map(|it| HoldView::new(it, &account)).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// A hold that they may see, and its account.
async fn visible(conn: &Conn, who: &Who, id: HoldId) -> Result<(Hold, Account)> {
    let found = store::find(conn, id).await?.ok_or_else(Problem::not_found)?;
    let accounts = account::by_numbers(conn, &[found.account]).await?;
    let account = accounts.into_iter().next().filter(|account| who.may_see(account));
    Ok((found, account.ok_or_else(Problem::not_found)?))
}

/// Read a hold.
#[utoipa::path(get, path = "/holds/{id}", tag = "transactions", security(("bearer" = ["account"])),
    params(("id" = HoldId, Path, description = "The hold")),
    responses(
        (status = 200, body = HoldView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn read(ctx: Ctx, caller: Caller, PathId(id): PathId<HoldId>) -> Result<Json<HoldView>> {
    let (found, account) = visible(&ctx.conn().await?, &Who::of(&caller)?, id).await?;
    Ok(Json(HoldView::new(&found, &account)))
}

/// What is to be taken of a hold.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// Where it goes.
    #[garde(skip)]
    to: AccountId,
    /// How much; all that is left if absent.
    #[garde(skip)]
    #[serde(default)]
    amount: Option<Money>,
    /// Whether the rest is let go.
    #[garde(skip)]
    #[serde(default, rename = "final")]
    is_final: bool,
}

/// A capture: the hold as it is now, and what was posted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Captured {
    /// The hold.
    pub hold: HoldView,
    /// What moved the money.
    pub transaction: TransactionView,
}

/// Take what a hold set aside, all or a part. Needs the scope `transactions:write`.
#[utoipa::path(post, path = "/holds/{id}/capture", tag = "transactions", request_body = Capture,
    security(("bearer" = ["transactions:write"])),
    params(("id" = HoldId, Path, description = "The hold"),
        ("Idempotency-Key" = String, Header, description = "New for each capture")),
    responses(
        (status = 201, description = "Taken", body = Captured),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`hold-state`, `hold-exceeded`, `account-closed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `currency-mismatch`", body = ProblemDocument)))]
pub async fn capture(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<HoldId>,
    request: Submit<Capture>,
) -> Result<Response> {
    let who = Who::of(&caller)?;
    who.must_write()?;
    let (wanted, once) = (request.body, request.once.required()?);
    let (now, config) = (Timestamp::now(), config::load().await?);
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let (mut hold, _) = visible(&tx, &who, id).await?;
    let needed = Needed { ids: vec![wanted.to], numbers: vec![hold.account], ..Needed::default() };
    let mut book = books::open(&tx, &needed, config, now).await?;
    let to = book.by_id(wanted.to).ok_or_else(|| unknown("/to"))?.clone();
    if to.number == hold.account {
        return Err(Problem::invalid(vec![FieldError::at(
            "/to",
            "is the account that the money comes from",
        )]));
    }
    let part = Part {
        to: &to,
        amount: wanted.amount,
        is_final: wanted.is_final,
        key: None,
        payment: None,
        by: &who.name,
    };
    let taken = take(&tx, &mut hold, &mut book, &part).await?;
    let transaction = TransactionView::new(&taken, &book, &who);
    let hold = view(&hold, &book)?;
    once.commit(tx, (StatusCode::CREATED, Json(Captured { hold, transaction }))).await
}

/// A hold of an account in the books.
pub fn view(hold: &Hold, book: &Book) -> Result<HoldView> {
    let account =
        book.account(hold.account).ok_or_else(|| Problem::internal("a hold without its account"))?;
    Ok(HoldView::new(hold, account))
}

/// What of a hold is to be taken.
#[derive(Debug)]
pub struct Part<'a> {
    /// Where it goes.
    pub to: &'a Account,
    /// How much; all that is left if absent.
    pub amount: Option<Money>,
    /// Whether the rest is let go.
    pub is_final: bool,
    /// What somebody else knows it by.
    pub key: Option<String>,
    /// The payment whose money it is.
    pub payment: Option<PaymentId>,
    /// Who takes it.
    pub by: &'a str,
}

/// Takes a part of a hold: it is let go and posted in one transaction.
pub async fn take(tx: &Tx, hold: &mut Hold, book: &mut Book, part: &Part<'_>) -> Result<Transaction> {
    let now = Timestamp::now();
    if hold.state != HoldState::Active || hold.expires_at.is_some_and(|at| at <= now) {
        return Err(Refused::HoldState { state: ended(hold), why: "The hold has ended." }.into());
    }
    if hold.transaction.is_some() {
        let why = "It is of a transfer in clearing.";
        return Err(Refused::HoldState { state: hold.state, why }.into());
    }
    let currency = part.to.currency;
    let left = Money::new(hold.remaining(), currency);
    let amount = part.amount.unwrap_or(left);
    must_be_amount(amount)?;
    let from = book.account(hold.account).map(|it| it.currency);
    if let Some(found) = [amount.currency, currency].into_iter().find(|it| from != Some(*it)) {
        return Err(Refused::CurrencyMismatch { expected: from.unwrap_or(currency), found }.into());
    }
    if amount.amount > left.amount {
        return Err(Refused::HoldExceeded { left }.into());
    }
    hold.captured += amount.amount;
    let is_over = part.is_final || amount.amount == left.amount;
    book.release(hold.account, if is_over { left.amount } else { amount.amount });
    if is_over {
        hold.state = HoldState::Captured;
    }
    store::save(tx, hold, now).await?;
    let draft = Draft {
        key: part.key.clone(),
        payment: part.payment,
        label: hold.purpose.clone(),
        ..Draft::between(Kind::Capture, hold.account, part.to.number, amount, part.by)
    };
    let taken = book.enter(draft, now)?.clone();
    store_book::write(tx, book, now).await?;
    event::tell_all(tx, book).await?;
    Ok(taken)
}

/// Where a hold stands whose time may be over without anybody having ended it.
fn ended(hold: &Hold) -> HoldState {
    if hold.state == HoldState::Active { HoldState::Expired } else { hold.state }
}

/// Let go what a hold still sets aside. Needs the scope `transactions:write`; can be repeated.
#[utoipa::path(post, path = "/holds/{id}/release", tag = "transactions",
    security(("bearer" = ["transactions:write"])), params(("id" = HoldId, Path, description = "The hold")),
    responses(
        (status = 200, description = "Let go, or ended before", body = HoldView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`hold-state`: all of it was taken", body = ProblemDocument)))]
pub async fn release(ctx: Ctx, caller: Caller, PathId(id): PathId<HoldId>) -> Result<Json<HoldView>> {
    let who = Who::of(&caller)?;
    who.must_write()?;
    let tx = ctx.begin().await?;
    let (mut hold, account) = visible(&tx, &who, id).await?;
    if hold.transaction.is_some() {
        let why = "It is of a transfer in clearing: cancel that.";
        return Err(Refused::HoldState { state: hold.state, why }.into());
    }
    let_go(&tx, &mut hold).await?;
    tx.commit().await?;
    Ok(Json(HoldView::new(&hold, &account)))
}

/// Lets go what a hold still sets aside; what has ended without being taken may be let go again.
pub async fn let_go(tx: &Tx, hold: &mut Hold) -> Result<()> {
    match hold.state {
        HoldState::Active => {
            hold.state = HoldState::Released;
            Ok(store::save(tx, hold, Timestamp::now()).await?)
        }
        HoldState::Released | HoldState::Expired => Ok(()),
        HoldState::Captured => {
            Err(Refused::HoldState { state: hold.state, why: "All of it was taken." }.into())
        }
    }
}

/// The books with somebody's accounts, for a payment.
pub async fn open_for(tx: &Tx, needed: Needed, config: &Config) -> Result<Book> {
    books::open(tx, &needed, config, Timestamp::now()).await
}
