//! What a person sees of a text.

/// Whether anything of the text shows.
pub fn is_visible(text: &str) -> bool {
    text.chars().any(|c| !c.is_whitespace() && !c.is_control() && !is_ignorable(c))
}

/// Characters that act instead of showing: controls, and those that turn the direction of everything after them.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Characters that show nothing by themselves: Unicode's `Default_Ignorable_Code_Point`, and the blank Braille pattern.
fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Refuses what is not one line that says something: `#[garde(custom(text::line))]`.
pub fn line(text: &str, (): &()) -> garde::Result {
    if !is_visible(text) || text.trim() != text {
        return Err(garde::Error::new("must say something, without white space at either end"));
    }
    match text.chars().any(is_control) {
        true => Err(garde::Error::new("must not contain control characters")),
        false => Ok(()),
    }
}

/// The same for a text that may be missing, or empty.
pub fn optional_line(text: &Option<String>, context: &()) -> garde::Result {
    match text.as_deref() {
        None | Some("") => Ok(()),
        Some(text) => line(text, context),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_visible, line};

    #[test]
    fn a_line_shows_something_and_acts_on_nothing() {
        for bad in ["", " ", " a", "a ", "a\nb", "a\u{0}", "\u{202e}gnp.exe", "\u{200b}"] {
            assert!(line(bad, &()).is_err(), "{bad:?}");
        }
        assert!(line("Lunch, 12 €", &()).is_ok());
    }

    #[test]
    fn what_shows_nothing_is_not_visible() {
        for text in [
            "",
            " ",
            "\u{200b}",
            "\u{200b}\u{2060} \u{ad}",
            "\u{3164}",
            "\u{2800}",
            "\u{feff}\n",
            "\u{e0041}",
        ] {
            assert!(!is_visible(text), "{text:?}");
        }
        for text in ["a", "\u{200b}a", "👩‍👩‍👧", "محمد", "李", "."] {
            assert!(is_visible(text), "{text:?}");
        }
    }
}
