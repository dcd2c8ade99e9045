//! What stands around products: categories, images, import and export.

use serde_json::{Value, json};
use souk_tests::{Answer, Person, Product, Suite, lamp, unique};

async fn adds_category(merchant: &Person, slug: &str, parent: Option<&str>) {
    let category = json!({"slug": slug, "name": {"en": format!("Name of {slug}")}, "parent": parent});
    merchant.post("/api/v1/categories", &category).await.is(201).accept();
}

async fn lamp_in(merchant: &Person, category: &str) -> Product {
    let mut lamp = lamp();
    lamp["categories"] = json!([category]);
    merchant.adds_product(lamp).await
}

fn count_of(categories: &Answer, slug: &str) -> i64 {
    let items = categories.json()["items"].as_array().expect("a list");
    let category = items.iter().find(|item| item["slug"] == slug);
    category.and_then(|category| category["product_count"].as_i64()).expect("the category")
}

#[tokio::test]
async fn a_product_is_found_in_the_categories_above_its_own() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (home, light, garden) = (unique("home"), unique("light"), unique("garden"));
    adds_category(&merchant, &home, None).await;
    adds_category(&merchant, &light, Some(&home)).await;
    adds_category(&merchant, &garden, None).await;
    let lamp = lamp_in(&merchant, &light).await;
    let ana = shop.stranger();
    ana.lists_products(&[("category", &home)]).await.finds(&lamp);
    ana.searches(&format!("{home} {}", lamp.slug())).await.finds(&lamp);
    assert_eq!(count_of(&ana.get("/api/v1/categories").await, &home), 1);
    let path = format!("/api/v1/categories/{light}");
    merchant.patch(path, &json!({"parent": garden})).await.is(200).accept();
    ana.lists_products(&[("category", &home)]).await.does_not_find(&lamp);
    ana.lists_products(&[("category", &garden)]).await.finds(&lamp);
}

#[tokio::test]
async fn a_category_is_neither_below_itself_nor_removed_while_it_is_in_use() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (home, light) = (unique("home"), unique("light"));
    adds_category(&merchant, &home, None).await;
    adds_category(&merchant, &light, Some(&home)).await;
    let lamp = lamp_in(&merchant, &light).await;
    let (of_home, of_light) = (format!("/api/v1/categories/{home}"), format!("/api/v1/categories/{light}"));
    let loops = merchant.patch(of_home.clone(), &json!({"parent": light})).await;
    loops.is_refused(422, "invalid-request").with_field("/parent");
    merchant.delete(of_home.clone()).await.is_refused(409, "category-in-use");
    merchant.delete(of_light.clone()).await.is_refused(409, "category-in-use");
    merchant.changes(&lamp, &json!({"categories": []})).await.is(200).accept();
    merchant.delete(of_light).await.is(204).accept();
    merchant.delete(of_home).await.is(204).accept();
    let gone = merchant.changes(&lamp, &json!({"categories": [light]})).await;
    gone.is_refused(422, "invalid-request").with_field("/categories/0");
}

/// The beginning of a GIF of 3 by 2 pixels.
const GIF: &[u8] = b"GIF89a\x03\x00\x02\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff;";

#[tokio::test]
async fn an_image_is_kept_and_shown_as_it_is() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    let path = format!("/api/v1/products/{}/images", lamp.id());
    let first = merchant.post(path.clone(), "").body("image/gif", GIF).await.is(201);
    assert_eq!((&first.json()["width"], &first.json()["height"]), (&json!(3), &json!(2)));
    let second = merchant.post(path.clone(), "").body("image/gif", GIF).await.is(201);
    let shown = shop.stranger().get(first.text("/url")).await.is(200);
    assert_eq!((shown.body.as_ref(), shown.header("content-type")), (GIF, Some("image/gif")));
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    assert!(shown.header("cache-control").is_some_and(|value| value.contains("immutable")));
    let change = json!({"position": 0, "alt": {"en": "The lamp"}});
    let moved = merchant.patch(format!("{path}/{}", second.text("/id")), &change).await.is(200);
    assert_eq!(moved.json()["images"][0]["id"], second.json()["id"]);
    assert_eq!(moved.json()["images"][1]["position"], 1);
    merchant.delete(format!("{path}/{}", first.text("/id"))).await.is(204).accept();
    shop.stranger().get(first.text("/url")).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn what_is_no_image_is_refused() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    let path = format!("/api/v1/products/{}/images", lamp.id());
    let send = |kind: &'static str, bytes: Vec<u8>| merchant.post(path.clone(), "").body(kind, bytes);
    let svg = b"<svg onload='alert(1)'/>".to_vec();
    send("image/svg+xml", svg.clone()).await.is_refused(415, "unsupported-media-type");
    send("image/png", svg).await.is_refused(422, "image-unreadable");
    send("image/png", GIF.to_vec()).await.is_refused(422, "image-unreadable");
    send("image/gif", GIF[..6].to_vec()).await.is_refused(422, "image-unreadable");
    send("image/gif", vec![0; (5 << 20) + 1]).await.is_refused(413, "body-too-large");
}

async fn imports(merchant: &Person, query: &str, media_type: &str, text: &str) -> Value {
    let path = format!("/api/v1/products/import{query}");
    merchant.post(path, "").body(media_type, text.to_owned()).await.is(200).json().clone()
}

const NDJSON: &str = "application/x-ndjson";

