//! The settings that every service has, read once per instance from its variables in `spin.toml`.

use crate::log::Level;
use crate::problem::Problem;
use crate::secret::Secret;
use spin_sdk::variables;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// What the kit needs to know.
#[derive(Debug)]
pub struct Settings {
    /// `identity_key`: signs and checks the assertions between services.
    pub identity_key: Secret,
    /// `maintenance_key`: the bearer token of the maintenance route and of `/metrics`.
    pub maintenance_key: Secret,
    /// `service_url`: where a service lives; `{service}` stands for its name.
    pub service_url: String,
    /// `log_level`: what is worth a line.
    pub log_level: Level,
}

/// Shorter keys than this could be guessed.
const MIN_KEY_LENGTH: usize = 32;

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The settings, which [`crate::serve`] has read before any handler runs.
pub(crate) fn loaded() -> Result<&'static Settings, Problem> {
    SETTINGS.get().ok_or_else(|| Problem::internal("settings are not loaded"))
}

/// Reads the settings, unless this instance has.
pub(crate) async fn load() -> Result<&'static Settings, Problem> {
    if let Some(settings) = SETTINGS.get() {
        return Ok(settings);
    }
    let settings = Settings {
        identity_key: key("identity_key").await?,
        maintenance_key: key("maintenance_key").await?,
        service_url: variable("service_url").await?,
        log_level: variable("log_level").await?.parse().map_err(Problem::internal)?,
    };
    Ok(SETTINGS.get_or_init(|| settings))
}

static KNOWN: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// A variable of the component, as `spin.toml` gives it: asked for once per instance.
pub async fn variable(name: &str) -> Result<String, Problem> {
    if let Some(value) = KNOWN.lock().ok().and_then(|known| known.get(name).cloned()) {
        return Ok(value);
    }
    let value =
        variables::get(name).await.map_err(|error| Problem::internal(format!("variable {name}: {error}")))?;
    if let Ok(mut known) = KNOWN.lock() {
        known.insert(name.to_owned(), value.clone());
    }
    Ok(value)
}

/// A variable that is a whole number.
pub async fn number<T: std::str::FromStr>(name: &str) -> Result<T, Problem> {
    let text = variable(name).await?;
    text.trim().parse().map_err(|_| Problem::internal(format!("variable {name} is no such number: {text}")))
}

/// A variable that is a number of seconds.
pub async fn seconds(name: &str) -> Result<Duration, Problem> {
    Ok(Duration::from_secs(number::<u32>(name).await?.into()))
}

/// A variable that is a secret key.
pub async fn key(name: &str) -> Result<Secret, Problem> {
    let text = variable(name).await?;
    if text.len() < MIN_KEY_LENGTH {
        return Err(Problem::internal(format!("variable {name} needs at least {MIN_KEY_LENGTH} characters")));
    }
    Ok(Secret::new(text))
}
