//! Wallets: linked with proof, unlinked but for the last credential, and good to come in with.

use crate::passwords::ends;
use serde_json::{Value, json};
use souk_tests::wallets::{Wallet, message};
use souk_tests::{Suite, unique};
use tokio::join;

#[tokio::test]
async fn a_linked_wallet_signs_in_to_its_account() {
    let shop = Suite::start().await;
    let (ana, wallet) = (shop.sign_up("ana").await, Wallet::new());
    let linked = ana.links(&wallet).await.is(201);
    assert_eq!((linked.text("/address"), &linked.json()["chain_id"]), (wallet.address.as_str(), &json!(1)));
    assert_eq!(ana.wallets().await, std::slice::from_ref(&wallet.address));
    assert_eq!(shop.kept_mail(ana.email(), 2).await[0]["kind"], "wallet_linked");
    let tokens = shop.arrives_with(&wallet).await.is(200);
    assert_eq!(tokens.text("/user_id"), ana.id());
    let profile = shop.stranger().get("/api/v1/users/me").bearer(tokens.text("/access_token")).await.is(200);
    assert_eq!(profile.text("/email"), ana.email());
    // Again changes nothing.
    ana.links(&wallet).await.is(200).accept();
    shop.kept_mail(ana.email(), 2).await;
    let export = ana.exports().await.is(200);
    assert_eq!(export.text("/services/users/wallets/0/address"), wallet.address);
}

#[tokio::test]
async fn a_wallet_opens_one_account() {
    let shop = Suite::start().await;
    let (ana, bob, wallet) = (shop.sign_up("ana").await, shop.sign_up("bob").await, Wallet::new());
    ana.links(&wallet).await.is(201).accept();
    bob.links(&wallet).await.is_refused(409, "wallet-taken");
    assert_eq!(bob.wallets().await, Vec::<String>::new());
    // Once its owner unlinks it, it is free.
    ana.delete(format!("/api/v1/users/me/wallets/{}", wallet.address)).await.is(204).accept();
    bob.links(&wallet).await.is(201).accept();
    assert_eq!(shop.arrives_with(&wallet).await.is(200).text("/user_id"), bob.id());
}

