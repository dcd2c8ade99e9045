//! Rates from outside: the sources answer well, slowly, not at all, or nonsense.

use serde_json::{Value, json};
use souk_tests::feeds::{Round, Trouble};
use souk_tests::prices::{ETH_USD, Market, ether};
use std::time::{Duration, Instant};

/// What a source said of a pair, as anybody sees it.
async fn said(market: &Market, base: &str, quote: &str, source: &str) -> Value {
    let rate = market.shop().stranger().sees_rate(base, quote).await;
    let sources = rate["sources"].as_array().expect("sources").clone();
    sources
        .into_iter()
        .find(|it| it["source"] == source)
        .unwrap_or_else(|| panic!("{source} said nothing: {rate}"))
}

async fn rate(market: &Market, base: &str, quote: &str) -> String {
    market.shop().stranger().sees_rate(base, quote).await["rate"].as_str().expect("a rate").to_owned()
}

/// As if the pauses of all sources were over.
fn pauses_end(market: &Market) {
    market.changes("UPDATE provider SET next_at = 0");
}

#[tokio::test]
async fn the_bank_is_asked_by_maintenance_and_its_rates_are_used() {
    let Some(market) = Market::opens().await else { return };
    market.shop().ticks().await;
    let anyone = market.shop().stranger();
    let dollar = anyone.sees_rate("EUR", "USD").await;
    assert_eq!((&dollar["rate"], &dollar["stale"]), (&json!("1.0944"), &json!(false)));
    assert!(dollar["as_of"].as_str().is_some_and(|it| it.ends_with("T12:15:00Z")), "{dollar}");
    assert_eq!(dollar["sources"][0]["source"], "ecb");
    // 100.00 USD are 100 / 1.0944 × 4.6138 = 421.5826 PLN.
    let zloty = anyone.converts("10000", "USD", "PLN").await.is(200);
    assert_eq!(zloty.json()["to"]["amount"], 42_158);
    assert_eq!(items(&anyone.sees_history("EUR", "JPY", "").await.is(200)), 1);
    // It is not its time yet.
    market.feeds.have_seen("ecb");
    market.shop().ticks().await;
    assert!(market.feeds.have_seen("ecb").is_empty());
}

