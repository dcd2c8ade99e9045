//! What people may write: one line that shows something.

use souk_kit::text::{is_control, is_visible};

/// Refuses a text of which nothing shows, and one that acts.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is garde's")]
pub fn line(text: &str, (): &()) -> garde::Result {
    if text.chars().any(is_control) {
        return Err(garde::Error::new("has characters that do not show"));
    }
    if !is_visible(text) {
        return Err(garde::Error::new("must say something"));
    }
    Ok(())
}

/// The same for a text that may be missing, or empty.
pub fn optional_line(text: &Option<String>, context: &()) -> garde::Result {
    match text.as_deref() {
        None | Some("") => Ok(()),
        Some(text) => line(text, context),
    }
}
