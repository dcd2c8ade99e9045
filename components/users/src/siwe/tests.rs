//! The rules against vectors. They have the form of those of the siwe libraries (spruceid/siwe, `test/*.json`), so that those
//! can be run here as well: `SIWE_VECTORS=<folder> cargo test -p users siwe`. Ours were written by the grammar of ERC-4361 and
//! signed by another implementation (`eth-account`, PyPI).

use super::message::{Malformed, Message};
use super::{Here, signature};
use crate::problem::UsersError;
use serde_json::{Map, Value};
use souk_kit::Timestamp;

/// Our vectors, or those of somebody else.
fn vectors(name: &str) -> Map<String, Value> {
    let text = match std::env::var("SIWE_VECTORS") {
        Ok(folder) => std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap(),
        Err(_) => match name {
            "parsing_positive" => include_str!("vectors/parsing_positive.json"),
            "parsing_negative" => include_str!("vectors/parsing_negative.json"),
            "verification_positive" => include_str!("vectors/verification_positive.json"),
            "verification_negative" => include_str!("vectors/verification_negative.json"),
            _ => panic!("no vectors of that name"),
        }
        .to_owned(),
    };
    serde_json::from_str(&text).unwrap()
}

fn text<'a>(of: &'a Value, name: &str) -> Option<&'a str> {
    of[name].as_str()
}

fn time(of: &Value, name: &str) -> Option<Timestamp> {
    (!of[name].is_null()).then(|| serde_json::from_value(of[name].clone()).unwrap())
}

