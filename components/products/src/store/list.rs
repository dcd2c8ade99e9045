//! Finding products: filters, search, sorting, pages and facets.
//!
//! No list costs more the more products there are. The search index has everything that lists are filtered by as words
//! ([`rules::keys`](crate::rules::keys)), so a list is a walk of what it finds: newest first, or, in an index of its own,
//! in order of price. A search ranks by where its words are ([`rules::words`](crate::rules::words)): each rank is a walk,
//! and a page a few steps of it; bm25 would have to visit every match.
//!
//! No index has the matches in order of title. Up to [`MAX_SORTED`] of them are put in order; of a filter that leaves more,
//! the titles are walked until enough of them pass.

use crate::model::Status;
use crate::rules::{keys, words};
use crate::store::question::{Parameters, Question, Walk};
use serde::{Deserialize, Serialize};
use souk_kit::{Conn, DbError, params};

/// Matches that are put in an order that no index has.
const MAX_SORTED: u32 = 10_000;
/// Matches that facets are counted over.
const MAX_COUNTED: u32 = 5_000;

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
    pub const fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Relevance | Self::Newest => ("0", "DESC"),
            Self::Price => ("p.price_min", "ASC"),
            Self::PriceDown => ("p.price_min", "DESC"),
            Self::TitleEn => ("p.title_en", "ASC"),
            Self::TitleFr => ("p.title_fr", "ASC"),
        }
    }

    /// Whether it is by title.
    pub const fn is_by_title(self) -> bool {
        matches!(self, Self::TitleEn | Self::TitleFr)
    }
}

/// How the products of a list come in its order.
enum Plan {
    /// One rank of the search after the other.
    Ranked,
    /// As they are walked.
    Walked(Walk),
    /// The newest are taken together and sorted.
    Sorted,
}

async fn plan(conn: &Conn, filter: &Filter, order: Order) -> Result<Plan, DbError> {
    Ok(match order {
        Order::Relevance => Plan::Ranked,
        _ if filter.is_open() => Plan::Walked(Walk::All),
        Order::Newest => Plan::Walked(Walk::Found),
        Order::Price | Order::PriceDown if filter.status == Some(Status::Active) => {
            Plan::Walked(Walk::Priced)
        }
        // All can be walked for keys, not for words.
        Order::TitleEn | Order::TitleFr
            if filter.words.is_none() && leaves_too_many(conn, filter).await? =>
        {
            Plan::Walked(Walk::All)
        }
        Order::Price | Order::PriceDown | Order::TitleEn | Order::TitleFr => Plan::Sorted,
    })
}

/// Whether more than [`MAX_SORTED`] products are left.
async fn leaves_too_many(conn: &Conn, filter: &Filter) -> Result<bool, DbError> {
    let mut parameters = Parameters::default();
    let found = Question::new(filter, Walk::Found, None, &mut parameters);
    let some = found.newest("0", MAX_SORTED + 1);
    let sql = format!("SELECT count(*) AS products FROM ({some})");
    let count = conn.one(&sql, parameters.0, |row| row.get::<u32>("products")).await?;
    Ok(count.is_some_and(|count| count > MAX_SORTED))
}

/// A page of a list: up to `limit` products after the place `after`.
pub async fn page(
    conn: &Conn,
    filter: &Filter,
    order: Order,
    after: Option<&Place>,
    limit: u32,
) -> Result<Vec<Hit>, DbError> {
    let mut parameters = Parameters::default();
    let hits = match plan(conn, filter, order).await? {
        Plan::Ranked => ranked(filter, after, limit, &mut parameters),
        Plan::Walked(walk) => walked(filter, order, walk, after, limit, &mut parameters),
        Plan::Sorted => sorted(filter, order, after, limit, &mut parameters),
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

/// Best match first: one rank after the other, each newest first. SQLite goes to the next only when it must.
fn ranked(filter: &Filter, after: Option<&Place>, limit: u32, parameters: &mut Parameters) -> String {
    let words = filter.words.as_deref().unwrap_or_default();
    let begun = match after {
        Some(Place(_, Key::Number(rank), number)) => Some((*rank, *number)),
        _ => None,
    };
    let mut ranks = Vec::new();
    for (rank, query) in (0_i64..).zip(words::ranks(words)) {
        if begun.is_some_and(|(begun, _)| rank < begun) {
            continue;
        }
        let mut question = Question::new(filter, Walk::Found, Some(&query), parameters);
        if let Some((_, number)) = begun.filter(|(begun, _)| *begun == rank) {
            question.conditions.push(format!("{} < {}", question.number, parameters.add(number)));
        }
        ranks.push(format!("SELECT * FROM ({})", question.newest(&rank.to_string(), limit)));
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
    let words = filter.words.as_deref().map(words::begun);
    let mut question = Question::new(filter, walk, words.as_deref(), parameters);
    let number = question.number;
    let (key, direction) = order.key();
    let sign = if direction == "ASC" { ">" } else { "<" };
    if order == Order::Newest {
        if let Some(Place(_, _, last)) = after {
            question.conditions.push(format!("{number} < {}", parameters.add(*last)));
        }
        return question.newest(key, limit);
    }
    if walk == Walk::Priced {
        if let Some(Place(_, Key::Number(rank), last)) = after {
            let place = parameters.add(keys::place_of(*rank, *last));
            question.conditions.push(format!("priced_text.rowid {sign} {place}"));
        }
        let rowid = format!("priced_text.rowid {direction}");
        return question.select("(priced_text.rowid >> 32)", &rowid, limit);
    }
    question.conditions.push(format!("{key} IS NOT NULL"));
    if let Some(Place(_, at, last)) = after {
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
    after: Option<&Place>,
    limit: u32,
    parameters: &mut Parameters,
) -> String {
    let words = filter.words.as_deref().map(words::begun);
    let (key, direction) = order.key();
    let question = Question::new(filter, Walk::Found, words.as_deref(), parameters).with_rows(key);
    let matches = question.newest(key, MAX_SORTED);
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

/// How often each category, brand and tag is among the newest [`MAX_COUNTED`] matches, or in the whole shop; the 50 most
/// frequent of each.
pub async fn facets(conn: &Conn, filter: &Filter) -> Result<Vec<Count>, DbError> {
    let mut parameters = Parameters::default();
    let counted = match filter.is_open() && filter.status == Some(Status::Active) {
        true => "SELECT kind, value, products FROM facet_value WHERE products > 0".into(),
        false => {
            let walk = if filter.is_open() { Walk::All } else { Walk::Found };
            let words = filter.words.as_deref().map(words::begun);
            let question = Question::new(filter, walk, words.as_deref(), &mut parameters);
            let matches = question.newest("0", MAX_COUNTED);
            format!(
                "SELECT v.kind, v.value, c.products
                   FROM (SELECT f.value, count(*) AS products
                           FROM ({matches}) m CROSS JOIN facet f ON f.product = m.number GROUP BY f.value) c
                   JOIN facet_value v ON v.number = c.value"
            )
        }
    };
    let sql = format!(
        "WITH placed AS (
           SELECT kind, value, products,
                  row_number() OVER (PARTITION BY kind ORDER BY products DESC, value) AS place
             FROM ({counted}) WHERE kind IN ('category', 'brand', 'tag'))
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
