//! Nobody gets in without the right token: every operation that the suite documents, one by one.
//!
//! An operation that strangers may use is listed in `open_to_strangers.txt`. A new line there opens a door: it needs a
//! reason, and a reviewer who agrees with it.

use http::Method;
use souk_tests::contract::{self, Operation, operations};
use souk_tests::{Answer, Person, Suite, root};
use std::collections::BTreeSet;

/// What every customer may do. Whatever asks for more is refused to them.
const CUSTOMERS_SCOPE: &str = "account";

fn open_to_strangers() -> BTreeSet<String> {
    let file = root().join("tests/e2e/open_to_strangers.txt");
    let text = std::fs::read_to_string(file).expect("the list is there");
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

/// The operation, asked for with made-up ids and an empty body: who may not must not learn what is wrong with them.
async fn asks(person: &Person, operation: &Operation) -> Answer {
    let parts = operation.path.split('/').map(|part| match part {
        "{id}" => "usr_00000000000000000000000000",
        part if part.starts_with('{') => "anything",
        part => part,
    });
    let path = parts.collect::<Vec<_>>().join("/");
    let request = person.sends(operation.method.clone(), path);
    match operation.method {
        Method::GET | Method::HEAD => request.await,
        _ => request.json(&serde_json::json!({})).await,
    }
}

#[tokio::test]
async fn only_the_listed_operations_are_open_to_strangers() {
    let shop = Suite::start().await;
    let all = operations(contract::document(&shop.stranger()).await);
    let open = all.iter().filter(|operation| operation.scopes.is_none()).map(ToString::to_string).collect();
    let listed = open_to_strangers();
    let opened: Vec<_> = BTreeSet::difference(&open, &listed).collect();
    let gone: Vec<_> = listed.difference(&open).collect();
    assert!(opened.is_empty(), "open to strangers, but not in open_to_strangers.txt: {opened:#?}");
    assert!(gone.is_empty(), "no longer open: take them out of open_to_strangers.txt: {gone:#?}");
}

#[tokio::test]
async fn every_other_operation_is_refused_to_a_stranger() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let mut asked = 0;
    for operation in operations(contract::document(&stranger).await) {
        if operation.scopes.is_some() {
            asks(&stranger, &operation).await.is_refused(401, "unauthenticated");
            asked += 1;
        }
    }
    assert!(asked > 10, "only {asked} operations need a token");
}

#[tokio::test]
async fn what_needs_more_than_an_account_is_refused_to_a_customer() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let mut asked = 0;
    for operation in operations(contract::document(&ana).await) {
        let scopes = operation.scopes.iter().flatten();
        if scopes.clone().any(|scope| scope != CUSTOMERS_SCOPE) {
            asks(&ana, &operation).await.is_refused(403, "insufficient-scope");
            asked += 1;
        }
    }
    assert!(asked > 5, "only {asked} operations need more than an account");
}
