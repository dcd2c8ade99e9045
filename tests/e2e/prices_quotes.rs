//! Quotes: prices that hold for a time, are used once, and only by their owner.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::opened::id;
use souk_tests::prices::{Market, ether};
use souk_tests::{Person, Suite, unique};

/// A market in which a euro is 1.0944 dollars, and somebody who asks for quotes.
async fn opens_with(variables: &[(&str, &str)]) -> Option<(Market, Person)> {
    let market = Market::opens_with(variables).await?;
    market.merchant.sets_rate("EUR", "USD", "1.0944").await.is(200).accept();
    let ana = market.shop().sign_up("ana").await;
    Some((market, ana))
}

fn euros(amount: i64) -> Value {
    json!({"from": "EUR", "to": "USD", "amount": amount})
}

async fn quoted(person: &Person, quote: &Value) -> String {
    person.asks_for(quote).await.is(201).text("/id").to_owned()
}

#[tokio::test]
async fn a_quote_says_what_is_had_and_until_when() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    let quote = ana.asks_for(&euros(1999)).await.is(201);
    assert_eq!(quote.json()["from"], json!({"amount": 1999, "currency": "EUR"}));
    assert_eq!(quote.json()["to"], json!({"amount": 2188, "currency": "USD"}));
    assert_eq!(
        (quote.text("/rate"), quote.text("/state"), quote.text("/rounding")),
        ("1.0944", "open", "half-even")
    );
    let id = quote.text("/id");
    assert_eq!(quote.header("location"), Some(format!("/api/v1/prices/quotes/{id}").as_str()));
    assert_eq!(ana.reads_quote(id).await.is(200).json(), quote.json());
    // How much is wanted can be said as well: 21.88 USD are 19.9927 EUR.
    let wanted = ana.asks_for(&json!({"from": "EUR", "to": "USD", "to_amount": 2188})).await.is(201);
    assert_eq!(
        (&wanted.json()["from"]["amount"], &wanted.json()["to"]["amount"]),
        (&json!(1999), &json!(2188))
    );
    // It holds although the rate goes on.
    market.merchant.sets_rate("EUR", "USD", "2").await.is(200).accept();
    let used = market.uses("transactions", id, "trx_1", Some(&ana)).await.is(200);
    assert_eq!(used.json()["to"]["amount"], 2188);
    assert_eq!(ana.reads_quote(id).await.is(200).text("/state"), "used");
}

#[tokio::test]
async fn what_the_shop_keeps_is_taken_off() {
    let Some((market, ana)) = opens_with(&[("prices_quote_spread_bp", "50")]).await else { return };
    market.merchant.sets_instrument("ETH", &ether()).await.is(200).accept();
    market.merchant.sets_rate("ETH", "EUR", "2000").await.is(200).accept();
    let quote =
        ana.asks_for(&json!({"from": "ETH", "to": "EUR", "amount": "1000000000000000000"})).await.is(201);
    assert_eq!((quote.text("/rate"), &quote.json()["to"]["amount"]), ("1990", &json!(199_000)));
    let quote =
        ana.asks_for(&json!({"from": "EUR", "to": "ETH", "to_amount": "1000000000000000000"})).await.is(201);
    assert_eq!((quote.text("/rate"), &quote.json()["from"]["amount"]), ("0.0004975", &json!(201_005)));
    assert_eq!(quote.json()["to"], json!({"amount": "1000000000000000000", "currency": "ETH"}));
}

#[tokio::test]
async fn a_quote_is_used_once_however_many_try_at_once() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    let quote = quoted(&ana, &euros(1999)).await;
    let names: Vec<_> = (0..12).map(|n| format!("trx_{n}")).collect();
    let tries = names.iter().map(|by| market.uses("transactions", &quote, by, Some(&ana)));
    let answers = join_all(tries).await;
    let (mut won, mut lost) = (Vec::new(), 0);
    for (answer, by) in answers.into_iter().zip(&names) {
        match answer.is_success() {
            true => won.push(by.clone()),
            false => {
                answer.is_refused(409, "quote-used");
                lost += 1;
            }
        }
    }
    assert_eq!((won.len(), lost), (1, 11));
    // Who has it gets the same answer again, however often, even when its time is over.
    let first = market.uses("transactions", &quote, &won[0], Some(&ana)).await.is(200);
    market.changes("UPDATE quote SET created_at = 1, expires_at = 2");
    let again = market.uses("transactions", &quote, &won[0], Some(&ana)).await.is(200);
    assert_eq!(first.json()["to"], again.json()["to"]);
    market.uses("payments", &quote, "pay_1", Some(&ana)).await.is_refused(409, "quote-used");
}

#[tokio::test]
async fn a_repeated_use_at_the_same_moment_is_one_use() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    let quote = quoted(&ana, &euros(1999)).await;
    let tries = (0..8).map(|_| market.uses("transactions", &quote, "trx_1", Some(&ana)));
    for answer in join_all(tries).await {
        answer.is(200).accept();
    }
}

