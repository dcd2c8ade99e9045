//! The ledger, as people, administrators and the service payments see it. Payments is played, and a stand-in plays prices:
//! the test has the key that services trust one another by, and a manifest in which the ledger can be asked directly.

use crate::answer::Answer;
use crate::person::Person;
use crate::project::{components, root, unique};
use crate::request::Request;
use crate::standin::{Seen, StandIn};
use crate::suite::Suite;
use crate::token::{Key, now, signed_hs256};
use rusqlite::Connection;
use serde_json::{Value, json};
use souk_ledger::{Audit, Entry, Facts, Hash, Record};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A suite whose ledger can be asked as a service would. Dropping it checks the books.
pub struct Bank {
    /// The suite.
    pub suite: Suite,
    _folder: tempfile::TempDir,
    /// Plays every service that the ledger calls.
    pub others: StandIn,
}

impl Bank {
    /// Opens it; nothing, and said so, at `SOUK_URL`.
    pub async fn opens() -> Option<Self> {
        Self::opens_with(|_| (204, Value::Null), &[]).await
    }

    /// The same with what other services answer, and some variables of `spin.toml`.
    pub async fn opens_with(
        others: impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static,
        variables: &[(&str, &str)],
    ) -> Option<Self> {
        let (others, folder) = (StandIn::start(others), folder());
        let suite = Suite::own_from(&open_manifest(&folder, Some(&others.authority())), variables).await?;
        Some(Self { suite, _folder: folder, others })
    }

    /// In a process of its own, run by the `souk-host` that is `program`.
    pub async fn in_a_process(program: &str) -> Option<Self> {
        let (others, folder) = (StandIn::start(|_| (204, Value::Null)), folder());
        let suite = Suite::in_a_process_from(program, &open_manifest(&folder, None)).await?;
        Some(Self { suite, _folder: folder, others })
    }

    /// The administrator, who may move everything.
    pub async fn admin(&self) -> Person {
        self.suite.admin().await
    }

    /// Somebody with a wallet of so many euro cents.
    pub async fn customer(&self, name: &str, cents: i64) -> (Person, String) {
        let person = self.suite.sign_up(name).await;
        let wallet = person.opens_wallet("EUR").await;
        if cents > 0 {
            self.admin().await.deposits(&wallet, cents).await.is(201).accept();
        }
        (person, wallet)
    }

    /// A request of the service payments.
    pub fn by_payments<'p>(&self, request: Request<'p>) -> Request<'p> {
        let claims = Key::new("any").access_token("payments", "service", "").with_header("typ", "JWT");
        let claims = claims.with_claim("aud", "transactions").with_claim("iat", now());
        let claims = claims.with_claim("exp", now() + 60);
        request.header("souk-identity", signed_hs256(&claims, self.suite.keys().identity.as_bytes()))
    }

    /// The database, to look at, or to age what is in it.
    pub fn database(&self) -> Connection {
        database(&self.suite.state().join("transactions.db"))
    }

    /// As if whatever is to happen later were due, and maintenance did it.
    pub async fn time_passes(&self) {
        let database = self.database();
        for sql in [
            "UPDATE transactions SET due_at = 0 WHERE due_at IS NOT NULL",
            "UPDATE holds SET expires_at = 0 WHERE state = 'active' AND expires_at IS NOT NULL",
        ] {
            database.execute(sql, []).expect("its tables");
        }
        drop(database);
        self.suite.ticks().await;
    }

    /// Checks the books.
    pub fn is_sound(&self) {
        is_sound(&self.suite.state().join("transactions.db"));
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.is_sound();
        }
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the manifest")
}

fn database(file: &Path) -> Connection {
    let database = Connection::open(file).expect("the ledger's database");
    database.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    database
}

/// `spin.toml` with doors to the ledger beside the gateway, and the services that it calls somewhere else.
fn open_manifest(folder: &tempfile::TempDir, others: Option<&str>) -> PathBuf {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml can be read");
    let mut manifest: toml::Table = text.parse().expect("spin.toml is TOML");
    for (id, source) in components() {
        let component = manifest["component"][id.as_str()].as_table_mut().expect("a component");
        component.insert("source".into(), source.to_string_lossy().into_owned().into());
    }
    let ledger = manifest["component"]["transactions"].as_table_mut().expect("the ledger");
    if let Some(others) = others {
        let url = format!("http://{others}");
        ledger["variables"]["service_url"] = url.clone().into();
        ledger["allowed_outbound_hosts"].as_array_mut().expect("a list").push(url.into());
    }
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
    for route in ["/holds/...", "/internal/collection/..."] {
        let route = [("route", route), ("component", "transactions")];
        let route = route.map(|(name, value)| (name.to_owned(), toml::Value::from(value)));
        triggers.push(toml::Table::from_iter(route).into());
    }
    triggers.retain(|it| !(it["component"].as_str() == Some("transactions") && it["route"].is_table()));
    let file = folder.path().join("spin.toml");
    std::fs::write(&file, manifest.to_string()).expect("a manifest");
    file
}

