//! What was answered with 2xx is there after a power cut, and the suite starts again as if nothing had been.

use serde_json::json;
use souk_tests::{PASSWORD, Person, Product, Suite, lamp, user};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;

const HOST: &str = env!("CARGO_BIN_EXE_souk-host-to-kill");

/// How often the process is killed, and after how long: while it migrates, while it is warm, in between.
const KILLS_AFTER_MS: [u64; 3] = [350, 700, 1100];

/// What the suite has promised, by answering 2xx.
#[derive(Default)]
struct Promised {
    /// E-mail addresses that are registered.
    accounts: Vec<String>,
    /// Products as they were last answered.
    products: Vec<Product>,
    /// Refresh tokens that are worth a new pair.
    refresh_tokens: Vec<String>,
}

/// Registers one person after the other, until the suite dies.
async fn register(stranger: Person, stop: Arc<AtomicBool>) -> Promised {
    let mut promised = Promised::default();
    while !stop.load(Relaxed) {
        let user = user("ana");
        match stranger.post("/api/v1/users", &user).attempt().await {
            Ok(answer) if answer.is_success() => {
                promised.accounts.push(user["email"].as_str().unwrap().to_owned())
            }
            Ok(answer) => answer.accept(),
            Err(_) => break,
        }
    }
    promised
}

/// Adds products and renames each, until the suite dies.
async fn change_products(merchant: Person, stop: Arc<AtomicBool>) -> Promised {
    let mut promised = Promised::default();
    while !stop.load(Relaxed) {
        let added = match merchant.post("/api/v1/products", &lamp()).attempt().await {
            Ok(answer) if answer.is_success() => Product::from(&answer),
            Ok(answer) => {
                answer.accept();
                continue;
            }
            Err(_) => break,
        };
        let path = format!("/api/v1/products/{}", added.id());
        let changed =
            merchant.patch(path, &json!({"brand": "Nordlys"})).if_match(&added.etag).attempt().await;
        match changed {
            Ok(answer) if answer.is_success() => promised.products.push(Product::from(&answer)),
            // Cut off: it is either version, and the test does not know which.
            Ok(answer) => {
                answer.accept();
                promised.products.push(added)
            }
            Err(_) => break,
        }
    }
    promised
}

/// Refreshes a session again and again, until the suite dies.
async fn refresh(person: Person, stop: Arc<AtomicBool>) -> Promised {
    let mut newest = person.tokens().await.refresh;
    while !stop.load(Relaxed) {
        let request = json!({"refresh_token": newest});
        match person.post("/api/v1/auth/refresh", &request).without_token().attempt().await {
            Ok(answer) if answer.is_success() => newest = answer.text("/refresh_token").to_owned(),
            Ok(answer) => answer.accept(),
            // Cut off: the old token may have been used up, so nothing was promised.
            Err(_) => return Promised::default(),
        }
    }
    Promised { refresh_tokens: vec![newest], ..Promised::default() }
}

async fn under_load_is_killed(shop: &mut Suite, after: Duration) -> Promised {
    let (merchant, bob) = (shop.merchant().await, shop.sign_up("bob").await);
    merchant.tokens().await;
    bob.tokens().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    load.spawn(register(shop.stranger(), Arc::clone(&stop)));
    load.spawn(register(shop.stranger(), Arc::clone(&stop)));
    load.spawn(change_products(merchant.clone(), Arc::clone(&stop)));
    load.spawn(change_products(merchant, Arc::clone(&stop)));
    load.spawn(refresh(bob, Arc::clone(&stop)));
    tokio::time::sleep(after).await;
    shop.is_killed().await;
    stop.store(true, Relaxed);
    let mut promised = Promised::default();
    while let Some(part) = load.join_next().await {
        let part = part.expect("the load goes on until it is cut off");
        promised.accounts.extend(part.accounts);
        promised.products.extend(part.products);
        promised.refresh_tokens.extend(part.refresh_tokens);
    }
    promised
}

async fn is_kept(shop: &Suite, promised: &Promised) {
    let stranger = shop.stranger();
    for email in &promised.accounts {
        let again = json!({"email": email, "password": PASSWORD, "name": "ana"});
        stranger.registers(&again).await.is_refused(409, "email-taken");
    }
    // Checking a password takes a while; one is enough to see that whole rows are there.
    if let Some(email) = promised.accounts.last() {
        stranger.signs_in_as(email, PASSWORD).await.is(200).accept();
    }
    for product in &promised.products {
        let now = Product::from(&stranger.reads(product).await.is(200));
        assert!(now.json == product.json || now.etag != product.etag, "{now:?} was {product:?}");
    }
    for token in &promised.refresh_tokens {
        stranger.refreshes(token).await.is(200).accept();
    }
}

#[tokio::test]
async fn what_was_promised_survives_kill_9() {
    let Some(mut shop) = Suite::in_a_process(HOST).await else { return };
    // What a kill cuts off may be logged as an error by the next start.
    shop.expects_faults();
    let mut everything = Promised::default();
    for after in KILLS_AFTER_MS {
        let promised = under_load_is_killed(&mut shop, Duration::from_millis(after)).await;
        shop.starts_again().await;
        is_kept(&shop, &promised).await;
        everything.accounts.extend(promised.accounts);
        everything.products.extend(promised.products);
    }
    let (accounts, products) = (everything.accounts.len(), everything.products.len());
    assert!(accounts > 2 && products > 2, "too little happened: {accounts} accounts, {products} products");
    is_kept(&shop, &everything).await;
}

#[tokio::test]
async fn what_was_promised_survives_a_kill_in_process() {
    let Some(mut shop) = Suite::own().await else { return };
    shop.expects_faults();
    let promised = under_load_is_killed(&mut shop, Duration::from_millis(800)).await;
    shop.starts_again().await;
    is_kept(&shop, &promised).await;
}

#[tokio::test]
async fn tokens_outlive_a_restart() {
    let Some(mut shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    shop.is_stopped().await;
    shop.starts_again().await;
    ana.get("/api/v1/users/me").bearer(&tokens.access).await.is(200).accept();
    ana.refreshes(&tokens.refresh).await.is(200).accept();
}

#[tokio::test]
async fn an_event_that_a_kill_held_up_is_delivered_later() {
    let Some(mut shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let tokens = ana.tokens().await;
    // auth cannot be told that the account is gone, until the suite is killed and starts again.
    shop.faults().unreachable("auth", souk_tests::Until::Cleared);
    ana.deletes_account().await.accept();
    shop.is_killed().await;
    shop.starts_again().await;
    shop.has_delivered().await;
    ana.refreshes(&tokens.refresh).await.is_refused_somehow();
}
