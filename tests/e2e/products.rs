//! The catalogue: adding, changing, removing, searching, categories, images, import and export.

use serde_json::{Value, json};
use souk_tests::{Answer, Person, Product, Suite, lamp, unique};

#[tokio::test]
async fn a_person_finds_a_product_that_a_merchant_added() {
    let shop = Suite::start().await;
    let lamp = shop.merchant().await.adds_product(lamp()).await;
    let ana = shop.sign_up("ana").await;
    ana.searches(lamp.slug()).await.finds(&lamp);
    ana.reads(&lamp).await.is(200).accept();
    let by_slug = shop.stranger().get(format!("/api/v1/products/{}", lamp.slug())).await.is(200);
    assert_eq!(by_slug.json(), &lamp.json);
}

#[tokio::test]
async fn only_a_merchant_changes_the_catalogue() {
    let shop = Suite::start().await;
    let lamp = shop.merchant().await.adds_product(lamp()).await;
    let (ana, stranger) = (shop.sign_up("ana").await, shop.stranger());
    ana.changes(&lamp, &json!({"brand": "Ana"})).await.is_refused(403, "insufficient-scope");
    ana.removes(&lamp).await.is_refused(403, "insufficient-scope");
    ana.lists_products(&[("status", "draft")]).await.is_refused(403, "forbidden");
    stranger.removes(&lamp).await.is_refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_draft_is_seen_only_by_those_who_may_change_it() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let mut draft = lamp();
    draft["status"] = "draft".into();
    let draft = merchant.adds_product(draft).await;
    let ana = shop.sign_up("ana").await;
    ana.reads(&draft).await.is_refused(404, "not-found");
    ana.searches(draft.slug()).await.does_not_find(&draft);
    merchant.reads(&draft).await.is(200).accept();
    merchant.lists_products(&[("q", draft.slug()), ("status", "draft")]).await.finds(&draft);
    merchant.changes(&draft, &json!({"status": "active"})).await.is(200).accept();
    ana.searches(draft.slug()).await.finds(&draft);
}

#[tokio::test]
async fn a_change_of_an_old_version_is_refused() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    let path = format!("/api/v1/products/{}", lamp.id());
    let change = json!({"tags": ["new"], "brand": null});
    let changed = merchant.patch(path.clone(), &change).if_match(&lamp.etag).await.is(200);
    assert_eq!((&changed.json()["tags"], &changed.json()["brand"]), (&json!(["new"]), &Value::Null));
    assert_eq!(changed.json()["variants"], lamp.json["variants"], "variants keep their ids");
    merchant.patch(path.clone(), &change).if_match(&lamp.etag).await.is_refused(412, "precondition-failed");
    let known = merchant.get(path).header("if-none-match", changed.etag()).await.is(304);
    assert!(known.body.is_empty());
}

#[tokio::test]
async fn the_same_key_adds_one_product() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (lamp, key) = (lamp(), unique("key"));
    let first = merchant.post("/api/v1/products", &lamp).key(&key).await.is(201);
    let again = merchant.post("/api/v1/products", &lamp).key(&key).await.is(201);
    assert_eq!(first.body, again.body);
    assert_eq!(first.etag(), again.etag());
}

