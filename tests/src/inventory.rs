//! Stock, as merchants and the service orders see it. The service orders is played: the test has the key that services
//! trust one another by, and a manifest in which inventory can be asked directly.

use crate::answer::Answer;
use crate::catalogue::Product;
use crate::person::Person;
use crate::project::{components, root, unique};
use crate::request::Request;
use crate::suite::Suite;
use crate::token::{Jwt, Key, now, signed_hs256};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

/// The location that is there from the start.
pub const MAIN: &str = "loc_00000000000000000000000000";

/// A suite whose inventory can be asked as a service would. Dropping it checks that the stock is the sum of what happened.
pub struct Warehouse {
    /// The suite.
    pub suite: Suite,
    _folder: tempfile::TempDir,
}

impl Warehouse {
    /// Opens it; nothing, and said so, at `SOUK_URL`.
    pub async fn opens() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the manifest");
        let suite = Suite::own_from(&open_manifest(&folder), &[]).await?;
        Some(Self { suite, _folder: folder })
    }

    /// In a process of its own, run by the `souk-host` that is `program`.
    pub async fn in_a_process(program: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder for the manifest");
        let suite = Suite::in_a_process_from(program, &open_manifest(&folder)).await?;
        Some(Self { suite, _folder: folder })
    }

    /// The service orders, acting for itself.
    pub fn orders(&self) -> Orders {
        self.service("orders")
    }

    /// Another service.
    pub fn service(&self, service: &str) -> Orders {
        let claims = Key::new("any").access_token(service, "service", "").with_header("typ", "JWT");
        let claims = claims.with_claim("aud", "inventory");
        Orders { person: self.suite.stranger(), key: self.suite.keys().identity.clone(), claims }
    }

    /// A merchant, and a variant of which so many units lie at [`MAIN`].
    pub async fn has(&self, units: i64) -> (Person, String) {
        let (merchant, variant) = (self.suite.merchant().await, id("var"));
        merchant.receives(&variant, MAIN, units).await.is(201).accept();
        (merchant, variant)
    }

    /// Checks that the stock is the sum of what happened.
    pub fn is_sound(&self) {
        is_sound(&self.suite.state().join("inventory.db"));
    }
}

impl Drop for Warehouse {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.is_sound();
        }
    }
}

/// `spin.toml` with a door to inventory beside the gateway.
fn open_manifest(folder: &tempfile::TempDir) -> PathBuf {
    let text = std::fs::read_to_string(root().join("spin.toml")).expect("spin.toml can be read");
    let mut manifest: toml::Table = text.parse().expect("spin.toml is TOML");
    for (id, source) in components() {
        let component = manifest["component"][id.as_str()].as_table_mut().expect("a component");
        component.insert("source".into(), source.to_string_lossy().into_owned().into());
    }
    let triggers = manifest["trigger"]["http"].as_array_mut().expect("routes");
    for trigger in triggers.iter_mut().filter(|trigger| trigger["component"].as_str() == Some("inventory")) {
        trigger.as_table_mut().expect("a route").insert("route".into(), "/inventory/...".into());
    }
    let file = folder.path().join("spin.toml");
    std::fs::write(&file, manifest.to_string()).expect("a manifest");
    file
}

/// A new id with this prefix.
pub fn id(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let number = since << 32 | u128::from(COUNT.fetch_add(1, Relaxed));
    let digit =
        |place: u32| b"0123456789abcdefghjkmnpqrstvwxyz"[(number >> (5 * place) & 31) as usize] as char;
    // 26 digits are 130 bits: two of the last are zero.
    let digits: String = (0..25).rev().map(digit).collect();
    format!("{prefix}_{digits}0")
}

/// Lines for so many units of each variant.
pub fn lines(wanted: &[(&str, i64)]) -> Value {
    wanted.iter().map(|(variant, quantity)| json!({"variant_id": variant, "quantity": quantity})).collect()
}

/// The service orders, or another one, seen from inventory.
#[derive(Clone)]
pub struct Orders {
    person: Person,
    key: String,
    claims: Jwt,
}

