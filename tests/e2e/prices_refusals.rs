//! What prices refuse, each by its name, with nothing changed.

use serde_json::{Value, json};
use souk_tests::prices::{ETH_USD, Market, ether};
use souk_tests::{Person, Suite};

async fn refuses(merchant: &Person, code: &str, instrument: &Value, field: &str) {
    merchant.sets_instrument(code, instrument).await.is_refused(422, "invalid-request").with_field(field);
}

/// `whole` with `field`, a JSON pointer, set to `value`.
fn with(mut whole: Value, field: &str, value: Value) -> Value {
    *whole.pointer_mut(field).unwrap_or_else(|| panic!("no {field}")) = value;
    whole
}

#[tokio::test]
async fn instruments_that_cannot_be_are_refused() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    for code in ["e", "eth", "1INCH", "TOOLONGACODE1", "A-B", "%C3%89T"] {
        merchant.sets_instrument(code, &ether()).await.is_refused(404, "not-found");
    }
    refuses(&merchant, "GBP", &ether(), "/kind").await;
    refuses(&merchant, "QQQQ", &json!({"kind": "fiat", "name": "Q", "decimals": 2}), "/kind").await;
    refuses(&merchant, "EUR", &json!({"kind": "fiat", "name": "Euro", "decimals": 3}), "/decimals").await;
    refuses(&merchant, "QQQQ", &with(ether(), "/decimals", json!(31)), "/decimals").await;
    refuses(&merchant, "QQQQ", &with(ether(), "/decimals", json!(-1)), "/decimals").await;
    refuses(&merchant, "QQQQ", &with(ether(), "/name", json!("")), "/name").await;
    refuses(&merchant, "QQQQ", &with(ether(), "/name", json!("two\nlines")), "/name").await;
    refuses(&merchant, "QQQQ", &with(ether(), "/kind", json!("share")), "/kind").await;
    let coin = "/sources/coingecko";
    refuses(&merchant, "QQQQ", &with(ether(), coin, json!("a&vs_currencies=b")), coin).await;
    let feed = "/sources/chainlink/0/feed";
    refuses(&merchant, "QQQQ", &with(ether(), feed, json!("0x1234")), feed).await;
    let quote = "/sources/chainlink/0/quote";
    refuses(&merchant, "QQQQ", &with(ether(), quote, json!("QQQQ")), quote).await;
    refuses(&merchant, "QQQQ", &with(ether(), quote, json!("QQQR")), quote).await;
    let twice = json!([{"quote": "USD", "feed": ETH_USD}, {"quote": "USD", "feed": ETH_USD}]);
    refuses(&merchant, "QQQQ", &with(ether(), "/sources/chainlink", twice), "/sources/chainlink/1/quote")
        .await;
}

#[tokio::test]
async fn rates_that_cannot_be_are_refused() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    for rate in [
        "0",
        "0.00",
        "-1",
        "",
        " 1",
        "1.",
        ".5",
        "1e3",
        "NaN",
        "1,5",
        "0x10",
        "1000000000000000000",
        "0.0000000000000000001",
    ] {
        merchant.sets_rate("EUR", "SEK", rate).await.is_refused(422, "invalid-request").with_field("/rate");
    }
    let path = "/api/v1/prices/rates/EUR/SEK";
    merchant.put(path, &json!({"rate": 1.5})).await.is_refused(422, "invalid-request").with_field("/rate");
    merchant.put(path, &json!({})).await.is_refused(422, "invalid-request").with_field("/rate");
    let past = json!({"rate": "1", "valid_until": "2020-01-01T00:00:00Z"});
    merchant.put(path, &past).await.is_refused(422, "invalid-request").with_field("/valid_until");
    merchant.sets_rate("EUR", "EUR", "1").await.is_refused(422, "invalid-request").with_field("quote");
    merchant.sets_rate("EUR", "QQQQ", "1").await.is_refused(404, "not-found");
    merchant.sets_rate("eur", "USD", "1").await.is_refused(404, "not-found");
    let ana = shop.sign_up("ana").await;
    ana.sets_rate("EUR", "SEK", "1").await.is_refused(403, "insufficient-scope");
    shop.stranger().sets_rate("EUR", "SEK", "1").await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn there_are_enough_rates_some_day() {
    let Some(market) = Market::opens().await else { return };
    market.merchant.sets_rate("EUR", "USD", "1").await.is(200).accept();
    market.changes(
        "WITH RECURSIVE many (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 1999)
         INSERT INTO rate SELECT 'EUR', 'T' || n, '1', 1, 1, 99999999999999, 99999999999999 FROM many",
    );
    market.merchant.sets_rate("EUR", "GBP", "1").await.is_refused(409, "too-many-rates");
    market.merchant.sets_rate("EUR", "USD", "2").await.is(200).accept();
    // All of them are still read at once.
    market.shop().stranger().converts("100", "EUR", "USD").await.is(200).accept();
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let shop = Suite::start().await;
    let anyone = shop.stranger();
    for (query, field) in [
        ("base=EUR", "quote"),
        ("quote=EUR", "base"),
        ("base=EUR&quote=", "quote"),
        ("base=EUR&quote=EUR", "quote"),
        ("base=EUR&quote=usd", "quote"),
        ("base=QQQQ&quote=EUR", "base"),
        ("base=EUR&quote=QQQQ", "quote"),
        ("base=EUR&quote=USD&at=now", "at"),
    ] {
        let path = format!("/api/v1/prices/rates?{query}");
        anyone.get(path).await.is_refused(422, "invalid-request").with_field(field);
    }
    for (query, field) in [("?from=yesterday", "from"), ("?limit=0", "limit"), ("?limit=101", "limit")] {
        anyone.sees_history("EUR", "USD", query).await.is_refused(422, "invalid-request").with_field(field);
    }
    anyone.sees_history("EUR", "USD", "?cursor=nonsense").await.is_refused(400, "malformed-request");
    anyone.sees_history("EUR", "QQQQ", "").await.is_refused(404, "not-found");
}

