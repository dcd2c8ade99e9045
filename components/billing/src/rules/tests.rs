use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// What was paid for a line, its tax, and the tax's rate; no rate for a line that is not taxed.
type Priced = (i64, i64, Option<u32>);

/// An order of lines, the first of which is its shipping.
fn order(priced: &[Priced]) -> Order {
    let address =
        json!({"name": "Ana", "line1": "1 rue", "city": "Paris", "postal_code": "75002", "country": "FR"});
    let taxes = |(_, tax, rate): &Priced| match rate {
        Some(rate) => json!([{"label": "TVA", "rate_bp": rate, "amount": euros(*tax), "included": true}]),
        None => json!([]),
    };
    let line = |it: &Priced| {
        json!({"line_id": souk_kit::id::LineId::new(), "product_id": souk_kit::id::ProductId::new(),
            "variant_id": souk_kit::id::VariantId::new(), "sku": "LAMP", "title": "Lamp", "quantity": 1,
            "unit_price": euros(it.0), "discounts": [], "taxes": taxes(it), "total": euros(it.0)})
    };
    let total: i64 = priced.iter().map(|(total, ..)| total).sum();
    let shipping = &priced[0];
    serde_json::from_value(json!({
        "order_id": souk_kit::id::OrderId::new(), "number": "S-1", "currency": "EUR", "user_id": null,
        "email": "ana@example.com", "language": "fr", "billing_address": address, "shipping_address": address,
        "lines": priced[1..].iter().map(line).collect::<Vec<_>>(),
        "shipping": {"code": "post", "label": "Post", "price": euros(shipping.0), "discounts": [],
            "taxes": taxes(shipping), "total": euros(shipping.0)},
        "totals": {"subtotal": euros(total), "discount": euros(0), "shipping": euros(0), "tax": euros(0), "total": euros(total)},
        "payment_id": souk_kit::id::PaymentId::new(), "paid_at": "2026-11-21T09:30:00Z",
    }))
    .unwrap()
}

fn gross(groups: &[TaxGroup]) -> i64 {
    groups.iter().map(|group| group.gross.amount).sum()
}

fn is_sound(groups: &[TaxGroup]) -> bool {
    groups.iter().all(|group| {
        let taxes: Vec<i64> = group.taxes.iter().map(|tax| tax.amount.amount).collect();
        group.net.amount >= 0
            && taxes.iter().all(|tax| *tax >= 0)
            && group.gross.amount == group.net.amount + taxes.iter().sum::<i64>()
    })
}

#[test]
fn lines_of_the_same_rate_are_taxed_together() {
    let order =
        order(&[(600, 100, Some(2000)), (12_000, 2000, Some(2000)), (1055, 55, Some(550)), (500, 0, None)]);
    assert_eq!(contradiction(&order), None);
    let found: Vec<_> = breakdown(&order)
        .iter()
        .map(|group| (group.taxes.first().map(|tax| tax.rate_bp), group.net.amount, group.gross.amount))
        .collect();
    assert_eq!(found, [(None, 500, 500), (Some(550), 1000, 1055), (Some(2000), 10_500, 12_600)]);
}

#[test]
fn an_order_that_does_not_add_up_is_not_invoiced() {
    let good = order(&[(600, 100, Some(2000)), (1000, 0, None)]);
    let mut short = good.clone();
    short.totals.total.amount -= 1;
    let mut mixed = good.clone();
    mixed.lines[0].total.currency = "USD".parse().unwrap();
    let mut overtaxed = good.clone();
    overtaxed.shipping.taxes[0].amount.amount = 601;
    for bad in [short, mixed, overtaxed] {
        assert!(contradiction(&bad).is_some());
    }
}

#[test]
fn numbers_say_series_year_and_place() {
    assert_eq!(Series::Invoices.number(2026, 1), "INV-2026-000001");
    assert_eq!(Series::CreditNotes.number(2027, 1_234_567), "CRN-2027-1234567");
}

proptest! {
    #[test]
    fn a_breakdown_adds_up_to_the_total(lines in prop::collection::vec(line(), 1..8)) {
        let order = order(&lines);
        prop_assert_eq!(contradiction(&order), None);
        let groups = breakdown(&order);
        prop_assert!(is_sound(&groups));
        prop_assert_eq!(gross(&groups), order.totals.total.amount);
    }

    #[test]
    fn refunds_add_up_and_the_last_takes_the_rest(lines in prop::collection::vec(line(), 1..6), parts in prop::collection::vec(1_i64..50_000, 1..6)) {
        let invoiced = breakdown(&order(&lines));
        let mut credited: Vec<TaxGroup> = Vec::new();
        let mut left = gross(&invoiced);
        for part in parts {
            let amount = part.min(left);
            let note = share(&remaining(&invoiced, &credited), amount);
            prop_assert!(is_sound(&note) && gross(&note) == amount);
            left -= amount;
            credited.extend(note);
            prop_assert!(is_sound(&remaining(&invoiced, &credited)));
        }
        credited.extend(share(&remaining(&invoiced, &credited), left));
        prop_assert!(remaining(&invoiced, &credited).iter().all(|group| group.gross.amount == 0 && group.net.amount == 0));
    }
}

fn line() -> impl Strategy<Value = Priced> {
    (0_i64..100_000, prop::option::of(prop::sample::select(vec![550_u32, 1000, 2000]))).prop_map(
        |(total, rate)| {
            let tax = rate.map_or(0, |rate| total * i64::from(rate) / (10_000 + i64::from(rate)));
            (total, tax, rate)
        },
    )
}

fn facts() -> Facts {
    let due_at = Timestamp::from_millis(1000);
    Facts { total: 100, paid: None, refunded: 0, received: 0, due_at, is_cancelled: false }
}

#[test]
fn an_invoice_is_open_until_its_time_is_over() {
    let at = |millis| facts().status(Timestamp::from_millis(millis));
    assert_eq!((at(999), at(1000)), (Status::Open, Status::Overdue));
}

#[test]
fn money_that_came_counts_before_orders_say_that_it_is_all() {
    let now = Timestamp::from_millis(2000);
    let status = |received| Facts { received, ..facts() }.status(now);
    assert_eq!([1, 99, 100].map(status), [Status::PartiallyPaid, Status::PartiallyPaid, Status::Paid]);
    let back = Facts { received: -5, ..facts() };
    assert_eq!((back.status(now), back.paid()), (Status::Overdue, 0));
    let all = Facts { received: 100, ..facts() };
    assert_eq!((all.paid(), Facts { paid: Some(100), ..all }.paid()), (100, 100));
}

#[test]
fn what_was_paid_is_refunded_in_part_or_whole_and_what_was_called_off_is_cancelled() {
    let now = Timestamp::from_millis(2000);
    let status = |refunded| Facts { paid: Some(100), refunded, ..facts() }.status(now);
    assert_eq!([0, 1, 100].map(status), [Status::Paid, Status::PartiallyRefunded, Status::Refunded]);
    let nothing = Facts { total: 0, paid: Some(0), ..facts() };
    assert_eq!(nothing.status(now), Status::Paid, "what costs nothing is paid");
    let late = Facts { received: 100, is_cancelled: true, ..facts() };
    assert_eq!(late.status(now), Status::Cancelled);
}
