//! The catalogue as a table (CSV): one row for each variant, rows of a product one below the other.
//!
//! | column | of | what |
//! |---|---|---|
//! | `slug` | product | names the product; rows with the same one, below each other, are its variants |
//! | `status`, `brand` | product | as in JSON |
//! | `title.en`, `description.fr`, … | product | one column for each language |
//! | `tags`, `categories`, `options` | product | lists, with `|` between |
//! | `sku`, `barcode`, `weight_g`, `available` | variant | as in JSON |
//! | `price`, `currency`, `compare_at_price` | variant | amounts in minor units |
//! | `option.colour`, … | variant | one column for each option |
//!
//! Columns stand in any order; only `slug` must be there. What belongs to the product is read from its first row. A
//! product without variants has one row without a `sku`. Cells that a spreadsheet would take for a formula have an
//! apostrophe in front, which is taken off again.

use crate::model::{Product, Texts};
use crate::rules::{LIST_SEPARATOR, is_language};

/// What a column has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// The product's name in addresses.
    Slug,
    /// Where it stands.
    Status,
    /// Its title in a language.
    Title(String),
    /// Its description in a language.
    Description(String),
    /// Who makes it.
    Brand,
    /// Its tags.
    Tags,
    /// Its categories.
    Categories,
    /// What its variants differ in.
    Options,
    /// The variant's SKU.
    Sku,
    /// Its value of an option.
    Option(String),
    /// Its price in minor units.
    Price,
    /// The currency of both prices.
    Currency,
    /// What it cost before, in minor units.
    CompareAtPrice,
    /// Whether it can be bought.
    Available,
    /// Its weight.
    Weight,
    /// Its barcode.
    Barcode,
}

/// The columns that every table has, by name.
const FIXED: [(&str, Column); 13] = [
    ("slug", Column::Slug),
    ("status", Column::Status),
    ("brand", Column::Brand),
    ("tags", Column::Tags),
    ("categories", Column::Categories),
    ("options", Column::Options),
    ("sku", Column::Sku),
    ("price", Column::Price),
    ("currency", Column::Currency),
    ("compare_at_price", Column::CompareAtPrice),
    ("available", Column::Available),
    ("weight_g", Column::Weight),
    ("barcode", Column::Barcode),
];

impl Column {
    /// The column of this name.
    pub fn named(name: &str) -> Option<Self> {
        if let Some((_, column)) = FIXED.iter().find(|(fixed, _)| *fixed == name) {
            return Some(column.clone());
        }
        match name.split_once('.')? {
            ("title", language) if is_language(language) => Some(Self::Title(language.into())),
            ("description", language) if is_language(language) => Some(Self::Description(language.into())),
            ("option", option) if !option.is_empty() => Some(Self::Option(option.into())),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Self::Title(language) => format!("title.{language}"),
            Self::Description(language) => format!("description.{language}"),
            Self::Option(option) => format!("option.{option}"),
            fixed => FIXED.iter().find(|(_, column)| column == fixed).map_or("", |(name, _)| name).into(),
        }
    }

    /// The columns that hold everything of products in these languages and with these options.
    pub fn all(titles: &[String], descriptions: &[String], options: &[String]) -> Vec<Self> {
        let (product, variant) = FIXED.split_at(6);
        let mut columns: Vec<Self> = product.iter().map(|(_, column)| column.clone()).collect();
        columns.extend(titles.iter().cloned().map(Self::Title));
        columns.extend(descriptions.iter().cloned().map(Self::Description));
        columns.extend(variant.iter().map(|(_, column)| column.clone()));
        columns.extend(options.iter().cloned().map(Self::Option));
        columns
    }

    /// What stands in this column for a variant of a product, or for a product without one.
    fn cell(&self, product: &Product, variant: Option<usize>) -> String {
        let text = |texts: &Texts, key: &String| texts.get(key).cloned().unwrap_or_default();
        let list = |items: &[String]| items.join(&LIST_SEPARATOR.to_string());
        let first = variant.is_none_or(|index| index == 0);
        let variant = variant.and_then(|index| product.variants.get(index));
        match (self, variant) {
            (Self::Slug, _) => product.slug.clone(),
            (Self::Status, _) if first => product.status.name().into(),
            (Self::Brand, _) if first => product.brand.clone().unwrap_or_default(),
            (Self::Tags, _) if first => list(&product.tags),
            (Self::Categories, _) if first => list(&product.categories),
            (Self::Options, _) if first => list(&product.options),
            (Self::Title(language), _) if first => text(&product.title, language),
            (Self::Description(language), _) if first => text(&product.description, language),
            (Self::Sku, Some(variant)) => variant.sku.clone(),
            (Self::Option(option), Some(variant)) => text(&variant.options, option),
            (Self::Price, Some(variant)) => variant.price.amount.to_string(),
            (Self::Currency, Some(variant)) => variant.price.currency.to_string(),
            (Self::CompareAtPrice, Some(variant)) => {
                variant.compare_at_price.map(|price| price.amount.to_string()).unwrap_or_default()
            }
            (Self::Available, Some(variant)) => variant.available.to_string(),
            (Self::Weight, Some(variant)) => {
                variant.weight_g.map(|grams| grams.to_string()).unwrap_or_default()
            }
            (Self::Barcode, Some(variant)) => variant.barcode.clone().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

/// The head of a table.
pub fn head(columns: &[Column], into: &mut String) {
    row(columns.iter().map(Column::name), into);
}

/// The rows of a product.
pub fn rows(columns: &[Column], product: &Product, into: &mut String) {
    if product.variants.is_empty() {
        row(columns.iter().map(|column| column.cell(product, None)), into);
    }
    for variant in 0..product.variants.len() {
        row(columns.iter().map(|column| column.cell(product, Some(variant))), into);
    }
}

/// A row as RFC 4180 has it.
fn row(cells: impl Iterator<Item = String>, into: &mut String) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            into.push(',');
        }
        let cell = guarded(cell);
        if cell.contains(['"', ',', '\n', '\r']) {
            into.push('"');
            into.push_str(&cell.replace('"', "\"\""));
            into.push('"');
        } else {
            into.push_str(&cell);
        }
    }
    into.push_str("\r\n");
}

/// What a spreadsheet takes for a formula, and the guard itself.
const GUARDED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// The cell with an apostrophe in front if a spreadsheet might compute it (CSV injection).
fn guarded(cell: String) -> String {
    match cell.starts_with(GUARDED) {
        true => format!("'{cell}"),
        false => cell,
    }
}

/// The cell without the apostrophe that [`guarded`] put in front.
pub fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(GUARDED)).unwrap_or(cell)
}

/// The items of a list.
pub fn items(cell: &str) -> Vec<String> {
    cell.split(LIST_SEPARATOR).map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}
