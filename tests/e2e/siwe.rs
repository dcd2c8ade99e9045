//! Sign-In with Ethereum: by a key, by a contract, once for each nonce, here and now. The grammar and its vectors are unit
//! tests of users.

use rusqlite::Connection;
use serde_json::{Value, json};
use souk_tests::token::Jwt;
use souk_tests::wallets::{Node, Trouble, Wallet, message};
use souk_tests::{Answer, Suite};
use tokio::join;

#[track_caller]
fn is_not_proven(answer: Answer, why: &str) {
    let refused = answer.is_refused(401, "wallet-not-proven");
    assert_eq!(refused.answer().text("/detail"), why);
}

/// What a wallet signs, with some of the message replaced.
fn signs_otherwise(wallet: &Wallet, terms: &Value, old: &str, new: &str) -> Value {
    let text = message(terms, &wallet.address, "");
    assert!(text.contains(old), "{old} in {text}");
    let text = text.replacen(old, new, 1);
    json!({"message": text, "signature": wallet.signs(&text)})
}

#[tokio::test]
async fn a_wallet_that_nobody_knows_gets_an_account_and_comes_back_to_it() {
    let shop = Suite::start().await;
    let wallet = Wallet::new();
    let first = shop.arrives_with(&wallet).await.is(200);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    let claims = Jwt::read(first.text("/access_token")).claims;
    assert_eq!((&claims["sub"], &claims["scope"]), (&first.json()["user_id"], &json!("account")));
    let again = shop.arrives_with(&wallet).await.is(200);
    assert_eq!(first.text("/user_id"), again.text("/user_id"));
    shop.stranger().refreshes(again.text("/refresh_token")).await.is(200).accept();
    assert_ne!(shop.arrives_with(&Wallet::new()).await.is(200).text("/user_id"), first.text("/user_id"));
}

