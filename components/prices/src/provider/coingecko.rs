//! CoinGecko's `GET /api/v3/simple/price`, and whatever speaks like it.
//!
//! One question for a hundred tokens: `{"ethereum":{"eur":2741.83,"usd":3000.5,"last_updated_at":1711356300}}`. A coin that it
//! does not know is not in the answer; a price that it does not know is not there, or null.

use super::{Answer, Failure, News, Provider, Told, Variables, http};
use crate::decimal::Rate;
use crate::model::{Code, Instrument, PIVOTS};
use futures::FutureExt as _;
use serde::Deserialize;
use souk_kit::settings;
use std::collections::BTreeMap;

const PATH: &str = "/api/v3/simple/price";
/// The most coins of one question.
const COINS: usize = 100;

/// CoinGecko.
pub struct CoinGecko;

impl Provider for CoinGecko {
    fn name(&self) -> &'static str {
        "coingecko"
    }

    fn variables(&self) -> Option<Variables> {
        Some(Variables { url: "coingecko_url", interval: "coingecko_interval_s" })
    }

    fn fetch<'a>(&'a self, origin: &'a str, instruments: &'a [Instrument]) -> Answer<'a> {
        async move {
            let key = settings::variable("coingecko_key").await.map_err(|_| Failure::new("has no key"))?;
            let known: Vec<_> = instruments.iter().filter_map(|it| Some((&it.code, coin(it)?))).collect();
            let mut news = News::default();
            for coins in known.chunks(COINS) {
                let answer = http::ask(question(origin, &key, coins), None).await?;
                read(&answer, coins, &mut news)?;
            }
            Ok(news)
        }
        .boxed()
    }
}

type Coin<'a> = (&'a Code, &'a str);

fn coin(instrument: &Instrument) -> Option<&str> {
    instrument.sources.coingecko.as_deref()
}

