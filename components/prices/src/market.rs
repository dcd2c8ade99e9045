//! What is made of what sources say: the median of those that are fresh, without those that are far off.

use crate::decimal::Rate;
use crate::model::{Observation, Standing, Times};
use souk_kit::Timestamp;

/// The source of what people set by hand. While it holds, nobody else is asked.
pub const MANUAL: &str = "manual";

/// What is decided of a pair.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rate that counts; nothing when none can be believed, so that the last one stays.
    pub agreed: Option<Standing>,
    /// Of each observation, in their order, why it was not believed.
    pub refused: Vec<Option<String>>,
}

/// Decides what the rate of a pair is. `last` is what it was.
pub fn decide(seen: &[Observation], last: Option<&Standing>, max_bp: u32, now: Timestamp) -> Decision {
    let nothing = |_| None;
    let holds = |one: &&Observation| one.source == MANUAL && now < one.times.refuse_at;
    if let Some(set) = seen.iter().find(holds) {
        let agreed = Standing { rate: set.rate, times: set.times };
        return Decision { agreed: Some(agreed), refused: seen.iter().map(nothing).collect() };
    }
    let heard = heard(seen, now);
    let last = last.filter(|last| now < last.times.refuse_at).map(|last| last.rate);
    let middle = median(heard.iter().map(|one| one.rate));
    let Some(middle) = middle else {
        return Decision { agreed: None, refused: seen.iter().map(nothing).collect() };
    };
    // One alone has nothing but the past to be judged by; of two that disagree, only the past can tell which is right.
    let is_split = heard.len() == 2 && heard.iter().any(|one| one.rate.deviates(middle, max_bp));
    let (judge, what) = match (heard.len(), last) {
        (1, Some(last)) => (last, "the last rate"),
        (2, Some(last)) if is_split => (last, "the last rate"),
        _ => (middle, "the median"),
    };
    let verdict = |one: &Observation| {
        let is_heard = heard.iter().any(|heard| heard.source == one.source);
        (is_heard && one.rate.deviates(judge, max_bp)).then(|| {
            format!("is {} hundredths of a percent off {what}, {judge}", one.rate.deviation_bp(judge))
        })
    };
    let refused: Vec<_> = seen.iter().map(verdict).collect();
    let believed = heard.into_iter().filter(|one| !one.rate.deviates(judge, max_bp)).collect();
    Decision { agreed: agree(believed), refused }
}

/// Who is listened to: whoever is fresh, or, when nobody is, whoever is not too old to count.
fn heard(seen: &[Observation], now: Timestamp) -> Vec<&Observation> {
    let market = || seen.iter().filter(|one| one.source != MANUAL);
    let fresh: Vec<_> = market().filter(|one| now < one.times.stale_at).collect();
    match fresh.is_empty() {
        true => market().filter(|one| now < one.times.refuse_at).collect(),
        false => fresh,
    }
}

/// What those who are believed say together: as of when the newest of them spoke, until the first of them is stale.
fn agree(believed: Vec<&Observation>) -> Option<Standing> {
    let rate = median(believed.iter().map(|one| one.rate))?;
    let as_of = believed.iter().map(|one| one.times.as_of).max()?;
    let times = believed.iter().map(|one| one.times).reduce(Times::and)?;
    Some(Standing { rate, times: Times { as_of, ..times } })
}

