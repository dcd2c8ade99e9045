//! Customers: who buys, where to, and what they agreed to.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::customers::address;
use souk_tests::opened::{Opened, id};
use souk_tests::{Person, Suite, unique};
use std::collections::HashSet;

#[tokio::test]
async fn a_customer_is_made_of_the_account_when_it_is_first_asked_for() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let customer = ana.reads_customer().await.is(200);
    assert_eq!(customer.text("/email"), ana.email());
    assert_eq!((customer.text("/name"), customer.text("/user_id")), ("ana", ana.id()));
    assert_eq!((customer.text("/language"), customer.text("/currency")), ("en", "EUR"));
    let again = ana.get(format!("/api/v1/customers/{}", customer.text("/id"))).await.is(200);
    assert_eq!(again.json(), customer.json());
    let tag = customer.etag().to_owned();
    ana.get("/api/v1/customers/me").header("if-none-match", tag).await.is(304).accept();
}

#[tokio::test]
async fn an_account_that_asks_many_times_at_once_has_one_customer() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    ana.signs_in().await;
    let ids: HashSet<String> = join_all((0..20).map(|_| ana.customer_id())).await.into_iter().collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn preferences_change_and_consents_keep_their_time() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let wanted = json!({"language": "fr", "currency": "CHF", "phone": "+41 44 668 18 00", "consents": {"newsletter": true}});
    let changed = ana.changes_customer(&wanted).await.is(200);
    assert_eq!((changed.text("/language"), changed.text("/currency")), ("fr", "CHF"));
    assert_eq!(changed.json()["consents"]["newsletter"]["given"], true);
    let again = json!({"name": null, "consents": {"newsletter": true, "analytics": false}});
    let again = ana.changes_customer(&again).await.is(200);
    assert_eq!(again.json()["name"], Value::Null);
    assert_eq!(again.json()["phone"], "+41 44 668 18 00");
    assert_eq!(again.json()["consents"]["newsletter"], changed.json()["consents"]["newsletter"]);
    assert_eq!(again.json()["consents"]["analytics"]["given"], false);
}

#[tokio::test]
async fn a_change_of_another_version_is_refused() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let first = ana.reads_customer().await.is(200).etag().to_owned();
    ana.changes_customer(&json!({"name": "Ana S."})).await.is(200).accept();
    let late = ana.patch("/api/v1/customers/me", &json!({"name": "Eve"})).if_match(&first).await;
    late.is_refused(412, "precondition-failed");
    ana.delete("/api/v1/customers/me").if_match(&first).await.is_refused(412, "precondition-failed");
    assert_eq!(ana.reads_customer().await.is(200).text("/name"), "Ana S.");
}

fn defaults(addresses: &[Value], which: &str) -> Vec<String> {
    let is_default = |entry: &&Value| entry[which] == true;
    addresses
        .iter()
        .filter(is_default)
        .map(|entry| entry["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn at_most_one_address_is_the_default() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let home = ana.adds_address(&address(), &json!({})).await.is(201);
    let home_id = home.text("/id").to_owned();
    assert!(home.header("location").is_some_and(|at| at.ends_with(&home_id)));
    assert_eq!(home.json()["default_shipping"], true);
    let office = ana.adds_address(&address(), &json!({"default_billing": true})).await.is(201);
    let addresses = ana.addresses().await;
    assert_eq!(defaults(&addresses, "default_shipping"), [home_id.as_str()]);
    assert_eq!(defaults(&addresses, "default_billing"), [office.text("/id")]);
    let path = format!("/api/v1/customers/me/addresses/{home_id}");
    // The other one's becoming the default has changed it.
    let late = ana.patch(&path, &json!({"default_billing": true})).if_match(home.etag()).await;
    late.is_refused(412, "precondition-failed");
    ana.patch(&path, &json!({"default_billing": true})).await.is(200).accept();
    assert_eq!(defaults(&ana.addresses().await, "default_billing"), [home_id.as_str()]);
    ana.delete(&path).await.is(204).accept();
    ana.get(&path).await.is_refused(404, "not-found");
    assert_eq!(ana.addresses().await.len(), 1);
}

#[tokio::test]
async fn of_many_defaults_added_at_once_one_is_left() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    ana.customer_id().await;
    let (address, both) = (address(), json!({"default_shipping": true, "default_billing": true}));
    let added = join_all((0..20).map(|_| ana.adds_address(&address, &both))).await;
    added.into_iter().for_each(|answer| answer.is(201).accept());
    let addresses = ana.addresses().await;
    assert_eq!(addresses.len(), 20);
    assert_eq!(defaults(&addresses, "default_shipping").len(), 1);
    assert_eq!(defaults(&addresses, "default_billing").len(), 1);
}

#[tokio::test]
async fn an_address_added_twice_with_its_key_is_added_once() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let (path, body) = ("/api/v1/customers/me/addresses", json!({"address": address()}));
    let first = ana.post(path, &body).key("a").await.is(201);
    let second = ana.post(path, &body).key("a").await.is(201);
    assert_eq!(first.json(), second.json());
    assert_eq!(ana.addresses().await.len(), 1);
    let other = json!({"address": address(), "default_billing": true});
    ana.post(path, &other).key("a").await.is_refused(422, "idempotency-key-reused");
}

