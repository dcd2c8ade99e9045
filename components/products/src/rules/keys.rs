//! What lists are filtered by, as words of the search index; and the rows of the index that is in order of price.
//!
//! Each category, brand, tag, option and so on of a product is one word of the index, its key: so FTS5 intersects words
//! and filters alike, and no list tests product by product what another table says.

/// In front of each key: for private use, so nobody's search words have it, and a letter to SQLite's tokenizer.
const MARK: char = '\u{e000}';
/// Buckets of prices for each doubling: a filter by price narrows down to a fifth more than what is asked.
const PER_DOUBLING: i64 = 4;
/// Buckets that have a key in common, so that a bound of a price is a few dozen keys at most.
const TOGETHER: i64 = 16;
/// The bucket of 10^15, the highest price, is below.
const BUCKETS: i64 = 50 * PER_DOUBLING;

/// The word that stands for a value of a kind.
pub fn key(kind: &str, value: &str) -> String {
    // FNV-1a. It is stored, so it must never change.
    let bytes = kind.bytes().chain([0]).chain(value.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{MARK}{hash:016x}")
}

/// The words that stand for a lowest and a highest price.
pub fn of_prices(min: i64, max: i64) -> [String; 4] {
    let (min, max) = (bucket(min), bucket(max));
    [one("min", min), several("min", min / TOGETHER), one("max", max), several("max", max / TOGETHER)]
}

/// FTS5: the lowest price is at most this, or a little more.
pub fn at_most(price: i64) -> String {
    let bucket = bucket(price);
    let begun = bucket / TOGETHER;
    let below = (0..begun).map(|many| several("min", many));
    any(below.chain((begun * TOGETHER..=bucket).map(|bucket| one("min", bucket))))
}

/// FTS5: the highest price is at least this, or a little less.
pub fn at_least(price: i64) -> String {
    let bucket = bucket(price);
    let ended = bucket / TOGETHER + 1;
    let above = (ended..=BUCKETS / TOGETHER).map(|many| several("max", many));
    any(above.chain((bucket..ended * TOGETHER).map(|bucket| one("max", bucket))))
}

fn one(end: &str, bucket: i64) -> String {
    key(end, &bucket.to_string())
}

fn several(end: &str, many: i64) -> String {
    key(end, &format!("{many}*"))
}

fn any(keys: impl Iterator<Item = String>) -> String {
    let keys: Vec<String> = keys.map(|key| format!("\"{key}\"")).collect();
    format!("({})", keys.join(" OR "))
}

/// Numbers prices so that a higher one never has a lower number.
fn bucket(price: i64) -> i64 {
    let price = price.max(1);
    let doublings = i64::from(price.ilog2());
    // The two bits behind the first one.
    let rest = if doublings >= 2 { price >> (doublings - 2) } else { price << (2 - doublings) };
    doublings * PER_DOUBLING + rest % PER_DOUBLING
}

/// The row of a product in the index that is in order of price: the price, then the number, in 31 and 32 bits.
pub fn place(price: i64, number: i64) -> i64 {
    place_of(rank(price), number)
}

/// The row that a rank and a number stand for; whatever a forged cursor says, it is one.
pub fn place_of(rank: i64, number: i64) -> i64 {
    (rank.clamp(0, i64::from(i32::MAX)) << 32) | number.clamp(0, i64::from(u32::MAX))
}

/// Prices below 2^30 are their own rank. Of those above, the first 26 bits count: products of more than ten million euros
/// stand in order unless their prices differ by less than a thirty millionth.
fn rank(price: i64) -> i64 {
    const EXACT: u32 = 30;
    const BITS: u32 = 25;
    if price < 1 << EXACT {
        return price.max(0);
    }
    let doublings = price.ilog2();
    let rest = (price >> (doublings - BITS)) - (1 << BITS);
    (1 << EXACT) + (i64::from(doublings - EXACT) << BITS) + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use souk_kit::money::MAX_AMOUNT;

    /// Prices of any size: a few digits are as likely as many.
    fn prices() -> impl Strategy<Value = i64> {
        (0..=MAX_AMOUNT, 0_u32..50).prop_map(|(price, shift)| price >> shift)
    }

    fn finds(query: &str, keys: &[String]) -> bool {
        keys.iter().any(|key| query.contains(key.as_str()))
    }

    #[test]
    fn a_key_never_changes() {
        assert_eq!(key("brand", "Nordlys"), "\u{e000}6024d2b514fd1d31");
        assert_ne!(key("tag", "oak"), key("brand", "oak"));
    }

    #[test]
    fn the_highest_price_has_a_bucket_and_a_place() {
        assert!(bucket(MAX_AMOUNT) < BUCKETS && rank(MAX_AMOUNT) < i64::from(i32::MAX));
        assert!(place(MAX_AMOUNT, i64::from(u32::MAX)) > place(MAX_AMOUNT - (1 << 30), 0));
    }

    proptest! {
        #[test]
        fn places_stand_in_order_of_price_then_number(a in prices(), b in prices(), n in 0_i64..1 << 32, m in 0_i64..1 << 32) {
            prop_assert_eq!(place(a, n) & 0xffff_ffff, n);
            if a < b {
                prop_assert!(rank(a) <= rank(b) && (rank(a) < rank(b) || a >= 1 << 30));
                prop_assert!(place(a, n) < place(b, m) || rank(a) == rank(b));
            }
            prop_assert_eq!(place(a, n) < place(a, m), n < m);
        }

        #[test]
        fn no_price_within_bounds_is_missed(min in prices(), more in prices(), bound in prices()) {
            let max = min.saturating_add(more).min(MAX_AMOUNT);
            let keys = of_prices(min, max);
            prop_assert!(min > bound || finds(&at_most(bound), &keys[..2]));
            prop_assert!(max < bound || finds(&at_least(bound), &keys[2..]));
            prop_assert!(min / 2 <= bound || !finds(&at_most(bound), &keys[..2]), "far above");
            prop_assert!(max >= bound / 2 || !finds(&at_least(bound), &keys[2..]), "far below");
        }
    }
}
