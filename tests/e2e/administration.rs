//! Other people's accounts: who may see and change them, roles, the list and its search.

use serde_json::{Value, json};
use souk_tests::{Person, Suite, unique};

#[tokio::test]
async fn nobody_touches_the_account_of_somebody_else() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let merchant = shop.merchant().await;
    let path = format!("/api/v1/users/{}", ana.id());
    for person in [&bob, &merchant] {
        person.get(&path).await.is_refused(403, "forbidden");
        person.patch(&path, &json!({"name": "mine"})).await.is_refused(403, "insufficient-scope");
        person.delete(&path).await.is_refused(403, "insufficient-scope");
        person.get("/api/v1/users").await.is_refused(403, "insufficient-scope");
        person.gives_roles(person, &["admin"]).await.is_refused(403, "insufficient-scope");
        shop.stranger().get(&path).await.is_refused(401, "unauthenticated");
    }
    assert_eq!(ana.get(&path).await.is(200).text("/id"), ana.id());
}

#[tokio::test]
async fn an_administrator_reads_changes_and_deletes_accounts() {
    let shop = Suite::start().await;
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let path = format!("/api/v1/users/{}", ana.id());
    let seen = admin.get(&path).await.is(200);
    let change = json!({"name": "Ana López", "locale": "fr"});
    let changed = admin.patch(&path, &change).if_match(seen.etag()).await.is(200);
    assert_eq!((changed.text("/name"), changed.text("/locale")), ("Ana López", "fr"));
    admin.patch(&path, &change).if_match(seen.etag()).await.is_refused(412, "precondition-failed");
    admin.delete(&path).await.is(204).accept();
    admin.get(&path).await.is_refused(404, "not-found");
    admin.delete(&path).await.is_refused(404, "not-found");
    admin.patch(&path, &change).await.is_refused(404, "not-found");
    admin.gives_roles(&ana, &["customer"]).await.is_refused(404, "not-found");
    ana.signs_in_as(ana.email(), &ana.password()).await.is_refused(401, "wrong-credentials");
}

#[tokio::test]
async fn new_roles_show_in_the_next_token() {
    let shop = Suite::start().await;
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let before = ana.signs_in().await;
    let scope = |answer: &Value| answer["scope"].as_str().unwrap_or_default().to_owned();
    let roles = admin.gives_roles(&ana, &["merchant", "customer", "merchant"]).await.is(200);
    assert_eq!(roles.json()["roles"], json!(["customer", "merchant"]));
    let promoted = ana.refreshes(&before.refresh).await.is(200);
    let granted = scope(promoted.json());
    let has = |name: &str| granted.split(' ').any(|it| it == name);
    assert!(has("account") && has("products:write") && !has("users:read"), "{granted}");
    admin.gives_roles(&ana, &["customer"]).await.is(200).accept();
    let demoted = ana.refreshes(promoted.text("/refresh_token")).await.is(200);
    assert_eq!(scope(demoted.json()), "account");
}

#[tokio::test]
async fn roles_that_do_not_exist_are_given_to_nobody() {
    let shop = Suite::start().await;
    let (admin, ana) = (shop.admin().await, shop.sign_up("ana").await);
    let path = format!("/api/v1/users/{}/roles", ana.id());
    for roles in
        [json!([]), json!(["king"]), json!(["Admin"]), json!("admin"), json!([null]), json!([["admin"]])]
    {
        admin.put(&path, &json!({"roles": roles})).await.is_refused(422, "invalid-request");
    }
    admin.put(&path, &json!({})).await.is_refused(422, "invalid-request").with_fields(&["/roles"]);
    assert_eq!(ana.reads_profile().await.is(200).json()["roles"], json!(["customer"]));
}

/// The ids of everybody that a search finds, page by page.
async fn finds(admin: &Person, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(format!("/api/v1/users?limit=2{query}{cursor}")).await.is(200);
        let items = page.json()["items"].as_array().expect("a page has items");
        assert!(items.len() <= 2, "{page}");
        ids.extend(items.iter().map(|user| user["id"].as_str().expect("an id").to_owned()));
        match page.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn an_administrator_finds_people_by_name_and_address() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let family = unique("family").replace('-', "");
    let mut people = Vec::new();
    for name in ["Ana", "Bob", "Zoë"] {
        let person = shop.sign_up("somebody").await;
        let name = format!("{name} {family}");
        person.changes_profile(&json!({"name": name})).await.is(200).accept();
        people.push(person);
    }
    let ids: Vec<_> = people.iter().map(|person| person.id().to_owned()).collect();
    assert_eq!(finds(&admin, &format!("&q={family}")).await, ids, "each once, oldest first");
    assert_eq!(finds(&admin, &format!("&q={}", family[..family.len() - 1].to_uppercase())).await, ids);
    assert_eq!(finds(&admin, &format!("&q={}", people[1].email())).await, ids[1..2]);
    assert_eq!(finds(&admin, "&q=nobody-is-called-that").await, Vec::<String>::new());
    assert_eq!(finds(&admin, &format!("&q=bob%20{family}")).await, ids[1..2], "every word must match");
    assert_eq!(finds(&admin, &format!("&q=%20{family}%20%20ZOË%20")).await, ids[2..]);
    assert_eq!(finds(&admin, &format!("&q=zoe%20{family}")).await, ids[2..], "accents do not matter");
    assert_eq!(finds(&admin, &format!("&q=bob%20ana%20{family}")).await, Vec::<String>::new());
    assert_eq!(finds(&admin, &format!("&q=bob%20{}", people[0].email())).await, Vec::<String>::new());
    admin.gives_roles(&people[0], &["merchant"]).await.is(200).accept();
    assert_eq!(finds(&admin, &format!("&q={family}&role=merchant")).await, ids[..1]);
    assert!(finds(&admin, "&role=admin").await.contains(&admin.id().to_owned()));
}

#[tokio::test]
async fn a_search_that_makes_no_sense_is_refused() {
    let shop = Suite::start().await;
    let admin = shop.admin().await;
    let long = format!("q={}", "x".repeat(300));
    for query in ["limit=0", "limit=101", "limit=-1", "limit=ten", "role=king", "sort=name", "q=", &long] {
        let (name, _) = query.split_once('=').expect("a parameter");
        let answer = admin.get(format!("/api/v1/users?{query}")).await;
        answer.is_refused(422, "invalid-request").with_field(name);
    }
    for query in ["cursor=!", "cursor=bm9wZQ"] {
        admin.get(format!("/api/v1/users?{query}")).await.is_refused(400, "malformed-request");
    }
    for query in ["q=%27%20OR%201=1", "q=%25", "q=_", "q=*", "q=%5C"] {
        assert_eq!(finds(&admin, &format!("&{query}")).await, Vec::<String>::new(), "{query}");
    }
}
