//! What a merchant can configure, read from JSON and judged as a whole: every mistake is told at once.

use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What holds for a section that the merchant leaves out.
const DEFAULT: &str = include_str!("default.json");
/// A whole, in hundredths of a percent.
pub const WHOLE_BP: u64 = 10_000;
/// The largest amount in minor units, that of the kit's `Money`.
const MAX_AMOUNT: i64 = 1_000_000_000_000_000;
/// The largest rate of a tax, in hundredths of a percent: 1000%.
const MAX_RATE_BP: u32 = 100_000;
const MAX_DAYS: u32 = 365;
const MAX_LABEL: usize = 100;

/// The whole of it.
#[derive(Debug)]
pub struct Config {
    pub discounts: Vec<Discount>,
    /// By country (`FR`) or by country and region (`CA-QC`, which then stands for the country's own).
    pub taxes: BTreeMap<String, Vec<Tax>>,
    /// The first zone that names the destination counts.
    pub shipping: Vec<Zone>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    discounts: Option<Vec<Discount>>,
    taxes: Option<BTreeMap<String, Vec<Tax>>>,
    shipping: Option<Vec<Zone>>,
}

/// Money off, for everybody or with a coupon.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// What the buyer reads.
    pub label: String,
    /// The coupon that it needs, in capital letters. Without one it is for everybody.
    pub code: Option<String>,
    pub gives: Gives,
    /// From when it holds.
    #[serde(default, deserialize_with = "instant")]
    pub from: Option<i64>,
    /// Until when: from this instant it holds no more.
    #[serde(default, deserialize_with = "instant")]
    pub until: Option<i64>,
    /// How many orders may use the coupon.
    pub max_uses: Option<u32>,
    /// How many orders of one customer may.
    pub max_uses_per_customer: Option<u32>,
    /// What the lines that it is for must cost together, before it; in a currency that is not listed it does not hold.
    #[serde(default)]
    pub min_total: Vec<Money>,
    #[serde(default)]
    pub only: Only,
}

/// What a discount gives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Gives {
    /// A part of each line, rounded line by line.
    Percentage { off_bp: u32 },
    /// An amount in each currency that it is for, shared by the lines in proportion to what they cost.
    Fixed { off: Vec<Money> },
    /// Of each `buy + get` units, the cheapest `get` cost less.
    BuyXGetY { buy: u32, get: u32, off_bp: u32 },
}

/// What a discount is for: any of these lines, and any of these groups of customers. Empty lists leave nobody out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Only {
    pub categories: Vec<String>,
    pub products: Vec<String>,
    pub variants: Vec<String>,
    pub customer_groups: Vec<String>,
}

/// A tax of one country or region.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tax {
    /// What the buyer reads.
    pub label: String,
    /// Whether prices have it in already.
    pub included: bool,
    pub standard_bp: u32,
    /// Other rates, by the slug of a category; of several the first of the product's categories counts.
    #[serde(default)]
    pub categories: BTreeMap<String, u32>,
    /// The rate on shipping, if it is not the standard one.
    pub shipping_bp: Option<u32>,
}

/// Where goods can go, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Countries (`FR`), regions (`CA-QC`), or `*` for everywhere.
    pub to: Vec<String>,
    pub methods: Vec<Method>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    pub code: String,
    pub label: String,
    pub min_days: u32,
    pub max_days: u32,
    /// The first price whose conditions hold counts; where none does, the goods cannot go this way.
    pub prices: Vec<Price>,
}

/// A price, in whose currency alone it counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub price: Money,
    /// The heaviest that the goods may be together, in grams.
    pub up_to_g: Option<u64>,
    /// The least that they must cost together, after discounts.
    pub from_total: Option<Money>,
}

/// An amount of minor units.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub amount: i64,
    pub currency: String,
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let at = OffsetDateTime::parse(&text, &Rfc3339);
    let at = at.map_err(|_| serde::de::Error::custom(format!("{text:?} is not a time in RFC 3339 form")))?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000).map(Some).map_err(serde::de::Error::custom)
}

/// The amount in `currency`, if there is one.
pub fn amount_in(amounts: &[Money], currency: &str) -> Option<i64> {
    amounts.iter().find(|money| money.currency == currency).map(|money| money.amount)
}

impl Config {
    /// Reads `text`. A section that it leaves out is the default's; nothing at all is all of them.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = if text.trim().is_empty() { "{}" } else { text };
        let given = Sections::read(text)?;
        let default = Sections::read(DEFAULT)?;
        let config = Self {
            discounts: given.discounts.or(default.discounts).unwrap_or_default(),
            taxes: given.taxes.or(default.taxes).unwrap_or_default(),
            shipping: given.shipping.or(default.shipping).unwrap_or_default(),
        };
        let mut mistakes = Mistakes::default();
        config.judge(&mut mistakes);
        match mistakes.0.as_slice() {
            [] => Ok(config),
            all => Err(format!("rules_config is wrong: {}", all.join("; "))),
        }
    }

    fn judge(&self, mistakes: &mut Mistakes) {
        let mut codes = BTreeSet::new();
        for (index, discount) in self.discounts.iter().enumerate() {
            let at = format!("discounts[{index}]");
            discount.judge(&at, mistakes);
            let code = discount.code.as_deref();
            mistakes.unless(
                code.is_none_or(|code| codes.insert(code)),
                &at,
                "has a code that another has too",
            );
        }
        for (place, taxes) in &self.taxes {
            mistakes.unless(
                is_place(place),
                &format!("taxes.{place}"),
                "is no country (`FR`) or region (`CA-QC`)",
            );
            for (index, tax) in taxes.iter().enumerate() {
                tax.judge(&format!("taxes.{place}[{index}]"), mistakes);
            }
        }
        for (index, zone) in self.shipping.iter().enumerate() {
            zone.judge(&format!("shipping[{index}]"), mistakes);
        }
    }
}

