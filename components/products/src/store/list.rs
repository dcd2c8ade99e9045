//! Finding products: filters, search, sorting, pages and facets, each as one statement.
//!
//! No list costs more the more products there are. Where the order is not that of an index, only so many candidates are
//! put in order, the newest first: [`MAX_RANKED`] for relevance, [`MAX_SORTED`] for prices and titles of a search. Which
//! way a list is walked follows from how many products a filter leaves, counted up to [`FEW`].

use serde::{Deserialize, Serialize};
use souk_kit::{Conn, DbError, params};
use spin_sdk::sqlite::Value;

/// Matches of a search that are put in order of relevance.
pub const MAX_RANKED: u32 = 1000;
/// Matches of a search that are put in order of price or title, and matches that facets are counted over.
pub const MAX_SORTED: u32 = 10_000;
/// So few products are read and sorted sooner than an index of all is walked for them.
const FEW: i64 = 2000;

/// Which products are wanted.
#[derive(Debug, Default)]
pub struct Filter {
    /// Where they stand; every status when none is given.
    pub status: Option<crate::model::Status>,
    /// Words, as an FTS5 query.
    pub words: Option<String>,
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
    /// A number, a price, a rank.
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
            // Below zero is better; whole numbers survive the cursor unchanged.
            Self::Relevance => ("CAST(bm25(product_text, 10.0, 4.0, 1.0) * 1000000 AS INTEGER)", "ASC"),
            Self::Newest => ("p.number", "DESC"),
            Self::Price => ("p.price_min", "ASC"),
            Self::PriceDown => ("p.price_min", "DESC"),
            Self::TitleEn => ("p.title_en", "ASC"),
            Self::TitleFr => ("p.title_fr", "ASC"),
        }
    }
}

/// Conditions and their parameters.
#[derive(Default)]
struct Where {
    conditions: Vec<String>,
    parameters: Vec<Value>,
}

impl Where {
    fn parameter(&mut self, value: impl Into<Value>) -> usize {
        self.parameters.push(value.into());
        self.parameters.len()
    }

    fn text(&self) -> String {
        match self.conditions.as_slice() {
            [] => "true".into(),
            conditions => conditions.join(" AND "),
        }
    }

    /// Whether a facet row is one of products with this status.
    fn published(filter: &Filter) -> &'static str {
        match filter.status {
            Some(crate::model::Status::Active) => "f.published = 1",
            Some(_) => "f.published = 0",
            None => "f.published IN (0, 1)",
        }
    }

    fn facet(&mut self, filter: &Filter, (kind, value): &(&'static str, String)) -> String {
        let value = self.parameter(value.as_str());
        format!("{} AND f.kind = '{kind}' AND f.value = ?{value}", Self::published(filter))
    }

    /// What the product's own row must be.
    fn product(&mut self, filter: &Filter, order: Order) {
        if let Some(status) = filter.status {
            self.conditions.push(format!("p.status = '{}'", status.name()));
        }
        if let Some(minimum) = filter.min_price {
            let minimum = self.parameter(minimum);
            self.conditions.push(format!("p.price_max >= ?{minimum}"));
        }
        if let Some(maximum) = filter.max_price {
            let maximum = self.parameter(maximum);
            self.conditions.push(format!("p.price_min <= ?{maximum}"));
        }
        if let Some(currency) = &filter.currency {
            let currency = self.parameter(currency.as_str());
            self.conditions.push(format!("p.currency = ?{currency}"));
        }
        if let Some(available) = filter.available {
            self.conditions.push(format!("p.available = {}", i32::from(available)));
        }
        if matches!(order, Order::Price | Order::PriceDown) {
            self.conditions.push("p.price_min IS NOT NULL".into());
        }
    }

    /// Which facets the product must have, but for the one that is walked.
    fn facets(&mut self, filter: &Filter, walked: Option<usize>) {
        for (index, facet) in filter.facets.iter().enumerate() {
            if Some(index) != walked {
                let facet = self.facet(filter, facet);
                self.conditions
                    .push(format!("EXISTS (SELECT 1 FROM facet f WHERE {facet} AND f.product = p.number)"));
            }
        }
    }

    /// Where the page begins.
    fn after(&mut self, after: Option<&Place>, key: &str, direction: &str) {
        let Some(Place(_, place, number)) = after else { return };
        let sign = if direction == "ASC" { ">" } else { "<" };
        let number = self.parameter(*number);
        if key == "p.number" {
            self.conditions.push(format!("p.number < ?{number}"));
            return;
        }
        let place = match place {
            Key::Number(number) => self.parameter(*number),
            Key::Text(text) => self.parameter(text.as_str()),
        };
        // A row value: SQLite walks the index from there.
        self.conditions.push(format!("({key}, p.number) {sign} (?{place}, ?{number})"));
    }
}

