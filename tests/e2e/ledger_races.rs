//! Many at once on few accounts: no money is made or lost, nobody spends twice, nobody waits for ever.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::ledger::{Bank, euro, outside, transfer};
use souk_tests::{Person, unique};

const ACCOUNTS: usize = 4;
const CENTS: i64 = 1_000;

/// Numbers that look as if they came by chance, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

async fn customers(bank: &Bank) -> Vec<(Person, String)> {
    let mut customers = Vec::new();
    for number in 0..ACCOUNTS {
        customers.push(bank.customer(&format!("customer {number}"), CENTS).await);
    }
    customers
}

#[tokio::test]
async fn transfers_to_and_fro_lose_nothing() {
    let Some(bank) = Bank::opens().await else { return };
    let customers = customers(&bank).await;
    let goes = |seed: u64| {
        let customers = customers.clone();
        async move {
            let (mut dice, mut made) = (Dice(seed), 0);
            for _ in 0..25 {
                let from = dice.below(ACCOUNTS);
                let to = (from + 1 + dice.below(ACCOUNTS - 1)) % ACCOUNTS;
                let cents = i64::try_from(dice.below(700)).expect("small") + 1;
                let answer = customers[from].0.transfers(&customers[from].1, &customers[to].1, cents).await;
                match answer.status.as_u16() {
                    201 => made += 1,
                    _ => drop(answer.is_refused(409, "insufficient-funds")),
                }
            }
            made
        }
    };
    let made: usize = join_all((1..=12).map(goes)).await.into_iter().sum();
    assert!(made > 50, "only {made} transfers were made");
    let mut sum = 0;
    for (person, account) in &customers {
        let [posted, held, _] = person.sees_balance(account).await;
        assert!(posted >= 0 && held == 0, "{posted} {held}");
        sum += posted;
    }
    assert_eq!(sum, CENTS * i64::try_from(ACCOUNTS).expect("few"));
}

#[tokio::test]
async fn the_last_cent_is_spent_once() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 100).await;
    let (bob, to) = bank.customer("bob", 0).await;
    let batch = json!({"transactions": [transfer(&from, &to, 50), transfer(&from, &to, 50)]});
    let outward = json!({"kind": "transfer", "from_account": from, "amount": euro(100),
        "to": {"iban": outside("0001"), "name": "Somebody"}});
    let hold = json!({"account": from, "amount": euro(100), "expires_in_s": 60, "purpose": "x"});
    let admin = bank.admin().await;
    let tries = (0..16).map(|number| {
        let (path, who, body): (_, _, &Value) = match number % 4 {
            0 => ("/api/v1/transactions", &ana, &transfer(&from, &to, 100)),
            1 => ("/api/v1/transactions/batches", &ana, &batch),
            2 => ("/api/v1/transactions", &ana, &outward),
            _ => ("/api/v1/holds", &admin, &hold),
        };
        let request = who.post(path, body).key(&unique("key"));
        async move { request.await }
    });
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_success()).count(), 1);
    let [posted, held, available] = ana.sees_balance(&from).await;
    assert_eq!((posted - held, available), (0, 0));
    assert!(bob.sees_balance(&to).await[0] <= 100);
}

#[tokio::test]
async fn the_same_key_at_once_moves_money_once() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    let key = unique("key");
    let body = transfer(&from, &to, 300);
    let tries = (0..8).map(|_| async { ana.post("/api/v1/transactions", &body).key(&key).await.is(201) });
    let answers = join_all(tries).await;
    assert!(answers.iter().all(|answer| answer.text("/id") == answers[0].text("/id")));
    assert_eq!(ana.sees_balance(&from).await[0], 700);
}

#[tokio::test]
async fn whatever_is_done_in_whatever_order_the_books_are_sound() {
    let Some(bank) = Bank::opens().await else { return };
    let customers = customers(&bank).await;
    let admin = bank.admin().await;
    let mut dice = Dice(7);
    let (mut posted, mut holds): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for _ in 0..150 {
        let (from, cents) = (dice.below(ACCOUNTS), i64::try_from(dice.below(600)).expect("small"));
        let to = (from + 1) % ACCOUNTS;
        let (person, account) = &customers[from];
        let other = customers[to].1.as_str();
        let of = |list: &[String], at: usize| list.get(at % list.len().max(1)).cloned().unwrap_or_default();
        let (who, path, body) = match dice.below(9) {
            0 | 1 => (person, "/transactions".into(), transfer(account, other, cents)),
            2 => (
                &admin,
                "/transactions".into(),
                json!({"kind": "deposit", "to_account": account, "amount": euro(cents)}),
            ),
            3 => (
                &admin,
                "/transactions".into(),
                json!({"kind": "withdrawal", "from_account": account, "amount": euro(cents)}),
            ),
            4 => {
                let iban = outside(["0001", "0002", "0005"][dice.below(3)]);
                let to = json!({"iban": iban, "name": "Somebody"});
                let body =
                    json!({"kind": "transfer", "from_account": account, "amount": euro(cents), "to": to});
                (person, "/transactions".into(), body)
            }
            5 => (
                &admin,
                format!("/transactions/{}/reverse", of(&posted, dice.below(99))),
                json!({"reason": "a mistake"}),
            ),
            6 => {
                let body =
                    json!({"account": account, "amount": euro(cents), "expires_in_s": 60, "purpose": "x"});
                (&admin, "/holds".into(), body)
            }
            7 => {
                let body = json!({"to": other, "amount": euro(cents / 2), "final": cents % 2 == 0});
                (&admin, format!("/holds/{}/capture", of(&holds, dice.below(99))), body)
            }
            _ => (&admin, format!("/holds/{}/release", of(&holds, dice.below(99))), json!({})),
        };
        let answer = who.post(format!("/api/v1{path}"), &body).key(&unique("key")).await;
        if answer.is_success() && path == "/transactions" {
            posted.push(answer.text("/id").to_owned());
        } else if answer.is_success() && path == "/holds" {
            holds.push(answer.text("/id").to_owned());
        }
        if dice.below(10) == 0 {
            bank.time_passes().await;
        }
    }
    assert!(posted.len() > 20 && holds.len() > 3, "too little happened");
    bank.is_sound();
}
