//! `.env` files: `NAME=value` lines.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

/// Reads `file`; a missing one is empty.
pub(crate) fn read(file: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text).with_context(|| format!("{} cannot be read", file.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(e) => Err(e).with_context(|| format!("cannot read {}", file.display())),
    }
}

/// The first of two lines with one name counts, as in Spin. A wrong line is named by its number: it may hold a secret.
fn parse(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').with_context(|| format!("line {} has no `=`", index + 1))?;
        values.entry(name.trim().to_owned()).or_insert_with(|| unquoted(value.trim()));
    }
    Ok(values)
}

fn unquoted(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return if quote == '"' { unescaped(inner) } else { inner.to_owned() };
        }
    }
    // An unquoted value ends where a comment begins.
    value.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => text.push('\\'),
            },
            (c, false) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_comments_and_repeats() {
        let text = "# keys\nA=1\nexport B = two words # why\nC=\"x\\ny\"\nD='a # b'\nA=2\n\nE=\n";
        let values = parse(text).expect("good lines");
        let value = |name: &str| values[name].as_str();
        assert_eq!(value("A"), "1");
        assert_eq!(value("B"), "two words");
        assert_eq!(value("C"), "x\ny");
        assert_eq!(value("D"), "a # b");
        assert_eq!(value("E"), "");
    }

    #[test]
    fn a_wrong_line_is_named_by_number_only() {
        let fault = parse("A=1\nsecret").expect_err("no equals sign").to_string();
        assert_eq!(fault, "line 2 has no `=`");
    }
}
