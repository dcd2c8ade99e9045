//! What the shop has chosen: the numbers among the component's variables.

use souk_kit::Result;
use souk_kit::settings::{number, seconds};
use std::time::Duration;

/// A variable that is a number of days.
pub async fn days(name: &str) -> Result<Duration> {
    Ok(Duration::from_secs(u64::from(number::<u32>(name).await?) * 24 * 3600))
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