#[tokio::test]
async fn nobody_has_more_than_a_hundred_addresses() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    ana.customer_id().await;
    let (address, nothing) = (address(), json!({}));
    let added = join_all((0..110).map(|_| ana.adds_address(&address, &nothing))).await;
    let refused = added.into_iter().filter(|answer| !answer.is_success());
    let refused: Vec<_> = refused.map(|answer| answer.is_refused(409, "too-many-addresses")).collect();
    assert_eq!(refused.len(), 10);
    assert_eq!(ana.addresses().await.len(), 100);
}

/// Everything that can be asked about a customer, by path.
async fn is_kept_out_of(person: &Person, customer: &str, address_id: &str) {
    let path = format!("/api/v1/customers/{customer}");
    let addresses = format!("{path}/addresses");
    let one = format!("{addresses}/{address_id}");
    for path in [&path, &addresses, &one, &format!("{path}/export")] {
        person.get(path).await.is_refused(404, "not-found");
    }
    person.patch(&path, &json!({"name": "mine"})).await.is_refused(404, "not-found");
    person.delete(&path).await.is_refused(404, "not-found");
    person.post(&addresses, &json!({"address": address()})).await.is_refused(404, "not-found");
    person.patch(&one, &json!({"default_billing": true})).await.is_refused(404, "not-found");
    person.delete(&one).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn somebody_elses_customer_is_not_there() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let entry = ana.adds_address(&address(), &json!({})).await.is(201);
    let (customer, entry) = (ana.customer_id().await, entry.text("/id").to_owned());
    is_kept_out_of(&bob, &customer, &entry).await;
    // Nor does somebody else's address become one's own by asking for it as such.
    bob.get(format!("/api/v1/customers/me/addresses/{entry}")).await.is_refused(404, "not-found");
    bob.delete(format!("/api/v1/customers/me/addresses/{entry}")).await.is_refused(404, "not-found");
    let merchant = shop.merchant().await;
    merchant.get(format!("/api/v1/customers/{customer}")).await.is(200).accept();
    merchant.get(format!("/api/v1/customers/{customer}/addresses/{entry}")).await.is(200).accept();
    assert_eq!(ana.addresses().await.len(), 1);
}

#[tokio::test]
async fn what_is_no_id_names_nothing() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    for path in
        ["you", "usr_06gzth8z0ssnb43t4fv629t6y8", "cus_", "me/addresses/x", "x/addresses/adr_", "me/export/x"]
    {
        ana.get(format!("/api/v1/customers/{path}")).await.is_refused(404, "not-found");
    }
}

#[tokio::test]
async fn merchants_keep_guests_and_find_people() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (word, email) = (unique("zoe").replace('-', ""), format!("{}@example.com", unique("guest")));
    let guest = json!({"email": email.to_uppercase(), "name": format!("Zoë {word}"), "consents": {"partners": false}});
    let added = merchant.post("/api/v1/customers", &guest).key("g").await.is(201);
    assert_eq!(added.text("/email"), email);
    assert_eq!(added.json()["user_id"], Value::Null);
    let again = merchant.post("/api/v1/customers", &guest).key("g").await.is(201);
    assert_eq!(again.json(), added.json());
    for query in [format!("q=ZOE {word}"), format!("q={email}"), format!("email={email}")] {
        let found = merchant.get(format!("/api/v1/customers?{}", query.replace(' ', "%20"))).await.is(200);
        assert_eq!(found.json()["items"].as_array().map(Vec::len), Some(1), "{query}");
        assert_eq!(found.text("/items/0/id"), added.text("/id"), "{query}");
    }
    let nobody = merchant.get("/api/v1/customers?q=%25").await.is(200);
    assert_eq!(nobody.json()["items"], json!([]));
    let path = format!("/api/v1/customers/{}", added.text("/id"));
    merchant.patch(&path, &json!({"name": "Zoe"})).await.is(200).accept();
    merchant.post(format!("{path}/addresses"), &json!({"address": address()})).await.is(201).accept();
}

