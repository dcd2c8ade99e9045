//! The shop under `kill -9`: whatever is sold, called off and given back when the process dies, the books are right after
//! it has started again. `cargo xtask chaos --rounds N` runs it for longer.

use rand_like::Dice;
use serde_json::{Value, json};
use souk_tests::ledger::{euro, outside};
use souk_tests::orders::{Cart, GOOD_CARD, Order, agreed, order_of};
use souk_tests::paypal::{self, Options, Sandbox, Trouble};
use souk_tests::{Answer, Person, Product, Suite, Until, unique};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const HOST: &str = env!("CARGO_BIN_EXE_souk-host-to-kill");

/// How often the process is killed, unless `CHAOS_ROUNDS` says otherwise.
const ROUNDS: usize = 50;
/// Buyers at once.
const BUYERS: usize = 4;
/// The load goes on for up to so many milliseconds before a kill.
const LONGEST_MS: u64 = 400;

/// What a wallet has at first, in cents: more than anybody spends.
const RICH: i64 = 100_000_000;

/// Somebody who buys until the suite dies: a guest, or a person with a wallet.
#[derive(Clone)]
struct Buyer {
    person: Person,
    has_wallet: bool,
    paypal: Arc<Sandbox>,
}

/// Half of them are guests, half have wallets.
async fn buyers(shop: &Suite, paypal: &Arc<Sandbox>) -> Vec<Buyer> {
    let mut buyers = Vec::new();
    for number in 0..BUYERS {
        let has_wallet = number % 2 == 1;
        let person = if has_wallet { shop.sign_up("ana").await } else { shop.stranger() };
        if has_wallet {
            let wallet = person.opens_wallet("EUR").await;
            shop.admin().await.deposits(&wallet, RICH).await.is(201).accept();
        }
        buyers.push(Buyer { person, has_wallet, paypal: Arc::clone(paypal) });
    }
    buyers
}

/// Chance that a failed run can repeat: the seed is in the message.
mod rand_like {
    /// SplitMix64 (Steele, Lea, Flood 2014): good enough to vary a test.
    pub struct Dice(pub u64);

    impl Dice {
        /// A number below `sides`.
        pub fn roll(&mut self, sides: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % sides
        }
    }
}

/// What an order was promised: the state that it must have come to, or gone beyond.
struct Promise {
    order: Order,
    key: String,
    request: Value,
    paid: bool,
    cancelled: bool,
    /// A cancellation was on its way when the suite died: it may come before the news of the payment, which then goes back.
    cancelling: bool,
}

/// One order from the cart to wherever the dice lead; nothing when the suite died before it was placed.
async fn buys(buyer: &Buyer, admin: &Person, lamp: &Product, dice: &mut Dice) -> Option<(Promise, bool)> {
    let guest = &buyer.person;
    let cart = guest.post("/api/v1/carts", &json!({})).attempt().await.ok()?;
    let cart =
        Cart { id: cart.text("/id").to_owned(), token: cart.json()["token"].as_str().map(str::to_owned) };
    let token = cart.token.clone().unwrap_or_default();
    let line = json!({"variant_id": lamp.variant(), "quantity": 1 + dice.roll(3)});
    let path = format!("/api/v1/carts/{}", cart.id);
    guest.post(format!("{path}/lines"), &line).header("guest-token", &token).attempt().await.ok()?.accept();
    let change = json!({"destination": {"country": "FR"}, "shipping_method": "standard"});
    let seen = guest.patch(&path, &change).header("guest-token", &token).attempt().await.ok()?;
    let (total, key) = (seen.json()["totals"]["total"].clone(), unique("order"));
    let body = order_of(&cart, &total);
    let placed =
        guest.post("/api/v1/orders", &body).key(&key).header("guest-token", &token).attempt().await.ok()?;
    if !placed.is_success() {
        placed.accept(); // It was dying.
        return None;
    }
    let order = Order { json: placed.json().clone(), token: Some(token.clone()) };
    let mut promise = Promise { order, key, request: body, paid: false, cancelled: false, cancelling: false };
    let order = &promise.order;
    let path = format!("/api/v1/orders/{}", order.id());
    if dice.roll(4) == 0 && changes(guest, order, lamp, 1 + dice.roll(3)).await.is_none() {
        return Some((promise, false));
    }
    if dice.roll(5) == 0 {
        let cancel = guest.post(format!("{path}/cancel"), &json!({"reason": "chaos"}));
        let answer = cancel.key(&unique("k")).header("guest-token", &token).attempt().await;
        promise.cancelled = answer.as_ref().is_ok_and(Answer::is_success);
        return Some((promise, answer.is_ok()));
    }
    let Some(paid) = pays(buyer, admin, order, dice).await else { return Some((promise, false)) };
    promise.paid = paid;
    if !paid {
        return Some((promise, true));
    }
    let (what, body) = match dice.roll(4) {
        0 => ("cancel", json!({"reason": "chaos"})),
        1 => ("refunds", json!({"amount": {"amount": 100, "currency": "EUR"}, "reason": "chaos"})),
        2 => ("shipments", json!({"carrier": "chaos"})),
        _ => return Some((promise, true)),
    };
    let answer = admin.post(format!("{path}/{what}"), &body).key(&unique("k")).attempt().await;
    promise.cancelling = what == "cancel";
    promise.cancelled = promise.cancelling && answer.as_ref().is_ok_and(Answer::is_success);
    Some((promise, answer.is_ok()))
}

