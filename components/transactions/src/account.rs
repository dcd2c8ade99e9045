//! Accounts: opened, listed, changed, closed; and what is or was in them.

use crate::access::{self, Who};
use crate::model::{Account, AccountKind};
use crate::problem::Refused;
use crate::rules::iban::Iban;
use crate::store::account::{self as store, New};
use crate::view::{AccountView, Balance};
use crate::{books, config};
use axum::Json;
use axum::response::Response;
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use souk_kit::id::{AccountId, UserId};
use souk_kit::money::MAX_AMOUNT;
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::valid::present;
use souk_kit::{
    Attempt, Caller, Ctx, Currency, DbError, FieldError, IfMatch, Money, Page, PageQuery, PathId, Problem,
    Result, Submit, Tagged, Timestamp, ValidQuery,
};
use utoipa::{IntoParams, ToSchema};

/// Accounts that anybody may have open.
const MAX_ACCOUNTS: i64 = 50;

/// An account that is to be opened.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"currency": "EUR", "label": "Savings"}))]
pub struct NewAccount {
    /// Its currency.
    #[garde(skip)]
    currency: Currency,
    /// What it is called.
    #[garde(length(chars, min = 1, max = 100), custom(text::line))]
    label: String,
    /// With `transactions:write`: what it is to the shop; a liability (a wallet) if absent.
    #[garde(skip)]
    #[serde(default)]
    kind: Option<AccountKind>,
    /// With `transactions:write`: whose it is; the caller's if absent, the shop's own if null.
    #[garde(skip)]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<UserId>)]
    owner: Option<Option<UserId>>,
    /// With `transactions:write`: what it allows.
    #[garde(dive)]
    #[serde(default)]
    limits: Option<Limits>,
}

/// What an account allows.
#[derive(Debug, Clone, Copy, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// What must stay available, in minor units, below zero for a credit line; null for no limit.
    #[garde(inner(inner(range(min = -MAX_AMOUNT, max = MAX_AMOUNT))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>)]
    min_balance: Option<Option<i64>>,
    /// What may go out to others on a day (UTC), in minor units; null for the shop's usual limit.
    #[garde(inner(inner(range(min = 0, max = MAX_AMOUNT))))]
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>)]
    daily_out: Option<Option<i64>>,
}

