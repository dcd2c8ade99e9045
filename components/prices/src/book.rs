//! All rates at a moment, and the way from one instrument to another through them.

use crate::decimal::{Rate, Ratio};
use crate::model::{Code, PIVOTS, Standing, Times};
use crate::problem::Refused;
use serde::Serialize;
use souk_kit::{Currency, Timestamp};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The rates that count, and the decimals of tokens.
#[derive(Debug, Default)]
pub struct Book {
    /// By base, and then by quote.
    pub rates: BTreeMap<Code, BTreeMap<Code, Standing>>,
    /// The decimals of every token.
    pub tokens: BTreeMap<Code, u32>,
}

/// One step from an instrument to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Leg {
    /// Of which instrument the rate is.
    pub base: Code,
    /// In which one.
    pub quote: Code,
    /// So many of the quote for one of the base, exactly.
    pub rate: Rate,
    /// Whether the step goes from the quote to the base: then it divides by the rate.
    pub inverse: bool,
    /// When the rate was so.
    pub as_of: Timestamp,
    #[serde(skip)]
    pub times: Times,
}

/// The way from one instrument to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Its steps.
    pub legs: Vec<Leg>,
    /// What depends on all of them.
    pub times: Times,
}

impl Way {
    fn new(legs: Vec<Leg>) -> Option<Self> {
        let times = legs.iter().map(|leg| leg.times).reduce(Times::and)?;
        Some(Self { legs, times })
    }

    /// So many of the last instrument for one of the first, exactly.
    pub fn ratio(&self) -> Ratio {
        let one = |leg: &Leg| if leg.inverse { leg.rate.ratio().inverse() } else { leg.rate.ratio() };
        let mut legs = self.legs.iter().map(one);
        let first = legs.next().unwrap_or_else(|| Rate::ONE.ratio());
        legs.fold(first, |ratio, leg| ratio.then(&leg))
    }

    /// The same as a decimal number, rounded where it never ends.
    pub fn rate(&self) -> String {
        match self.legs.as_slice() {
            [only] if !only.inverse => only.rate.to_string(),
            _ => self.ratio().decimal(),
        }
    }

    /// Whether it is stale by now.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now >= self.times.stale_at
    }

    /// Whether it still counts.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        now < self.times.refuse_at
    }

    /// How old the oldest of its rates is, in seconds.
    pub fn age_s(&self, now: Timestamp) -> i64 {
        (now.as_millis() - self.times.as_of.as_millis()).max(0) / 1000
    }
}

impl Book {
    /// How many decimals amounts of an instrument have; nothing when it is unknown.
    pub fn decimals(&self, code: &Code) -> Option<u32> {
        match code.currency() {
            Some(currency) => Some(Currency::decimals(currency)),
            None => self.tokens.get(code).copied(),
        }
    }

    /// The best way from one instrument to another: one that is fresh before one that is not, then a short one before a long
    /// one. At most two currencies are between.
    pub fn way(&self, from: &Code, to: &Code, now: Timestamp) -> Option<Way> {
        if let Some(direct) = self.along(&[from.as_str(), to.as_str()])
            && !direct.is_stale(now)
        {
            return Some(direct);
        }
        let [a, b] = PIVOTS;
        let routes: [&[&str]; 5] = [&[], &[a], &[b], &[a, b], &[b, a]];
        let ways = routes.into_iter().filter_map(|between| {
            if between.iter().any(|pivot| *pivot == from.as_str() || *pivot == to.as_str()) {
                return None;
            }
            let stops: Vec<&str> =
                [from.as_str()].into_iter().chain(between.iter().copied()).chain([to.as_str()]).collect();
            self.along(&stops)
        });
        ways.min_by_key(|way| (!way.is_usable(now), way.is_stale(now), way.legs.len()))
    }

    fn along(&self, stops: &[&str]) -> Option<Way> {
        let legs: Option<Vec<_>> = stops.windows(2).map(|pair| self.leg(pair[0], pair[1])).collect();
        Way::new(legs?)
    }

    /// One step, by the rate of either direction: whichever is fresh for longer.
    fn leg(&self, from: &str, to: &str) -> Option<Leg> {
        let forth = self.standing(from, to).map(|(base, quote, it)| (base, quote, it, false));
        let back = self.standing(to, from).map(|(base, quote, it)| (base, quote, it, true));
        let (base, quote, standing, inverse) = match (forth, back) {
            (Some(forth), Some(back)) if back.2.times.stale_at > forth.2.times.stale_at => back,
            (forth, back) => forth.or(back)?,
        };
        let Standing { rate, times } = *standing;
        Some(Leg { base: base.clone(), quote: quote.clone(), rate, inverse, as_of: times.as_of, times })
    }