/// What a list walks.
enum Walk {
    /// The matches of the search, newest first.
    Words,
    /// The products with one of the filter's facets, newest first.
    Facet(usize),
    /// The products in the list's own order.
    All,
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
    let (sql, parameters) = match (&walk, order) {
        (Walk::Words, Order::Newest) | (Walk::All, _) | (Walk::Facet(_), _) => {
            straight(filter, order, after, &walk, limit)
        }
        (Walk::Words, _) => among_newest(filter, order, after, limit),
    };
    conn.all(&sql, parameters, |row| {
        let key = match order {
            Order::TitleEn | Order::TitleFr => Key::Text(row.get("key")?),
            _ => Key::Number(row.get("key")?),
        };
        Ok(Hit { place: Place(order, key, row.get("number")?), summary: row.get("summary")? })
    })
    .await
}

/// The rarest facet if it leaves few products, or if newest first is wanted anyway; else the order's own index.
async fn walk(conn: &Conn, filter: &Filter, order: Order) -> Result<Walk, DbError> {
    if filter.words.is_some() {
        return Ok(Walk::Words);
    }
    match filter.facets.len() {
        0 => return Ok(Walk::All),
        1 if order == Order::Newest => return Ok(Walk::Facet(0)),
        _ => {}
    }
    let mut conditions = Where::default();
    let counts: Vec<String> = (0..)
        .zip(&filter.facets)
        .map(|(index, facet)| {
            let facet = conditions.facet(filter, facet);
            let some = format!("SELECT 1 FROM facet f WHERE {facet} LIMIT {FEW}");
            format!("SELECT {index} AS facet, (SELECT count(*) FROM ({some})) AS products")
        })
        .collect();
    let sql = format!("{} ORDER BY products LIMIT 1", counts.join(" UNION ALL "));
    let rarest =
        conn.one(&sql, conditions.parameters, |row| Ok((row.get::<u32>("facet")?, row.get("products")?))).await?;
    Ok(match rarest {
        Some((facet, products)) if products < FEW || order == Order::Newest => {
            Walk::Facet(facet as usize)
        }
        _ => Walk::All,
    })
}

/// A list that SQLite walks in its order, or whose few rows it sorts.
fn straight(
    filter: &Filter,
    order: Order,
    after: Option<&Place>,
    walk: &Walk,
    limit: u32,
) -> (String, Vec<Value>) {
    let mut conditions = Where::default();
    let (key, direction) = order.key();
    // CROSS JOIN keeps the order of tables that is written here.
    let (from, number) = match walk {
        Walk::Words => {
            let words = conditions.parameter(filter.words.clone().unwrap_or_default());
            conditions.conditions.push(format!("product_text MATCH ?{words}"));
            ("product_text CROSS JOIN product p ON p.number = product_text.rowid", "product_text.rowid")
        }
        Walk::Facet(index) => {
            let facet = conditions.facet(filter, &filter.facets[*index]);
            conditions.conditions.push(facet);
            ("facet f CROSS JOIN product p ON p.number = f.product", "f.product")
        }
        Walk::All => ("product p", "p.number"),
    };
    let walked = if let Walk::Facet(index) = walk { Some(*index) } else { None };
    conditions.product(filter, order);
    conditions.facets(filter, walked);
    conditions.after(after, key, direction);
    // Newest first is the walk's own order, if it is said of the table that is walked.
    let (sorted, page) = match order {
        Order::Newest => (format!("{number} DESC"), conditions.text().replace("p.number <", &format!("{number} <"))),
        _ => (format!("{key} {direction}, p.number {direction}"), conditions.text()),
    };
    let sql = format!(
        "SELECT hit.number, hit.key, d.summary
           FROM (SELECT p.number, {key} AS key FROM {from} WHERE {page} ORDER BY {sorted} LIMIT {limit}) hit
           CROSS JOIN product_document d ON d.product = hit.number
          ORDER BY hit.key {direction}, hit.number {direction}"
    );
    (sql, conditions.parameters)
}

