//! The words by which people are found: those of their names and e-mail addresses.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How many words are searched for; each costs a look into an index.
const MAX_SEARCHED_WORDS: usize = 8;
/// The longest word that is kept, in characters.
const MAX_WORD: usize = 254;

/// The words by which a person is found: those of the name and of the e-mail address, and the latter whole.
pub fn of_person(name: Option<&str>, email: &str) -> Vec<String> {
    let text = folded(&format!("{} {email}", name.unwrap_or_default()));
    let words = alphanumeric(&text).chain(Some(folded(email)).filter(|email| !email.is_empty()));
    let mut words: Vec<String> = words.map(|word| word.chars().take(MAX_WORD).collect()).collect();
    words.sort();
    words.dedup();
    words
}

/// The words of a search, as [`of_person`] has them. An address is looked for as a whole.
pub fn searched(query: &str) -> Vec<String> {
    let query = folded(query);
    let parts = query.split_whitespace().flat_map(|part| match part.contains('@') {
        true => vec![part.to_owned()],
        false => alphanumeric(part).collect(),
    });
    parts.take(MAX_SEARCHED_WORDS).collect()
}

/// Lower case, and without accents: who looks for Zoe finds Zoë.
fn folded(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase()
}

fn alphanumeric(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_has_the_words_that_a_person_is_kept_by() {
        let kept = of_person(Some("Zoë O’Neill-García"), "zoe.g@example.com");
        for found in ["zoe", "ZOË", "neill garcia", "zoe.g@example.com", "o’neill, com"] {
            assert!(searched(found).iter().all(|word| kept.contains(word)), "{found}");
        }
        assert_eq!(searched(" % _ "), Vec::<String>::new());
        assert_eq!(searched(&"a ".repeat(100)).len(), MAX_SEARCHED_WORDS);
    }
}
