//! Prices: instruments, rates that people set, conversion, history.

use serde_json::{Value, json};
use souk_tests::prices::{Market, ether};
use souk_tests::{Answer, Suite, unique};

/// A code that no other test has, for suites that all tests share.
fn token() -> String {
    format!("T{}", unique("").to_uppercase().replace('-', ""))
}

fn items(answer: &Answer) -> &Vec<Value> {
    answer.json()["items"].as_array().expect("a page has items")
}

#[tokio::test]
async fn currencies_are_there_from_the_start() {
    let shop = Suite::start().await;
    let (mut found, mut path) = (Vec::new(), "/api/v1/prices/instruments?kind=fiat&limit=100".to_owned());
    loop {
        let page = shop.stranger().get(path.as_str()).await.is(200);
        found.extend(items(&page).iter().map(|it| it["code"].as_str().expect("a code").to_owned()));
        match page.json()["next_cursor"].as_str() {
            Some(next) => path = format!("/api/v1/prices/instruments?kind=fiat&limit=100&cursor={next}"),
            None => break,
        }
    }
    assert!(found.is_sorted() && found.len() > 140, "{found:?}");
    assert!(["EUR", "USD", "JPY", "TND"].iter().all(|code| found.iter().any(|it| it == code)));
}

#[tokio::test]
async fn a_token_is_added_changed_and_deleted() {
    let shop = Suite::start().await;
    let (merchant, code) = (shop.merchant().await, token());
    let added = merchant.sets_instrument(&code, &ether()).await.is(200);
    assert_eq!((added.text("/code"), &added.json()["decimals"]), (code.as_str(), &json!(18)));
    let changed = json!({"kind": "token", "name": "Other", "decimals": 18});
    let path = format!("/api/v1/prices/instruments/{code}");
    let answer = merchant.put(path.as_str(), &changed).if_match(added.etag()).await.is(200);
    assert_eq!(answer.json()["sources"], json!({}));
    merchant.put(path.as_str(), &changed).if_match(added.etag()).await.is_refused(412, "precondition-failed");
    // Amounts of it are about, so its decimals stay.
    let finer = json!({"kind": "token", "name": "Other", "decimals": 6});
    merchant.put(path.as_str(), &finer).await.is_refused(409, "instrument-fixed");
    merchant.sets_rate(&code, "EUR", "2").await.is(200).accept();
    merchant.delete(path.as_str()).await.is(204).accept();
    merchant.delete(path.as_str()).await.is_refused(404, "not-found");
    shop.stranger().sees_rates(&code, "EUR").await.is_refused(422, "invalid-request").with_field("base");
    // A new one of the same code begins without a rate.
    merchant.sets_instrument(&code, &finer).await.is(200).accept();
    assert_eq!(shop.stranger().sees_rates(&code, "EUR").await.is(200).json(), &json!([]));
}

#[tokio::test]
async fn a_rate_that_is_set_is_seen_with_its_source_and_age() {
    let Some(market) = Market::opens().await else { return };
    let set = market.merchant.sets_rate("EUR", "USD", "1.0944").await.is(200);
    assert_eq!(set.text("/rate"), "1.0944");
    let rate = market.shop().stranger().sees_rate("EUR", "USD").await;
    assert_eq!(
        (&rate["rate"], &rate["stale"], &rate["refused"]),
        (&json!("1.0944"), &json!(false), &json!(false))
    );
    assert_eq!(rate["sources"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&rate["sources"][0]["source"], &rate["sources"][0]["rate"]),
        (&json!("manual"), &json!("1.0944"))
    );
    assert!(rate["age_s"].as_i64().is_some_and(|age| (0..60).contains(&age)), "{rate}");
    // Who set it is noted, and nobody's business.
    let by: String =
        market.database().query_row("SELECT set_by FROM observation", [], |row| row.get(0)).expect("a row");
    assert_eq!(by, market.merchant.id());
    assert!(!rate.to_string().contains(&by));
}

