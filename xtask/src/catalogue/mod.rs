//! The demo catalogue: a believable shop, the same on every machine, in any size.
//!
//! The demo has a few hundred products, committed under `demo/`; `cargo xtask bench` asks for 100,000. What the
//! products are made of stands in [`words`].

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::project::{self, Project};
use crate::shell;

mod words;

use words::{Department, Kind, Material, Text, WORDS};

/// Products of the committed demo.
pub const DEMO_PRODUCTS: usize = 240;
/// The committed products, one a line, as the import takes them.
pub const PRODUCTS_FILE: &str = "demo/catalogue.jsonl";
/// The committed categories, one a line, parents first.
pub const CATEGORIES_FILE: &str = "demo/categories.jsonl";

/// Write the demo catalogue.
///
/// Without options this refreshes demo/catalogue.jsonl and demo/categories.jsonl, which are committed and which
/// `up` loads. With --output it writes as many products as you like to another file, for the import route.
#[derive(Args)]
pub struct DemoArgs {
    /// How many products
    #[arg(long, default_value_t = DEMO_PRODUCTS)]
    products: usize,
    /// File for the products, instead of the committed ones
    #[arg(long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
}

/// A category as `POST /api/v1/categories` takes it.
#[derive(Serialize)]
pub struct Category {
    slug: &'static str,
    name: &'static Text,
    parent: Option<&'static str>,
}

/// A product as a line of the import has it.
#[derive(Serialize)]
pub struct Product {
    slug: String,
    status: &'static str,
    /// Public, because the benchmark searches for words of titles.
    pub title: Text,
    description: Text,
    categories: Vec<&'static str>,
    /// Who makes it.
    brand: &'static str,
    tags: Vec<&'static str>,
    options: Vec<&'static str>,
    variants: Vec<Variant>,
}

#[derive(Serialize)]
struct Variant {
    sku: String,
    options: BTreeMap<&'static str, &'static str>,
    price: Money,
    compare_at_price: Option<Money>,
    available: bool,
    weight_g: u32,
}

#[derive(Serialize, Clone, Copy)]
struct Money {
    amount: u32,
    currency: &'static str,
}

/// `cargo xtask demo`.
pub fn run(args: &DemoArgs) -> Result<()> {
    let project = Project::find()?;
    let products = lines(products(args.products))?;
    if let Some(output) = &args.output {
        project::write(output, &products)?;
        shell::say(format!("{} products in {}", args.products, output.display()));
        return Ok(());
    }
    project::write(&project.path(PRODUCTS_FILE), &products)?;
    project::write(&project.path(CATEGORIES_FILE), &lines(categories())?)?;
    shell::say(format!(
        "{} products in {PRODUCTS_FILE}, their categories in {CATEGORIES_FILE}",
        args.products
    ));
    Ok(())
}

/// JSON lines.
pub fn lines<T: Serialize>(items: impl Iterator<Item = T>) -> Result<String> {
    let mut text = String::new();
    for item in items {
        text.push_str(&serde_json::to_string(&item)?);
        text.push('\n');
    }
    Ok(text)
}

/// Every category, each after its parent.
pub fn categories() -> impl Iterator<Item = Category> {
    WORDS.departments.iter().flat_map(|department| {
        let top = Category { slug: &department.slug, name: &department.name, parent: None };
        let below = department.categories.iter().map(|heading| Category {
            slug: &heading.slug,
            name: &heading.name,
            parent: Some(&department.slug),
        });
        std::iter::once(top).chain(below)
    })
}

/// The first `count` products: the same on every run, none twice.
pub fn products(count: usize) -> impl Iterator<Item = Product> {
    (0..count).map(|index| Made::new(index).product())
}

/// The decisions that make one product.
struct Made {
    index: usize,
    department: &'static Department,
    kind: &'static Kind,
    material_name: &'static str,
    material: &'static Material,
    brand: &'static str,
    edition: usize,
}

impl Made {
    fn new(index: usize) -> Self {
        let kind_number = index % WORDS.kinds.len();
        let kind = &WORDS.kinds[kind_number];
        let department = WORDS.department_of(kind);
        let round = index / WORDS.kinds.len();
        let combinations = kind.materials.len() * department.brands.len();
        // The stride shares no factor with any number of combinations: neighbours differ, and none comes twice.
        let combination = (round * 17 + kind_number * 5) % combinations;
        let material_name = kind.materials[combination % kind.materials.len()].as_str();
        Self {
            index,
            department,
            kind,
            material_name,
            material: &WORDS.materials[material_name],
            brand: &department.brands[combination / kind.materials.len()],
            edition: round / combinations,
        }
    }

    fn product(&self) -> Product {
        let mut dice = Dice(self.index as u64);
        Product {
            slug: self.slug(),
            status: "active",
            title: self.title(),
            description: self.description(&mut dice),
            categories: vec![&self.kind.category],
            brand: self.brand,
            tags: self.tags(&mut dice),
            options: self.kind.choices.iter().map(String::as_str).collect(),
            variants: self.variants(&mut dice),
        }
    }

    /// `Nordlys`, or `Nordlys No. 3` when every combination has been made already.
    fn model(&self) -> String {
        match self.edition {
            0 => self.brand.to_owned(),
            edition => format!("{} No. {}", self.brand, edition + 1),
        }
    }

    fn title(&self) -> Text {
        let (model, kind, material) = (self.model(), &self.kind.name, &self.material.name);
        Text {
            en: format!("{model} {} {}", material.en, kind.en),
            fr: format!("{} {model} {}", kind.fr, material.fr),
        }
    }

    fn slug(&self) -> String {
        slug(&self.title().en)
    }

