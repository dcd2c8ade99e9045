//! `cargo xtask bench`: speed and memory of the suite, beside what the host costs by itself.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::api::Api;
use crate::bootstrap;
use crate::catalogue;
use crate::compile;
use crate::env_file::EnvFile;
use crate::project::Project;
use crate::shell;
use crate::suite::{self, Launch, Runner, Suite};
use crate::up;

mod buying;
mod exchange;
mod ledger;
mod queries;
mod report;
mod tokens;
mod usage;

use report::{Figures, Report};

/// Products that are asked for by id, in turn.
const IDS: usize = 2_000;
/// Different searches, in turn.
const SEARCHES: usize = 500;
/// Buyers who check out at once.
const BUYERS: usize = 8;
/// How long after the load memory is looked at.
const SETTLING: Duration = Duration::from_secs(2);
/// A start is not waited for longer than this.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Nor is compilation.
const COMPILE_LIMIT: Duration = Duration::from_secs(300);

/// Measure speed and memory with a load generator on this machine.
///
/// Starts the suite with an empty temporary state folder, imports generated products, and loads one route after the
/// other over 16 kept-alive connections from one thread. Beside each figure stands its ratio to the host's floor (a
/// component that answers a constant) and the target. Nothing fails for being slow: machines differ, ratios less.
#[derive(Args)]
pub struct BenchArgs {
    /// Seconds that each route is measured, after two seconds of warm-up
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Generated products in the shop
    #[arg(long, default_value_t = 100_000)]
    products: usize,
    /// Entries of the account with the long history
    #[arg(long, default_value_t = 100_000)]
    entries: usize,
    /// Orders that the shop has when the checkout is measured again
    #[arg(long, default_value_t = 100_000)]
    orders: u64,
    /// Connections, each with one request under way
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Measure only this; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<Measure>,
    /// Also write the figures to a file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure a suite that runs already, with the products that it has; its administrator is read from .env
    #[arg(long)]
    url: Option<String>,
}

/// What can be measured.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Measure {
    /// A component that answers a constant
    Floor,
    /// A product by id, as a stranger
    Product,
    /// A product by id, with a bearer token
    ProductToken,
    /// Search with varied queries
    Search,
    /// Sign in with e-mail and password
    Login,
    /// A client's token of its own (OAuth client credentials)
    ClientToken,
    /// New tokens for a refresh token
    Refresh,
    /// A line put into a cart, as a guest
    CartLine,
    /// From an empty cart to the invoice: cart, line, address, order, payment captured, invoice issued; by 8 clients
    Checkout,
    /// The same once the shop has --orders orders
    CheckoutLong,
    /// An amount converted between currencies and tokens, as a stranger
    Convert,
    /// A transfer between two wallets, by 8 clients
    Transfer,
    /// A batch of 1,000 transfers, all or none, by 8 clients
    TransferBatch,
    /// Balances and pages of a statement: of an account with 1,000 entries, and of one with --entries
    Balance,
    /// The second of them alone
    BalanceLong,
    /// Second start to the first answer
    Start,
    /// Resident memory of the host
    Memory,
}

/// One measurement run.
struct Bench<'a> {
    args: &'a BenchArgs,
    generator: PathBuf,
    /// What gives a shop its past.
    historian: PathBuf,
    /// The folder of its databases, if this run started the suite.
    state: Option<PathBuf>,
    /// The host that is measured, if this run started it.
    host: Option<u32>,
    report: Report,
}

/// `cargo xtask bench`.
pub fn run(args: &BenchArgs) -> Result<()> {
    let project = Project::find()?;
    if let Some(url) = &args.url {
        let [generator, historian] = tools(&project)?;
        let mut bench =
            Bench { args, generator, historian, state: None, host: None, report: Report::default() };
        bench.routes(&Api::new(url.as_str()), &EnvFile::read(&project)?)?;
        return bench.finish();
    }
    shell::say("Building the components, the host and the load generator");
    compile::components(&project, true)?;
    let host = Runner::Host(compile::programs(&project, &["souk-host"])?.remove(0));
    let [generator, historian] = tools(&project)?;
    let mut bench = Bench { args, generator, historian, state: None, host: None, report: Report::default() };
    if bench.wants(Measure::Floor) {
        bench.floor(&project, &host)?;
    }
    if args.only != [Measure::Floor] {
        bench.suite(&project, &host)?;
    }
    bench.finish()
}

/// The load generator, and what gives a shop its past.
fn tools(project: &Project) -> Result<[PathBuf; 2]> {
    let tools = compile::programs(project, &["souk-bench", "souk-bench-history"])?;
    tools.try_into().map_err(|_| anyhow!("two programs were asked for"))
}

