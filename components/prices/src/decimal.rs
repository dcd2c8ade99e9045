//! Exact numbers: rates as decimals, and what they make of amounts. Nothing here is a float, and nothing overflows.

use num_bigint::BigUint;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The digits of a rate on each side of its point, at most.
pub const DIGITS: u32 = 18;
/// The significant digits that a rate is shown with when it has more than that, or never ends.
const SHOWN: i64 = 18;
/// A ten-thousandth, in which deviations and spreads are counted.
pub const BASIS_POINTS: u32 = 10_000;

const ONE: u128 = 10_u128.pow(DIGITS);
const TOO_LARGE: u128 = ONE * ONE;

/// A rate: so many units of one instrument for one unit of another. Above zero, with up to 18 digits on each side of the
/// point. Kept as a whole number of 10⁻¹⁸, so that rates compare as numbers do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u128);

/// Why a text is no rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRate(&'static str);

impl fmt::Display for NoRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

const NO_DECIMAL: NoRate = NoRate("must be a decimal number such as \"1.0944\"");
const TOO_MANY_BEFORE: NoRate = NoRate("must have at most 18 digits before the point");
const TOO_MANY_AFTER: NoRate = NoRate("must have at most 18 digits after the point");
const NOT_POSITIVE: NoRate = NoRate("must be above zero");

impl FromStr for Rate {
    type Err = NoRate;

    /// As people write it: digits, and perhaps a point with digits on both sides.
    fn from_str(text: &str) -> Result<Self, NoRate> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return Err(NO_DECIMAL);
        }
        let whole = whole.trim_start_matches('0');
        if whole.len() > DIGITS as usize {
            return Err(TOO_MANY_BEFORE);
        }
        if fraction.len() > DIGITS as usize {
            return Err(TOO_MANY_AFTER);
        }
        let digits = format!("{whole}{fraction:0<18}");
        match digits.parse() {
            Ok(0) => Err(NOT_POSITIVE),
            Ok(units) => Ok(Self(units)),
            Err(_) => Err(NO_DECIMAL),
        }
    }
}

impl Rate {
    /// One for one.
    pub const ONE: Self = Self(ONE);

    /// A number as a feed writes it: perhaps with more digits than are kept, perhaps in scientific notation. What is too
    /// fine is rounded, half to even.
    pub fn told(text: &str) -> Result<Self, NoRate> {
        let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.trim_start_matches('+').parse().map_err(|_| NO_DECIMAL)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        let is_number =
            !whole.is_empty() && digits.len() <= 200 && digits.bytes().all(|it| it.is_ascii_digit());
        if !is_number || exponent.unsigned_abs() > 100 {
            return Err(NO_DECIMAL);
        }
        let places = i32::try_from(fraction.len()).map_err(|_| NO_DECIMAL)?;
        Self::scaled(digits.parse().map_err(|_| NO_DECIMAL)?, places - exponent)
    }

    /// `units` of 10⁻ᵖˡᵃᶜᵉˢ.
    pub fn scaled(units: BigUint, places: i32) -> Result<Self, NoRate> {
        let shift = DIGITS as i32 - places;
        let units = match u32::try_from(shift) {
            Ok(shift) => units * ten_to(shift),
            Err(_) => divided(units, &ten_to(shift.unsigned_abs())),
        };
        match u128::try_from(units) {
            Ok(0) => Err(NOT_POSITIVE),
            Ok(units) if units < TOO_LARGE => Ok(Self(units)),
            _ => Err(TOO_MANY_BEFORE),
        }
    }

    /// Half way between two rates; half of the last digit goes to the even one.
    pub fn between(self, other: Self) -> Self {
        let sum = self.0 + other.0;
        let half = sum / 2;
        // A sum of two rates is at least 2, so this is never zero.
        Self(half + (sum % 2) * (half % 2))
    }

    /// By how many ten-thousandths of `middle` it is beside it, rounded down.
    pub fn deviation_bp(self, middle: Self) -> u128 {
        let apart = BigUint::from(self.0.abs_diff(middle.0)) * BASIS_POINTS;
        u128::try_from(apart / middle.0).unwrap_or(u128::MAX)
    }

    /// Whether it is more than `max_bp` ten-thousandths of `middle` beside it.
    pub fn deviates(self, middle: Self, max_bp: u32) -> bool {
        BigUint::from(self.0.abs_diff(middle.0)) * BASIS_POINTS > BigUint::from(middle.0) * max_bp
    }

    /// As a ratio.
    pub fn ratio(self) -> Ratio {
        Ratio { above: self.0.into(), below: ONE.into() }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&plain(&self.0.to_string(), i64::from(DIGITS)))
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl From<Rate> for spin_sdk::sqlite::Value {
    fn from(rate: Rate) -> Self {
        Self::Text(rate.to_string())
    }
}

impl PartialSchema for Rate {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r"^\d{1,18}(\.\d{1,18})?$"))
            .examples(["1.0944"])
            .into()
    }
}