    fn description(&self, dice: &mut Dice) -> Text {
        let (kind, material) = (&self.kind.about, &self.material.about);
        let closing = dice.pick(&self.department.closings);
        Text {
            en: format!("{} {} {}", kind.en, material.en, closing.en),
            fr: format!("{} {} {}", kind.fr, material.fr, closing.fr),
        }
    }

    fn tags(&self, dice: &mut Dice) -> Vec<&'static str> {
        let mut tags = vec![self.material_name];
        for (tag, one_in) in [("new", 8), ("bestseller", 12), ("gift", 5)] {
            if dice.below(one_in) == 0 {
                tags.push(tag);
            }
        }
        tags
    }

    fn variants(&self, dice: &mut Dice) -> Vec<Variant> {
        let base = self.price(dice);
        let reduced = dice.below(7) == 0;
        let weight = dice.between(self.kind.weight_g);
        combinations(&self.kind.choices, dice)
            .into_iter()
            .enumerate()
            .map(|(number, options)| {
                let percent: u32 = 100 + options.values().map(|value| surcharge_percent(value)).sum::<u32>();
                let amount = if percent == 100 { base } else { round_price(base * percent / 100) };
                Variant {
                    sku: format!(
                        "{}-{}-{:05}-{}",
                        self.kind.code,
                        self.material_code(),
                        self.index + 1,
                        number + 1
                    ),
                    options,
                    price: euros(amount),
                    compare_at_price: reduced.then(|| euros(round_price(amount + amount / 4))),
                    available: dice.below(12) != 0,
                    weight_g: weight,
                }
            })
            .collect()
    }

    fn material_code(&self) -> String {
        self.material_name.chars().take(3).collect::<String>().to_uppercase()
    }

    fn price(&self, dice: &mut Dice) -> u32 {
        round_price(dice.between(self.kind.price) * self.material.price_percent / 100)
    }
}

/// Every way to choose a value of each option; of the many colours a product has two to four.
fn combinations(options: &'static [String], dice: &mut Dice) -> Vec<BTreeMap<&'static str, &'static str>> {
    let mut all = vec![BTreeMap::new()];
    for option in options {
        let values = &WORDS.choices[option];
        let count = if option == "colour" { 2 + dice.below(3) } else { values.len() };
        let first = if option == "colour" { dice.below(values.len()) } else { 0 };
        let chosen: Vec<_> = values.iter().cycle().skip(first).take(count).collect();
        let longer = |shorter: &BTreeMap<_, _>| {
            chosen.iter().map(|value| with(shorter, option, value)).collect::<Vec<_>>()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

fn with(
    options: &BTreeMap<&'static str, &'static str>,
    name: &'static str,
    value: &'static str,
) -> BTreeMap<&'static str, &'static str> {
    let mut options = options.clone();
    options.insert(name, value);
    options
}

fn surcharge_percent(value: &str) -> u32 {
    WORDS.surcharge_percent.get(value).copied().unwrap_or(0)
}

/// Shop prices end in .90 or .00, dear ones in 9.00.
fn round_price(amount: u32) -> u32 {
    match amount {
        0..2_000 => amount.div_ceil(100) * 100 - 10,
        2_000..10_000 => amount.div_ceil(500) * 500 - 100,
        _ => amount.div_ceil(1_000) * 1_000 - 100,
    }
}

fn euros(amount: u32) -> Money {
    Money { amount, currency: "EUR" }
}

/// Lower case, letters without their accents, words joined by hyphens.
fn slug(text: &str) -> String {
    let plain = |letter| match letter {
        'à' | 'â' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' | 'ø' => 'o',
        'û' | 'ü' => 'u',
        'å' => 'a',
        'ç' => 'c',
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => ' ',
    };
    let words: String = text.to_lowercase().chars().map(plain).collect();
    words.split_whitespace().collect::<Vec<_>>().join("-")
}

/// SplitMix64: small, even, and the same everywhere.
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound` - 1.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// One of `items`.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn between(&mut self, [least, most]: [u32; 2]) -> u32 {
        least + self.below((most - least + 1) as usize) as u32
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_catalogue_is_the_same_every_time() {
        assert_eq!(lines(products(500)).unwrap(), lines(products(500)).unwrap());
    }

    #[test]
    fn slugs_and_skus_are_unique_in_a_hundred_thousand() {
        let (mut slugs, mut skus) = (HashSet::new(), HashSet::new());
        for product in products(100_000) {
            assert!(slugs.insert(product.slug.clone()), "{} twice", product.slug);
            for variant in product.variants {
                assert!(skus.insert(variant.sku.clone()), "{} twice", variant.sku);
            }
        }
    }

    #[test]
    fn every_product_can_be_sold() {
        let categories: HashSet<_> = categories().map(|category| category.slug).collect();
        for product in products(2_000) {
            assert!(product.categories.iter().all(|slug| categories.contains(slug)), "{}", product.slug);
            assert!(!product.variants.is_empty() && product.variants.len() <= 24, "{}", product.slug);
            for variant in product.variants {
                assert!((190..200_000).contains(&variant.price.amount), "{}", variant.sku);
                assert!(variant.compare_at_price.is_none_or(|before| before.amount > variant.price.amount));
                assert_eq!(variant.options.keys().len(), product.options.len());
            }
        }
    }

    #[test]
    fn the_committed_demo_is_fresh() {
        let project = Project::find().unwrap();
        let fresh = |file: &str, text: String| {
            let committed = project::read(&project.path(file)).unwrap();
            assert!(committed == text, "{file} is stale: run `cargo xtask demo`");
        };
        fresh(PRODUCTS_FILE, lines(products(DEMO_PRODUCTS)).unwrap());
        fresh(CATEGORIES_FILE, lines(categories()).unwrap());
    }
}