#[tokio::test]
async fn the_terms_say_all_that_a_message_needs() {
    let shop = Suite::start().await;
    let stranger = shop.stranger();
    let answer = stranger.post("/api/v1/auth/siwe/nonce", &json!({})).await.is(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let terms = answer.json();
    assert_eq!((&terms["version"], &terms["chain_id"]), (&json!("1"), &json!(1)));
    let uri = answer.text("/uri");
    assert!(uri.ends_with(answer.text("/domain")) && !answer.text("/domain").contains('/'), "{terms}");
    assert_ne!(terms["nonce"], stranger.wallet_terms().await["nonce"]);
}

#[tokio::test]
async fn a_nonce_is_good_once() {
    let shop = Suite::start().await;
    let (stranger, wallet) = (shop.stranger(), Wallet::new());
    let terms = stranger.wallet_terms().await;
    stranger.comes_in_with(&wallet.answers(&terms)).await.is(200).accept();
    is_not_proven(stranger.comes_in_with(&wallet.answers(&terms)).await, "The nonce has been used.");
    is_not_proven(stranger.comes_in_with(&Wallet::new().answers(&terms)).await, "The nonce has been used.");
}

#[tokio::test]
async fn of_two_who_use_a_nonce_at_once_one_comes_in() {
    let shop = Suite::start().await;
    let (a, b, wallet) = (shop.stranger(), shop.stranger(), Wallet::new());
    let signed = wallet.answers(&a.wallet_terms().await);
    let (a, b) = join!(a.comes_in_with(&signed), b.comes_in_with(&signed));
    let mut statuses = [a.status.as_u16(), b.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn a_new_wallet_that_comes_in_twice_at_once_gets_one_account() {
    let shop = Suite::start().await;
    let wallet = Wallet::new();
    let (a, b) = join!(shop.arrives_with(&wallet), shop.arrives_with(&wallet));
    assert_eq!(a.is(200).text("/user_id"), b.is(200).text("/user_id"));
}

#[tokio::test]
async fn a_nonce_that_is_none_of_ours_is_refused() {
    let shop = Suite::start().await;
    let (stranger, wallet) = (shop.stranger(), Wallet::new());
    let terms = stranger.wallet_terms().await;
    let nonce = terms["nonce"].as_str().expect("a nonce").to_owned();
    let flipped = if nonce.ends_with('0') { "1" } else { "0" };
    let tampered = format!("{}{flipped}", &nonce[..nonce.len() - 1]);
    for forged in ["12345678", &nonce.to_uppercase(), &tampered, &format!("{nonce}00"), &"0".repeat(64)] {
        let signed = signs_otherwise(&wallet, &terms, &nonce, forged);
        let answer = stranger.comes_in_with(&signed).await;
        if *forged == nonce {
            continue; // It has no letters.
        }
        is_not_proven(answer, "The nonce is none of ours, or has expired.");
    }
}

#[tokio::test]
async fn what_was_signed_for_another_place_or_time_is_refused() {
    let shop = Suite::start().await;
    let (stranger, wallet) = (shop.stranger(), Wallet::new());
    let terms = stranger.wallet_terms().await;
    let (domain, uri) = (terms["domain"].as_str().expect("a domain"), terms["uri"].as_str().expect("a URI"));
    let issued_at = format!("Issued At: {}", terms["issued_at"].as_str().expect("a time"));
    let more = |line: &str| format!("{issued_at}\n{line}");
    let wants = format!("{domain} wants");
    let line = format!("URI: {uri}");
    for (old, new, why) in [
        (wants.as_str(), "evil.example wants", "The message is for another domain."),
        (&wants, "localhost wants", "The message is for another domain."),
        (&wants, &format!("https://{domain} wants"), "The message is for another origin."),
        (&line, "URI: https://evil.example", "The message is for another URI."),
        (&line, &format!("URI: {uri}@evil.example"), "The message is for another URI."),
        ("Chain ID: 1", "Chain ID: 137", "The message is for another chain."),
        (&issued_at, "Issued At: 2100-01-01T00:00:00Z", "The message is of the future."),
        (&issued_at, &more("Expiration Time: 2020-01-01T00:00:00Z"), "The message has expired."),
        (&issued_at, &more("Not Before: 2100-01-01T00:00:00Z"), "The message does not hold yet."),
    ] {
        is_not_proven(stranger.comes_in_with(&signs_otherwise(&wallet, &terms, old, new)).await, why);
    }
    // All of it together, where it is right, with a nonce that proved nothing so far.
    let good = more("Expiration Time: 2100-01-01T00:00:00Z\nNot Before: 2020-01-01T00:00:00Z\nRequest ID: 7");
    let signed = signs_otherwise(&wallet, &terms, &issued_at, &good);
    stranger.comes_in_with(&signed).await.is(200).accept();
}

#[tokio::test]
async fn what_follows_no_grammar_is_refused_for_that() {
    let shop = Suite::start().await;
    let (stranger, wallet) = (shop.stranger(), Wallet::new());
    let terms = stranger.wallet_terms().await;
    for (old, new) in [
        ("\n\nSign", "\nSign"),
        ("Version: 1", "Version: 2"),
        (&wallet.address, &wallet.address.to_lowercase()),
        ("Chain ID: 1", "Chain ID: one"),
        ("\n", "\r\n"),
        ("the shop", "the shop\u{202e}"),
    ] {
        let signed = signs_otherwise(&wallet, &terms, old, new);
        let refused = stranger.comes_in_with(&signed).await.is_refused(422, "invalid-request");
        refused.with_fields(&["/message"]);
    }
    let mut signed = wallet.answers(&terms);
    for nonsense in ["1234", "0x1", "0xgg", "0x 00"] {
        signed["signature"] = json!(nonsense);
        let answer = stranger.comes_in_with(&signed).await;
        answer.is_refused(422, "invalid-request").with_fields(&["/signature"]);
    }
    signed["signature"] = json!(format!("0x{}", "00".repeat(4097)));
    stranger.comes_in_with(&signed).await.is_refused(422, "invalid-request").with_fields(&["/signature"]);
    let unknown = json!({"message": "x", "signature": "0x00", "address": wallet.address});
    stranger.comes_in_with(&unknown).await.is_refused(422, "invalid-request").with_field("/address");
}

#[tokio::test]
async fn another_key_or_another_text_proves_nothing() {
    let shop = Suite::start().await;
    let (stranger, wallet, other) = (shop.stranger(), Wallet::new(), Wallet::new());
    let terms = stranger.wallet_terms().await;
    let why = "The signature is not that of the address.";
    let text = message(&terms, &wallet.address, "");
    is_not_proven(
        stranger.comes_in_with(&json!({"message": text, "signature": other.signs(&text)})).await,
        why,
    );
    let altered = text.replace("Sign in to", "Give everything to");
    let signed = json!({"message": altered, "signature": wallet.signs(&text)});
    is_not_proven(stranger.comes_in_with(&signed).await, why);
    for bytes in [format!("0x{}1b", "00".repeat(64)), format!("0x{}1b", "ff".repeat(64)), "0x00".into()] {
        is_not_proven(stranger.comes_in_with(&json!({"message": text, "signature": bytes})).await, why);
    }
}

#[tokio::test]
async fn nonces_that_were_used_are_forgotten_when_they_have_expired() {
    let Some(shop) = Suite::own().await else { return };
    let (stranger, wallet) = (shop.stranger(), Wallet::new());
    let database = Connection::open(shop.state().join("users.db")).expect("users' database");
    let signed = wallet.answers(&stranger.wallet_terms().await);
    let count = || -> i64 {
        database.query_row("SELECT count(*) FROM used_nonces", [], |row| row.get(0)).expect("a number")
    };
    assert_eq!(count(), 0, "asking for one leaves nothing behind");
    stranger.comes_in_with(&signed).await.is(200).accept();
    shop.ticks().await;
    assert_eq!(count(), 1);
    database.execute("UPDATE used_nonces SET expires_at = 0", []).expect("time passes");
    shop.ticks().await;
    assert_eq!(count(), 0);
}

#[tokio::test]
async fn a_contract_signs_as_it_likes() {
    let node = Node::start();
    let Some(shop) = node.suite().await else { return };
    let stranger = shop.stranger();
    // Three owners' signatures, say: no length that a key's has.
    let signature = format!("0x{}", "ab".repeat(195));
    let contract = node.has_contract(&signature);
    let signed = |terms: &Value, signature: &str| json!({"message": message(terms, &contract, ""), "signature": signature});
    let terms = stranger.wallet_terms().await;
    let first = stranger.comes_in_with(&signed(&terms, &signature)).await.is(200);
    let terms = stranger.wallet_terms().await;
    let again = stranger.comes_in_with(&signed(&terms, &signature)).await.is(200);
    assert_eq!(first.text("/user_id"), again.text("/user_id"));
    let terms = stranger.wallet_terms().await;
    let why = "The signature is not that of the address.";
    is_not_proven(stranger.comes_in_with(&signed(&terms, "0xabab")).await, why);
    // Where there is no contract, nobody says yes.
    let nobody = json!({"message": message(&terms, &Wallet::new().address, ""), "signature": signature});
    is_not_proven(stranger.comes_in_with(&nobody).await, why);
}

#[tokio::test]
async fn whose_key_has_signed_is_not_asked_about() {
    let node = Node::start();
    let Some(shop) = node.suite().await else { return };
    node.ails(Some(Trouble::Status(500)));
    shop.arrives_with(&Wallet::new()).await.is(200).accept();
    assert_eq!(node.times_asked(), 0);
}

#[tokio::test]
async fn a_node_that_cannot_say_decides_nothing() {
    let node = Node::start();
    let Some(shop) = node.suite().await else { return };
    shop.expects_faults();
    let stranger = shop.stranger();
    let contract = node.has_contract("0x1234");
    let terms = stranger.wallet_terms().await;
    let signed = json!({"message": message(&terms, &contract, ""), "signature": "0x1234"});
    for trouble in [
        Trouble::Status(500),
        Trouble::Status(401),
        Trouble::Says("{}".into()),
        Trouble::Says("no JSON".into()),
        Trouble::Error(-32005, "limit exceeded"),
    ] {
        node.ails(Some(trouble.clone()));
        let answer = stranger.comes_in_with(&signed).await.is_refused(503, "unavailable");
        assert!(!answer.answer().text("/detail").contains("the-key"), "{trouble:?}");
    }
    node.ails(None);
    node.is_of_chain(5);
    stranger.comes_in_with(&signed).await.is_refused(503, "unavailable");
    node.is_of_chain(1);
    // The contract's own error is a no, and none of it has used up the nonce.
    node.ails(Some(Trouble::Error(-32000, "execution reverted")));
    is_not_proven(stranger.comes_in_with(&signed).await, "The signature is not that of the address.");
    node.ails(None);
    stranger.comes_in_with(&signed).await.is(200).accept();
}

#[tokio::test]
async fn without_users_nobody_comes_in_and_the_nonce_can_still_be_used() {
    let Some(shop) = Suite::own().await else { return };
    let (stranger, wallet) = (shop.stranger(), Wallet::new());
    let signed = wallet.answers(&stranger.wallet_terms().await);
    shop.faults().unreachable("users", souk_tests::Until::Cleared);
    stranger.comes_in_with(&signed).await.is_refused(503, "unavailable");
    shop.faults().clear();
    stranger.comes_in_with(&signed).await.is(200).accept();
}

#[tokio::test]
async fn a_crash_between_the_account_and_the_session_leaves_an_account_to_come_back_to() {
    let Some(mut shop) = Suite::own().await else { return };
    let wallet = Wallet::new();
    let terms = shop.stranger().wallet_terms().await;
    let signed = wallet.answers(&terms);
    shop.stranger().comes_in_with(&signed).await.is(200).accept();
    shop.is_killed().await;
    // As if auth had not got to its own commit.
    let auth = Connection::open(shop.state().join("auth.db")).expect("auth's database");
    auth.execute("DELETE FROM sessions", []).expect("the session never was");
    drop(auth);
    shop.starts_again().await;
    is_not_proven(shop.stranger().comes_in_with(&signed).await, "The nonce has been used.");
    shop.arrives_with(&wallet).await.is(200).accept();
    let users = Connection::open(shop.state().join("users.db")).expect("users' database");
    let accounts =
        users.query_row("SELECT count(*) FROM users WHERE email IS NULL", [], |row| row.get::<_, i64>(0));
    assert_eq!(accounts.expect("a number"), 1);
}
