//! What becomes of a rate when there is news of it, as part of a transaction.

use crate::market;
use crate::model::{Observation, Standing};
use crate::options;
use crate::store::history;
use crate::store::rate::{self as store, Pair};
use serde::Serialize;
use souk_kit::{Result, Timestamp, Tx};

/// A rate is another one than it was.
const CHANGED: &str = "souk.rate.changed";

#[derive(Serialize)]
struct Changed<'a> {
    base: &'a str,
    quote: &'a str,
    rate: crate::decimal::Rate,
    as_of: Timestamp,
}

/// How many of the pairs have a rate that is believed, and how many sources were not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settled {
    pub rates: usize,
    pub refused: usize,
}

/// Decides anew what the rates of these pairs are.
pub async fn pairs(tx: &Tx, pairs: &[Pair], now: Timestamp) -> Result<Settled> {
    if pairs.is_empty() {
        return Ok(Settled::default());
    }
    let max_bp = options::max_deviation_bp().await?;
    let last = store::standing_of(tx, pairs).await?;
    let mut seen = store::observations(tx, pairs).await?;
    let (mut agreed, mut judged, mut settled) = (Vec::new(), Vec::new(), Settled::default());
    for (pair, seen) in &mut seen {
        let decision = market::decide(seen, last.get(pair), max_bp, now);
        for (one, refused) in seen.iter_mut().zip(decision.refused) {
            settled.refused += usize::from(refused.is_some());
            if one.refused != refused {
                one.refused = refused;
                judged.push(&*one);
            }
        }
        settled.rates += usize::from(decision.agreed.is_some());
        agreed.extend(decision.agreed.map(|standing| (pair, standing)));
    }
    write(tx, &agreed, &judged).await?;
    for ((base, quote), Standing { rate, times }) in
        agreed.into_iter().filter(|(pair, now)| last.get(*pair).is_none_or(|last| last.rate != now.rate))
    {
        let data = Changed { base: base.as_str(), quote: quote.as_str(), rate, as_of: times.as_of };
        tx.emit(CHANGED, format!("{base}/{quote}"), data).await?;
    }
    Ok(settled)
}

async fn write(tx: &Tx, agreed: &[(&Pair, Standing)], judged: &[&Observation]) -> Result<()> {
    if !judged.is_empty() {
        store::judge(tx, judged).await?;
    }
    if !agreed.is_empty() {
        store::stand(tx, agreed).await?;
        history::add(tx, agreed).await?;
    }
    Ok(())
}
