//! What the shop has chosen: the numbers among the component's variables.

use souk_kit::{Problem, Result, settings};
use std::time::Duration;

/// A variable that is a whole number.
pub async fn number(name: &str) -> Result<u32> {
    let text = settings::variable(name).await?;
    text.trim().parse().map_err(|_| Problem::internal(format!("variable {name} must be a whole number")))
}

/// A variable that is a number of seconds.
pub async fn seconds(name: &str) -> Result<Duration> {
    Ok(Duration::from_secs(number(name).await?.into()))
}

/// A variable that is a number of days.
pub async fn days(name: &str) -> Result<Duration> {
    Ok(Duration::from_secs(u64::from(number(name).await?) * 24 * 3600))
}

/// By how many ten-thousandths a source may be off.
pub async fn max_deviation_bp() -> Result<u32> {
    number("max_deviation_bp").await
}

/// For how long what a source says is fresh, and for how long it counts at all.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub stale_after: Duration,
    pub refuse_after: Duration,
}

impl Limits {
    /// Those of sources that tell all the time, or once a working day.
    pub async fn of(is_daily: bool) -> Result<Self> {
        let [stale, refuse] = match is_daily {
            true => ["daily_stale_after_s", "daily_refuse_after_s"],
            false => ["stale_after_s", "refuse_after_s"],
        };
        let stale_after = seconds(stale).await?;
        Ok(Self { stale_after, refuse_after: seconds(refuse).await?.max(stale_after) })
    }
}