/// The one in the middle, or half way between the two that are.
fn median(rates: impl Iterator<Item = Rate>) -> Option<Rate> {
    let mut rates: Vec<_> = rates.collect();
    rates.sort_unstable();
    let upper = *rates.get(rates.len() / 2)?;
    if rates.len() % 2 == 1 {
        return Some(upper);
    }
    Some(rates.get(rates.len() / 2 - 1)?.between(upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn at(as_of: i64) -> Times {
        let time = |millis| Timestamp::from_millis(millis);
        Times {
            as_of: time(as_of),
            fetched_at: NOW,
            stale_at: time(as_of + 100),
            refuse_at: time(as_of + 1000),
        }
    }

    fn says(source: &str, text: &str, as_of: i64) -> Observation {
        let (base, quote) = ("ETH".parse().unwrap(), "EUR".parse().unwrap());
        let source = source.to_owned();
        Observation { base, quote, source, rate: rate(text), times: at(as_of), refused: None, set_by: None }
    }

    fn agreed(seen: &[Observation], last: Option<&str>) -> Option<String> {
        let last = last.map(|text| Standing { rate: rate(text), times: at(999_500) });
        decide(seen, last.as_ref(), 1000, NOW).agreed.map(|agreed| agreed.rate.to_string())
    }

    fn refused(seen: &[Observation], last: Option<&str>) -> Vec<bool> {
        let last = last.map(|text| Standing { rate: rate(text), times: at(999_500) });
        decide(seen, last.as_ref(), 1000, NOW).refused.iter().map(Option::is_some).collect()
    }

    #[test]
    fn three_agree_on_the_one_in_the_middle() {
        let seen = [says("a", "3000", 999_950), says("b", "3010", 999_950), says("c", "2990", 999_950)];
        assert_eq!(agreed(&seen, None).as_deref(), Some("3000"));
        assert_eq!(refused(&seen, None), [false, false, false]);
    }

    #[test]
    fn who_is_far_off_is_refused_and_does_not_count() {
        let seen = [says("a", "3000", 999_950), says("b", "3010", 999_950), says("c", "300", 999_950)];
        assert_eq!(agreed(&seen, None).as_deref(), Some("3005"));
        assert_eq!(refused(&seen, None), [false, false, true]);
        let why = decide(&seen, None, 1000, NOW).refused[2].clone().unwrap();
        assert_eq!(why, "is 9000 hundredths of a percent off the median, 3000");
    }

    #[test]
    fn of_two_that_disagree_the_last_rate_tells_which_is_right() {
        let seen = [says("a", "3000", 999_950), says("b", "300", 999_950)];
        assert_eq!(agreed(&seen, Some("2950")).as_deref(), Some("3000"));
        assert_eq!(refused(&seen, Some("2950")), [false, true]);
        assert_eq!(agreed(&seen, None), None);
        assert_eq!(refused(&seen, None), [true, true]);
    }

    #[test]
    fn one_alone_is_judged_by_the_last_rate_while_that_counts() {
        let seen = [says("a", "300", 999_950)];
        assert_eq!(agreed(&seen, Some("3000")), None);
        assert_eq!(refused(&seen, Some("3000")), [true]);
        assert_eq!(agreed(&seen, None).as_deref(), Some("300"));
        let old = Standing { rate: rate("3000"), times: at(999_000) };
        assert_eq!(decide(&seen, Some(&old), 1000, NOW).refused, [None]);
    }

    #[test]
    fn the_stale_are_heard_only_when_nobody_is_fresh() {
        let seen = [says("a", "3000", 999_950), says("b", "3200", 999_500)];
        assert_eq!(agreed(&seen, None).as_deref(), Some("3000"));
        let seen = [says("a", "3100", 999_600), says("b", "3200", 999_500), says("c", "9", 998_000)];
        assert_eq!(agreed(&seen, None).as_deref(), Some("3150"));
        assert_eq!(agreed(&[says("c", "9", 998_000)], None), None);
    }

    #[test]
    fn what_is_agreed_is_as_new_as_the_newest_and_stale_with_the_first() {
        let seen = [says("a", "3000", 999_950), says("b", "3010", 999_920)];
        let times = decide(&seen, None, 1000, NOW).agreed.unwrap().times;
        assert_eq!((times.as_of.as_millis(), times.stale_at.as_millis()), (999_950, 1_000_020));
    }

    #[test]
    fn what_is_set_by_hand_counts_alone_while_it_holds() {
        let seen = [says("a", "3000", 999_950), says(MANUAL, "10", 999_500)];
        assert_eq!(agreed(&seen, Some("3000")).as_deref(), Some("10"));
        let seen = [says("a", "3000", 999_950), says(MANUAL, "10", 999_000)];
        assert_eq!(agreed(&seen, None).as_deref(), Some("3000"));
    }

    proptest! {
        #[test]
        fn what_is_agreed_lies_between_those_who_are_believed(
            rates in proptest::collection::vec((1_u64..1_000_000, 998_900_i64..1_000_000), 0..7), last in proptest::option::of(1_u64..1_000_000),
        ) {
            let seen: Vec<_> = rates.iter().enumerate().map(|(n, (rate, at))| says(&n.to_string(), &rate.to_string(), *at)).collect();
            let last = last.map(|last| Standing { rate: rate(&last.to_string()), times: at(999_500) });
            let decision = decide(&seen, last.as_ref(), 1000, NOW);
            prop_assert_eq!(decision.refused.len(), seen.len());
            if let Some(agreed) = decision.agreed {
                let believed: Vec<_> = seen.iter().zip(&decision.refused).filter(|(one, why)| why.is_none() && NOW < one.times.refuse_at).collect();
                prop_assert!(believed.iter().any(|(one, _)| one.rate <= agreed.rate));
                prop_assert!(believed.iter().any(|(one, _)| one.rate >= agreed.rate));
                prop_assert!(NOW < agreed.times.refuse_at);
            }
        }

        #[test]
        fn the_order_of_sources_does_not_matter(rates in proptest::collection::vec(1_u64..10_000, 1..6)) {
            let mut seen: Vec<_> = rates.iter().enumerate().map(|(n, rate)| says(&n.to_string(), &rate.to_string(), 999_950)).collect();
            let one = decide(&seen, None, 1000, NOW).agreed;
            seen.reverse();
            prop_assert_eq!(decide(&seen, None, 1000, NOW).agreed, one);
        }
    }
}
