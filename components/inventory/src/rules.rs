//! Pure decisions about stock, without a database.

use serde::{Deserialize, Serialize};
use souk_kit::id::{LocationId, VariantId};
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

/// What an order holds once it wants something else: units that stay lie where they did, and only what is more is taken from
/// what is free.
pub fn changed(held: &[Units], wanted: &Wanted, free: &[Units]) -> Result<Vec<Units>, Vec<Shortage>> {
    let mut left = wanted.clone();
    let mut plan = Vec::new();
    for Units(variant, location, units) in held {
        let Some(missing) = left.get_mut(variant) else { continue };
        let kept = (*units).min(*missing);
        *missing -= kept;
        if kept > 0 {
            plan.push(Units(*variant, *location, kept));
        }
    }
    left.retain(|_, missing| *missing > 0);
    let more = allocate(&left, free).map_err(|short| whole(short, wanted, &left))?;
    for Units(variant, location, units) in more {
        match plan.iter_mut().find(|it| it.0 == variant && it.1 == location) {
            Some(kept) => kept.2 += units,
            None => plan.push(Units(variant, location, units)),
        }
    }
    Ok(plan)
}

/// Shortages of what is missing, told of the whole: what is held already is there for its order.
fn whole(short: Vec<Shortage>, wanted: &Wanted, missing: &Wanted) -> Vec<Shortage> {
    let whole = |line: Shortage| {
        let all = wanted.get(&line.variant_id).copied().unwrap_or_default();
        let held = all - missing.get(&line.variant_id).copied().unwrap_or_default();
        Shortage { wanted: all, available: line.available + held, ..line }
    };
    short.into_iter().map(whole).collect()
}

/// One line a variant, though the buyer may have several.
pub fn merged(lines: impl IntoIterator<Item = (VariantId, i64)>) -> Wanted {
    let mut wanted = Wanted::new();
    for (variant, quantity) in lines {
        *wanted.entry(variant).or_default() += quantity;
    }
    wanted
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

    #[test]
    fn units_that_stay_are_not_moved() {
        let (variant, other, at) = (VariantId::new(), VariantId::new(), places(2));
        let held = [Units(variant, at[0], 2), Units(variant, at[1], 1), Units(other, at[0], 1)];
        let free = [Units(variant, at[1], 5)];
        let wants = |quantity| changed(&held, &Wanted::from([(variant, quantity)]), &free);
        assert_eq!(wants(2), Ok(vec![Units(variant, at[0], 2)]));
        assert_eq!(wants(8), Ok(vec![Units(variant, at[0], 2), Units(variant, at[1], 6)]));
        assert_eq!(wants(9), Err(vec![Shortage { variant_id: variant, wanted: 9, available: 8 }]));
    }

    proptest! {
        #[test]
        fn a_change_holds_what_is_wanted_and_takes_only_what_is_free(
            held in prop::collection::vec((0_usize..3, 0_usize..3, 1_i64..5), 0..6),
            free in prop::collection::vec((0_usize..3, 0_usize..3, 0_i64..6), 0..9),
            wanted in prop::collection::vec((0_usize..3, 1_i64..9), 0..4),
        ) {
            let variants: Vec<_> = (0..3).map(|_| VariantId::new()).collect();
            let at = places(3);
            let rows = |units: Vec<(usize, usize, i64)>| -> BTreeMap<_, _> {
                units.into_iter().map(|(variant, place, units)| ((variants[variant], at[place]), units)).collect()
            };
            let list = |rows: &BTreeMap<(VariantId, LocationId), i64>| -> Vec<Units> {
                rows.iter().map(|((variant, at), units)| Units(*variant, *at, *units)).collect()
            };
            let (held, free) = (rows(held), rows(free));
            let wanted = merged(wanted.into_iter().map(|(variant, units)| (variants[variant], units)));
            if let Ok(plan) = changed(&list(&held), &wanted, &list(&free)) {
                prop_assert_eq!(merged(plan.iter().map(|units| (units.0, units.2))), wanted);
                for units in &plan {
                    let place = (units.0, units.1);
                    let there = |rows: &BTreeMap<_, i64>| rows.get(&place).copied().unwrap_or_default();
                    prop_assert!(units.2 > 0 && units.2 <= there(&held) + there(&free));
                }
            }
        }

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
