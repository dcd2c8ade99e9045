//! Payments from a wallet, for the service payments: held, captured into the shop's sales, let go, given back. Each step
//! is known by the payment and a key of the caller's, so that repeating it moves nothing.

use crate::access::Who;
use crate::config;
use crate::hold::{Captured, Part, fresh, let_go, must_be_amount, open_for, set_aside, take, view};
use crate::model::{Hold, HoldState, Kind, Role, Transaction};
use crate::problem::Refused;
use crate::rules::book::Book;
use crate::rules::draft::Draft;
use crate::store::book::{self as store_book, Needed};
use crate::store::{hold as store, settlement, transaction};
use crate::view::{AccountView, HoldView, TransactionView};
use crate::{books, event};
use axum::Json;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use souk_kit::id::{PaymentId, UserId};
use souk_kit::problem::{ProblemDocument, kinds};
use souk_kit::text;
use souk_kit::{Caller, Ctx, Currency, Money, PathId, Problem, Result, Timestamp, Tx, Valid};
use utoipa::ToSchema;

/// The only caller.
pub const PAYMENTS: &str = "payments";

/// What a payment is to hold.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentHold {
    /// Whose wallet pays.
    #[garde(skip)]
    user_id: UserId,
    /// How much.
    #[garde(skip)]
    amount: Money,
}

/// Set aside what a payment costs, on the buyer's wallet of its currency. For the service payments; can be repeated.
#[utoipa::path(put, path = "/holds/by-payment/{payment_id}", tag = "transactions", request_body = PaymentHold,
    params(("payment_id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "It was set aside before", body = HoldView),
        (status = 201, description = "Set aside", body = HoldView),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`insufficient-funds`, `hold-state`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn put(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<PaymentId>,
    Valid(wanted): Valid<PaymentHold>,
) -> Result<Response> {
    caller.must_be_service(PAYMENTS)?;
    must_be_amount(wanted.amount)?;
    let config = config::load().await?;
    let tx = ctx.begin().await?;
    let needed = Needed { owners: vec![wanted.user_id], ..Needed::default() };
    let book = open_for(&tx, needed, config).await?;
    if let Some(known) = store::by_payment(&tx, &id.to_string()).await? {
        tx.rollback().await?;
        return repeated(&known, &book, wanted.amount);
    }
    let Some(wallet) = book.wallet(wanted.user_id, wanted.amount.currency) else {
        let available = Money::new(0, wanted.amount.currency);
        return Err(Refused::InsufficientFunds { available, wanted: wanted.amount }.into());
    };
    let purpose = format!("payment {id}");
    let by = Who::service(PAYMENTS).name;
    let hold = Hold { payment_id: Some(id.to_string()), ..fresh(wallet, wanted.amount, &purpose, &by) };
    set_aside(&tx, wallet, &hold, wanted.amount).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(HoldView::new(&hold, wallet))).into_response())
}

fn repeated(known: &Hold, book: &Book, wanted: Money) -> Result<Response> {
    let account = book.account(known.account);
    let is_same = account.is_some_and(|it| it.money(known.amount) == wanted);
    if !is_same {
        let why = "The payment holds another amount, or another wallet's.";
        return Err(Refused::HoldState { state: known.state, why }.into());
    }
    Ok((StatusCode::OK, Json(view(known, book)?)).into_response())
}

/// What is to be taken of what a payment holds.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentCapture {
    /// The caller's key: the same one takes nothing more.
    #[garde(length(min = 1, max = 100), custom(text::line))]
    key: String,
    /// How much; all that is left if absent.
    #[garde(skip)]
    #[serde(default)]
    amount: Option<Money>,
    /// Whether the rest is let go.
    #[garde(skip)]
    #[serde(default, rename = "final")]
    is_final: bool,
}

/// The hold of a payment, with the books.
async fn opened(tx: &Tx, id: PaymentId) -> Result<(Hold, Book)> {
    let hold = store::by_payment(tx, &id.to_string()).await?.ok_or_else(Problem::not_found)?;
    let wallet = Needed { numbers: vec![hold.account], ..Needed::default() };
    let config = config::load().await?;
    let book = open_for(tx, wallet.clone(), config).await?;
    let currency = currency_of(&hold, &book)?;
    let book = open_for(tx, Needed { roles: vec![(Role::Sales, currency)], ..wallet }, config).await?;
    Ok((hold, book))
}

fn currency_of(hold: &Hold, book: &Book) -> Result<Currency> {
    let account = book.account(hold.account);
    account.map(|it| it.currency).ok_or_else(|| Problem::internal("a hold without its account"))
}

/// Answers what was done before by the same key; another amount is another thing.
pub fn again(known: &Transaction, amount: Option<Money>) -> Result<()> {
    match amount.is_none_or(|amount| known.amount == Some(amount)) {
        true => Ok(()),
        false => Err(Problem::new(kinds::KEY_REUSED, "This key came with another amount before.")),
    }
}

