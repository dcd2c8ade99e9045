//! Chainlink's data feeds: contracts with the AggregatorV3Interface, asked by JSON-RPC (`eth_call`).
//!
//! `decimals()` says how many decimals the answers of a feed have, `latestRoundData()` gives the last one:
//! `(uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)`. One is believed if it is
//! above zero, of a round that has ended, and not carried over from an earlier round.

use super::{Answer, Failure, News, Provider, Told, Variables, http};
use crate::decimal::Rate;
use crate::model::{Code, Instrument};
use futures::FutureExt as _;
use num_bigint::BigUint;
use serde::Deserialize;
use serde_json::{Value, json};
use souk_kit::settings;
use std::collections::BTreeMap;

/// The first four bytes of the Keccak-256 hash of `decimals()`.
const DECIMALS: &str = "0x313ce567";
/// Those of `latestRoundData()`.
const LATEST_ROUND_DATA: &str = "0xfeaf968c";
/// The most feeds of one question: each is two calls, and nodes bound what they take at once.
const FEEDS: usize = 20;
/// The most decimals that a feed may have. They have 8 or 18.
const MAX_DECIMALS: u32 = 36;

/// Chainlink.
pub struct Chainlink;

impl Provider for Chainlink {
    fn name(&self) -> &'static str {
        "chainlink"
    }

    fn variables(&self) -> Option<Variables> {
        Some(Variables { url: "chainlink_url", interval: "chainlink_interval_s" })
    }

    fn fetch<'a>(&'a self, origin: &'a str, instruments: &'a [Instrument]) -> Answer<'a> {
        async move {
            let path = settings::variable("chainlink_path").await.map_err(|_| Failure::new("has no path"))?;
            let url = format!("{origin}/{}", path.trim_start_matches('/'));
            let feeds: Vec<_> = instruments.iter().flat_map(feeds).collect();
            let mut news = News::default();
            for feeds in feeds.chunks(FEEDS) {
                let question = question(feeds).to_string().into_bytes();
                let request = ::http::Request::post(url.as_str()).header("accept", "application/json");
                read(&http::ask(request, Some(question)).await?, feeds, &mut news)?;
            }
            Ok(news)
        }
        .boxed()
    }
}

/// A pair, and the address of its feed.
type Feed<'a> = (&'a Code, &'a Code, &'a str);

fn feeds(instrument: &Instrument) -> impl Iterator<Item = Feed<'_>> {
    instrument.sources.chainlink.iter().map(|feed| (&instrument.code, &feed.quote, feed.feed.as_str()))
}

