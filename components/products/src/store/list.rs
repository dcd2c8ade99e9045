//! Finding products: filters, search, sorting, pages and facets, each as one statement.
//!
//! No list costs more the more products there are. A search ranks by where its words are (see [`rules::tiers`]), so that
//! each rank is a walk of the index, newest first, and a page of it a few steps of that walk; bm25 would have to visit
//! every match. Where the order is not that of an index, only the newest [`MAX_SORTED`] matches are put in order. Which
//! way a list is walked follows from how many products a filter leaves, counted up to [`FEW`].
//!
//! The search index and the facets know what is published (a rowid above zero, `published = 1`), and the index
//! `product_in_short` has what lists filter by, so most lists do not read the rows of products at all.

use crate::model::Status;
use crate::rules;
use serde::{Deserialize, Serialize};
use souk_kit::{Conn, DbError, params};
use spin_sdk::sqlite::Value;

/// Matches of a search that are put in order of price or title, and matches that facets are counted over.
pub const MAX_SORTED: u32 = 10_000;
/// So few products are read and sorted sooner than an index of all is walked for them.
const FEW: i64 = 2000;

/// Which products are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    /// Where they stand; every status when none is given.
    pub status: Option<Status>,
    /// Words that they have.
    pub words: Option<Vec<String>>,
    /// Facets that they have, each a kind and a value.
    pub facets: Vec<(&'static str, String)>,
    /// A variant costs at least this.
    pub min_price: Option<i64>,
    /// A variant costs at most this.
    pub max_price: Option<i64>,
    /// They are priced in this.
    pub currency: Option<String>,
    /// Whether they can be bought.
    pub available: Option<bool>,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Best match first.
    #[serde(rename = "r")]
    Relevance,
    /// Newest first.
    #[serde(rename = "n")]
    Newest,
    /// Cheapest first.
    #[serde(rename = "p")]
    Price,
    /// Dearest first.
    #[serde(rename = "-p")]
    PriceDown,
    /// By the English title.
    #[serde(rename = "en")]
    TitleEn,
    /// By the French title.
    #[serde(rename = "fr")]
    TitleFr,
}

/// A sort key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A product's number, a price, a rank.
    Number(i64),
    /// A title.
    Text(String),
}

/// Where an item stands in its list, and so where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place(pub Order, pub Key, pub i64);

/// A product of a list.
pub struct Hit {
    /// Where it stands.
    pub place: Place,
    /// Its JSON.
    pub summary: String,
}

/// How often a facet's value is among the matches.
pub struct Count {
    /// `category`, `brand` or `tag`.
    pub kind: String,
    /// The value.
    pub value: String,
    /// How many matches have it.
    pub count: i64,
}

impl Order {
    /// What it sorts by, and which way.
    const fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Relevance | Self::Newest => ("0", "DESC"),
            Self::Price => ("p.price_min", "ASC"),
            Self::PriceDown => ("p.price_min", "DESC"),
            Self::TitleEn => ("p.title_en", "ASC"),
            Self::TitleFr => ("p.title_fr", "ASC"),
        }
    }

    const fn is_by_price(self) -> bool {
        matches!(self, Self::Price | Self::PriceDown)
    }

    const fn is_by_title(self) -> bool {
        matches!(self, Self::TitleEn | Self::TitleFr)
    }
}

/// What a list walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
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
struct Parameters(Vec<Value>);

impl Parameters {
    fn add(&mut self, value: impl Into<Value>) -> String {
        self.0.push(value.into());
        format!("?{}", self.0.len())
    }

    fn key(&mut self, key: &Key) -> String {
        match key {
            Key::Number(number) => self.add(*number),
            Key::Text(text) => self.add(text.as_str()),
        }
    }
}

/// A question, in parts.
struct Question {
    from: String,
    /// The product's number.
    number: &'static str,
    /// The order that it is walked in.
    newest: String,
    conditions: Vec<String>,
}