/// Pays by card, from the wallet, with PayPal, or by a transfer that comes in at the bank; whether that was done, and nothing
/// when the suite died before it answered.
async fn pays(buyer: &Buyer, admin: &Person, order: &Order, dice: &mut Dice) -> Option<bool> {
    let method = match dice.roll(if buyer.has_wallet { 5 } else { 3 }) {
        0 => json!({"type": "card", "number": GOOD_CARD, "expiry": "12/40", "cvc": "123"}),
        1 => json!({"type": "bank_transfer"}),
        2 => return pays_with_paypal(buyer, order, dice).await,
        _ => json!({"type": "wallet"}),
    };
    let secret = order.json["payment"]["client_secret"].as_str().unwrap_or_default();
    let path = format!("/api/v1/payments/intents/{}/confirm", order.payment());
    let confirm = buyer.person.post(path, &json!({"method": method}));
    let told = confirm.header("client-secret", secret).key(&unique("k")).attempt().await.ok()?;
    if !told.is_success() || method["type"] != "bank_transfer" {
        let is_paid = told.is_success() && told.text("/state") == "captured";
        told.accept();
        return Some(is_paid);
    }
    let action = &told.json()["action"];
    // Some transfers come in two parts, some with a little too much.
    let amount = action["amount"]["amount"].as_i64().unwrap_or_default();
    let parts =
        if dice.roll(3) == 0 { vec![1, amount - 1] } else { vec![amount + i64::from(dice.roll(3) == 0)] };
    for cents in parts {
        let incoming = json!({"iban": action["iban"], "amount": euro(cents), "name": "Ana Silva",
            "reference": action["reference"], "end_to_end_id": unique("e2e"), "from_iban": outside("0001")});
        let incoming = admin.post("/api/v1/clearing/incoming", &incoming).key(&unique("k"));
        let came = incoming.attempt().await.ok()?;
        if !came.is_success() {
            came.accept(); // It was dying.
            return Some(false);
        }
    }
    Some(true)
}

/// Approves it on PayPal's page and comes back. Some of PayPal's answers are lost, before they have had an effect or after.
async fn pays_with_paypal(buyer: &Buyer, order: &Order, dice: &mut Dice) -> Option<bool> {
    let operations = ["orders.create", "orders.get", "orders.capture", "captures.refund"];
    if dice.roll(3) == 0 {
        let trouble = if dice.roll(2) == 0 { Trouble::LostBefore } else { Trouble::LostAfter };
        buyer.paypal.ails(operations[dice.roll(4) as usize], trouble);
    }
    let secret = order.json["payment"]["client_secret"].as_str().unwrap_or_default();
    let path = format!("/api/v1/payments/intents/{}", order.payment());
    let confirm = buyer.person.post(format!("{path}/confirm"), &paypal::paying());
    let told = confirm.header("client-secret", secret).key(&unique("k")).attempt().await.ok()?;
    if !told.is_success() || told.text("/state") != "requires_action" {
        told.accept(); // It was dying, or PayPal's answer was lost.
        return Some(false);
    }
    paypal::chooses(told.text("/action/url"), "approve", "balance").await;
    let back = buyer.person.post(format!("{path}/continue"), &json!({}));
    let told = back.header("client-secret", secret).attempt().await.ok()?;
    let is_paid = told.is_success() && told.text("/state") == "captured";
    told.accept();
    Some(is_paid)
}