#[tokio::test]
async fn other_rates_are_derived() {
    let Some(market) = Market::opens().await else { return };
    let merchant = &market.merchant;
    merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    for (base, quote, rate) in [("EUR", "USD", "1.25"), ("EUR", "PLN", "4"), ("ETH", "USD", "3000")] {
        merchant.sets_rate(base, quote, rate).await.is(200).accept();
    }
    let rates = market.shop().stranger().sees_rates("PLN", "EUR,USD,ETH,GBP").await.is(200);
    let shown: Vec<_> =
        rates.json().as_array().expect("a list").iter().map(|it| (&it["quote"], &it["rate"])).collect();
    assert_eq!(
        shown,
        [
            (&json!("EUR"), &json!("0.25")),
            (&json!("USD"), &json!("0.3125")),
            (&json!("ETH"), &json!("0.000104166666666666667")),
        ]
    );
    assert_eq!(rates.json()[2]["path"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn amounts_are_converted_exactly_and_rounded_once() {
    let Some(market) = Market::opens().await else { return };
    let (merchant, anyone) = (&market.merchant, market.shop().stranger());
    merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    merchant.sets_rate("EUR", "USD", "1.0944").await.is(200).accept();
    merchant.sets_rate("ETH", "EUR", "2741.83").await.is(200).accept();
    merchant.sets_rate("EUR", "JPY", "0.5").await.is(200).accept();
    // 19.99 EUR are 21.877056 USD.
    let dollars = anyone.converts("1999", "EUR", "USD").await.is(200);
    assert_eq!(dollars.json()["to"], json!({"amount": 2188, "currency": "USD"}));
    assert_eq!((dollars.text("/rounding"), dollars.text("/rate")), ("half-even", "1.0944"));
    // 1.5 ETH, which no number of JSON's holds.
    let euros = anyone.converts_at_once("1500000000000000000", "ETH", "EUR").await.is(200);
    assert_eq!(euros.json()["from"], json!({"amount": "1500000000000000000", "currency": "ETH"}));
    assert_eq!(euros.json()["to"], json!({"amount": 411_274, "currency": "EUR"}), "4112.745 is half way");
    // All wei that there can be.
    let most = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    anyone.converts_at_once(most, "ETH", "EUR").await.is_refused(422, "invalid-request").with_field("amount");
    // 1 and 3 EUR are half a yen too much; both go to the even one.
    for (cents, yen) in [("100", 0), ("300", 2), ("500", 2), ("301", 2), ("299", 1)] {
        let answer = anyone.converts_at_once(cents, "EUR", "JPY").await.is(200);
        assert_eq!(answer.json()["to"]["amount"], json!(yen), "{cents}");
    }
}

#[tokio::test]
async fn a_rate_ages_is_marked_and_then_refused() {
    let Some(market) = Market::opens().await else { return };
    let (merchant, anyone) = (&market.merchant, market.shop().stranger());
    merchant.sets_rate("EUR", "USD", "1.0944").await.is(200).accept();
    market.changes("UPDATE rate SET stale_at = 1, as_of = as_of - 9000000");
    let stale = anyone.converts("100", "EUR", "USD").await.is(200);
    assert_eq!((&stale.json()["stale"], &stale.json()["to"]["amount"]), (&json!(true), &json!(109)));
    assert!(stale.json()["age_s"].as_i64() >= Some(9000));
    market.changes("UPDATE rate SET refuse_at = 2");
    let refused = anyone.converts("100", "EUR", "USD").await.is_refused(409, "rate-stale");
    assert!(refused.answer().json()["age_s"].as_i64() >= Some(9000));
    let ana = market.shop().sign_up("ana").await;
    ana.asks_for(&json!({"from": "USD", "to": "EUR", "amount": 100})).await.is_refused(409, "rate-stale");
    // It is still shown, for what it is.
    let rate = anyone.sees_rate("EUR", "USD").await;
    assert_eq!((&rate["stale"], &rate["refused"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn a_rate_that_is_set_for_a_time_counts_until_then() {
    let Some(market) = Market::opens().await else { return };
    let (merchant, anyone) = (&market.merchant, market.shop().stranger());
    market.refreshes("ecb").await;
    let until = json!({"rate": "2", "valid_until": "2999-01-01T00:00:00Z"});
    merchant.put("/api/v1/prices/rates/EUR/USD", &until).await.is(200).accept();
    assert_eq!(anyone.sees_rate("EUR", "USD").await["rate"], "2");
    // The bank goes on telling, and is not listened to.
    market.refreshes("ecb").await;
    assert_eq!(anyone.sees_rate("EUR", "USD").await["rate"], "2");
    market.changes(
        "UPDATE observation SET stale_at = 1, refuse_at = 1 WHERE source = 'manual';
         UPDATE rate SET stale_at = 1, refuse_at = 1 WHERE base = 'EUR' AND quote = 'USD'",
    );
    market.shop().ticks().await;
    assert_eq!(anyone.sees_rate("EUR", "USD").await["rate"], "1.0944");
}

#[tokio::test]
async fn a_rate_that_is_taken_back_gives_way_to_what_others_say() {
    let Some(market) = Market::opens().await else { return };
    let (merchant, anyone) = (&market.merchant, market.shop().stranger());
    market.refreshes("ecb").await;
    merchant.sets_rate("EUR", "USD", "9").await.is(200).accept();
    merchant.withdraws_rate("EUR", "USD").await.is(204).accept();
    assert_eq!(anyone.sees_rate("EUR", "USD").await["rate"], "1.0944");
    merchant.withdraws_rate("EUR", "USD").await.is_refused(404, "not-found");
    merchant.sets_rate("EUR", "ZAR", "20").await.is(200).accept();
    merchant.withdraws_rate("EUR", "ZAR").await.is(204).accept();
    assert_eq!(anyone.sees_rates("EUR", "ZAR").await.is(200).json(), &json!([]));
}

#[tokio::test]
async fn what_a_rate_was_is_kept_page_by_page_and_thinned_when_it_is_old() {
    let Some(market) = Market::opens_with(&[("prices_history_days", "30")]).await else { return };
    let anyone = market.shop().stranger();
    market.merchant.sets_rate("EUR", "USD", "2").await.is(200).accept();
    // Two days, eight and forty days ago, every two hours.
    market.changes(
        "WITH RECURSIVE hour (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM hour WHERE n < 23)
         INSERT INTO history (base, quote, as_of, rate)
         SELECT 'EUR', 'USD', (unixepoch('now', 'start of day') - day.value * 86400 + n % 12 * 7200 + n / 12 * 86400) * 1000,
                '1.' || (100 + n)
           FROM hour, json_each('[8, 41]') day",
    );
    let all = anyone.sees_history("EUR", "USD", "?limit=100").await.is(200);
    assert_eq!(items(&all).len(), 49);
    assert_eq!(items(&all)[0]["rate"], "2");
    let first = anyone.sees_history("EUR", "USD", "?limit=20").await.is(200);
    let cursor = first.text("/next_cursor").to_owned();
    let second = anyone.sees_history("EUR", "USD", &format!("?limit=40&cursor={cursor}")).await.is(200);
    assert_eq!([items(&first).as_slice(), items(&second).as_slice()].concat(), *items(&all));
    // The other way round it is the inverse.
    assert_eq!(items(&anyone.sees_history("USD", "EUR", "").await.is(200))[0]["rate"], "0.5");
    // Of the days that are long ago, the last one is left; of the others, all.
    market.shop().ticks().await;
    market.shop().ticks().await;
    let thinned = anyone.sees_history("EUR", "USD", "?limit=100").await.is(200);
    let rates: Vec<_> = items(&thinned).iter().map(|it| it["rate"].as_str().expect("a rate")).collect();
    assert_eq!(rates.len(), 27, "{rates:?}");
    assert_eq!(rates[25..], ["1.123", "1.111"]);
    let old = items(&all)[25]["as_of"].as_str().expect("a time");
    let until = anyone.sees_history("EUR", "USD", &format!("?to={old}")).await.is(200);
    assert_eq!(items(&until).len(), 2);
}
