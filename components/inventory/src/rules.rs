//! Pure decisions about stock, without a database.

use serde::{Deserialize, Serialize};
use souk_kit::id::{LocationId, VariantId};
use souk_kit::text::{is_control, is_visible};
use std::collections::BTreeMap;

/// How many units of which variant.
pub type Wanted = BTreeMap<VariantId, i64>;

/// Units of a variant that lie at a location. As JSON a list of the three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units(pub VariantId, pub LocationId, pub i64);

/// Fewer units are there than were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Shortage {
    /// Of which variant.
    pub variant_id: VariantId,
    /// How many were asked for.
    pub wanted: i64,
    /// How many are there.
    pub available: i64,
}

/// Where to take what is wanted from: all of it, or what is missing. Few locations, so from the fullest first.
pub fn allocate(wanted: &Wanted, free: &[Units]) -> Result<Vec<Units>, Vec<Shortage>> {
    let (mut plan, mut missing) = (Vec::new(), Vec::new());
    for (&variant, &quantity) in wanted {
        let mut places: Vec<Units> =
            free.iter().copied().filter(|units| units.0 == variant && units.2 > 0).collect();
        places.sort_by_key(|Units(_, location, units)| (-units, *location));
        let available = places.iter().map(|units| units.2).sum();
        if available < quantity {
            missing.push(Shortage { variant_id: variant, wanted: quantity, available });
            continue;
        }
        let mut left = quantity;
        for Units(_, location, units) in places {
            let taken = left.min(units);
            if taken > 0 {
                plan.push(Units(variant, location, taken));
            }
            left -= taken;
        }
    }
    if missing.is_empty() { Ok(plan) } else { Err(missing) }
}

/// One line a variant, though the buyer may have several.
pub fn merged(lines: impl IntoIterator<Item = (VariantId, i64)>) -> Wanted {
    let mut wanted = Wanted::new();
    for (variant, quantity) in lines {
        *wanted.entry(variant).or_default() += quantity;
    }
    wanted
}

/// Whether a text is one line that says something.
pub fn says_something(text: &str) -> Result<(), &'static str> {
    if !is_visible(text) || text.trim() != text {
        return Err("must say something, without white space at either end");
    }
    match text.chars().any(is_control) {
        true => Err("must not contain control characters"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(count: usize) -> Vec<LocationId> {
        (0..count).map(|_| LocationId::new()).collect()
    }

    #[test]
    fn one_location_that_has_it_all_is_enough() {
        let (variant, at) = (VariantId::new(), places(3));
        let free = [Units(variant, at[0], 2), Units(variant, at[1], 5), Units(variant, at[2], 4)];
        let taken = |quantity| allocate(&Wanted::from([(variant, quantity)]), &free);
        assert_eq!(taken(4), Ok(vec![Units(variant, at[1], 4)]));
        assert_eq!(taken(6), Ok(vec![Units(variant, at[1], 5), Units(variant, at[2], 1)]));
        assert_eq!(taken(12), Err(vec![Shortage { variant_id: variant, wanted: 12, available: 11 }]));
    }

    #[test]
    fn all_that_is_missing_is_told() {
        let (one, other) = (VariantId::new(), VariantId::new());
        let short = allocate(&merged([(one, 1), (other, 2), (one, 3)]), &[]).unwrap_err();
        assert_eq!(short.iter().map(|line| line.wanted).collect::<Vec<_>>(), [4, 2]);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_what_is_wanted_and_was_there(
            free in prop::collection::vec((0_usize..3, 0_usize..4, 0_i64..6), 0..12),
            wanted in prop::collection::vec((0_usize..3, 1_i64..9), 0..5),
        ) {
            let variants: Vec<_> = (0..3).map(|_| VariantId::new()).collect();
            let at = places(4);
            let mut rows = BTreeMap::new();
            for (variant, place, units) in free {
                rows.insert((variants[variant], at[place]), units);
            }
            let free: Vec<_> = rows.iter().map(|((variant, at), units)| Units(*variant, *at, *units)).collect();
            let wanted = merged(wanted.into_iter().map(|(variant, units)| (variants[variant], units)));
            let total = |variant| free.iter().filter(|it| it.0 == variant).map(|it| it.2).sum::<i64>();
            match allocate(&wanted, &free) {
                Ok(plan) => {
                    let taken = merged(plan.iter().map(|units| (units.0, units.2)));
                    prop_assert_eq!(taken, wanted);
                    prop_assert!(plan.iter().all(|it| it.2 > 0 && rows[&(it.0, it.1)] >= it.2));
                }
                Err(short) => {
                    prop_assert!(!short.is_empty());
                    for line in short {
                        prop_assert!(line.available < line.wanted && line.available == total(line.variant_id));
                    }
                }
            }
        }
    }
}
