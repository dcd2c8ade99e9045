//! Providers: who tells rates. One trait, so that the next one is one file.

mod chainlink;
mod coingecko;
mod ecb;
mod http;

use crate::decimal::Rate;
use crate::market::MANUAL;
use crate::model::{Code, Instrument};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use souk_kit::Timestamp;
use std::time::Duration;

/// What a provider tells of a pair: so many units of `quote` for one of `base`, at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub base: Code,
    pub quote: Code,
    pub rate: Rate,
    pub as_of: Timestamp,
}

/// What a provider tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Of pairs.
    pub told: Vec<Told>,
    /// What of its answer cannot be used, and why.
    pub unusable: Vec<String>,
}

/// Why a provider told nothing. The text goes to the logs and to merchants: no address or key is in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// In words.
    pub why: String,
    /// How long it wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Failure {
    fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), retry_after: None }
    }
}

/// What a provider answers, if it does.
pub type Answer<'a> = BoxFuture<'a, Result<News, Failure>>;

/// The variables of a provider that is asked.
#[derive(Debug, Clone, Copy)]
pub struct Variables {
    /// Its address, scheme and host; empty when it is not to be asked.
    pub url: &'static str,
    /// The seconds between two questions.
    pub interval: &'static str,
}

/// Somebody who tells rates.
pub trait Provider: Sync {
    /// Its name, in answers and in the database.
    fn name(&self) -> &'static str;

    /// How it is asked; nothing when it tells by itself.
    fn variables(&self) -> Option<Variables>;

    /// Whether it tells once a working day, so that what it says holds over a long weekend.
    fn is_daily(&self) -> bool {
        false
    }

    /// What it says at `origin` of these instruments.
    fn fetch<'a>(&'a self, origin: &'a str, instruments: &'a [Instrument]) -> Answer<'a>;
}

/// People with the scope to do so. They tell by themselves.
struct Manual;

impl Provider for Manual {
    fn name(&self) -> &'static str {
        MANUAL
    }

    fn variables(&self) -> Option<Variables> {
        None
    }

    fn fetch<'a>(&'a self, _: &'a str, _: &'a [Instrument]) -> Answer<'a> {
        async { Ok(News::default()) }.boxed()
    }
}

/// All of them.
pub static ALL: &[&dyn Provider] = &[&ecb::Ecb, &coingecko::CoinGecko, &chainlink::Chainlink, &Manual];

/// By how much the clock of a provider may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(300);

/// The time that a provider says, in seconds since 1970, if it can be meant.
fn told_at(seconds: i64) -> Option<Timestamp> {
    let at = Timestamp::from_millis(seconds.checked_mul(1000)?);
    (seconds > 0 && at <= Timestamp::now().after(AHEAD)).then_some(at)
}
