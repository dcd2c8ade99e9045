//! Latencies, counted in buckets whose width grows with the value.

use std::time::Duration;

/// Buckets per doubling: a quantile is at most 1/32 (3 %) above the true value.
const STEPS: u64 = 32;
/// Doublings above `STEPS` microseconds: up to 36 hours.
const DOUBLINGS: u64 = 32;

/// Counts of latencies, in microseconds.
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max_us: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; (STEPS * (DOUBLINGS + 1)) as usize], count: 0, max_us: 0 }
    }
}

impl Histogram {
    /// Counts one latency.
    pub fn record(&mut self, latency: Duration) {
        let micros = latency.as_micros() as u64;
        let last = self.buckets.len() - 1;
        self.buckets[bucket(micros).min(last)] += 1;
        self.count += 1;
        self.max_us = self.max_us.max(micros);
    }

    /// Adds what another has counted.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max_us = self.max_us.max(other.max_us);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    pub fn max(&self) -> u64 {
        self.max_us
    }

    /// What the given share of all latencies did not exceed, rounded up to the end of its bucket.
    pub fn quantile(&self, share: f64) -> u64 {
        let rank = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (number, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return bucket_end(number as u64).min(self.max_us);
            }
        }
        self.max_us
    }
}

/// Exact below `STEPS`; above, the doubling and the `STEPS`th of it.
fn bucket(micros: u64) -> usize {
    if micros < STEPS {
        return micros as usize;
    }
    let doubling = (micros / STEPS).ilog2() as u64;
    let step = (micros >> doubling) - STEPS;
    (STEPS * (doubling + 1) + step) as usize
}

/// The largest value of a bucket.
fn bucket_end(number: u64) -> u64 {
    if number < STEPS {
        return number;
    }
    let (doubling, step) = (number / STEPS - 1, number % STEPS);
    ((STEPS + step + 1) << doubling) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_the_bucket_that_ends_just_above_it() {
        for micros in (0..5_000).chain([65_535, 65_536, 1_000_003]) {
            let end = bucket_end(bucket(micros) as u64);
            assert!(
                end >= micros && end <= micros + micros / STEPS,
                "{micros} in a bucket that ends at {end}"
            );
        }
    }

    #[test]
    fn quantiles_of_a_thousand_steps() {
        let mut histogram = Histogram::default();
        (1..=1000).for_each(|number| histogram.record(Duration::from_micros(number * 10)));
        let near = |value: u64, wanted: u64| value >= wanted && value <= wanted + wanted / STEPS;
        assert!(near(histogram.quantile(0.5), 5_000), "{}", histogram.quantile(0.5));
        assert!(near(histogram.quantile(0.99), 9_900), "{}", histogram.quantile(0.99));
        assert_eq!((histogram.count(), histogram.max()), (1000, 10_000));
    }

    #[test]
    fn two_histograms_add_up() {
        let (mut one, mut two) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_micros(5));
        two.record(Duration::from_millis(5));
        one.add(&two);
        assert_eq!((one.count(), one.max(), one.quantile(0.5)), (2, 5_000, 5));
    }

    #[test]
    fn nothing_counted_is_zero() {
        assert_eq!(Histogram::default().quantile(0.99), 0);
    }
}