impl Bench<'_> {
    fn wants(&self, measure: Measure) -> bool {
        self.args.only.is_empty() || self.args.only.contains(&measure)
    }

    fn finish(&self) -> Result<()> {
        println!("{}", self.report.table());
        if let Some(file) = &self.args.json {
            let text = serde_json::to_string_pretty(&self.report)? + "\n";
            crate::project::write(file, &text)?;
        }
        ensure!(
            self.report.errors() == 0,
            "{} requests failed: these figures mean little",
            self.report.errors()
        );
        Ok(())
    }

    fn floor(&mut self, project: &Project, host: &Runner) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let launch = Launch {
            runner: host,
            manifest: project.path("tests/fixtures/floor/spin.toml"),
            runtime_config: None,
            port: suite::free_port()?,
            state_dir: folder.path().to_owned(),
            secrets: &EnvFile::ephemeral(project)?,
            log: Some(folder.path().join("host.log")),
        };
        let mut floor = Suite::spawn(&launch)?;
        floor.wait_until("/", START_LIMIT)?;
        self.host = Some(floor.pid());
        self.load(Measure::Floor, &floor.api(), &[json!({ "path": "/" })])
    }

    /// Everything that needs the suite itself.
    fn suite(&mut self, project: &Project, host: &Runner) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let secrets = EnvFile::ephemeral(project)?;
        let mut launch = up::launch(project, host, suite::free_port()?, folder.path(), &secrets)?;
        launch.log = Some(folder.path().join("host.log"));

        shell::say(format!("Importing {} products", self.args.products));
        let mut suite = Suite::start(&launch)?;
        fill(&suite.api(), &secrets, self.args.products)?;
        suite.stop();

        let started = Instant::now();
        let mut suite = Suite::spawn(&launch)?;
        suite.wait_until("/api/v1/products?limit=1", START_LIMIT)?;
        if self.wants(Measure::Start) {
            self.report.second_start_ms = Some(started.elapsed().as_millis() as u64);
        }
        // A first start that was stopped early may have left a component that is not compiled yet.
        suite.wait_until("/ready", COMPILE_LIMIT)?;
        self.report.products = self.args.products;
        if self.wants(Measure::Memory) {
            self.report.memory_idle_mib = usage::resident_mib(suite.pid());
        }
        self.host = Some(suite.pid());
        self.state = Some(folder.path().to_owned());
        self.routes(&suite.api(), &secrets)?;
        if self.wants(Measure::Memory) {
            // Instances are let go when they have had nothing to do for a second.
            std::thread::sleep(SETTLING);
            self.report.memory_after_load_mib = usage::resident_mib(suite.pid());
        }
        Ok(())
    }

    /// The routes of a suite that runs and has products.
    fn routes(&mut self, api: &Api, secrets: &EnvFile) -> Result<()> {
        let ids = if self.wants(Measure::Product) || self.wants(Measure::ProductToken) {
            product_ids(api)?
        } else {
            Vec::new()
        };
        let by_id = |headers: Value| -> Vec<Value> {
            ids.iter()
                .map(|id| json!({ "path": format!("/api/v1/products/{id}"), "headers": headers }))
                .collect()
        };
        if self.wants(Measure::Product) {
            self.load(Measure::Product, api, &by_id(json!({})))?;
        }
        if self.wants(Measure::ProductToken) {
            let (email, password) = bootstrap::credentials(secrets)?;
            let token = api.sign_in(email, password)?;
            let headers = json!({ "authorization": format!("Bearer {token}") });
            self.load(Measure::ProductToken, api, &by_id(headers))?;
        }
        if self.wants(Measure::Search) {
            let searches = queries::searches(self.args.products, SEARCHES);
            find_something(api, &searches)?;
            let plan: Vec<_> = searches.iter().map(|path| json!({ "path": path })).collect();
            self.load(Measure::Search, api, &plan)?;
        }
        if self.wants(Measure::Login) {
            let (email, password) = bootstrap::credentials(secrets)?;
            let body = json!({ "email": email, "password": password }).to_string();
            let headers = json!({ "content-type": "application/json" });
            let login =
                json!({ "method": "POST", "path": "/api/v1/auth/login", "headers": headers, "body": body });
            self.load(Measure::Login, api, &[login])?;
        }
        if self.wants(Measure::ClientToken) {
            let token = tokens::of_client(&bootstrap::signed_in(api, secrets)?)?;
            self.load(Measure::ClientToken, api, &[token])?;
        }
        if self.wants(Measure::Refresh) {
            let (email, password) = bootstrap::credentials(secrets)?;
            self.load(Measure::Refresh, api, &tokens::refreshes(email, password, self.args.connections))?;
        }
        if self.wants(Measure::Convert) {
            exchange::opens(&bootstrap::signed_in(api, secrets)?)?;
            self.load(Measure::Convert, api, &exchange::conversions())?;
        }
        self.buying(api, secrets)?;
        self.ledger(api, secrets)
    }

    /// Transfers and accounts.
    fn ledger(&mut self, api: &Api, secrets: &EnvFile) -> Result<()> {
        let measures = [Measure::Transfer, Measure::TransferBatch, Measure::Balance, Measure::BalanceLong];
        if !measures.into_iter().any(|measure| self.wants(measure)) {
            return Ok(());
        }
        let (email, password) = bootstrap::credentials(secrets)?;
        let token = api.sign_in(email, password)?;
        let admin = api.with_token(token.as_str());
        let wallets = ledger::opened(&admin, &token)?;
        if self.wants(Measure::Transfer) {
            self.travel(Measure::Transfer, api, &wallets.transfers(), BUYERS)?;
        }
        if self.wants(Measure::TransferBatch) {
            self.travel(Measure::TransferBatch, api, &wallets.batches(), BUYERS)?;
        }
        if self.wants(Measure::Balance) {
            let looks = ledger::looks(&admin, &token, ledger::BATCH)?;
            self.travel(Measure::Balance, api, &looks, self.args.connections)?;
        }
        if self.wants(Measure::Balance) || self.wants(Measure::BalanceLong) {
            let looks = ledger::looks(&admin, &token, self.args.entries)?;
            self.travel(Measure::BalanceLong, api, &looks, self.args.connections)?;
        }
        Ok(())
    }

    /// Carts and checkouts.
    fn buying(&mut self, api: &Api, secrets: &EnvFile) -> Result<()> {
        let measures = [Measure::CartLine, Measure::Checkout, Measure::CheckoutLong];
        if !measures.into_iter().any(|measure| self.wants(measure)) {
            return Ok(());
        }
        let variants = buying::stocked(api, &bootstrap::signed_in(api, secrets)?)?;
        if self.wants(Measure::CartLine) {
            self.load(Measure::CartLine, api, &buying::lines(api, &variants)?)?;
        }
        let journeys: Vec<_> = variants.iter().map(|variant| buying::checkout(variant)).collect();
        if self.wants(Measure::Checkout) || self.wants(Measure::CheckoutLong) {
            self.travel(Measure::Checkout, api, &journeys, BUYERS)?;
        }
        let state = self.state.clone().filter(|_| self.wants(Measure::CheckoutLong));
        if let Some(state) = state {
            shell::say(format!("Adding {} orders", self.args.orders));
            let orders = self.args.orders.to_string();
            let mut historian = Command::new(&self.historian);
            let ended = historian.arg("--state").arg(state).args(["--orders", &orders]).status()?;
            ensure!(ended.success(), "the orders could not be added");
            self.travel(Measure::CheckoutLong, api, &journeys, BUYERS)?;
        }
        Ok(())
    }

    /// Asks these in turn.
    fn load(&mut self, measure: Measure, api: &Api, plan: &[Value]) -> Result<()> {
        let journeys: Vec<_> = plan.iter().map(|request| vec![request.clone()]).collect();
        self.travel(measure, api, &journeys, self.args.connections)
    }

    /// Runs the load generator on a plan and notes what it says.
    fn travel(&mut self, measure: Measure, api: &Api, plan: &[Vec<Value>], connections: usize) -> Result<()> {
        shell::say(format!("Measuring {}", report::title(measure)));
        let used = || self.host.and_then(usage::cpu_us);
        let before = used();
        let address = api.base().trim_start_matches("http://");
        let mut child = Command::new(&self.generator)
            .args(["--address", address])
            .args(["--connections", &connections.to_string()])
            .args(["--seconds", &self.args.seconds.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the load generator")?;
        let mut input = child.stdin.take().context("its standard input is a pipe")?;
        input.write_all(&serde_json::to_vec(plan)?)?;
        drop(input);
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("the load generator failed ({})", output.status);
        }
        let mut figures: Figures = serde_json::from_slice(&output.stdout)?;
        figures.cpu_us = before.zip(used()).map(|(before, now)| (now - before) / figures.all.max(1));
        self.report.add(measure, figures);
        Ok(())
    }
}

