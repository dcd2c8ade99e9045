//! Everything that the catalogue refuses, beside what the kit does.

use souk_kit::{FieldError, Refusal, Spec};

const SLUG_TAKEN: Spec = Spec::new(
    409,
    "slug-taken",
    "The slug is taken",
    "Another product or category has this slug; a deleted product keeps its own, so that it can be restored.",
);
const SKU_TAKEN: Spec = Spec::new(
    409,
    "sku-taken",
    "The SKU is taken",
    "A variant of another product has this SKU: it must be unique in the whole shop.",
);
const CATEGORY_IN_USE: Spec = Spec::new(
    409,
    "category-in-use",
    "The category is in use",
    "It has products or sub-categories: move them first.",
);
const TOO_MANY_CATEGORIES: Spec = Spec::new(
    409,
    "too-many-categories",
    "There are too many categories",
    "A shop has at most 2,000 categories: remove one first.",
);
const TOO_MANY_IMAGES: Spec = Spec::new(
    409,
    "too-many-images",
    "The product has too many images",
    "A product has at most 20 images: remove one first.",
);
const IMAGE_UNREADABLE: Spec = Spec::new(
    422,
    "image-unreadable",
    "The image cannot be used",
    "The bytes are no image of the media type that was sent, or its dimensions are out of bounds.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] =
    &[SLUG_TAKEN, SKU_TAKEN, CATEGORY_IN_USE, TOO_MANY_CATEGORIES, TOO_MANY_IMAGES, IMAGE_UNREADABLE];

/// What the catalogue refuses.
#[derive(Debug)]
pub enum Refused {
    /// Another product or category has the slug.
    SlugTaken {
        /// The slug.
        slug: String,
    },
    /// A variant of another product has the SKU.
    SkuTaken {
        /// The SKU.
        sku: String,
        /// Which variant of the request has it.
        variant: usize,
    },
    /// Products or sub-categories are in it.
    CategoryInUse,
    /// No room for another category.
    TooManyCategories,
    /// No room for another image.
    TooManyImages,
    /// No image that can be shown.
    ImageUnreadable {
        /// Why.
        why: String,
    },
}

impl Refusal for Refused {
    fn spec(&self) -> Spec {
        match self {
            Self::SlugTaken { .. } => SLUG_TAKEN,
            Self::SkuTaken { .. } => SKU_TAKEN,
            Self::CategoryInUse => CATEGORY_IN_USE,
            Self::TooManyCategories => TOO_MANY_CATEGORIES,
            Self::TooManyImages => TOO_MANY_IMAGES,
            Self::ImageUnreadable { .. } => IMAGE_UNREADABLE,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::SlugTaken { slug } => format!("The slug `{slug}` is taken."),
            Self::SkuTaken { sku, .. } => format!("The SKU `{sku}` belongs to another product."),
            Self::CategoryInUse => "The category has products or sub-categories.".into(),
            Self::TooManyCategories => "There are 2,000 categories already.".into(),
            Self::TooManyImages => "The product has 20 images already.".into(),
            Self::ImageUnreadable { why } => format!("The image {why}."),
        }
    }

    fn errors(&self) -> Vec<FieldError> {
        match self {
            Self::SlugTaken { .. } => vec![FieldError::at("/slug", "is taken")],
            Self::SkuTaken { variant, .. } => {
                vec![FieldError::at(format!("/variants/{variant}/sku"), "belongs to another product")]
            }
            Self::CategoryInUse
            | Self::TooManyCategories
            | Self::TooManyImages
            | Self::ImageUnreadable { .. } => Vec::new(),
        }
    }
}
