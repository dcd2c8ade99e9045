//! Each service in turn unreachable, failing, trapping, slow, hanging, or losing its answers, while people order, pay, cancel,
//! get their money back and their parcels: what does not need the service goes on, the rest is answered clearly and in
//! time, and whoever asks again with the same key afterwards gets what they wanted, once.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::orders::{GOOD_CARD, Order, home, order_of};
use souk_tests::{Answer, Faults, Person, Product, Suite, Until, unique};
use std::time::{Duration, Instant};

/// Longer than anything may take: an answer after it comes from a time limit that does not work.
const HANG: Duration = Duration::from_secs(40);

const SERVICES: &[&str] = &[
    "products",
    "rules",
    "inventory",
    "payments",
    "billing",
    "customers",
    "orders",
    "prices",
    "auth",
    "users",
];

/// Something that somebody wants, and asks for until it is done.
struct Wish<'p> {
    name: &'static str,
    who: &'p Person,
    path: String,
    body: Value,
    headers: Vec<(&'static str, String)>,
    key: String,
}

impl Wish<'_> {
    async fn is_asked(&self) -> Answer {
        let mut request = self.who.post(&self.path, &self.body).key(&self.key);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.await
    }
}

/// What may have to wait while a service is down. Everything else works.
fn waits(service: &str) -> &'static [&'static str] {
    match service {
        "products" | "inventory" => &["order", "order to an address of the customer's"],
        // The fallback may be another price, which the buyer is told.
        "rules" => &["order", "order to an address of the customer's"],
        "payments" => &["order", "order to an address of the customer's", "pay"],
        "customers" => &["order to an address of the customer's"],
        "orders" => &[
            "order",
            "order to an address of the customer's",
            "cancel",
            "cancel what is paid",
            "refund",
            "ship",
        ],
        // The gateway knows the keys, and an event waits for whom it is for.
        _ => &[],
    }
}

/// A day in the shop: orders at every stage.
struct Day {
    ana: Person,
    admin: Person,
    guest: Person,
    lamp: Product,
    address: String,
}

struct Orders {
    to_pay: Order,
    to_cancel: Order,
    to_cancel_paid: Order,
    to_refund: Order,
    to_ship: Order,
}

impl Day {
    async fn begins(shop: &Suite) -> Self {
        let (ana, admin, lamp) = (shop.sign_up("ana").await, shop.admin().await, shop.has_lamps(900).await);
        let kept = ana.post("/api/v1/customers/me/addresses", &json!({"address": home()})).await.is(201);
        let address = kept.text("/id").to_owned();
        Self { ana, admin, guest: shop.stranger(), lamp, address }
    }

    async fn has_orders(&self) -> Orders {
        let paid = async || {
            let order = self.ana.orders(&self.lamp, 1).await;
            self.ana.pays_with(&order, GOOD_CARD).await.is(200).accept();
            self.ana.sees(&order, "paid").await;
            order
        };
        Orders {
            to_pay: self.ana.orders(&self.lamp, 1).await,
            to_cancel: self.ana.orders(&self.lamp, 1).await,
            to_cancel_paid: paid().await,
            to_refund: paid().await,
            to_ship: paid().await,
        }
    }

    fn wish<'p>(&self, name: &'static str, who: &'p Person, path: String, body: Value) -> Wish<'p> {
        Wish { name, who, path, body, headers: Vec::new(), key: unique("wish") }
    }

