//! Transactions: made, looked at, changed while they are pending, reversed when they are posted.

use crate::access::Who;
use crate::beneficiary::Beneficiary;
use crate::desk::Desk;
use crate::input::NewTransaction;
use crate::model::{HoldState, Kind, Line, Stage, Transaction};
use crate::problem::Refused;
use crate::rules::book::Book;
use crate::rules::draft::Draft;
use crate::rules::state::State;
use crate::store::book::Needed;
use crate::store::{beneficiary, book as store_book, hold, transaction as store};
use crate::view::TransactionView;
use crate::{access, books, config, event, quote};
use axum::response::Response;
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use souk_kit::id::{AccountId, TransactionId};
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::valid::present;
use souk_kit::{
    Attempt, Caller, Conn, Ctx, FieldError, IfMatch, IfNoneMatch, Page, PageQuery, PathId, Problem, Result,
    Submit, Tagged, Timestamp, Tx, ValidQuery,
};
use utoipa::{IntoParams, ToSchema};

/// Move money: between accounts, to a person, to an account outside, at once or at a date.
///
/// A transfer to outside is `pending` in clearing, and the money is set aside meanwhile. Deposits, withdrawals and postings
/// need the scope `transactions:write`. What is refused moves nothing.
#[utoipa::path(post, path = "/transactions", tag = "transactions", request_body = NewTransaction,
    security(("bearer" = ["account"])),
    params(("Idempotency-Key" = String, Header, description = "New for each transaction: repeated, it moves nothing more")),
    responses(
        (status = 201, description = "Posted, or pending", body = TransactionView),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`insufficient-funds`, `daily-limit`, `account-closed`, `quote-refused`",
            body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `currency-mismatch`, `idempotency-key-reused`",
            body = ProblemDocument)))]
pub async fn create(ctx: Ctx, caller: Caller, request: Submit<NewTransaction>) -> Result<Response> {
    let who = Who::of(&caller)?;
    let (new, once) = (request.body, request.once.required()?);
    let (now, config) = (Timestamp::now(), config::load().await?);
    let errors = new.errors(now);
    if !errors.is_empty() {
        return Err(Problem::invalid(errors));
    }
    let beneficiaries = named(&ctx, &who, std::slice::from_ref(&new)).await?;
    let mut desk =
        Desk { who: &who, config, beneficiaries: &beneficiaries, batch: None, received: None, now };
    let mut needed = Needed::default();
    new.needs(config, &beneficiaries, &mut needed);
    let mut id = TransactionId::new();
    if new.quote.is_some() {
        // What was done before is answered before anybody else is asked.
        match once.begin(&ctx).await? {
            Attempt::Repeated(answer) => return Ok(answer),
            Attempt::First(tx) => tx.rollback().await?,
        }
        let priced = quote::priced(&ctx, &caller, &once, (&desk, &new), &mut needed).await?;
        (id, desk.received) = (priced.id, Some(priced.received));
    }
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut book = books::open(&tx, &needed, config, now).await?;
    let draft = desk.draft(&new, &book, id)?;
    let entered = book.enter(draft, now)?.clone();
    store_book::write(&tx, &book, now).await?;
    event::tell_all(&tx, &book).await?;
    let view = TransactionView::new(&entered, &book, &who);
    once.commit(tx, (StatusCode::CREATED, axum::Json(view))).await
}

/// The beneficiaries of the caller's that are named.
pub async fn named(ctx: &Ctx, who: &Who, all: &[NewTransaction]) -> Result<Vec<Beneficiary>> {
    let ids: Vec<_> = all.iter().filter_map(|new| new.to.as_ref()?.beneficiary).collect();
    match who.user {
        Some(user) if !ids.is_empty() => Ok(beneficiary::find(&ctx.conn().await?, user, &ids).await?),
        _ => Ok(Vec::new()),
    }
}

/// A transaction that they may see, with its accounts.
pub async fn visible(conn: &Conn, who: &Who, id: TransactionId) -> Result<(Transaction, Book)> {
    let found = store::find(conn, id).await?.ok_or_else(Problem::not_found)?;
    let book = books::of(conn, std::slice::from_ref(&found), Timestamp::now()).await?;
    let is_theirs =
        found.lines.iter().filter_map(|Line(number, _)| book.account(*number)).any(|it| who.may_see(it));
    if !is_theirs {
        return Err(Problem::not_found());
    }
    Ok((found, book))
}

