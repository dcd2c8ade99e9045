//! What people type into a search, as FTS5 queries.

use unicode_normalization::char::is_combining_mark;

/// Words of a search that count. Each costs a look-up for every rank, and common ones a walk.
const MAX_WORDS: usize = 8;
/// So many words are rarely the beginnings of others in some rank more than in the next: two ranks are enough.
const MANY_WORDS: usize = 4;

/// The words that people typed, letters and digits only. None when there is no word.
pub fn words(text: &str) -> Option<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || is_combining_mark(c);
    let words = text.split(|c: char| !is_word(c)).filter(|word| word.chars().any(char::is_alphanumeric));
    let words: Vec<String> = words.take(MAX_WORDS).map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

/// FTS5: each of the words whole. A word stands in quotation marks, so nothing of it is syntax.
fn whole(words: &[String]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ")
}

/// FTS5: something begins with each of the words. One letter or digit is a whole word: a third of all words begins so.
pub fn begun(words: &[String]) -> String {
    let begun = |word: &String| match word.len() {
        1 => format!("\"{word}\""),
        _ => format!("\"{word}\"*"),
    };
    words.iter().map(begun).collect::<Vec<_>>().join(" ")
}

/// The ranks of a search, best first, as FTS5 queries of which no two match the same product: the words whole in the
/// title; as beginnings of words in the title; with brand, tags, SKUs and category names; anywhere. Of many words: as
/// beginnings of words in the title; anywhere.
pub fn ranks(words: &[String]) -> Vec<String> {
    let (whole, begun) = (whole(words), begun(words));
    let exact = format!("title : ({whole})");
    let title = format!("title : ({begun})");
    if words.len() >= MANY_WORDS {
        let rest = format!("({begun}) NOT ({title})");
        return vec![title, rest];
    }
    let labels = format!("{{title labels}} : ({begun})");
    vec![
        exact.clone(),
        format!("({title}) NOT ({exact})"),
        format!("({labels}) NOT ({title})"),
        format!("({begun}) NOT ({labels})"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_people_type_is_search_syntax() {
        assert_eq!(words("\"); DROP -- *^:()"), Some(vec!["DROP".into()]));
        assert_eq!(words("*\u{0}!…"), None);
        assert_eq!(begun(&words("Lampe a d'été").unwrap()), r#""Lampe"* "a" "d" "été"*"#);
    }

    proptest! {
        #[test]
        fn a_query_never_has_more_quotes_than_it_opens(text in "\\PC{0,60}") {
            for query in words(&text).iter().flat_map(|words| ranks(words)) {
                prop_assert_eq!(query.matches('"').count() % 2, 0);
                let inside = query.split('"').skip(1).step_by(2);
                for word in inside {
                    prop_assert!(word.chars().all(|c| c.is_alphanumeric() || is_combining_mark(c)));
                }
            }
        }
    }
}
