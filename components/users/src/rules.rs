//! Pure decisions about accounts: what is a good e-mail address, name and password, and how long an attacker waits.

use souk_kit::Secret;
use souk_kit::text::{is_control, is_visible};
use std::time::Duration;
use unicode_normalization::UnicodeNormalization;

/// Passwords that attackers try first, one a line; long enough ones only, for shorter ones are refused anyway. Most are from
/// the list of 20,000 that Royce Williams drew up for Django; the rest are what French and English keyboards suggest.
const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// How often one network may fail before it has to wait.
const FREE_FAILURES: u32 = 5;
/// The longest that one network waits.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// How often all networks together may fail within the time that failures count before all but the owner's wait.
const FREE_FAILURES_OVERALL: u32 = 50;
/// How long they then wait: short, because it may hit the owner at a place where nobody knows them.
const WAIT_OVERALL: Duration = Duration::from_secs(5);
/// How long a failure counts.
pub const FAILURES_COUNT_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long the owner's networks are remembered.
pub const NETWORK_KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many of the owner's networks are remembered, the newest.
pub const MAX_KNOWN_NETWORKS: u32 = 20;
/// How many failures are remembered, by address and network: some 10 MB.
pub const MAX_FAILURES_KEPT: u32 = 100_000;

/// The form in which an e-mail address is stored and compared.
pub fn normalise_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Refuses text that would not show as it is: control characters and marks that turn the direction of writing.
pub fn is_plain_text(text: &str) -> bool {
    // A name needs no marks of direction; a text in two scripts may.
    let is_mark = |c: char| matches!(c, '\u{200e}' | '\u{200f}');
    !text.chars().any(|c| is_control(c) || is_mark(c)) && is_visible(text)
}

/// Why a password will not do, if it will not.
pub fn weakness(password: &Secret, email: &str) -> Option<&'static str> {
    let lower = password.expose().nfkc().collect::<String>().to_lowercase();
    if COMMON_PASSWORDS.lines().any(|common| common == lower.trim()) {
        return Some("is one of the first that attackers try");
    }
    let mut chars = lower.chars();
    let first = chars.next();
    if chars.all(|c| Some(c) == first) {
        return Some("repeats one character");
    }
    let local = email.split('@').next().unwrap_or_default();
    if lower == email || lower == local {
        return Some("must not be the e-mail address");
    }
    None
}

/// What is remembered of an account's failed sign-ins.
#[derive(Debug, Clone, Copy, Default)]
pub struct History {
    /// Failures from this network since its last success.
    pub from_here: u32,
    /// How long ago the last of them was.
    pub since_here: Duration,
    /// Failures from everywhere.
    pub overall: u32,
    /// How long ago the last of them was.
    pub since_overall: Duration,
    /// Whether the owner has signed in from this network lately.
    pub is_known: bool,
}

/// How long the next attempt has to wait, if it has to.
///
/// Each network pays for its own failures, with a pause that doubles to a quarter of an hour. An attacker with many
/// networks slows new ones down by seconds and can do nothing to those from which the owner signs in.
pub fn wait(history: History) -> Option<Duration> {
    let mut pause = Duration::ZERO;
    if history.from_here >= FREE_FAILURES && history.since_here < FAILURES_COUNT_FOR {
        let doublings = (history.from_here - FREE_FAILURES).min(16);
        pause = Duration::from_secs(1 << doublings).min(LONGEST_WAIT).saturating_sub(history.since_here);
    }
    if history.overall >= FREE_FAILURES_OVERALL
        && !history.is_known
        && history.since_overall < FAILURES_COUNT_FOR
    {
        pause = pause.max(WAIT_OVERALL.saturating_sub(history.since_overall));
    }
    (pause > Duration::ZERO).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_common_password_is_weak() {
        let weakness = |password: &str| weakness(&Secret::new(password), "ana.lopez@example.com");
        assert!(weakness("Password123").is_some() && weakness("zzzzzzzzzz").is_some());
        assert!(weakness("chocolate1").is_some() && weakness("ｃｈｏｃｏｌａｔｅ１").is_some());
        assert!(weakness("ana.lopez@example.com").is_some());
        assert_eq!(weakness("correct horse battery"), None);
    }

    #[test]
    fn common_passwords_are_many_and_each_is_one_that_could_be_chosen() {
        let all: Vec<&str> = COMMON_PASSWORDS.lines().collect();
        assert!(all.len() > 1000);
        assert!(all.iter().all(|line| line.chars().count() >= 10 && line.to_lowercase() == *line));
        assert!(all.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn text_that_hides_is_not_plain() {
        assert!(is_plain_text("Zoë O’Neill-García") && is_plain_text("李小龙"));
        for text in ["a\0b", "a\nb", "\u{202e}gpj.exe", " ", "", "\u{200b}"] {
            assert!(!is_plain_text(text), "{text:?}");
        }
    }

    #[test]
    fn five_failures_are_free_and_the_pause_then_doubles() {
        let after = |from_here| wait(History { from_here, ..History::default() });
        assert_eq!(after(4), None);
        assert_eq!(after(5), Some(Duration::from_secs(1)));
        assert_eq!(after(8), Some(Duration::from_secs(8)));
        assert_eq!(after(1000), Some(LONGEST_WAIT));
    }

    #[test]
    fn an_attack_from_everywhere_spares_the_networks_of_the_owner() {
        let attacked = History { overall: 1_000_000, ..History::default() };
        assert_eq!(wait(History { is_known: true, ..attacked }), None);
        assert_eq!(wait(attacked), Some(WAIT_OVERALL));
    }

    proptest! {
        #[test]
        fn nobody_waits_longer_than_a_quarter_of_an_hour(from_here: u32, overall: u32, is_known: bool, since in 0_u64..100_000) {
            let since = Duration::from_secs(since);
            let history = History { from_here, since_here: since, overall, since_overall: since, is_known };
            prop_assert!(wait(history).unwrap_or_default() <= LONGEST_WAIT);
        }

        #[test]
        fn waiting_as_long_as_told_is_enough(from_here: u32, overall: u32) {
            let history = History { from_here, overall, ..History::default() };
            let pause = wait(history).unwrap_or_default();
            prop_assert_eq!(wait(History { since_here: pause, since_overall: pause, ..history }), None);
        }
    }
}