#[tokio::test]
async fn of_two_accounts_that_link_a_wallet_at_once_one_has_it() {
    let shop = Suite::start().await;
    let (ana, bob, wallet) = (shop.sign_up("ana").await, shop.sign_up("bob").await, Wallet::new());
    join!(ana.token(), bob.token());
    let (a, b) = join!(ana.links(&wallet), bob.links(&wallet));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn a_wallet_is_linked_only_by_who_can_sign_with_it() {
    let shop = Suite::start().await;
    let (ana, hers, his) = (shop.sign_up("ana").await, Wallet::new(), Wallet::new());
    let terms = ana.wallet_terms().await;
    let text = message(&terms, &his.address, "");
    let forged = json!({"message": text, "signature": hers.signs(&text)});
    ana.post("/api/v1/users/me/wallets", &forged).await.is_refused(401, "wallet-not-proven");
    // A nonce that proved nothing can still be used.
    ana.post("/api/v1/users/me/wallets", &hers.answers(&terms)).await.is(201).accept();
    let again = ana.post("/api/v1/users/me/wallets", &hers.answers(&terms)).await;
    again.is_refused(401, "wallet-not-proven");
    for (body, field) in [
        (json!({}), "/message"),
        (json!({"message": "hello", "signature": "0x00"}), "/message"),
        (json!({"message": text, "signature": "none"}), "/signature"),
        (json!({"message": text, "signature": "0xzz"}), "/signature"),
        (json!({"message": "x".repeat(9000), "signature": "0x00"}), "/message"),
    ] {
        let answer = ana.post("/api/v1/users/me/wallets", &body).await;
        answer.is_refused(422, "invalid-request").with_field(field);
    }
}

#[tokio::test]
async fn unlinking_ends_what_the_wallet_began() {
    let shop = Suite::start().await;
    let (ana, wallet) = (shop.sign_up("ana").await, Wallet::new());
    ana.links(&wallet).await.is(201).accept();
    let thief = shop.arrives_with(&wallet).await.is(200);
    let here = ana.tokens().await;
    ana.delete(format!("/api/v1/users/me/wallets/{}", wallet.address)).await.is(204).accept();
    ends(&ana, thief.text("/refresh_token")).await;
    ana.refreshes(&here.refresh).await.is(200).accept();
    assert_eq!(shop.kept_mail(ana.email(), 3).await[0]["kind"], "wallet_unlinked");
    // It is a stranger's wallet now.
    assert_ne!(shop.arrives_with(&wallet).await.is(200).text("/user_id"), ana.id());
}

#[tokio::test]
async fn what_is_not_linked_cannot_be_unlinked() {
    let shop = Suite::start().await;
    let (ana, bob, wallet) = (shop.sign_up("ana").await, shop.sign_up("bob").await, Wallet::new());
    bob.links(&wallet).await.is(201).accept();
    for address in [wallet.address.as_str(), &wallet.address.to_lowercase(), "0x", "me"] {
        ana.delete(format!("/api/v1/users/me/wallets/{address}")).await.is_refused(404, "not-found");
    }
    assert_eq!(bob.wallets().await.len(), 1);
}

#[tokio::test]
async fn the_last_credential_stays() {
    let shop = Suite::start().await;
    let (first, second) = (Wallet::new(), Wallet::new());
    let tokens = shop.arrives_with(&first).await.is(200);
    let stranger = shop.stranger();
    let bearer = tokens.text("/access_token");
    let unlink = |wallet: &Wallet| {
        stranger.delete(format!("/api/v1/users/me/wallets/{}", wallet.address)).bearer(bearer)
    };
    unlink(&first).await.is_refused(409, "last-credential");
    let linked = second.answers(&stranger.wallet_terms().await);
    stranger.post("/api/v1/users/me/wallets", &linked).bearer(bearer).await.is(201).accept();
    // Both at once: one of them stays.
    let (a, b) = join!(unlink(&first), unlink(&second));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
}

#[tokio::test]
async fn an_account_has_at_most_twenty_wallets() {
    let shop = Suite::start().await;
    let ana = shop.sign_up("ana").await;
    for _ in 0..20 {
        ana.links(&Wallet::new()).await.is(201).accept();
    }
    ana.links(&Wallet::new()).await.is_refused(409, "too-many-wallets");
    assert_eq!(ana.wallets().await.len(), 20);
}

#[tokio::test]
async fn who_came_with_a_wallet_buys_once_there_is_an_address() {
    let shop = Suite::start().await;
    let wallet = Wallet::new();
    let tokens = shop.arrives_with(&wallet).await.is(200);
    let (stranger, bearer) = (shop.stranger(), tokens.text("/access_token"));
    let profile = stranger.get("/api/v1/users/me").bearer(bearer).await.is(200);
    assert_eq!((&profile.json()["email"], &profile.json()["roles"]), (&Value::Null, &json!(["customer"])));
    stranger.get("/api/v1/customers/me").bearer(bearer).await.is_refused(409, "email-needed");
    let asked = stranger.post("/api/v1/users/me/email/verification", &json!({})).bearer(bearer).await;
    asked.is_refused(409, "no-email");
    let email = format!("{}@example.com", unique("wallet"));
    let change = json!({"email": email, "wallet": wallet.answers(&stranger.wallet_terms().await)});
    stranger.put("/api/v1/users/me/email", &change).bearer(bearer).await.is(200).accept();
    let customer = stranger.get("/api/v1/customers/me").bearer(bearer).await.is(200);
    assert_eq!(customer.text("/email"), email);
    let found = shop.admin().await.get(format!("/api/v1/users?q={email}")).await.is(200);
    assert_eq!(found.text("/items/0/id"), tokens.text("/user_id"));
}

#[tokio::test]
async fn who_has_only_a_wallet_deletes_the_account_with_it() {
    let Some(shop) = Suite::own().await else { return };
    let wallet = Wallet::new();
    let tokens = shop.arrives_with(&wallet).await.is(200);
    let (stranger, bearer) = (shop.stranger(), tokens.text("/access_token"));
    let delete = |body: Value| stranger.delete("/api/v1/users/me").json(&body).bearer(bearer);
    delete(json!({"password": "whatever it is"})).await.is_refused(403, "wrong-password");
    delete(json!({})).await.is_refused(422, "invalid-request").with_field("/password");
    let other = Wallet::new().answers(&stranger.wallet_terms().await);
    delete(json!({"wallet": other})).await.is_refused(403, "wrong-wallet");
    let signed = wallet.answers(&stranger.wallet_terms().await);
    delete(json!({"wallet": signed})).await.is(204).accept();
    shop.has_delivered().await;
    stranger.refreshes(tokens.text("/refresh_token")).await.is_refused(401, "invalid-refresh-token");
    // The wallet is free, and its next account another.
    assert_ne!(shop.arrives_with(&wallet).await.is(200).text("/user_id"), tokens.text("/user_id"));
}
