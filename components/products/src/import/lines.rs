//! JSON lines: one product a line, read as the bytes come in.

use crate::import::{Item, LineError, MAX_LINE};
use crate::model::ProductInput;
use souk_kit::FieldError;
use souk_kit::valid::parse;

/// Splits a stream of bytes into lines. It never holds more than one line.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    line: u64,
    /// The line is too long: the rest of it is let go by.
    too_long: bool,
}

impl Lines {
    /// Takes bytes in and gives the lines that they complete.
    pub fn push(&mut self, mut bytes: &[u8], into: &mut Vec<Item>) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end]);
            into.extend(self.take());
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes);
    }

    /// Gives the last line, if it has no line break.
    pub fn finish(&mut self, into: &mut Vec<Item>) {
        into.extend(self.take());
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.too_long |= self.buffer.len() + bytes.len() > MAX_LINE;
        match self.too_long {
            true => self.buffer.clear(),
            false => self.buffer.extend_from_slice(bytes),
        }
    }

    fn take(&mut self) -> Option<Item> {
        self.line += 1;
        let line = self.line;
        let too_long = std::mem::take(&mut self.too_long);
        let mut text = self.buffer.trim_ascii();
        if line == 1 {
            // Windows programs begin a text file so.
            text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        }
        let product = match (too_long, text) {
            (true, _) => Err(vec![LineError::whole(line, format!("is longer than {MAX_LINE} bytes"))]),
            (false, []) => return None,
            (false, text) => read(line, text),
        };
        self.buffer.clear();
        Some(Item { line, product })
    }
}

fn read(line: u64, text: &[u8]) -> Result<ProductInput, Vec<LineError>> {
    parse::<ProductInput>(text).map_err(|problem| {
        let told = |error: &FieldError| LineError {
            line,
            pointer: error.pointer.clone(),
            detail: error.detail.clone(),
        };
        match problem.errors() {
            [] => vec![LineError::whole(line, problem.detail())],
            errors => errors.iter().map(told).collect(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(slug: &str) -> String {
        format!(r#"{{"slug":"{slug}","title":{{"en":"A lamp"}}}}"#)
    }

    fn read_in_pieces(text: &[u8], size: usize) -> Vec<Item> {
        let (mut lines, mut items) = (Lines::default(), Vec::new());
        text.chunks(size.max(1)).for_each(|piece| lines.push(piece, &mut items));
        lines.finish(&mut items);
        items
    }

    #[test]
    fn a_bad_line_does_not_stop_the_rest() {
        let text = format!("\u{feff}{}\r\n\n{{\"slug\":7}}\nnonsense\n{}", line("a"), line("b"));
        let items = read_in_pieces(text.as_bytes(), 7);
        let fit: Vec<(u64, bool)> = items.iter().map(|item| (item.line, item.product.is_ok())).collect();
        assert_eq!(fit, [(1, true), (3, false), (4, false), (5, true)]);
    }

    #[test]
    fn a_line_without_an_end_is_let_go_by() {
        let text = format!("{}\n{}\n", "x".repeat(3 * MAX_LINE), line("a"));
        let items = read_in_pieces(text.as_bytes(), 5000);
        assert!(items.len() == 2 && items[0].product.is_err() && items[1].product.is_ok());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_come_in(size in 1_usize..80, text in "([a-z{}\":]{0,9}\n){0,5}") {
            let text = format!("{text}{}\n", line("z"));
            prop_assert_eq!(read_in_pieces(text.as_bytes(), size), read_in_pieces(text.as_bytes(), 1 << 20));
        }
    }
}
