//! What PayPal does when it is asked: each operation is one change of the books, or a refusal that its document has.

use crate::books::{Authorization, Books, Capture, Funding, Order, Refund, now, random_id};
use crate::money::Money;
use serde_json::{Value, json};

/// PayPal says no.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// PayPal's code.
    pub issue: &'static str,
    /// The JSON pointer of what it is about, if it is about a field.
    pub field: &'static str,
}

/// A refusal of what was asked as a whole.
pub const fn refuse(issue: &'static str) -> Refusal {
    Refusal { status: 422, issue, field: "" }
}

const UNKNOWN: Refusal = Refusal { status: 404, issue: "INVALID_RESOURCE_ID", field: "" };
const PER_ORDER: &str = "/purchase_units/0/amount/value";

/// What was done: the status of the answer, and its body.
pub type Moved = Result<(u16, Value), Refusal>;

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn amount(value: &Value, field: &'static str) -> Result<Money, Refusal> {
    Money::parse(value).map_err(|issue| Refusal { status: 422, issue, field })
}

impl Books {
    /// `orders.create`.
    pub fn create_order(&mut self, request: &Value, is_short: bool) -> Moved {
        let [unit] = request["purchase_units"].as_array().map_or(&[][..], Vec::as_slice) else {
            // PayPal takes ten; a merchant that has no marketplace sends one.
            return Err(Refusal { status: 400, issue: "NOT_SUPPORTED", field: "/purchase_units" });
        };
        // The document of orders knows no DECIMALS_NOT_SUPPORTED.
        let amount = amount(&unit["amount"], PER_ORDER).map_err(|refusal| match refusal.issue {
            "DECIMALS_NOT_SUPPORTED" => Refusal { issue: "DECIMAL_PRECISION", ..refusal },
            _ => refusal,
        })?;
        if let Some(breakdown) = unit["amount"].get("breakdown") {
            adds_up(&amount, breakdown, unit)?;
        }
        let context = match request.pointer("/payment_source/paypal") {
            Some(paypal) => &paypal["experience_context"],
            None => &request["application_context"],
        };
        let needs_action = request.get("payment_source").is_some();
        let mut unit = unit.clone();
        unit.as_object_mut().map(|unit| unit.entry("reference_id").or_insert_with(|| json!("default")));
        let order = Order {
            id: random_id(17),
            is_authorize: request["intent"] == "AUTHORIZE",
            status: if needs_action { "PAYER_ACTION_REQUIRED" } else { "CREATED" }.to_owned(),
            unit,
            amount,
            return_url: text(&context["return_url"]),
            cancel_url: text(&context["cancel_url"]),
            link: if needs_action { "payer-action" } else { "approve" }.to_owned(),
            funding: None,
            authorization: None,
            capture: None,
            created: now(),
            updated: now(),
        };
        let shown = self.show_order(&order, is_short);
        self.orders.insert(order.id.clone(), order);
        Ok((201, shown))
    }

    /// `orders.get`.
    pub fn read_order(&self, id: &str) -> Moved {
        let order = self.orders.get(id).ok_or(UNKNOWN)?;
        Ok((200, self.show_order(order, false)))
    }

    /// The buyer says yes on PayPal's page.
    pub fn approve(&mut self, id: &str, funding: Funding) -> bool {
        let Some(order) = self.orders.get_mut(id) else { return false };
        if !matches!(order.status.as_str(), "CREATED" | "PAYER_ACTION_REQUIRED" | "APPROVED") {
            return false;
        }
        (order.status, order.funding, order.updated) = ("APPROVED".to_owned(), Some(funding), now());
        let order = order.clone();
        let shown = self.show_order(&order, false);
        self.tell("CHECKOUT.ORDER.APPROVED", "checkout-order", shown);
        true
    }