/// Has payments ask now what they would ask in a minute: what became of those who were on PayPal's page.
async fn asks_paypal(shop: &Suite) {
    let database = rusqlite::Connection::open(shop.state().join("payments.db")).expect("its database");
    database.busy_timeout(Duration::from_secs(10)).expect("a timeout");
    let sql = "UPDATE attempts SET ask_at = 0 WHERE provider = 'paypal' AND state = 'requires_action'";
    database.execute(sql, []).expect("its tables");
    drop(database);
    shop.ticks().await;
}

/// PayPal has taken, and given back, what payments believe it has.
fn paypal_agrees(shop: &Suite, paypal: &Sandbox) {
    let taken: i64 = paypal.captures().iter().map(|it| it.amount.units - it.refunded).sum();
    let database = rusqlite::Connection::open(shop.state().join("payments.db")).expect("its database");
    let sql = "SELECT coalesce(sum(i.captured - i.refunded), 0) FROM intents i JOIN attempts a ON a.intent_id = i.id
                WHERE a.provider = 'paypal' AND a.state = 'captured'";
    let believed: i64 = database.query_row(sql, [], |row| row.get(0)).expect("a number");
    assert_eq!(taken, believed, "PayPal has other money than payments believe");
}

/// Wants another number of units in an order that is not paid; nothing when the suite died before it answered.
async fn changes(guest: &Person, order: &Order, lamp: &Product, units: u64) -> Option<()> {
    let lines = json!({"lines": [{"variant_id": lamp.variant(), "quantity": units}]});
    let mut total = json!({"amount": 0, "currency": "EUR"});
    for _ in 0..2 {
        let request = guest.patch(order.path(), &agreed(&lines, &total)).key(&unique("k"));
        let request = request.header("guest-token", order.token.as_deref().unwrap_or_default());
        let answer = request.attempt().await.ok()?;
        total = answer.json()["total"].clone();
        answer.accept();
    }
    Some(())
}

/// Buys until the suite dies.
async fn keeps_buying(
    (buyer, admin): (Buyer, Person),
    lamp: Product,
    mut dice: Dice,
    placed: Arc<AtomicUsize>,
) -> Vec<(Person, Promise)> {
    let mut promised = Vec::new();
    while let Some((promise, goes_on)) = buys(&buyer, &admin, &lamp, &mut dice).await {
        promised.push((buyer.person.clone(), promise));
        placed.fetch_add(1, Relaxed);
        if !goes_on {
            break;
        }
    }
    promised
}

async fn round(shop: &mut Suite, buyers: &[Buyer], lamp: &Product, seed: u64) -> Vec<(Person, Promise)> {
    let mut dice = Dice(seed);
    let admin = shop.admin().await;
    admin.tokens().await;
    let (mut load, placed) = (JoinSet::new(), Arc::new(AtomicUsize::new(0)));
    for (number, buyer) in (1_u64..).zip(buyers) {
        let dice = Dice(seed ^ number << 32);
        load.spawn(keeps_buying((buyer.clone(), admin.clone()), lamp.clone(), dice, placed.clone()));
    }
    let started = Instant::now();
    while placed.load(Relaxed) == 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing is sold");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(dice.roll(LONGEST_MS))).await;
    shop.is_killed().await;
    let mut promised = Vec::new();
    while let Some(part) = load.join_next().await {
        promised.extend(part.expect("the load goes on until it is cut off"));
    }
    shop.starts_again().await;
    promised
}

/// What was answered is so, and asking again with the same key orders nothing.
async fn is_kept(promised: &[(Person, Promise)]) {
    for (buyer, promise) in promised {
        let now = buyer.reads_order(&promise.order).await.is(200);
        let state = now.text("/state");
        assert!(!promise.cancelled || state == "cancelled", "{now} was cancelled");
        let paid = now.json()["paid_at"].is_string();
        assert!(!promise.paid || paid || promise.cancelling, "{now} was paid");
    }
    let Some((buyer, last)) = promised.last() else { return };
    let again = buyer.post("/api/v1/orders", &last.request).key(&last.key);
    let again = again.header("guest-token", last.order.token.as_deref().unwrap_or_default()).await.is(201);
    assert_eq!(again.json(), &last.order.json);
}