#[tokio::test]
async fn a_slug_and_a_sku_are_there_once() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let first = merchant.adds_product(lamp()).await;
    let mut second = lamp();
    second["variants"][0]["sku"] = first.json["variants"][0]["sku"].clone();
    merchant.tries_to_add(&second).await.is_refused(409, "sku-taken").with_field("/variants/0/sku");
    let mut third = lamp();
    third["slug"] = first.slug().into();
    merchant.tries_to_add(&third).await.is_refused(409, "slug-taken").with_field("/slug");
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_product_is_told_at_once() {
    let shop = Suite::start().await;
    let bad = json!({
        "slug": "Not A Slug", "title": {"english": "x", "fr": "\u{7}"}, "tags": ["a", "a"], "weight": 1,
        "options": ["colour"],
        "variants": [
            {"sku": "", "options": {"colour": "Red"}, "price": {"amount": -1, "currency": "EUR"}},
            {"sku": "b", "options": {"colour": "Red"}, "price": {"amount": 1, "currency": "USD"}},
        ],
    });
    let fields = [
        "/slug",
        "/title/english",
        "/title/fr",
        "/tags/1",
        "/weight",
        "/variants/0/sku",
        "/variants/0/price/amount",
        "/variants/1/price/currency",
        "/variants/1/options",
    ];
    let answer = shop.merchant().await.tries_to_add(&bad).await;
    answer.is_refused(422, "invalid-request").with_fields(&fields);
    let currency = json!({"slug": "a", "title": {}, "variants": [
        {"sku": "a", "price": {"amount": 1.5, "currency": "euro"}}]});
    let answer = shop.merchant().await.tries_to_add(&currency).await;
    let fields = ["/title", "/variants/0/price/amount", "/variants/0/price/currency"];
    answer.is_refused(422, "invalid-request").with_fields(&fields);
}

#[tokio::test]
async fn a_deleted_product_can_be_restored() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    merchant.removes(&lamp).await.is(204).accept();
    merchant.removes(&lamp).await.is(204).accept();
    let ana = shop.sign_up("ana").await;
    ana.reads(&lamp).await.is_refused(404, "not-found");
    ana.searches(lamp.slug()).await.does_not_find(&lamp);
    merchant.tries_to_add(&lamp_like(&lamp)).await.is_refused(409, "slug-taken");
    let path = format!("/api/v1/products/{}/restore", lamp.id());
    let restored = merchant.post(path, &json!({})).await.is(200);
    assert_eq!(restored.json()["status"], "draft");
    assert_eq!(restored.json()["variants"], lamp.json["variants"]);
}

fn lamp_like(product: &Product) -> Value {
    let mut other = lamp();
    other["slug"] = product.slug().into();
    other
}

fn found(list: &Answer) -> Vec<String> {
    let items = list.json()["items"].as_array().expect("a list");
    items.iter().map(|item| item["slug"].as_str().expect("a slug").to_owned()).collect()
}

/// Lamps of one brand, which nobody else sells, at these prices; each is named by its place.
async fn sells(merchant: &Person, brand: &str, prices: &[i64]) -> Vec<String> {
    let mut slugs = Vec::new();
    for (place, price) in prices.iter().enumerate() {
        let mut lamp = lamp();
        lamp["brand"] = brand.into();
        lamp["title"] = json!({"en": format!("Éclair number{place}")});
        lamp["tags"] = json!([if place % 2 == 0 { "even" } else { "odd" }]);
        lamp["variants"][0]["price"]["amount"] = (*price).into();
        slugs.push(merchant.adds_product(lamp).await.slug().to_owned());
    }
    slugs
}

#[tokio::test]
async fn a_search_minds_neither_accents_nor_case_nor_unfinished_words() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let brand = unique("brand");
    let slugs = sells(&merchant, &brand, &[100]).await;
    for words in ["eclair", "ÉCLAIR num", "number0 eclai", &format!("{brand} écl")] {
        let answer = shop.stranger().lists_products(&[("q", words), ("brand", &brand)]).await;
        assert_eq!(found(&answer), slugs, "{words}");
    }
    for words in ["eclair nowhere", "clair", "!?"] {
        let answer = shop.stranger().lists_products(&[("q", words), ("brand", &brand)]).await;
        assert_eq!(found(&answer), [""; 0], "{words}");
    }
}

#[tokio::test]
async fn what_is_in_the_title_comes_before_what_is_in_the_description() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let (word, mut told, mut named) = (unique("word"), lamp(), lamp());
    named["title"]["en"] = format!("The {word} lamp").into();
    told["description"]["en"] = format!("Goes well with {word}.").into();
    let named = merchant.adds_product(named).await;
    let told = merchant.adds_product(told).await;
    let answer = shop.stranger().searches(&word).await;
    assert_eq!(found(&answer), [named.slug(), told.slug()]);
}