    async fn wishes(&self, orders: &Orders) -> Vec<Wish<'_>> {
        let (cart, total) = self.guest.fills_cart(&self.lamp, 1).await;
        let token = cart.token.clone().expect("a guest's token");
        let order = order_of(&cart, &total);
        let (cart, total) = self.ana.fills_cart(&self.lamp, 1).await;
        let to_address = json!({"cart_id": cart.id, "shipping_address_id": self.address,
            "shipping_method": "standard", "expected_total": total});
        let placed = || "/api/v1/orders".to_owned();
        let of = |order: &Order, what: &str| format!("/api/v1/orders/{}/{what}", order.id());
        let off = json!({"reason": "changed my mind"});
        let cents = json!({"amount": {"amount": 100, "currency": "EUR"}, "reason": "scratched"});
        let card = json!({"method": {"type": "card", "number": GOOD_CARD, "expiry": "12/40", "cvc": "123"}});
        let confirm = format!("/api/v1/payments/intents/{}/confirm", orders.to_pay.payment());
        let secret = orders.to_pay.json["payment"]["client_secret"].as_str().expect("a secret").to_owned();
        let (ana, admin) = (&self.ana, &self.admin);
        vec![
            Wish {
                headers: vec![("guest-token", token)],
                ..self.wish("order", &self.guest, placed(), order)
            },
            self.wish("order to an address of the customer's", ana, placed(), to_address),
            Wish { headers: vec![("client-secret", secret)], ..self.wish("pay", ana, confirm, card) },
            self.wish("cancel", ana, of(&orders.to_cancel, "cancel"), off.clone()),
            self.wish("cancel what is paid", ana, of(&orders.to_cancel_paid, "cancel"), off),
            self.wish("refund", admin, of(&orders.to_refund, "refunds"), cents),
            self.wish("ship", admin, of(&orders.to_ship, "shipments"), json!({"carrier": "DHL"})),
        ]
    }

    /// How many orders there are.
    async fn orders(&self) -> usize {
        let list = self.admin.get("/api/v1/orders?limit=100").await.is(200);
        list.json()["items"].as_array().map_or(0, Vec::len)
    }

    /// All that was wished for has come true.
    async fn is_done(&self, orders: &Orders) {
        let ana = &self.ana;
        ana.sees_that(&orders.to_pay, |now| now["state"] == "paid" && now["invoice"].is_string()).await;
        ana.sees(&orders.to_cancel, "cancelled").await;
        let all = orders.to_cancel_paid.total();
        ana.sees_that(&orders.to_cancel_paid, |now| {
            now["state"] == "cancelled" && now["refunded"]["amount"] == all
        })
        .await;
        ana.sees_that(&orders.to_refund, |now| now["state"] == "paid" && now["refunded"]["amount"] == 100)
            .await;
        ana.sees(&orders.to_ship, "shipped").await;
    }
}

/// The part that has to do with the service that is down: a clear fault, or a price that must be agreed to.
fn is_clear(service: &str, wish: &Wish<'_>, answer: &Answer) {
    let clear = match answer.status.as_u16() {
        502..=504 => true,
        409 => service == "rules" && answer.kind() == Some("total-changed"),
        _ => false,
    };
    assert!(clear && waits(service).contains(&wish.name), "{} without {service}: {answer}", wish.name);
}

/// One service is in trouble while everything is wished for; then it is not.
async fn trouble(shop: &Suite, day: &Day, service: &str, inject: impl Fn(&Faults, &str)) {
    let orders = day.has_orders().await;
    let wishes = day.wishes(&orders).await;
    let before = day.orders().await;
    let started = Instant::now();
    inject(&shop.faults(), service);
    let answers = join_all(wishes.iter().map(Wish::is_asked)).await;
    assert!(started.elapsed() < HANG, "{service}: it took {:?}", started.elapsed());
    let mut left = Vec::new();
    for (wish, answer) in wishes.iter().zip(answers) {
        if !answer.is_success() {
            is_clear(service, wish, &answer);
            left.push(wish);
        }
    }
    shop.faults().clear();
    for wish in left {
        let answer = wish.is_asked().await;
        assert!(answer.is_success(), "{} after {service}: {answer}", wish.name);
    }
    shop.has_sound_books().await;
    day.is_done(&orders).await;
    assert_eq!(day.orders().await, before + 2, "after {service}: two were placed, once each");
}

/// Every service in turn, in one shop.
async fn each_in_turn(inject: impl Fn(&Faults, &str)) {
    let Some(shop) = Suite::own().await else { return };
    let day = Day::begins(&shop).await;
    for service in SERVICES {
        trouble(&shop, &day, service, &inject).await;
    }
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_delays_what_needs_it_and_nothing_else() {
    each_in_turn(|faults, service| faults.unreachable(service, Until::Cleared)).await;
}

#[tokio::test]
async fn a_service_that_fails_delays_what_needs_it_and_nothing_else() {
    each_in_turn(|faults, service| faults.fail(service, 503, Until::Cleared)).await;
}

#[tokio::test]
async fn a_service_that_traps_delays_what_needs_it_and_nothing_else() {
    each_in_turn(|faults, service| faults.trap(service, Until::Cleared)).await;
}

/// The worst: it has done what it was asked, and nobody hears of it.
#[tokio::test]
async fn a_service_whose_answers_are_lost_does_nothing_twice() {
    each_in_turn(|faults, service| faults.mute(service, Until::Cleared)).await;
}

/// Every service in a shop of its own, since a wait is a wait.
async fn all_at_once(delay: Duration) {
    let shops = SERVICES.iter().map(async |service| {
        let shop = Suite::own().await?;
        let day = Day::begins(&shop).await;
        trouble(&shop, &day, service, |faults, service| faults.slow(service, delay, Until::Cleared)).await;
        Some(shop)
    });
    // They end together: the end of one would hold the others up.
    drop(join_all(shops).await);
}

#[tokio::test]
async fn a_service_that_is_slow_is_waited_for() {
    all_at_once(Duration::from_millis(700)).await;
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up_in_time() {
    all_at_once(3 * HANG).await;
}
