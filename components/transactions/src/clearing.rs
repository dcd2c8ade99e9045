//! The simulated clearing: money comes in, transfers to outside arrive, fail or come back. The end of an account's number
//! decides (`rules/clearing.rs`).

use crate::access::Who;
use crate::books;
use crate::config;
use crate::event;
use crate::hold::must_be_amount;
use crate::model::{HoldState, Kind, Outside, Role, Stage, Transaction};
use crate::problem::Refused;
use crate::rules::book::Book;
use crate::rules::clearing::{Fate, done_at, fate};
use crate::rules::draft::Draft;
use crate::rules::iban::Iban;
use crate::rules::state::State;
use crate::store::book::{self as store_book, Needed};
use crate::store::{hold, transaction as store};
use crate::transaction::{end, undo};
use crate::view::TransactionView;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use http::StatusCode;
use serde::Deserialize;
use souk_kit::id::TransactionId;
use souk_kit::problem::ProblemDocument;
use souk_kit::text;
use souk_kit::{Attempt, Caller, Ctx, Money, Problem, Result, Submit, Timestamp, Tx};
use utoipa::ToSchema;

/// Money that comes in from outside.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Incoming {
    /// The account that it is for.
    #[garde(skip)]
    iban: Iban,
    /// How much.
    #[garde(skip)]
    amount: Money,
    /// Who sends it.
    #[garde(length(chars, min = 1, max = 100), custom(text::line))]
    name: String,
    /// What they wrote.
    #[garde(length(chars, max = 140), custom(text::optional_line))]
    #[serde(default)]
    reference: Option<String>,
    /// The account that it comes from, if that is known.
    #[garde(skip)]
    #[serde(default)]
    from_iban: Option<Iban>,
    /// What the bank knows it by: the same is taken in once.
    #[garde(length(chars, min = 1, max = 35), custom(text::line))]
    end_to_end_id: String,
}

