//! The stand-in as a merchant sees it, over HTTP.

use crate::{Options, Sandbox, Term, Trouble};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A merchant with a token.
struct Merchant {
    sandbox: Sandbox,
    agent: ureq::Agent,
    token: String,
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.max_redirects_will_error(false).build().into()
}

fn merchant() -> Merchant {
    let sandbox =
        Sandbox::start(Options { pause: Duration::from_millis(20), ..Options::default() }).expect("a server");
    let agent = agent();
    let (id, secret, _) = sandbox.account();
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let request = agent.post(format!("{}/v1/oauth2/token", sandbox.url())).header("authorization", basic);
    let mut answer = request.send_form([("grant_type", "client_credentials")]).expect("an answer");
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.body_mut().read_json().expect("JSON");
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    Merchant { sandbox, agent, token }
}

impl Merchant {
    fn try_post(&self, path: &str, key: &str, body: &Value) -> Option<(u16, Value)> {
        let mut request = self.agent.post(format!("{}{path}", self.sandbox.url()));
        request = request.header("authorization", format!("Bearer {}", self.token));
        request = request.header("prefer", "return=representation");
        if !key.is_empty() {
            request = request.header("paypal-request-id", key);
        }
        let mut answer = request.send_json(body).ok()?;
        Some((answer.status().as_u16(), answer.body_mut().read_json().unwrap_or(Value::Null)))
    }

    fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        self.try_post(path, key, body).expect("an answer")
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let request = self.agent.get(format!("{}{path}", self.sandbox.url()));
        let mut answer =
            request.header("authorization", format!("Bearer {}", self.token)).call().expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or(Value::Null))
    }

    fn order(&self, intent: &str, invoice: &str) -> String {
        let (status, order) = self.post("/v2/checkout/orders", "", &wanted(intent, "20.00", invoice));
        assert_eq!(status, 201, "{order}");
        order["id"].as_str().expect("an id").to_owned()
    }

    fn chooses(&self, order: &str, choice: &str, funding: &str) -> String {
        let page = format!("{}/checkoutnow?token={order}", self.sandbox.url());
        let mut shown = self.agent.get(&page).call().expect("the page");
        assert!(shown.body_mut().read_to_string().expect("HTML").contains("20.00"));
        let sent =
            self.agent.post(&page).send_form([("choice", choice), ("funding", funding)]).expect("an answer");
        assert_eq!(sent.status(), 303);
        sent.headers()["location"].to_str().expect("an address").to_owned()
    }

    fn approved(&self, intent: &str, invoice: &str, funding: &str) -> String {
        let order = self.order(intent, invoice);
        self.chooses(&order, "approve", funding);
        order
    }
}

fn wanted(intent: &str, value: &str, invoice: &str) -> Value {
    json!({
        "intent": intent,
        "purchase_units": [{"amount": {"currency_code": "EUR", "value": value}, "invoice_id": invoice, "custom_id": "c"}],
        "application_context": {"return_url": "https://shop.test/back", "cancel_url": "https://shop.test/no?a=b"},
    })
}

fn issue(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["details"][0]["issue"].as_str().unwrap_or_default())
}

fn euros(value: &str) -> Value {
    json!({ "amount": { "currency_code": "EUR", "value": value } })
}

#[test]
fn an_order_is_approved_captured_once_and_refunded_within_what_was_taken() {
    let shop = merchant();
    let order = shop.order("CAPTURE", "1");
    let capture = format!("/v2/checkout/orders/{order}/capture");
    assert_eq!(issue(&shop.post(&capture, "k0", &json!({}))), (422, "ORDER_NOT_APPROVED"));
    let back = shop.chooses(&order, "approve", "balance");
    assert!(back.starts_with(&format!("https://shop.test/back?token={order}&PayerID=")), "{back}");
    assert_eq!(shop.get(&format!("/v2/checkout/orders/{order}")).1["status"], "APPROVED");

    let (status, first) = shop.post(&capture, "k1", &json!({}));
    assert_eq!((status, &first["status"]), (201, &json!("COMPLETED")));
    assert_eq!(shop.post(&capture, "k1", &json!({})), (200, first.clone()));
    assert_eq!(issue(&shop.post(&capture, "k2", &json!({}))), (422, "ORDER_ALREADY_CAPTURED"));
    assert_eq!(shop.sandbox.captures().len(), 1);

    let id =
        first.pointer("/purchase_units/0/payments/captures/0/id").and_then(Value::as_str).expect("a capture");
    let refund = format!("/v2/payments/captures/{id}/refund");
    assert_eq!(issue(&shop.post(&refund, "r0", &euros("20.01"))), (422, "REFUND_AMOUNT_EXCEEDED"));
    let given = shop.post(&refund, "r1", &euros("5.00"));
    assert_eq!(given.0, 201);
    assert_eq!(shop.post(&refund, "r1", &euros("5.00")), given);
    assert_eq!(shop.post(&refund, "r1", &euros("6.00")).0, 422);
    assert_eq!(shop.get(&format!("/v2/payments/captures/{id}")).1["status"], "PARTIALLY_REFUNDED");
    assert_eq!(shop.post(&refund, "r2", &json!({})).1["amount"]["value"], "15.00");
    assert_eq!(issue(&shop.post(&refund, "r3", &json!({}))), (422, "CAPTURE_FULLY_REFUNDED"));
    assert_eq!(shop.get(&format!("/v2/checkout/orders/{order}")).0, 200);
    let refund = given.1["id"].as_str().expect("an id");
    assert_eq!(shop.get(&format!("/v2/payments/refunds/{refund}")).0, 200);
}

