//! The catalogue when several people act at once, and when the power fails in the middle of something long.

use futures::future::join_all;
use serde_json::{Value, json};
use souk_tests::{Answer, Person, Suite, lamp, unique};
use std::collections::HashSet;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const AT_ONCE: usize = 6;
const NDJSON: &str = "application/x-ndjson";

/// The statuses of all answers, sorted.
fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    statuses
}

/// One success among refusals.
fn one_of_all(success: u16, refusal: u16) -> Vec<u16> {
    let mut statuses = vec![refusal; AT_ONCE];
    statuses[0] = success;
    statuses
}

#[tokio::test]
async fn of_all_changes_of_one_version_one_is_made() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    let path = format!("/api/v1/products/{}", lamp.id());
    let changes: Vec<Value> = (0..AT_ONCE).map(|number| json!({"brand": format!("B{number}")})).collect();
    let answers = changes
        .iter()
        .map(|change| async { merchant.patch(path.clone(), change).if_match(&lamp.etag).await });
    let answers = join_all(answers).await;
    assert_eq!(statuses(&answers), one_of_all(200, 412));
    let made = answers.iter().find(|answer| answer.is_success()).expect("one change was made");
    assert_eq!(merchant.reads(&lamp).await.is(200).json(), made.json());
}

#[tokio::test]
async fn no_change_is_lost_when_nobody_says_of_which_version() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    let fields = ["brand", "tags", "description", "status", "title", "slug"];
    let changes = [
        json!({"brand": "Nordlys"}),
        json!({"tags": ["oak"]}),
        json!({"description": {"de": "Steht."}}),
        json!({"status": "archived"}),
        json!({"title": {"de": "Leuchte"}}),
        json!({"slug": unique("leuchte")}),
    ];
    let answers = join_all(changes.iter().map(|change| merchant.changes(&lamp, change))).await;
    assert_eq!(statuses(&answers), [200; 6]);
    let now = merchant.reads(&lamp).await.is(200);
    for (field, change) in fields.iter().zip(&changes) {
        assert_eq!(now.json()[*field], change[*field], "{field}");
    }
    let versions: HashSet<&str> = answers.iter().map(Answer::etag).collect();
    assert_eq!(versions.len(), changes.len(), "each change is a version of its own");
}

#[tokio::test]
async fn of_all_products_with_one_sku_one_is_added() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let sku = unique("SKU");
    let lamps: Vec<Value> = (0..AT_ONCE)
        .map(|_| {
            let mut lamp = lamp();
            lamp["variants"][0]["sku"] = sku.as_str().into();
            lamp
        })
        .collect();
    let answers = join_all(lamps.iter().map(|lamp| merchant.tries_to_add(lamp))).await;
    assert_eq!(statuses(&answers), one_of_all(201, 409));
    let found = merchant.searches(&sku).await.is(200);
    assert_eq!(found.json()["items"].as_array().map(Vec::len), Some(1), "{found}");
}

#[tokio::test]
async fn one_key_adds_one_product_however_often_it_comes_at_once() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (lamp, key) = (lamp(), unique("key"));
    let answers =
        join_all((0..AT_ONCE).map(|_| async { merchant.post("/api/v1/products", &lamp).key(&key).await }))
            .await;
    assert_eq!(statuses(&answers), [201; AT_ONCE]);
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "all get the same answer");
}

#[tokio::test]
async fn a_category_does_not_go_while_a_product_comes_into_it() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    for _ in 0..4 {
        let category = unique("category");
        let new = json!({"slug": category, "name": {"en": "Short-lived"}});
        merchant.post("/api/v1/categories", &new).await.is(201).accept();
        let mut lamp = lamp();
        lamp["categories"] = json!([category]);
        let going = async { merchant.delete(format!("/api/v1/categories/{category}")).await };
        let (added, gone) = futures::join!(merchant.tries_to_add(&lamp), going);
        if added.is_success() {
            gone.is_refused(409, "category-in-use");
        } else {
            assert_eq!(gone.status.as_u16(), 204, "{gone}");
            added.is_refused(422, "invalid-request").with_field("/categories/0");
        }
    }
}

