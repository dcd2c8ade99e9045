//! What a product must be.

use super::text::{is_language, line, multiline, slug_is_fit};
use super::{LIST_SEPARATOR, MAX_TITLE, MAX_VARIANTS};
use crate::model::{PriceRange, ProductChange, ProductInput, Texts, Variant, VariantInput};
use garde::error::Path;
use souk_kit::Money;
use souk_kit::money::MAX_AMOUNT;
use std::collections::{BTreeSet, HashSet};

const MAX_TAGS: usize = 30;
const MAX_CATEGORIES: usize = 20;
const MAX_OPTIONS: usize = 5;
const MAX_LANGUAGES: usize = 30;
const MAX_DESCRIPTION: usize = 20_000;
/// Characters of a brand, a tag, an option's name or value, a SKU or a barcode.
const MAX_WORD: usize = 100;
/// A tonne.
const MAX_WEIGHT_G: u32 = 1_000_000;

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The way to the field.
    pub path: Vec<String>,
    /// What is wrong with it.
    pub detail: String,
}

/// Collects what is wrong.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, path: &[&str], detail: impl Into<String>) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        self.0.push(Finding { path, detail: detail.into() });
    }

    /// `text` is one line of 1 to `max` characters.
    fn line(&mut self, path: &[&str], text: &str, max: usize) {
        if let Err(detail) = line(text, max) {
            self.add(path, detail);
        }
    }

    fn slug(&mut self, slug: &str) {
        if let Err(detail) = slug_is_fit(slug) {
            self.add(&["slug"], detail);
        }
    }

    fn texts(&mut self, field: &str, texts: &Texts, max: usize, lines: bool) {
        if texts.len() > MAX_LANGUAGES {
            self.add(&[field], format!("has more than {MAX_LANGUAGES} languages"));
            return;
        }
        for (language, text) in texts {
            if !is_language(language) {
                self.add(&[field, language], "is not a language tag (BCP 47), such as `en` or `pt-BR`");
            } else if let Err(detail) = if lines { multiline(text, max) } else { line(text, max) } {
                self.add(&[field, language], detail);
            }
        }
    }

    fn title(&mut self, title: &Texts) {
        if title.is_empty() {
            self.add(&["title"], "needs at least one language");
        }
        self.texts("title", title, MAX_TITLE, false);
    }

    /// A list of at most `max` different words.
    fn words(&mut self, field: &str, words: &[String], max: usize) {
        if words.len() > max {
            self.add(&[field], format!("has more than {max} items"));
            return;
        }
        let mut seen = HashSet::new();
        for (index, word) in words.iter().enumerate() {
            let index = index.to_string();
            self.line(&[field, &index], word, MAX_WORD);
            if word.contains(LIST_SEPARATOR) || (field == "options" && word.contains(':')) {
                self.add(&[field, &index], "must not contain `|` (nor `:` in an option)");
            }
            if !seen.insert(word) {
                self.add(&[field, &index], "is there twice");
            }
        }
    }

    fn variants(&mut self, variants: &[VariantInput]) {
        if variants.len() > MAX_VARIANTS {
            self.add(&["variants"], format!("has more than {MAX_VARIANTS} items"));
            return;
        }
        let mut skus = HashSet::new();
        for (index, variant) in variants.iter().enumerate() {
            let index = index.to_string();
            let at = |field| ["variants", index.as_str(), field];
            self.line(&at("sku"), &variant.sku, MAX_WORD);
            if !skus.insert(&variant.sku) {
                self.add(&at("sku"), "is there twice");
            }
            self.money(&index, "price", variant.price, variants);
            if let Some(price) = variant.compare_at_price {
                self.money(&index, "compare_at_price", price, variants);
            }
            if variant.weight_g.is_some_and(|weight| weight > MAX_WEIGHT_G) {
                self.add(&at("weight_g"), format!("is more than {MAX_WEIGHT_G}"));
            }
            if let Some(barcode) = &variant.barcode {
                self.line(&at("barcode"), barcode, MAX_WORD);
            }
            for (name, value) in &variant.options {
                self.line(&["variants", &index, "options", name], value, MAX_WORD);
                if value.contains(LIST_SEPARATOR) {
                    self.add(&["variants", &index, "options", name], "must not contain `|`");
                }
            }
        }
    }

    fn money(&mut self, index: &str, field: &str, money: Money, variants: &[VariantInput]) {
        if !(0..=MAX_AMOUNT).contains(&money.amount) {
            self.add(&["variants", index, field, "amount"], format!("is not from 0 to {MAX_AMOUNT}"));
        }
        if variants.first().is_some_and(|first| first.price.currency != money.currency) {
            self.add(&["variants", index, field, "currency"], "is another one than the first variant's");
        }
    }

    /// Each variant has a value of each option, and no two the same values.
    fn combinations(&mut self, options: &[String], variants: &[VariantInput]) {
        let wanted: BTreeSet<&String> = options.iter().collect();
        let mut seen = HashSet::new();
        for (index, variant) in variants.iter().enumerate() {
            let path = ["variants", &index.to_string(), "options"];
            let given: BTreeSet<&String> = variant.options.keys().collect();
            if given != wanted {
                self.add(&path, "does not have exactly the options that the product lists");
            } else if !seen.insert(&variant.options) {
                self.add(&path, "is the same as another variant's");
            }
        }
    }
}

