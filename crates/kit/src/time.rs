//! Points in time, UTC, to the millisecond.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime};

/// Milliseconds since the Unix epoch; RFC 3339 in JSON, an integer in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The current time.
    pub fn now() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as JWTs count (RFC 7519).
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Its year, month (from 1) and day, UTC.
    pub fn date(self) -> (i32, u8, u8) {
        let at = OffsetDateTime::from_unix_timestamp(self.as_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        (at.year(), at.month().into(), at.day())
    }

    /// When a year begins, UTC.
    pub fn start_of(year: i32) -> Self {
        let first = Date::from_ordinal_date(year, 1).unwrap_or(Date::MAX);
        Self(first.midnight().assume_utc().unix_timestamp().saturating_mul(1000))
    }

    /// This time, `duration` later.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This time, `duration` earlier.
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long from now until this time; zero when it has passed.
    pub fn remaining(self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(Self::now().0)).unwrap_or(0))
    }

    /// Whether this time has come.
    pub fn has_passed(self) -> bool {
        self <= Self::now()
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = i128::from(self.0) * 1_000_000;
        let text = OffsetDateTime::from_unix_timestamp_nanos(nanos)
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .ok_or(std::fmt::Error)?;
        f.write_str(&text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let at = OffsetDateTime::parse(&text, &Rfc3339)
            .map_err(|_| serde::de::Error::custom("is not a time in RFC 3339 form"))?;
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("is out of range"))
    }
}

impl From<Timestamp> for spin_sdk::sqlite::Value {
    fn from(at: Timestamp) -> Self {
        Self::Integer(at.0)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .examples(["2026-11-21T09:30:00.123Z"])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {
    fn name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_rfc_3339_in_utc() {
        let at = Timestamp::from_millis(1_795_253_400_123);
        assert_eq!(serde_json::to_string(&at).unwrap(), "\"2026-11-21T09:30:00.123Z\"");
        assert_eq!(serde_json::from_str::<Timestamp>("\"2026-11-21T10:30:00.123+01:00\"").unwrap(), at);
    }

    #[test]
    fn a_year_begins_at_its_first_midnight() {
        let start = Timestamp::start_of(2037);
        assert_eq!(start.to_string(), "2037-01-01T00:00:00Z");
        assert_eq!(start.date(), (2037, 1, 1));
        assert_eq!(Timestamp::from_millis(start.as_millis() - 1).date(), (2036, 12, 31));
    }
}
