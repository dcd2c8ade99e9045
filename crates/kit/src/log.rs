//! Structured logs: one JSON object per line on standard error.

use crate::settings;
use crate::time::Timestamp;
use serde_json::{Map, Value, json};
use std::io::Write as _;

/// How much a line matters. The variable `log_level` says which are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every request.
    Debug,
    /// What an operator wants to see on a normal day.
    Info,
    /// Something is not as it should be, and we could go on.
    Warn,
    /// A request failed for a reason of ours.
    Error,
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            _ => Err(format!("log_level is `{text}`; it must be debug, info, warn or error")),
        }
    }
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }

    /// Whether lines of this level are written.
    pub(crate) fn is_enabled(self) -> bool {
        settings::loaded().is_ok_and(|settings| self >= settings.log_level)
    }
}

/// Writes one line. `fields` carry the identifiers, under dotted names.
pub fn log(level: Level, message: &str, fields: Value) {
    if settings::loaded().is_ok() && !level.is_enabled() {
        return;
    }
    let mut line = Map::new();
    line.insert("time".into(), json!(Timestamp::now()));
    line.insert("level".into(), json!(level.name()));
    line.insert("message".into(), json!(message));
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    // In one piece: other instances write to the same place.
    let text = format!("{}\n", Value::Object(line));
    let _ = std::io::stderr().write_all(text.as_bytes());
}
