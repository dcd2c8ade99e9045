//! The ledger under `kill -9`: what was answered is kept, and the books are sound.

use serde_json::{Value, json};
use souk_tests::Person;
use souk_tests::ledger::{Bank, transfer};
use souk_tests::unique;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const HOST: &str = env!("CARGO_BIN_EXE_souk-host-to-kill");

/// How long the load runs before each kill.
const KILLS_AFTER_MS: [u64; 3] = [300, 500, 200];
/// Answers that there must be before a kill proves anything.
const ENOUGH: usize = 20;
/// Clients at once.
const CLIENTS: usize = 6;

/// A request, and what it was answered with; the last one of a client may have no answer.
type Promise = (&'static str, Value, String, Option<String>);

/// Moves a cent to and fro, alone and in batches, until the suite dies.
async fn goes_on(person: Person, accounts: [String; 2], done: Arc<AtomicUsize>) -> Vec<Promise> {
    let mut promises = Vec::new();
    for number in 0.. {
        let [a, b] = &accounts;
        let (from, to) = if number % 2 == 0 { (a, b) } else { (b, a) };
        let one = transfer(from, to, 1);
        let (path, body) = match number % 3 {
            0 => ("/api/v1/transactions/batches", json!({"transactions": [one, transfer(to, from, 1), one]})),
            _ => ("/api/v1/transactions", one),
        };
        let key = unique("key");
        let answer = person.post(path, &body).key(&key).attempt().await;
        let id =
            answer.ok().filter(souk_tests::Answer::is_success).map(|answer| answer.text("/id").to_owned());
        let is_over = id.is_none();
        promises.push((path, body, key, id));
        if is_over {
            break;
        }
        done.fetch_add(1, Relaxed);
    }
    promises
}

#[tokio::test]
async fn what_was_answered_survives_a_kill_and_is_not_done_again() {
    let Some(mut bank) = Bank::in_a_process(HOST).await else { return };
    let (ana, first) = bank.customer("ana", 10_000).await;
    let second = ana.opens_wallet("EUR").await;
    bank.admin().await.deposits(&second, 10_000).await.is(201).accept();
    for after in KILLS_AFTER_MS {
        let (mut under_way, done) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..CLIENTS {
            under_way.spawn(goes_on(ana.clone(), [first.clone(), second.clone()], done.clone()));
        }
        tokio::time::sleep(Duration::from_millis(after)).await;
        let started = Instant::now();
        while done.load(Relaxed) < ENOUGH {
            assert!(started.elapsed() < Duration::from_secs(60), "nothing happens");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bank.suite.expects_faults();
        bank.suite.is_killed().await;
        let mut promises = Vec::new();
        while let Some(part) = under_way.join_next().await {
            promises.extend(part.expect("the load goes on until it is cut off"));
        }
        bank.is_sound();
        bank.suite.starts_again().await;
        let count = || -> i64 {
            bank.database()
                .query_row("SELECT count(*) FROM transactions", [], |row| row.get(0))
                .expect("a number")
        };
        // Asking again for what was answered gives the same answer; what was not is done now, once.
        for (path, body, key, id) in &promises {
            let before = count();
            let again = ana.post(*path, body).key(key).await.is(201);
            if let Some(id) = id {
                assert_eq!(again.text("/id"), id);
                assert_eq!(count(), before, "{path} was done twice");
            }
        }
    }
    let sum = ana.sees_balance(&first).await[0] + ana.sees_balance(&second).await[0];
    assert_eq!(sum, 20_000);
}