/// How many payments a provider took.
fn captured_by(shop: &Suite, provider: &str) -> i64 {
    let database = rusqlite::Connection::open(shop.state().join("payments.db")).expect("its database");
    let sql = "SELECT count(*) FROM attempts WHERE provider = ?1 AND state = 'captured'";
    database.query_row(sql, [provider], |row| row.get(0)).expect("a number")
}

/// What payments, orders, billing and the ledger say is the same.
async fn agrees_everywhere(shop: &Suite) {
    let (admin, mut cursor) = (shop.admin().await, String::new());
    loop {
        let page = admin.get(format!("/api/v1/transactions/reconciliation?limit=500{cursor}")).await.is(200);
        assert_eq!(page.json()["differences"], json!([]), "the books do not agree");
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return,
        }
    }
}

#[tokio::test]
async fn the_books_are_right_after_every_kill() {
    let paypal = Arc::new(Sandbox::start(Options::default()).expect("a stand-in"));
    let variables = paypal::variables(&paypal, "offline");
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let Some(mut shop) = Suite::in_a_process_with(HOST, &variables).await else { return };
    shop.expects_faults();
    let rounds = std::env::var("CHAOS_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let (lamp, buyers) = (shop.has_lamps(900_000).await, buyers(&shop, &paypal).await);
    let mut sold = 0;
    for number in 0..rounds {
        paypal.tells(&format!("{}/api/v1/payments/webhooks/paypal", shop.url()));
        let promised = round(&mut shop, &buyers, &lamp, number as u64).await;
        asks_paypal(&shop).await;
        shop.has_sound_books().await;
        shop.has_a_sound_ledger();
        agrees_everywhere(&shop).await;
        paypal_agrees(&shop, &paypal);
        is_kept(&promised).await;
        sold += promised.len();
    }
    assert!(sold >= rounds, "only {sold} orders in {rounds} rounds");
    if rounds >= ROUNDS {
        for provider in ["card-simulator", "wallet", "bank-transfer", "paypal"] {
            assert!(captured_by(&shop, provider) > 0, "nothing was paid by {provider}");
        }
    }
}

/// Buys while one service after the other fails: whatever is answered, nothing is half done.
#[tokio::test]
async fn the_books_are_right_after_every_failure_of_a_service() {
    let Some(shop) = Suite::own().await else { return };
    let (guest, admin) = (shop.stranger(), shop.admin().await);
    let lamp = shop.has_lamps(900_000).await;
    let mut dice = Dice(7);
    for service in ["products", "rules", "inventory", "payments", "billing", "customers"] {
        shop.faults().unreachable(service, Until::Cleared);
        for _ in 0..2 {
            let buying = buys_what_can_be_bought(&guest, &admin, &lamp, &mut dice);
            let answered = tokio::time::timeout(Duration::from_secs(40), buying).await;
            assert!(answered.is_ok(), "without {service} nobody was answered in time");
        }
        shop.faults().clear();
        shop.has_sound_books().await;
        guest.buys(&lamp, 1).await;
    }
    shop.has_sound_books().await;
}

/// One order as far as it goes: refusals are clear answers, judged as they come.
async fn buys_what_can_be_bought(guest: &Person, admin: &Person, lamp: &Product, dice: &mut Dice) {
    let cart = guest.begins_cart().await;
    let added = guest.puts(&cart, lamp, 1).await;
    if !added.is_success() {
        return added.accept();
    }
    let change = json!({"destination": {"country": "FR"}, "shipping_method": "standard"});
    let seen = guest.changes_cart(&cart, &change).await;
    if !seen.is_success() {
        return seen.accept();
    }
    let total = seen.json()["totals"]["total"].clone();
    let placed = guest.tries_to_order(&cart, &total, &unique("order")).await;
    if !placed.is_success() {
        return placed.accept();
    }
    let order = Order { json: placed.json().clone(), token: cart.token };
    guest.pays_with(&order, GOOD_CARD).await.accept();
    if dice.roll(2) == 0 {
        admin.does(&order, "cancel", &json!({"reason": "chaos"})).await.accept();
    }
}