#[tokio::test]
async fn amounts_that_cannot_be_converted_are_refused() {
    let Some(market) = Market::opens().await else { return };
    let (merchant, anyone) = (&market.merchant, market.shop().stranger());
    merchant
        .sets_instrument("DUST", &json!({"kind": "token", "name": "Dust", "decimals": 0}))
        .await
        .is(200)
        .accept();
    merchant.sets_rate("EUR", "USD", "1.0944").await.is(200).accept();
    merchant.sets_rate("DUST", "EUR", "999999999999999999").await.is(200).accept();
    anyone.converts("100", "EUR", "USD").await.is(200).accept();
    let too_long = "9".repeat(79);
    for amount in ["", "0", "-1", "1.5", "1e3", "abc", "%2B1", "1%20", "1000000000000001", too_long.as_str()]
    {
        let refused = anyone.converts_at_once(amount, "EUR", "USD").await.is_refused(422, "invalid-request");
        refused.with_field("amount");
    }
    anyone.converts_at_once("1000000000000000", "EUR", "USD").await.is_refused(422, "invalid-request");
    anyone.converts_at_once("1", "DUST", "EUR").await.is_refused(422, "invalid-request").with_field("amount");
    for (from, to, field) in
        [("EUR", "EUR", "to"), ("QQQQ", "EUR", "from"), ("EUR", "QQQQ", "to"), ("eur", "USD", "from")]
    {
        anyone.converts_at_once("100", from, to).await.is_refused(422, "invalid-request").with_field(field);
    }
    anyone.converts_at_once("100", "EUR", "GBP").await.is_refused(409, "rate-missing");
    anyone
        .get("/api/v1/prices/convert?from=EUR&to=USD")
        .await
        .is_refused(422, "invalid-request")
        .with_field("amount");
}

#[tokio::test]
async fn quotes_that_cannot_be_promised_are_refused() {
    let Some(market) = Market::opens().await else { return };
    market.merchant.sets_rate("EUR", "JPY", "0.001").await.is(200).accept();
    let ana = market.shop().sign_up("ana").await;
    let good = json!({"from": "EUR", "to": "JPY", "amount": 100_000_000});
    ana.asks_for(&good).await.is(201).accept();
    for (field, value, blamed) in [
        ("/amount", json!(0), "/amount"),
        ("/amount", json!(-1), "/amount"),
        ("/amount", json!(1.5), "/amount"),
        ("/amount", json!("1.5"), "/amount"),
        ("/amount", json!(""), "/amount"),
        ("/amount", json!(1_000_000_000_000_001_i64), "/amount"),
        ("/amount", json!("9".repeat(79)), "/amount"),
        ("/amount", json!(null), "/amount"),
        ("/from", json!("JPY"), "/to"),
        ("/from", json!("QQQQ"), "/from"),
        ("/to", json!("QQQQ"), "/to"),
        ("/to", json!("jpy"), "/to"),
    ] {
        let bad = with(good.clone(), field, value);
        ana.asks_for(&bad).await.is_refused(422, "invalid-request").with_field(blamed);
    }
    let both = json!({"from": "EUR", "to": "JPY", "amount": 1, "to_amount": 1});
    ana.asks_for(&both).await.is_refused(422, "invalid-request").with_field("/to_amount");
    let too_much = json!({"from": "EUR", "to": "JPY", "to_amount": 1_000_000_000_000_000_i64});
    ana.asks_for(&too_much).await.is_refused(422, "invalid-request").with_field("/to_amount");
    let too_little = json!({"from": "EUR", "to": "JPY", "amount": 100});
    ana.asks_for(&too_little).await.is_refused(422, "amount-too-small");
    ana.asks_for(&json!({"from": "EUR", "to": "GBP", "amount": 100})).await.is_refused(409, "rate-missing");
    let open = "SELECT count(*) FROM quote";
    assert_eq!(market.database().query_row(open, [], |row| row.get::<_, i64>(0)).expect("a number"), 1);
    ana.reads_quote("quo_nonsense").await.is_refused(404, "not-found");
    for body in
        [json!({}), json!({"used_by": ""}), json!({"used_by": "a b"}), json!({"used_by": "x".repeat(65)})]
    {
        let quote = ana.asks_for(&good).await.is(201).text("/id").to_owned();
        let stranger = market.shop().stranger();
        let request = stranger.post(format!("/prices/quotes/{quote}/use"), &body);
        let answer = request.header("souk-identity", market.opened.assertion("payments", "prices")).await;
        answer.is_refused(422, "invalid-request").with_field("/used_by");
    }
}