/// A batch: of each feed its decimals, and then its last round.
fn question(feeds: &[Feed<'_>]) -> Value {
    let calls = feeds.iter().flat_map(|(_, _, address)| [(address, DECIMALS), (address, LATEST_ROUND_DATA)]);
    let call = |(id, (to, data))| json!({"jsonrpc": "2.0", "id": id, "method": "eth_call", "params": [{"to": to, "data": data}, "latest"]});
    calls.enumerate().map(call).collect()
}

/// The answer to one call. What is wrong with one that has no result is nobody's business: it may name the node.
#[derive(Deserialize)]
struct Reply {
    id: usize,
    result: Option<String>,
}

fn read(json: &[u8], feeds: &[Feed<'_>], news: &mut News) -> Result<(), Failure> {
    let replies: Vec<Reply> = serde_json::from_slice(json).map_err(|_| Failure::new("answered nonsense"))?;
    // They may come in any order (JSON-RPC 2.0, section 6).
    let results: BTreeMap<usize, String> =
        replies.into_iter().filter_map(|reply| Some((reply.id, reply.result?))).collect();
    for (number, (base, quote, _)) in feeds.iter().enumerate() {
        let [decimals, round] = [2 * number, 2 * number + 1].map(|id| results.get(&id).map(String::as_str));
        match told((base, quote), decimals, round) {
            Ok(told) => news.told.push(told),
            Err(why) => news.unusable.push(format!("{base}/{quote} {why}")),
        }
    }
    Ok(())
}

fn told(pair: (&Code, &Code), decimals: Option<&str>, round: Option<&str>) -> Result<Told, &'static str> {
    let [decimals] = words(decimals).ok_or("has no decimals")?;
    let decimals = small(&decimals).filter(|it| *it <= i64::from(MAX_DECIMALS)).ok_or("has no decimals")?;
    let [round, answer, _, updated_at, answered_in] = words(round).ok_or("has no round")?;
    if answer[0] >= 0x80 {
        return Err("is below zero");
    }
    if BigUint::from_bytes_be(&answered_in) < BigUint::from_bytes_be(&round) {
        return Err("is of an earlier round");
    }
    let as_of = small(&updated_at).and_then(super::told_at).ok_or("is of a round that has not ended")?;
    let places = i32::try_from(decimals).map_err(|_| "has no decimals")?;
    let rate = Rate::scaled(BigUint::from_bytes_be(&answer), places).map_err(|_| "is no rate")?;
    Ok(Told { base: pair.0.clone(), quote: pair.1.clone(), rate, as_of })
}

/// The 32-byte words of an ABI-encoded answer, if it has exactly so many.
fn words<const N: usize>(hexadecimal: Option<&str>) -> Option<[[u8; 32]; N]> {
    let bytes = hex::decode(hexadecimal?.strip_prefix("0x")?).ok()?;
    let words: Vec<[u8; 32]> = bytes.chunks(32).filter_map(|word| word.try_into().ok()).collect();
    if bytes.len() == 32 * N { words.try_into().ok() } else { None }
}

/// A word that is a small number.
fn small(word: &[u8; 32]) -> Option<i64> {
    i64::try_from(&BigUint::from_bytes_be(word)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPDATED: u64 = 1_711_356_300;

    fn word(value: u128) -> String {
        format!("{value:064x}")
    }

    fn round(round: u128, answer: &str, updated_at: u64, answered_in: u128) -> String {
        let times = [u128::from(updated_at) - 12, u128::from(updated_at)].map(word).concat();
        format!("0x{}{answer}{times}{}", word(round), word(answered_in))
    }

    fn hears(decimals: &str, round: &str) -> Result<String, String> {
        let (base, quote): (Code, Code) = ("ETH".parse().unwrap(), "USD".parse().unwrap());
        // The later call is answered first.
        let answer = json!([{"jsonrpc": "2.0", "id": 1, "result": round}, {"jsonrpc": "2.0", "id": 0, "result": decimals}]);
        let mut news = News::default();
        read(answer.to_string().as_bytes(), &[(&base, &quote, "0x0")], &mut news).unwrap();
        let told = news.told.pop().map(|told| format!("{} at {}", told.rate, told.as_of));
        told.ok_or_else(|| news.unusable.concat())
    }

    fn eight() -> String {
        format!("0x{}", word(8))
    }

    /// As mainnet's ETH/USD feed answers: round ids carry the phase of the aggregator in their upper bits.
    const ROUND: u128 = (7 << 64) + 12_345;

    #[test]
    fn a_round_is_read() {
        let answer = round(ROUND, &word(300_050_000_000), UPDATED, ROUND);
        assert_eq!(hears(&eight(), &answer).unwrap(), "3000.5 at 2024-03-25T08:45:00Z");
        let eighteen = format!("0x{}", word(18));
        let answer = round(ROUND, &word(1_094_400_000_000_000_000), UPDATED, ROUND + 1);
        assert_eq!(hears(&eighteen, &answer).unwrap(), "1.0944 at 2024-03-25T08:45:00Z");
    }

    #[test]
    fn rounds_that_mean_nothing_are_refused_by_name() {
        let good = word(300_050_000_000);
        let refused = |round: String| hears(&eight(), &round).unwrap_err();
        assert_eq!(refused(round(ROUND, &"f".repeat(64), UPDATED, ROUND)), "ETH/USD is below zero");
        assert_eq!(refused(round(ROUND, &word(0), UPDATED, ROUND)), "ETH/USD is no rate");
        let most = format!("7{}", "f".repeat(63));
        assert_eq!(refused(round(ROUND, &most, UPDATED, ROUND)), "ETH/USD is no rate");
        assert_eq!(refused(round(ROUND, &good, UPDATED, ROUND - 1)), "ETH/USD is of an earlier round");
        assert_eq!(
            refused(round(ROUND, &good, 99_711_356_300, ROUND)),
            "ETH/USD is of a round that has not ended"
        );
        let unended = round(ROUND, &good, UPDATED, ROUND).replace(&word(u128::from(UPDATED)), &word(0));
        assert_eq!(refused(unended), "ETH/USD is of a round that has not ended");
        for bad in
            ["", "0x", "0xzz", "12", &format!("0x{good}"), &(round(ROUND, &good, UPDATED, ROUND) + "00")]
        {
            assert_eq!(refused(bad.to_owned()), "ETH/USD has no round", "{bad}");
        }
        let answer = round(ROUND, &good, UPDATED, ROUND);
        for bad in ["0x", &format!("0x{}", word(255)), &format!("0x{}", "f".repeat(64))] {
            assert_eq!(hears(bad, &answer).unwrap_err(), "ETH/USD has no decimals", "{bad}");
        }
    }

    #[test]
    fn a_call_that_fails_costs_only_its_feed() {
        let (ether, bitcoin, dollar): (Code, Code, Code) =
            ("ETH".parse().unwrap(), "BTC".parse().unwrap(), "USD".parse().unwrap());
        let error = json!({"code": -32000, "message": "execution reverted at node-7.internal"});
        let answer = json!([
            {"jsonrpc": "2.0", "id": 0, "error": error}, {"jsonrpc": "2.0", "id": 1, "error": error},
            {"jsonrpc": "2.0", "id": 2, "result": eight()},
            {"jsonrpc": "2.0", "id": 3, "result": round(ROUND, &word(6_718_733_000_000), UPDATED, ROUND)},
        ]);
        let feeds = [(&ether, &dollar, "0x1"), (&bitcoin, &dollar, "0x2")];
        let mut news = News::default();
        read(answer.to_string().as_bytes(), &feeds, &mut news).unwrap();
        assert_eq!(news.told.len(), 1);
        assert_eq!(news.unusable, ["ETH/USD has no decimals"]);
        for nonsense in ["", "{}", "null", "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32005}}", "<html>"] {
            assert!(read(nonsense.as_bytes(), &feeds, &mut news).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn each_feed_is_two_calls() {
        let (ether, dollar): (Code, Code) = ("ETH".parse().unwrap(), "USD".parse().unwrap());
        let question = question(&[(&ether, &dollar, "0xfeed")]);
        assert_eq!(
            question[1],
            json!({"jsonrpc": "2.0", "id": 1, "method": "eth_call",
            "params": [{"to": "0xfeed", "data": "0xfeaf968c"}, "latest"]})
        );
        assert_eq!(question.as_array().unwrap().len(), 2);
    }
}