#[test]
fn every_message_that_follows_the_grammar_is_read() {
    for (name, vector) in vectors("parsing_positive") {
        let message = Message::read(text(&vector, "message").unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let fields = &vector["fields"];
        let chain_id =
            text(fields, "chainId").map(str::to_owned).unwrap_or_else(|| fields["chainId"].to_string());
        let resources: Vec<&str> =
            fields["resources"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(message.scheme.as_deref(), text(fields, "scheme"), "{name}");
        assert_eq!(Some(message.domain.as_str()), text(fields, "domain"), "{name}");
        assert_eq!(Some(message.address.to_string().as_str()), text(fields, "address"), "{name}");
        assert_eq!(message.statement.as_deref(), text(fields, "statement"), "{name}");
        assert_eq!(Some(message.uri.as_str()), text(fields, "uri"), "{name}");
        assert_eq!(message.chain_id.to_string(), chain_id, "{name}");
        assert_eq!(Some(message.nonce.as_str()), text(fields, "nonce"), "{name}");
        assert_eq!(Some(message.issued_at), time(fields, "issuedAt"), "{name}");
        assert_eq!(message.expires_at, time(fields, "expirationTime"), "{name}");
        assert_eq!(message.not_before, time(fields, "notBefore"), "{name}");
        assert_eq!(message.request_id.as_deref(), text(fields, "requestId"), "{name}");
        assert_eq!(message.resources, resources, "{name}");
    }
}

#[test]
fn a_message_that_does_not_follow_the_grammar_is_refused() {
    for (name, vector) in vectors("parsing_negative") {
        let read = Message::read(vector.as_str().unwrap());
        assert!(read.is_err(), "{name}: {read:?}");
    }
}

/// The message that the fields make, as the libraries write it.
fn written(fields: &Value) -> String {
    let field = |name: &str| match &fields[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut text = format!(
        "{} wants you to sign in with your Ethereum account:\n{}\n\n",
        field("domain"),
        field("address")
    );
    if !fields["statement"].is_null() {
        text += &format!("{}\n", field("statement"));
    }
    text += &format!(
        "\nURI: {}\nVersion: {}\nChain ID: {}\nNonce: {}\nIssued At: {}",
        field("uri"),
        field("version"),
        field("chainId"),
        field("nonce"),
        field("issuedAt")
    );
    for (label, name) in
        [("Expiration Time", "expirationTime"), ("Not Before", "notBefore"), ("Request ID", "requestId")]
    {
        if !fields[name].is_null() {
            text += &format!("\n{label}: {}", field(name));
        }
    }
    if let Some(resources) = fields["resources"].as_array() {
        text += "\nResources:";
        resources.iter().filter_map(Value::as_str).for_each(|resource| text += &format!("\n- {resource}"));
    }
    text
}

/// What we would say of it where it is for, but for the nonce.
fn judged(fields: &Value) -> Result<(), String> {
    let text_of = written(fields);
    let message = Message::read(&text_of).map_err(|Malformed(what)| what.to_owned())?;
    let now = time(fields, "time").unwrap_or_else(Timestamp::now);
    let domain = text(fields, "domainBinding").unwrap_or(&message.domain);
    let here = Here { origin: format!("https://{domain}"), chain_id: message.chain_id };
    // The vectors bind the domain, and do not judge when it was issued.
    let bound = Message { uri: here.origin.clone(), issued_at: now, ..message.clone() };
    here.accepts(&bound, now).map_err(|refused| match refused {
        UsersError::WalletNotProven(why) => why.to_owned(),
        other => format!("{other:?}"),
    })?;
    if text(fields, "matchNonce").is_some_and(|nonce| nonce != message.nonce) {
        return Err("another nonce".into());
    }
    let signature = text(fields, "signature").and_then(signature::bytes).ok_or("no signature")?;
    match signature::signer(&signature::hash(&text_of), &signature) == Some(message.address) {
        true => Ok(()),
        false => Err("the signature is not that of the address".into()),
    }
}

#[test]
fn what_was_signed_for_here_and_now_is_accepted() {
    for (name, fields) in vectors("verification_positive") {
        judged(&fields).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn what_was_signed_by_another_or_for_another_place_or_time_is_not() {
    for (name, fields) in vectors("verification_negative") {
        assert!(judged(&fields).is_err(), "{name}");
    }
}

/// A message for `https://shop.example`, with some of it replaced.
fn message(replaced: &[(&str, &str)]) -> Message {
    let text = "shop.example wants you to sign in with your Ethereum account:\n\
        0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n\n\nURI: https://shop.example\nVersion: 1\nChain ID: 1\n\
        Nonce: 12345678\nIssued At: 2026-11-22T03:00:00Z";
    let text = replaced.iter().fold(text.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replacen(old, new, 1)
    });
    Message::read(&text).unwrap_or_else(|error| panic!("{error:?}: {text}"))
}

#[test]
fn a_message_is_for_one_domain_address_and_chain() {
    let here = Here { origin: "https://shop.example".into(), chain_id: 1 };
    let now: Timestamp = serde_json::from_str("\"2026-11-22T03:00:00Z\"").unwrap();
    let is_accepted = |replaced: &[(&str, &str)]| here.accepts(&message(replaced), now).is_ok();
    assert!(is_accepted(&[]));
    assert!(is_accepted(&[("shop.example wants", "https://shop.example wants")]));
    for uri in ["https://shop.example/", "https://shop.example/login?x=1#y", "https://shop.example?x"] {
        assert!(is_accepted(&[("URI: https://shop.example", &format!("URI: {uri}"))]), "{uri}");
    }
    for domain in [
        "evil.example",
        "shop.example:444",
        "user@shop.example",
        "http://shop.example",
        "shop.example.evil",
        "SHOP.example",
    ] {
        assert!(!is_accepted(&[("shop.example wants", &format!("{domain} wants"))]), "{domain}");
    }
    for uri in [
        "https://shop.example.evil/",
        "https://shop.example@evil.example/",
        "http://shop.example/",
        "https://evil.example",
        "did:key:z6Mk",
    ] {
        assert!(!is_accepted(&[("URI: https://shop.example", &format!("URI: {uri}"))]), "{uri}");
    }
    assert!(!is_accepted(&[("Chain ID: 1", "Chain ID: 137")]));
    assert!(is_accepted(&[("03:00:00Z", "03:01:00Z")]), "a clock may be ahead by a minute");
    assert!(!is_accepted(&[("03:00:00Z", "03:01:01Z")]));
    assert!(!is_accepted(&[("03:00:00Z", "02:59:00Z\nExpiration Time: 2026-11-22T03:00:00Z")]));
    assert!(is_accepted(&[("03:00:00Z", "02:59:00Z\nExpiration Time: 2026-11-22T03:00:01Z")]));
    assert!(!is_accepted(&[("03:00:00Z", "02:59:00Z\nNot Before: 2026-11-22T03:00:01Z")]));
    assert!(is_accepted(&[("03:00:00Z", "02:59:00Z\nNot Before: 2026-11-22T03:00:00Z")]));
}

#[test]
fn a_port_belongs_to_the_domain() {
    let here = Here { origin: "http://localhost:8005".into(), chain_id: 1 };
    assert_eq!((here.scheme(), here.domain()), ("http", "localhost:8005"));
    assert!(
        here.has("http://localhost:8005/login")
            && !here.has("http://localhost:80055")
            && !here.has("http://localhost")
    );
}