#[tokio::test]
async fn a_quote_that_is_over_cannot_be_used() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    let quote = quoted(&ana, &euros(1999)).await;
    market.changes("UPDATE quote SET created_at = 1, expires_at = 2");
    let refused =
        market.uses("transactions", &quote, "trx_1", Some(&ana)).await.is_refused(410, "quote-expired");
    assert!(refused.answer().text("/expires_at").starts_with("1970-"));
    assert_eq!(ana.reads_quote(&quote).await.is(200).text("/state"), "expired");
    // A day later nobody remembers it; one that was used is kept as long as the history.
    let used = quoted(&ana, &euros(1999)).await;
    market.uses("transactions", &used, "trx_2", Some(&ana)).await.is(200).accept();
    market.shop().ticks().await;
    ana.reads_quote(&quote).await.is_refused(404, "not-found");
    ana.reads_quote(&used).await.is(200).accept();
    market.changes("UPDATE quote SET used_at = 3");
    market.shop().ticks().await;
    ana.reads_quote(&used).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn a_quote_is_its_owners_alone() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    let bob = market.shop().sign_up("bob").await;
    let quote = quoted(&ana, &euros(1999)).await;
    bob.reads_quote(&quote).await.is_refused(404, "not-found");
    market.merchant.reads_quote(&quote).await.is_refused(404, "not-found");
    market.uses("transactions", &quote, "trx_1", Some(&bob)).await.is_refused(404, "not-found");
    market.uses("transactions", &quote, "trx_1", None).await.is_refused(404, "not-found");
    market.uses("transactions", &id("quo"), "trx_1", Some(&ana)).await.is_refused(404, "not-found");
    for service in ["orders", "billing", "gateway"] {
        market.uses(service, &quote, "trx_1", Some(&ana)).await.is_refused(403, "forbidden");
    }
    // No way leads there from outside.
    let path = format!("/api/v1/prices/quotes/{quote}/use");
    ana.post(path, &json!({"used_by": "trx_1", "user_id": ana.id()})).await.is_refused(404, "not-found");
    assert_eq!(ana.reads_quote(&quote).await.is(200).text("/state"), "open");
}

#[tokio::test]
async fn services_have_quotes_of_their_own() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    for service in ["transactions", "payments", "orders"] {
        let quote = market.service_asks(service, &euros(500)).await.is(201).text("/id").to_owned();
        ana.reads_quote(&quote).await.is_refused(404, "not-found");
        market.uses("payments", &quote, "pay_1", Some(&ana)).await.is_refused(404, "not-found");
        market.uses("payments", &quote, "pay_1", None).await.is(200).accept();
    }
    market.service_asks("billing", &euros(500)).await.is_refused_somehow();
}

#[tokio::test]
async fn a_quote_that_is_asked_for_again_with_its_key_is_the_same() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    let key = unique("key");
    let ask = || async { ana.post("/api/v1/prices/quotes", &euros(1999)).key(&key).await };
    let first = ask().await.is(201);
    market.merchant.sets_rate("EUR", "USD", "2").await.is(200).accept();
    assert_eq!(ask().await.is(201).json(), first.json());
    // Even when no quote could be had any more.
    market.changes("UPDATE rate SET stale_at = 1, refuse_at = 1");
    assert_eq!(ask().await.is(201).json(), first.json());
    let other = ana.post("/api/v1/prices/quotes", &euros(2000)).key(&key).await;
    other.is_refused(422, "idempotency-key-reused");
}

#[tokio::test]
async fn nobody_collects_quotes() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    let first = quoted(&ana, &euros(1)).await;
    for _ in 0..9 {
        let more = (0..11).map(|_| async { ana.asks_for(&euros(100)).await.is(201).accept() });
        join_all(more).await;
    }
    ana.asks_for(&euros(100)).await.is_refused(409, "too-many-quotes");
    // Others, and those that are used or over, do not count.
    let bob = market.shop().sign_up("bob").await;
    bob.asks_for(&euros(100)).await.is(201).accept();
    market.uses("transactions", &first, "trx_1", Some(&ana)).await.is(200).accept();
    ana.asks_for(&euros(100)).await.is(201).accept();
}

#[tokio::test]
async fn what_was_promised_survives_the_end_of_the_suite() {
    let Some((mut market, ana)) = opens_with(&[]).await else { return };
    let (open, used) = (quoted(&ana, &euros(1999)).await, quoted(&ana, &euros(100)).await);
    market.uses("transactions", &used, "trx_1", Some(&ana)).await.is(200).accept();
    market.opened.shop.is_killed().await;
    market.opened.shop.starts_again().await;
    market.uses("transactions", &open, "trx_2", Some(&ana)).await.is(200).accept();
    market.uses("transactions", &used, "trx_3", Some(&ana)).await.is_refused(409, "quote-used");
    market.uses("transactions", &used, "trx_1", Some(&ana)).await.is(200).accept();
}

#[tokio::test]
async fn a_quote_never_outlives_its_rate() {
    let Some((market, ana)) = opens_with(&[("prices_quote_ttl_s", "3600")]).await else { return };
    market.changes(
        "UPDATE rate SET refuse_at = (unixepoch() + 600) * 1000, stale_at = (unixepoch() + 500) * 1000",
    );
    let quote = quoted(&ana, &euros(1999)).await;
    let lasts = "SELECT (expires_at - created_at) / 1000 FROM quote WHERE id = ?1";
    let lasts: i64 = market.database().query_row(lasts, [&quote], |row| row.get(0)).expect("a quote");
    assert!((500..=600).contains(&lasts), "{lasts}");
}

#[tokio::test]
async fn a_stranger_gets_no_quote() {
    let shop = Suite::start().await;
    shop.stranger().asks_for(&euros(1999)).await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_person_can_have_their_quotes_and_is_forgotten_with_the_account() {
    let Some((market, ana)) = opens_with(&[]).await else { return };
    let id = quoted(&ana, &euros(1999)).await;
    let export = ana.exports().await.is(200);
    assert_eq!(export.text("/services/prices/quotes/0/id"), id);
    ana.deletes_account().await.is(204).accept();
    market.shop().has_delivered().await;
    let owner = market.database().query_row("SELECT owner FROM quote", [], |row| row.get::<_, String>(0));
    assert_eq!(owner.expect("a quote"), "erased");
}
