//! Settlements: what payments, orders and billing tell transactions of the money of each order, part by part in the order
//! of the orders' ids, so that their books can be compared with the ledger.

use crate::id::OrderId;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How many settlements one part has at most.
pub const MOST: u32 = 500;

/// Which part is wanted.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SettlementQuery {
    /// After this order; from the first if absent.
    #[garde(skip)]
    after: Option<OrderId>,
    /// How many at most: 1 to 500, which is so if it is absent.
    #[garde(inner(range(min = 1, max = MOST)))]
    limit: Option<u32>,
}

impl SettlementQuery {
    /// The id that all ids of the part come after, as text.
    pub fn after(&self) -> String {
        self.after.map(|id| id.to_string()).unwrap_or_default()
    }

    /// How many at most.
    pub fn limit(&self) -> u32 {
        self.limit.unwrap_or(MOST)
    }
}

/// A part of them.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Settlements<T> {
    /// In the order of the orders' ids.
    pub items: Vec<T>,
}
