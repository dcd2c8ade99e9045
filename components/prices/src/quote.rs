//! Quotes: prices that hold for a time, and are used once.

use crate::book::Book;
use crate::convert::Rounding;
use crate::model::{Amount, Code, Quote, TOO_LARGE, Units};
use crate::problem::Refused;
use crate::store;
use axum::Json;
use axum::response::Response;
use garde::Validate;
use http::{StatusCode, header};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};
use souk_kit::id::{QuoteId, UserId};
use souk_kit::permission::scope::ACCOUNT;
use souk_kit::problem::ProblemDocument;
use souk_kit::{
    Attempt, Caller, Ctx, FieldError, PathId, Problem, Result, Subject, Submit, Timestamp, Valid, settings,
};
use utoipa::ToSchema;

/// The services that ask for quotes of their own.
const ASKING: [&str; 3] = ["transactions", "payments", "orders"];
/// The services that use quotes.
const USING: [&str; 2] = ["transactions", "payments"];
/// The most quotes of a person that are open at once. Services bound themselves.
const MOST_OPEN: i64 = 100;

/// For what a price is wanted.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "EUR", "to": "USD", "amount": 1999}))]
pub struct NewQuote {
    /// What is given.
    #[garde(skip)]
    from: Code,
    /// What is wanted for it.
    #[garde(skip)]
    to: Code,
    /// How much is given. Either this or `to_amount`.
    #[garde(skip)]
    #[serde(default)]
    amount: Option<Units>,
    /// How much is wanted.
    #[garde(skip)]
    #[serde(default)]
    to_amount: Option<Units>,
}

/// Where a quote stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QuoteState {
    /// It can be used.
    Open,
    /// It has been used.
    Used,
    /// It was not used in time.
    Expired,
}

/// A price that holds for a time.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuoteView {
    /// Its id.
    pub id: QuoteId,
    /// What is given.
    pub from: Amount,
    /// What is had for it.
    pub to: Amount,
    /// So many of the one for one of the other, with what the shop keeps taken off; at most 18 significant digits.
    #[schema(example = "1.0944")]
    pub rate: String,
    /// How the amount was rounded, once, at the end.
    #[schema(inline)]
    pub rounding: Rounding,
    /// When the rate was so.
    pub as_of: Timestamp,
    /// When it was promised.
    pub created_at: Timestamp,
    /// Until when it holds.
    pub expires_at: Timestamp,
    /// Where it stands.
    #[schema(inline)]
    pub state: QuoteState,
    /// For what it was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_by: Option<String>,
}

impl From<Quote> for QuoteView {
    fn from(quote: Quote) -> Self {
        let state = match &quote.used_by {
            Some(_) => QuoteState::Used,
            None if quote.expires_at.has_passed() => QuoteState::Expired,
            None => QuoteState::Open,
        };
        Self {
            id: quote.id,
            from: quote.from,
            to: quote.to,
            rate: quote.rate,
            rounding: Rounding::HalfEven,
            as_of: quote.as_of,
            created_at: quote.created_at,
            expires_at: quote.expires_at,
            state,
            used_by: quote.used_by,
        }
    }
}

/// Whose quotes a caller asks for: a person's own, or those of a service that acts for itself.
fn owner(caller: &Caller) -> Result<String> {
    if caller.subject == Subject::Service && ASKING.contains(&caller.service.as_str()) {
        return Ok(format!("service/{}", caller.service));
    }
    caller.needs(ACCOUNT)?;
    caller.user_id().map(|id| id.to_string())
}

/// Have a price promised for a time. Say how much is given, or how much is wanted: the other side is computed exactly and
/// rounded once, half to even.
#[utoipa::path(post, path = "/prices/quotes", tag = "prices", request_body = NewQuote,
    security(("bearer" = ["account"])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request repeatable")),
    responses(
        (status = 201, description = "Promised", body = QuoteView, headers(("Location" = String, description = "Where it is"))),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`rate-missing`, `rate-stale`, `too-many-quotes`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `amount-too-small`, `idempotency-key-reused`",
            body = ProblemDocument)))]
pub async fn ask(ctx: Ctx, caller: Caller, Submit { body, once }: Submit<NewQuote>) -> Result<Response> {
    let owner = owner(&caller)?;
    let side = side(&body)?;
    let tx = match once.begin(&ctx).await? {
        Attempt::First(tx) => tx,
        Attempt::Repeated(answer) => return Ok(answer),
    };
    let book = store::book::read(&tx).await?;
    let promised = promise(&book, body, side, owner).await?;
    let most = if caller.subject == Subject::Service { i64::MAX } else { MOST_OPEN };
    if !store::quote::insert(&tx, &promised, most).await? {
        return Err(Refused::TooManyQuotes.into());
    }
    let location = format!("/api/v1/prices/quotes/{}", promised.id);
    let answer = (StatusCode::CREATED, [(header::LOCATION, location)], Json(QuoteView::from(promised)));
    once.commit(tx, answer).await
}

/// Which side of a quote is fixed.
enum Side {
    Given(BigUint),
    Wanted(BigUint),
}

fn side(body: &NewQuote) -> Result<Side> {
    match (&body.amount, &body.to_amount) {
        (Some(Units(given)), None) => Ok(Side::Given(given.clone())),
        (None, Some(Units(wanted))) => Ok(Side::Wanted(wanted.clone())),
        (Some(_), Some(_)) => Err(invalid("/to_amount", "must be absent when there is an amount")),
        (None, None) => Err(invalid("/amount", "is required, or to_amount is")),
    }
}