#[tokio::test]
async fn a_list_is_sorted_filtered_counted_and_read_page_by_page() {
    let shop = Suite::start().await;
    let brand = unique("brand");
    let slugs = sells(&shop.merchant().await, &brand, &[300, 100, 200, 100, 500]).await;
    let ana = shop.stranger();
    let named = |places: &[usize]| places.iter().map(|place| slugs[*place].clone()).collect::<Vec<_>>();
    for (query, places) in [
        (&[("sort", "price")][..], &[1, 3, 2, 0, 4][..]),
        (&[("sort", "-price"), ("q", "eclair")], &[4, 0, 2, 3, 1]),
        (&[("sort", "title")], &[0, 1, 2, 3, 4]),
        (&[], &[4, 3, 2, 1, 0]),
        (&[("q", "eclair")], &[4, 3, 2, 1, 0]),
        (&[("tag", "odd")], &[3, 1]),
        (&[("min_price", "200"), ("max_price", "300"), ("currency", "EUR")], &[2, 0]),
        (&[("currency", "USD")], &[]),
        (&[("available", "false")], &[]),
    ] {
        let query: Vec<_> =
            query.iter().copied().chain([("brand", brand.as_str()), ("limit", "2")]).collect();
        assert_eq!(all_pages(&ana, &query).await, named(places), "{query:?}");
    }
    let counted = ana.lists_products(&[("brand", &brand), ("facets", "true")]).await.is(200);
    let tags = json!([{"value": "even", "count": 3}, {"value": "odd", "count": 2}]);
    assert_eq!(counted.json()["facets"]["tags"], tags);
}

/// Follows the cursors to the end.
async fn all_pages(person: &Person, query: &[(&str, &str)]) -> Vec<String> {
    let (mut slugs, mut cursor) = (Vec::new(), None::<String>);
    for _ in 0..10 {
        let next = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let query: Vec<_> = query.iter().copied().chain(next).collect();
        let answer = person.lists_products(&query).await.is(200);
        slugs.extend(found(&answer));
        cursor = answer.json()["next_cursor"].as_str().map(str::to_owned);
        assert_eq!(answer.header("link").is_some(), cursor.is_some(), "a Link to the next page");
        if cursor.is_none() {
            return slugs;
        }
    }
    panic!("the list has no end")
}

/// Products that differ in everything that lists are filtered by, as they were added; `word` is in all titles.
async fn sells_all_sorts(merchant: &Person, word: &str) -> Vec<Value> {
    let mut added = Vec::new();
    for number in 0..24_i64 {
        let variant = |size: &str, factor: i64| {
            json!({"sku": unique("SKU"), "options": {"size": size}, "available": number % 3 != 0,
                "price": {"amount": number * 7 % 10 * 100 * factor,
                    "currency": if number % 5 == 0 { "USD" } else { "EUR" }}})
        };
        let mut lamp = lamp();
        lamp["title"] =
            json!({"en": format!("{} {word}", ["Éclair", "eclair", "Zest"][number as usize % 3])});
        lamp["status"] = json!(if number % 6 == 5 { "draft" } else { "active" });
        lamp["tags"] = json!(if number % 2 == 0 { vec![word, "even"] } else { vec![word] });
        lamp["options"] = json!(["size"]);
        lamp["variants"] = match number % 8 {
            7 => json!([]),
            6 => json!([variant("S", 1), variant("L", 3)]),
            _ => json!([variant("S", 1)]),
        };
        added.push(merchant.adds_product(lamp).await.json);
    }
    added
}

