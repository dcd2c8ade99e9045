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
use crate::store::question::{Parameters, Question, Walk, facet};
use serde::{Deserialize, Serialize};
use souk_kit::{Conn, DbError, params};

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
    pub const fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Relevance | Self::Newest => ("0", "DESC"),
            Self::Price => ("p.price_min", "ASC"),
            Self::PriceDown => ("p.price_min", "DESC"),
            Self::TitleEn => ("p.title_en", "ASC"),
            Self::TitleFr => ("p.title_fr", "ASC"),
        }
    }

    /// Whether it is by price.
    pub const fn is_by_price(self) -> bool {
        matches!(self, Self::Price | Self::PriceDown)
    }

    /// Whether it is by title.
    pub const fn is_by_title(self) -> bool {
        matches!(self, Self::TitleEn | Self::TitleFr)
    }
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