impl Orders {
    fn signed<'p>(&self, request: Request<'p>) -> Request<'p> {
        let claims = self.claims.clone().with_claim("iat", now()).with_claim("exp", now() + 60);
        request.header("souk-identity", signed_hs256(&claims, self.key.as_bytes()))
    }

    /// Asks to reserve this.
    pub fn asks(&self, order: &str, body: &Value) -> Request<'_> {
        self.signed(self.person.put(format!("/inventory/reservations/{order}"), body))
    }

    /// Reserves these lines.
    pub fn reserves(&self, order: &str, wanted: &[(&str, i64)]) -> Request<'_> {
        self.asks(order, &json!({"lines": lines(wanted), "expires_in_s": 600}))
    }

    /// Holds these lines instead.
    pub fn exchanges(&self, order: &str, wanted: &[(&str, i64)], revision: i64) -> Request<'_> {
        let body = json!({"lines": lines(wanted), "revision": revision});
        self.signed(self.person.patch(format!("/inventory/reservations/{order}"), &body))
    }

    /// Reserves these lines for a second.
    pub fn reserves_for_a_second(&self, order: &str, wanted: &[(&str, i64)]) -> Request<'_> {
        self.asks(order, &json!({"lines": lines(wanted), "expires_in_s": 1}))
    }

    /// Does something with the reservation: `commit`, `release`, `ship`, `return`.
    pub fn does(&self, what: &str, order: &str, body: &Value) -> Request<'_> {
        self.signed(self.person.post(format!("/inventory/reservations/{order}/{what}"), body))
    }

    /// Commits it.
    pub fn commits(&self, order: &str) -> Request<'_> {
        self.does("commit", order, &json!({}))
    }

    /// Releases it.
    pub fn releases(&self, order: &str) -> Request<'_> {
        self.does("release", order, &json!({}))
    }

    /// Ships all that is left of it.
    pub fn ships(&self, order: &str) -> Request<'_> {
        self.does("ship", order, &json!({}))
    }

    /// Reads it.
    pub fn reads(&self, order: &str) -> Request<'_> {
        self.signed(self.person.get(format!("/inventory/reservations/{order}")))
    }
}

impl Person {
    /// Moves stock, with a key of its own.
    pub async fn moves(&self, movement: &Value) -> Answer {
        self.post("/api/v1/inventory/movements", movement).key(&unique("key")).await
    }

    /// Receives units at a location.
    pub async fn receives(&self, variant: &str, location: &str, units: i64) -> Answer {
        self.moves(
            &json!({"kind": "receive", "variant_id": variant, "location_id": location, "quantity": units,
            "reason": "Delivery"}),
        )
        .await
    }

    /// The stock of a variant.
    pub async fn sees_stock(&self, variant: &str) -> Value {
        let list = self.get(format!("/api/v1/inventory/stock?variant={variant}")).await.is(200);
        list.json()["items"][0].clone()
    }

    /// How much of a variant can be bought.
    pub async fn sees_available(&self, variant: &str) -> i64 {
        let answer = self.get(format!("/api/v1/inventory/availability?variants={variant}")).await.is(200);
        answer.json()[0]["available"].as_i64().unwrap_or_else(|| panic!("{answer} has no number"))
    }
}

impl Product {
    /// The id of its first variant.
    pub fn variant(&self) -> &str {
        self.json["variants"][0]["id"].as_str().expect("a variant has an id")
    }
}

/// What must never be found: stock that is not the sum of its movements, or is reserved for nobody.
const BROKEN: [(&str, &str); 4] = [
    (
        "on hand is not what came and went",
        "SELECT variant_id, location_id, on_hand FROM stock EXCEPT
         SELECT variant_id, location_id, sum(quantity) FROM movement GROUP BY 1, 2",
    ),
    (
        "what came and went is not on hand",
        "SELECT variant_id, location_id, sum(quantity) FROM movement GROUP BY 1, 2 EXCEPT
         SELECT variant_id, location_id, on_hand FROM stock",
    ),
    (
        "reserved is not what reservations hold",
        "SELECT variant_id, location_id, reserved FROM stock EXCEPT
         SELECT s.variant_id, s.location_id, coalesce(sum(a.held), 0) FROM stock s
           LEFT JOIN (SELECT allocation.* FROM allocation JOIN reservation ON id = reservation_id WHERE ended = 0) a
             USING (variant_id, location_id) GROUP BY 1, 2",
    ),
    (
        "available is not what is free at active locations",
        "SELECT variant_id, available, 0 FROM item EXCEPT
         SELECT i.variant_id, coalesce(sum((s.on_hand - s.reserved) * l.active), 0), 0 FROM item i
           LEFT JOIN stock s USING (variant_id) LEFT JOIN location l ON l.id = s.location_id GROUP BY 1",
    ),
];

fn is_sound(file: &Path) {
    let database =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("inventory's database");
    for (what, sql) in BROKEN {
        let mut statement = database.prepare(sql).expect("a question");
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, String>(0)?, row.get::<_, rusqlite::types::Value>(1)?, row.get::<_, i64>(2)?))
        };
        let broken: Vec<_> =
            statement.query_map([], row).expect("an answer").map(|row| row.expect("a row")).collect();
        assert!(broken.is_empty(), "{what}: {broken:?}");
    }
}
