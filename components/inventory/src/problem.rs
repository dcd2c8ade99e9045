//! Everything that inventory refuses, beside what the kit does.

use crate::model::State;
use crate::rules::Shortage;
use serde_json::{Map, Value, json};
use souk_kit::{FieldError, Refusal, Spec};

const OUT_OF_STOCK: Spec = Spec::new(
    409,
    "out-of-stock",
    "Not enough stock",
    "Nothing was reserved. `lines` has each variant of which too little is there: `variant_id`, `wanted`, `available`.",
);
const STOCK_RESERVED: Spec = Spec::new(
    409,
    "stock-reserved",
    "The stock is reserved",
    "What is reserved for orders cannot be taken away: release it first. `on_hand` and `reserved` say how it stands.",
);
const STOCK_SHORT: Spec = Spec::new(
    409,
    "stock-short",
    "So much is not there",
    "More would leave the location than lies there. `on_hand` and `reserved` say how it stands.",
);
const RESERVATION_STATE: Spec = Spec::new(
    409,
    "reservation-state",
    "The reservation does not allow it",
    "The order's reservation has gone further, has ended, or is of other lines. `state` says where it stands.",
);
const RESERVATION_LINES: Spec = Spec::new(
    409,
    "reservation-lines",
    "The reservation has not so many units",
    "More units were named than the reservation still holds, or than have left and not come back. `lines` has each \
     variant of which it has too few.",
);
const LOCATION_NAME_TAKEN: Spec =
    Spec::new(409, "location-name-taken", "The name is taken", "Another location has this name.");

/// All of them, for the documentation.
pub const ALL: &[Spec] =
    &[OUT_OF_STOCK, STOCK_RESERVED, STOCK_SHORT, RESERVATION_STATE, RESERVATION_LINES, LOCATION_NAME_TAKEN];

/// What inventory refuses.
#[derive(Debug)]
pub enum Refused {
    /// Too little can be promised.
    OutOfStock(Vec<Shortage>),
    /// Taking it away would break a promise.
    StockReserved {
        /// What lies there.
        on_hand: i64,
        /// What is promised of it.
        reserved: i64,
    },
    /// It is not there.
    StockShort {
        /// What lies there.
        on_hand: i64,
        /// What is promised of it.
        reserved: i64,
    },
    /// The reservation stands elsewhere.
    ReservationState {
        /// Where.
        state: State,
        /// What that means here.
        why: &'static str,
    },
    /// The reservation has fewer units than were named.
    ReservationLines(Vec<Shortage>),
    /// Another location has the name.
    LocationNameTaken,
}

impl Refusal for Refused {
    fn spec(&self) -> Spec {
        match self {
            Self::OutOfStock(_) => OUT_OF_STOCK,
            Self::StockReserved { .. } => STOCK_RESERVED,
            Self::StockShort { .. } => STOCK_SHORT,
            Self::ReservationState { .. } => RESERVATION_STATE,
            Self::ReservationLines(_) => RESERVATION_LINES,
            Self::LocationNameTaken => LOCATION_NAME_TAKEN,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::OutOfStock(lines) => format!("Too little is there of {} of the variants.", lines.len()),
            Self::StockReserved { on_hand, reserved } | Self::StockShort { on_hand, reserved } => {
                format!("There are {on_hand} units, {reserved} of them reserved.")
            }
            Self::ReservationState { why, .. } => (*why).into(),
            Self::ReservationLines(lines) => format!("There are too few of {} of the variants.", lines.len()),
            Self::LocationNameTaken => "Another location has this name.".into(),
        }
    }

    fn errors(&self) -> Vec<FieldError> {
        match self {
            Self::LocationNameTaken => vec![FieldError::at("/name", "is taken")],
            Self::OutOfStock(_)
            | Self::StockReserved { .. }
            | Self::StockShort { .. }
            | Self::ReservationState { .. }
            | Self::ReservationLines(_) => Vec::new(),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let members: &[(&str, Value)] = match self {
            Self::OutOfStock(lines) | Self::ReservationLines(lines) => &[("lines", json!(lines))],
            Self::StockReserved { on_hand, reserved } | Self::StockShort { on_hand, reserved } => {
                &[("on_hand", json!(on_hand)), ("reserved", json!(reserved))]
            }
            Self::ReservationState { state, .. } => &[("state", json!(state))],
            Self::LocationNameTaken => &[],
        };
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }
}
