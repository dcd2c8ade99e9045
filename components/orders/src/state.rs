//! The states of an order, and which may follow which.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being made: its stock is not held yet.
    Draft,
    /// Its stock is held; the buyer has not paid.
    PendingPayment,
    /// Paid; nobody has begun with it.
    Paid,
    /// Being picked and packed.
    Fulfilling,
    /// Some of it has left.
    PartiallyShipped,
    /// All of it has left.
    Shipped,
    /// All of it has arrived.
    Delivered,
    /// Called off. What was paid goes back.
    Cancelled,
    /// All that was paid has gone back.
    Refunded,
}

use State::{
    Cancelled, Delivered, Draft, Fulfilling, Paid, PartiallyShipped, PendingPayment, Refunded, Shipped,
};

impl State {
    /// Every state.
    pub const ALL: [Self; 9] =
        [Draft, PendingPayment, Paid, Fulfilling, PartiallyShipped, Shipped, Delivered, Cancelled, Refunded];

    /// Its name in JSON and SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Draft => "draft",
            PendingPayment => "pending_payment",
            Paid => "paid",
            Fulfilling => "fulfilling",
            PartiallyShipped => "partially_shipped",
            Shipped => "shipped",
            Delivered => "delivered",
            Cancelled => "cancelled",
            Refunded => "refunded",
        }
    }

    /// The states that may follow.
    pub const fn next(self) -> &'static [Self] {
        match self {
            Draft => &[PendingPayment, Paid, Cancelled],
            PendingPayment => &[Paid, Cancelled],
            Paid => &[Fulfilling, PartiallyShipped, Shipped, Cancelled, Refunded],
            Fulfilling => &[PartiallyShipped, Shipped, Cancelled, Refunded],
            PartiallyShipped => &[Shipped, Refunded],
            Shipped => &[Delivered, Refunded],
            Delivered => &[Refunded],
            Cancelled | Refunded => &[],
        }
    }

    /// Whether `next` may follow.
    pub fn allows(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// Whether the buyer may still call it off.
    pub const fn buyer_may_cancel(self) -> bool {
        matches!(self, Draft | PendingPayment | Paid)
    }

    /// Whether it has been paid and not called off.
    pub const fn is_paid(self) -> bool {
        matches!(self, Paid | Fulfilling | PartiallyShipped | Shipped | Delivered)
    }

    /// Whether goods may have left.
    pub const fn has_left(self) -> bool {
        matches!(self, PartiallyShipped | Shipped | Delivered)
    }

    /// Whether nothing more is to come: a delivered order may still be returned.
    pub const fn is_over(self) -> bool {
        matches!(self, Delivered | Cancelled | Refunded)
    }
}

impl std::str::FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_one_name_everywhere() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
            assert_eq!(state.name().parse(), Ok(state));
        }
    }

    #[test]
    fn every_state_can_be_reached_and_no_order_goes_back() {
        let rank = |state: State| State::ALL.iter().position(|it| *it == state);
        for state in State::ALL {
            assert!(state == Draft || State::ALL.iter().any(|before| before.allows(state)), "{state:?}");
            for next in state.next() {
                assert!(rank(*next) > rank(state), "{state:?} to {next:?}");
            }
        }
    }

    #[test]
    fn nothing_is_shipped_or_delivered_unpaid() {
        for state in [Draft, PendingPayment, Cancelled] {
            for next in [Fulfilling, PartiallyShipped, Shipped, Delivered, Refunded] {
                assert!(!state.allows(next), "{state:?} to {next:?}");
            }
        }
    }

    #[test]
    fn what_has_left_cannot_be_called_off() {
        for state in State::ALL {
            assert!(!(state.has_left() && state.allows(Cancelled)), "{state:?}");
        }
    }
}
