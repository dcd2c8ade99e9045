//! `souk-bench`: loads an HTTP/1.1 server over kept-alive connections from one thread, and counts.
//!
//! It shares the machine's two cores with the server that it measures, so it does as little as it can: requests are
//! bytes made beforehand, and of an answer only the status line and the length are looked at. `cargo xtask bench`
//! decides what is asked; the plan comes on standard input and the figures leave on standard output, both JSON.

use std::collections::BTreeMap;
use std::io::Read;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use serde::{Deserialize, Serialize};

mod connection;
mod histogram;

use connection::Connection;
use histogram::Histogram;

/// Load an HTTP server: reads a plan in JSON from standard input, writes figures in JSON to standard output.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Address of the server
    #[arg(long, default_value = "127.0.0.1:8005")]
    address: String,
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Seconds before counting begins
    #[arg(long, default_value_t = 2.0)]
    warm_up: f64,
    /// Seconds that are counted
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
}

/// One request of the plan; the plan is an array of them, asked in turn.
#[derive(Deserialize)]
struct Planned {
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

/// What was measured.
#[derive(Serialize)]
struct Figures {
    requests: u64,
    /// Answers with a status other than 2xx, and requests without an answer.
    errors: u64,
    /// How often each status came; 0 stands for no answer.
    statuses: BTreeMap<u16, u64>,
    seconds: f64,
    requests_per_second: f64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    max_us: u64,
}

/// What one connection has counted.
#[derive(Default)]
struct Counts {
    latencies: Histogram,
    statuses: BTreeMap<u16, u64>,
}

fn get() -> String {
    "GET".to_owned()
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut plan = String::new();
    std::io::stdin().read_to_string(&mut plan)?;
    let plan: Vec<Planned> = serde_json::from_str(&plan).context("the plan on standard input")?;
    anyhow::ensure!(!plan.is_empty(), "the plan has no request");
    let requests: Rc<[Vec<u8>]> = plan.iter().map(|request| bytes(request, &cli.address)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = tokio::task::LocalSet::new().block_on(&runtime, measure(&cli, requests))?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

fn bytes(request: &Planned, address: &str) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !request.body.is_empty() {
        text.push_str(&format!("content-length: {}\r\n", request.body.len()));
    }
    text.push_str("\r\n");
    text.push_str(&request.body);
    text.into_bytes()
}

async fn measure(cli: &Cli, requests: Rc<[Vec<u8>]>) -> Result<Figures> {
    let begin = Instant::now() + Duration::from_secs_f64(cli.warm_up);
    let end = begin + Duration::from_secs_f64(cli.seconds);
    let tasks: Vec<_> = (0..cli.connections)
        .map(|number| {
            // Connections start at different places of the plan, so that they do not ask for the same in step.
            let first = number * requests.len() / cli.connections;
            tokio::task::spawn_local(load(cli.address.clone(), Rc::clone(&requests), first, begin, end))
        })
        .collect();
    let mut total = Counts::default();
    for task in tasks {
        let counts = task.await?;
        total.latencies.add(&counts.latencies);
        for (status, count) in counts.statuses {
            *total.statuses.entry(status).or_default() += count;
        }
    }
    Ok(figures(total, begin.elapsed().as_secs_f64()))
}

/// Keeps one connection busy until `end`, and counts what is answered after `begin`.
async fn load(
    address: String,
    requests: Rc<[Vec<u8>]>,
    first: usize,
    begin: Instant,
    end: Instant,
) -> Counts {
    let mut counts = Counts::default();
    let mut connection = Connection::new(address);
    for number in first.. {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        let status = connection.ask(&requests[number % requests.len()]).await.unwrap_or(0);
        if asked >= begin {
            counts.latencies.record(asked.elapsed());
            *counts.statuses.entry(status).or_default() += 1;
        }
    }
    counts
}

fn figures(counts: Counts, seconds: f64) -> Figures {
    let requests = counts.latencies.count();
    let good: u64 =
        counts.statuses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, n)| n).sum();
    Figures {
        requests,
        errors: requests - good,
        statuses: counts.statuses,
        seconds,
        requests_per_second: good as f64 / seconds,
        p50_us: counts.latencies.quantile(0.5),
        p90_us: counts.latencies.quantile(0.9),
        p99_us: counts.latencies.quantile(0.99),
        max_us: counts.latencies.max(),
    }
}
