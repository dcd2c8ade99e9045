//! What there is already, of what some lines are about; and what becomes of each line.

use super::LineError;
use crate::model::{Product, ProductInput};
use crate::product::unknown_categories;
use crate::store::category::Tree;
use crate::store::{self, Stored};
use souk_kit::{Conn, Result};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Products that one dry run takes in. It remembers each in some 200 bytes, which an instance has room for.
const MAX_TRIED: usize = 200_000;

/// What becomes of a line.
pub enum Verdict {
    /// The product is so already.
    Unchanged,
    /// It is written as this row and version.
    Fit {
        /// Its row, new or known.
        number: i64,
        /// Its version, 1 for a new one.
        version: i64,
    },
    /// It is left out.
    Unfit(Vec<LineError>),
}

/// A product before its line.
struct Before {
    number: i64,
    version: i64,
    is: Is,
}

enum Is {
    Stored(Box<Stored>),
    /// A dry run would have written it: the fingerprint of its line.
    Tried(u64),
}

/// What there is already, of what a batch is about. Each line that is fit changes it for those below.
pub struct Known {
    /// All categories.
    pub tree: Tree,
    products: HashMap<String, Before>,
    /// The product of each SKU.
    owners: HashMap<String, i64>,
    next: i64,
    full: bool,
    hasher: RandomState,
}

impl Known {
    /// Reads what the database has.
    pub async fn look_up(conn: &Conn, inputs: &[(u64, ProductInput)]) -> Result<Self> {
        let slugs: Vec<&str> = inputs.iter().map(|(_, input)| input.slug.as_str()).collect();
        let skus: Vec<&str> = inputs.iter().flat_map(|(_, input)| skus(input)).collect();
        let before = |stored: Stored| Before {
            number: stored.number,
            version: stored.version,
            is: Is::Stored(Box::new(stored)),
        };
        let products = store::by_slugs(conn, &slugs).await?;
        Ok(Self {
            tree: Tree::read(conn).await?,
            products: products.into_iter().map(|(slug, stored)| (slug, before(stored))).collect(),
            owners: store::sku_owners(conn, &skus).await?,
            next: store::next_number(conn).await?,
            full: false,
            hasher: RandomState::new(),
        })
    }

    /// Adds what a dry run would have written so far.
    pub fn add(&mut self, tried: &Tried, inputs: &[(u64, ProductInput)]) {
        self.hasher = tried.hasher.clone();
        self.next = self.next.max(tried.next);
        self.full = tried.versions.len() >= MAX_TRIED;
        for (_, input) in inputs {
            if let Some((number, print)) = tried.products.get(&tried.key(&input.slug)) {
                let version = tried.versions.get(number).copied().unwrap_or(1);
                let before = Before { number: *number, version, is: Is::Tried(*print) };
                self.products.insert(input.slug.clone(), before);
            }
            for sku in skus(input) {
                // A product that would have been rewritten has only the SKUs of its last line.
                if self.owners.get(sku).is_some_and(|owner| tried.versions.contains_key(owner)) {
                    self.owners.remove(sku);
                }
                if let Some(owner) = tried.owner(sku) {
                    self.owners.insert(sku.to_owned(), owner);
                }
            }
        }
    }

    /// What becomes of a line.
    pub fn judge(&mut self, line: u64, input: &ProductInput) -> Verdict {
        let before = self.products.get(&input.slug);
        if before.is_some_and(|before| before.is.same(input, &self.hasher)) {
            return Verdict::Unchanged;
        }
        if self.full && before.is_none() {
            let detail = format!("a dry run takes in {MAX_TRIED} products at most: try them in parts");
            return Verdict::Unfit(vec![LineError::whole(line, detail)]);
        }
        let version = before.map_or(1, |before| before.version + 1);
        let number = before.map_or(self.next, |before| before.number);
        let errors = self.errors(line, input, number);
        if !errors.is_empty() {
            return Verdict::Unfit(errors);
        }
        self.next = self.next.max(number + 1);
        if version > 1 {
            self.owners.retain(|_, owner| *owner != number);
        }
        self.owners.extend(skus(input).map(|sku| (sku.to_owned(), number)));
        Verdict::Fit { number, version }
    }

    fn errors(&self, line: u64, input: &ProductInput, number: i64) -> Vec<LineError> {
        let mut errors: Vec<LineError> = unknown_categories(&self.tree, &input.categories)
            .into_iter()
            .map(|error| LineError { line, pointer: error.pointer, detail: error.detail })
            .collect();
        for (index, sku) in skus(input).enumerate() {
            if self.owners.get(sku).is_some_and(|owner| *owner != number) {
                let detail = format!("the SKU `{sku}` belongs to another product");
                errors.push(LineError::at(line, format!("variants/{index}/sku"), detail));
            }
        }
        errors
    }

    /// Takes out the product that the database has under a slug.
    pub fn stored(&mut self, slug: &str) -> Option<Product> {
        match self.products.remove(slug)?.is {
            Is::Stored(stored) => Some(stored.product),
            Is::Tried(_) => None,
        }
    }
}

impl Is {
    fn same(&self, input: &ProductInput, hasher: &RandomState) -> bool {
        match self {
            Self::Stored(stored) => !stored.deleted && stored.product.input() == *input,
            Self::Tried(print) => *print == fingerprint(input, hasher),
        }
    }
}

/// What a dry run would have written so far, in little room: hashes stand for slugs, SKUs and lines.
#[derive(Default)]
pub struct Tried {
    hasher: RandomState,
    /// The row and the fingerprint of each product, by slug.
    products: HashMap<u64, (i64, u64)>,
    /// The version of each row.
    versions: HashMap<i64, i64>,
    /// The row that has a SKU, as long as it has this version.
    owners: HashMap<u64, (i64, i64)>,
    next: i64,
}

impl Tried {
    /// Notes a product that would have been written.
    pub fn note(&mut self, input: &ProductInput, number: i64, version: i64) {
        let print = fingerprint(input, &self.hasher);
        self.products.insert(self.key(&input.slug), (number, print));
        self.versions.insert(number, version);
        self.next = self.next.max(number + 1);
        for sku in skus(input) {
            self.owners.insert(self.key(sku), (number, version));
        }
    }

    fn owner(&self, sku: &str) -> Option<i64> {
        let (number, version) = self.owners.get(&self.key(sku))?;
        (self.versions.get(number) == Some(version)).then_some(*number)
    }

    fn key(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }
}

fn fingerprint(input: &ProductInput, hasher: &RandomState) -> u64 {
    hasher.hash_one(serde_json::json!(input).to_string())
}

fn skus(input: &ProductInput) -> impl Iterator<Item = &str> {
    input.variants.iter().map(|variant| variant.sku.as_str())
}
