//! E-mail addresses: confirmed by a link that works once, sent again, and changed.

use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::post::token_in;
use souk_tests::wallets::Wallet;
use souk_tests::{Answer, PASSWORD, Person, Suite, unique};
use tokio::join;

async fn confirms(person: &Person, token: &str) -> Answer {
    person.post("/api/v1/users/email/verify", &json!({"token": token})).without_token().await
}

async fn is_confirmed(person: &Person) -> Value {
    person.reads_profile().await.is(200).json()["email_verified"].clone()
}

async fn changes_email(person: &Person, email: &str) -> Answer {
    person.put("/api/v1/users/me/email", &json!({"email": email, "password": person.password()})).await
}

async fn asks_again(person: &Person) -> Answer {
    person.post("/api/v1/users/me/email/verification", &json!({})).await
}

#[tokio::test]
async fn an_address_is_confirmed_by_the_link_that_was_sent_there_and_once() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    assert_eq!(is_confirmed(&ana).await, false);
    let token = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    confirms(&shop.stranger(), &token).await.is(204).accept();
    assert_eq!(is_confirmed(&ana).await, true);
    confirms(&shop.stranger(), &token).await.is_refused(410, "link-not-valid");
}

#[tokio::test]
async fn of_two_who_confirm_at_once_one_does() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let token = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    let (a, b) = (shop.stranger(), shop.stranger());
    let (a, b) = join!(confirms(&a, &token), confirms(&b, &token));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 410]);
}

#[tokio::test]
async fn a_token_that_was_never_sent_confirms_nothing() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let invented = "A".repeat(43);
    for token in ["x", invented.as_str(), "é".repeat(200).as_str()] {
        confirms(&stranger, token).await.is_refused(410, "link-not-valid");
    }
    for (body, field) in [
        (json!({}), "/token"),
        (json!({"token": ""}), "/token"),
        (json!({"token": null}), "/token"),
        (json!({"token": "x".repeat(201)}), "/token"),
        (json!({"token": "x", "email": "ana@example.com"}), "/email"),
    ] {
        let answer = stranger.post("/api/v1/users/email/verify", &body).await;
        answer.is_refused(422, "invalid-request").with_field(field);
    }
}

#[tokio::test]
async fn a_link_for_one_thing_does_no_other() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let verify = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    ana.post("/api/v1/users/password-reset", &json!({"email": ana.email()})).await.is(202).accept();
    let reset = token_in(&shop.kept_mail(ana.email(), 2).await[0]);
    assert_ne!(verify, reset);
    confirms(&ana, &reset).await.is_refused(410, "link-not-valid");
    let renewal = json!({"token": verify, "password": "a whole new passphrase"});
    ana.post("/api/v1/users/password-reset/confirm", &renewal).await.is_refused(410, "link-not-valid");
}

#[tokio::test]
async fn a_link_expires_after_a_day() {
    let Some(shop) = Suite::own().await else { return };
    let ana = shop.sign_up("ana").await;
    let token = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let day = 24_i64 * 3600 * 1000;
    database.execute("UPDATE links SET expires_at = expires_at - ?1", [day]).expect("time passes");
    confirms(&ana, &token).await.is_refused(410, "link-not-valid");
    assert_eq!(is_confirmed(&ana).await, false);
}

#[tokio::test]
async fn the_mail_is_sent_again_five_times_an_hour() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    for _ in 0..4 {
        asks_again(&ana).await.is(202).accept();
    }
    asks_again(&ana).await.is_refused(429, "too-many-requests");
    let mails = shop.kept_mail(ana.email(), 5).await;
    // Any of them will do, and then none.
    confirms(&ana, &token_in(&mails[2])).await.is(204).accept();
    confirms(&ana, &token_in(&mails[0])).await.is_refused(410, "link-not-valid");
    // There is nothing to confirm any more.
    asks_again(&ana).await.is(202).accept();
    shop.kept_mail(ana.email(), 5).await;
}