    /// An order that the buyer has approved, and how it is paid.
    fn approved(&self, id: &str) -> Result<(Order, Funding), Refusal> {
        let order = self.orders.get(id).ok_or(UNKNOWN)?;
        match (order.status.as_str(), order.funding) {
            ("APPROVED", Some(funding)) => Ok((order.clone(), funding)),
            ("PAYER_ACTION_REQUIRED", _) => Err(refuse("PAYER_ACTION_REQUIRED")),
            ("COMPLETED", _) if order.is_authorize => Err(refuse("ORDER_ALREADY_AUTHORIZED")),
            ("COMPLETED", _) => Err(refuse("ORDER_ALREADY_CAPTURED")),
            _ => Err(refuse("ORDER_NOT_APPROVED")),
        }
    }

    /// Whether a number was used for money already: by default PayPal takes each once.
    fn is_used(&self, invoice: Option<&str>) -> bool {
        let Some(invoice) = invoice else { return false };
        let captured = self.captures.values().any(|it| it.invoice_id.as_deref() == Some(invoice));
        captured
            || self
                .authorizations
                .values()
                .any(|it| self.orders.get(&it.order).is_some_and(|order| order.unit["invoice_id"] == invoice))
    }

    /// `orders.capture`.
    pub fn capture_order(&mut self, id: &str, is_short: bool) -> Moved {
        let (mut order, funding) = self.approved(id)?;
        if order.is_authorize {
            return Err(refuse("AUTH_CAPTURE_NOT_ENABLED"));
        }
        let invoice_id = text(&order.unit["invoice_id"]);
        if self.is_used(invoice_id.as_deref()) {
            return Err(refuse("DUPLICATE_INVOICE_ID"));
        }
        let status = match funding {
            Funding::Declined => return Err(refuse("INSTRUMENT_DECLINED")),
            Funding::Balance => "COMPLETED",
            Funding::Pending => "PENDING",
        };
        let capture = self.take(&order.id, order.amount.clone(), status, true, invoice_id);
        (order.status, order.capture, order.updated) = ("COMPLETED".to_owned(), Some(capture), now());
        let shown = self.show_order(&order, is_short);
        self.orders.insert(order.id.clone(), order);
        Ok((201, shown))
    }

    fn take(
        &mut self,
        order: &str,
        amount: Money,
        status: &str,
        is_final: bool,
        invoice_id: Option<String>,
    ) -> String {
        let capture = Capture {
            id: random_id(17),
            order: order.to_owned(),
            status: status.to_owned(),
            amount,
            refunded: 0,
            is_final,
            invoice_id,
            created: now(),
            updated: now(),
        };
        let event = if status == "PENDING" { "PAYMENT.CAPTURE.PENDING" } else { "PAYMENT.CAPTURE.COMPLETED" };
        self.tell(event, "capture", self.show_capture(&capture, false));
        let id = capture.id.clone();
        self.captures.insert(id.clone(), capture);
        id
    }

    /// PayPal has looked at a pending capture.
    pub fn settle(&mut self, id: &str, is_good: bool) -> bool {
        let Some(capture) = self.captures.get_mut(id).filter(|it| it.status == "PENDING") else {
            return false;
        };
        capture.status = if is_good { "COMPLETED" } else { "DECLINED" }.to_owned();
        capture.updated = now();
        let capture = capture.clone();
        let event = if is_good { "PAYMENT.CAPTURE.COMPLETED" } else { "PAYMENT.CAPTURE.DECLINED" };
        self.tell(event, "capture", self.show_capture(&capture, false));
        true
    }

    /// `orders.authorize`.
    pub fn authorize_order(&mut self, id: &str, is_short: bool) -> Moved {
        let (mut order, funding) = self.approved(id)?;
        if !order.is_authorize {
            return Err(refuse("ACTION_DOES_NOT_MATCH_INTENT"));
        }
        if self.is_used(order.unit["invoice_id"].as_str()) {
            return Err(refuse("DUPLICATE_INVOICE_ID"));
        }
        let status = match funding {
            Funding::Declined => return Err(refuse("PAYER_CANNOT_PAY")),
            Funding::Balance => "CREATED",
            Funding::Pending => "PENDING",
        };
        let held = Authorization {
            id: random_id(17),
            order: order.id.clone(),
            status: status.to_owned(),
            amount: order.amount.clone(),
            captured: 0,
            created: now(),
            updated: now(),
        };
        self.tell("PAYMENT.AUTHORIZATION.CREATED", "authorization", self.show_authorization(&held, false));
        (order.status, order.authorization, order.updated) =
            ("COMPLETED".to_owned(), Some(held.id.clone()), now());
        self.authorizations.insert(held.id.clone(), held);
        let shown = self.show_order(&order, is_short);
        self.orders.insert(order.id.clone(), order);
        Ok((201, shown))
    }

