//! The simulated clearing: what becomes of a transfer to outside. The last four characters of the account's number say so.

use crate::rules::iban::Iban;
use souk_kit::Timestamp;
use std::time::Duration;

/// What becomes of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It arrives.
    Arrives,
    /// The account does not exist: it fails in clearing, and nothing was moved.
    Bounces,
    /// It arrives, and comes back as long after that as it took to get there.
    ComesBack,
}

/// Such numbers do not exist.
const BOUNCES: &str = "0002";
/// Such numbers send the money back.
const COMES_BACK: &str = "0005";
/// Such banks take ten times as long.
const IS_LATE: &str = "0009";

/// What becomes of a transfer to this account.
pub fn fate(iban: &Iban) -> Fate {
    match iban.as_str() {
        text if text.ends_with(BOUNCES) => Fate::Bounces,
        text if text.ends_with(COMES_BACK) => Fate::ComesBack,
        _ => Fate::Arrives,
    }
}

/// When clearing is done with a transfer to this account.
pub fn done_at(iban: &Iban, now: Timestamp, delay: Duration) -> Timestamp {
    now.after(if iban.as_str().ends_with(IS_LATE) { delay * 10 } else { delay })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_number_says_what_becomes_of_a_transfer() {
        let outside = |number| Iban::make("ZZ", "TEST", number).unwrap();
        let fates = [1, 2, 5, 9].map(|number| fate(&outside(number)));
        assert_eq!(fates, [Fate::Arrives, Fate::Bounces, Fate::ComesBack, Fate::Arrives]);
        let (now, second) = (Timestamp::from_millis(0), Duration::from_secs(1));
        assert_eq!(done_at(&outside(1), now, second).as_millis(), 1_000);
        assert_eq!(done_at(&outside(9), now, second).as_millis(), 10_000);
    }
}