#[tokio::test]
async fn a_list_tells_nothing_twice_while_products_come_and_go() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let brand = unique("brand");
    let branded = || {
        let mut lamp = lamp();
        lamp["brand"] = brand.as_str().into();
        lamp
    };
    let mut there = Vec::new();
    for _ in 0..6 {
        there.push(merchant.adds_product(branded()).await);
    }
    for sort in ["newest", "price", "title"] {
        let mut seen = Vec::new();
        let mut cursor = None::<String>;
        loop {
            let mut query = vec![("brand", brand.as_str()), ("sort", sort), ("limit", "2")];
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let page = merchant.lists_products(&query).await.is(200);
            let items = page.json()["items"].as_array().expect("a list").clone();
            seen.extend(items.iter().filter_map(|item| item["slug"].as_str().map(str::to_owned)));
            cursor = page.json()["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
            let passing = merchant.adds_product(branded()).await;
            merchant.removes(&passing).await.is(204).accept();
        }
        let once: HashSet<&String> = seen.iter().collect();
        assert_eq!(once.len(), seen.len(), "{sort}: {seen:?}");
        assert!(
            there.iter().all(|product| seen.iter().any(|slug| slug == product.slug())),
            "{sort}: {seen:?}"
        );
    }
}

/// So many lamps, one a line.
fn lines(count: usize) -> String {
    (0..count).map(|_| format!("{}\n", lamp())).collect()
}

async fn imports(merchant: &Person, lines: &str) -> Value {
    let import = merchant.post("/api/v1/products/import", "").body(NDJSON, lines.to_owned());
    import.await.is(200).json().clone()
}

fn count(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[tokio::test]
async fn two_imports_of_the_same_lines_add_each_product_once() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let lines = lines(500);
    let (one, other) = futures::join!(imports(&merchant, &lines), imports(&merchant, &lines));
    assert_eq!(count(&one, "created") + count(&other, "created"), 500, "{one} {other}");
    assert_eq!(count(&one, "unchanged") + count(&other, "unchanged"), 500, "{one} {other}");
}

#[tokio::test]
async fn an_import_that_was_cut_off_is_finished_by_sending_it_again() {
    let Some(mut shop) = Suite::own().await else { return };
    // What the kill cuts off may be logged as an error.
    shop.expects_faults();
    let merchant = shop.merchant().await;
    let total = 1000;
    let lines = lines(total);
    // A little more than half of what is announced: the import waits for the rest when the kill comes.
    let (address, token) = (shop.url().trim_start_matches("http://").to_owned(), merchant.token().await);
    let head = format!(
        "POST /api/v1/products/import HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: {NDJSON}\r\nContent-Length: {}\r\n\r\n",
        lines.len()
    );
    let mut import = TcpStream::connect(&address).await.expect("the suite listens");
    import.write_all(head.as_bytes()).await.expect("the head is taken");
    import.write_all(&lines.as_bytes()[..lines.len() * 3 / 5]).await.expect("the first lines are taken");
    // Until the first products are there, so that the kill comes in the middle.
    let some_are_there = async {
        loop {
            let listed = merchant.lists_products(&[("limit", "1")]).await;
            if listed.json()["items"].as_array().is_some_and(|items| !items.is_empty()) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), some_are_there).await.expect("the import begins");
    shop.is_killed().await;
    drop(import);
    shop.starts_again().await;
    let finished = imports(&merchant, &lines).await;
    assert_eq!(count(&finished, "failed"), 0, "{finished}");
    let kept = count(&finished, "unchanged");
    assert!(kept > 0 && kept < total as u64, "{finished}");
    assert_eq!(kept + count(&finished, "created"), total as u64, "{finished}");
}
