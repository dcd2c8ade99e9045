//! What a customer is, as it comes in and goes out.

use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize};
use souk_address::Address;
use souk_address::line::{plain, telephone, tidy, tidy_or_none};
use souk_kit::id::{AddressId, CustomerId, UserId};
use souk_kit::valid::present;
use souk_kit::{Currency, Language, Timestamp};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A person who buys.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// The account; absent for a guest.
    pub user_id: Option<UserId>,
    /// Where messages go.
    #[schema(example = "ana@example.com")]
    pub email: String,
    /// The name to be called by.
    pub name: Option<String>,
    /// A telephone number.
    pub phone: Option<String>,
    /// The language of messages and documents.
    pub language: Language,
    /// The currency to see prices in.
    pub currency: Currency,
    /// What was said about each topic; nothing was said about those that are absent.
    pub consents: Consents,
    /// The groups that the merchant has put them in, in alphabetical order: discounts may be for some of them.
    #[schema(example = json!(["trade"]))]
    pub groups: Vec<String>,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The `ETag` tells it.
    #[serde(skip)]
    pub version: i64,
}

/// What a person may agree to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// To be written to about the shop's news.
    Newsletter,
    /// To have visits counted.
    Analytics,
    /// To be shown what fits earlier purchases.
    Personalisation,
    /// To have data passed on to partners.
    Partners,
}

/// An answer to a question of consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// Whether it is given.
    pub given: bool,
    /// Since when that is so.
    pub at: Timestamp,
}

/// The answers, by topic.
pub type Consents = BTreeMap<Topic, Consent>;

/// What is said now about each topic: nothing about those that are absent.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// About being written to about the shop's news.
    #[serde(default)]
    pub newsletter: Option<bool>,
    /// About having visits counted.
    #[serde(default)]
    pub analytics: Option<bool>,
    /// About being shown what fits earlier purchases.
    #[serde(default)]
    pub personalisation: Option<bool>,
    /// About having data passed on to partners.
    #[serde(default)]
    pub partners: Option<bool>,
}

impl Said {
    /// Each topic that something is said about, with what.
    pub fn topics(self) -> impl Iterator<Item = (Topic, bool)> {
        let Self { newsletter, analytics, personalisation, partners } = self;
        [
            (Topic::Newsletter, newsletter),
            (Topic::Analytics, analytics),
            (Topic::Personalisation, personalisation),
            (Topic::Partners, partners),
        ]
        .into_iter()
        .filter_map(|(topic, given)| Some((topic, given?)))
    }
}

/// A new customer.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "ana@example.com", "name": "Ana Silva", "language": "fr", "currency": "EUR"}))]
pub struct CustomerInput {
    /// The account; none for a guest.
    #[garde(skip)]
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// Where messages go. Upper and lower case are the same.
    #[garde(email, length(max = 254), custom(plain))]
    #[serde(deserialize_with = "email")]
    pub email: String,
    /// The name to be called by.
    #[garde(inner(length(chars, max = 200), custom(plain)))]
    #[serde(default, deserialize_with = "tidy_or_none")]
    pub name: Option<String>,
    /// A telephone number.
    #[garde(inner(length(max = 32), custom(telephone)))]
    #[serde(default, deserialize_with = "tidy_or_none")]
    pub phone: Option<String>,
    /// The language of messages and documents.
    #[garde(skip)]
    #[serde(default)]
    pub language: Language,
    /// The currency to see prices in; the euro if absent.
    #[garde(skip)]
    #[serde(default = "euro")]
    pub currency: Currency,
    /// What was said about each topic.
    #[garde(skip)]
    #[serde(default)]
    pub consents: Said,
    /// The groups that they are in: names that discounts may be for.
    #[garde(inner(custom(some_groups)))]
    #[serde(default, deserialize_with = "present")]
    pub groups: Option<Vec<String>>,
}