#[tokio::test]
async fn a_new_address_is_to_be_confirmed_and_the_old_one_is_told() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let first = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    ana.post("/api/v1/users/password-reset", &json!({"email": ana.email()})).await.is(202).accept();
    let reset = token_in(&shop.kept_mail(ana.email(), 2).await[0]);
    let new = format!("{}@example.com", unique("Ana.New"));
    let changed = changes_email(&ana, &format!("  {new} ")).await.is(200);
    let new = new.to_lowercase();
    assert_eq!((changed.text("/email"), &changed.json()["email_verified"]), (new.as_str(), &json!(false)));
    assert_eq!(shop.kept_mail(ana.email(), 3).await[0]["kind"], "email_changed");
    // What was sent to the old address is worth nothing any more.
    confirms(&ana, &first).await.is_refused(410, "link-not-valid");
    let renewal = json!({"token": reset, "password": "a whole new passphrase"});
    ana.post("/api/v1/users/password-reset/confirm", &renewal).await.is_refused(410, "link-not-valid");
    ana.signs_in_as(ana.email(), PASSWORD).await.is_refused(401, "wrong-credentials");
    ana.signs_in_as(&new, PASSWORD).await.is(200).accept();
    confirms(&ana, &token_in(&shop.kept_mail(&new, 1).await[0])).await.is(204).accept();
    assert_eq!(is_confirmed(&ana).await, true);
    // The old one is free for somebody else.
    let bob = shop.sign_up("bob").await;
    changes_email(&bob, ana.email()).await.is(200).accept();
    let found = shop.admin().await.get(format!("/api/v1/users?q={new}")).await.is(200);
    assert_eq!(found.text("/items/0/id"), ana.id());
}

#[tokio::test]
async fn an_address_is_changed_only_by_who_has_a_credential() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let new = format!("{}@example.com", unique("ana"));
    let put = |body: Value| ana.put("/api/v1/users/me/email", &body);
    put(json!({"email": new})).await.is_refused(422, "invalid-request").with_fields(&["/password"]);
    put(json!({"email": new, "password": "a wrong guess"})).await.is_refused(403, "wrong-password");
    put(json!({"email": "no address", "password": PASSWORD}))
        .await
        .is_refused(422, "invalid-request")
        .with_field("/email");
    put(json!({"email": bob.email(), "password": PASSWORD})).await.is_refused(409, "email-taken");
    let (hers, his) = (Wallet::new(), Wallet::new());
    ana.links(&hers).await.is(201).accept();
    bob.links(&his).await.is(201).accept();
    let wrong = his.answers(&ana.wallet_terms().await);
    put(json!({"email": new, "wallet": wrong})).await.is_refused(403, "wrong-wallet");
    let right = hers.answers(&ana.wallet_terms().await);
    put(json!({"email": new, "wallet": right})).await.is(200).accept();
    put(json!({"email": ana.email(), "wallet": right})).await.is_refused(401, "wallet-not-proven");
    let noise = json!({"message": "hello", "signature": "0x00"});
    let refused = put(json!({"email": new, "wallet": noise})).await.is_refused(422, "invalid-request");
    refused.with_field("/wallet/message").answer().kind();
}

#[tokio::test]
async fn of_two_who_want_the_same_address_at_once_one_gets_it() {
    let shop = Suite::start().await;
    let (ana, bob) = (shop.sign_up("ana").await, shop.sign_up("bob").await);
    let wanted = format!("{}@example.com", unique("wanted"));
    let (a, b) = join!(changes_email(&ana, &wanted), changes_email(&bob, &wanted));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

#[tokio::test]
async fn the_same_address_again_is_no_change() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    let token = token_in(&shop.kept_mail(ana.email(), 1).await[0]);
    confirms(&ana, &token).await.is(204).accept();
    let same = changes_email(&ana, &ana.email().to_uppercase()).await.is(200);
    assert_eq!(same.json()["email_verified"], true);
    shop.kept_mail(ana.email(), 1).await;
}
