//! The figures of a run, as a table for people and as JSON for programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Measure;

/// Targets for the second start and for memory after load.
const SECOND_START_TARGET_MS: u64 = 1_000;
const MEMORY_TARGET_MIB: f64 = 200.0;

/// What the load generator says about one route.
#[derive(Serialize, Deserialize, Clone)]
pub struct Figures {
    requests: u64,
    /// With those of the warm-up.
    pub all: u64,
    errors: u64,
    statuses: BTreeMap<u16, u64>,
    seconds: f64,
    requests_per_second: f64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    max_us: u64,
    /// What one cost the host's process, in microseconds of processor time; absent where that cannot be seen.
    #[serde(default)]
    pub cpu_us: Option<u64>,
}

/// One route, and how it stands to the floor and to its target.
#[derive(Serialize)]
struct Route {
    name: &'static str,
    #[serde(flatten)]
    figures: Figures,
    of_floor: Option<f64>,
    target: Option<Target>,
}

/// What the suite promises of a route on two cores.
#[derive(Serialize, Clone, Copy)]
struct Target {
    requests_per_second: f64,
    p99_us: u64,
}

/// Everything that was measured.
#[derive(Serialize, Default)]
pub struct Report {
    routes: Vec<Route>,
    /// Products in the shop that was measured; 0 when it was not filled by this run.
    pub products: usize,
    /// From starting the process to the first product list.
    pub second_start_ms: Option<u64>,
    /// Before any load.
    pub memory_idle_mib: Option<f64>,
    /// After all of it.
    pub memory_after_load_mib: Option<f64>,
}

/// What a person calls a measure.
pub fn title(measure: Measure) -> &'static str {
    match measure {
        Measure::Floor => "host floor",
        Measure::Product => "product by id",
        Measure::ProductToken => "product by id, token",
        Measure::Search => "search",
        Measure::Login => "login",
        Measure::ClientToken => "client's token",
        Measure::Refresh => "refresh",
        Measure::CartLine => "cart line added",
        Measure::Checkout => "complete checkout",
        Measure::CheckoutLong => "checkout, --orders",
        Measure::Convert => "conversion",
        Measure::Transfer => "transfer",
        Measure::TransferBatch => "batch of 1,000",
        Measure::Balance => "balance, 1,000 entries",
        Measure::BalanceLong => "balance, --entries",
        Measure::Start => "second start",
        Measure::Memory => "memory",
    }
}

fn target(measure: Measure) -> Option<Target> {
    let target = |requests_per_second, p99_ms: u64| Target { requests_per_second, p99_us: p99_ms * 1_000 };
    match measure {
        Measure::Product => Some(target(5_000.0, 15)),
        Measure::ProductToken => Some(target(4_500.0, 15)),
        Measure::Convert => Some(target(5_000.0, 15)),
        Measure::Search => Some(target(1_500.0, 30)),
        Measure::ClientToken => Some(target(500.0, 100)),
        Measure::Refresh => Some(target(300.0, 100)),
        Measure::CartLine => Some(target(1_500.0, 30)),
        Measure::Checkout | Measure::CheckoutLong => Some(target(200.0, 100)),
        Measure::Transfer => Some(target(800.0, 50)),
        Measure::TransferBatch => Some(target(10.0, 2_000)),
        Measure::Floor
        | Measure::Login
        | Measure::Balance
        | Measure::BalanceLong
        | Measure::Start
        | Measure::Memory => None,
    }
}

impl Report {
    /// Notes a route; the floor comes first.
    pub fn add(&mut self, measure: Measure, figures: Figures) {
        let name = title(measure);
        let floor = self.routes.iter().find(|route| route.name == title(Measure::Floor));
        let of_floor = floor.map(|floor| figures.requests_per_second / floor.figures.requests_per_second);
        self.routes.push(Route { name, figures, of_floor, target: target(measure) });
    }

