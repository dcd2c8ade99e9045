//! The catalogue's documents: what a product is, what may be sent for one, and what lists show of it.

use garde::Validate;
use garde::error::Path;
use serde::{Deserialize, Serialize};
use souk_kit::id::{ImageId, ProductId, VariantId};
use souk_kit::valid::present;
use souk_kit::{Money, Timestamp};
use std::collections::BTreeMap;
use utoipa::ToSchema;

use crate::rules;

/// A text in several languages, by BCP 47 tag.
pub type Texts = BTreeMap<String, String>;

/// Where a product stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Not shown yet.
    #[default]
    Draft,
    /// Everybody may see it.
    Active,
    /// Not shown any more.
    Archived,
}

impl Status {
    /// Its name in JSON and SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Archived => "archived",
        }
    }
}

/// A product of the catalogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its name in addresses, unique in the shop.
    #[schema(example = "oak-desk-lamp")]
    pub slug: String,
    /// Where it stands.
    pub status: Status,
    /// Its title, by language.
    #[schema(example = json!({"en": "Oak desk lamp", "fr": "Lampe de bureau en chêne"}))]
    pub title: Texts,
    /// Its description, by language.
    pub description: Texts,
    /// Who makes it.
    pub brand: Option<String>,
    /// Words that it can be filtered by.
    pub tags: Vec<String>,
    /// Slugs of the categories that it is in.
    pub categories: Vec<String>,
    /// What its variants differ in.
    #[schema(example = json!(["colour"]))]
    pub options: Vec<String>,
    /// What can be bought of it.
    pub variants: Vec<Variant>,
    /// Its pictures, in order.
    pub images: Vec<Image>,
    /// From the cheapest to the dearest variant; null without variants.
    pub price_range: Option<PriceRange>,
    /// Whether any variant can be bought.
    pub available: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// One thing that can be bought of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Variant {
    /// Its id; it stays with the SKU.
    pub id: VariantId,
    /// Stock keeping unit, unique in the shop.
    pub sku: String,
    /// Its value of each of the product's options.
    #[schema(example = json!({"colour": "Black"}))]
    pub options: Texts,
    /// What it costs.
    pub price: Money,
    /// What it cost before, or is recommended to cost.
    pub compare_at_price: Option<Money>,
    /// Whether the shop offers it.
    pub available: bool,
    /// Whether inventory has any; null of what inventory does not know. It can be bought if it is offered and this is not
    /// false.
    #[serde(default)]
    pub in_stock: Option<bool>,
    /// Its weight in grams.
    pub weight_g: Option<u32>,
    /// EAN, UPC or the like.
    pub barcode: Option<String>,
}

impl Variant {
    /// Whether it can be bought: it is offered, and in stock as far as anybody knows.
    pub fn can_be_bought(&self) -> bool {
        self.available && self.in_stock != Some(false)
    }
}

/// A picture of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Where its bytes are, under the suite's address.
    #[schema(example = "/api/v1/products/images/img_06b8xk2m0q3v5t7w9y1z3b5d7f")]
    pub url: String,
    /// What kind of image it is.
    pub media_type: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// What it shows, by language.
    pub alt: Texts,
    /// Its place among the product's images, from 0.
    pub position: u32,
}

/// From the cheapest to the dearest variant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PriceRange {
    /// The cheapest.
    pub min: Money,
    /// The dearest.
    pub max: Money,
}

/// What lists show of a product.
#[derive(Debug, Serialize, ToSchema)]
pub struct Summary<'a> {
    /// Its id.
    pub id: ProductId,
    /// Its name in addresses.
    pub slug: &'a str,
    /// Its title, by language.
    pub title: &'a Texts,
    /// Who makes it.
    pub brand: Option<&'a str>,
    /// From the cheapest to the dearest variant.
    pub price_range: Option<PriceRange>,
    /// Whether any variant can be bought.
    pub available: bool,
    /// Its first picture.
    pub image: Option<&'a Image>,
    /// Slugs of its categories.
    pub categories: &'a [String],
    /// Where it stands.
    pub status: Status,
}

/// A product as it is sent to be created or imported.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"slug": "oak-desk-lamp", "status": "active", "title": {"en": "Oak desk lamp"},
    "variants": [{"sku": "LAMP-1", "price": {"amount": 5900, "currency": "EUR"}}]}))]
pub struct ProductInput {
    /// Its name in addresses, unique in the shop: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Where it stands; a draft if absent.
    #[serde(default)]
    pub status: Status,
    /// Its title in at least one language, at most 200 characters each.
    pub title: Texts,
    /// Its description, at most 20,000 characters in each language.
    #[serde(default)]
    pub description: Texts,
    /// Who makes it.
    #[serde(default)]
    pub brand: Option<String>,
    /// At most 30 words that it can be filtered by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Slugs of at most 20 categories.
    #[serde(default)]
    pub categories: Vec<String>,
    /// What its variants differ in; at most 5.
    #[serde(default)]
    pub options: Vec<String>,
    /// What can be bought of it; at most 100, all in one currency.
    #[serde(default)]
    pub variants: Vec<VariantInput>,
}

