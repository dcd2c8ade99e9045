//! The catalogue as a list: search, filters, facets, sorting, pages.

use crate::model::Status;
use crate::rules::{self, LIST_SEPARATOR};
use crate::store::list::{self, Count, Filter, Order, Place};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use souk_kit::money::MAX_AMOUNT;
use souk_kit::permission::scope::PRODUCTS_WRITE;
use souk_kit::problem::ProblemDocument;
use souk_kit::{Caller, Ctx, Currency, Page, PageQuery, Problem, Result, ValidQuery};
use utoipa::{IntoParams, ToSchema};

/// Which products are wanted, in which order.
#[derive(Debug, Default, Deserialize, Validate, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Words that must all be there, in any language, each at least as the beginning of a word: in the title, brand, tags,
    /// SKUs, category names or description. Accents and case do not matter. The first eight count.
    #[garde(inner(length(chars, max = 200)))]
    pub q: Option<String>,
    /// Slug of a category; those below it count, too.
    #[garde(inner(length(chars, max = 100)))]
    pub category: Option<String>,
    /// Exactly this brand.
    #[garde(inner(length(chars, max = 100)))]
    pub brand: Option<String>,
    /// This tag; several with `|` between must all be there.
    #[garde(inner(length(chars, max = 1000)))]
    pub tag: Option<String>,
    /// A variant with this option; several with `|` between.
    #[garde(inner(length(chars, max = 1000), contains(":")))]
    #[param(example = "colour:Black")]
    pub option: Option<String>,
    /// A variant costs at least this, in minor units.
    #[garde(inner(range(min = 0, max = MAX_AMOUNT)))]
    pub min_price: Option<i64>,
    /// A variant costs at most this, in minor units.
    #[garde(inner(range(min = 0, max = MAX_AMOUNT)))]
    pub max_price: Option<i64>,
    /// Priced in this. Without it, prices of different currencies are compared as numbers.
    #[garde(skip)]
    #[param(value_type = Option<String>)]
    pub currency: Option<Currency>,
    /// Whether any variant can be bought.
    #[garde(skip)]
    pub available: Option<bool>,
    /// Where they stand: `active` if absent; others only for those who may change products.
    #[garde(skip)]
    #[param(inline)]
    pub status: Option<StatusFilter>,
    /// `relevance` if there are words, else `newest`. By relevance come the words whole in the title, then as beginnings in
    /// the title, then with brand, tags, SKUs and category names, then anywhere; each newest first. (Of four words or more
    /// come those in the title, then anywhere.) A search puts its newest 10,000 matches in order of title. `price` and
    /// `-price` leave out what has no price.
    #[garde(skip)]
    #[param(inline)]
    pub sort: Option<Sort>,
    /// The language that titles are sorted in; other languages than French are sorted as English.
    #[garde(inner(custom(language)))]
    pub lang: Option<String>,
    /// Whether to count the matches by category, brand and tag (the newest 5,000 unless it is the whole shop; on the first page).
    #[garde(skip)]
    pub facets: bool,
    /// How many items at most: 1 to 100, 20 if absent.
    #[garde(inner(range(min = 1, max = souk_kit::page::MAX_LIMIT)))]
    pub limit: Option<u32>,
    /// Where the page begins: `next_cursor` of the one before.
    #[garde(inner(length(max = 1000)))]
    pub cursor: Option<String>,
}

/// Which status is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatusFilter {
    /// Not shown yet.
    Draft,
    /// Shown.
    Active,
    /// Not shown any more, or deleted.
    Archived,
    /// All of them.
    Any,
}

/// Which order is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
pub enum Sort {
    /// Best match first.
    #[serde(rename = "relevance")]
    Relevance,
    /// Newest first.
    #[serde(rename = "newest")]
    Newest,
    /// Cheapest first.
    #[serde(rename = "price")]
    Price,
    /// Dearest first.
    #[serde(rename = "-price")]
    PriceDown,
    /// By title.
    #[serde(rename = "title")]
    Title,
}

fn language(tag: &str, (): &()) -> garde::Result {
    match rules::is_language(tag) {
        true => Ok(()),
        false => Err(garde::Error::new("is not a language tag (BCP 47)")),
    }
}

/// A page of products.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductPage {
    /// The products.
    items: Vec<Value>,
    /// Give it as `cursor` for the next page; absent on the last one.
    next_cursor: Option<String>,
    /// How often each value is among the matches, if asked.
    facets: Option<Facets>,
}

/// How often each value is among the matches, the 50 most frequent ones.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Facets {
    /// By category.
    categories: Vec<FacetCount>,
    /// By brand.
    brands: Vec<FacetCount>,
    /// By tag.
    tags: Vec<FacetCount>,
}

/// How often one value is among the matches.
#[derive(Debug, Serialize, ToSchema)]
pub struct FacetCount {
    /// The value, to filter by.
    value: String,
    /// How many matches have it.
    count: i64,
}