#[tokio::test]
async fn pages_of_customers_do_not_overlap() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let word = unique("page").replace('-', "");
    for _ in 0..5 {
        let guest = json!({"email": format!("{word}@example.com"), "name": "Guest"});
        merchant.post("/api/v1/customers", &guest).await.is(201).accept();
    }
    let (mut seen, mut next) = (HashSet::new(), String::new());
    loop {
        let page = merchant.get(format!("/api/v1/customers?q={word}&limit=2{next}")).await.is(200);
        for customer in page.json()["items"].as_array().expect("a list") {
            assert!(seen.insert(customer["id"].as_str().expect("an id").to_owned()));
        }
        match page.json()["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
}

#[tokio::test]
async fn an_account_has_one_customer() {
    let shop = Suite::start().await;
    let (merchant, ana) = (shop.merchant().await, shop.sign_up("ana").await);
    let customer = json!({"email": "ana@example.com", "user_id": ana.id()});
    merchant.post("/api/v1/customers", &customer).await.is(201).accept();
    let second = merchant.post("/api/v1/customers", &customer).await;
    second.is_refused(409, "customer-exists").with_field("/user_id");
    assert_eq!(ana.reads_customer().await.is(200).text("/email"), "ana@example.com");
    let nobody = json!({"email": "x@example.com", "user_id": id("usr")});
    merchant
        .post("/api/v1/customers", &nobody)
        .await
        .is_refused(422, "invalid-request")
        .with_field("/user_id");
}

#[tokio::test]
async fn everything_wrong_with_a_customer_is_told_at_once() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let bad = json!({"email": "no", "name": "a\nb", "phone": "call me", "language": "de", "currency": "EURO",
        "consents": {"newsletter": "yes"}, "id": 1});
    let refused = merchant.post("/api/v1/customers", &bad).await.is_refused(422, "invalid-request");
    refused.with_fields(&[
        "/email",
        "/name",
        "/phone",
        "/language",
        "/currency",
        "/consents/newsletter",
        "/id",
    ]);
    merchant
        .post("/api/v1/customers", &json!({}))
        .await
        .is_refused(422, "invalid-request")
        .with_fields(&["/email"]);
    for (change, field) in [
        (json!({"email": null}), "/email"),
        (json!({"language": null}), "/language"),
        (json!({"consents": {"everything": true}}), "/consents/everything"),
        (json!({"user_id": null}), "/user_id"),
        (json!({"name": "x".repeat(201)}), "/name"),
    ] {
        merchant.changes_customer(&change).await.is_refused(422, "invalid-request").with_field(field);
    }
    for query in ["limit=0", "limit=x", "who=me", "cursor=x", "q="] {
        merchant.get(format!("/api/v1/customers?{query}")).await.is_refused_somehow();
    }
}

#[tokio::test]
async fn a_country_says_what_an_address_needs() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    for (field, value, blamed) in [
        ("postal_code", json!("7500"), "/address/postal_code"),
        ("postal_code", Value::Null, "/address/postal_code"),
        ("country", json!("XX"), "/address/country"),
        ("country", json!("US"), "/address/region"),
        ("line1", json!(" "), "/address/line1"),
        ("planet", json!("earth"), "/address/planet"),
    ] {
        let mut bad = address();
        bad[field] = value;
        ana.adds_address(&bad, &json!({})).await.is_refused(422, "invalid-request").with_field(blamed);
    }
    assert_eq!(ana.addresses().await, Vec::<Value>::new());
}

#[tokio::test]
async fn orders_learn_who_buys() {
    let Some(suite) = Opened::starts(&[("customers", "/internal/customers/...")]).await else { return };
    let ana = suite.shop.sign_up("ana").await;
    let path = format!("/internal/customers/by-user/{}", ana.id());
    let unknown = suite.asks("orders", "customers", &path).await.is(200);
    assert_eq!(
        (unknown.text("/email"), unknown.json()["addresses"].as_array().map(Vec::len)),
        (ana.email(), Some(0))
    );
    ana.adds_address(&address(), &json!({})).await.is(201).accept();
    let known = suite.asks("orders", "customers", &path).await.is(200);
    assert_eq!(known.text("/id"), unknown.text("/id"));
    assert_eq!(known.text("/addresses/0/address/city"), "Paris");
    assert_eq!(known.json()["addresses"][0]["default_shipping"], true);
    let nobody = format!("/internal/customers/by-user/{}", id("usr"));
    suite.asks("orders", "customers", &nobody).await.is_refused(404, "not-found");
    suite.asks("billing", "customers", &path).await.is_refused(403, "forbidden");
    suite.shop.stranger().get(&path).await.is_refused(401, "unauthenticated");
}
