//! The pages that a buyer sees at PayPal's: approve the payment, or go back.

use crate::books::{Books, Funding, Order};
use std::collections::BTreeMap;
use url::Url;
use url::form_urlencoded;

/// The number of the buyer's account.
const PAYER: &str = "QYR5Z8XDVJNXQ";

/// What a page answers: a status, where to go on, or HTML.
pub enum Page {
    /// Something to read.
    Html(u16, String),
    /// Go on there.
    See(String),
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn html(status: u16, content: &str) -> Page {
    Page::Html(
        status,
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>PayPal (stand-in)</title><style>body{{font:1rem system-ui;max-width:32rem;margin:4rem auto;padding:0 1rem}}\
             button{{font:inherit;padding:.5rem 1rem;margin:.25rem 0}}</style><h1>PayPal <small>(stand-in)</small></h1>\
             {content}</html>"
        ),
    )
}

/// `GET /checkoutnow?token=…`: what is to be paid, and how.
pub fn show(books: &Books, query: &BTreeMap<String, String>) -> Page {
    let Some(order) = query.get("token").and_then(|token| books.orders.get(token)) else {
        return html(404, "<p>There is no such payment.</p>");
    };
    if !is_open(order) {
        return html(410, "<p>This payment is over.</p>");
    }
    let amount = order.amount.json();
    let text = |value: &serde_json::Value| escape(value.as_str().unwrap_or_default());
    html(
        200,
        &format!(
            "<p>{} <strong>{} {}</strong></p><form method=\"post\" action=\"/checkoutnow?token={}\">\
             <p><label><input type=\"radio\" name=\"funding\" value=\"balance\" checked> Balance</label><br>\
             <label><input type=\"radio\" name=\"funding\" value=\"declined\"> A card that is declined</label><br>\
             <label><input type=\"radio\" name=\"funding\" value=\"pending\"> A payment that PayPal reviews first</label></p>\
             <button name=\"choice\" value=\"approve\">Approve</button> \
             <button name=\"choice\" value=\"cancel\">Cancel and return</button></form>",
            text(&order.unit["description"]),
            text(&amount["value"]),
            text(&amount["currency_code"]),
            escape(&order.id),
        ),
    )
}

fn is_open(order: &Order) -> bool {
    matches!(order.status.as_str(), "CREATED" | "PAYER_ACTION_REQUIRED" | "APPROVED")
}

/// `POST /checkoutnow?token=…`: the buyer has chosen.
pub fn choose(books: &mut Books, query: &BTreeMap<String, String>, body: &[u8]) -> Page {
    let form: BTreeMap<_, _> = form_urlencoded::parse(body).into_owned().collect();
    let Some(order) = query.get("token").and_then(|token| books.orders.get(token)).cloned() else {
        return html(404, "<p>There is no such payment.</p>");
    };
    if !is_open(&order) {
        return html(410, "<p>This payment is over.</p>");
    }
    let (back, payer) = match form.get("choice").map(String::as_str) {
        Some("approve") => {
            let funding = match form.get("funding").map(String::as_str) {
                Some("declined") => Funding::Declined,
                Some("pending") => Funding::Pending,
                _ => Funding::Balance,
            };
            books.approve(&order.id, funding);
            (&order.return_url, Some(PAYER))
        }
        Some("cancel") => (&order.cancel_url, None),
        _ => return html(400, "<p>Approve or cancel?</p>"),
    };
    let Some(mut back) = back.as_ref().and_then(|url| Url::parse(url).ok()) else {
        return html(200, "<p>Done. You may go back to the shop.</p>");
    };
    back.query_pairs_mut().append_pair("token", &order.id);
    if let Some(payer) = payer {
        back.query_pairs_mut().append_pair("PayerID", payer);
    }
    Page::See(back.into())
}