/// Creates the administrator, the categories and the products.
fn fill(api: &Api, secrets: &EnvFile, products: usize) -> Result<()> {
    bootstrap::administrator(api, secrets)?;
    let admin = bootstrap::signed_in(api, secrets)?;
    let categories: Result<Vec<_>, _> = catalogue::categories().map(serde_json::to_value).collect();
    bootstrap::create_categories(&admin, categories?)?;
    let lines = catalogue::products(products).map(|product| json!(product).to_string());
    bootstrap::import(&admin, products, lines)
}

/// The ids of the first products, page by page.
fn product_ids(api: &Api) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    while ids.len() < IDS {
        let page = api
            .get(&format!("/api/v1/products?limit=100{cursor}"))?
            .expect(200, "listing products")?
            .json()?;
        let items = page["items"].as_array().context("a page has items")?;
        ids.extend(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    ensure!(!ids.is_empty(), "the shop has no product to ask for");
    Ok(ids)
}

/// A search that finds nothing is fast and proves nothing.
fn find_something(api: &Api, searches: &[String]) -> Result<()> {
    let mut found = 0;
    let sample: Vec<_> = searches.iter().step_by(10).collect();
    for path in &sample {
        let page = api.get(path)?.expect(200, "searching")?.json()?;
        found += usize::from(page["items"].as_array().is_some_and(|items| !items.is_empty()));
    }
    ensure!(found * 10 >= sample.len() * 9, "only {found} of {} searches find a product", sample.len());
    Ok(())
}
