use super::*;
use proptest::prelude::*;

const ALL_WELL: [i64; 4] = [1_000, 1_000, 200, 200];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1_000)
}

fn payment(captured: i64, refunded: i64) -> PaymentSide {
    let (order_id, payment_id) = (OrderId::new(), PaymentId::new());
    PaymentSide { order_id, payment_id, currency: Currency::EUR, captured, refunded, changed_at: at(1) }
}

fn order(total: i64, is_paid: bool, refunded: i64) -> OrderSide {
    let (order_id, payment_id, currency) = (OrderId::new(), None, Currency::EUR);
    OrderSide { order_id, payment_id, currency, total, is_paid, refunded, changed_at: at(4) }
}

fn invoice(total: i64, paid: i64, credited: i64) -> InvoiceSide {
    InvoiceSide {
        order_id: OrderId::new(),
        currency: Currency::EUR,
        total,
        paid,
        credited,
        changed_at: at(3),
    }
}

fn ledger(captured: i64, refunded: i64) -> LedgerSide {
    LedgerSide { currency: Currency::EUR, captured, refunded, changed_at: at(2) }
}

/// An order of ten euros, two of which were given back; everybody says so.
fn agreed() -> Sides {
    Sides {
        payment: Some(payment(1_000, 200)),
        order: Some(order(1_000, true, 200)),
        invoice: Some(invoice(1_000, 1_000, 200)),
        ledger: Some(ledger(1_000, 200)),
    }
}

fn kinds(sides: &Sides) -> Vec<Discord> {
    sides.findings().into_iter().map(|(kind, _)| kind).collect()
}

#[test]
fn what_agrees_is_not_found() {
    assert_eq!(kinds(&agreed()), []);
    assert_eq!(agreed().changed_at(), Some(at(4)));
    // Nobody has paid yet, with an invoice that is open, or credited because it was called off.
    for credited in [0, 1_000] {
        let open = Sides {
            payment: Some(payment(0, 0)),
            order: Some(order(1_000, false, 0)),
            invoice: Some(invoice(1_000, 0, credited)),
            ledger: None,
        };
        assert_eq!(kinds(&open), []);
    }
    // Nothing was to be paid.
    let free = Sides { order: Some(order(0, true, 0)), invoice: Some(invoice(0, 0, 0)), ..Sides::default() };
    assert_eq!(kinds(&free), []);
    // Paid after it was called off, and given back; the order may be gone.
    let back = |order| Sides { payment: Some(payment(1_000, 1_000)), order, ..agreed() };
    let called_off =
        Sides { invoice: None, ledger: Some(ledger(1_000, 1_000)), ..back(Some(order(1_000, false, 1_000))) };
    assert_eq!(kinds(&called_off), []);
    assert_eq!(kinds(&Sides { order: None, ..called_off }), []);
}

#[test]
fn each_difference_has_its_kind() {
    use Discord::*;
    let agreed = agreed();
    let cases = [
        (Sides { ledger: None, ..agreed }, vec![CapturedNotInLedger, RefundDiffers]),
        (Sides { ledger: Some(ledger(999, 200)), ..agreed }, vec![CapturedNotInLedger]),
        (Sides { ledger: Some(ledger(1_001, 200)), ..agreed }, vec![LedgerNotInPayments]),
        (Sides { ledger: Some(ledger(1_000, 0)), ..agreed }, vec![RefundDiffers]),
        (Sides { payment: None, ..agreed }, vec![PaidWithoutPayment, RefundDiffers, InvoiceWithoutPayment]),
        (Sides { order: Some(order(1_000, false, 200)), ..agreed }, vec![CapturedButNotPaid]),
        (Sides { order: None, ..agreed }, vec![CapturedButNotPaid, InvoiceWithoutOrder]),
        (Sides { invoice: None, ..agreed }, vec![NotInvoiced]),
        (Sides { invoice: Some(invoice(999, 999, 200)), ..agreed }, vec![AmountDiffers]),
        (Sides { invoice: Some(invoice(1_000, 0, 200)), ..agreed }, vec![AmountDiffers]),
        (Sides { invoice: Some(invoice(1_000, 1_000, 100)), ..agreed }, vec![RefundDiffers]),
        (Sides { order: Some(order(1_000, true, 100)), ..agreed }, vec![RefundDiffers, RefundDiffers]),
        (Sides { order: Some(order(900, true, 200)), ..agreed }, vec![AmountDiffers, AmountDiffers]),
    ];
    for (sides, expected) in cases {
        assert_eq!(kinds(&sides), expected, "{sides:?}");
    }
    let dollars = LedgerSide { currency: "USD".parse().unwrap(), ..ledger(1_000, 200) };
    assert_eq!(kinds(&Sides { ledger: Some(dollars), ..agreed }), [CurrencyDiffers]);
    // What was undone in another currency is no difference.
    let undone = LedgerSide { captured: 0, refunded: 0, ..dollars };
    let unpaid = Sides { payment: Some(payment(0, 0)), ledger: Some(undone), ..Sides::default() };
    assert_eq!(kinds(&unpaid), []);
}

proptest! {
    /// Whatever one of the sums is instead of what all agreed on, it is found.
    #[test]
    fn no_sum_can_be_changed_unnoticed(which in 0..9_usize, by in prop_oneof![-50..-1_i64, 1..50_i64]) {
        let [total, paid, refunded, credited] = ALL_WELL;
        let (mut p, mut o) = (payment(paid, refunded), order(total, true, refunded));
        let (mut i, mut l) = (invoice(total, paid, credited), ledger(paid, refunded));
        let sums = [&mut p.captured, &mut p.refunded, &mut o.total, &mut o.refunded, &mut i.total, &mut i.paid,
            &mut i.credited, &mut l.captured, &mut l.refunded];
        *sums.into_iter().nth(which).unwrap() += by;
        let sides = Sides { payment: Some(p), order: Some(o), invoice: Some(i), ledger: Some(l) };
        prop_assert!(!sides.findings().is_empty());
    }

    /// However many orders each service knows and however small the pages are, each order is joined once, with all sides.
    #[test]
    fn every_order_is_joined_once(known in proptest::collection::vec(1..8_u8, 0..30), limit in 1..6_usize) {
        let orders: Vec<_> = known.iter().map(|sides| (OrderId::new(), *sides)).collect();
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let next = |side: u8| {
                let theirs = orders.iter().filter(move |(id, sides)| sides & side > 0 && Some(*id) > after);
                theirs.map(|(id, _)| *id).take(limit)
            };
            let parts = Parts {
                payments: next(1).map(|order_id| PaymentSide { order_id, ..payment(1, 0) }).collect(),
                orders: next(2).map(|order_id| OrderSide { order_id, ..order(1, true, 0) }).collect(),
                invoices: next(4).map(|order_id| InvoiceSide { order_id, ..invoice(1, 1, 0) }).collect(),
            };
            let joined = parts.join(limit);
            for (id, it) in joined.orders {
                let bit = |is_there, bit| if is_there { bit } else { 0 };
                let sides = bit(it.payment.is_some(), 1) | bit(it.order.is_some(), 2) | bit(it.invoice.is_some(), 4);
                seen.push((id, sides));
            }
            let Some(last) = joined.last else { break };
            prop_assert!(Some(last) > after, "it goes on");
            after = Some(last);
        }
        prop_assert_eq!(seen, orders);
    }
}