/// A list of a search's newest matches, put in an order that no index has.
fn among_newest(
    filter: &Filter,
    order: Order,
    after: Option<&Place>,
    limit: u32,
) -> (String, Vec<Value>) {
    let mut conditions = Where::default();
    let (key, direction) = order.key();
    let most = if order == Order::Relevance { MAX_RANKED } else { MAX_SORTED };
    let matching = matching(&mut conditions, filter, order, key, most);
    let mut place = Where { conditions: Vec::new(), parameters: conditions.parameters };
    // Of two that are equally good the newer comes first.
    let (newer, sign) = ("DESC", if direction == "ASC" { ">" } else { "<" });
    if let Some(Place(_, at, number)) = after {
        let number = place.parameter(*number);
        let at = match at {
            Key::Number(number) => place.parameter(*number),
            Key::Text(text) => place.parameter(text.as_str()),
        };
        place.conditions.push(format!("(key {sign} ?{at} OR key = ?{at} AND number < ?{number})"));
    }
    let sql = format!(
        "SELECT hit.number, hit.key, d.summary
           FROM (SELECT number, key FROM ({matching}) WHERE {}
                  ORDER BY key {direction}, number {newer} LIMIT {limit}) hit
           CROSS JOIN product_document d ON d.product = hit.number
          ORDER BY hit.key {direction}, hit.number {newer}",
        place.text()
    );
    (sql, place.parameters)
}

/// The newest `most` matches, each with `key`.
fn matching(conditions: &mut Where, filter: &Filter, order: Order, key: &str, most: u32) -> String {
    let (from, number) = match &filter.words {
        Some(words) => {
            let words = conditions.parameter(words.as_str());
            conditions.conditions.push(format!("product_text MATCH ?{words}"));
            ("product_text CROSS JOIN product p ON p.number = product_text.rowid", "product_text.rowid")
        }
        None => ("product p", "p.number"),
    };
    conditions.product(filter, order);
    conditions.facets(filter, None);
    format!(
        "SELECT {number} AS number, {key} AS key FROM {from} WHERE {} ORDER BY {number} DESC LIMIT {most}",
        conditions.text()
    )
}

/// How often each category, brand and tag is among the newest [`MAX_SORTED`] matches; the 50 most frequent of each.
pub async fn facets(conn: &Conn, filter: &Filter) -> Result<Vec<Count>, DbError> {
    let mut conditions = Where::default();
    let matching = matching(&mut conditions, filter, Order::Newest, "0", MAX_SORTED);
    let sql = format!(
        "WITH counted AS (
           SELECT f.kind, f.value, count(*) AS products
             FROM ({matching}) m CROSS JOIN facet f INDEXED BY facet_by_product ON f.product = m.number
            WHERE f.kind IN ('category', 'brand', 'tag') GROUP BY f.kind, f.value),
         placed AS (
           SELECT *, row_number() OVER (PARTITION BY kind ORDER BY products DESC, value) AS place FROM counted)
         SELECT kind, value, products FROM placed WHERE place <= 50 ORDER BY kind, place"
    );
    conn.all(&sql, conditions.parameters, |row| {
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