fn items(page: &souk_tests::Answer) -> usize {
    page.json()["items"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn a_source_without_an_address_is_off() {
    let Some(shop) = souk_tests::Suite::own().await else { return };
    let outcomes = shop.merchant().await.post("/api/v1/prices/refresh", &json!({})).await.is(200);
    let states: Vec<_> = outcomes.json().as_array().expect("a list").iter().map(|it| &it["state"]).collect();
    assert_eq!(states, [&json!("off"), &json!("off"), &json!("off")]);
}

#[tokio::test]
async fn a_token_is_worth_the_median_of_what_its_sources_say() {
    let Some(market) = Market::opens_with(&[("prices_coingecko_key", "the-key")]).await else { return };
    market.merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    market.feeds.coin_is("ethereum", "2741.83", "3000.123456789012345", 30);
    market.feeds.feed_says(ETH_USD, Round::of(301_000_000_000));
    assert_eq!(market.refreshes("coingecko").await["state"], "refreshed");
    assert_eq!(said(&market, "ETH", "USD", "chainlink").await["rate"], "3010");
    assert_eq!(said(&market, "ETH", "USD", "coingecko").await["rate"], "3000.123456789012345");
    assert_eq!(rate(&market, "ETH", "USD").await, "3005.0617283945061725");
    assert_eq!(rate(&market, "ETH", "EUR").await, "2741.83");
    let asked = market.feeds.have_seen("coingecko");
    assert_eq!(asked[0].header("x-cg-demo-api-key"), Some("the-key"));
}

#[tokio::test]
async fn who_is_far_off_is_refused_and_it_is_noted() {
    let Some(market) = Market::opens().await else { return };
    market.merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    market.feeds.coin_is("ethereum", "2741.83", "3000", 30);
    market.feeds.feed_says(ETH_USD, Round::of(300_000_000_000));
    market.refreshes("ecb").await;
    assert_eq!(rate(&market, "ETH", "USD").await, "3000");
    // One of the two goes mad: what it was a moment ago tells which.
    market.feeds.feed_says(ETH_USD, Round::of(30_000_000_000));
    assert_eq!(market.refreshes("chainlink").await["refused"], 1);
    assert_eq!(rate(&market, "ETH", "USD").await, "3000");
    let refused = said(&market, "ETH", "USD", "chainlink").await;
    assert_eq!(refused["refused"], "is 9000 hundredths of a percent off the last rate, 3000");
    assert_eq!(said(&market, "ETH", "USD", "coingecko").await["refused"], Value::Null);
    // It comes to its senses, and is believed again.
    market.feeds.feed_says(ETH_USD, Round::of(302_000_000_000));
    assert_eq!(market.refreshes("chainlink").await["refused"], 0);
    assert_eq!(rate(&market, "ETH", "USD").await, "3010");
    // A source that is alone is judged by what it said before, until that is too old.
    market.feeds.euro_is("JPY", "1473.4");
    assert_eq!(market.refreshes("ecb").await["refused"], 1);
    assert_eq!(rate(&market, "EUR", "JPY").await, "147.34");
    market.changes("UPDATE rate SET stale_at = 1, refuse_at = 1 WHERE quote = 'JPY'");
    assert_eq!(market.refreshes("ecb").await["refused"], 0);
    assert_eq!(rate(&market, "EUR", "JPY").await, "1473.4");
}

#[tokio::test]
async fn rounds_that_mean_nothing_are_not_believed() {
    let Some(market) = Market::opens().await else { return };
    market.merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    let good = Round::of(300_000_000_000);
    let bad = [
        Round { answer: -300_000_000_000, ..good.clone() },
        Round { answer: 0, ..good.clone() },
        Round { updated_at: 0, ..good.clone() },
        Round { updated_at: good.updated_at + 86_400, ..good.clone() },
        Round { answered_in: good.id - 1, ..good.clone() },
        Round { decimals: 255, ..good.clone() },
    ];
    for round in bad {
        market.feeds.feed_says(ETH_USD, round.clone());
        let outcome = market.refreshes("chainlink").await;
        assert_eq!((&outcome["state"], &outcome["rates"]), (&json!("refreshed"), &json!(0)), "{round:?}");
        assert_eq!(outcome["unusable"].as_array().map(Vec::len), Some(1), "{round:?}");
    }
    assert_eq!(market.shop().stranger().sees_rates("ETH", "USD").await.is(200).json(), &json!([]));
    market.feeds.feed_says(ETH_USD, Round { decimals: 18, answer: 3_000_500_000_000_000_000_000, ..good });
    market.refreshes("chainlink").await;
    assert_eq!(rate(&market, "ETH", "USD").await, "3000.5");
}

#[tokio::test]
async fn a_source_that_fails_is_left_alone_for_longer_and_longer() {
    let Some(market) = Market::opens().await else { return };
    market.shop().ticks().await;
    market.feeds.ails("ecb", Trouble::Status(503));
    let mut pauses = Vec::new();
    for _ in 0..4 {
        pauses_end(&market);
        let outcome = market.refreshes("ecb").await;
        assert_eq!((&outcome["state"], &outcome["detail"]), (&json!("failed"), &json!("answered 503")));
        // Whoever asks for it cannot hurry it, and neither can maintenance.
        market.feeds.have_seen("ecb");
        assert_eq!(market.refreshes("ecb").await["state"], "waiting");
        market.shop().ticks().await;
        assert!(market.feeds.have_seen("ecb").is_empty());
        let pause = "SELECT next_at - unixepoch('now', 'subsec') * 1000 FROM provider WHERE name = 'ecb'";
        pauses.push(market.database().query_row(pause, [], |row| row.get::<_, f64>(0)).expect("a pause"));
    }
    for (pause, at_least) in pauses.iter().zip([30_000.0, 60_000.0, 120_000.0, 240_000.0]) {
        assert!((at_least - 15_000.0..at_least * 1.2).contains(pause), "{pauses:?}");
    }
    // What it said before still counts; and when it is well, all is as it was.
    assert_eq!(rate(&market, "EUR", "USD").await, "1.0944");
    market.feeds.is_well("ecb");
    market.feeds.euro_is("USD", "1.1");
    pauses_end(&market);
    market.shop().ticks().await;
    assert_eq!(rate(&market, "EUR", "USD").await, "1.1");
    let failures = "SELECT failures FROM provider WHERE name = 'ecb'";
    assert_eq!(market.database().query_row(failures, [], |row| row.get::<_, i64>(0)).expect("a number"), 0);
}

#[tokio::test]
async fn who_is_told_to_wait_waits() {
    let Some(market) = Market::opens().await else { return };
    market.merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    market.feeds.ails("coingecko", Trouble::RateLimited(7_000));
    let outcome = market.refreshes("coingecko").await;
    assert_eq!((&outcome["state"], &outcome["detail"]), (&json!("failed"), &json!("answered 429")));
    let waits = "SELECT next_at >= (unixepoch() + 6900) * 1000 FROM provider WHERE name = 'coingecko'";
    assert!(market.database().query_row(waits, [], |row| row.get::<_, bool>(0)).expect("a pause"));
}

#[tokio::test]
async fn nobody_is_asked_more_often_in_a_day_than_they_may_be() {
    let Some(market) = Market::opens_with(&[("prices_daily_calls", "3")]).await else { return };
    for _ in 0..3 {
        assert_eq!(market.refreshes("ecb").await["state"], "refreshed");
    }
    assert_eq!(market.refreshes("ecb").await["state"], "exhausted");
    assert_eq!(market.feeds.have_seen("ecb").len(), 3);
    market.changes("UPDATE provider SET day = day - 1");
    assert_eq!(market.refreshes("ecb").await["state"], "refreshed");
}

#[tokio::test]
async fn nonsense_changes_nothing() {
    let Some(market) = Market::opens().await else { return };
    market.merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    market.feeds.coin_is("ethereum", "2741.83", "3000", 30);
    market.feeds.feed_says(ETH_USD, Round::of(300_000_000_000));
    market.refreshes("ecb").await;
    let huge = format!("[{}", "1,".repeat(1 << 20));
    let before = "SELECT group_concat(base || quote || rate || as_of) FROM rate";
    let read = || market.database().query_row(before, [], |row| row.get::<_, String>(0)).expect("rates");
    let rates = read();
    for nonsense in
        ["", "null", "{}", "[]", "<html><body>Maintenance</body></html>", "\u{0}\u{1}", "[[[[[[[[[[", &huge]
    {
        for source in ["ecb", "coingecko", "chainlink"] {
            market.feeds.ails(source, Trouble::Says(nonsense.to_owned()));
        }
        pauses_end(&market);
        market.refreshes("ecb").await;
        let told = "SELECT max(last_error) FROM provider";
        let told: Option<String> = market.database().query_row(told, [], |row| row.get(0)).expect("a row");
        assert!(told.is_some(), "{}", nonsense.chars().take(40).collect::<String>());
        assert_eq!(read(), rates);
    }
}

#[tokio::test]
async fn a_source_that_hangs_holds_nobody_up() {
    let Some(market) = Market::opens().await else { return };
    market.merchant.sets_rate("EUR", "USD", "2").await.is(200).accept();
    market.feeds.ails("ecb", Trouble::Slow(Duration::from_secs(40)));
    let started = Instant::now();
    let anyone = market.shop().stranger();
    let (outcome, ()) = tokio::join!(market.refreshes("ecb"), async {
        for _ in 0..20 {
            anyone.converts_at_once("100", "EUR", "USD").await.is(200).accept();
        }
        assert!(
            started.elapsed() < Duration::from_secs(9),
            "the conversions waited: {:?}",
            started.elapsed()
        );
    });
    assert_eq!((&outcome["state"], &outcome["detail"]), (&json!("failed"), &json!("did not answer in time")));
}

#[tokio::test]
async fn one_instance_at_a_time_asks_a_source() {
    let Some(market) = Market::opens().await else { return };
    market.feeds.ails("ecb", Trouble::Slow(Duration::from_millis(300)));
    let at_once = (0..8).map(|_| market.refreshes("ecb"));
    let outcomes = futures::future::join_all(at_once).await;
    let refreshed = outcomes.iter().filter(|it| it["state"] == "refreshed").count();
    let busy = outcomes.iter().filter(|it| it["state"] == "busy").count();
    assert!(refreshed >= 1 && refreshed + busy == 8, "{outcomes:?}");
    assert_eq!(market.feeds.have_seen("ecb").len(), refreshed);
}

#[tokio::test]
async fn an_instance_that_died_while_it_asked_is_not_waited_for_for_ever() {
    let Some(market) = Market::opens().await else { return };
    market.shop().ticks().await;
    let leased = |until: &str| {
        market.changes(&format!(
            "UPDATE provider SET lease = 'dead', lease_until = {until}, next_at = 0 WHERE name = 'ecb'"
        ));
    };
    leased("(unixepoch() + 60) * 1000");
    assert_eq!(market.refreshes("ecb").await["state"], "busy");
    leased("(unixepoch() - 1) * 1000");
    assert_eq!(market.refreshes("ecb").await["state"], "refreshed");
}

#[tokio::test]
async fn a_source_that_falls_silent_gives_way_to_another() {
    let Some(market) = Market::opens().await else { return };
    market.merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    market.feeds.coin_is("ethereum", "2741.83", "3000", 30);
    market.feeds.feed_says(ETH_USD, Round::of(310_000_000_000));
    market.refreshes("ecb").await;
    assert_eq!(rate(&market, "ETH", "USD").await, "3050");
    market.changes(
        "UPDATE observation SET stale_at = 1 WHERE source = 'chainlink';
         UPDATE rate SET stale_at = 1 WHERE base = 'ETH' AND quote = 'USD';
         UPDATE provider SET next_at = 99999999999999",
    );
    market.shop().ticks().await;
    assert_eq!(rate(&market, "ETH", "USD").await, "3000");
    // What is older than what a source said before is not taken for news.
    market.feeds.coin_is("ethereum", "1", "1", 3600);
    assert_eq!(market.refreshes("coingecko").await["state"], "refreshed");
    assert_eq!(said(&market, "ETH", "USD", "coingecko").await["rate"], "3000");
}

#[tokio::test]
async fn the_bank_may_rest_over_a_long_weekend_but_not_for_ever() {
    let Some(market) = Market::opens().await else { return };
    for (days, stale, refused) in [(-3, false, false), (-6, true, false), (-11, true, true)] {
        market.changes("DELETE FROM rate; DELETE FROM observation");
        market.feeds.bank_is_of(days);
        market.refreshes("ecb").await;
        let seen = market.shop().stranger().sees_rates("EUR", "USD").await.is(200);
        match seen.json().get(0) {
            Some(rate) => {
                assert_eq!((&rate["stale"], &rate["refused"]), (&json!(stale), &json!(refused)), "{days}")
            }
            None => assert!(refused, "{days}"),
        }
    }
}