impl Sections {
    fn read(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("rules_config cannot be read: {error}"))
    }
}

/// What is wrong, and where.
#[derive(Default)]
struct Mistakes(Vec<String>);

impl Mistakes {
    fn unless(&mut self, right: bool, at: &str, wrong: &str) {
        if !right {
            self.0.push(format!("{at} {wrong}"));
        }
    }

    fn label(&mut self, label: &str, at: &str) {
        let fits = !label.trim().is_empty() && label.chars().count() <= MAX_LABEL;
        let shows = !label.chars().any(char::is_control);
        self.unless(fits && shows, at, "needs a label of 1 to 100 characters");
    }

    fn money(&mut self, money: &Money, at: &str) {
        let code = money.currency.len() == 3 && money.currency.bytes().all(|byte| byte.is_ascii_uppercase());
        self.unless(code, at, "has a currency that is no ISO 4217 code");
        self.unless((0..=MAX_AMOUNT).contains(&money.amount), at, "has an amount out of bounds");
    }

    fn amounts(&mut self, amounts: &[Money], at: &str) {
        for money in amounts {
            self.money(money, at);
        }
        let currencies: BTreeSet<_> = amounts.iter().map(|money| &money.currency).collect();
        self.unless(currencies.len() == amounts.len(), at, "has a currency twice");
    }
}

impl Discount {
    fn judge(&self, at: &str, mistakes: &mut Mistakes) {
        mistakes.label(&self.label, at);
        let code = self.code.as_deref();
        mistakes.unless(
            code.is_none_or(is_coupon),
            at,
            "has a code that is not 1 to 40 of A-Z, 0-9, - and _",
        );
        mistakes.unless(
            self.max_uses.is_none() || code.is_some(),
            at,
            "has max_uses without a code: only coupons are counted",
        );
        mistakes.unless(
            self.max_uses_per_customer.is_none() || code.is_some(),
            at,
            "has max_uses_per_customer without a code: only coupons are counted",
        );
        let order = self.from.zip(self.until).is_none_or(|(from, until)| from < until);
        mistakes.unless(order, at, "ends before it begins");
        mistakes.amounts(&self.min_total, &format!("{at}.min_total"));
        self.gives.judge(&format!("{at}.gives"), mistakes);
    }
}

impl Gives {
    fn judge(&self, at: &str, mistakes: &mut Mistakes) {
        let part = |off_bp: &u32| (1..=WHOLE_BP).contains(&u64::from(*off_bp));
        match self {
            Self::Percentage { off_bp } => mistakes.unless(part(off_bp), at, "needs off_bp from 1 to 10000"),
            Self::Fixed { off } => {
                mistakes.amounts(off, at);
                let some = !off.is_empty() && off.iter().all(|money| money.amount > 0);
                mistakes.unless(some, at, "needs an amount above 0");
            }
            Self::BuyXGetY { buy, get, off_bp } => {
                mistakes.unless(part(off_bp), at, "needs off_bp from 1 to 10000");
                mistakes.unless(*buy > 0 && *get > 0, at, "needs buy and get above 0");
            }
        }
    }
}

impl Tax {
    fn judge(&self, at: &str, mistakes: &mut Mistakes) {
        mistakes.label(&self.label, at);
        let mut rates = self.categories.values().chain(&self.shipping_bp).chain([&self.standard_bp]);
        mistakes.unless(rates.all(|rate| *rate <= MAX_RATE_BP), at, "has a rate above 100000 (1000%)");
    }
}

impl Zone {
    fn judge(&self, at: &str, mistakes: &mut Mistakes) {
        let known = |to: &String| to == "*" || is_place(to);
        mistakes.unless(
            !self.to.is_empty() && self.to.iter().all(known),
            at,
            "needs countries (`FR`), regions (`CA-QC`) or `*` in `to`",
        );
        let mut codes = BTreeSet::new();
        for (index, method) in self.methods.iter().enumerate() {
            let at = format!("{at}.methods[{index}]");
            mistakes.unless(
                codes.insert(&method.code),
                &at,
                "has a code that another method of the zone has too",
            );
            method.judge(&at, mistakes);
        }
    }
}

impl Method {
    fn judge(&self, at: &str, mistakes: &mut Mistakes) {
        mistakes.label(&self.label, at);
        mistakes.unless(is_method(&self.code), at, "has a code that is not 1 to 40 of a-z, 0-9, - and _");
        let days = self.min_days <= self.max_days && self.max_days <= MAX_DAYS;
        mistakes.unless(days, at, "needs min_days up to max_days up to 365");
        mistakes.unless(!self.prices.is_empty(), at, "has no prices");
        for price in &self.prices {
            mistakes.money(&price.price, at);
            let Some(from) = &price.from_total else { continue };
            mistakes.money(from, at);
            let same = from.currency == price.price.currency;
            mistakes.unless(same, at, "has a price and a from_total of two currencies");
        }
    }
}

fn is_coupon(code: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=40).contains(&code.len()) && code.bytes().all(known)
}

fn is_method(code: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=40).contains(&code.len()) && code.bytes().all(known)
}

/// A country by ISO 3166-1, or a region by ISO 3166-2.
fn is_place(place: &str) -> bool {
    let (country, region) = place.split_once('-').map_or((place, None), |(of, region)| (of, Some(region)));
    let is_region = |region: &str| {
        let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        (1..=3).contains(&region.len()) && region.bytes().all(known)
    };
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && region.is_none_or(is_region)
}