    fn standing(&self, base: &str, quote: &str) -> Option<(&Code, &Code, &Standing)> {
        let (base, quotes) = self.rates.get_key_value(base)?;
        let (quote, standing) = quotes.get_key_value(quote)?;
        Some((base, quote, standing))
    }

    /// The way that may be used for money: known, and not too old.
    pub fn usable(&self, from: &Code, to: &Code, now: Timestamp) -> Result<Way, Refused> {
        let way = self.way(from, to, now).ok_or_else(|| Refused::RateMissing(from.clone(), to.clone()))?;
        if way.is_usable(now) {
            return Ok(way);
        }
        Err(Refused::RateStale { as_of: way.times.as_of, age_s: way.age_s(now) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn code(text: &str) -> Code {
        text.parse().unwrap()
    }

    /// Rates, each with the time from which on it is stale.
    fn book(rates: &[(&str, &str, &str, i64)]) -> Book {
        let mut book = Book::default();
        for (base, quote, rate, stale_at) in rates {
            let at = |millis| Timestamp::from_millis(millis);
            let times = Times {
                as_of: at(*stale_at - 100),
                fetched_at: NOW,
                stale_at: at(*stale_at),
                refuse_at: at(stale_at + 500),
            };
            let standing = Standing { rate: rate.parse().unwrap(), times };
            book.rates.entry(code(base)).or_default().insert(code(quote), standing);
        }
        book
    }

    fn shown(book: &Book, from: &str, to: &str) -> Option<(String, usize)> {
        let way = book.way(&code(from), &code(to), NOW)?;
        Some((way.rate(), way.legs.len()))
    }

    #[test]
    fn a_rate_works_in_both_directions() {
        let book = book(&[("EUR", "USD", "1.25", 2_000)]);
        assert_eq!(shown(&book, "EUR", "USD"), Some(("1.25".into(), 1)));
        assert_eq!(shown(&book, "USD", "EUR"), Some(("0.8".into(), 1)));
        assert_eq!(shown(&book, "USD", "GBP"), None);
    }

    #[test]
    fn others_are_reached_through_the_euro_and_the_dollar() {
        let book =
            book(&[("EUR", "USD", "1.25", 2_000), ("EUR", "PLN", "4", 2_000), ("ETH", "USD", "3000", 2_000)]);
        assert_eq!(shown(&book, "PLN", "USD"), Some(("0.3125".into(), 2)));
        assert_eq!(shown(&book, "ETH", "EUR"), Some(("2400".into(), 2)));
        assert_eq!(shown(&book, "ETH", "PLN"), Some(("9600".into(), 3)));
        assert_eq!(shown(&book, "PLN", "ETH"), Some(("0.000104166666666666667".into(), 3)));
    }

    #[test]
    fn what_is_fresh_is_preferred_to_what_is_near() {
        let stale = [("ETH", "EUR", "9", 900), ("EUR", "USD", "1.25", 2_000), ("ETH", "USD", "3000", 2_000)];
        assert_eq!(shown(&book(&stale), "ETH", "EUR"), Some(("2400".into(), 2)));
        let all_stale =
            [("ETH", "EUR", "9", 900), ("EUR", "USD", "1.25", 2_000), ("ETH", "USD", "3000", 900)];
        assert_eq!(shown(&book(&all_stale), "ETH", "EUR"), Some(("9".into(), 1)));
    }

    #[test]
    fn a_way_is_as_old_as_its_oldest_rate() {
        let book = book(&[("EUR", "USD", "1.25", 2_000), ("EUR", "PLN", "4", 900)]);
        let way = book.way(&code("USD"), &code("PLN"), NOW).unwrap();
        assert!(way.is_stale(NOW) && way.is_usable(NOW));
        assert_eq!(way.times.as_of, Timestamp::from_millis(800));
        let later = Timestamp::from_millis(1_400);
        assert!(matches!(book.usable(&code("USD"), &code("PLN"), later), Err(Refused::RateStale { .. })));
        assert!(matches!(book.usable(&code("USD"), &code("GBP"), NOW), Err(Refused::RateMissing(..))));
    }

    #[test]
    fn of_two_directions_the_fresher_counts() {
        let book = book(&[("EUR", "USD", "1.25", 1_100), ("USD", "EUR", "0.5", 2_000)]);
        assert_eq!(shown(&book, "EUR", "USD"), Some(("2".into(), 1)));
    }
}