    /// `authorizations.get`.
    pub fn read_authorization(&self, id: &str) -> Moved {
        let held = self.authorizations.get(id).ok_or(UNKNOWN)?;
        Ok((200, self.show_authorization(held, false)))
    }

    /// `authorizations.capture`.
    pub fn capture_authorization(&mut self, id: &str, request: &Value, is_short: bool) -> Moved {
        let mut held = self.authorizations.get(id).ok_or(UNKNOWN)?.clone();
        match held.status.as_str() {
            "CREATED" | "PARTIALLY_CAPTURED" => {}
            "VOIDED" => return Err(refuse("AUTHORIZATION_VOIDED")),
            "CAPTURED" => return Err(refuse("AUTHORIZATION_ALREADY_CAPTURED")),
            _ => return Err(refuse("TRANSACTION_REFUSED")),
        }
        let left = held.amount.of(held.amount.units - held.captured);
        let wanted = match request.get("amount") {
            Some(value) => amount(value, "/amount/value")?,
            None => left.clone(),
        };
        if wanted.currency != left.currency {
            return Err(refuse("AUTH_CAPTURE_CURRENCY_MISMATCH"));
        }
        // PayPal takes up to 115% of what is held; who is told less than that is told what to take.
        if wanted.units > left.units {
            return Err(refuse("MAX_CAPTURE_AMOUNT_EXCEEDED"));
        }
        let invoice_id = text(&request["invoice_id"]);
        if self.is_used(invoice_id.as_deref()) {
            return Err(refuse("DUPLICATE_INVOICE_ID"));
        }
        let is_final = request["final_capture"] == true;
        held.captured += wanted.units;
        let is_over = is_final || held.captured == held.amount.units;
        held.status = if is_over { "CAPTURED" } else { "PARTIALLY_CAPTURED" }.to_owned();
        held.updated = now();
        let capture = self.take(&held.order, wanted, "COMPLETED", is_final, invoice_id);
        self.authorizations.insert(held.id.clone(), held);
        let shown = self.show_capture(&self.captures[&capture], false);
        Ok((201, short(shown, is_short)))
    }

    /// `authorizations.reauthorize`.
    pub fn reauthorize(&self, id: &str, request: &Value) -> Moved {
        let held = self.authorizations.get(id).ok_or(UNKNOWN)?;
        match held.status.as_str() {
            "VOIDED" => return Err(refuse("AUTHORIZATION_VOIDED")),
            "CAPTURED" => return Err(refuse("AUTHORIZATION_ALREADY_CAPTURED")),
            _ => {}
        }
        if let Some(value) = request.get("amount")
            && amount(value, "/amount/value")? != held.amount
        {
            return Err(refuse("TRANSACTION_REFUSED"));
        }
        // PayPal renews what it held more than three days ago, which nothing here is.
        Err(refuse("REAUTHORIZATION_NOT_SUPPORTED"))
    }

    /// `authorizations.void`.
    pub fn void(&mut self, id: &str, is_short: bool) -> Moved {
        let held = self.authorizations.get_mut(id).ok_or(UNKNOWN)?;
        match held.status.as_str() {
            "VOIDED" => return Err(refuse("PREVIOUSLY_VOIDED")),
            "CAPTURED" => return Err(refuse("PREVIOUSLY_CAPTURED")),
            _ => {}
        }
        (held.status, held.updated) = ("VOIDED".to_owned(), now());
        let held = held.clone();
        let shown = self.show_authorization(&held, false);
        self.tell("PAYMENT.AUTHORIZATION.VOIDED", "authorization", shown.clone());
        Ok(if is_short { (204, Value::Null) } else { (200, shown) })
    }

