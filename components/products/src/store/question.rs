//! A question about the catalogue, as SQL: what is walked, what must be true of it, what is joined only when needed.

use crate::model::Status;
use crate::store::list::{Filter, Key, Order};
use spin_sdk::sqlite::Value;

/// What a list walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Walk {
    /// The matches of the search, newest first.
    Words,
    /// The products with one of the filter's facets, newest first.
    Facet(usize),
    /// The products in the category that is the filter's facet, in order of price. Prices differ by category, so walking
    /// all products by price would pass by too many others.
    Priced(usize),
    /// The products in the list's own order.
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
    /// The order that it is walked in.
    pub newest: String,
    /// What must be true of it.
    pub conditions: Vec<String>,
}

impl Question {
    /// The products that `filter` leaves. `words` is the FTS5 query, if words are walked.
    pub fn new(
        filter: &Filter,
        order: Order,
        walk: Walk,
        words: Option<&str>,
        parameters: &mut Parameters,
    ) -> Self {
        let (from, number) = match (walk, filter.status) {
            (Walk::Words, Some(Status::Active)) => ("product_text", "product_text.rowid"),
            (Walk::Words, Some(_)) => ("product_text", "-product_text.rowid"),
            (Walk::Words, None) => ("product_text", "abs(product_text.rowid)"),
            (Walk::Facet(_), _) => ("facet f", "f.product"),
            (Walk::Priced(_), _) => ("facet f INDEXED BY facet_by_price", "f.product"),
            (Walk::All, _) => ("product p", "p.number"),
        };
        let (from, newest) = (from.to_owned(), format!("{number} DESC"));
        let mut question = Self { from, number, newest, conditions: Vec::new() };
        match walk {
            Walk::Words => question.walk_words(filter, words.unwrap_or_default(), parameters),
            Walk::Facet(index) => question.conditions.push(facet("f", filter, index, parameters)),
            Walk::Priced(index) => {
                question.conditions.push(facet("f", filter, index, parameters));
                question.conditions.push("f.price IS NOT NULL".into());
            }
            Walk::All => {}
        }
        question.product(filter, order, walk, parameters);
        let walked = |index: &usize| [Walk::Facet(*index), Walk::Priced(*index)].contains(&walk);
        for index in (0..filter.facets.len()).filter(|index| !walked(index)) {
            let facet = facet("g", filter, index, parameters);
            let number = question.number;
            let has = format!("EXISTS (SELECT 1 FROM facet g WHERE {facet} AND g.product = {number})");
            question.conditions.push(has);
        }
        question
    }

    fn walk_words(&mut self, filter: &Filter, words: &str, parameters: &mut Parameters) {
        self.conditions.push(format!("product_text MATCH {}", parameters.add(words)));
        match filter.status {
            Some(Status::Active) => self.conditions.push("product_text.rowid > 0".into()),
            Some(_) => self.conditions.push("product_text.rowid < 0".into()),
            None => {}
        }
    }

    /// What the product's own row must be; it is joined only for that.
    fn product(&mut self, filter: &Filter, order: Order, walk: Walk, parameters: &mut Parameters) {
        let mut conditions = Vec::new();
        // Words and facets of published products are walked apart from the others.
        let status = filter.status.filter(|status| walk == Walk::All || *status != Status::Active);
        conditions.extend(status.map(|status| format!("p.status = '{}'", status.name())));
        conditions.extend(filter.min_price.map(|least| format!("p.price_max >= {}", parameters.add(least))));
        conditions.extend(filter.max_price.map(|most| format!("p.price_min <= {}", parameters.add(most))));
        let currency = filter.currency.as_deref();
        conditions.extend(currency.map(|code| format!("p.currency = {}", parameters.add(code))));
        conditions.extend(filter.available.map(|yes| format!("p.available = {}", i32::from(yes))));
        if order.is_by_price() && !matches!(walk, Walk::Priced(_)) {
            conditions.push("p.price_min IS NOT NULL".into());
        }
        if walk != Walk::All && (!conditions.is_empty() || order.is_by_title()) {
            let short = status.is_none() && !order.is_by_title();
            let index = if short { "INDEXED BY product_in_short" } else { "" };
            // CROSS JOIN keeps the order of tables that is written here.
            self.from += &format!(" CROSS JOIN product p {index} ON p.number = {}", self.number);
        }
        self.conditions.extend(conditions);
    }

    fn conditions(&self) -> String {
        match self.conditions.as_slice() {
            [] => "true".into(),
            conditions => conditions.join(" AND "),
        }
    }

    /// `SELECT` of the number and `key`, in the order `order`.
    pub fn select(&self, key: &str, order: &str, limit: u32) -> String {
        let Self { from, number, .. } = self;
        let conditions = self.conditions();
        format!(
            "SELECT {number} AS number, {key} AS key FROM {from} WHERE {conditions} ORDER BY {order} LIMIT {limit}"
        )
    }
}

/// That a row of `facet`, here called `f`, is the filter's facet of this index.
pub fn facet(f: &str, filter: &Filter, index: usize, parameters: &mut Parameters) -> String {
    let published = match filter.status {
        Some(Status::Active) => "= 1",
        Some(_) => "= 0",
        None => "IN (0, 1)",
    };
    let (kind, value) = &filter.facets[index];
    let value = parameters.add(value.as_str());
    format!("{f}.published {published} AND {f}.kind = '{kind}' AND {f}.value = {value}")
}
