//! Pure decisions about customers: what consent means, and what erasure leaves.

use crate::model::{Consent, Consents, Said};
use serde::Serialize;
use souk_kit::Timestamp;
use utoipa::ToSchema;

/// How many addresses a customer has at most.
pub const MAX_ADDRESSES: u32 = 100;

/// For how many years after the one they are made in books must be kept; the longest time that the law of a country of the
/// European Union names.
const YEARS_OF_BOOKS: i32 = 10;

/// Notes what is said now. Saying the same again does not make it younger: the time is part of the proof.
pub fn note(consents: &mut Consents, said: Said, now: Timestamp) {
    for (topic, given) in said.topics() {
        let known = consents.entry(topic).or_insert(Consent { given, at: now });
        if known.given != given {
            *known = Consent { given, at: now };
        }
    }
}

/// What an erasure did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Erasure {
    /// What is gone for good.
    pub erased: Vec<&'static str>,
    /// What stays, and why.
    pub kept: Vec<Kept>,
}

/// Something that stays after an erasure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Kept {
    /// What it is.
    pub what: &'static str,
    /// Why it stays.
    pub why: &'static str,
    /// When it goes, at the latest; absent when nobody has to wait for that.
    pub until: Option<Timestamp>,
}

/// What an erasure at this time does to a customer, who has an account or not.
pub fn erasure(has_account: bool, now: Timestamp) -> Erasure {
    let mut kept = vec![
        Kept {
            what: "invoices and credit notes, with the name and addresses on them",
            why: "The law requires that books are kept. They serve no other purpose from now on.",
            until: Some(books_end(now)),
        },
        Kept {
            what: "the customer's id, and the dates of creation and erasure",
            why: "Orders refer to the id. It says nothing about a person.",
            until: None,
        },
    ];
    if has_account {
        kept.push(Kept {
            what: "the account: e-mail address, name and password to sign in with",
            why: "It is another thing than the customer. DELETE /api/v1/users/me erases it.",
            until: None,
        });
    }
    let erased = vec![
        "e-mail address",
        "name",
        "telephone number",
        "addresses",
        "language and currency",
        "consents",
        "groups",
        "stored answers of earlier requests",
        "the link to the account",
    ];
    Erasure { erased, kept }
}

/// The end of the time that documents issued until now must be kept for.
fn books_end(now: Timestamp) -> Timestamp {
    let (year, ..) = now.date();
    Timestamp::start_of(year + YEARS_OF_BOOKS + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Topic;

    #[test]
    fn saying_the_same_again_keeps_the_time() {
        let at = Timestamp::from_millis;
        let mut consents = Consents::new();
        let says = |given| Said { newsletter: Some(given), ..Said::default() };
        note(&mut consents, says(true), at(1));
        note(&mut consents, says(true), at(2));
        assert_eq!(consents[&Topic::Newsletter], Consent { given: true, at: at(1) });
        note(&mut consents, says(false), at(3));
        assert_eq!(consents[&Topic::Newsletter], Consent { given: false, at: at(3) });
        note(&mut consents, Said::default(), at(4));
        assert_eq!(consents.len(), 1);
    }

    #[test]
    fn books_are_kept_for_ten_full_years() {
        let end = books_end(Timestamp::from_millis(1_795_253_400_123)); // In November 2026.
        assert_eq!(end.to_string(), "2037-01-01T00:00:00Z");
    }

    #[test]
    fn only_who_has_an_account_is_told_of_it() {
        let now = Timestamp::now();
        assert_eq!(erasure(true, now).kept.len(), erasure(false, now).kept.len() + 1);
    }
}