#[test]
fn held_money_is_taken_in_parts_and_let_go() {
    let shop = merchant();
    let order = shop.approved("AUTHORIZE", "1", "balance");
    let capture = format!("/v2/checkout/orders/{order}/capture");
    assert_eq!(issue(&shop.post(&capture, "", &json!({}))), (422, "AUTH_CAPTURE_NOT_ENABLED"));
    let path = format!("/v2/checkout/orders/{order}/authorize");
    let (_, held) = shop.post(&path, "a", &json!({}));
    assert_eq!(issue(&shop.post(&path, "b", &json!({}))), (422, "ORDER_ALREADY_AUTHORIZED"));
    let id = held
        .pointer("/purchase_units/0/payments/authorizations/0/id")
        .and_then(Value::as_str)
        .expect("an id");
    let path = format!("/v2/payments/authorizations/{id}");
    assert_eq!(
        issue(&shop.post(&format!("{path}/capture"), "", &euros("20.01"))),
        (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    );
    assert_eq!(shop.post(&format!("{path}/capture"), "p", &euros("8.00")).0, 201);
    assert_eq!(shop.get(&path).1["status"], "PARTIALLY_CAPTURED");
    assert_eq!(
        issue(&shop.post(&format!("{path}/reauthorize"), "", &json!({}))),
        (422, "REAUTHORIZATION_NOT_SUPPORTED")
    );
    assert_eq!(shop.post(&format!("{path}/void"), "", &json!({})).1["status"], "VOIDED");
    assert_eq!(issue(&shop.post(&format!("{path}/void"), "", &json!({}))), (422, "PREVIOUSLY_VOIDED"));
    assert_eq!(
        issue(&shop.post(&format!("{path}/capture"), "", &euros("1.00"))),
        (422, "AUTHORIZATION_VOIDED")
    );
}

#[test]
fn buyers_go_back_and_cards_are_declined_and_payments_are_reviewed() {
    let shop = merchant();
    let order = shop.order("CAPTURE", "1");
    assert_eq!(shop.chooses(&order, "cancel", ""), format!("https://shop.test/no?a=b&token={order}"));
    let order = shop.approved("CAPTURE", "2", "declined");
    let path = format!("/v2/checkout/orders/{order}/capture");
    assert_eq!(issue(&shop.post(&path, "", &json!({}))), (422, "INSTRUMENT_DECLINED"));
    let order = shop.approved("AUTHORIZE", "3", "declined");
    let path = format!("/v2/checkout/orders/{order}/authorize");
    assert_eq!(issue(&shop.post(&path, "", &json!({}))), (422, "PAYER_CANNOT_PAY"));
    let order = shop.approved("CAPTURE", "4", "pending");
    shop.post(&format!("/v2/checkout/orders/{order}/capture"), "", &json!({}));
    let capture = shop.sandbox.captures().remove(0);
    assert_eq!(capture.status, "PENDING");
    let refund = format!("/v2/payments/captures/{}/refund", capture.id);
    assert_eq!(issue(&shop.post(&refund, "", &json!({}))), (422, "PENDING_CAPTURE"));
    shop.sandbox.settles(&capture.id, true);
    assert_eq!(shop.get(&format!("/v2/payments/captures/{}", capture.id)).1["status"], "COMPLETED");
    let again = shop.approved("CAPTURE", "4", "balance");
    let path = format!("/v2/checkout/orders/{again}/capture");
    assert_eq!(issue(&shop.post(&path, "", &json!({}))), (422, "DUPLICATE_INVOICE_ID"));
}

#[test]
fn an_order_with_a_payment_source_sends_the_buyer_to_another_link() {
    let shop = merchant();
    let mut body = wanted("CAPTURE", "20.00", "1");
    let context = body.as_object_mut().and_then(|it| it.remove("application_context")).expect("a context");
    body["payment_source"] = json!({ "paypal": { "experience_context": context } });
    let (_, order) = shop.post("/v2/checkout/orders", "", &body);
    assert_eq!(order["status"], "PAYER_ACTION_REQUIRED");
    assert!(order["links"].as_array().expect("links").iter().any(|link| link["rel"] == "payer-action"));
    let id = order["id"].as_str().expect("an id");
    let capture = format!("/v2/checkout/orders/{id}/capture");
    assert_eq!(issue(&shop.post(&capture, "", &json!({}))), (422, "PAYER_ACTION_REQUIRED"));
    shop.chooses(id, "approve", "balance");
    assert_eq!(shop.post(&capture, "", &json!({})).0, 201);
}

#[test]
fn what_is_wrong_is_refused_in_the_words_of_the_documents() {
    let shop = merchant();
    let create = |body: &Value| shop.post("/v2/checkout/orders", "", body);
    assert_eq!(issue(&create(&json!({}))), (400, "MISSING_REQUIRED_PARAMETER"));
    assert_eq!(issue(&create(&wanted("CAPTURE", "1.999", "1"))), (422, "DECIMAL_PRECISION"));
    assert_eq!(issue(&create(&wanted("CAPTURE", "0", "1"))), (422, "CANNOT_BE_ZERO_OR_NEGATIVE"));
    let mut parts = wanted("CAPTURE", "20.00", "1");
    parts["purchase_units"][0]["amount"]["breakdown"] =
        json!({"item_total": {"currency_code": "EUR", "value": "19.00"}});
    assert_eq!(issue(&create(&parts)), (422, "AMOUNT_MISMATCH"));
    let mut unknown = wanted("CAPTURE", "20.00", "1");
    unknown["purchase_units"][0]["customId"] = json!("c");
    assert_eq!(issue(&create(&unknown)), (400, "NOT_SUPPORTED"));
    assert_eq!(issue(&shop.get("/v2/checkout/orders/ABC")), (404, "INVALID_RESOURCE_ID"));
    assert_eq!(shop.get("/v2/checkout/orders/a-b").0, 400);
    shop.sandbox.forgets_tokens();
    assert_eq!(shop.get("/v2/checkout/orders/ABC").0, 401);
}

#[test]
fn troubles_come_as_they_are_asked_for() {
    let shop = merchant();
    let order = shop.approved("CAPTURE", "1", "balance");
    let capture = format!("/v2/checkout/orders/{order}/capture");
    shop.sandbox.ails("orders.capture", Trouble::LostBefore);
    assert_eq!(shop.try_post(&capture, "k", &json!({})), None);
    assert!(shop.sandbox.captures().is_empty());
    for status in [429, 500, 503] {
        shop.sandbox.ails("orders.capture", Trouble::Status(status));
        assert_eq!(shop.post(&capture, "k", &json!({})).0, status);
    }
    shop.sandbox.ails("orders.capture", Trouble::LostAfter);
    assert_eq!(shop.try_post(&capture, "k", &json!({})), None);
    assert_eq!(shop.sandbox.captures().len(), 1);
    assert_eq!(shop.post(&capture, "k", &json!({})).0, 200);
    assert_eq!(shop.sandbox.captures().len(), 1);
    let calls = shop.sandbox.calls();
    let captures: Vec<_> =
        calls.iter().filter(|it| it.operation == "orders.capture").map(|it| it.status).collect();
    assert_eq!(captures, [429, 500, 503, 201, 200]);
}

/// A listener that answers with one status after the other, and passes on what it hears.
fn listener(statuses: &'static [u16]) -> (String, Receiver<(String, String)>) {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook", server.local_addr().expect("an address"));
    let (say, hear) = channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut stream, _) = server.accept().expect("a connection");
            let mut text = String::new();
            let mut part = [0; 8192];
            let body = loop {
                let count = stream.read(&mut part).expect("a request");
                text += &String::from_utf8_lossy(&part[..count]);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if length.and_then(|it| it.parse().ok()) == Some(body.len()) {
                    break body.to_owned();
                }
            };
            let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).expect("an answer");
            if say.send((head, body)).is_err() {
                return;
            }
        }
    });
    (url, hear)
}

