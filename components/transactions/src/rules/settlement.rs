//! What the ledger still has to move for a payment, and between which accounts.

use crate::model::Role;

/// Sums of a payment, in minor units. They only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// What was taken.
    pub captured: i64,
    /// What was given back.
    pub refunded: i64,
}

impl Sums {
    /// What has been told beyond what was moved. What is told late, after something newer, asks for nothing.
    pub const fn beyond(self, moved: Self) -> Self {
        const fn more(told: i64, moved: i64) -> i64 {
            if told > moved { told - moved } else { 0 }
        }
        Self { captured: more(self.captured, moved.captured), refunded: more(self.refunded, moved.refunded) }
    }
}

/// Where the money of a provider is until it is the shop's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home {
    /// What was taken comes from here into sales.
    pub captured_from: Option<Role>,
    /// What is given back goes from sales to here.
    pub refunded_to: Option<Role>,
}

impl Home {
    /// Nowhere: the ledger itself has moved the money, or nobody knows the provider.
    const NOWHERE: Self = Self { captured_from: None, refunded_to: None };

    /// Of a provider, as payments names it.
    pub fn of(provider: &str) -> Self {
        let both = |role| Self { captured_from: Some(role), refunded_to: Some(role) };
        match provider {
            "card-simulator" => both(Role::CardReceivable),
            "paypal" => both(Role::PaypalReceivable),
            // What goes back is a payout.
            "bank-transfer" => Self { captured_from: Some(Role::Collection), refunded_to: None },
            _ => Self::NOWHERE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sums() -> impl Strategy<Value = Sums> {
        (0..50_i64, 0..50_i64).prop_map(|(captured, refunded)| Sums { captured, refunded })
    }

    #[test]
    fn the_money_of_each_provider_has_its_home() {
        let homes = ["card-simulator", "paypal", "bank-transfer", "wallet", "nobody"].map(Home::of);
        let roles = homes.map(|it| (it.captured_from.map(Role::name), it.refunded_to.map(Role::name)));
        let (card, paypal) = (Some("card_receivable"), Some("paypal_receivable"));
        assert_eq!(
            roles,
            [(card, card), (paypal, paypal), (Some("collection"), None), (None, None), (None, None)]
        );
    }

    proptest! {
        /// However often and in whatever order a payment's sums are told: what was moved in the end is the most that was told.
        #[test]
        fn what_is_told_twice_or_late_moves_nothing(told in proptest::collection::vec(sums(), 1..20)) {
            let mut moved = Sums::default();
            for sums in &told {
                let more = sums.beyond(moved);
                prop_assert!(more.captured >= 0 && more.refunded >= 0);
                moved = Sums { captured: moved.captured + more.captured, refunded: moved.refunded + more.refunded };
                prop_assert_eq!(sums.beyond(moved), Sums::default());
            }
            let captured = told.iter().map(|it| it.captured).max();
            let refunded = told.iter().map(|it| it.refunded).max();
            prop_assert_eq!((captured, refunded), (Some(moved.captured), Some(moved.refunded)));
        }
    }
}