/// An amount in euro cents.
pub fn euro(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// A transfer between two accounts.
pub fn transfer(from: &str, to: &str, cents: i64) -> Value {
    json!({"kind": "transfer", "from_account": from, "to": {"account": to}, "amount": euro(cents)})
}

/// An account number at another bank, whose last digits say what becomes of a transfer to it.
pub fn outside(ending: &str) -> String {
    let own = format!("BANK00000000{ending}");
    let digits = format!("{own}ZZ00").chars().try_fold(0, |rest, c| {
        let value = c.to_digit(36)?;
        Some((rest * if value < 10 { 10 } else { 100 } + value) % 97)
    });
    format!("ZZ{:02}{own}", 98 - digits.expect("letters and digits"))
}

/// A day to come, at midnight (RFC 3339).
pub fn in_days(days: i64) -> String {
    let database = Connection::open_in_memory().expect("a database in memory");
    let sql = "SELECT strftime('%Y-%m-%dT00:00:00Z', 'now', ?1 || ' days')";
    database.query_row(sql, [days.to_string()], |row| row.get(0)).expect("a day")
}

impl Person {
    /// Opens a wallet; its id.
    pub async fn opens_wallet(&self, currency: &str) -> String {
        let body = json!({"currency": currency, "label": "Wallet"});
        self.post("/api/v1/accounts", &body).await.is(201).text("/id").to_owned()
    }

    /// Pays cents into an account through clearing.
    pub async fn deposits(&self, account: &str, cents: i64) -> Answer {
        let body = json!({"kind": "deposit", "to_account": account, "amount": euro(cents)});
        self.moves_money(&body).await
    }

    /// Tells, as the simulated bank, that so many cents came in; the transaction.
    pub async fn takes_in(&self, iban: &str, cents: i64, reference: &str, from: &str) -> Answer {
        let body = json!({"iban": iban, "amount": euro(cents), "name": "Ana Silva", "reference": reference,
            "end_to_end_id": unique("e2e"), "from_iban": from});
        self.post("/api/v1/clearing/incoming", &body).key(&unique("incoming")).await.is(201)
    }

    /// Makes a transaction, with a key of its own.
    pub async fn moves_money(&self, transaction: &Value) -> Answer {
        self.post("/api/v1/transactions", transaction).key(&unique("key")).await
    }

    /// Transfers cents between two accounts.
    pub async fn transfers(&self, from: &str, to: &str, cents: i64) -> Answer {
        self.moves_money(&transfer(from, to, cents)).await
    }

    /// What an account has: posted, held, available.
    pub async fn sees_balance(&self, account: &str) -> [i64; 3] {
        let answer = self.get(format!("/api/v1/accounts/{account}/balance")).await.is(200);
        ["posted", "held", "available"]
            .map(|name| answer.json()[name]["amount"].as_i64().unwrap_or_else(|| panic!("{answer}")))
    }

    /// Where a transaction stands.
    pub async fn sees_transaction(&self, id: &str) -> Value {
        self.get(format!("/api/v1/transactions/{id}")).await.is(200).json().clone()
    }
}

/// What must never be found.
const BROKEN: [(&str, &str); 5] = [
    (
        "the entries of a currency do not sum to zero",
        "SELECT currency, sum(amount) FROM entries JOIN accounts a ON a.number = account GROUP BY 1 HAVING sum(amount) <> 0",
    ),
    (
        "a balance is not the sum of its entries",
        "SELECT id, a.balance FROM accounts a
          WHERE a.balance <> (SELECT coalesce(sum(amount), 0) FROM entries WHERE account = a.number)",
    ),
    (
        "what is held is not what holds set aside",
        "SELECT id, a.held FROM accounts a
          WHERE a.held <> (SELECT coalesce(sum(remaining), 0) FROM holds WHERE account = a.number)",
    ),
    (
        "an account has passed its limit",
        "SELECT id, balance FROM accounts WHERE min_balance IS NOT NULL AND standing - held < min_balance",
    ),
    (
        "a transaction is not what its entries are",
        "SELECT t.id, t.first_seq FROM transactions t WHERE t.first_seq IS NOT NULL AND
           (SELECT json_group_array(json_array(account, amount)) FROM entries
             WHERE seq BETWEEN t.first_seq AND t.last_seq AND number = t.number) <> t.lines",
    ),
];

/// Checks the books in a file: the sums, and the chain.
fn is_sound(file: &Path) {
    let database = database(file);
    for (what, sql) in BROKEN {
        let mut statement = database.prepare(sql).expect("a question");
        let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        let broken: Vec<_> =
            statement.query_map([], row).expect("an answer").map(|row| row.expect("a row")).collect();
        assert!(broken.is_empty(), "{what}: {broken:?}");
    }
    let sql = "SELECT e.seq, t.id, t.kind, a.id, a.currency, e.amount, e.balance, e.at, lower(hex(e.hash))
                 FROM entries e JOIN transactions t ON t.number = e.number JOIN accounts a ON a.number = e.account
                ORDER BY e.seq";
    let (mut audit, mut previous_hash) = (Audit::default(), Hash::ZERO);
    let mut statement = database.prepare(sql).expect("a question");
    let mut rows = statement.query([]).expect("an answer");
    while let Some(row) = rows.next().expect("a row") {
        let text = |index| row.get::<_, String>(index).expect("a text");
        let number = |index| row.get::<_, i64>(index).expect("a number");
        let facts = Facts {
            seq: number(0),
            transaction_id: text(1),
            kind: text(2),
            account_id: text(3),
            currency: text(4),
            amount: number(5),
            balance: number(6),
            at_ms: number(7),
        };
        let hash = text(8).parse().expect("a hash");
        let entry = Entry { facts, previous_hash, hash };
        previous_hash = hash;
        audit.record(&Record::Entry(entry)).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
    audit.finish().unwrap_or_else(|wrong| panic!("{wrong}"));
}