#[test]
fn webhooks_are_signed_verified_and_sent_until_they_are_taken() {
    let shop = merchant();
    let (url, heard) = listener(&[500, 200, 200]);
    shop.sandbox.tells(&url);
    let order = shop.approved("CAPTURE", "1", "balance");
    let (first, again) = (heard.recv().expect("a webhook"), heard.recv().expect("again"));
    assert_eq!(first.1, again.1);
    assert!(first.1.contains("CHECKOUT.ORDER.APPROVED") && first.1.contains(&order));

    let header = |name: &str| {
        let line = again.0.lines().find_map(|line| line.strip_prefix(&format!("paypal-{name}: ")));
        line.expect("a header").to_owned()
    };
    let (_, _, webhook) = shop.sandbox.account();
    let head = format!(
        r#"{{"auth_algo":"{}","cert_url":"{}","transmission_id":"{}","transmission_sig":"{}","transmission_time":"{}","webhook_id":"#,
        header("auth-algo"),
        header("cert-url"),
        header("transmission-id"),
        header("transmission-sig"),
        header("transmission-time"),
    );
    let verify = |webhook: &str, event: &str| {
        let body = format!(r#"{head}"{webhook}","webhook_event":{event}}}"#);
        let request =
            shop.agent.post(format!("{}/v1/notifications/verify-webhook-signature", shop.sandbox.url()));
        let request = request.header("authorization", format!("Bearer {}", shop.token));
        let mut answer = request.header("content-type", "application/json").send(body).expect("an answer");
        let answer: Value = answer.body_mut().read_json().expect("JSON");
        answer["verification_status"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(verify(&webhook, &again.1), "SUCCESS");
    assert_eq!(verify("ANOTHER", &again.1), "FAILURE");
    assert_eq!(verify(&webhook, &again.1.replace("EUR", "USD")), "FAILURE");
    let spaced = again.1.replacen('{', "{ ", 1);
    assert_eq!(verify(&webhook, &spaced), "FAILURE");

    let certificate =
        shop.agent.get(header("cert-url")).call().expect("a certificate").body_mut().read_to_string();
    assert!(certificate.expect("PEM").contains("BEGIN CERTIFICATE"));
    shop.sandbox.signs_anew(Term::Over);
    shop.sandbox.holds_webhooks();
    shop.post(&format!("/v2/checkout/orders/{order}/capture"), "", &json!({}));
    assert_eq!(shop.sandbox.held_webhooks(), ["PAYMENT.CAPTURE.COMPLETED"]);
    shop.sandbox.lets_webhooks_go(true);
    assert!(heard.recv().expect("a webhook").1.contains("PAYMENT.CAPTURE.COMPLETED"));
}

#[test]
fn merchants_register_webhooks_and_remove_them() {
    let shop = merchant();
    let body = json!({ "url": "http://127.0.0.1:1/x", "event_types": [{ "name": "*" }] });
    let (status, made) = shop.post("/v1/notifications/webhooks", "", &body);
    assert_eq!(status, 201);
    assert_eq!(shop.post("/v1/notifications/webhooks", "", &body).0, 400);
    let path = format!("/v1/notifications/webhooks/{}", made["id"].as_str().expect("an id"));
    assert_eq!(shop.get(&path).1["url"], "http://127.0.0.1:1/x");
    assert_eq!(shop.get("/v1/notifications/webhooks").1["webhooks"].as_array().map(Vec::len), Some(1));
    let gone = shop.agent.delete(format!("{}{path}", shop.sandbox.url()));
    let gone = gone.header("authorization", format!("Bearer {}", shop.token)).call().expect("an answer");
    assert_eq!(gone.status(), 204);
    assert_eq!(shop.get(&path).0, 404);
}

#[test]
fn the_books_outlive_the_process() {
    let folder = std::env::temp_dir().join(format!("souk-paypal-{}", crate::books::random_id(12)));
    let options = || Options { file: Some(folder.clone()), ..Options::default() };
    let first = Sandbox::start(options()).expect("a server");
    let account = first.account();
    agent().get(format!("{}/checkoutnow?token=X", first.url())).call().expect("a page");
    drop(first);
    assert_eq!(Sandbox::start(options()).expect("a server").account(), account);
    std::fs::remove_file(folder).expect("the file is there");
}