/// Take money in from outside, as the simulated bank. Needs the scope `transactions:write`.
///
/// It is credited to the account, or, when that is not one of ours, closed or in another currency, to the suspense account.
#[utoipa::path(post, path = "/clearing/incoming", tag = "transactions", request_body = Incoming,
    security(("bearer" = ["transactions:write"])),
    params(("Idempotency-Key" = String, Header, description = "Repeated, it takes nothing more in")),
    responses(
        (status = 200, description = "It was taken in before", body = TransactionView),
        (status = 201, description = "Taken in", body = TransactionView),
        (status = 400, description = "`idempotency-key-required`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 409, description = "`end-to-end-id-reused`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`, `idempotency-key-reused`", body = ProblemDocument)))]
pub async fn incoming(ctx: Ctx, caller: Caller, request: Submit<Incoming>) -> Result<Response> {
    let who = Who::of(&caller)?;
    who.must_write()?;
    let (new, once) = (request.body, request.once.required()?);
    must_be_amount(new.amount)?;
    let (now, config) = (Timestamp::now(), config::load().await?);
    let tx = match once.begin(&ctx).await? {
        Attempt::Repeated(answer) => return Ok(answer),
        Attempt::First(tx) => tx,
    };
    let key = format!("incoming:{}", new.end_to_end_id);
    if let Some(known) = store::by_key(&tx, &key).await? {
        let book = books::of(&tx, std::slice::from_ref(&known), now).await?;
        tx.rollback().await?;
        new.must_be(&known)?;
        return Ok(axum::Json(TransactionView::new(&known, &book, &who)).into_response());
    }
    let currency = new.amount.currency;
    let roles = vec![(Role::Clearing, currency), (Role::Suspense, currency)];
    let needed = Needed { ibans: vec![new.iban.clone()], roles, ..Needed::default() };
    let mut book = books::open(&tx, &needed, config, now).await?;
    let entered = book.enter(new.draft(&book, key, &who)?, now)?.clone();
    store_book::write(&tx, &book, now).await?;
    event::tell_all(&tx, &book).await?;
    let view = TransactionView::new(&entered, &book, &who);
    once.commit(tx, (StatusCode::CREATED, axum::Json(view))).await
}

impl Incoming {
    /// Refuses an id that came with something else. What it was for is kept in the metadata.
    fn must_be(&self, known: &Transaction) -> Result<(), Refused> {
        let iban = known.metadata.as_ref().and_then(|it| it["iban"].as_str());
        match known.amount == Some(self.amount) && iban == Some(self.iban.as_str()) {
            true => Ok(()),
            false => Err(Refused::EndToEndIdReused),
        }
    }

    fn draft(&self, book: &Book, key: String, who: &Who) -> Result<Draft> {
        let own = |role| book.by_role(role, self.amount.currency);
        let (clearing, suspense) = own(Role::Clearing)
            .zip(own(Role::Suspense))
            .ok_or_else(|| Problem::internal("no clearing account"))?;
        let fits = book
            .by_iban(&self.iban)
            .filter(|it| it.is_open && it.currency == self.amount.currency && it.number != clearing.number);
        let to = fits.unwrap_or(suspense).number;
        let unknown = self.from_iban.clone().unwrap_or_else(|| clearing.iban.clone());
        let outside = Outside {
            iban: unknown,
            name: self.name.clone(),
            reference: self.reference.clone(),
            end_to_end_id: Some(self.end_to_end_id.clone()),
        };
        Ok(Draft {
            outside: Some(outside),
            key: Some(key),
            label: self.reference.clone().unwrap_or_default(),
            metadata: Some(serde_json::json!({"iban": self.iban})),
            ..Draft::between(Kind::Incoming, clearing.number, to, self.amount, &who.name)
        })
    }
}

/// Does what is due with a transaction. Another instance may have done it.
pub async fn go_on(ctx: &Ctx, id: TransactionId) -> Result<()> {
    let (now, config) = (Timestamp::now(), config::load().await?);
    let tx = ctx.begin().await?;
    let found = store::find(&tx, id).await?;
    let Some((mut found, stage)) = found.and_then(|it| {
        let (stage, at) = it.due?;
        (at <= now).then_some((it, stage))
    }) else {
        return Ok(tx.rollback().await?);
    };
    let mut book = books::open(&tx, &Needed::by(std::slice::from_ref(&found)), config, now).await?;
    match stage {
        Stage::Scheduled => make(&tx, &mut found, &mut book).await?,
        Stage::Clearing => arrive(&tx, &mut found, &mut book).await?,
        Stage::Returning => come_back(&tx, &mut found, &mut book).await?,
    }
    Ok(tx.commit().await?)
}

/// A transfer whose date has come is posted, or sent outside.
async fn make(tx: &Tx, it: &mut Transaction, book: &mut Book) -> Result<()> {
    let (now, config) = (Timestamp::now(), config::load().await?);
    let owner = |number: Option<i64>| number.and_then(|number| book.account(number)?.owner);
    let limited = (owner(it.from) != owner(it.to)).then_some(config.daily_out);
    let going = match &it.outside {
        Some(outside) if !outside.iban.is_of(&config.country, &config.bank) => {
            let cleared = done_at(&outside.iban, now, config.clearing_delay);
            book.send(it, limited, (now, cleared))
        }
        _ => book.settle(it, limited, now),
    };
    match going {
        Err(refused) => fail(tx, it, book, refused).await,
        Ok(()) if it.state == State::Posted => post(tx, it, book).await,
        Ok(()) => {
            store_book::hold_for_clearing(tx, it, now).await?;
            Ok(store::save(tx, it, now).await?)
        }
    }
}

async fn post(tx: &Tx, it: &mut Transaction, book: &Book) -> Result<()> {
    store::save(tx, it, Timestamp::now()).await?;
    store_book::write_entries(tx, book).await?;
    event::tell(tx, event::POSTED, it, book).await
}

async fn fail(tx: &Tx, it: &mut Transaction, book: &Book, why: Refused) -> Result<()> {
    it.reason = Some(souk_kit::Refusal::spec(&why).kind.to_owned());
    end(tx, it, State::Failed, Timestamp::now()).await?;
    store::save(tx, it, Timestamp::now()).await?;
    event::tell(tx, event::FAILED, it, book).await
}

/// A transfer to outside is done with clearing: it fails, or is posted, and may come back.
async fn arrive(tx: &Tx, it: &mut Transaction, book: &mut Book) -> Result<()> {
    let (now, config) = (Timestamp::now(), config::load().await?);
    let Some(outside) = it.outside.clone() else {
        return Err(Problem::internal(format!("transaction {} is in clearing and goes nowhere", it.id)));
    };
    let fate = fate(&outside.iban);
    if fate == Fate::Bounces {
        it.reason = Some("no-such-account".to_owned());
        end(tx, it, State::Failed, now).await?;
        store::save(tx, it, now).await?;
        return event::tell(tx, event::FAILED, it, book).await;
    }
    let held = hold::by_transaction(tx, it.number).await?;
    if let Some(held) = &held {
        book.release(held.account, held.remaining());
    }
    if let Err(refused) = book.settle(it, None, now) {
        return fail(tx, it, book, refused).await;
    }
    if let Some(mut held) = held {
        (held.captured, held.state) = (held.amount, HoldState::Captured);
        hold::save(tx, &held, now).await?;
    }
    if fate == Fate::ComesBack {
        it.due = Some((Stage::Returning, now.after(config.clearing_delay)));
    }
    post(tx, it, book).await
}

/// A transfer that had arrived is sent back.
async fn come_back(tx: &Tx, it: &mut Transaction, book: &mut Book) -> Result<()> {
    match undo(tx, it, book, (Kind::Return, "returned by the bank outside", "the bank outside")).await {
        Ok(_) => event::tell(tx, event::RETURNED, it, book).await,
        // The account was closed meanwhile: whoever keeps the books has to see to it.
        Err(problem) => {
            it.due = None;
            it.note = Some(format!("The bank outside sends it back: {}", problem.detail()));
            Ok(store::save(tx, it, Timestamp::now()).await?)
        }
    }
}