impl Question {
    /// The products that `filter` leaves. `words` is the FTS5 query, if words are walked.
    fn new(
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
    fn select(&self, key: &str, order: &str, limit: u32) -> String {
        let Self { from, number, .. } = self;
        let conditions = self.conditions();
        format!(
            "SELECT {number} AS number, {key} AS key FROM {from} WHERE {conditions} ORDER BY {order} LIMIT {limit}"
        )
    }
}

/// That a row of `facet`, here called `f`, is the filter's facet of this index.
fn facet(f: &str, filter: &Filter, index: usize, parameters: &mut Parameters) -> String {
    let published = match filter.status {
        Some(Status::Active) => "= 1",
        Some(_) => "= 0",
        None => "IN (0, 1)",
    };
    let (kind, value) = &filter.facets[index];
    let value = parameters.add(value.as_str());
    format!("{f}.published {published} AND {f}.kind = '{kind}' AND {f}.value = {value}")
}

/// A page of a list: up to `limit` products after the place `after`.
pub async fn page(
    conn: &Conn,
    filter: &Filter,
    order: Order,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<Hit>, DbError> {
    let walk = walk(conn, filter, order).await?;
    let mut parameters = Parameters::default();
    let hits = match (order, walk) {
        (Order::Relevance, _) => ranked(filter, after, limit, &mut parameters),
        (Order::Newest, _) | (_, Walk::All | Walk::Priced(_)) => {
            walked(filter, order, walk, after, limit, &mut parameters)
        }
        _ => sorted(filter, order, walk, after, limit, &mut parameters),
    };
    let (_, direction) = order.key();
    let ranks = if order == Order::Relevance { "ASC" } else { direction };
    let sql = format!(
        "SELECT hit.number, hit.key, d.summary FROM ({hits}) hit
           CROSS JOIN product_document d ON d.product = hit.number
          ORDER BY hit.key {ranks}, hit.number {direction}"
    );
    conn.all(&sql, parameters.0, |row| {
        let key = if order.is_by_title() { Key::Text(row.get("key")?) } else { Key::Number(row.get("key")?) };
        Ok(Hit { place: Place(order, key, row.get("number")?), summary: row.get("summary")? })
    })
    .await
}

/// The rarest facet if it leaves few products, or if newest first is wanted anyway; else the order's own index.
async fn walk(conn: &Conn, filter: &Filter, order: Order) -> Result<Walk, DbError> {
    match (&filter.words, filter.facets.len()) {
        (Some(_), _) => return Ok(Walk::Words),
        (None, 0) => return Ok(Walk::All),
        (None, 1) if order == Order::Newest => return Ok(Walk::Facet(0)),
        _ => {}
    }
    let mut parameters = Parameters::default();
    let counts: Vec<String> = (0..filter.facets.len())
        .map(|index| {
            let facet = facet("f", filter, index, &mut parameters);
            let some = format!("SELECT 1 FROM facet f WHERE {facet} LIMIT {FEW}");
            format!("SELECT {index} AS facet, (SELECT count(*) FROM ({some})) AS products")
        })
        .collect();
    let sql = format!("{} ORDER BY products LIMIT 1", counts.join(" UNION ALL "));
    let rarest = conn
        .one(&sql, parameters.0, |row| Ok((row.get::<u32>("facet")?, row.get::<i64>("products")?)))
        .await?;
    let category = filter.facets.iter().position(|(kind, _)| *kind == "category");
    Ok(match rarest {
        Some((facet, products)) if products < FEW || order == Order::Newest => Walk::Facet(facet as usize),
        // An index has the prices of one status only.
        _ => match category.filter(|_| order.is_by_price() && filter.status.is_some()) {
            Some(category) => Walk::Priced(category),
            None => Walk::All,
        },
    })
}

/// Best match first: one rank after the other, each newest first. SQLite goes to the next only when it must.
fn ranked(filter: &Filter, after: Option<&Place>, limit: u32, parameters: &mut Parameters) -> String {
    let words = filter.words.as_deref().unwrap_or_default();
    let begun = match after {
        Some(Place(_, Key::Number(rank), number)) => Some((*rank, *number)),
        _ => None,
    };
    let mut ranks = Vec::new();
    for (rank, query) in (0_i64..).zip(rules::tiers(words)) {
        if begun.is_some_and(|(begun, _)| rank < begun) {
            continue;
        }
        let mut question = Question::new(filter, Order::Relevance, Walk::Words, Some(&query), parameters);
        if let Some((_, number)) = begun.filter(|(begun, _)| *begun == rank) {
            question.conditions.push(format!("{} < {}", question.number, parameters.add(number)));
        }
        ranks
            .push(format!("SELECT * FROM ({})", question.select(&rank.to_string(), &question.newest, limit)));
    }
    match ranks.is_empty() {
        // A forged place, after all ranks.
        true => "SELECT 0 AS number, 0 AS key WHERE false".into(),
        false => format!("{} LIMIT {limit}", ranks.join(" UNION ALL ")),
    }
}

/// A list in the order that it is walked in.
fn walked(
    filter: &Filter,
    order: Order,
    walk: Walk,
    after: Option<&Place>,
    limit: u32,
    parameters: &mut Parameters,
) -> String {
    let words = filter.words.as_deref().map(rules::everywhere);
    let mut question = Question::new(filter, order, walk, words.as_deref(), parameters);
    let number = question.number;
    if order == Order::Newest {
        if let Some(Place(_, _, last)) = after {
            question.conditions.push(format!("{number} < {}", parameters.add(*last)));
        }
        return question.select("0", &question.newest, limit);
    }
    let (mut key, direction) = order.key();
    if matches!(walk, Walk::Priced(_)) {
        key = "f.price";
    }
    if let Some(Place(_, at, last)) = after {
        let sign = if direction == "ASC" { ">" } else { "<" };
        // A row value: SQLite walks the index from there.
        let (at, last) = (parameters.key(at), parameters.add(*last));
        question.conditions.push(format!("({key}, {number}) {sign} ({at}, {last})"));
    }
    question.select(key, &format!("{key} {direction}, {number} {direction}"), limit)
}

/// The newest matches, put in an order that they are not walked in.
fn sorted(
    filter: &Filter,
    order: Order,
    walk: Walk,
    after: Option<&Place>,
    limit: u32,
    parameters: &mut Parameters,
) -> String {
    let words = filter.words.as_deref().map(rules::everywhere);
    let question = Question::new(filter, order, walk, words.as_deref(), parameters);
    let (key, direction) = order.key();
    let matches = question.select(key, &question.newest, MAX_SORTED);
    let begun = match after {
        Some(Place(_, at, last)) => {
            let sign = if direction == "ASC" { ">" } else { "<" };
            format!("(key, number) {sign} ({}, {})", parameters.key(at), parameters.add(*last))
        }
        None => "true".into(),
    };
    format!(
        "SELECT number, key FROM ({matches}) WHERE {begun}
          ORDER BY key {direction}, number {direction} LIMIT {limit}"
    )
}

/// How often each category, brand and tag is among the newest [`MAX_SORTED`] matches; the 50 most frequent of each.
pub async fn facets(conn: &Conn, filter: &Filter) -> Result<Vec<Count>, DbError> {
    let walk = walk(conn, filter, Order::Newest).await?;
    let mut parameters = Parameters::default();
    let words = filter.words.as_deref().map(rules::everywhere);
    let question = Question::new(filter, Order::Newest, walk, words.as_deref(), &mut parameters);
    let matches = question.select("0", &question.newest, MAX_SORTED);
    let sql = format!(
        "WITH counted AS (
           SELECT f.kind, f.value, count(*) AS products
             FROM ({matches}) m CROSS JOIN facet f INDEXED BY facet_by_product ON f.product = m.number
            WHERE f.kind IN ('category', 'brand', 'tag') GROUP BY f.kind, f.value),
         placed AS (
           SELECT *, row_number() OVER (PARTITION BY kind ORDER BY products DESC, value) AS place FROM counted)
         SELECT kind, value, products FROM placed WHERE place <= 50 ORDER BY kind, place"
    );
    conn.all(&sql, parameters.0, |row| {
        Ok(Count { kind: row.get("kind")?, value: row.get("value")?, count: row.get("products")? })
    })
    .await
}

/// Documents of products in the order they were added, after `after`: for the export.
pub async fn documents(conn: &Conn, after: i64, limit: u32) -> Result<Vec<(i64, String)>, DbError> {
    conn.all(
        "SELECT number, document FROM product JOIN product_document ON product = number
          WHERE number > ?1 AND deleted_at IS NULL ORDER BY number LIMIT ?2",
        params![after, limit],
        |row| Ok((row.get("number")?, row.get("document")?)),
    )
    .await
}
