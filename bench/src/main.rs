//! `souk-bench`: loads an HTTP/1.1 server over kept-alive connections from one thread, and counts.
//!
//! It shares the machine's two cores with the server that it measures, so it does as little as it can: requests are
//! bytes made beforehand, and of an answer only the status line and the length are looked at, unless a later request of
//! the same journey needs it. `cargo xtask bench` decides what is asked; the plan comes on standard input and the figures
//! leave on standard output, both JSON.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use serde::Serialize;

mod connection;
mod histogram;
mod plan;

use connection::Connection;
use histogram::Histogram;
use plan::{Journey, Request, Values};

/// How long to wait before asking again for what is not there yet; twice as long each time, as a polite client does.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest such pause.
const MAX_PAUSE: Duration = Duration::from_millis(640);
/// How often to ask for it.
const MAX_ASKED: u32 = 50;

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

/// What was measured, of journeys: most are one request.
#[derive(Serialize)]
struct Figures {
    requests: u64,
    /// With those of the warm-up.
    all: u64,
    /// Journeys that met a status other than 2xx, or no answer.
    errors: u64,
    /// How often each status came last; 0 stands for no answer, or one that cannot be gone on with.
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
    all: u64,
    latencies: Histogram,
    statuses: BTreeMap<u16, u64>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let mut plan = String::new();
    std::io::stdin().read_to_string(&mut plan)?;
    let journeys: Rc<[Journey]> = plan::read(&plan, &cli.address)?.into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = tokio::task::LocalSet::new().block_on(&runtime, measure(&cli, journeys))?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

async fn measure(cli: &Cli, journeys: Rc<[Journey]>) -> Result<Figures> {
    let begin = Instant::now() + Duration::from_secs_f64(cli.warm_up);
    let end = begin + Duration::from_secs_f64(cli.seconds);
    let tasks: Vec<_> = (0..cli.connections)
        .map(|number| {
            // Connections start at different places of the plan, so that they do not ask for the same in step.
            let first = number * journeys.len() / cli.connections;
            tokio::task::spawn_local(load(cli.address.clone(), Rc::clone(&journeys), first, begin, end))
        })
        .collect();
    let mut total = Counts::default();
    for task in tasks {
        let counts = task.await?;
        total.all += counts.all;
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
    journeys: Rc<[Journey]>,
    first: usize,
    begin: Instant,
    end: Instant,
) -> Counts {
    let mut counts = Counts::default();
    let mut connection = Connection::new(address);
    let mut values = Values::default();
    for number in first.. {
        let asked = Instant::now();
        if asked >= end {
            break;
        }
        let status = take(&mut connection, &journeys[number % journeys.len()], &mut values).await;
        let status = status.unwrap_or(0);
        counts.all += 1;
        if asked >= begin {
            counts.latencies.record(asked.elapsed());
            *counts.statuses.entry(status).or_default() += 1;
        }
    }
    counts
}

thread_local! {
    /// Counts journeys, so that each can be told from the others.
    static JOURNEYS: Cell<u64> = const { Cell::new(0) };
}

/// Takes a journey as far as its requests succeed; the last status.
async fn take(connection: &mut Connection, journey: &Journey, values: &mut Values) -> Result<u16> {
    if let [request] = journey.as_slice()
        && request.is_fixed()
        && !request.needs_answer()
    {
        return connection.ask(&request.bytes(&Values::default())).await;
    }
    values.begin(JOURNEYS.replace(JOURNEYS.get() + 1));
    let mut status = 0;
    for request in journey {
        status = step(connection, request, values).await?;
        if !(200..300).contains(&status) {
            break;
        }
    }
    Ok(status)
}

/// Asks once, or until the answer has what it must have.
async fn step(connection: &mut Connection, request: &Request, values: &mut Values) -> Result<u16> {
    if !request.needs_answer() {
        return connection.ask(&request.bytes(values)).await;
    }
    let mut pause = PAUSE;
    for _ in 0..MAX_ASKED {
        let (status, body) = connection.read(&request.bytes(values)).await?;
        if !(200..300).contains(&status) {
            return Ok(status);
        }
        let answer: serde_json::Value = serde_json::from_slice(&body)?;
        let awaited = request.until.as_deref().map(|pointer| answer.pointer(pointer));
        if awaited.is_none_or(|found| found.is_some_and(|value| !value.is_null())) {
            values.take(&request.keep, &answer)?;
            return Ok(status);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
    anyhow::bail!("it never came")
}

fn figures(counts: Counts, seconds: f64) -> Figures {
    let requests = counts.latencies.count();
    let good: u64 =
        counts.statuses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, n)| n).sum();
    Figures {
        requests,
        all: counts.all,
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