/// List and search products.
#[utoipa::path(get, path = "/products", tag = "products", security((), ("bearer" = [])), params(ListQuery),
    responses(
        (status = 200, description = "A page of products", body = ProductPage,
            headers(("Link" = Option<String>, description = "The next page"))),
        (status = 400, description = "`malformed-request`", body = ProblemDocument),
        (status = 401, description = "`unauthenticated`", body = ProblemDocument),
        (status = 403, description = "`forbidden`", body = ProblemDocument),
        (status = 422, description = "`invalid-request`", body = ProblemDocument)))]
pub async fn list(ctx: Ctx, caller: Caller, ValidQuery(query): ValidQuery<ListQuery>) -> Result<Response> {
    let status = query.status.unwrap_or(StatusFilter::Active);
    if status != StatusFilter::Active {
        caller.needs(PRODUCTS_WRITE)?;
    }
    let order = query.order();
    let paging = PageQuery { limit: query.limit, cursor: query.cursor.clone() };
    let after = paging.after::<Place>()?;
    if after.as_ref().is_some_and(|place| !place.belongs_to(order)) {
        return Err(Problem::bad_parameter("cursor", "is of a list in another order"));
    }
    let with_facets = query.facets && after.is_none();
    let limit = paging.limit();
    // Words that have neither a letter nor a digit are found nowhere.
    let Some(filter) = query.filter(status) else {
        return answer(Page { items: vec![], next_cursor: None }, None);
    };
    let conn = ctx.conn().await?;
    let hits = list::page(&conn, &filter, order, after.as_ref(), limit + 1).await?;
    let page = Page::new(hits, limit, |hit| hit.place.clone())?;
    let facets = match with_facets {
        true => Some(list::facets(&conn, &filter).await?),
        false => None,
    };
    answer(page, facets)
}

impl Place {
    /// Whether it is a place in a list of this order.
    fn belongs_to(&self, order: Order) -> bool {
        let text = matches!(self.1, list::Key::Text(_));
        self.0 == order && text == matches!(order, Order::TitleEn | Order::TitleFr)
    }
}

impl ListQuery {
    fn order(&self) -> Order {
        let searched = self.words().is_some();
        match self.sort {
            Some(Sort::Relevance) | None if searched => Order::Relevance,
            Some(Sort::Relevance | Sort::Newest) | None => Order::Newest,
            Some(Sort::Price) => Order::Price,
            Some(Sort::PriceDown) => Order::PriceDown,
            Some(Sort::Title) => match self.lang.as_deref().and_then(|tag| tag.split('-').next()) {
                Some("fr") => Order::TitleFr,
                _ => Order::TitleEn,
            },
        }
    }

    /// What was typed; an empty field of a form is none.
    fn words(&self) -> Option<&str> {
        self.q.as_deref().filter(|text| !text.trim().is_empty())
    }

    /// None when nothing can match.
    fn filter(&self, status: StatusFilter) -> Option<Filter> {
        let words = match self.words() {
            Some(text) => Some(rules::words::words(text)?),
            None => None,
        };
        let mut facets = Vec::new();
        facets.extend(self.category.iter().map(|slug| ("category", slug.clone())));
        facets.extend(self.brand.iter().map(|brand| ("brand", brand.clone())));
        facets.extend(self.tag.iter().flat_map(|tags| several("tag", tags)));
        facets.extend(self.option.iter().flat_map(|options| several("option", options)));
        Some(Filter {
            status: match status {
                StatusFilter::Draft => Some(Status::Draft),
                StatusFilter::Active => Some(Status::Active),
                StatusFilter::Archived => Some(Status::Archived),
                StatusFilter::Any => None,
            },
            words,
            facets,
            min_price: self.min_price,
            max_price: self.max_price,
            currency: self.currency.map(|currency| currency.to_string()),
            available: self.available,
        })
    }
}

/// Values with `|` between; more than ten would only cost time.
fn several(kind: &'static str, values: &str) -> impl Iterator<Item = (&'static str, String)> {
    values.split(LIST_SEPARATOR).take(10).map(move |value| (kind, value.to_owned()))
}

/// The page as it goes out: its items are JSON already.
fn answer(page: Page<list::Hit>, facets: Option<Vec<Count>>) -> Result<Response> {
    let summaries: Vec<&str> = page.items.iter().map(|hit| hit.summary.as_str()).collect();
    let mut body = format!("{{\"items\":[{}]", summaries.join(","));
    if let Some(cursor) = &page.next_cursor {
        body += &format!(",\"next_cursor\":{}", json!(cursor));
    }
    if let Some(facets) = facets {
        body += &format!(",\"facets\":{}", json!(Facets::of(facets)));
    }
    body.push('}');
    // The kit's page has the headers.
    let mut answer = Page::<Value> { items: Vec::new(), next_cursor: page.next_cursor }.into_response();
    *answer.body_mut() = Body::from(body);
    Ok(answer)
}

impl Facets {
    fn of(counts: Vec<Count>) -> Self {
        let mut facets = Self::default();
        for Count { kind, value, count } in counts {
            let list = match kind.as_str() {
                "category" => &mut facets.categories,
                "brand" => &mut facets.brands,
                _ => &mut facets.tags,
            };
            list.push(FacetCount { value, count });
        }
        facets
    }
}
