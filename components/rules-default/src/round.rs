//! Whole numbers only: divisions that say how they round.

/// `value * numerator / denominator`, half to even. All are at least 0, the denominator more.
pub fn half_even(value: i64, numerator: u64, denominator: u64) -> i64 {
    let product = i128::from(value) * i128::from(numerator);
    let denominator = i128::from(denominator);
    let (quotient, twice_rest) = (product / denominator, product % denominator * 2);
    let up = twice_rest > denominator || (twice_rest == denominator && quotient % 2 == 1);
    i64::try_from(quotient + i128::from(up)).unwrap_or(i64::MAX)
}

/// `total` in shares like the `weights`, which sum up to it exactly. No share exceeds its weight unless `total` exceeds
/// their sum.
pub fn shares(total: i64, weights: &[i64]) -> Vec<i64> {
    let all: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if all == 0 {
        return vec![0; weights.len()];
    }
    let (mut so_far, mut given) = (0, 0);
    let share = |weight: &i64| {
        so_far += i128::from(*weight);
        let until_here = i128::from(total) * so_far / all;
        let share = until_here - given;
        given = until_here;
        i64::try_from(share).unwrap_or(i64::MAX)
    };
    weights.iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn halves_go_to_the_even_side() {
        let halves = [(1, 0), (3, 2), (5, 2), (7, 4), (9, 4)];
        for (value, rounded) in halves {
            assert_eq!(half_even(value, 1, 2), rounded, "{value} / 2");
        }
        assert_eq!((half_even(249, 1, 100), half_even(251, 1, 100)), (2, 3));
        assert_eq!((half_even(250, 1, 100), half_even(350, 1, 100)), (2, 4));
    }

    #[test]
    fn the_largest_amounts_do_not_wrap() {
        assert_eq!(half_even(i64::MAX, 10_000, 10_000), i64::MAX);
        assert_eq!(shares(i64::MAX, &[i64::MAX]), [i64::MAX]);
    }

    proptest! {
        #[test]
        fn rounding_is_never_off_by_more_than_a_half(
            value in 0..=1_000_000_000_000_000_i64, of in 0..=20_000_u64, denominator in 1..=20_000_u64,
        ) {
            let rounded = i128::from(half_even(value, of, denominator)) * i128::from(denominator);
            let exact = i128::from(value) * i128::from(of);
            prop_assert!((rounded - exact).abs() * 2 <= i128::from(denominator));
        }

        #[test]
        fn shares_sum_up_and_exceed_no_weight(
            weights in proptest::collection::vec(0..=1_000_000_i64, 1..20), part in 0..=100_u8,
        ) {
            let total = weights.iter().sum::<i64>() * i64::from(part) / 100;
            let shares = shares(total, &weights);
            prop_assert_eq!(shares.iter().sum::<i64>(), total);
            for (share, weight) in shares.iter().zip(&weights) {
                prop_assert!(*share >= 0 && share <= weight);
            }
        }
    }
}