/// Take what a payment holds, all or a part, into the shop's sales. For the service payments; repeatable by its key.
#[utoipa::path(post, path = "/holds/by-payment/{payment_id}/capture", tag = "transactions",
    request_body = PaymentCapture, params(("payment_id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "It was taken before", body = Captured),
        (status = 201, description = "Taken", body = Captured),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`hold-state`, `hold-exceeded`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `idempotency-key-reused`", body = ProblemDocument)))]
pub async fn capture(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<PaymentId>,
    Valid(wanted): Valid<PaymentCapture>,
) -> Result<Response> {
    caller.must_be_service(PAYMENTS)?;
    let who = Who::service(PAYMENTS);
    let key = format!("capture:{id}:{}", wanted.key);
    let tx = ctx.begin().await?;
    let (mut hold, mut book) = opened(&tx, id).await?;
    if let Some(known) = transaction::by_key(&tx, &key).await? {
        tx.rollback().await?;
        again(&known, wanted.amount)?;
        let transaction = TransactionView::new(&known, &book, &who);
        return Ok(Json(Captured { hold: view(&hold, &book)?, transaction }).into_response());
    }
    let sales = sales(&hold, &book)?.clone();
    let (amount, is_final) = (wanted.amount, wanted.is_final);
    let part = Part { to: &sales, amount, is_final, key: Some(key), payment: Some(id), by: &who.name };
    let taken = take(&tx, &mut hold, &mut book, &part).await?;
    tx.commit().await?;
    let transaction = TransactionView::new(&taken, &book, &who);
    Ok((StatusCode::CREATED, Json(Captured { hold: view(&hold, &book)?, transaction })).into_response())
}

fn sales<'b>(hold: &Hold, book: &'b Book) -> Result<&'b crate::model::Account> {
    let sales = book.by_role(Role::Sales, currency_of(hold, book)?);
    sales.ok_or_else(|| Problem::internal("no account for sales"))
}

/// Let go what a payment still holds. For the service payments; can be repeated.
#[utoipa::path(post, path = "/holds/by-payment/{payment_id}/release", tag = "transactions",
    params(("payment_id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "Let go, or ended before", body = HoldView),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`hold-state`: all of it was taken", body = ProblemDocument)))]
pub async fn release(ctx: Ctx, caller: Caller, PathId(id): PathId<PaymentId>) -> Result<Json<HoldView>> {
    caller.must_be_service(PAYMENTS)?;
    let tx = ctx.begin().await?;
    let mut hold = store::by_payment(&tx, &id.to_string()).await?.ok_or_else(Problem::not_found)?;
    let_go(&tx, &mut hold).await?;
    let needed = Needed { numbers: vec![hold.account], ..Needed::default() };
    let book = store_book::look(&tx, &needed, Timestamp::now()).await?.book;
    tx.commit().await?;
    Ok(Json(view(&hold, &book)?))
}

/// What is to be given back of a payment.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentRefund {
    /// The caller's key: the same one gives nothing more back.
    #[garde(length(min = 1, max = 100), custom(text::line))]
    key: String,
    /// How much.
    #[garde(skip)]
    amount: Money,
}

/// Give back what was captured of a payment, all or a part. For the service payments; repeatable by its key.
#[utoipa::path(post, path = "/holds/by-payment/{payment_id}/refunds", tag = "transactions",
    request_body = PaymentRefund, params(("payment_id" = PaymentId, Path, description = "The payment")),
    responses(
        (status = 200, description = "It was given back before", body = TransactionView),
        (status = 201, description = "Given back", body = TransactionView),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`hold-exceeded`, `hold-state`, `account-closed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `currency-mismatch`, `idempotency-key-reused`",
            body = ProblemDocument)))]
pub async fn refund(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<PaymentId>,
    Valid(wanted): Valid<PaymentRefund>,
) -> Result<Response> {
    caller.must_be_service(PAYMENTS)?;
    must_be_amount(wanted.amount)?;
    let who = Who::service(PAYMENTS);
    let key = format!("refund:{id}:{}", wanted.key);
    let tx = ctx.begin().await?;
    let (hold, mut book) = opened(&tx, id).await?;
    if let Some(known) = transaction::by_key(&tx, &key).await? {
        tx.rollback().await?;
        again(&known, Some(wanted.amount))?;
        return Ok(Json(TransactionView::new(&known, &book, &who)).into_response());
    }
    let sales = sales(&hold, &book)?;
    if wanted.amount.currency != sales.currency {
        let (expected, found) = (sales.currency, wanted.amount.currency);
        return Err(Refused::CurrencyMismatch { expected, found }.into());
    }
    let moved = settlement::of(&tx, id).await?;
    let (captured, refunded) = moved.map_or((0, 0), |it| (it.captured, it.refunded));
    if captured == 0 && hold.state != HoldState::Captured {
        return Err(Refused::HoldState { state: hold.state, why: "Nothing was taken of it." }.into());
    }
    if wanted.amount.amount > captured - refunded {
        return Err(Refused::HoldExceeded { left: sales.money(captured - refunded) }.into());
    }
    let between = Draft::between(Kind::Refund, sales.number, hold.account, wanted.amount, &who.name);
    let draft = Draft { key: Some(key), payment: Some(id), label: hold.purpose.clone(), ..between };
    let now = Timestamp::now();
    let given = book.enter(draft, now)?.clone();
    store_book::write(&tx, &book, now).await?;
    event::tell_all(&tx, &book).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(TransactionView::new(&given, &book, &who))).into_response())
}

/// The shop's account that buyers transfer money to. For the service payments.
#[utoipa::path(get, path = "/internal/collection/{currency}", tag = "internal",
    params(("currency" = String, Path, description = "ISO 4217 code")),
    responses(
        (status = 200, body = AccountView),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`: no such currency", body = ProblemDocument)))]
pub async fn collection(
    ctx: Ctx,
    caller: Caller,
    PathId(currency): PathId<Currency>,
) -> Result<Json<AccountView>> {
    caller.must_be_service(PAYMENTS)?;
    let config = config::load().await?;
    let tx = ctx.begin().await?;
    let account = books::own_account(&tx, Role::Collection, currency, config, Timestamp::now()).await?;
    tx.commit().await?;
    Ok(Json(AccountView::from(&account)))
}
