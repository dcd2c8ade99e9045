//! What the documents allow, and what they do not.

use super::*;

fn create() -> Operation {
    operation("POST", "/v2/checkout/orders").expect("the operation")
}

fn wrong(body: &Value) -> Vec<(String, &'static str)> {
    let found = create().violations(&BTreeMap::new(), |_| None, Some(body));
    found.into_iter().map(|it| (it.field, it.issue)).collect()
}

#[test]
fn paths_name_operations() {
    let found = operation("POST", "/v2/payments/captures/3C67/refund").expect("the operation");
    assert_eq!((found.id, found.arguments.as_slice()), ("captures.refund", ["3C67".to_owned()].as_slice()));
    assert!(operation("PUT", "/v2/checkout/orders").is_none());
    assert!(operation("GET", "/v2/checkout/orders/").is_none());
}

#[test]
fn what_the_documents_do_not_allow_is_named() {
    let unit = json!({"amount": {"currency_code": "EUR", "value": "1.00"}});
    assert_eq!(wrong(&json!({"intent": "CAPTURE", "purchase_units": [unit]})), []);
    let cases = [
        (json!({"purchase_units": [unit]}), "/intent", "MISSING_REQUIRED_PARAMETER"),
        (json!({"intent": "SALE", "purchase_units": [unit]}), "/intent", "INVALID_PARAMETER_VALUE"),
        (json!({"intent": "CAPTURE", "purchase_units": []}), "/purchase_units", "INVALID_ARRAY_MIN_ITEMS"),
        (
            json!({"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "EUR", "value": 1}}]}),
            "/purchase_units/0/amount/value",
            "INVALID_PARAMETER_SYNTAX",
        ),
        (
            json!({"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "EUR", "value": "1,0"}}]}),
            "/purchase_units/0/amount/value",
            "INVALID_PARAMETER_SYNTAX",
        ),
        (
            json!({"intent": "CAPTURE", "purchase_units": [unit], "capture": true}),
            "/capture",
            "NOT_SUPPORTED",
        ),
    ];
    for (body, field, issue) in cases {
        assert_eq!(wrong(&body), [(field.to_owned(), issue)], "{body}");
    }
}

#[test]
fn parameters_are_checked_too() {
    let long = |_: &str| Some("x".repeat(109));
    let body =
        json!({"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "EUR", "value": "1"}}]});
    let found = create().violations(&BTreeMap::new(), long, Some(&body));
    assert!(
        found
            .iter()
            .any(|it| (it.field.as_str(), it.issue) == ("PayPal-Request-Id", "INVALID_STRING_LENGTH"))
    );
    let get = operation("GET", "/v2/checkout/orders/abc").expect("the operation");
    assert_eq!(get.violations(&BTreeMap::new(), |_| None, None)[0].field, "id");
    let query = BTreeMap::from([("page".to_owned(), "1".to_owned())]);
    let get = operation("GET", "/v2/checkout/orders/ABC").expect("the operation");
    assert_eq!(get.violations(&query, |_| None, None)[0].field, "page");
}

#[test]
fn answers_are_held_to_the_documents() {
    let create = create();
    assert!(create.wrong_answer(201, Some(&json!({"id": "A", "status": "CREATED"}))).is_empty());
    assert!(!create.wrong_answer(201, Some(&json!({"id": "A", "status": "OPEN"}))).is_empty());
    assert!(!create.wrong_answer(201, Some(&json!({"id": "A", "state": "CREATED"}))).is_empty());
    let violation = Violation::new("body", "/x", "DUPLICATE_INVOICE_ID", String::new());
    let refusal = create.refusal(422, &[violation]);
    assert_eq!(refusal["details"][0]["issue"], "DUPLICATE_INVOICE_ID");
    assert_eq!(create.wrong_answer(422, Some(&refusal)), Vec::<String>::new());
    let unknown = json!({"name": "UNPROCESSABLE_ENTITY", "message": refusal["message"], "debug_id": "1",
                         "details": [{"issue": "OF_MY_OWN"}]});
    assert!(!create.wrong_answer(422, Some(&unknown)).is_empty());
}

#[test]
fn every_schema_of_the_documents_compiles() {
    for (document, text) in DOCUMENTS.iter().enumerate() {
        for (template, methods) in text["paths"].as_object().expect("paths") {
            for (method, described) in methods.as_object().expect("methods") {
                let pointer = format!("/paths/{}/{method}", escape(template));
                let operation = Operation { id: "", arguments: Vec::new(), document, pointer };
                if let Some(body) = described.pointer("/requestBody/content/application~1json/schema") {
                    assert!(body.is_object());
                    operation.compiled(&format!(
                        "{}/requestBody/content/application~1json/schema",
                        operation.pointer
                    ));
                }
                for status in described["responses"].as_object().expect("responses").keys() {
                    operation.wrong_answer(status.parse().unwrap_or(418), Some(&json!({})));
                }
            }
        }
    }
}
