//! What PayPal's webhooks say. What they are about is asked for; they themselves are believed only where a part is done.

use super::amount;
use crate::provider::{Notice, Settled, What};
use serde::Deserialize;
use serde_json::{Value, json};
use souk_kit::id::{AttemptId, CaptureId, RefundId};
use souk_kit::{Level, Result, log, valid};

/// An event, as far as it matters here.
#[derive(Debug, Deserialize, garde::Validate)]
struct Event {
    #[garde(length(min = 1, max = 200))]
    id: String,
    #[garde(length(max = 100))]
    event_type: String,
    #[garde(skip)]
    resource: Value,
}

/// What an event is about.
pub fn of(body: &[u8]) -> Result<Notice> {
    let Event { id, event_type, resource } = valid::parse(body)?;
    let what = what(&event_type, &resource).unwrap_or_else(|| {
        let fields = json!({ "event.type": event_type, "event.id": id });
        log(Level::Info, "PayPal tells something that changes nothing here", fields);
        What::Nothing
    });
    Ok(Notice { event_id: id, what })
}

fn what(event_type: &str, resource: &Value) -> Option<What> {
    let (subject, news) = event_type.rsplit_once('.')?;
    match subject {
        "CHECKOUT.ORDER" => attempt(&resource["purchase_units"][0]["custom_id"]).map(What::Look),
        "PAYMENT.AUTHORIZATION" => attempt(&resource["custom_id"]).map(What::Look),
        // The resource is the refund.
        "PAYMENT.CAPTURE" if news == "REFUNDED" => {
            let key = resource["custom_id"].as_str()?;
            key.parse::<RefundId>().ok().map(|_| What::LookAtPart(key.to_owned()))
        }
        "PAYMENT.CAPTURE" => part(news, resource).or_else(|| attempt(&resource["custom_id"]).map(What::Look)),
        _ => None,
    }
}

fn attempt(custom_id: &Value) -> Option<AttemptId> {
    custom_id.as_str()?.parse().ok()
}

/// A part that was taken of what is held has its key as its number.
fn part(news: &str, resource: &Value) -> Option<What> {
    let key = resource["invoice_id"].as_str()?;
    key.parse::<CaptureId>().ok()?;
    match news {
        "COMPLETED" => Some(What::Part(key.to_owned(), amount::read(&resource["amount"])?, Settled::Done)),
        _ => Some(What::LookAtPart(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use souk_kit::{Currency, Money};

    fn told(event_type: &str, resource: &Value) -> What {
        let body = json!({"id": "WH-1", "event_type": event_type, "resource": resource, "summary": "x"});
        of(body.to_string().as_bytes()).unwrap().what
    }

    #[test]
    fn events_are_about_charges_and_their_parts() {
        let (key, capture, refund) = (AttemptId::new(), CaptureId::new(), RefundId::new());
        let order = json!({"purchase_units": [{ "custom_id": key }]});
        assert_eq!(told("CHECKOUT.ORDER.APPROVED", &order), What::Look(key));
        let taken = json!({"custom_id": key, "invoice_id": "ord_1.att_1"});
        assert_eq!(told("PAYMENT.CAPTURE.COMPLETED", &taken), What::Look(key));
        assert_eq!(told("PAYMENT.AUTHORIZATION.CREATED", &taken), What::Look(key));
        let amount = json!({"currency_code": "EUR", "value": "5.00"});
        let part = json!({"custom_id": key, "invoice_id": capture, "amount": amount});
        let done = What::Part(capture.to_string(), Money::new(500, Currency::EUR), Settled::Done);
        assert_eq!(told("PAYMENT.CAPTURE.COMPLETED", &part), done);
        assert_eq!(told("PAYMENT.CAPTURE.DECLINED", &part), What::LookAtPart(capture.to_string()));
        let given = json!({ "custom_id": refund });
        assert_eq!(told("PAYMENT.CAPTURE.REFUNDED", &given), What::LookAtPart(refund.to_string()));
    }

    #[test]
    fn what_is_none_of_ours_changes_nothing() {
        for (kind, resource) in [
            ("PAYMENT.CAPTURE.REFUNDED", json!({"custom_id": AttemptId::new()})),
            ("PAYMENT.CAPTURE.COMPLETED", json!({"custom_id": "another shop's"})),
            ("CUSTOMER.DISPUTE.CREATED", json!({"custom_id": AttemptId::new()})),
            ("CHECKOUT.ORDER.APPROVED", json!([])),
            ("X", json!(null)),
        ] {
            assert_eq!(told(kind, &resource), What::Nothing, "{kind}");
        }
        assert!(of(b"{}").is_err());
    }
}
