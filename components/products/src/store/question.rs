//! A question about the catalogue, as SQL: what is walked, what must be true of it, what is joined only when needed.

use crate::model::Status;
use crate::rules::keys;
use crate::store::list::{Filter, Key};
use spin_sdk::sqlite::Value;

/// What a list walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// What the search index finds by words and keys, newest first.
    Found,
    /// The same in order of price: published products only.
    Priced,
    /// The products in an order of their own table.
    All,
}

/// Parameters, numbered as they come.
#[derive(Default)]
pub struct Parameters(pub Vec<Value>);

impl Parameters {
    /// Adds a parameter; says what stands for it.
    pub fn add(&mut self, value: impl Into<Value>) -> String {
        self.0.push(value.into());
        format!("?{}", self.0.len())
    }

    /// Adds a sort key.
    pub fn key(&mut self, key: &Key) -> String {
        match key {
            Key::Number(number) => self.add(*number),
            Key::Text(text) => self.add(text.as_str()),
        }
    }
}

/// A question, in parts.
pub struct Question {
    from: String,
    /// The product's number.
    pub number: &'static str,
    /// What must be true of it.
    pub conditions: Vec<String>,
}

impl Question {
    /// The products that `filter` leaves, of those that have the `words` (an FTS5 query).
    pub fn new(filter: &Filter, walk: Walk, words: Option<&str>, parameters: &mut Parameters) -> Self {
        let (from, number) = match (walk, filter.status) {
            (Walk::Found, Some(Status::Active)) => ("product_text", "product_text.rowid"),
            (Walk::Found, Some(_)) => ("product_text", "-product_text.rowid"),
            (Walk::Found, None) => ("product_text", "abs(product_text.rowid)"),
            (Walk::Priced, _) => ("priced_text", "(priced_text.rowid & 4294967295)"),
            (Walk::All, _) => ("product p", "p.number"),
        };
        let mut question = Self { from: from.to_owned(), number, conditions: Vec::new() };
        match walk {
            Walk::All => question.test(filter, parameters),
            Walk::Found | Walk::Priced => question.find(filter, from, words, parameters),
        }
        question
    }

    /// Words and keys, for the search index to intersect.
    fn find(&mut self, filter: &Filter, index: &str, words: Option<&str>, parameters: &mut Parameters) {
        let found: Vec<String> =
            words.map(|words| format!("({words})")).into_iter().chain(filter.keys()).collect();
        self.conditions.push(format!("{index} MATCH {}", parameters.add(found.join(" AND "))));
        match filter.status.filter(|_| index == "product_text") {
            Some(Status::Active) => self.conditions.push("product_text.rowid > 0".into()),
            Some(_) => self.conditions.push("product_text.rowid < 0".into()),
            None => {}
        }
        // The keys of prices leave a little too much.
        let bounds = filter.price_bounds(parameters);
        if !bounds.is_empty() {
            self.join("INDEXED BY product_in_short");
            self.conditions.extend(bounds);
        }
    }

    /// What the product's own row must be, if the search index is not asked.
    fn test(&mut self, filter: &Filter, parameters: &mut Parameters) {
        let Self { conditions, .. } = self;
        conditions.extend(filter.status.map(|status| format!("p.status = '{}'", status.name())));
        conditions.extend(filter.price_bounds(parameters));
        let currency = filter.currency.as_deref();
        conditions.extend(currency.map(|code| format!("p.currency = {}", parameters.add(code))));
        conditions.extend(filter.available.map(|yes| format!("p.available = {}", i32::from(yes))));
        for (kind, value) in &filter.facets {
            let value = parameters.add(value.as_str());
            conditions.push(format!(
                "EXISTS (SELECT 1 FROM facet WHERE product = p.number
                    AND value = (SELECT number FROM facet_value WHERE kind = '{kind}' AND value = {value}))"
            ));
        }
    }

    /// Joins the product's row. CROSS JOIN keeps the order of tables that is written here.
    fn join(&mut self, index: &str) {
        self.from += &format!(" CROSS JOIN product p {index} ON p.number = {}", self.number);
    }

    /// The same question with the product's whole row at hand, and a `key` in it.
    pub fn with_rows(mut self, key: &str) -> Self {
        match self.from.contains(" CROSS JOIN ") {
            true => self.from = self.from.replace("INDEXED BY product_in_short", ""),
            false => self.join(""),
        }
        self.conditions.push(format!("{key} IS NOT NULL"));
        self
    }

    /// `SELECT` of the number and `key`, in the order `order`.
    pub fn select(&self, key: &str, order: &str, limit: u32) -> String {
        let Self { from, number, conditions } = self;
        let conditions = match conditions.as_slice() {
            [] => "true".into(),
            conditions => conditions.join(" AND "),
        };
        format!(
            "SELECT {number} AS number, {key} AS key FROM {from} WHERE {conditions} ORDER BY {order} LIMIT {limit}"
        )
    }

    /// `SELECT` of the newest.
    pub fn newest(&self, key: &str, limit: u32) -> String {
        self.select(key, &format!("{} DESC", self.number), limit)
    }
}

impl Filter {
    /// Whether it leaves every product of its status.
    pub fn is_open(&self) -> bool {
        let Self { status: _, words, facets, min_price, max_price, currency, available } = self;
        let priced = min_price.is_some() || max_price.is_some() || currency.is_some();
        words.is_none() && facets.is_empty() && !priced && available.is_none()
    }

    /// What the search index has of it besides words, as FTS5 queries.
    fn keys(&self) -> impl Iterator<Item = String> {
        let quoted = |kind: &str, value: &str| format!("\"{}\"", keys::key(kind, value));
        // What is published stands apart.
        let status = self.status.filter(|status| *status != Status::Active);
        let status = status.map(|status| quoted("status", status.name()));
        let facets = self.facets.iter().map(move |(kind, value)| quoted(kind, value));
        let currency = self.currency.as_deref().map(|code| quoted("currency", code));
        let available = self.available.map(|yes| quoted("available", if yes { "1" } else { "0" }));
        let least = self.min_price.map(keys::at_least);
        let most = self.max_price.map(keys::at_most);
        facets.chain(status).chain(currency).chain(available).chain(least).chain(most)
    }

    fn price_bounds(&self, parameters: &mut Parameters) -> Vec<String> {
        let least = self.min_price.map(|least| format!("p.price_max >= {}", parameters.add(least)));
        let most = self.max_price.map(|most| format!("p.price_min <= {}", parameters.add(most)));
        least.into_iter().chain(most).collect()
    }
}
