//! What the variables of the component say.

use souk_kit::Result;
use souk_kit::settings::{number, seconds, variable};
use std::sync::OnceLock;
use std::time::Duration;

/// The settings of the ledger.
#[derive(Debug)]
pub struct Config {
    /// `ledger_country`: what our account numbers begin with.
    pub country: String,
    /// `ledger_bank`: what follows their check digits.
    pub bank: String,
    /// `ledger_daily_out`: what may leave an account a day, in minor units, if it has no limit of its own.
    pub daily_out: Option<i64>,
    /// `clearing_delay_s`: how long a transfer to outside is on its way.
    pub clearing_delay: Duration,
    /// `root_interval_s`: how old an entry without a root may become.
    pub root_interval: Duration,
    /// `root_entries`: how many entries one root covers at most.
    pub root_entries: i64,
}

static CONFIG: OnceLock<Config> = OnceLock::new();

/// The settings, read once per instance.
pub async fn load() -> Result<&'static Config> {
    if let Some(config) = CONFIG.get() {
        return Ok(config);
    }
    let daily_out: i64 = number("ledger_daily_out").await?;
    let config = Config {
        country: variable("ledger_country").await?,
        bank: variable("ledger_bank").await?,
        daily_out: (daily_out > 0).then_some(daily_out),
        clearing_delay: seconds("clearing_delay_s").await?,
        root_interval: seconds("root_interval_s").await?,
        root_entries: number::<i64>("root_entries").await?.clamp(1, MAX_ROOT_ENTRIES),
    };
    Ok(CONFIG.get_or_init(|| config))
}

/// A proof reads as many hashes as a root covers.
const MAX_ROOT_ENTRIES: i64 = 65_536;