/// A variant as it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantInput {
    /// Stock keeping unit, unique in the shop.
    pub sku: String,
    /// Its value of each of the product's options; no two variants have the same.
    #[serde(default)]
    pub options: Texts,
    /// What it costs.
    pub price: Money,
    /// What it cost before, or is recommended to cost.
    #[serde(default)]
    pub compare_at_price: Option<Money>,
    /// Whether the shop offers it; yes if absent.
    #[serde(default = "yes")]
    pub available: bool,
    /// Its weight in grams.
    #[serde(default)]
    pub weight_g: Option<u32>,
    /// EAN, UPC or the like.
    #[serde(default)]
    pub barcode: Option<String>,
}

const fn yes() -> bool {
    true
}

/// What changes in a product: what is absent stays, what is there replaces the whole field (JSON merge patch, RFC 7396,
/// of the top level). Variants keep their ids by SKU.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"status": "archived"}))]
pub struct ProductChange {
    /// Its name in addresses.
    #[serde(deserialize_with = "present")]
    pub slug: Option<String>,
    /// Where it stands.
    #[serde(deserialize_with = "present")]
    pub status: Option<Status>,
    /// Its title, by language.
    #[serde(deserialize_with = "present")]
    pub title: Option<Texts>,
    /// Its description, by language.
    #[serde(deserialize_with = "present")]
    pub description: Option<Texts>,
    /// Who makes it; null for nobody.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub brand: Option<Option<String>>,
    /// Words that it can be filtered by.
    #[serde(deserialize_with = "present")]
    pub tags: Option<Vec<String>>,
    /// Slugs of its categories.
    #[serde(deserialize_with = "present")]
    pub categories: Option<Vec<String>>,
    /// What its variants differ in.
    #[serde(deserialize_with = "present")]
    pub options: Option<Vec<String>>,
    /// What can be bought of it.
    #[serde(deserialize_with = "present")]
    pub variants: Option<Vec<VariantInput>>,
}

impl ProductChange {
    /// `input`, changed.
    pub fn apply(self, input: ProductInput) -> ProductInput {
        ProductInput {
            slug: self.slug.unwrap_or(input.slug),
            status: self.status.unwrap_or(input.status),
            title: self.title.unwrap_or(input.title),
            description: self.description.unwrap_or(input.description),
            brand: self.brand.unwrap_or(input.brand),
            tags: self.tags.unwrap_or(input.tags),
            categories: self.categories.unwrap_or(input.categories),
            options: self.options.unwrap_or(input.options),
            variants: self.variants.unwrap_or(input.variants),
        }
    }
}

impl Validate for ProductInput {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, into: &mut garde::Report) {
        rules::tell(rules::check(self), parent, into);
    }
}

impl Validate for ProductChange {
    type Context = ();

    /// What can be judged without the product; the whole is judged once it is merged.
    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, into: &mut garde::Report) {
        rules::tell(rules::check_change(self), parent, into);
    }
}

impl Product {
    /// What of it can be sent.
    pub fn input(&self) -> ProductInput {
        let variants = self.variants.iter().cloned().map(|variant| VariantInput {
            sku: variant.sku,
            options: variant.options,
            price: variant.price,
            compare_at_price: variant.compare_at_price,
            available: variant.available,
            weight_g: variant.weight_g,
            barcode: variant.barcode,
        });
        ProductInput {
            slug: self.slug.clone(),
            status: self.status,
            title: self.title.clone(),
            description: self.description.clone(),
            brand: self.brand.clone(),
            tags: self.tags.clone(),
            categories: self.categories.clone(),
            options: self.options.clone(),
            variants: variants.collect(),
        }
    }

    /// A product of this input; the ids and stock of variants, the images and the age come from the one
    /// before, if there is one.
    pub fn from_input(input: ProductInput, before: Option<Self>, now: Timestamp) -> Self {
        let (id, images, created_at, known) = match before {
            Some(before) => (before.id, before.images, before.created_at, before.variants),
            None => (ProductId::new(), Vec::new(), now, Vec::new()),
        };
        let known: BTreeMap<String, (VariantId, Option<bool>)> =
            known.into_iter().map(|variant| (variant.sku, (variant.id, variant.in_stock))).collect();
        let variants: Vec<Variant> = input
            .variants
            .into_iter()
            .map(|variant| (known.get(&variant.sku).copied(), variant))
            .map(|(known, variant)| Variant {
                id: known.map_or_else(VariantId::new, |(id, _)| id),
                in_stock: known.and_then(|(_, in_stock)| in_stock),
                sku: variant.sku,
                options: variant.options,
                price: variant.price,
                compare_at_price: variant.compare_at_price,
                available: variant.available,
                weight_g: variant.weight_g,
                barcode: variant.barcode,
            })
            .collect();
        Self {
            id,
            slug: input.slug,
            status: input.status,
            title: input.title,
            description: input.description,
            brand: input.brand,
            tags: input.tags,
            categories: input.categories,
            options: input.options,
            price_range: rules::price_range(&variants),
            available: variants.iter().any(Variant::can_be_bought),
            variants,
            images,
            created_at,
            updated_at: now,
        }
    }

    /// What lists show of it.
    pub fn summary(&self) -> Summary<'_> {
        Summary {
            id: self.id,
            slug: &self.slug,
            title: &self.title,
            brand: self.brand.as_deref(),
            price_range: self.price_range,
            available: self.available,
            image: self.images.first(),
            categories: &self.categories,
            status: self.status,
        }
    }
}
