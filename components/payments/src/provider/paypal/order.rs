//! What PayPal's documents of an order say, as we understand them.

use super::amount;
use crate::provider::{Charge, Standing, Unanswered};
use serde_json::{Value, json};
use souk_kit::Money;

/// How an order stands.
#[derive(Debug, PartialEq, Eq)]
pub enum Stage {
    /// The buyer has not approved it.
    Open,
    /// The buyer has; nobody has taken or held the money.
    Approved,
    /// Nothing will come of it.
    Void,
    /// It went as far as that.
    Over(Standing),
}

/// What is asked for. The same charge asks for the same, byte for byte.
pub fn request(charge: &Charge) -> Option<Value> {
    let mut context = json!({ "user_action": "PAY_NOW", "shipping_preference": "NO_SHIPPING" });
    if let Some(url) = &charge.return_url {
        context["return_url"] = json!(url);
        context["cancel_url"] = json!(url);
    }
    Some(json!({
        "intent": if charge.capture { "CAPTURE" } else { "AUTHORIZE" },
        "purchase_units": [{
            "amount": amount::of(charge.amount)?,
            "description": format!("Order {}", charge.order),
            "custom_id": charge.key,
            // PayPal takes money for a number once: another guard against charging anybody twice.
            "invoice_id": format!("{}.{}", charge.order, charge.key),
        }],
        "payment_source": { "paypal": { "experience_context": context } },
    }))
}

/// Where the buyer approves it.
pub fn approval(order: &Value) -> Option<&str> {
    let links = order["links"].as_array()?;
    let found = links.iter().find(|link| link["rel"] == "payer-action" || link["rel"] == "approve")?;
    found["href"].as_str()
}

/// Everything that was taken, or held, or given back for it.
pub fn payments<'a>(order: &'a Value, kind: &str) -> impl Iterator<Item = &'a Value> {
    order["purchase_units"][0]["payments"][kind].as_array().into_iter().flatten()
}

/// How it stands. What we do not know is not guessed.
pub fn stage(order: &Value, charge: &Charge) -> Result<Stage, Unanswered> {
    match order["status"].as_str() {
        Some("CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED") => Ok(Stage::Open),
        Some("APPROVED") => Ok(Stage::Approved),
        Some("VOIDED") => Ok(Stage::Void),
        Some("COMPLETED") => completed(order, charge).map(Stage::Over),
        status => Err(Unanswered(format!("PayPal has an order in state {status:?}"))),
    }
}

fn completed(order: &Value, charge: &Charge) -> Result<Standing, Unanswered> {
    let kind = if charge.capture { "captures" } else { "authorizations" };
    let Some(payment) = payments(order, kind).next() else {
        return Err(Unanswered(format!("PayPal has completed an order without {kind}")));
    };
    if amount::read(&payment["amount"]) != Some(charge.amount) {
        return Err(Unanswered(format!("PayPal has another amount in {}", payment["id"])));
    }
    let status = payment["status"].as_str();
    match (charge.capture, status) {
        (true, Some("COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED")) => Ok(Standing::Captured),
        (true, Some("DECLINED" | "FAILED")) => Ok(Standing::Declined("payment_declined".into())),
        (false, Some("CREATED" | "PARTIALLY_CAPTURED" | "CAPTURED")) => Ok(Standing::Authorized),
        (false, Some("DENIED")) => Ok(Standing::Declined("payment_declined".into())),
        (false, Some("VOIDED")) => Ok(Standing::Cancelled),
        (_, Some("PENDING")) => Ok(Standing::Processing),
        _ => Err(Unanswered(format!("PayPal has a payment in state {status:?}"))),
    }
}

/// How much a part has given back so far, or is about to.
pub fn given_back(order: &Value, part: &str) -> (i64, bool) {
    let ours = payments(order, "refunds").filter(|it| it["custom_id"] == part);
    ours.fold((0, false), |(sum, is_pending), refund| match refund["status"].as_str() {
        Some("COMPLETED") => (sum + units(refund), is_pending),
        Some("PENDING") => (sum + units(refund), true),
        _ => (sum, is_pending),
    })
}

/// The first capture of which something is left to give back, and how much.
pub fn refundable(order: &Value) -> Option<(&str, Money)> {
    payments(order, "captures").find_map(|capture| {
        let id = capture["id"].as_str()?;
        if !matches!(capture["status"].as_str(), Some("COMPLETED" | "PARTIALLY_REFUNDED")) {
            return None;
        }
        let refunds = payments(order, "refunds").filter(|it| is_of(it, id));
        let gone: i64 =
            refunds.filter(|it| it["status"] == "COMPLETED" || it["status"] == "PENDING").map(units).sum();
        let amount = amount::read(&capture["amount"])?;
        Some((id, Money::new(amount.amount - gone, amount.currency))).filter(|(_, left)| left.amount > 0)
    })
}