/// Read a transaction of one's own account, or any with the scope `transactions:read`.
#[utoipa::path(get, path = "/transactions/{id}", tag = "transactions", security(("bearer" = ["account"])),
    params(("id" = TransactionId, Path, description = "The transaction")),
    responses(
        (status = 200, body = TransactionView),
        (status = 304, description = "The client has this version"),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn read(
    ctx: Ctx,
    caller: Caller,
    known: IfNoneMatch,
    PathId(id): PathId<TransactionId>,
) -> Result<Tagged<TransactionView>> {
    let who = Who::of(&caller)?;
    let (found, book) = visible(&ctx.conn().await?, &who, id).await?;
    Ok(Tagged::new(found.version, TransactionView::new(&found, &book, &who)).unless(&known))
}

/// Which transactions are wanted, newest first.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TransactionQuery {
    /// Of this account.
    #[garde(skip)]
    account: Option<AccountId>,
    /// In this state.
    #[garde(skip)]
    #[param(inline)]
    state: Option<State>,
    /// Of this kind.
    #[garde(skip)]
    #[param(inline)]
    kind: Option<Kind>,
    /// Asked for from this instant.
    #[garde(skip)]
    from: Option<Timestamp>,
    /// Asked for before this instant.
    #[garde(skip)]
    to: Option<Timestamp>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// List transactions, newest first: those of one's own accounts, or all with the scope `transactions:read`.
#[utoipa::path(get, path = "/transactions", tag = "transactions", params(TransactionQuery),
    security(("bearer" = ["account"])),
    responses(
        (status = 200, body = Page<TransactionView>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`: the account", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<TransactionQuery>,
) -> Result<Page<TransactionView>> {
    let who = Who::of(&caller)?;
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let conn = ctx.conn().await?;
    let account = match query.account {
        Some(id) => Some(access::account(&conn, &who, id).await?.number),
        None => None,
    };
    let owner = match (account, who.reads_all) {
        (None, false) => Some(who.user.ok_or_else(Problem::not_found)?),
        _ => None,
    };
    let (state, kind, from, to, before) = (query.state, query.kind, query.from, query.to, page.after()?);
    let filter = store::Filter { account, owner, state, kind, from, to, before };
    let found = store::list(&conn, &filter, page.limit() + 1).await?;
    let book = books::of(&conn, &found, Timestamp::now()).await?;
    let page = Page::new(found, page.limit(), |it| it.number)?;
    let items = page.items.iter().map(|it| TransactionView::new(it, &book, &who)).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// What is to be changed of a transaction.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionChange {
    /// While it is pending: what it is for.
    #[garde(length(chars, max = 140), custom(text::optional_line))]
    #[serde(default)]
    label: Option<String>,
    /// At any time: a remark.
    #[garde(length(chars, max = 500), custom(text::optional_line))]
    #[serde(default)]
    note: Option<String>,
    /// While it is pending: whatever programs need; null removes it.
    #[garde(skip)]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Option<serde_json::Map<String, serde_json::Value>>>,
    /// While it is scheduled: another time.
    #[garde(skip)]
    #[serde(default)]
    at: Option<Timestamp>,
    /// While it is pending: `cancelled` calls it off.
    #[garde(skip)]
    #[serde(default)]
    #[schema(inline)]
    state: Option<Cancelled>,
}

/// The one state that somebody can ask for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Cancelled {
    /// It is not to be made.
    Cancelled,
}

impl TransactionChange {
    /// Whether it is more than a remark.
    const fn needs_pending(&self) -> bool {
        self.label.is_some() || self.metadata.is_some() || self.at.is_some() || self.state.is_some()
    }

    fn apply(&self, it: &mut Transaction, now: Timestamp) -> Result<()> {
        if self.needs_pending() && it.state != State::Pending {
            let why = "Only a pending transaction can be changed; of others, the note.";
            return Err(Refused::TransactionState { state: it.state, why }.into());
        }
        if let Some(at) = self.at {
            let Some((Stage::Scheduled, _)) = it.due else {
                let why = "It is on its way already.";
                return Err(Refused::TransactionState { state: it.state, why }.into());
            };
            if at <= now {
                return Err(Problem::invalid(vec![FieldError::at("/at", "must be to come")]));
            }
            it.due = Some((Stage::Scheduled, at));
        }
        if let Some(label) = &self.label {
            it.label.clone_from(label);
        }
        if let Some(note) = &self.note {
            it.note = Some(note.clone()).filter(|note| !note.is_empty());
        }
        if let Some(metadata) = &self.metadata {
            it.metadata = metadata.clone().map(Into::into);
        }
        Ok(())
    }
}

/// Change a transaction, or call it off, while it is pending; of a posted one, the note alone.
#[utoipa::path(patch, path = "/transactions/{id}", tag = "transactions", request_body = TransactionChange,
    security(("bearer" = ["account"])),
    params(("id" = TransactionId, Path, description = "The transaction"),
        ("If-Match" = Option<String>, Header, description = "The version that is to be changed")),
    responses(
        (status = 200, description = "Changed", body = TransactionView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`: it is somebody else's to change", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`transaction-state`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn change(
    ctx: Ctx,
    caller: Caller,
    wanted: IfMatch,
    PathId(id): PathId<TransactionId>,
    request: Submit<TransactionChange>,
) -> Result<Response> {
    let who = Who::of(&caller)?;
    let (change, once) = (request.body, request.once);
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let (mut found, book) = visible(&tx, &who, id).await?;
    let payer = found.from.and_then(|number| book.account(number));
    if !(who.writes_all || payer.is_some_and(|account| who.owns(account))) {
        return Err(Problem::forbidden("Only who pays may change it."));
    }
    wanted.check(found.version)?;
    let now = Timestamp::now();
    change.apply(&mut found, now)?;
    if let Some(Cancelled::Cancelled) = change.state {
        end(&tx, &mut found, State::Cancelled, now).await?;
    }
    store::save(&tx, &mut found, now).await?;
    let version = found.version;
    once.commit(tx, Tagged::new(version, TransactionView::new(&found, &book, &who))).await
}

/// Ends what is pending without posting it, and lets go what it set aside.
pub async fn end(tx: &Tx, it: &mut Transaction, state: State, now: Timestamp) -> Result<()> {
    must_become(it, state, "It is not pending any more.")?;
    let held = hold::by_transaction(tx, it.number).await?;
    if let Some(mut held) = held.filter(|held| held.state == HoldState::Active) {
        held.state = HoldState::Released;
        hold::save(tx, &held, now).await?;
    }
    (it.state, it.due) = (state, None);
    Ok(())
}

/// Refuses a state that may not follow.
pub fn must_become(it: &Transaction, next: State, why: &'static str) -> Result<(), Refused> {
    match it.state.may_become(next) {
        true => Ok(()),
        false => Err(Refused::TransactionState { state: it.state, why }),
    }
}

/// Why a transaction is reversed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reverse {
    /// In words.
    #[garde(length(chars, min = 1, max = 200), custom(text::line))]
    reason: String,
}

/// Undo a posted transaction by another one with the opposite postings. Needs the scope `transactions:write`.
#[utoipa::path(post, path = "/transactions/{id}/reverse", tag = "transactions", request_body = Reverse,
    security(("bearer" = ["transactions:write"])),
    params(("id" = TransactionId, Path, description = "The transaction"),
        ("Idempotency-Key" = String, Header, description = "Repeated, it reverses nothing more")),
    responses(
        (status = 201, description = "The transaction that undoes it", body = TransactionView),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`transaction-state`, `insufficient-funds`, `account-closed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn reverse(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<TransactionId>,
    request: Submit<Reverse>,
) -> Result<Response> {
    let who = Who::of(&caller)?;
    who.must_write()?;
    let (reason, once) = (request.body.reason, request.once.required()?);
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let (mut found, mut book) = visible(&tx, &who, id).await?;
    let undone = undo(&tx, &mut found, &mut book, (Kind::Reversal, &reason, &who.name)).await?;
    event::tell(&tx, event::REVERSED, &found, &book).await?;
    let view = TransactionView::new(&undone, &book, &who);
    once.commit(tx, (StatusCode::CREATED, axum::Json(view))).await
}

/// Undoes a posted transaction.
pub async fn undo(
    tx: &Tx,
    it: &mut Transaction,
    book: &mut Book,
    (kind, reason, by): (Kind, &str, &str),
) -> Result<Transaction> {
    must_become(it, State::Reversed, "Only a posted transaction can be reversed, and once.")?;
    let now = Timestamp::now();
    let (amount, received) = match it.received {
        Some(received) => (Some(received), it.amount),
        None => (it.amount, None),
    };
    let draft = Draft {
        from: it.to,
        to: it.from,
        amount,
        received,
        lines: it.lines.iter().map(|Line(account, amount)| Line(*account, -amount)).collect(),
        label: it.label.clone(),
        outside: it.outside.clone().filter(|_| kind == Kind::Return),
        reverses: Some(it.id),
        reason: Some(reason.to_owned()),
        ..Draft::between(kind, 0, 0, souk_kit::Money::new(0, souk_kit::Currency::EUR), by)
    };
    let undoing = book.enter(draft, now)?.clone();
    store_book::write(tx, book, now).await?;
    (it.state, it.due, it.reversed_by) = (State::Reversed, None, Some(undoing.id));
    it.reason = Some(reason.to_owned());
    store::save(tx, it, now).await?;
    Ok(undoing)
}