/// Open an account: a wallet of one's own, or any with the scope `transactions:write`.
#[utoipa::path(post, path = "/accounts", tag = "transactions", request_body = NewAccount,
    security(("bearer" = ["account"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Repeated, it opens no other account")),
    responses(
        (status = 201, description = "Opened", body = AccountView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`too-many-accounts`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `idempotency-key-reused`", body = ProblemDocument)))]
pub async fn open(ctx: Ctx, caller: Caller, request: Submit<NewAccount>) -> Result<Response> {
    let who = Who::of(&caller)?;
    let (new, once) = (request.body, request.once);
    if new.kind.is_some() || new.owner.is_some() || new.limits.is_some() {
        who.must_write()?;
    }
    let owner = new.owner.unwrap_or(who.user);
    if owner.is_none() {
        who.must_write()?;
    }
    let kind = new.kind.unwrap_or(AccountKind::Liability);
    let limits = new.limits.unwrap_or_default();
    let (now, config) = (Timestamp::now(), config::load().await?);
    let once = once.about(owner);
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    if let Some(owner) = owner
        && store::count_of(&tx, owner).await? >= MAX_ACCOUNTS
    {
        return Err(Refused::TooManyAccounts.into());
    }
    let new = New {
        iban: Iban::make(&config.country, &config.bank, 0)
            .map_err(|why| Problem::internal(why.to_string()))?,
        kind,
        role: None,
        currency: new.currency,
        owner,
        label: &new.label,
        // Nobody spends what they have not, unless it is said.
        min_balance: limits.min_balance.unwrap_or(owner.map(|_| 0)),
        daily_out: limits.daily_out.flatten(),
    };
    let opened =
        books::new_account(&tx, new, config, now).await.map_err(|problem| match limits.min_balance {
            Some(Some(limit)) if limit > 0 => Problem::invalid(vec![FieldError::at(
                "/limits/min_balance",
                "is more than a new account has",
            )]),
            _ => problem,
        })?;
    once.commit(tx, (StatusCode::CREATED, Tagged::new(opened.version, AccountView::from(&opened)))).await
}

/// Which accounts are wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountQuery {
    /// With `transactions:read`: whose.
    #[garde(skip)]
    owner: Option<UserId>,
    /// How many at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[garde(inner(length(max = 1000)))]
    cursor: Option<String>,
}

/// List accounts, oldest first: one's own, or all with the scope `transactions:read`.
#[utoipa::path(get, path = "/accounts", tag = "transactions", params(AccountQuery), security(("bearer" = ["account"])),
    responses(
        (status = 200, body = Page<AccountView>),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument)))]
pub async fn list(
    ctx: Ctx,
    caller: Caller,
    ValidQuery(query): ValidQuery<AccountQuery>,
) -> Result<Page<AccountView>> {
    let who = Who::of(&caller)?;
    let owner = match (query.owner, who.reads_all) {
        (owner, true) => owner,
        (owner, false) if owner.is_none() || owner == who.user => {
            Some(who.user.ok_or_else(Problem::not_found)?)
        }
        _ => return Err(Problem::forbidden("These are not your accounts.")),
    };
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let after = page.after()?.unwrap_or(0);
    let found = store::list(&ctx.conn().await?, owner, after, page.limit() + 1).await?;
    let page = Page::new(found, page.limit(), |it| it.number)?;
    let items = page.items.iter().map(AccountView::from).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// Read an account of one's own, or any with the scope `transactions:read`.
#[utoipa::path(get, path = "/accounts/{id}", tag = "transactions", security(("bearer" = ["account"])),
    params(("id" = AccountId, Path, description = "The account")),
    responses(
        (status = 200, body = AccountView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn read(ctx: Ctx, caller: Caller, PathId(id): PathId<AccountId>) -> Result<Tagged<AccountView>> {
    let who = Who::of(&caller)?;
    let account = access::account(&ctx.conn().await?, &who, id).await?;
    // The tag is that of its label, limits and state, which people change; its balance is another matter.
    Ok(Tagged::new(account.version, AccountView::from(&account)))
}

/// What is to be changed of an account.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// What it is called.
    #[garde(length(chars, min = 1, max = 100), custom(text::optional_line))]
    #[serde(default)]
    label: Option<String>,
    /// With `transactions:write`: what it allows.
    #[garde(dive)]
    #[serde(default)]
    limits: Option<Limits>,
    /// `closed` closes it, if nothing is in it.
    #[garde(skip)]
    #[serde(default)]
    #[schema(inline)]
    state: Option<Closed>,
}

/// The one state that somebody can ask for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Closed {
    /// It takes and gives nothing any more.
    Closed,
}

/// Change an account's label or limits, or close it.
#[utoipa::path(patch, path = "/accounts/{id}", tag = "transactions", request_body = AccountChange,
    security(("bearer" = ["account"])),
    params(("id" = AccountId, Path, description = "The account"),
        ("If-Match" = Option<String>, Header, description = "The version that is to be changed")),
    responses(
        (status = 200, description = "Changed", body = AccountView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 409, description = "`account-not-empty`, `account-closed`, `limit-not-met`", body = ProblemDocument),
        (status = 412, description = "`precondition-failed`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn change(
    ctx: Ctx,
    caller: Caller,
    wanted: IfMatch,
    PathId(id): PathId<AccountId>,
    request: Submit<AccountChange>,
) -> Result<Response> {
    let who = Who::of(&caller)?;
    let (change, once) = (request.body, request.once);
    if change.limits.is_some() {
        who.must_write()?;
    }
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let mut account = access::account(&tx, &who, id).await?;
    if !who.may_move(&account) || (account.role.is_some() && change.state.is_some()) {
        return Err(Problem::forbidden("This account is not yours to change."));
    }
    wanted.check(account.version)?;
    change.apply(&mut account)?;
    account.version += 1;
    store::save(&tx, &account, Timestamp::now()).await.map_err(|error| refused(error, &account))?;
    once.commit(tx, Tagged::new(account.version, AccountView::from(&account))).await
}

impl AccountChange {
    fn apply(&self, account: &mut Account) -> Result<(), Refused> {
        if !account.is_open {
            return Err(Refused::AccountClosed);
        }
        if let Some(label) = &self.label {
            account.label.clone_from(label);
        }
        if let Some(limits) = self.limits {
            account.min_balance = limits.min_balance.unwrap_or(account.min_balance);
            account.daily_out = limits.daily_out.unwrap_or(account.daily_out);
        }
        account.is_open = self.state.is_none();
        Ok(())
    }
}

fn refused(error: DbError, account: &Account) -> Problem {
    if error.violates("closed_when_empty") {
        let (balance, held) = (account.money(account.standing()), account.money(account.held));
        return Refused::AccountNotEmpty { balance, held }.into();
    }
    if error.violates("never_below_its_limit") {
        return Refused::LimitNotMet { available: account.money(account.available()) }.into();
    }
    error.into()
}

/// When the balance is wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BalanceQuery {
    /// At this instant; now if absent.
    #[garde(skip)]
    at: Option<Timestamp>,
}

/// A balance.
#[derive(Debug, Serialize, ToSchema)]
pub struct BalanceAt {
    /// The account.
    account_id: AccountId,
    /// When.
    at: Timestamp,
    /// What had been posted by then.
    posted: Money,
    /// What is set aside; only of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<Money>,
    /// What can be spent; only of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<Money>,
}

/// Read what is in an account, or was at an instant.
#[utoipa::path(get, path = "/accounts/{id}/balance", tag = "transactions", security(("bearer" = ["account"])),
    params(("id" = AccountId, Path, description = "The account"), BalanceQuery),
    responses(
        (status = 200, body = BalanceAt),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn balance(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<AccountId>,
    ValidQuery(query): ValidQuery<BalanceQuery>,
) -> Result<Json<BalanceAt>> {
    let who = Who::of(&caller)?;
    let conn = ctx.conn().await?;
    let account = access::account(&conn, &who, id).await?;
    let Some(at) = query.at else {
        let Balance { posted, held, available } = Balance::of(&account);
        let (held, available) = (Some(held), Some(available));
        return Ok(Json(BalanceAt { account_id: id, at: Timestamp::now(), posted, held, available }));
    };
    let balance = store::balance_at(&conn, account.number, at).await?;
    let posted = account.money(account.kind.side(balance));
    Ok(Json(BalanceAt { account_id: id, at, posted, held: None, available: None }))
}
