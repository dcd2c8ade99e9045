//! Webhooks on their way: each is signed when it is sent, and sent again until somebody takes it.

use crate::books::{Books, now, random_id};
use crate::signing::Signatory;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use url::Url;

/// How often PayPal tries.
pub const TRIES: u32 = 25;
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// An event for one listener.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Whose it is.
    pub webhook: String,
    /// Where it goes.
    pub url: String,
    /// The type of the event.
    pub event_type: String,
    /// What it says.
    pub body: Bytes,
}

/// A try to deliver a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The type of the event.
    pub event_type: String,
    /// What the listener answered; nothing when it did not.
    pub status: Option<u16>,
}

/// What has happened, as letters to those who want to know.
pub fn letters(books: &mut Books) -> Vec<Letter> {
    let news = std::mem::take(&mut books.news);
    let events = news.into_iter().map(|(event_type, resource_type, resource)| {
        (event_type, event(event_type, resource_type, resource).to_string())
    });
    let mut letters = Vec::new();
    for (event_type, body) in events {
        for (id, webhook) in &books.webhooks {
            if webhook.event_types.iter().any(|wanted| wanted == "*" || wanted == event_type) {
                let body = Bytes::from(body.clone());
                let (webhook, url) = (id.clone(), webhook.url.clone());
                letters.push(Letter { webhook, url, event_type: event_type.to_owned(), body });
            }
        }
    }
    letters
}

/// An event as PayPal writes it.
pub fn event(event_type: &str, resource_type: &str, resource: Value) -> Value {
    json!({
        "id": format!("WH-{}-{}", random_id(17), random_id(17)),
        "event_version": "1.0",
        "create_time": now(),
        "resource_type": resource_type,
        "resource_version": "2.0",
        "event_type": event_type,
        "summary": format!("A {resource_type} has news: {event_type}"),
        "resource": resource,
    })
}

/// The headers of a letter that is sent now.
pub fn headers(
    signatory: &Signatory,
    cert_url: &str,
    time: &str,
    webhook: &str,
    body: &[u8],
) -> [(&'static str, String); 5] {
    let id = format!("{}-{}", random_id(8).to_lowercase(), random_id(12).to_lowercase());
    let signature = signatory.sign(&id, time, webhook, body);
    [
        ("paypal-transmission-id", id),
        ("paypal-transmission-time", time.to_owned()),
        ("paypal-transmission-sig", signature),
        ("paypal-cert-url", cert_url.to_owned()),
        ("paypal-auth-algo", "SHA256withRSA".to_owned()),
    ]
}

/// Sends a letter once. Gives the status, if there was an answer.
pub async fn send(letter: &Letter, signatory: &Arc<Signatory>, cert_url: &str) -> Option<u16> {
    let headers = headers(signatory, cert_url, &now(), &letter.webhook, &letter.body);
    tokio::time::timeout(PATIENCE, post(letter, headers)).await.ok()?.ok()
}

async fn post(letter: &Letter, headers: [(&'static str, String); 5]) -> anyhow::Result<u16> {
    let url = Url::parse(&letter.url)?;
    let authority = url.authority().to_owned();
    let address = (url.host_str().unwrap_or_default().to_owned(), url.port_or_known_default().unwrap_or(80));
    let stream = TcpStream::connect(address).await?;
    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::post(&url[url::Position::BeforePath..])
        .header("host", authority)
        .header("content-type", "application/json")
        .header("user-agent", "PayPal/AUHD-stand-in");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    Ok(client.send_request(request.body(Full::new(letter.body.clone()))?).await?.status().as_u16())
}
