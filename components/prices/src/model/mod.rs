//! What prices speak of: instruments, amounts of them, and rates.

mod amount;
mod code;

pub use amount::{Amount, TOO_LARGE, Units};
pub use code::Code;

use crate::decimal::Rate;
use serde::{Deserialize, Serialize};
use souk_kit::{Currency, Timestamp};
use std::str::FromStr;
use utoipa::ToSchema;

/// The currencies that rates between others go through.
pub const PIVOTS: [&str; 2] = ["EUR", "USD"];

/// What kind of thing an instrument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Legal tender, of ISO 4217.
    Fiat,
    /// A token.
    Token,
}

impl Kind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fiat => "fiat",
            Self::Token => "token",
        }
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "fiat" => Ok(Self::Fiat),
            "token" => Ok(Self::Token),
            _ => Err(()),
        }
    }
}

/// By what names providers know an instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, garde::Validate, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sources {
    /// Its id at CoinGecko.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(coin)))]
    #[schema(example = "ethereum")]
    pub coingecko: Option<String>,
    /// The Chainlink feeds of what it is worth.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[garde(length(max = 4), dive)]
    pub chainlink: Vec<Feed>,
}

/// A contract that tells what an instrument is worth (Chainlink's AggregatorV3Interface).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, garde::Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// In what.
    #[garde(skip)]
    #[schema(example = "USD")]
    pub quote: Code,
    /// Its address.
    #[garde(custom(address))]
    #[schema(example = "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419")]
    pub feed: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn coin(id: &str, (): &()) -> garde::Result {
    let fits = (1..=100).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
    if fits { Ok(()) } else { Err(garde::Error::new("must be an id of CoinGecko, such as `ethereum`")) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
fn address(text: &str, (): &()) -> garde::Result {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40);
    match digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some(_) => Ok(()),
        None => Err(garde::Error::new("must be an address: 0x and 40 hexadecimal digits")),
    }
}

/// Something that has a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Instrument {
    /// Its code.
    pub code: Code,
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its name.
    #[schema(example = "Euro")]
    pub name: String,
    /// How many decimals its amounts have.
    #[schema(example = 2)]
    pub decimals: u32,
    /// By what names providers know it.
    pub sources: Sources,
    /// The `ETag` tells it.
    #[serde(skip)]
    pub version: i64,
}

impl Instrument {
    /// A currency of ISO 4217, of which nothing has been set.
    pub fn of_iso(currency: Currency) -> Self {
        Self {
            code: currency.into(),
            kind: Kind::Fiat,
            name: currency.code().to_owned(),
            decimals: currency.decimals(),
            sources: Sources::default(),
            version: 0,
        }
    }
}

/// When something was so, when it was fetched, and how long it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it was so.
    pub as_of: Timestamp,
    /// When we learned of it.
    pub fetched_at: Timestamp,
    /// From when on it is stale.
    pub stale_at: Timestamp,
    /// From when on it counts for nothing.
    pub refuse_at: Timestamp,
}

impl Times {
    /// Those of something that depends on both.
    pub fn and(self, other: Self) -> Self {
        Self {
            as_of: self.as_of.min(other.as_of),
            fetched_at: self.fetched_at.max(other.fetched_at),
            stale_at: self.stale_at.min(other.stale_at),
            refuse_at: self.refuse_at.min(other.refuse_at),
        }
    }
}

/// What one source said last of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub base: Code,
    pub quote: Code,
    pub source: String,
    pub rate: Rate,
    pub times: Times,
    /// Why it was not believed.
    pub refused: Option<String>,
    /// Who set it by hand.
    pub set_by: Option<String>,
}

/// The rate of a pair that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub rate: Rate,
    pub times: Times,
}

/// A promised price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub id: souk_kit::id::QuoteId,
    pub owner: String,
    pub from: Amount,
    pub to: Amount,
    pub rate: String,
    pub as_of: Timestamp,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub used_by: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_coins_are_checked() {
        assert!(address("0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419", &()).is_ok());
        for bad in [
            "",
            "0x",
            "5f4eC3Df9cbd43714FE2740f5E3616155c5b8419",
            "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b841g",
        ] {
            assert!(address(bad, &()).is_err(), "{bad}");
        }
        assert!(coin("usd-coin", &()).is_ok());
        assert!(coin("", &()).is_err() && coin("a&ids=b", &()).is_err() && coin("ETH", &()).is_err());
    }
}