/// Filters by what [`sells_all_sorts`] makes, each with what it leaves.
type Leaves = fn(&Value) -> bool;
const FILTERS: &[(&str, &str, Leaves)] = &[
    ("q", "eclair", |it| it["title"]["en"].as_str().is_some_and(|title| !title.starts_with("Zest"))),
    ("tag", "even", |it| it["tags"].as_array().is_some_and(|tags| tags.len() == 2)),
    ("option", "size:L", |it| it["variants"].as_array().is_some_and(|variants| variants.len() == 2)),
    ("currency", "USD", |it| it["price_range"]["min"]["currency"] == "USD"),
    ("available", "false", |it| it["available"] == false),
    ("min_price", "700", |it| it["price_range"]["max"]["amount"].as_i64().is_some_and(|price| price >= 700)),
    ("max_price", "300", |it| it["price_range"]["min"]["amount"].as_i64().is_some_and(|price| price <= 300)),
];

#[tokio::test]
async fn whatever_is_asked_in_whatever_order_all_pages_have_each_product_once() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let word = unique("word");
    let added = sells_all_sorts(&merchant, &word).await;
    // Each filter by itself, with each other one, and with none.
    let none = std::iter::once(Vec::new());
    let some = (0..FILTERS.len()).flat_map(|one| (0..=one).map(move |other| vec![one, other]));
    for chosen in none.chain(some) {
        let filters: Vec<_> = chosen.iter().map(|index| FILTERS[*index]).collect();
        for sort in ["relevance", "newest", "price", "-price", "title"] {
            for status in ["active", "draft"] {
                let priced = |it: &Value| !sort.ends_with("price") || !it["price_range"].is_null();
                let fits = |it: &&Value| {
                    it["status"] == status && priced(it) && filters.iter().all(|(_, _, leaves)| leaves(it))
                };
                let tags = filters.iter().find(|(name, ..)| *name == "tag").map(|_| format!("{word}|even"));
                let mut query = vec![("sort", sort), ("status", status), ("limit", "6")];
                query.push(("tag", tags.as_deref().unwrap_or(&word)));
                query.extend(filters.iter().filter(|(name, ..)| *name != "tag").map(|it| (it.0, it.1)));
                query.sort_unstable();
                query.dedup();
                let listed = all_pages(&merchant, &query).await;
                let expected: Vec<&Value> = added.iter().filter(fits).collect();
                assert_eq!(listed, in_order(expected, sort), "{query:?}");
            }
        }
    }
}