impl ToSchema for Rate {
    fn name() -> Cow<'static, str> {
        "Rate".into()
    }
}

/// A positive fraction, exact: a rate, its inverse, or several of them one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ratio {
    above: BigUint,
    below: BigUint,
}

impl Ratio {
    /// The other way round.
    pub fn inverse(self) -> Self {
        Self { above: self.below, below: self.above }
    }

    /// This one, and then the other.
    pub fn then(self, other: &Self) -> Self {
        Self { above: self.above * &other.above, below: self.below * &other.below }
    }

    /// Less so many ten-thousandths.
    pub fn less(self, spread_bp: u32) -> Self {
        let kept = BASIS_POINTS.saturating_sub(spread_bp);
        Self { above: self.above * kept, below: self.below * BASIS_POINTS }
    }

    /// What an amount comes to, both in smallest units, of which `decimals` make one. Rounded once, half to even.
    pub fn convert(&self, units: &BigUint, (from, to): (u32, u32)) -> BigUint {
        let above = units * &self.above * ten_to(to.saturating_sub(from));
        divided(above, &(&self.below * ten_to(from.saturating_sub(to))))
    }

    /// As a decimal number, with at most 18 significant digits: rounded half to even where there are more.
    pub fn decimal(&self) -> String {
        let mut places = SHOWN - digits_of(&self.above) + digits_of(&self.below);
        loop {
            let shift = ten_to(u32::try_from(places.unsigned_abs()).unwrap_or(u32::MAX));
            let units = match places < 0 {
                true => divided(self.above.clone(), &(&self.below * shift)),
                false => divided(&self.above * shift, &self.below),
            };
            let digits = units.to_string();
            // The first guess is one digit too long at most.
            if digits.len() as i64 <= SHOWN {
                return plain(&digits, places);
            }
            places -= 1;
        }
    }
}

/// How many digits a number has.
fn digits_of(number: &BigUint) -> i64 {
    number.to_string().len() as i64
}

fn ten_to(exponent: u32) -> BigUint {
    match 10_u128.checked_pow(exponent) {
        Some(power) => power.into(),
        None => BigUint::from(10_u32).pow(exponent),
    }
}

/// A quotient, rounded half to even.
fn divided(above: BigUint, below: &BigUint) -> BigUint {
    let whole = &above / below;
    let rest = above - &whole * below;
    let is_up = match (rest * 2_u32).cmp(below) {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => whole.bit(0),
    };
    if is_up { whole + 1_u32 } else { whole }
}

