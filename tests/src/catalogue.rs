//! What people do in the catalogue, as sentences.

use crate::answer::Answer;
use crate::person::Person;
use crate::project::unique;
use serde_json::{Value, json};

/// A product that is in the catalogue, as it was when it was answered.
#[derive(Debug, Clone)]
pub struct Product {
    /// The whole of it.
    pub json: Value,
    /// The tag of this version.
    pub etag: String,
}

/// A lamp that no other test sells: its slug and SKU are unique, and so is the brand, by which it can be searched.
pub fn lamp() -> Value {
    let slug = unique("lamp");
    json!({
        "slug": slug,
        "status": "active",
        "title": {"en": format!("Desk lamp {slug}"), "fr": format!("Lampe de bureau {slug}")},
        "description": {"en": "Stays where you turn it."},
        "brand": slug,
        "variants": [{"sku": slug.to_uppercase(), "price": {"amount": 5900, "currency": "EUR"}}],
    })
}

impl Product {
    /// From the answer that shows it.
    #[track_caller]
    pub fn from(answer: &Answer) -> Self {
        Self { json: answer.json().clone(), etag: answer.etag().to_owned() }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.json["id"].as_str().expect("a product has an id")
    }

    /// Its slug, which is also the brand of a [`lamp`].
    pub fn slug(&self) -> &str {
        self.json["slug"].as_str().expect("a product has a slug")
    }
}

impl Person {
    /// Adds a product, which must work.
    pub async fn adds_product(&self, product: Value) -> Product {
        Product::from(&self.post("/api/v1/products", &product).await.is(201))
    }

    /// Tries to add a product.
    pub async fn tries_to_add(&self, product: &Value) -> Answer {
        self.post("/api/v1/products", product).await
    }

    /// Looks at a product.
    pub async fn reads(&self, product: &Product) -> Answer {
        self.get(format!("/api/v1/products/{}", product.id())).await
    }

    /// Changes a product, whatever version it has by now.
    pub async fn changes(&self, product: &Product, change: &Value) -> Answer {
        self.patch(format!("/api/v1/products/{}", product.id()), change).await
    }

    /// Takes a product out of the catalogue.
    pub async fn removes(&self, product: &Product) -> Answer {
        self.delete(format!("/api/v1/products/{}", product.id())).await
    }

    /// Searches the catalogue for words.
    pub async fn searches(&self, words: &str) -> Answer {
        self.lists_products(&[("q", words)]).await
    }

    /// Lists the catalogue with these query parameters.
    pub async fn lists_products(&self, query: &[(&str, &str)]) -> Answer {
        let mut url = reqwest::Url::parse("http://any/").expect("an address");
        url.query_pairs_mut().extend_pairs(query);
        self.get(format!("/api/v1/products?{}", url.query().unwrap_or_default())).await
    }
}

impl Answer {
    /// A list with this product in it.
    #[track_caller]
    pub fn finds(&self, product: &Product) {
        assert!(self.is_success() && self.has(product), "{self} should have {}", product.slug());
    }

    /// A list without this product.
    #[track_caller]
    pub fn does_not_find(&self, product: &Product) {
        assert!(self.is_success() && !self.has(product), "{self} should not have {}", product.slug());
    }

    fn has(&self, product: &Product) -> bool {
        let items = self.json()["items"].as_array();
        items.unwrap_or_else(|| panic!("{self} is no list")).iter().any(|item| item["id"] == product.id())
    }
}
