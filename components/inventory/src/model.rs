//! What inventory answers with.

use serde::{Deserialize, Serialize};
use souk_kit::Timestamp;
use souk_kit::id::{LocationId, MovementId, OrderId, ReservationId, VariantId};
use utoipa::ToSchema;

/// A place that stock lies at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Location {
    /// Its id.
    pub id: LocationId,
    /// Its name, unique.
    #[schema(example = "main")]
    pub name: String,
    /// Whether what lies there is for sale.
    pub active: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// The `ETag` tells it.
    #[serde(skip)]
    pub version: i64,
}

/// The stock of a variant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Stock {
    /// The variant.
    pub variant_id: VariantId,
    /// What can be promised: on hand and not reserved, at active locations.
    pub available: i64,
    /// From here down it is low; null when nobody asked.
    pub low_stock_threshold: Option<i64>,
    /// Whether it is low.
    pub low: bool,
    /// Where it lies.
    pub locations: Vec<Lying>,
    /// The `ETag` tells it.
    #[serde(skip)]
    pub version: i64,
}

/// What lies of a variant at one location.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Lying {
    /// The location.
    pub location_id: LocationId,
    /// All of it.
    pub on_hand: i64,
    /// What is promised of it.
    pub reserved: i64,
}

/// What can be promised of a variant.
#[derive(Debug, Serialize, ToSchema)]
pub struct Availability {
    /// The variant.
    pub variant_id: VariantId,
    /// How many units; 0 of one that was never received.
    pub available: i64,
}

/// Why stock changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It came in.
    Receive,
    /// It was put right.
    Adjust,
    /// It went from one location to another.
    Transfer,
    /// It left.
    Ship,
    /// It came back.
    Return,
}

impl Kind {
    /// Its name in JSON and SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Adjust => "adjust",
            Self::Transfer => "transfer",
            Self::Ship => "ship",
            Self::Return => "return",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Self::Receive, Self::Adjust, Self::Transfer, Self::Ship, Self::Return];
        all.into_iter().find(|kind| kind.name() == text).ok_or(())
    }
}

/// A change of what lies at a location.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Movement {
    /// Its id.
    pub id: MovementId,
    /// Why.
    pub kind: Kind,
    /// Of what.
    pub variant_id: VariantId,
    /// Where.
    pub location_id: LocationId,
    /// Above zero what came, below zero what went.
    pub quantity: i64,
    /// The other end of a transfer, whose own movement is the opposite of this one.
    pub other_location_id: Option<LocationId>,
    /// The order that it was for.
    pub order_id: Option<OrderId>,
    /// In words.
    pub reason: String,
    /// Who did it: a person, a client, or `service` for another part of the suite.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It holds units until it expires.
    Open,
    /// It holds units until they are shipped.
    Committed,
    /// All of it has left.
    Shipped,
    /// It was given up; what had not left is for sale again.
    Released,
    /// Nobody committed it in time.
    Expired,
}

impl State {
    /// Its name in JSON and SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Committed => "committed",
            Self::Shipped => "shipped",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

impl std::str::FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Self::Open, Self::Committed, Self::Shipped, Self::Released, Self::Expired];
        all.into_iter().find(|state| state.name() == text).ok_or(())
    }
}

/// Stock held for an order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// The order.
    pub order_id: OrderId,
    /// Where it stands.
    pub state: State,
    /// What it holds, one line a variant.
    pub lines: Vec<ReservedLine>,
    /// When it ends unless it is committed.
    pub expires_at: Option<Timestamp>,
}

/// What is held of one variant, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReservedLine {
    /// The variant.
    pub variant_id: VariantId,
    /// How many units were reserved.
    pub quantity: i64,
    /// How many of them have left.
    pub shipped: i64,
    /// How many of those came back.
    pub returned: i64,
    /// Where they were found.
    pub allocations: Vec<Allocated>,
}

/// Units at one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Allocated {
    /// The location.
    pub location_id: LocationId,
    /// How many.
    pub quantity: i64,
}
