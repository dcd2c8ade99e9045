//! Everything that goes wrong with a plugin, beside what the kit refuses.

use crate::check::Nonsense;
use souk_kit::{Problem, Spec};

const RULES_NONSENSE: Spec = Spec::new(
    502,
    "rules-nonsense",
    "The rules answered with nonsense",
    "The plugin's discounts, shipping or taxes do not hold together: a negative amount, more discount than the price, a \
     tax that is not its rate's, another currency. The answer is not used; the logs of `rules` say what was wrong.",
);
const RULES_FAILED: Spec = Spec::new(
    502,
    "rules-failed",
    "The rules could not decide",
    "The plugin reported an error, such as a mistake in its configuration; the logs of `rules` have its text.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[RULES_NONSENSE, RULES_FAILED];

/// What a caller is told of a plugin's text at most, in characters.
const MAX_TOLD: usize = 500;

impl From<Nonsense> for Problem {
    fn from(nonsense: Nonsense) -> Self {
        let Nonsense { function, what } = nonsense;
        let detail = format!("The answer to `{function}` cannot be: {what}.");
        Self::fault(RULES_NONSENSE, detail.clone(), detail)
    }
}

/// The plugin said itself that it cannot answer.
pub fn failed(function: &str, text: &str) -> Problem {
    let cause = format!("`{function}` failed: {}", text.chars().take(MAX_TOLD).collect::<String>());
    Problem::fault(RULES_FAILED, format!("The plugin could not answer `{function}`."), cause)
}
