//! What buyers do, as plans for the load generator.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use ureq::http::Method;

use crate::api::Api;
use crate::bootstrap::MAIN_LOCATION;

/// Variants that are bought, in turn.
const VARIANTS: usize = 100;
/// Units of each: more than a run can buy.
const UNITS: u32 = 1_000_000;
/// Carts that lines are put into, in turn.
const CARTS: usize = 500;
/// Variants that each cart gets.
const LINES: usize = 3;

/// Variants of which there is enough.
pub fn stocked(api: &Api, admin: &Api) -> Result<Vec<String>> {
    let path = format!("/api/v1/products?limit={VARIANTS}");
    let page = api.get(&path)?.expect(200, "listing products")?.json()?;
    let products = page["items"].as_array().context("a page has items")?;
    let first = |product: &Value| {
        let detail = api.get(&format!("/api/v1/products/{}", product["id"].as_str()?)).ok()?.json().ok()?;
        let variant = &detail["variants"][0];
        let is_euro = variant["price"]["currency"] == "EUR"; // A cart has one currency.
        let is_for_sale = variant["available"] == true;
        variant["id"].as_str().filter(|_| is_euro && is_for_sale).map(str::to_owned)
    };
    let variants: Vec<String> = products.iter().filter_map(first).collect();
    ensure!(!variants.is_empty(), "the shop has nothing to buy");
    let counts: Vec<_> = variants.iter().map(|id| json!({"variant_id": id, "on_hand": UNITS})).collect();
    let body = json!({"location_id": MAIN_LOCATION, "reason": "for the bench", "counts": counts});
    let key = format!("bench-{}", variants[0]);
    let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
    let bytes = body.to_string().into_bytes();
    admin.send(Method::POST, "/api/v1/inventory/counts", &headers, bytes)?.expect(200, "counting stock")?;
    Ok(variants)
}

/// Lines for many carts, in turn: a cart has three lines soon, and more units with every round.
pub fn lines(api: &Api, variants: &[String]) -> Result<Vec<Value>> {
    let mut carts = Vec::new();
    for _ in 0..CARTS {
        let cart = api.post("/api/v1/carts", &json!({}))?.expect(201, "beginning a cart")?.json()?;
        let id = cart["id"].as_str().context("a cart has an id")?;
        let token = cart["token"].as_str().context("a guest's cart has a token")?;
        carts.push((id.to_owned(), token.to_owned()));
    }
    let line = |number: usize, variant: usize| {
        let (id, token) = &carts[number];
        let body = json!({"variant_id": variants[(number + variant) % variants.len()], "quantity": 1});
        json!({
            "method": "POST", "path": format!("/api/v1/carts/{id}/lines"), "body": body.to_string(),
            "headers": {"content-type": "application/json", "guest-token": token},
        })
    };
    Ok((0..LINES)
        .flat_map(|variant| (0..CARTS).map(move |number| (number, variant)))
        .map(|(n, v)| line(n, v))
        .collect())
}

/// A guest buys one unit: cart, line, address, order, payment; then follows the order until its invoice is there.
pub fn checkout(variant: &str) -> Vec<Value> {
    let request = |method: &str, path: &str, headers: Value, body: &str| {
        let mut headers = headers;
        headers["content-type"] = "application/json".into();
        json!({"method": method, "path": path, "headers": headers, "body": body})
    };
    let keeping = |mut request: Value, keep: Value| {
        request["keep"] = keep;
        request
    };
    let guest = || json!({"guest-token": "{{token}}"});
    let line = json!({"variant_id": variant, "quantity": 1}).to_string();
    let destination =
        json!({"destination": {"country": "FR", "postal_code": "75002"}, "shipping_method": "standard"});
    let address = json!({"name": "Ana Silva", "line1": "12 rue de la Paix", "postal_code": "75002",
        "city": "Paris", "country": "FR"});
    let order = json!({"cart_id": "{{cart}}", "email": "ana@example.com", "shipping_address": address,
        "shipping_method": "standard", "expected_total": {"amount": "TOTAL", "currency": "{{currency}}"}});
    let order = order.to_string().replace("\"TOTAL\"", "{{total}}");
    let card =
        json!({"method": {"type": "card", "number": "4242424242424242", "expiry": "12/40", "cvc": "123"}});
    let mut keyed = guest();
    keyed["idempotency-key"] = "{{new}}".into();
    vec![
        keeping(request("POST", "/api/v1/carts", json!({}), "{}"), json!({"cart": "/id", "token": "/token"})),
        request("POST", "/api/v1/carts/{{cart}}/lines", guest(), &line),
        keeping(
            request("PATCH", "/api/v1/carts/{{cart}}", guest(), &destination.to_string()),
            json!({"total": "/totals/total/amount", "currency": "/currency"}),
        ),
        keeping(
            request("POST", "/api/v1/orders", keyed, &order),
            json!({"order": "/id", "payment": "/payment/id", "secret": "/payment/client_secret"}),
        ),
        request(
            "POST",
            "/api/v1/payments/intents/{{payment}}/confirm",
            json!({"client-secret": "{{secret}}"}),
            &card.to_string(),
        ),
        json!({"path": "/api/v1/orders/{{order}}", "headers": guest(), "until": "/invoice"}),
    ]
}
