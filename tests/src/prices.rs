//! Prices, as merchants, customers and the services that use quotes see them.

use crate::answer::Answer;
use crate::feeds::Feeds;
use crate::opened::Opened;
use crate::person::Person;
use crate::suite::Suite;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::time::Duration;

/// The door through which a test plays another service.
const DOOR: &[(&str, &str)] = &[("prices", "/prices/...")];
/// The feed of ETH in USD on Ethereum.
pub const ETH_USD: &str = "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419";
/// For how long an instance believes what it knows, and a little more.
const BELIEVED: Duration = Duration::from_millis(1_100);

/// A suite with feeds to ask, and somebody who may have them asked.
pub struct Market {
    /// The suite.
    pub opened: Opened,
    /// The feeds.
    pub feeds: Feeds,
    /// Who may set rates.
    pub merchant: Person,
}

impl Market {
    /// Opens it; nothing, and said so, at `SOUK_URL`.
    pub async fn opens() -> Option<Self> {
        Self::opens_with(&[]).await
    }

    /// The same with some variables of `spin.toml` set.
    pub async fn opens_with(variables: &[(&str, &str)]) -> Option<Self> {
        let feeds = Feeds::start();
        let origins = feeds.variables();
        let mut all: Vec<(&str, &str)> =
            origins.iter().map(|(name, value)| (*name, value.as_str())).collect();
        all.extend(variables);
        let opened = Opened::starts_with(DOOR, &all).await?;
        let merchant = opened.shop.merchant().await;
        // From now on its tables are there.
        merchant.sees_rates("EUR", "USD").await.is(200).accept();
        Some(Self { opened, feeds, merchant })
    }

    /// The suite itself.
    pub fn shop(&self) -> &Suite {
        &self.opened.shop
    }

    /// The database, to look at, or to age what is in it.
    pub fn database(&self) -> Connection {
        let database = Connection::open(self.shop().state().join("prices.db")).expect("its database");
        database.busy_timeout(Duration::from_secs(10)).expect("a timeout");
        database
    }

    /// Changes the database, as if time had passed.
    pub fn changes(&self, sql: &str) {
        self.database().execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The merchant has every source asked; what became of `source`.
    pub async fn refreshes(&self, source: &str) -> Value {
        let outcomes = self.merchant.post("/api/v1/prices/refresh", &json!({})).await.is(200);
        let outcomes = outcomes.json().as_array().expect("a list").clone();
        outcomes.into_iter().find(|one| one["source"] == source).expect("a source of this name")
    }

    /// A service uses a quote of somebody.
    pub async fn uses(&self, service: &str, quote: &str, used_by: &str, user: Option<&Person>) -> Answer {
        let stranger = self.shop().stranger();
        let body = json!({"used_by": used_by, "user_id": user.map(Person::id)});
        let request = stranger.post(format!("/prices/quotes/{quote}/use"), &body);
        request.header("souk-identity", self.opened.assertion(service, "prices")).await
    }

    /// A service asks for a quote of its own.
    pub async fn service_asks(&self, service: &str, quote: &Value) -> Answer {
        let stranger = self.shop().stranger();
        let request = stranger.post("/prices/quotes", quote);
        request.header("souk-identity", self.opened.assertion(service, "prices")).await
    }
}

/// A token with eighteen decimals, by this name at CoinGecko and on this chain.
pub fn ether() -> Value {
    json!({"kind": "token", "name": "Ether", "decimals": 18,
        "sources": {"coingecko": "ethereum", "chainlink": [{"quote": "USD", "feed": ETH_USD}]}})
}

impl Person {
    /// Sets an instrument.
    pub async fn sets_instrument(&self, code: &str, instrument: &Value) -> Answer {
        self.put(format!("/api/v1/prices/instruments/{code}"), instrument).await
    }

    /// Sets a rate by hand.
    pub async fn sets_rate(&self, base: &str, quote: &str, rate: &str) -> Answer {
        self.put(format!("/api/v1/prices/rates/{base}/{quote}"), &json!({"rate": rate})).await
    }

    /// Takes a rate back.
    pub async fn withdraws_rate(&self, base: &str, quote: &str) -> Answer {
        self.delete(format!("/api/v1/prices/rates/{base}/{quote}")).await
    }

    /// Looks at what one of something is worth in others.
    pub async fn sees_rates(&self, base: &str, quotes: &str) -> Answer {
        self.get(format!("/api/v1/prices/rates?base={base}&quote={quotes}")).await
    }

    /// What one of something is worth in another.
    pub async fn sees_rate(&self, base: &str, quote: &str) -> Value {
        let answer = self.sees_rates(base, quote).await.is(200);
        answer.json().get(0).unwrap_or_else(|| panic!("no rate of {base} in {quote}")).clone()
    }

    /// Converts by what an instance remembers of the last second.
    pub async fn converts_at_once(&self, amount: &str, from: &str, to: &str) -> Answer {
        self.get(format!("/api/v1/prices/convert?amount={amount}&from={from}&to={to}")).await
    }

    /// Converts, when every instance must have heard of the last change.
    pub async fn converts(&self, amount: &str, from: &str, to: &str) -> Answer {
        tokio::time::sleep(BELIEVED).await;
        self.converts_at_once(amount, from, to).await
    }

    /// Asks for a quote.
    pub async fn asks_for(&self, quote: &Value) -> Answer {
        self.post("/api/v1/prices/quotes", quote).await
    }

    /// Looks at a quote.
    pub async fn reads_quote(&self, id: &str) -> Answer {
        self.get(format!("/api/v1/prices/quotes/{id}")).await
    }

    /// What a rate was, newest first.
    pub async fn sees_history(&self, base: &str, quote: &str, query: &str) -> Answer {
        self.get(format!("/api/v1/prices/rates/{base}/{quote}/history{query}")).await
    }
}
