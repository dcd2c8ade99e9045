//! Payments with PayPal: the stand-in that follows PayPal's documents, buyers who approve on its page, and its webhooks,
//! which the test carries.

use crate::answer::Answer;
use crate::payments::{Payment, Payments};
use crate::person::Person;
pub use paypal_sandbox::{Options, Sandbox, Signed, Term, Trouble, now};
use reqwest::redirect::Policy;
use serde_json::{Value, json};

/// What a buyer sends to pay with PayPal.
pub fn paying() -> Value {
    json!({ "method": { "type": "paypal" } })
}

/// The variables that have payments ask a stand-in.
pub fn variables(sandbox: &Sandbox, verification: &str) -> Vec<(&'static str, String)> {
    let (client_id, secret, webhook_id) = sandbox.account();
    vec![
        ("paypal_url", sandbox.url()),
        ("paypal_client_id", client_id),
        ("paypal_secret", secret),
        ("paypal_webhook_id", webhook_id),
        ("paypal_verification", verification.to_owned()),
    ]
}

/// What a buyer chooses on PayPal's page, with `balance`, `declined` or `pending` to approve. Gives where it goes on.
pub async fn chooses(page: &str, choice: &str, funding: &str) -> String {
    let client = reqwest::Client::builder().redirect(Policy::none()).build().expect("a client");
    let shown = client.get(page).send().await.expect("the page");
    let shown = shown.text().await.expect("a text");
    assert!(shown.contains("<form method=\"post\""), "{shown}");
    let form = format!("choice={choice}&funding={funding}");
    let sent = client.post(page).header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = sent.send().await.expect("an answer");
    let location = answer.headers().get("location").and_then(|it| it.to_str().ok()).unwrap_or_default();
    location.to_owned()
}

/// A running payments service with PayPal.
pub struct PayPal {
    /// The service.
    pub payments: Payments,
    /// PayPal.
    pub sandbox: Sandbox,
}

impl PayPal {
    /// Starts both in this process. Webhooks wait until the test carries them.
    pub async fn stands(verification: &str) -> Option<Self> {
        Self::begin(None, verification).await
    }

    /// The same with payments in a process of its own.
    pub async fn in_a_process(program: &str) -> Option<Self> {
        Self::begin(Some(program), "offline").await
    }

    async fn begin(program: Option<&str>, verification: &str) -> Option<Self> {
        let sandbox = Sandbox::start(Options::default()).expect("a stand-in");
        sandbox.holds_webhooks();
        let payments = Payments::stands_with(program, &variables(&sandbox, verification)).await?;
        Some(Self { payments, sandbox })
    }

    /// An order wants cents paid, and its buyer comes back to a page of the shop.
    pub async fn payment(&self, amount: i64, capture: &str) -> Payment {
        let intent = json!({
            "amount": {"amount": amount, "currency": "EUR"}, "capture": capture, "return_url": "https://shop.test/back",
        });
        let order = crate::payments::new_id("ord");
        let answer = self.payments.wants(&order, &intent).await.is(201);
        Payment { id: answer.text("/id").into(), secret: answer.text("/client_secret").into(), order }
    }

    /// The buyer chooses PayPal, whatever comes of it.
    pub async fn confirms(&self, payment: &Payment) -> Answer {
        self.payments.is_sent(payment, &paying()).await
    }

    /// The buyer chooses PayPal, and is sent to this page.
    pub async fn is_sent_away(&self, payment: &Payment) -> String {
        let answer = self.confirms(payment).await.is(200);
        assert_eq!((answer.text("/state"), answer.text("/action/type")), ("requires_action", "redirect"));
        answer.text("/action/url").to_owned()
    }

    /// The buyer chooses PayPal and approves it there.
    pub async fn approves(&self, payment: &Payment, funding: &str) {
        let page = self.is_sent_away(payment).await;
        let back = chooses(&page, "approve", funding).await;
        assert!(back.starts_with("https://shop.test/back?token="), "{back}");
    }

    /// The buyer comes back.
    pub async fn comes_back(&self, payment: &Payment) -> Answer {
        let (person, path) = (self.payments.person(), format!("/payments/intents/{}/continue", payment.id));
        let request = self.payments.by_anyone(person.post(path, &json!({})));
        request.header("client-secret", &payment.secret).await
    }

    /// The buyer pays with PayPal, which must work: gives the state.
    pub async fn pays(&self, payment: &Payment) -> String {
        self.approves(payment, "balance").await;
        self.comes_back(payment).await.is(200).text("/state").to_owned()
    }

    /// A webhook arrives as it is.
    pub async fn hears(&self, signed: &Signed) -> Answer {
        let person = self.payments.person();
        let request = self.payments.by_anyone(person.post("/payments/webhooks/paypal", ""));
        carried(request, signed).await
    }

    /// Every webhook that waits arrives, in the order they happened. Gives their types.
    pub async fn is_told(&self) -> Vec<String> {
        let mut told = Vec::new();
        for signed in self.sandbox.takes_webhooks() {
            self.hears(&signed).await.is(204).accept();
            told.push(signed.event_type);
        }
        told
    }

    /// What PayPal has taken for a payment, and what of it it has given back, in cents.
    pub fn money(&self, payment: &Payment) -> (i64, i64) {
        let orders = self.sandbox.orders();
        let of_it = |order: &str| {
            let order = orders.iter().find(|it| it.id == order).expect("the capture's order");
            order.unit["invoice_id"].as_str().is_some_and(|it| it.starts_with(&payment.order))
        };
        let captures = self.sandbox.captures();
        let taken = captures.iter().filter(|it| it.status != "DECLINED" && of_it(&it.order));
        taken.fold((0, 0), |(taken, given), it| (taken + it.amount.units, given + it.refunded))
    }

    /// What payments believes: captured and refunded, in cents.
    pub async fn believed(&self, payment: &Payment) -> (i64, i64) {
        let now = self.payments.reads(payment).await;
        let cents = |name: &str| now[name]["amount"].as_i64().expect("an amount");
        (cents("captured"), cents("refunded"))
    }
}

/// A request that carries a webhook.
pub fn carried<'p>(request: crate::Request<'p>, signed: &Signed) -> crate::Request<'p> {
    let request = request.body("application/json", signed.body.clone());
    signed.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

impl Person {
    /// Chooses PayPal for an order, approves it there, and comes back.
    pub async fn pays_with_paypal(&self, order: &crate::orders::Order) -> Answer {
        let secret = order.json["payment"]["client_secret"].as_str().expect("a client secret");
        let path = format!("/api/v1/payments/intents/{}", order.payment());
        let mut wish = paying();
        wish["return_url"] = "https://shop.test/thanks".into();
        let asked = self.post(format!("{path}/confirm"), &wish).header("client-secret", secret).await.is(200);
        let back = chooses(asked.text("/action/url"), "approve", "balance").await;
        assert!(back.starts_with("https://shop.test/thanks?token="), "{back}");
        self.post(format!("{path}/continue"), &json!({})).header("client-secret", secret).await
    }
}