/// The slugs of products in this order; all of them match a search equally well.
fn in_order(mut products: Vec<&Value>, sort: &str) -> Vec<String> {
    let price = |it: &Value| it["price_range"]["min"]["amount"].as_i64();
    let title = |it: &Value| it["title"]["en"].as_str().map(|title| title.to_lowercase().replace('é', "e"));
    match sort {
        // Stable, so that older ones come first.
        "price" => products.sort_by_key(|it| price(it)),
        "title" => products.sort_by_key(|it| title(it)),
        _ => {
            products.reverse();
            products.sort_by_key(|it| std::cmp::Reverse(if sort == "-price" { price(it) } else { None }));
        }
    }
    products.iter().filter_map(|it| it["slug"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn odd_questions_are_answered_or_refused_but_break_nothing() {
    let shop = Suite::start().await;
    let ana = shop.stranger();
    let words =
        ["\"", "' OR 1=1 --", "NEAR(a b)", "a* AND", "{title}:x", "\u{0}", "😀", "٣٤", "é̂̃", "-", "^x"];
    for words in words {
        ana.searches(words).await.is(200).accept();
    }
    ana.searches(&"a ".repeat(101)).await.is_refused(422, "invalid-request").with_field("q");
    for (name, value) in [("sort", "x"), ("nonsense", "1"), ("available", "maybe"), ("min_price", "1e9")] {
        ana.lists_products(&[(name, value)]).await.is_refused(422, "invalid-request").with_field(name);
    }
    for (name, value) in [("limit", "0"), ("limit", "101"), ("min_price", "-1"), ("lang", "english")] {
        ana.lists_products(&[(name, value)]).await.is_refused(422, "invalid-request").with_field(name);
    }
    for cursor in ["x", "WyJuIiwwLDFd=", "WyJwIiwieCIsMV0"] {
        ana.lists_products(&[("cursor", cursor)]).await.is_refused(400, "malformed-request");
    }
    for path in ["%ff%fe", "..%2f", "'", "prd_%27", "a%00b"] {
        ana.get(format!("/api/v1/products/{path}")).await.is_refused_somehow();
    }
}

async fn variants(person: &Person, ids: &[&Value]) -> Answer {
    let ids: Vec<&str> = ids.iter().filter_map(|id| id.as_str()).collect();
    person.get(format!("/api/v1/products/variants?ids={}", ids.join(","))).await
}

#[tokio::test]
async fn variants_are_read_by_their_ids() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let category = unique("category");
    let new = json!({"slug": category, "name": {"en": "Lighting"}});
    merchant.post("/api/v1/categories", &new).await.is(201).accept();
    let mut two = lamp();
    two["options"] = json!(["colour"]);
    two["categories"] = json!([category]);
    let price = json!({"amount": 5900, "currency": "EUR"});
    two["variants"] = json!([
        {"sku": unique("RED"), "options": {"colour": "Red"}, "price": price, "weight_g": 1200},
        {"sku": unique("BLUE"), "options": {"colour": "Blue"}, "price": price, "available": false},
    ]);
    let two = merchant.adds_product(two).await;
    let one = merchant.adds_product(lamp()).await;
    let (red, blue) = (&two.json["variants"][0], &two.json["variants"][1]);
    let (only, nobody) = (&one.json["variants"][0], json!("var_00000000000000000000000000"));
    let seen = variants(&shop.stranger(), &[&blue["id"], &only["id"], &nobody, &red["id"], &blue["id"]])
        .await
        .is(200);
    let expected = |product: &Product, variant: &Value| {
        json!({
            "variant_id": variant["id"], "product_id": product.id(), "slug": product.slug(), "sku": variant["sku"],
            "title": product.json["title"], "options": variant["options"], "price": variant["price"],
            "weight_g": variant["weight_g"], "categories": product.json["categories"],
            "available": variant["available"], "sold_out": false,
        })
    };
    assert_eq!(seen.json(), &json!([expected(&two, blue), expected(&one, only), expected(&two, red)]));
    assert_eq!((&red["weight_g"], &blue["available"]), (&json!(1200), &json!(false)));
}

#[tokio::test]
async fn variants_that_are_not_published_are_not_there_for_others() {
    let shop = Suite::start().await;
    let merchant = shop.merchant().await;
    let lamp = merchant.adds_product(lamp()).await;
    let id = &lamp.json["variants"][0]["id"];
    merchant.changes(&lamp, &json!({"status": "draft"})).await.is(200).accept();
    assert_eq!(variants(&shop.stranger(), &[id]).await.is(200).json(), &json!([]));
    assert_eq!(variants(&merchant, &[id]).await.is(200).json()[0]["variant_id"], *id);
    merchant.removes(&lamp).await.is(204).accept();
    assert_eq!(variants(&shop.stranger(), &[id]).await.is(200).json(), &json!([]));
}

#[tokio::test]
async fn a_list_of_ids_that_cannot_be_read_is_refused() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let many: Vec<Value> = (0..101).map(|number| json!(format!("var_{number:025}0"))).collect();
    variants(&stranger, &many.iter().take(100).collect::<Vec<_>>()).await.is(200).accept();
    variants(&stranger, &many.iter().collect::<Vec<_>>())
        .await
        .is_refused(422, "invalid-request")
        .with_field("ids");
    for query in ["", "?ids=", "?ids=var_1", "?ids=prd_00000000000000000000000000", "?ids=,", "?id=x"] {
        let answer = stranger.get(format!("/api/v1/products/variants{query}")).await;
        answer.is_refused_somehow();
    }
}
