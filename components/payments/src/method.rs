//! Methods as buyers choose them.

use crate::card::{self, Card, is_card_number, is_cvc, is_expiry};
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize};
use souk_kit::{FieldError, Problem, Result, Secret, Timestamp};
use utoipa::ToSchema;

/// Which kind of method it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// A payment card.
    Card,
    /// The buyer's own account with the shop.
    Wallet,
    /// A transfer from the buyer's bank, recognized by its reference.
    BankTransfer,
    /// PayPal, where the buyer approves it.
    Paypal,
}

/// What to pay with. A card has a number, an expiry and a cvc; the others have nothing but their type.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Which kind.
    #[serde(rename = "type")]
    #[garde(skip)]
    #[schema(inline)]
    kind: MethodKind,
    /// The number on the card; spaces and dashes do not matter.
    #[serde(default, deserialize_with = "unseen")]
    #[garde(inner(custom(is_card_number)))]
    #[schema(value_type = Option<String>)]
    number: Option<Secret>,
    /// `MM/YY` or `MM/YYYY`.
    #[serde(default)]
    #[garde(inner(custom(is_expiry)))]
    #[schema(example = "12/30")]
    expiry: Option<String>,
    /// The code on its back.
    #[serde(default, deserialize_with = "unseen")]
    #[garde(inner(custom(is_cvc)))]
    #[schema(value_type = Option<String>)]
    cvc: Option<Secret>,
    /// The name on it.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 200)))]
    holder: Option<String>,
}

/// What is paid with.
pub enum Means {
    /// A card.
    Card(Card),
    /// The buyer's wallet.
    Wallet,
    /// A transfer that is to come.
    BankTransfer,
    /// PayPal.
    Paypal,
}

impl Method {
    /// What is paid with, unless something of it is missing or too much.
    pub fn means(&self, now: Timestamp) -> Result<Means> {
        let means = match self.kind {
            MethodKind::Card => return self.card(now).map(Means::Card),
            MethodKind::Wallet => Means::Wallet,
            MethodKind::BankTransfer => Means::BankTransfer,
            MethodKind::Paypal => Means::Paypal,
        };
        let is_there = [
            ("/method/number", self.number.is_some()),
            ("/method/expiry", self.expiry.is_some()),
            ("/method/cvc", self.cvc.is_some()),
            ("/method/holder", self.holder.is_some()),
        ];
        let extra = is_there.iter().filter(|(_, is_there)| *is_there);
        let errors: Vec<_> = extra.map(|(field, _)| FieldError::at(*field, "is for cards alone")).collect();
        if errors.is_empty() { Ok(means) } else { Err(Problem::invalid(errors)) }
    }

    fn card(&self, now: Timestamp) -> Result<Card> {
        if let (Some(number), Some(expiry), Some(_)) = (&self.number, &self.expiry, &self.cvc) {
            return card::typed_in(number, expiry, now);
        }
        let is_there = [
            ("/method/number", self.number.is_some()),
            ("/method/expiry", self.expiry.is_some()),
            ("/method/cvc", self.cvc.is_some()),
        ];
        let missing = is_there.iter().filter(|(_, is_there)| !is_there);
        Err(Problem::invalid(missing.map(|(field, _)| FieldError::at(*field, "is missing")).collect()))
    }
}

impl Means {
    /// What tells this request from another one, without the secrets in it.
    pub fn redacted(&self, method: &Method) -> String {
        match self {
            Self::Card(card) => {
                format!("card {} {}", card.last4(), method.expiry.as_deref().unwrap_or_default())
            }
            Self::Wallet => "wallet".to_owned(),
            Self::BankTransfer => "bank_transfer".to_owned(),
            Self::Paypal => "paypal".to_owned(),
        }
    }
}

/// A text that no error may repeat, as serde's own would.
fn unseen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Option::<Secret>::deserialize(deserializer).map_err(|_| serde::de::Error::custom("must be a text"))
}