fn question(origin: &str, key: &str, coins: &[Coin<'_>]) -> ::http::request::Builder {
    let ids: Vec<_> = coins.iter().map(|(_, id)| *id).collect();
    let quotes = PIVOTS.join(",").to_lowercase();
    let query =
        format!("ids={}&vs_currencies={quotes}&include_last_updated_at=true&precision=full", ids.join(","));
    let request =
        ::http::Request::get(format!("{origin}{PATH}?{query}")).header("accept", "application/json");
    // The keys of the two plans go by different names, and to different hosts.
    let header = if origin.contains("://pro-api.") { "x-cg-pro-api-key" } else { "x-cg-demo-api-key" };
    if key.is_empty() { request } else { request.header(header, key) }
}

fn read(json: &[u8], coins: &[Coin<'_>], news: &mut News) -> Result<(), Failure> {
    let text = std::str::from_utf8(json).map_err(|_| Failure::new("answered no text"))?;
    // Before their numbers are read, so that no digit is lost.
    let prices: BTreeMap<String, Prices> =
        serde_json::from_str(&with_quoted_numbers(text)).map_err(|_| Failure::new("answered nonsense"))?;
    for (code, id) in coins {
        let told = prices.get(*id).and_then(|prices| prices.told(code));
        match told {
            Some(told) => news.told.extend(told),
            None => news.unusable.push(format!("{code}: {id}")),
        }
    }
    Ok(())
}

/// What a coin is worth, by currency, and `last_updated_at`.
#[derive(Deserialize)]
struct Prices(BTreeMap<String, Option<String>>);

impl Prices {
    /// All of it, or nothing when some of it is nonsense.
    fn told(&self, base: &Code) -> Option<Vec<Told>> {
        let text = |name: &str| self.0.get(name).and_then(Option::as_deref);
        let as_of = super::told_at(text("last_updated_at")?.parse().ok()?)?;
        let mut all = Vec::new();
        for quote in PIVOTS.into_iter().filter(|pivot| *pivot != base.as_str()) {
            if let Some(price) = text(&quote.to_lowercase()) {
                let (base, quote) = (base.clone(), quote.parse().ok()?);
                all.push(Told { base, quote, rate: Rate::told(price).ok()?, as_of });
            }
        }
        (!all.is_empty()).then_some(all)
    }
}

/// JSON whose numbers are texts: a parser that makes floats of them would round.
fn with_quoted_numbers(json: &str) -> String {
    let mut quoted = String::with_capacity(json.len() + 64);
    let (mut is_text, mut is_escaped, mut is_number) = (false, false, false);
    for character in json.chars() {
        let belongs = character.is_ascii_digit() || "+-.eE".contains(character);
        let begins = !is_text && (character.is_ascii_digit() || character == '-');
        if is_number != (begins || is_number && belongs) {
            quoted.push('"');
            is_number = !is_number;
        }
        quoted.push(character);
        if character == '"' && !is_escaped {
            is_text = !is_text;
        }
        is_escaped = is_text && character == '\\' && !is_escaped;
    }
    if is_number {
        quoted.push('"');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(json: &str) -> Result<News, Failure> {
        let (ether, tether) = ("ETH".parse().unwrap(), "USDT".parse().unwrap());
        let mut news = News::default();
        read(json.as_bytes(), &[(&ether, "ethereum"), (&tether, "tether")], &mut news).map(|()| news)
    }

    fn pairs(news: &News) -> Vec<String> {
        news.told.iter().map(|told| format!("{}/{} {}", told.base, told.quote, told.rate)).collect()
    }

    #[test]
    fn every_digit_of_a_price_counts() {
        let news = answers(
            r#"{"ethereum":{"eur":2741.830000000000123,"usd":3.0005e3,"last_updated_at":1711356300},
                "tether":{"usd":1,"eur":9.1e-1,"last_updated_at":1711356300}}"#,
        );
        let news = news.unwrap();
        assert_eq!(
            pairs(&news),
            ["ETH/EUR 2741.830000000000123", "ETH/USD 3000.5", "USDT/EUR 0.91", "USDT/USD 1"]
        );
        assert_eq!(news.told[0].as_of.to_string(), "2024-03-25T08:45:00Z");
    }

    #[test]
    fn what_it_does_not_know_is_named_and_the_rest_is_used() {
        let ether = r#""ethereum":{"eur":null,"usd":3000.5,"last_updated_at":1711356300}"#;
        for tether in [
            "",
            r#","tether":{}"#,
            r#","tether":{"usd":1}"#,
            r#","tether":{"usd":null,"eur":null,"last_updated_at":1711356300}"#,
            r#","tether":{"usd":-1,"last_updated_at":1711356300}"#,
            r#","tether":{"usd":0,"last_updated_at":1711356300}"#,
            r#","tether":{"usd":1,"last_updated_at":99711356300}"#,
            r#","tether":{"usd":1e300,"last_updated_at":1711356300}"#,
        ] {
            let news = answers(&format!("{{{ether}{tether}}}")).unwrap();
            assert_eq!(pairs(&news), ["ETH/USD 3000.5"], "{tether}");
            assert_eq!(news.unusable, ["USDT: tether"]);
        }
    }

    #[test]
    fn nonsense_is_a_failure() {
        for json in
            ["", "[]", "null", "<html>", "{\"ethereum\":7}", "{\"ethereum\":{\"usd\":[1]}}", "{\"ethereum\":"]
        {
            assert_eq!(answers(json), Err(Failure::new("answered nonsense")), "{json}");
        }
    }

    #[test]
    fn only_numbers_are_quoted() {
        let quoted = with_quoted_numbers(r#"{"a-1":[-1.5E+7,2],"b":"3 \" 4","c":true,"d":null}"#);
        assert_eq!(quoted, r#"{"a-1":["-1.5E+7","2"],"b":"3 \" 4","c":true,"d":null}"#);
        assert_eq!(with_quoted_numbers("7"), "\"7\"");
    }

    #[test]
    fn a_key_goes_where_its_plan_wants_it() {
        let ether = "ETH".parse().unwrap();
        let ask = |origin, key| question(origin, key, &[(&ether, "ethereum")]).body(()).unwrap();
        let free = ask("https://api.coingecko.com", "");
        assert_eq!(
            free.uri().to_string(),
            "https://api.coingecko.com/api/v3/simple/price?ids=ethereum&vs_currencies=eur,usd&include_last_updated_at=true&precision=full"
        );
        assert_eq!(free.headers().len(), 1);
        assert!(ask("https://api.coingecko.com", "k").headers().contains_key("x-cg-demo-api-key"));
        assert!(ask("https://pro-api.coingecko.com", "k").headers().contains_key("x-cg-pro-api-key"));
    }
}