#[tokio::test]
async fn a_bad_line_is_reported_and_does_not_stop_the_rest() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (first, second) = (lamp(), lamp());
    let mut stray = lamp();
    stray["categories"] = json!(["nowhere"]);
    let mut thief = lamp();
    thief["variants"][0]["sku"] = first["variants"][0]["sku"].clone();
    let text = format!("{first}\nnonsense\n{{\"slug\":7}}\n{stray}\n{thief}\n\n{second}");
    let tried = imports(&merchant, "?dry_run=true", NDJSON, &text).await;
    assert_eq!((&tried["created"], &tried["dry_run"]), (&json!(2), &json!(true)));
    let done = imports(&merchant, "", NDJSON, &text).await;
    assert_eq!((&done["created"], &done["failed"], &done["lines"]), (&json!(2), &json!(4), &json!(6)));
    let mut lines: Vec<_> = done["errors"].as_array().unwrap().iter().map(|error| &error["line"]).collect();
    lines.dedup();
    assert_eq!(json!(lines), json!([2, 3, 4, 5]));
    let path = format!("/api/v1/products/import/{}", done["job_id"].as_str().unwrap());
    assert_eq!(merchant.get(path).await.is(200).json(), &done);
    let again = imports(&merchant, "", NDJSON, &text).await;
    assert_eq!((&again["created"], &again["unchanged"]), (&json!(0), &json!(2)));
}

/// A report without what differs between trying and doing.
fn counts(mut report: Value) -> Value {
    for name in ["job_id", "dry_run"] {
        report.as_object_mut().expect("a report").remove(name);
    }
    report
}

/// Slug and SKU of lines that depend on lines above them; so many others stand between, so that what is looked up for a
/// line may have been written long before.
fn lines_that_depend_on_each_other(others: usize) -> Vec<(String, String)> {
    let (first, thief, heir) = (unique("first"), unique("thief"), unique("heir"));
    let (sku, renamed) = (unique("SKU"), unique("SKU"));
    let between = || (0..others).map(|_| (unique("other"), unique("SKU")));
    let mut lines = vec![(first.clone(), sku.clone()), (thief.clone(), sku.clone())];
    lines.extend(between());
    lines.extend([(thief.clone(), sku.clone()), (first.clone(), sku.clone())]);
    lines.extend(between());
    lines.extend([(first.clone(), renamed.clone()), (heir.clone(), sku.clone())]);
    lines.extend(between());
    lines.extend([(first.clone(), sku.clone()), (heir, sku), (thief, renamed.clone()), (first, renamed)]);
    lines
}

#[tokio::test]
async fn a_dry_run_reports_what_the_import_then_does() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    for (media_type, others) in [(NDJSON, 1), (NDJSON, 230), ("text/csv", 1), ("text/csv", 230)] {
        let lines = lines_that_depend_on_each_other(others);
        let text: String = match media_type {
            NDJSON => lines.iter().map(|(slug, sku)| format!("{}\n", lamp_of(slug, sku))).collect(),
            _ => lines.iter().fold("slug,title.en,sku,price,currency\n".into(), |text, (slug, sku)| {
                format!("{text}{slug},A lamp,{sku},4900,EUR\n")
            }),
        };
        let tried = imports(&merchant, "?dry_run=true", media_type, &text).await;
        let done = imports(&merchant, "", media_type, &text).await;
        assert_eq!(counts(tried), counts(done.clone()), "{media_type}, {others} lines between");
        let counted = json!([done["created"], done["updated"], done["unchanged"], done["failed"]]);
        assert_eq!(counted, json!([2 + 3 * others, 1, 3, 4]), "{done}");
    }
}

fn lamp_of(slug: &str, sku: &str) -> Value {
    json!({"slug": slug, "title": {"en": "A lamp"},
        "variants": [{"sku": sku, "price": {"amount": 4900, "currency": "EUR"}}]})
}

#[tokio::test]
async fn an_import_tells_how_it_goes_on() {
    let shop = Suite::start().await;
    let text: String = (0..450).map(|_| format!("{}\n", lamp())).collect();
    let path = "/api/v1/products/import";
    let merchant = shop.merchant().await;
    let answer = merchant.post(path, "").body(NDJSON, text).header("accept", NDJSON).await.is(200);
    let lines = String::from_utf8(answer.body.to_vec()).expect("text");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (last, progress) = lines.split_last().expect("some lines");
    assert_eq!(last["report"]["created"], 450);
    assert!(progress.len() >= 2 && progress.iter().all(|line| line["progress"]["lines"].is_u64()));
}

#[tokio::test]
async fn what_is_exported_is_imported_unchanged() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let mut odd = lamp();
    odd["brand"] = "=cmd|' /C calc'!A0".into();
    odd["title"]["fr"] = "Une « lampe », à \"guillemets\"".into();
    odd["tags"] = json!(["-1", "+x"]);
    let odd = merchant.adds_product(odd).await;
    for (format, media_type) in [("ndjson", NDJSON), ("csv", "text/csv")] {
        let path = format!("/api/v1/products/export?format={format}");
        let text = String::from_utf8(merchant.get(path).await.is(200).body.to_vec()).expect("text");
        assert!(text.contains(odd.slug()) && !text.contains(",=cmd"), "{text}");
        let report = imports(&merchant, "?dry_run=true", media_type, &text).await;
        assert_eq!((&report["failed"], &report["updated"]), (&json!(0), &json!(0)), "{format}: {report}");
    }
    shop.stranger().get("/api/v1/products/export").await.is_refused(401, "unauthenticated");
    let other = merchant.post("/api/v1/products/import", "").body("text/plain", "x").await;
    other.is_refused(415, "unsupported-media-type");
}