/// What changes of a customer (JSON merge patch, RFC 7396): what is absent stays, null erases.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerChange {
    /// Where messages go. It does not change the address to sign in with.
    #[garde(inner(email, length(max = 254), custom(plain)))]
    #[serde(default, deserialize_with = "present_email")]
    pub email: Option<String>,
    /// The name to be called by.
    #[garde(inner(inner(length(chars, max = 200), custom(plain))))]
    #[serde(default, deserialize_with = "present_line")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// A telephone number.
    #[garde(inner(inner(length(max = 32), custom(telephone))))]
    #[serde(default, deserialize_with = "present_line")]
    #[schema(value_type = Option<String>)]
    pub phone: Option<Option<String>>,
    /// The language of messages and documents.
    #[garde(skip)]
    #[serde(default, deserialize_with = "present")]
    pub language: Option<Language>,
    /// The currency to see prices in.
    #[garde(skip)]
    #[serde(default, deserialize_with = "present")]
    pub currency: Option<Currency>,
    /// What is said now; topics that are absent stay as they are.
    #[garde(skip)]
    #[serde(default)]
    pub consents: Said,
    /// All the groups that they are in from now on. Only with the scope `customers:write`.
    #[garde(inner(custom(some_groups)))]
    #[serde(default, deserialize_with = "present")]
    pub groups: Option<Vec<String>>,
}

/// An address of a customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Entry {
    /// Its id.
    pub id: AddressId,
    /// The address.
    pub address: Address,
    /// Whether goods go there unless something else is said: one address at most.
    pub default_shipping: bool,
    /// Whether invoices name it unless something else is said: one address at most.
    pub default_billing: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The `ETag` tells it.
    #[serde(skip)]
    pub version: i64,
}

/// A new address of a customer.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryInput {
    /// The address.
    #[garde(dive)]
    pub address: Address,
    /// Whether goods go there from now on. The first address is the default for both.
    #[garde(skip)]
    #[serde(default)]
    pub default_shipping: bool,
    /// Whether invoices name it from now on.
    #[garde(skip)]
    #[serde(default)]
    pub default_billing: bool,
}

/// What changes of an address: what is absent stays.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryChange {
    /// The whole address, since its parts depend on each other.
    #[garde(dive)]
    #[serde(default, deserialize_with = "present")]
    pub address: Option<Address>,
    /// Whether goods go there from now on.
    #[garde(skip)]
    #[serde(default, deserialize_with = "present")]
    pub default_shipping: Option<bool>,
    /// Whether invoices name it from now on.
    #[garde(skip)]
    #[serde(default, deserialize_with = "present")]
    pub default_billing: Option<bool>,
}

/// What orders need to know of a buyer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Buyer {
    /// The customer.
    pub id: CustomerId,
    /// Where messages go.
    pub email: String,
    /// The name to be called by.
    pub name: Option<String>,
    /// The language of messages and documents.
    pub language: Language,
    /// The currency to see prices in.
    pub currency: Currency,
    /// All addresses.
    pub addresses: Vec<Entry>,
}

/// What billing needs to know of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payer {
    /// The account; none for a guest.
    pub user_id: Option<UserId>,
    /// Where messages go.
    pub email: String,
}

/// The most groups of a customer.
const MAX_GROUPS: usize = 50;
/// The longest name of one, in characters.
const MAX_GROUP: usize = 64;

fn some_groups(groups: &[String], (): &()) -> garde::Result {
    let is_name = |name: &String| {
        let known =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        (1..=MAX_GROUP).contains(&name.len()) && name.bytes().all(known)
    };
    match groups.len() <= MAX_GROUPS && groups.iter().all(is_name) {
        true => Ok(()),
        false => Err(garde::Error::new(format!(
            "must be at most {MAX_GROUPS} names of 1 to {MAX_GROUP} of a-z, 0-9, - and _"
        ))),
    }
}

const fn euro() -> Currency {
    Currency::EUR
}

fn email<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    tidy(deserializer).map(|text| text.to_lowercase())
}

fn present_email<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    email(deserializer).map(Some)
}

#[expect(clippy::option_option, reason = "absent, null and a text are three things")]
fn present_line<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    tidy_or_none(deserializer).map(Some)
}
