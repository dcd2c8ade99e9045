//! Providers: who takes the money. One trait, so that the next one is one file.

mod signature;
mod simulator;
pub mod simulator_books;

use crate::card::Card;
use futures::future::BoxFuture;
use http::HeaderMap;
use souk_kit::id::AttemptId;
use souk_kit::{Ctx, Money, Problem, Result, Secret};

/// How a charge stands with its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The provider knows of it, and nobody has authorized it.
    Created,
    /// The buyer must pass a challenge.
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
    /// How much.
    pub amount: Money,
    /// Whether the money is taken with the authorization.
    pub capture: bool,
    /// The last digits of the card.
    pub last4: String,
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
}

/// What the provider calls the kind of a card.
pub type Brand = &'static str;

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
    /// A part of a charge, of this amount, stands so.
    Part(String, Money, Settled),
}

/// Somebody who takes money.
///
/// Every question can be repeated: the key says that it is the same one, and the answer is how the matter stands.
pub trait Provider: Sync {
    /// Its name, in addresses and in the database.
    fn name(&self) -> &'static str;

    /// Refuses a card that it has no use for.
    fn accepts(&self, card: &Card) -> Result<Brand>;

    /// Whether its answers about this charge are computed here, without asking anybody: question, effect and answer then
    /// become durable in one transaction. Otherwise the question must be durable before it is asked.
    fn answers_here(&self, charge: &Charge) -> bool;

    /// Makes a charge known, or says how it stands if it is.
    fn create<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Standing>;

    /// Holds the money, and takes it if the charge says so.
    fn authorize<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, proof: Proof<'a>) -> Answer<'a, Standing>;

    /// Takes a part of what is held.
    fn capture<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled>;

    /// Lets go what is held and was not taken, once a part was.
    fn release<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled>;

    /// Undoes a charge, whatever it has come to: what is held is released, what was taken is given back, and what comes
    /// later is refused.
    fn cancel<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Standing>;

    /// Gives back a part of what was taken.
    fn refund<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled>;

    /// The variable that has the key of its webhooks.
    fn webhook_key(&self) -> &'static str;

    /// What a webhook says, once it is proven to come from the provider.
    fn webhook(&self, headers: &HeaderMap, body: &[u8], key: &Secret) -> Result<Notice>;
}

static PROVIDERS: &[&dyn Provider] = &[&simulator::CardSimulator];

/// The provider of a name.
pub fn named(name: &str) -> Option<&'static dyn Provider> {
    PROVIDERS.iter().copied().find(|provider| provider.name() == name)
}

/// The provider of a try.
pub fn of(name: &str) -> Result<&'static dyn Provider> {
    named(name).ok_or_else(|| Problem::internal(format!("no provider {name}")))
}

/// Who takes cards.
pub fn for_cards() -> &'static dyn Provider {
    &simulator::CardSimulator
}
