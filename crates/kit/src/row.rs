//! The rows of an answer, read by the names of their columns.

use crate::db::DbError;
use spin_sdk::sqlite::Value;

/// One row of an answer. Columns are read by name; what does not fit is a [`DbError::Column`].
pub struct Row<'a> {
    pub(crate) columns: &'a [String],
    pub(crate) values: &'a [Value],
}

impl<'a> Row<'a> {
    /// The value of `column`.
    pub fn get<T: FromValue<'a>>(&self, column: &str) -> Result<T, DbError> {
        let index = self
            .columns
            .iter()
            .position(|name| name == column)
            .ok_or_else(|| DbError::Column(format!("no column {column}")))?;
        T::from_value(&self.values[index])
            .ok_or_else(|| DbError::Column(format!("column {column} has another type")))
    }

    /// The value of `column`, parsed from its text.
    pub fn parse<T: std::str::FromStr>(&self, column: &str) -> Result<T, DbError> {
        self.get::<&str>(column)?
            .parse()
            .map_err(|_| DbError::Column(format!("column {column} cannot be parsed")))
    }

    /// The value of `column`, parsed from its text; `None` where it is NULL.
    pub fn optional<T: std::str::FromStr>(&self, column: &str) -> Result<Option<T>, DbError> {
        match self.get::<Option<&str>>(column)? {
            Some(_) => self.parse(column).map(Some),
            None => Ok(None),
        }
    }

    /// The value of `column`, read as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T, DbError> {
        serde_json::from_str(self.get(column)?)
            .map_err(|error| DbError::Column(format!("column {column}: {error}")))
    }
}

/// What a column's value can become.
pub trait FromValue<'a>: Sized {
    /// The value, if it is of this type.
    fn from_value(value: &'a Value) -> Option<Self>;
}

impl<'a> FromValue<'a> for i64 {
    fn from_value(value: &'a Value) -> Option<Self> {
        value.try_into().ok()
    }
}

impl<'a> FromValue<'a> for u32 {
    fn from_value(value: &'a Value) -> Option<Self> {
        value.try_into().ok()
    }
}

impl<'a> FromValue<'a> for f64 {
    fn from_value(value: &'a Value) -> Option<Self> {
        value.try_into().ok()
    }
}

impl<'a> FromValue<'a> for bool {
    fn from_value(value: &'a Value) -> Option<Self> {
        value.try_into().ok()
    }
}

impl<'a> FromValue<'a> for &'a str {
    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for String {
    fn from_value(value: &'a Value) -> Option<Self> {
        <&str>::from_value(value).map(str::to_owned)
    }
}

impl<'a> FromValue<'a> for &'a [u8] {
    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes),
            _ => None,
        }
    }
}

impl<'a> FromValue<'a> for Vec<u8> {
    fn from_value(value: &'a Value) -> Option<Self> {
        <&[u8]>::from_value(value).map(<[u8]>::to_vec)
    }
}

impl<'a> FromValue<'a> for crate::Timestamp {
    fn from_value(value: &'a Value) -> Option<Self> {
        i64::from_value(value).map(Self::from_millis)
    }
}

impl<'a, T: FromValue<'a>> FromValue<'a> for Option<T> {
    fn from_value(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}