    /// Requests that were refused or not answered.
    pub fn errors(&self) -> u64 {
        self.routes.iter().map(|route| route.figures.errors).sum()
    }

    /// A table with a line for each figure.
    pub fn table(&self) -> String {
        let heads = ["", "req/s", "of floor", "p50 ms", "p99 ms", "max ms", "CPU ms", "errors", "target"];
        let mut rows = vec![heads.map(str::to_owned).to_vec()];
        rows.extend(self.routes.iter().map(Route::row));
        let mut text = aligned(&rows);
        let mut line = |name: &str, value: Option<String>, verdict: &str| {
            if let Some(value) = value {
                text.push_str(&format!("{name:<22}{value}{verdict}\n"));
            }
        };
        let start_met = self.second_start_ms.is_some_and(|ms| ms < SECOND_START_TARGET_MS);
        let start = self.second_start_ms.map(|ms| format!("{ms} ms"));
        line("second start", start, &format!(" to the first answer; target 1000 ms: {}", verdict(start_met)));
        line("memory, idle", self.memory_idle_mib.map(mib), "");
        let memory_met = self.memory_after_load_mib.is_some_and(|mib| mib < MEMORY_TARGET_MIB);
        let after = self.memory_after_load_mib.map(mib);
        line("memory, after load", after, &format!("; target 200 MiB: {}", verdict(memory_met)));
        text
    }
}

impl Route {
    fn row(&self) -> Vec<String> {
        let figures = &self.figures;
        let milliseconds = |micros: u64| format!("{:.1}", micros as f64 / 1_000.0);
        let target = self.target.map_or(String::new(), |target| {
            let met =
                figures.requests_per_second >= target.requests_per_second && figures.p99_us <= target.p99_us;
            let p99_ms = target.p99_us / 1_000;
            format!("{} req/s, p99 {p99_ms} ms: {}", target.requests_per_second, verdict(met))
        });
        vec![
            self.name.to_owned(),
            format!("{:.0}", figures.requests_per_second),
            self.of_floor.map_or(String::new(), |ratio| format!("{ratio:.2}")),
            milliseconds(figures.p50_us),
            milliseconds(figures.p99_us),
            milliseconds(figures.max_us),
            figures.cpu_us.map_or(String::new(), |cpu| format!("{:.2}", cpu as f64 / 1_000.0)),
            figures.errors.to_string(),
            target,
        ]
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn mib(value: f64) -> String {
    format!("{value:.0} MiB")
}

/// The first and last columns begin, the others end, where their widest cell does.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let cell = |row: &[String], column: usize| match column {
        0 => format!("{:<w$}", row[0], w = width(0)),
        last if last + 1 == columns => row[last].clone(),
        _ => format!("{:>w$}", row[column], w = width(column)),
    };
    let line =
        |row: &Vec<String>| (0..columns).map(|column| cell(row, column)).collect::<Vec<_>>().join("  ");
    rows.iter().map(|row| line(row).trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(requests_per_second: f64, p99_us: u64) -> Figures {
        let statuses = BTreeMap::from([(200, 10)]);
        Figures {
            requests: 10,
            all: 12,
            errors: 0,
            statuses,
            seconds: 1.0,
            requests_per_second,
            p50_us: 900,
            p90_us: 1_500,
            p99_us,
            max_us: 20_000,
            cpu_us: Some(350),
        }
    }

    #[test]
    fn a_route_stands_beside_the_floor_and_its_target() {
        let mut report = Report::default();
        report.add(Measure::Floor, figures(20_000.0, 2_000));
        report.add(Measure::Product, figures(6_000.0, 9_000));
        report.add(Measure::Search, figures(6_000.0, 31_000));
        let table = report.table();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(
            lines[2],
            "product by id   6000      0.30     0.9     9.0    20.0    0.35       0  5000 req/s, p99 15 ms: met"
        );
        assert!(lines[3].ends_with("1500 req/s, p99 30 ms: missed"), "{table}");
    }
}
