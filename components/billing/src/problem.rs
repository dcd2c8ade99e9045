//! Everything this service refuses, beside what the kit does.

use souk_kit::{Refusal, Spec};

const STATEMENT_TOO_LONG: Spec = Spec::new(
    422,
    "statement-too-long",
    "The statement would be too long",
    "There are more entries in the period than one statement holds. Ask for a shorter one with `from` and `to`.",
);

/// All of them, for the documentation.
pub const ALL: &[Spec] = &[STATEMENT_TOO_LONG];

/// A refusal of this service.
#[derive(Debug)]
pub enum BillingError {
    /// There are more entries than this in the period.
    StatementTooLong(u32),
}

impl Refusal for BillingError {
    fn spec(&self) -> Spec {
        match self {
            Self::StatementTooLong(_) => STATEMENT_TOO_LONG,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::StatementTooLong(most) => {
                format!("A statement holds at most {most} entries.")
            }
        }
    }
}
