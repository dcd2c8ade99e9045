//! Prometheus metrics: rate, errors and duration per route.
//!
//! Instances come and go, so counters live in the service's database. An instance adds what it has counted a moment after
//! it began to; what it has not added when it dies is lost, which a rate can bear.

use crate::caller::Caller;
use crate::context::Ctx;
use crate::db::DbError;
use crate::log::{Level, log};
use crate::params;
use crate::problem::Result;
use crate::service::must_be_operator;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, header};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the buckets of the duration, in seconds.
const BUCKETS: [(f64, &str); 8] = [
    (0.001, "0.001"),
    (0.0025, "0.0025"),
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.05, "0.05"),
    (0.25, "0.25"),
    (1.0, "1"),
    (5.0, "5"),
];

/// How long an instance counts before it adds its counts to the database. It outlives its last request by that much.
const FLUSH_PAUSE: Duration = Duration::from_millis(200);

static COUNTED: Mutex<BTreeMap<String, f64>> = Mutex::new(BTreeMap::new());
static FLUSHING: AtomicBool = AtomicBool::new(false);

/// Counts one request.
pub(crate) fn observe(method: &Method, route: &str, status: u16, elapsed: Duration) {
    let Ok(mut counted) = COUNTED.lock() else { return };
    let seconds = elapsed.as_secs_f64();
    let labels =
        format!("method=\"{}\",route=\"{}\"", method.as_str(), route.replace(['"', '\\', '\n'], "_"));
    let bucket = BUCKETS.iter().find(|(bound, _)| seconds <= *bound).map_or("+Inf", |(_, text)| *text);
    *counted.entry(format!("http_requests_total{{{labels},status=\"{status}\"}}")).or_default() += 1.0;
    *counted
        .entry(format!("http_request_duration_seconds_bucket{{{labels},le=\"{bucket}\"}}"))
        .or_default() += 1.0;
    *counted.entry(format!("http_request_duration_seconds_sum{{{labels}}}")).or_default() += seconds;
}

/// Whether somebody should flush: nobody is about to.
pub(crate) fn flush_is_due() -> bool {
    !FLUSHING.swap(true, Relaxed)
}

/// Adds what this instance has counted to the database.
pub(crate) async fn flush(ctx: Ctx) {
    spin_sdk::time::sleep(FLUSH_PAUSE).await;
    FLUSHING.store(false, Relaxed);
    let counted = COUNTED.lock().map(|mut counted| std::mem::take(&mut *counted)).unwrap_or_default();
    if counted.is_empty() {
        return;
    }
    if let Err(error) = add(&ctx, &counted).await {
        log(
            Level::Warn,
            "metrics were lost",
            json!({"service": ctx.service().name, "cause": format!("{error:?}")}),
        );
    }
}

async fn add(ctx: &Ctx, counted: &BTreeMap<String, f64>) -> Result<(), DbError> {
    ctx.db()?
        .relaxed()
        .await?
        .exec(
            "INSERT INTO metric (series, value) SELECT key, value FROM json_each(?1) WHERE true
             ON CONFLICT (series) DO UPDATE SET value = value + excluded.value",
            params![json!(counted).to_string()],
        )
        .await
}

/// `GET /metrics`, in Prometheus' text format.
pub(crate) async fn show(ctx: Ctx, caller: Option<Caller>, headers: HeaderMap) -> Result<Response> {
    must_be_operator(&headers, caller.as_ref())?;
    let mut series = BTreeMap::new();
    if ctx.service().database.is_some() {
        let conn = ctx.conn().await?;
        let stored = conn
            .all("SELECT series, value FROM metric", vec![], |row| {
                Ok((row.get::<String>("series")?, row.get("value")?))
            })
            .await?;
        series.extend(stored);
        let outbox =
            "SELECT count(*) AS depth, coalesce((?1 - min(created_at)) / 1000.0, 0.0) AS age FROM outbox";
        let now = params![crate::Timestamp::now()];
        if let Some((depth, age)) =
            conn.one(outbox, now, |row| Ok((row.get::<i64>("depth")?, row.get::<f64>("age")?))).await?
        {
            series.insert("souk_outbox_events".into(), depth as f64);
            series.insert("souk_outbox_oldest_seconds".into(), age);
        }
    }
    let text = render(ctx.service().name, &series);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// The series as text, each with the service as a label and the buckets summed up, as Prometheus wants them.
fn render(service: &str, series: &BTreeMap<String, f64>) -> String {
    let mut lines: Vec<(String, f64)> = Vec::new();
    let mut histograms: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for (name, value) in series {
        match name
            .strip_prefix("http_request_duration_seconds_bucket{")
            .and_then(|rest| rest.split_once(",le=\""))
        {
            Some((labels, bound)) => {
                histograms.entry(labels).or_default().insert(bound.trim_end_matches("\"}"), *value);
            }
            None => lines.push((with_service(name, service), *value)),
        }
    }
    for (labels, buckets) in histograms {
        let mut sum = 0.0;
        for bound in BUCKETS.iter().map(|(_, text)| *text).chain(["+Inf"]) {
            sum += buckets.get(bound).copied().unwrap_or_default();
            let name = format!("http_request_duration_seconds_bucket{{{labels},le=\"{bound}\"}}");
            lines.push((with_service(&name, service), sum));
        }
        lines.push((with_service(&format!("http_request_duration_seconds_count{{{labels}}}"), service), sum));
    }
    let mut text =
        String::from("# TYPE http_requests_total counter\n# TYPE http_request_duration_seconds histogram\n");
    for (name, value) in lines {
        text += &format!("{name} {value}\n");
    }
    text
}

fn with_service(series: &str, service: &str) -> String {
    match series.split_once('{') {
        Some((name, labels)) => format!("{name}{{service=\"{service}\",{labels}"),
        None => format!("{series}{{service=\"{service}\"}}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative() {
        let bucket =
            |bound: &str| format!("http_request_duration_seconds_bucket{{route=\"/a\",le=\"{bound}\"}}");
        let series = BTreeMap::from([(bucket("0.001"), 2.0), (bucket("0.01"), 3.0), (bucket("+Inf"), 1.0)]);
        let text = render("users", &series);
        let line = |bound: &str, count: u32| {
            format!(
                "http_request_duration_seconds_bucket{{service=\"users\",route=\"/a\",le=\"{bound}\"}} {count}\n"
            )
        };
        assert!(
            text.contains(&line("0.005", 2))
                && text.contains(&line("0.05", 5))
                && text.contains(&line("+Inf", 6))
        );
        assert!(text.contains("http_request_duration_seconds_count{service=\"users\",route=\"/a\"} 6\n"));
    }
}
