//! Searches as people type them, for products of the generated catalogue.

use crate::catalogue::{self, Dice};

/// `count` different-looking searches over a catalogue of `products`.
pub fn searches(products: usize, count: usize) -> Vec<String> {
    let titles: Vec<_> = catalogue::products(products.clamp(1, 5_000)).map(|product| product.title).collect();
    let mut dice = Dice(2);
    (0..count)
        .map(|_| {
            let title = dice.pick(&titles);
            let query = query(&title.en, &title.fr, &mut dice);
            let rest = dice.pick(&["", "", "", "", "&sort=price", "&sort=-price"]);
            format!("/api/v1/products?q={}{rest}", encoded(&query))
        })
        .collect()
}

/// A few of a title's words; sometimes French, sometimes the last one unfinished, as while typing.
fn query(en: &str, fr: &str, dice: &mut Dice) -> String {
    let words = |text: &str| text.split(' ').map(str::to_lowercase).collect::<Vec<_>>();
    let english = words(en);
    let last = english.len() - 1;
    match dice.below(10) {
        0 => english[last].clone(),
        1 => english[last].chars().take(4).collect(),
        2 | 3 => words(fr)[..2].join(" "),
        4 => english[0].clone(),
        5 | 6 => format!("{} {}", english[0], english[last]),
        7 => format!("{} {}", english[last - 1], english[last].chars().take(3).collect::<String>()),
        _ => english[last - 1..].join(" "),
    }
}

/// Percent-encoding of everything but letters and digits.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn searches_are_varied_and_the_same_every_time() {
        let searches = searches(100_000, 500);
        assert_eq!(searches, super::searches(100_000, 500));
        assert!(searches.iter().collect::<HashSet<_>>().len() > 300);
        assert!(searches.iter().all(|path| path.is_ascii() && !path.contains(' ')));
    }
}