async fn promise(book: &Book, body: NewQuote, side: Side, owner: String) -> Result<Quote> {
    let known = |code: &Code, field: &str| {
        book.decimals(code).ok_or_else(|| invalid(field, "is no known instrument"))
    };
    let (from, to) = (known(&body.from, "/from")?, known(&body.to, "/to")?);
    if body.from == body.to {
        return Err(invalid("/to", "is what is given"));
    }
    let (field, fixed) = match &side {
        Side::Given(units) => ("/amount", Amount::new(units.clone(), body.from.clone())),
        Side::Wanted(units) => ("/to_amount", Amount::new(units.clone(), body.to.clone())),
    };
    let fixed = fixed.ok_or_else(|| invalid(field, TOO_LARGE))?;
    if fixed.is_zero() {
        return Err(invalid(field, "must be above zero"));
    }
    let now = Timestamp::now();
    let way = book.usable(&body.from, &body.to, now)?;
    let spread_bp = settings::number("quote_spread_bp").await?;
    let ratio = way.ratio().less(spread_bp);
    let rate = if spread_bp == 0 { way.rate() } else { ratio.decimal() };
    let (given, had) = match side {
        Side::Given(units) => {
            let had = ratio.convert(&units, (from, to));
            (units, had)
        }
        Side::Wanted(units) => (ratio.inverse().convert(&units, (to, from)), units),
    };
    let computed = |units, code| {
        let amount =
            Amount::new(units, code).ok_or_else(|| invalid(field, "comes to more than there can be"))?;
        if amount.is_zero() { Err(Refused::AmountTooSmall.into()) } else { Ok::<_, Problem>(amount) }
    };
    let (from, to) = (computed(given, body.from)?, computed(had, body.to)?);
    let lasts = settings::seconds("quote_ttl_s").await?;
    let expires_at = now.after(lasts).min(way.times.refuse_at);
    let (id, as_of) = (QuoteId::new(), way.times.as_of);
    Ok(Quote { id, owner, from, to, rate, as_of, created_at: now, expires_at, used_by: None })
}

fn invalid(field: &str, detail: &str) -> Problem {
    Problem::invalid(vec![FieldError::at(field, detail)])
}

/// Read a quote of one's own.
#[utoipa::path(get, path = "/prices/quotes/{id}", tag = "prices", security(("bearer" = ["account"])),
    params(("id" = QuoteId, Path, description = "The quote")),
    responses(
        (status = 200, body = QuoteView),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 404, description = "`not-found`", body = ProblemDocument)))]
pub async fn read(ctx: Ctx, caller: Caller, PathId(id): PathId<QuoteId>) -> Result<Json<QuoteView>> {
    let owner = owner(&caller)?;
    let quote = store::quote::find(&ctx.conn().await?, id).await?;
    quote.filter(|quote| quote.owner == owner).map(|quote| Json(quote.into())).ok_or_else(Problem::not_found)
}

/// What a quote is used for.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"used_by": "trx_06b8xk2m0q3v5t7w9y1z3b5d7f", "user_id": "usr_06b8xk2m0q3v5t7w9y1z3b5d7f"}))]
pub struct QuoteUse {
    /// The id of what it is used for. The same id gets the same answer again.
    #[garde(length(min = 1, max = 64), custom(id))]
    used_by: String,
    /// Whose quote it must be; null for one of a service.
    #[garde(skip)]
    user_id: Option<UserId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn id(text: &str, (): &()) -> garde::Result {
    let fits = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if fits { Ok(()) } else { Err(garde::Error::new("must be an id")) }
}

/// Use a quote. For the services transactions and payments. Only one thing can use it, and that one gets the same answer
/// however often it asks.
#[utoipa::path(post, path = "/prices/quotes/{id}/use", tag = "prices", request_body = QuoteUse,
    params(("id" = QuoteId, Path, description = "The quote")),
    responses(
        (status = 200, description = "Used, now or before", body = QuoteView),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 404, description = "`not-found`: or somebody else's", body = ProblemDocument),
        (status = 409, description = "`quote-used`", body = ProblemDocument),
        (status = 410, description = "`quote-expired`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn consume(
    ctx: Ctx,
    caller: Caller,
    PathId(id): PathId<QuoteId>,
    Valid(request): Valid<QuoteUse>,
) -> Result<Json<QuoteView>> {
    if !USING.iter().any(|service| caller.must_be_service(service).is_ok()) {
        return Err(Problem::forbidden("Only transactions and payments use quotes."));
    }
    let conn = ctx.conn().await?;
    let is_whose = |quote: &Quote| match request.user_id {
        Some(user) => quote.owner == user.to_string(),
        None => quote.owner.starts_with("service/"),
    };
    let found = store::quote::find(&conn, id).await?.filter(is_whose).ok_or_else(Problem::not_found)?;
    let (owner, used_by) = (found.owner.as_str(), request.used_by.as_str());
    if let Some(quote) = store::quote::use_open(&conn, id, owner, used_by, Timestamp::now()).await? {
        return Ok(Json(quote.into()));
    }
    // Somebody may have been faster, perhaps an earlier try of the same.
    let quote = store::quote::find(&conn, id).await?.ok_or_else(Problem::not_found)?;
    match &quote.used_by {
        Some(by) if by == used_by => Ok(Json(quote.into())),
        Some(_) => Err(Refused::QuoteUsed.into()),
        None => Err(Refused::QuoteExpired(quote.expires_at).into()),
    }
}
