//! What was answered with 2xx is there after a kill, and the suite starts again as if nothing had been.

use serde_json::json;
use souk_tests::{PASSWORD, Person, Product, Suite, Until, lamp, user};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const HOST: &str = env!("CARGO_BIN_EXE_souk-host-to-kill");

/// How often the process is killed, and after how much load: soon after the start, and when it is warm.
const KILLS_AFTER_MS: [u64; 3] = [350, 700, 1100];

/// Every product gets it, in a second step.
const BRAND: &str = "Nordlys";

/// What the suite has promised, by answering 2xx.
#[derive(Default)]
struct Promised {
    /// E-mail addresses that are registered.
    accounts: Vec<String>,
    /// Products that are there, in exactly this version.
    products: Vec<Product>,
    /// Products that are there, as they are here or as the change that was cut off makes them.
    perhaps_changed: Vec<Product>,
    /// Refresh tokens that are worth a new pair.
    refresh_tokens: Vec<String>,
}

impl Promised {
    fn extend(&mut self, other: Self) {
        self.accounts.extend(other.accounts);
        self.products.extend(other.products);
        self.perhaps_changed.extend(other.perhaps_changed);
        self.refresh_tokens.extend(other.refresh_tokens);
    }
}

/// How much has been promised so far, by all of the load together: a busy machine takes longer to do something.
#[derive(Default)]
struct Made {
    accounts: AtomicUsize,
    products: AtomicUsize,
}

/// What must have happened before a kill proves anything.
const ENOUGH: usize = 2;

impl Made {
    async fn is_enough(&self) {
        let started = Instant::now();
        while self.accounts.load(Relaxed) < ENOUGH || self.products.load(Relaxed) < ENOUGH {
            assert!(started.elapsed() < Duration::from_secs(60), "nothing happens");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Registers one person after the other, until the suite dies.
async fn registers(stranger: Person, made: Arc<Made>) -> Promised {
    let mut promised = Promised::default();
    loop {
        let user = user("ana");
        match stranger.post("/api/v1/users", &user).attempt().await {
            Ok(answer) if answer.is_success() => {
                promised.accounts.extend(user["email"].as_str().map(str::to_owned));
                made.accounts.fetch_add(1, Relaxed);
            }
            _ => return promised,
        }
    }
}

/// Adds products and changes each, until the suite dies.
async fn changes_products(merchant: Person, made: Arc<Made>) -> Promised {
    let mut promised = Promised::default();
    loop {
        let added = match merchant.post("/api/v1/products", &lamp()).attempt().await {
            Ok(answer) if answer.is_success() => Product::from(&answer),
            _ => return promised,
        };
        let path = format!("/api/v1/products/{}", added.id());
        match merchant.patch(path, &json!({"brand": BRAND})).if_match(&added.etag).attempt().await {
            Ok(answer) if answer.is_success() => {
                promised.products.push(Product::from(&answer));
                made.products.fetch_add(1, Relaxed);
            }
            _ => {
                promised.perhaps_changed.push(added);
                return promised;
            }
        }
    }
}

/// Refreshes a session again and again, until the suite dies.
async fn refreshes(person: Person, stop: tokio::sync::watch::Receiver<bool>) -> Promised {
    let mut newest = person.tokens().await.refresh;
    while !*stop.borrow() {
        let request = json!({"refresh_token": newest});
        match person.post("/api/v1/auth/refresh", &request).without_token().attempt().await {
            Ok(answer) if answer.is_success() => newest = answer.text("/refresh_token").to_owned(),
            // Cut off: the token may have been used up, and the new one is lost. Nothing was promised.
            _ => return Promised::default(),
        }
    }
    Promised { refresh_tokens: vec![newest], ..Promised::default() }
}

async fn is_killed_under_load(shop: &mut Suite, after: Duration) -> Promised {
    let (merchant, bob, eve) = (shop.merchant().await, shop.sign_up("bob").await, shop.sign_up("eve").await);
    for person in [&merchant, &bob, &eve] {
        person.tokens().await;
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut load = JoinSet::new();
    let made = Arc::new(Made::default());
    load.spawn(registers(shop.stranger(), made.clone()));
    load.spawn(registers(shop.stranger(), made.clone()));
    load.spawn(changes_products(merchant.clone(), made.clone()));
    load.spawn(changes_products(merchant, made.clone()));
    load.spawn(refreshes(bob, stopped.clone()));
    load.spawn(refreshes(eve, stopped));
    tokio::time::sleep(after).await;
    made.is_enough().await;
    // Just before the end, so that the newest refresh token is most likely one that was answered.
    stop.send_replace(true);
    tokio::time::sleep(Duration::from_millis(20)).await;
    shop.is_killed().await;
    let mut promised = Promised::default();
    while let Some(part) = load.join_next().await {
        promised.extend(part.expect("the load goes on until it is cut off"));
    }
    promised
}

async fn is_kept(shop: &Suite, promised: &Promised) {
    let (admin, stranger) = (shop.admin().await, shop.stranger());
    for email in &promised.accounts {
        let found = admin.get(format!("/api/v1/users?q={email}")).await.is(200);
        assert_eq!(found.text("/items/0/email"), email);
    }
    // Checking a password takes a while; one is enough to see that it is stored too.
    if let Some(email) = promised.accounts.last() {
        stranger.signs_in_as(email, PASSWORD).await.is(200).accept();
    }
    for product in &promised.products {
        assert_eq!(Product::from(&stranger.reads(product).await.is(200)).etag, product.etag);
    }
    for product in &promised.perhaps_changed {
        let now = Product::from(&stranger.reads(product).await.is(200));
        assert!(now.etag == product.etag || now.json["brand"] == BRAND, "{now:?} was {product:?}");
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
        let promised = is_killed_under_load(&mut shop, Duration::from_millis(after)).await;
        shop.starts_again().await;
        is_kept(&shop, &promised).await;
        // A refresh token is used up by looking whether it works.
        everything.extend(Promised { refresh_tokens: Vec::new(), ..promised });
    }
    let (accounts, products) = (everything.accounts.len(), everything.products.len());
    assert!(accounts > 2 && products > 2, "too little happened: {accounts} accounts, {products} products");
    is_kept(&shop, &everything).await;
}

#[tokio::test]
async fn what_was_promised_survives_a_kill_in_process() {
    let Some(mut shop) = Suite::own().await else { return };
    shop.expects_faults();
    let promised = is_killed_under_load(&mut shop, Duration::from_millis(800)).await;
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
    ana.reads_profile().await.is(200).accept(); // The gateway has auth's keys from now on.
    // auth cannot be told that the account is gone, until the suite is killed and starts again.
    shop.faults().unreachable("auth", Until::Cleared);
    ana.deletes_account().await.is(204).accept();
    shop.is_killed().await;
    shop.starts_again().await;
    shop.has_delivered().await;
    ana.refreshes(&tokens.refresh).await.is_refused_somehow();
}