fn is_of(refund: &Value, capture: &str) -> bool {
    let links = refund["links"].as_array().into_iter().flatten();
    let mut up = links.filter(|link| link["rel"] == "up").filter_map(|link| link["href"].as_str());
    up.any(|href| href.rsplit('/').next() == Some(capture))
}

fn units(payment: &Value) -> i64 {
    amount::read(&payment["amount"]).map_or(0, |money| money.amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Notes;
    use souk_kit::id::{AttemptId, OrderId, PaymentId};
    use souk_kit::{Currency, Timestamp};

    fn charge(capture: bool) -> Charge {
        Charge {
            key: AttemptId::new(),
            payment: PaymentId::new(),
            order: OrderId::new(),
            user: None,
            amount: Money::new(2000, Currency::EUR),
            capture,
            last4: None,
            return_url: Some("https://shop.test/back".into()),
            since: Timestamp::now(),
            notes: Notes::default(),
        }
    }

    fn order(kind: &str, status: &str, value: &str) -> Value {
        let payment =
            json!({"id": "C1", "status": status, "amount": {"currency_code": "EUR", "value": value}});
        json!({"status": "COMPLETED", "purchase_units": [{"payments": {kind: [payment]}}]})
    }

    #[test]
    fn the_same_charge_asks_for_the_same() {
        let charge = charge(true);
        let asked = request(&charge).unwrap();
        assert_eq!(asked.to_string(), request(&charge).unwrap().to_string());
        assert_eq!(asked["purchase_units"][0]["amount"]["value"], "20.00");
        let context = &asked["payment_source"]["paypal"]["experience_context"];
        assert_eq!(context["cancel_url"], context["return_url"]);
    }

    #[test]
    fn every_state_of_paypal_has_a_meaning_or_is_asked_about_again() {
        let stages = [("CREATED", Stage::Open), ("APPROVED", Stage::Approved), ("VOIDED", Stage::Void)];
        for (status, wanted) in stages {
            assert_eq!(stage(&json!({ "status": status }), &charge(true)).unwrap(), wanted);
        }
        assert!(stage(&json!({ "status": "BLESSED" }), &charge(true)).is_err());
        assert!(stage(&json!({}), &charge(true)).is_err());
        let declined = Standing::Declined("payment_declined".into());
        for (capture, status, wanted) in [
            (true, "COMPLETED", Standing::Captured),
            (true, "REFUNDED", Standing::Captured),
            (true, "PENDING", Standing::Processing),
            (true, "DECLINED", declined.clone()),
            (false, "CREATED", Standing::Authorized),
            (false, "PENDING", Standing::Processing),
            (false, "DENIED", declined),
            (false, "VOIDED", Standing::Cancelled),
        ] {
            let kind = if capture { "captures" } else { "authorizations" };
            let found = stage(&order(kind, status, "20.00"), &charge(capture)).unwrap();
            assert_eq!(found, Stage::Over(wanted), "{status}");
        }
        assert!(stage(&order("captures", "NEW", "20.00"), &charge(true)).is_err());
        assert!(stage(&order("captures", "COMPLETED", "19.99"), &charge(true)).is_err());
        assert!(stage(&order("authorizations", "CREATED", "20.00"), &charge(true)).is_err());
    }

    #[test]
    fn what_is_left_of_each_capture_is_given_back_in_turn() {
        let money = |value: &str| json!({"currency_code": "EUR", "value": value});
        let up = |capture: &str| json!([{"rel": "up", "href": format!("https://p/v2/payments/captures/{capture}")}]);
        let order = json!({"purchase_units": [{"payments": {
            "captures": [
                {"id": "A", "status": "PARTIALLY_REFUNDED", "amount": money("5.00")},
                {"id": "B", "status": "COMPLETED", "amount": money("7.00")},
            ],
            "refunds": [
                {"status": "COMPLETED", "amount": money("5.00"), "custom_id": "ref_1", "links": up("A")},
                {"status": "PENDING", "amount": money("1.00"), "custom_id": "ref_1", "links": up("B")},
                {"status": "FAILED", "amount": money("6.00"), "custom_id": "ref_1", "links": up("B")},
            ],
        }}]});
        assert_eq!(refundable(&order), Some(("B", Money::new(600, Currency::EUR))));
        assert_eq!(given_back(&order, "ref_1"), (600, true));
        assert_eq!(given_back(&order, "ref_2"), (0, false));
    }
}