    /// `captures.get`.
    pub fn read_capture(&self, id: &str) -> Moved {
        let capture = self.captures.get(id).ok_or(UNKNOWN)?;
        Ok((200, self.show_capture(capture, false)))
    }

    /// `captures.refund`.
    pub fn refund(&mut self, id: &str, request: &Value, is_short: bool) -> Moved {
        let mut capture = self.captures.get(id).ok_or(UNKNOWN)?.clone();
        match capture.status.as_str() {
            "PENDING" => return Err(refuse("PENDING_CAPTURE")),
            "REFUNDED" => return Err(refuse("CAPTURE_FULLY_REFUNDED")),
            "DECLINED" | "FAILED" => return Err(refuse("REFUND_NOT_ALLOWED")),
            _ => {}
        }
        let left = capture.amount.of(capture.amount.units - capture.refunded);
        let wanted = match request.get("amount") {
            Some(value) => amount(value, "/amount/value")?,
            None => left.clone(),
        };
        if wanted.currency != left.currency {
            return Err(refuse("REFUND_CAPTURE_CURRENCY_MISMATCH"));
        }
        if wanted.units > left.units {
            return Err(refuse("REFUND_AMOUNT_EXCEEDED"));
        }
        let refund = Refund {
            id: random_id(17),
            capture: capture.id.clone(),
            amount: wanted,
            custom_id: text(&request["custom_id"]),
            invoice_id: text(&request["invoice_id"]),
            note: text(&request["note_to_payer"]),
            created: now(),
        };
        capture.refunded += refund.amount.units;
        let is_whole = capture.refunded == capture.amount.units;
        capture.status = if is_whole { "REFUNDED" } else { "PARTIALLY_REFUNDED" }.to_owned();
        capture.updated = now();
        self.captures.insert(capture.id.clone(), capture);
        let shown = self.show_refund(&refund);
        self.tell("PAYMENT.CAPTURE.REFUNDED", "refund", shown.clone());
        self.refunds.insert(refund.id.clone(), refund);
        Ok((201, short(shown, is_short)))
    }

    /// `refunds.get`.
    pub fn read_refund(&self, id: &str) -> Moved {
        let refund = self.refunds.get(id).ok_or(UNKNOWN)?;
        Ok((200, self.show_refund(refund)))
    }
}

fn short(shown: Value, is_short: bool) -> Value {
    match is_short {
        true => json!({ "id": shown["id"], "status": shown["status"], "links": shown["links"] }),
        false => shown,
    }
}

/// The parts of an amount must be what it is made of, and the items what their total says.
fn adds_up(amount: &Money, breakdown: &Value, unit: &Value) -> Result<(), Refusal> {
    let part = |name: &str| {
        breakdown.get(name).map_or(Ok(0), |value| match Money::parse(value) {
            Ok(money) => Ok(money.units),
            Err("CANNOT_BE_ZERO_OR_NEGATIVE") => Ok(0),
            Err(issue) => Err(refuse(issue)),
        })
    };
    let mut sum = 0;
    for name in ["item_total", "tax_total", "shipping", "handling", "insurance"] {
        sum += part(name)?;
    }
    if sum - part("shipping_discount")? - part("discount")? != amount.units {
        return Err(Refusal { status: 422, issue: "AMOUNT_MISMATCH", field: PER_ORDER });
    }
    let Some(items) = unit["items"].as_array() else { return Ok(()) };
    if breakdown.get("item_total").is_none() {
        return Err(refuse("ITEM_TOTAL_REQUIRED"));
    }
    let mut total = 0;
    for item in items {
        let quantity: i64 = item["quantity"].as_str().and_then(|it| it.parse().ok()).unwrap_or(0);
        total += quantity * Money::parse(&item["unit_amount"]).map_err(refuse)?.units;
    }
    if total == part("item_total")? { Ok(()) } else { Err(refuse("ITEM_TOTAL_MISMATCH")) }
}
