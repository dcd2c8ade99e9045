//! Providers: who takes the money. One trait, so that the next one is one file.

pub mod bank_transfer;
mod paypal;
mod signature;
pub mod simulator;
pub mod simulator_books;
mod wallet;

use crate::card::Card;
use crate::method::{Means, MethodKind};
use crate::model::Notes;
use crate::problem::PaymentsError;
use futures::future::BoxFuture;
use http::HeaderMap;
use souk_kit::id::{AttemptId, OrderId, PaymentId, UserId};
use souk_kit::{Ctx, Money, Problem, Result, Timestamp};

/// How a charge stands with its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The provider knows of it, and nobody has authorized it.
    Created,
    /// The buyer must do something; what, the notes say, unless it is a challenge.
    RequiresAction,
    /// It is being worked on; the result comes by webhook, or when it is asked for again.
    Processing,
    /// The money is held.
    Authorized,
    /// The money is taken.
    Captured,
    /// The method was refused, for this reason.
    Declined(String),
    /// It is undone, and will not be done any more.
    Cancelled,
}

impl Standing {
    /// Why it came to nothing.
    pub fn code(&self) -> &str {
        match self {
            Self::Declined(code) => code,
            _ => "interrupted",
        }
    }
}

/// How a charge stands, and what is to be remembered of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// How it stands.
    pub standing: Standing,
    /// What is to be remembered from now on; what was remembered before stays when it is absent.
    pub notes: Option<Notes>,
}

impl From<Standing> for Said {
    fn from(standing: Standing) -> Self {
        Self { standing, notes: None }
    }
}

/// How a part of a charge that was to be taken or given back stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It has moved.
    Done,
    /// It is refused, and will not move.
    Refused,
}

/// No answer came: nobody knows what happened, until the provider is asked again with the same key.
#[derive(Debug)]
pub struct Unanswered(pub String);

impl From<Problem> for Unanswered {
    fn from(problem: Problem) -> Self {
        Self(problem.cause().unwrap_or(problem.detail()).to_owned())
    }
}

impl From<souk_kit::DbError> for Unanswered {
    fn from(error: souk_kit::DbError) -> Self {
        Problem::from(error).into()
    }
}

/// What a provider answers, if it does.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Unanswered>>;

/// A charge, as it is spoken of with a provider.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The key: the same charge has the same one, however often it is spoken of.
    pub key: AttemptId,
    /// The payment that it is a try of.
    pub payment: PaymentId,
    /// The order that is paid.
    pub order: OrderId,
    /// Whose order that is; none for a guest's.
    pub user: Option<UserId>,
    /// How much.
    pub amount: Money,
    /// Whether the money is taken with the authorization.
    pub capture: bool,
    /// The last digits of the card, if it is one that pays.
    pub last4: Option<String>,
    /// Where the buyer goes on afterwards.
    pub return_url: Option<String>,
    /// Since when it is tried.
    pub since: Timestamp,
    /// What the provider wanted to be remembered.
    pub notes: Notes,
}

/// A part of a charge.
#[derive(Debug, Clone)]
pub struct Part {
    /// The key: the same part has the same one.
    pub key: String,
    /// How much.
    pub amount: Money,
}

/// What shows that the buyer may spend the money.
pub enum Proof<'a> {
    /// The card.
    Card(&'a Card),
    /// The answer to the challenge.
    Challenge(&'a str),
    /// That the buyer is signed in, as the one whose payment it is.
    SignedIn,
    /// Nothing here: the buyer shows it to the provider.
    Elsewhere,
}

/// What a verified webhook tells.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    /// A repetition has the same.
    pub event_id: String,
    /// What happened.
    pub what: What,
}

/// What happened, as the provider says.
#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// A charge of this amount stands so.
    Charge(AttemptId, Money, Standing),
    /// Something happened to a charge: ask how it stands.
    Look(AttemptId),
    /// A part of a charge, of this amount, stands so.
    Part(String, Money, Settled),
    /// Something happened to a part of a charge: ask how it stands.
    LookAtPart(String),
    /// Nothing that matters here.
    Nothing,
}

/// Somebody who takes money.
///
/// Every question can be repeated: the key says that it is the same one, and the answer is how the matter stands.
pub trait Provider: Sync {
    /// Its name, in addresses and in the database.
    fn name(&self) -> &'static str;

    /// The method that it carries out.
    fn method(&self) -> MethodKind;

    /// Whether this shop has it at all.
    fn is_offered(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async { Ok(true) })
    }

    /// Whether its answers about this charge are computed here, without asking anybody: question, effect and answer then
    /// become durable in one transaction. Otherwise the question must be durable before it is asked.
    fn answers_here(&self, charge: &Charge) -> bool;

    /// Whether a charge that was not carried out can be given up without telling anybody.
    fn gives_up_here(&self, charge: &Charge) -> bool {
        self.answers_here(charge)
    }

    /// Makes a charge known, or says how it stands if it is.
    fn create<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Said>;

    /// Holds the money, and takes it if the charge says so. Asked when the charge is only created.
    fn authorize<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, proof: Proof<'a>) -> Answer<'a, Said>;

    /// How a charge stands whose answer was lost or is still to come, carried on as far as that needs no buyer. What only
    /// the buyer could carry on is barred, so that it cannot be any more.
    fn resume<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Said> {
        Box::pin(async move {
            match self.create(ctx, charge).await? {
                Said { standing: Standing::Created, .. } => self.cancel(ctx, charge).await.map(Said::from),
                said => Ok(said),
            }
        })
    }

    /// Takes a part of what is held.
    fn capture<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled>;

    /// Lets go what is held and was not taken, once a part was.
    fn release<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled>;

    /// Undoes a charge, whatever it has come to: what is held is released, what was taken is given back, and what comes
    /// later is refused.
    fn cancel<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Standing>;

    /// Gives back a part of what was taken.
    fn refund<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled>;

    /// What a webhook says, once it is proven to come from the provider. Some have none.
    fn webhook<'a>(
        &'a self,
        _ctx: &'a Ctx,
        _headers: &'a HeaderMap,
        _body: &'a [u8],
    ) -> BoxFuture<'a, Result<Notice>> {
        Box::pin(async { Err(Problem::not_found()) })
    }
}

static PROVIDERS: &[&dyn Provider] =
    &[CARD_SIMULATOR, &wallet::Wallet, &bank_transfer::BankTransfer, &paypal::PayPal];

/// The provider that simulates cards.
pub static CARD_SIMULATOR: &dyn Provider = &simulator::CardSimulator;

/// The provider of a name.
pub fn named(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.name() == name)
}

/// The provider of a try.
pub fn of(name: &str) -> Result<&'static dyn Provider> {
    named(name).ok_or_else(|| Problem::internal(format!("no provider {name}")))
}

/// Who carries out a method.
pub fn for_means(means: &Means) -> Result<&'static dyn Provider> {
    let kind = match means {
        Means::Card(_) => MethodKind::Card,
        Means::Wallet => MethodKind::Wallet,
        Means::BankTransfer => MethodKind::BankTransfer,
        Means::Paypal => MethodKind::Paypal,
    };
    let found = PROVIDERS.iter().copied().find(|provider| provider.method() == kind);
    found.ok_or_else(|| PaymentsError::MethodUnavailable.into())
}

/// Everybody who takes money here.
pub async fn offered() -> Result<Vec<&'static dyn Provider>> {
    let mut offered = Vec::new();
    for provider in PROVIDERS {
        if provider.is_offered().await? {
            offered.push(*provider);
        }
    }
    Ok(offered)
}
