//! What holds in the catalogue: pure decisions, without a database.

mod check;
pub mod keys;
mod text;
mod tree;
pub mod words;

pub use check::{check, check_change, check_texts, price_range, tell};
pub use text::{is_language, slug_is_fit, sort_key};
pub use tree::{with_ancestors, would_be_its_own_ancestor};

/// Variants of a product.
pub const MAX_VARIANTS: usize = 100;
/// Images of a product.
pub const MAX_IMAGES: usize = 20;
/// Characters of a title, a category's name or an image's alternative text.
pub const MAX_TITLE: usize = 200;
/// Categories of a shop: all are read when a product is written.
pub const MAX_CATEGORIES_IN_ALL: usize = 2000;
/// Divides lists in a CSV cell, so no item of a list may have it.
pub const LIST_SEPARATOR: char = '|';