/// `digits` of 10⁻ᵖˡᵃᶜᵉˢ in plain notation, without zeros that say nothing.
fn plain(digits: &str, places: i64) -> String {
    let Ok(places) = usize::try_from(places) else {
        return digits.to_owned() + &"0".repeat(usize::try_from(-places).unwrap_or_default());
    };
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn number(text: &str) -> BigUint {
        text.parse().unwrap()
    }

    #[test]
    fn a_rate_is_what_was_written() {
        for (text, shown) in [
            ("1.0944", "1.0944"),
            ("1", "1"),
            ("0010.500", "10.5"),
            ("0.000000000000000001", "0.000000000000000001"),
        ] {
            assert_eq!(rate(text).to_string(), shown);
        }
        let largest = format!("{0}.{0}", "9".repeat(18));
        assert_eq!(rate(&largest).to_string(), largest);
    }

    #[test]
    fn what_is_no_rate_is_refused_by_name() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "٣", "NaN", "Infinity", " 1", "0x1"] {
            assert_eq!(text.parse::<Rate>(), Err(NO_DECIMAL), "{text}");
        }
        for text in ["0", "0.0", "000.000000000000000000"] {
            assert_eq!(text.parse::<Rate>(), Err(NOT_POSITIVE), "{text}");
        }
        assert_eq!("1000000000000000000".parse::<Rate>(), Err(TOO_MANY_BEFORE));
        assert_eq!("0.0000000000000000001".parse::<Rate>(), Err(TOO_MANY_AFTER));
    }

    #[test]
    fn feeds_may_write_numbers_as_they_like() {
        for (text, shown) in [
            ("1.2e-07", "0.00000012"),
            ("6.7187E4", "67187"),
            ("67187.3358936566", "67187.3358936566"),
            ("1e+2", "100"),
            ("0.12345678901234567850", "0.123456789012345678"),
            ("0.12345678901234567750", "0.123456789012345678"),
        ] {
            assert_eq!(Rate::told(text).unwrap().to_string(), shown, "{text}");
        }
        for text in [
            "-1",
            "",
            "e5",
            "1e",
            "1e999999999999",
            "1e101",
            "null",
            "0",
            "1e-19",
            "1e18",
            "1.2.3",
            &"9".repeat(300),
        ] {
            assert!(Rate::told(text).is_err(), "{text}");
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let tenth = rate("0.1").ratio();
        for (units, rounded) in [(5_u32, 0_u32), (15, 2), (25, 2), (35, 4), (26, 3), (24, 2)] {
            assert_eq!(tenth.convert(&units.into(), (0, 0)), rounded.into(), "{units}");
        }
    }

    #[test]
    fn decimals_of_both_sides_count() {
        // 19.99 EUR at 1.0944 are 21.877056 USD; 1,999 yen at 0.0061 are 12.1939 EUR.
        assert_eq!(rate("1.0944").ratio().convert(&1999_u32.into(), (2, 2)), 2188_u32.into());
        assert_eq!(rate("0.0061").ratio().convert(&1999_u32.into(), (0, 2)), 1219_u32.into());
        // 1 wei, and all wei that 256 bits hold, at 3,000.5 USD.
        let ether = rate("3000.5").ratio();
        assert_eq!(ether.convert(&1_u32.into(), (18, 2)), 0_u32.into());
        let most = (BigUint::from(1_u32) << 256_u32) - 1_u32;
        assert_eq!(
            ether.convert(&most, (18, 2)),
            (most.clone() * 300_050_u32 + ten_to(17) * 5_u32) / ten_to(18)
        );
    }

    #[test]
    fn ratios_are_shown_with_eighteen_digits() {
        assert_eq!(rate("3").ratio().inverse().decimal(), "0.333333333333333333");
        assert_eq!(rate("1.0944").ratio().decimal(), "1.0944");
        assert_eq!(rate("0.000000000000000001").ratio().inverse().decimal(), "1000000000000000000");
        assert_eq!(rate("999999999999999999.999999999999999999").ratio().decimal(), "1000000000000000000");
        let legs = rate("2.5").ratio().then(&rate("0.4").ratio());
        assert_eq!(legs.decimal(), "1");
        assert_eq!(rate("2").ratio().less(50).decimal(), "1.99");
    }

    fn rates() -> impl Strategy<Value = Rate> {
        prop_oneof![1..TOO_LARGE, 1..ONE, ONE / 1000..ONE * 1000].prop_map(Rate)
    }

    proptest! {
        #[test]
        fn a_rate_survives_its_own_text(rate in rates()) {
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
            prop_assert_eq!(Rate::told(&rate.to_string()), Ok(rate));
        }

        #[test]
        fn a_conversion_is_at_most_half_a_unit_off(
            rate in rates(), units in proptest::collection::vec(any::<u8>(), 0..32), from in 0_u32..=30, to in 0_u32..=30, inverse: bool,
        ) {
            let units = BigUint::from_bytes_be(&units);
            let ratio = if inverse { rate.ratio().inverse() } else { rate.ratio() };
            let converted = ratio.convert(&units, (from, to));
            // |converted · below · 10^from − units · above · 10^to| · 2 ≤ below · 10^from
            let exact = &units * &ratio.above * ten_to(to);
            let whole = &ratio.below * ten_to(from);
            let got = converted * &whole;
            let off = if got > exact { got - exact } else { exact - got };
            prop_assert!(off * 2_u32 <= whole);
        }

        #[test]
        fn more_never_becomes_less(rate in rates(), a: u128, b: u128, from in 0_u32..=30, to in 0_u32..=30) {
            let ratio = rate.ratio();
            let (less, more) = (a.min(b), a.max(b));
            prop_assert!(ratio.convert(&less.into(), (from, to)) <= ratio.convert(&more.into(), (from, to)));
        }

        #[test]
        fn there_and_back_is_what_it_was_where_units_are_fine_enough(rate in ONE / 1000..ONE * 1000, units: u64) {
            let ratio = Rate(rate).ratio();
            let there = ratio.convert(&units.into(), (2, 18));
            prop_assert_eq!(ratio.inverse().convert(&there, (18, 2)), BigUint::from(units));
        }

        #[test]
        fn a_shown_ratio_is_right_to_its_last_digit(a in rates(), b in rates()) {
            let ratio = a.ratio().then(&b.ratio().inverse());
            let shown = ratio.decimal();
            let significant = shown.replace('.', "");
            prop_assert!(significant.trim_matches('0').len() <= 18, "{}", shown);
            let places = shown.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as u32;
            let units = number(&shown.replace('.', ""));
            // Off by at most half of the eighteenth digit: |shown − ratio| ≤ ratio · 5 · 10⁻¹⁸.
            let (got, exact) = (units * &ratio.below, &ratio.above * ten_to(places));
            let off = if got > exact { got - &exact } else { &exact - got };
            prop_assert!(off * ten_to(17) <= exact);
        }

        #[test]
        fn the_middle_is_between(a in rates(), b in rates()) {
            let middle = a.between(b);
            prop_assert!(a.min(b) <= middle && middle <= a.max(b));
            prop_assert_eq!(middle, b.between(a));
        }

        #[test]
        fn a_deviation_is_told_as_it_is_judged(a in rates(), b in rates(), max in 0_u32..20_000) {
            prop_assert!(!a.deviates(b, max) || a.deviation_bp(b) >= u128::from(max));
            prop_assert!(a.deviates(b, max) || a.deviation_bp(b) <= u128::from(max));
        }
    }
}
