//! Numbers that nobody else has: for the ids of requests and spans, which need be unique and not secret.
//!
//! Every eight bytes of the host's randomness are a call out of the instance; a request would make a dozen of them. So each
//! instance asks once, and goes on from there.

use std::sync::Mutex;

static GENERATOR: Mutex<Option<fastrand::Rng>> = Mutex::new(None);

/// A number that no other instance has, as sure as chance goes.
pub(crate) fn number() -> u128 {
    let Ok(mut generator) = GENERATOR.lock() else { return fresh().u128(..) };
    generator.get_or_insert_with(fresh).u128(1..)
}

fn fresh() -> fastrand::Rng {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    fastrand::Rng::with_seed(high ^ low.rotate_left(32))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn numbers_do_not_come_back() {
        let numbers: HashSet<u128> = (0..10_000).map(|_| super::number()).collect();
        assert_eq!(numbers.len(), 10_000);
        assert_ne!(super::fresh().u128(..), super::fresh().u128(..));
    }
}
