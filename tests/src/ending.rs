//! What must hold when a test is over, whatever happened in it.

use crate::project::components_of;
use crate::suite::{Own, Runner};
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long deliveries may take.
const DELIVERY: Duration = Duration::from_secs(10);
/// After this, pauses and leases that a fault or a kill left behind are taken for over.
const PAUSES_END: Duration = Duration::from_millis(500);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

type Check = Result<(), String>;

/// Ends the suite and says what it leaves broken.
pub(crate) fn check(mut own: Own, url: &str, expects_faults: bool) -> Check {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        if let Some(Runner::Here(host)) = &own.runner {
            host.faults().clear();
        }
        if own.runner.is_some() {
            every_event_is_delivered(&own, url).await?;
        }
        match own.runner.take() {
            Some(Runner::Here(host)) => host.kill().await,
            Some(Runner::Process(process)) => process.stop(),
            None => {}
        }
        for file in databases(own.state.path()) {
            is_sound(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        logs_are_clean(&own.state.path().join("logs"), expects_faults, &components_of(&own.manifest))
    })
}

/// Calls every maintenance route once.
pub(crate) async fn tick(own: &Own, url: &str) -> Check {
    match &own.runner {
        Some(Runner::Here(host)) => {
            let ticks = host.tick().await;
            match ticks.iter().find(|tick| !(200..300).contains(&tick.status)) {
                Some(failed) => Err(format!("maintenance failed: {failed:?}")),
                None => Ok(()),
            }
        }
        Some(Runner::Process(_)) => {
            let request = reqwest::Client::new().post(format!("{url}/internal/maintenance"));
            let answer = request.bearer_auth(&own.keys.maintenance).send().await;
            let answer = answer.map_err(|error| format!("maintenance: {error}"))?;
            if answer.status().is_success() {
                Ok(())
            } else {
                Err(format!("maintenance: {}", answer.status()))
            }
        }
        None => Err("the suite is not running".into()),
    }
}

/// Ticks until the outboxes are empty.
pub(crate) async fn every_event_is_delivered(own: &Own, url: &str) -> Check {
    let started = Instant::now();
    let running = components_of(&own.manifest);
    loop {
        tick(own, url).await?;
        let waiting: Vec<String> =
            databases(own.state.path()).iter().flat_map(|file| undelivered(file, &running)).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        if started.elapsed() > DELIVERY {
            return Err(format!("these events were not delivered: {}", waiting.join("; ")));
        }
        if started.elapsed() > PAUSES_END {
            databases(own.state.path()).iter().for_each(|file| end_pauses(file));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The events that wait for somebody who runs. Those for a service that is not there wait until it is.
fn undelivered(file: &Path, running: &[String]) -> Vec<String> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut statement = connection.prepare("SELECT event, subscriber, last_error FROM outbox")?;
        let row = |row: &rusqlite::Row<'_>| {
            let (event, to): (String, String) = (row.get(0)?, row.get(1)?);
            let said = format!("{event} to {to} ({:?})", row.get::<_, Option<String>>(2)?);
            Ok(running.contains(&to).then_some(said))
        };
        statement.query_map([], row)?.filter_map(Result::transpose).collect()
    };
    // A service that nobody has asked anything has no tables yet.
    read().unwrap_or_default()
}

fn end_pauses(file: &Path) {
    if let Ok(connection) = Connection::open(file) {
        _ = connection.execute("UPDATE outbox SET next_attempt_at = 0", []);
    }
}

fn databases(state: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(state).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|file| file.extension().is_some_and(|end| end == "db")).collect()
}

fn is_sound(file: &Path) -> Result<(), String> {
    let pragma = |name: &str| -> rusqlite::Result<Vec<String>> {
        let connection = Connection::open(file)?;
        let mut statement = connection.prepare(&format!("PRAGMA {name}"))?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let integrity = pragma("integrity_check").map_err(|error| error.to_string())?;
    if integrity != ["ok"] {
        return Err(format!("integrity: {integrity:?}"));
    }
    let foreign = pragma("foreign_key_check").map_err(|error| error.to_string())?;
    if foreign.is_empty() { Ok(()) } else { Err(format!("broken foreign keys in {foreign:?}")) }
}

/// Whether the host says that an event could not be handed to a service which is not there.
fn is_about_absent(line: &str, running: &[String]) -> bool {
    let called =
        line.split_once("may not call http://").and_then(|(_, url)| url.split_once(".spin.internal"));
    called.is_some_and(|(service, _)| !running.iter().any(|id| id == service))
}

/// Whether a component says that it was cut off: a host that is killed in this process takes the instances with it, one after
/// the other.
fn is_about_the_end(line: &str) -> bool {
    line.contains("the host is stopping")
}

fn logs_are_clean(folder: &Path, expects_faults: bool, running: &[String]) -> Check {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        let cut_off = text.split('\n').next_back().unwrap_or_default(); // by the kill, if it is not empty
        let bad = |line: &&str| {
            let level = serde_json::from_str::<Value>(line).ok().map(|line| line["level"] == "error");
            let level = level.unwrap_or(*line != cut_off);
            let is_expected = expects_faults || is_about_the_end(line) || is_about_absent(line, running);
            line.contains("panicked") || (level && !is_expected)
        };
        if let Some(line) = text.lines().find(bad) {
            return Err(format!("{} says: {line}", entry.file_name().display()));
        }
    }
    Ok(())
}
