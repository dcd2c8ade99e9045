//! Stock under `kill -9`: what orders were answered is kept, and the sums hold (dropping the warehouse checks them, too).

use serde_json::json;
use souk_tests::inventory::{Orders, Warehouse, id, lines};
use souk_tests::{Answer, Person, unique};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const HOST: &str = env!("CARGO_BIN_EXE_souk-host-to-kill");

/// How long the load runs before each kill.
const KILLS_AFTER_MS: [u64; 4] = [200, 400, 300, 700];
/// Orders under way at once.
const BUYERS: usize = 6;
/// Orders that must have come somewhere before a kill proves anything.
const ENOUGH: usize = 5;
/// More than the load can sell.
const UNITS: i64 = 1_000_000;

/// Steps of an order, and the states that may be found once the step was answered: what comes next may have happened
/// without an answer.
const STEPS: [(&str, &[&str]); 3] = [
    ("reserve", &["open", "committed", "released"]),
    ("commit", &["committed", "shipped"]),
    ("ship", &["shipped"]),
];

/// An order, and the states that it may be found in.
type Promise = (String, &'static [&'static str]);

struct Load {
    orders: Orders,
    variants: [String; 2],
    done: AtomicUsize,
}

impl Load {
    async fn takes(&self, step: &str, order: &str) -> Option<Answer> {
        let wanted = [(self.variants[0].as_str(), 2), (self.variants[1].as_str(), 1)];
        let request = match step {
            "reserve" => self.orders.reserves(order, &wanted),
            "commit" => self.orders.commits(order),
            "ship" => self.orders.ships(order),
            _ => self.orders.releases(order),
        };
        request.attempt().await.ok().filter(Answer::is_success)
    }

    /// Takes one order after the other all the way, each third one back, until the suite dies.
    async fn goes_on(self: Arc<Self>) -> Vec<Promise> {
        let mut promised: Vec<Promise> = Vec::new();
        for number in 0.. {
            let order = id("ord");
            let mut kept: &'static [&'static str] = &["none", "open"];
            for (step, states) in STEPS {
                let back = number % 3 == 0 && step == "commit";
                let (step, states): (_, &'static [_]) =
                    if back { ("release", &["released"]) } else { (step, states) };
                if self.takes(step, &order).await.is_none() {
                    promised.push((order, kept));
                    return promised;
                }
                kept = states;
                if back {
                    break;
                }
            }
            promised.push((order, kept));
            self.done.fetch_add(1, Relaxed);
        }
        promised
    }

    /// Moves stock to and fro, until the suite dies.
    async fn is_moved(self: Arc<Self>, merchant: Person) -> Vec<Promise> {
        loop {
            for (kind, quantity) in [("receive", 3), ("adjust", -2)] {
                let movement = json!({"kind": kind, "variant_id": self.variants[0], "quantity": quantity,
                    "location_id": souk_tests::inventory::MAIN, "reason": "to and fro"});
                let request = merchant.post("/api/v1/inventory/movements", &movement).key(&unique("key"));
                if !request.attempt().await.is_ok_and(|answer| answer.is_success()) {
                    return Vec::new();
                }
            }
        }
    }

    async fn is_enough(&self) {
        let started = Instant::now();
        while self.done.load(Relaxed) < ENOUGH {
            assert!(started.elapsed() < Duration::from_secs(60), "nothing happens");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn is_killed_under_load(
    warehouse: &mut Warehouse,
    merchant: &Person,
    variants: &[String; 2],
    after: Duration,
) -> Vec<Promise> {
    let (orders, variants) = (warehouse.orders(), variants.clone());
    let load = Arc::new(Load { orders, variants, done: AtomicUsize::new(0) });
    let mut under_way = JoinSet::new();
    for _ in 0..BUYERS {
        under_way.spawn(load.clone().goes_on());
    }
    under_way.spawn(load.clone().is_moved(merchant.clone()));
    tokio::time::sleep(after).await;
    load.is_enough().await;
    warehouse.suite.is_killed().await;
    let mut promised = Vec::new();
    while let Some(part) = under_way.join_next().await {
        promised.extend(part.expect("the load goes on until it is cut off"));
    }
    promised
}

async fn is_kept(orders: &Orders, promised: &[Promise]) {
    for (order, states) in promised {
        let found = orders.reads(order).await;
        let state = if found.is_success() { found.text("/state") } else { "none" };
        assert!(states.contains(&state), "{order} is {state} and should be one of {states:?}");
    }
}

#[tokio::test]
async fn no_promise_of_stock_is_broken_by_kill_9() {
    let Some(mut warehouse) = Warehouse::in_a_process(HOST).await else { return };
    // What a kill cuts off may be logged as an error by the next start.
    warehouse.suite.expects_faults();
    let (merchant, one) = warehouse.has(UNITS).await;
    let (_, other) = warehouse.has(UNITS).await;
    let variants = [one, other];
    let mut everything = Vec::new();
    for after in KILLS_AFTER_MS {
        let after = Duration::from_millis(after);
        let promised = is_killed_under_load(&mut warehouse, &merchant, &variants, after).await;
        warehouse.suite.starts_again().await;
        warehouse.is_sound();
        is_kept(&warehouse.orders(), &promised).await;
        everything.extend(promised);
    }
    // What is still held can be brought to an end, and then nothing is held any more.
    let orders = warehouse.orders();
    for (order, _) in &everything {
        orders.releases(order).await.accept();
    }
    let all = orders.reserves(&id("ord"), &[(&variants[1], 1)]).await.is(201);
    assert_eq!(all.json()["lines"][0]["quantity"], lines(&[(&variants[1], 1)])[0]["quantity"]);
    let stock = merchant.sees_stock(&variants[1]).await;
    assert_eq!(stock["locations"][0]["reserved"], 1, "{stock}");
}