/// Everything that is wrong with a product.
pub fn check(input: &ProductInput) -> Vec<Finding> {
    let mut findings = Findings::default();
    findings.slug(&input.slug);
    findings.title(&input.title);
    findings.texts("description", &input.description, MAX_DESCRIPTION, true);
    if let Some(brand) = &input.brand {
        findings.line(&["brand"], brand, MAX_WORD);
    }
    findings.words("tags", &input.tags, MAX_TAGS);
    findings.words("categories", &input.categories, MAX_CATEGORIES);
    findings.words("options", &input.options, MAX_OPTIONS);
    findings.variants(&input.variants);
    if input.options.len() <= MAX_OPTIONS && input.variants.len() <= MAX_VARIANTS {
        findings.combinations(&input.options, &input.variants);
    }
    findings.0
}

/// Everything that is wrong with a change, as far as the product need not be known.
pub fn check_change(change: &ProductChange) -> Vec<Finding> {
    // What is absent is taken from a product that is fit; its options are those of the variants that were sent.
    let fit = ProductInput {
        slug: "fit".into(),
        title: Texts::from([("en".into(), "fit".into())]),
        ..ProductInput::default()
    };
    let whole = change.options.is_some() && change.variants.is_some();
    let mut found = check(&change.clone().apply(fit));
    found.retain(|finding| {
        whole || finding.path.len() != 3 || finding.path.last().is_none_or(|last| last != "options")
    });
    found
}

/// Everything that is wrong with texts such as a category's name.
pub fn check_texts(field: &str, texts: &Texts, required: bool) -> Vec<Finding> {
    let mut findings = Findings::default();
    if required && texts.is_empty() {
        findings.add(&[field], "needs at least one language");
    }
    findings.texts(field, texts, MAX_TITLE, false);
    findings.0
}

/// From the cheapest to the dearest variant.
pub fn price_range(variants: &[Variant]) -> Option<PriceRange> {
    let prices = || variants.iter().map(|variant| variant.price);
    let min = prices().min_by_key(|price| price.amount)?;
    let max = prices().max_by_key(|price| price.amount)?;
    Some(PriceRange { min, max })
}

/// What was found, for the validation of a request: so it is told together with what has the wrong shape.
pub fn tell(found: Vec<Finding>, parent: &mut dyn FnMut() -> Path, report: &mut garde::Report) {
    for finding in found {
        let path = finding.path.iter().fold(parent(), |path, part| path.join(part.as_str()));
        report.append(path, garde::Error::new(finding.detail));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;
    use proptest::prelude::*;
    use souk_kit::Currency;

    fn variant(sku: &str, colour: &str) -> VariantInput {
        VariantInput {
            sku: sku.into(),
            options: Texts::from([("colour".into(), colour.into())]),
            price: Money::new(4900, Currency::EUR),
            compare_at_price: None,
            available: true,
            weight_g: None,
            barcode: None,
        }
    }

    fn lamp() -> ProductInput {
        ProductInput {
            slug: "oak-lamp".into(),
            status: Status::Active,
            title: Texts::from([("en".into(), "Oak lamp".into())]),
            options: vec!["colour".into()],
            variants: vec![variant("A", "Black"), variant("B", "White")],
            ..ProductInput::default()
        }
    }

    fn pointers(input: &ProductInput) -> Vec<String> {
        check(input).into_iter().map(|finding| finding.path.join("/")).collect()
    }

    #[test]
    fn a_product_as_it_should_be_is_fit() {
        assert_eq!(pointers(&lamp()), Vec::<String>::new());
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let mut input = lamp();
        input.slug = "Oak lamp".into();
        input.title.insert("english".into(), "Oak".into());
        input.title.insert("fr".into(), "Lampe\u{7}".into());
        input.tags = vec!["a".into(), "a".into(), "x|y".into()];
        input.variants[1] = variant("A", "Black");
        input.variants[1].price = Money::new(-1, "USD".parse().unwrap());
        let expected = [
            "slug",
            "title/english",
            "title/fr",
            "tags/1",
            "tags/2",
            "variants/1/sku",
            "variants/1/price/amount",
            "variants/1/price/currency",
            "variants/1/options",
        ];
        assert_eq!(pointers(&input), expected);
    }

    #[test]
    fn what_is_too_much_is_refused_once() {
        let mut input = lamp();
        input.variants = vec![variant("A", "Black"); MAX_VARIANTS + 1];
        input.title = Texts::from([("en".into(), "x".repeat(MAX_TITLE + 1))]);
        assert_eq!(pointers(&input), ["title/en", "variants"]);
    }

    #[test]
    fn a_change_is_judged_by_what_it_has() {
        let fit = ProductChange { variants: Some(vec![variant("A", "Black")]), ..ProductChange::default() };
        assert_eq!(check_change(&fit), []);
        let unfit = ProductChange { slug: Some("-".into()), ..ProductChange::default() };
        assert_eq!(check_change(&unfit).len(), 1);
    }

    proptest! {
        #[test]
        fn a_price_range_holds_every_price(amounts in prop::collection::vec(0..=MAX_AMOUNT, 1..20)) {
            let input = ProductInput {
                variants: amounts.iter().map(|amount| VariantInput {
                    price: Money::new(*amount, Currency::EUR), ..variant("A", "Black")
                }).collect(),
                ..lamp()
            };
            let product = crate::model::Product::from_input(input, None, souk_kit::Timestamp::now());
            let range = product.price_range.unwrap();
            prop_assert!(amounts.iter().all(|amount| (range.min.amount..=range.max.amount).contains(amount)));
            prop_assert!(amounts.contains(&range.min.amount) && amounts.contains(&range.max.amount));
        }
    }
}
