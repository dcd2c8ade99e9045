//! The invariants of `docs/architecture.md` over everything that was sold, read from the databases of a suite.

use rusqlite::Connection;
use std::path::Path;
use std::time::{Duration, Instant};

/// Within this time every order reaches a final or a waiting state.
const SETTLES: Duration = Duration::from_secs(60);

/// After this, the leases that a kill left behind are taken for over: a test need not sit them out.
const PAUSES_END: Duration = Duration::from_millis(300);

/// Questions over all databases that must have no answer.
const BROKEN: &[(&str, &str)] = &[
    (
        "a paid order without exactly one captured payment of its total",
        "SELECT o.id FROM orders.orders o WHERE o.total > 0
            AND o.state IN ('paid', 'fulfilling', 'partially_shipped', 'shipped', 'delivered')
            AND (SELECT count(*) FROM payments.intents p WHERE p.order_id = o.id AND p.captured = o.total) <> 1",
    ),
    (
        "a paid order without exactly one invoice",
        "SELECT o.id FROM orders.orders o WHERE json_extract(o.document, '$.paid_at') IS NOT NULL
            AND (SELECT count(*) FROM billing.invoices i WHERE i.order_id = o.id) <> 1",
    ),
    (
        "an invoice of an order that is neither paid nor waits for a transfer, and was not taken back",
        "SELECT i.order_id FROM billing.invoices i JOIN billing.invoice_payments p ON p.invoice_id = i.id
           LEFT JOIN orders.orders o ON o.id = i.order_id
          WHERE p.cancelled_at IS NULL AND (o.id IS NULL OR (json_extract(o.document, '$.paid_at') IS NULL
            AND (o.state <> 'pending_payment' OR json_extract(o.document, '$.payment_reference') IS NULL)))",
    ),
    (
        "an invoice that is paid and its order not, or the other way round",
        "SELECT i.order_id FROM billing.invoices i JOIN billing.invoice_payments p ON p.invoice_id = i.id
           JOIN orders.orders o ON o.id = i.order_id
          WHERE (p.paid_at IS NULL) <> (json_extract(o.document, '$.paid_at') IS NULL)",
    ),
    (
        "an invoice that was taken back by less or more than it",
        "SELECT i.order_id FROM billing.invoices i JOIN billing.invoice_payments p ON p.invoice_id = i.id
          WHERE p.cancelled_at IS NOT NULL
            AND i.total <> (SELECT coalesce(sum(amount), 0) FROM billing.credit_notes n WHERE n.invoice_id = i.id)",
    ),
    (
        "money that moved otherwise than billing says",
        "SELECT p.order_id FROM payments.intents p WHERE
            p.captured <> (SELECT coalesce(sum(amount), 0) FROM billing.movements m
              WHERE m.payment_id = p.id AND m.kind = 'captured')
            OR p.refunded <> (SELECT coalesce(sum(amount), 0) FROM billing.movements m
              WHERE m.payment_id = p.id AND m.kind = 'refunded')",
    ),
    (
        "stock that is held for a shorter time than its order waits",
        "SELECT o.id FROM orders.orders o JOIN inventory.reservation r ON r.order_id = o.id AND r.ended = 0
          WHERE o.state = 'pending_payment' AND r.expires_at <
            1000 * CAST(strftime('%s', json_extract(o.document, '$.pay_until')) AS INTEGER)",
    ),
    (
        "captured money of an order that is neither paid nor given back",
        "SELECT p.order_id FROM payments.intents p LEFT JOIN orders.orders o ON o.id = p.order_id
          WHERE p.captured > p.refunded
            AND (o.id IS NULL OR o.state IN ('draft', 'pending_payment', 'cancelled', 'refunded'))",
    ),
    (
        "more given back than orders say",
        "SELECT p.order_id FROM payments.intents p JOIN orders.orders o ON o.id = p.order_id WHERE p.refunded <> o.refunded",
    ),
    (
        "a paid order whose stock is not kept",
        "SELECT o.id FROM orders.orders o WHERE o.state IN ('paid', 'fulfilling', 'partially_shipped')
            AND (SELECT count(*) FROM inventory.reservation r
                  WHERE r.order_id = o.id AND r.state = 'committed' AND r.ended = 0) <> 1",
    ),
    (
        "an order whose stock is not what it has",
        "SELECT o.id FROM orders.orders o JOIN inventory.reservation r ON r.order_id = o.id AND r.ended = 0
          WHERE o.state IN ('pending_payment', 'paid', 'fulfilling', 'partially_shipped', 'shipped')
            AND ((SELECT sum(quantity) FROM inventory.allocation WHERE reservation_id = r.id)
                 <> (SELECT sum(value ->> 'quantity') FROM json_each(o.document, '$.lines'))
              OR EXISTS (SELECT 1 FROM json_each(o.document, '$.lines') l
                   WHERE l.value ->> 'quantity' <> (SELECT coalesce(sum(quantity), 0) FROM inventory.allocation a
                     WHERE a.reservation_id = r.id AND a.variant_id = l.value ->> 'variant_id')))",
    ),
    (
        "an order that waits for another amount than it costs",
        "SELECT o.id FROM orders.orders o JOIN payments.intents p ON p.order_id = o.id
          WHERE o.state = 'pending_payment' AND p.amount <> o.total",
    ),
    (
        "a coupon that is not counted as often as it is used",
        "SELECT c.code FROM orders.coupons c WHERE c.uses <> (SELECT count(*) FROM orders.coupon_uses u
          WHERE u.code = c.code AND c.customer IN ('', u.customer))",
    ),
    (
        "stock that is held for an order that has ended",
        "SELECT r.order_id FROM inventory.reservation r LEFT JOIN orders.orders o ON o.id = r.order_id
          WHERE r.ended = 0 AND (o.id IS NULL OR o.state IN ('cancelled', 'refunded')) AND r.state <> 'committed'",
    ),
    (
        "reserved units that no reservation holds",
        "SELECT s.variant_id FROM inventory.stock s WHERE s.reserved <> (SELECT coalesce(sum(a.held), 0)
            FROM inventory.allocation a JOIN inventory.reservation r ON r.id = a.reservation_id
           WHERE r.ended = 0 AND a.variant_id = s.variant_id AND a.location_id = s.location_id)",
    ),
    ("more units promised than there are", "SELECT variant_id FROM inventory.stock WHERE reserved > on_hand"),
    (
        "money of a payment that the ledger has moved otherwise",
        "SELECT p.order_id || ' took ' || p.captured || ', gave back ' || p.refunded || '; the ledger '
                || coalesce(m.captured, 0) || ', ' || coalesce(m.refunded, 0)
           FROM payments.intents p LEFT JOIN (SELECT payment_id,
                  sum(CASE kind WHEN 'capture' THEN amount ELSE 0 END) AS captured,
                  sum(CASE kind WHEN 'refund' THEN amount ELSE 0 END) AS refunded FROM transactions.transactions
                 WHERE payment_id IS NOT NULL AND state IN ('pending', 'posted') GROUP BY payment_id) m ON m.payment_id = p.id
          WHERE p.captured <> coalesce(m.captured, 0) OR p.refunded <> coalesce(m.refunded, 0)",
    ),
    (
        "money of a wallet that is held for a payment that has ended",
        "SELECT h.payment_id FROM transactions.holds h JOIN payments.intents p ON p.id = h.payment_id
          WHERE h.state = 'active' AND p.state NOT IN ('processing', 'authorized', 'partially_captured')",
    ),
    (
        "more money of buyers' transfers used, or sent back, than came",
        "SELECT r.id FROM payments.receipts r JOIN transactions.transactions t ON t.id = r.id
          WHERE t.state <> 'posted' OR t.amount <> r.amount OR r.used + r.sending_back + r.returned > r.amount",
    ),
    (
        "a cart whose order is not there",
        "SELECT c.id FROM orders.carts c LEFT JOIN orders.orders o ON o.id = c.order_id
          WHERE c.order_id IS NOT NULL AND o.id IS NULL",
    ),
];

/// What is still under way.
const UNDER_WAY: &[(&str, &str)] = &[
    (
        "a step of an order",
        "SELECT order_id || ' ' || kind || ': ' || coalesce(last_error, '') FROM orders.steps
        WHERE kind <> 'await_payment'",
    ),
    ("an order that is neither waiting nor final", "SELECT id FROM orders.orders WHERE state = 'draft'"),
    ("an event of orders", "SELECT event FROM orders.outbox"),
    ("an event of payments", "SELECT event FROM payments.outbox"),
    ("an event of billing", "SELECT event FROM billing.outbox"),
    ("an event of transactions", "SELECT event FROM transactions.outbox"),
    ("a refund", "SELECT id FROM orders.refunds WHERE state = 'requested'"),
    (
        "a try to pay by wallet, transfer or PayPal",
        "SELECT id FROM payments.attempts WHERE provider IN ('wallet', 'bank-transfer', 'paypal')
            AND state IN ('pending', 'processing', 'voiding')",
    ),
    ("money that goes back to whom it came from", "SELECT id FROM payments.receipts WHERE sending_back > 0"),
];

fn open(state: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_in_memory()?;
    for name in ["orders", "payments", "billing", "inventory", "transactions"] {
        let file = state.join(format!("{name}.db"));
        let uri = format!("file:{}?mode=ro", file.display());
        connection.execute("ATTACH DATABASE ?1 AS ?2", [uri.as_str(), name])?;
    }
    Ok(connection)
}

fn end_pauses(state: &Path) {
    let hurry = |name: &str, sql: &str| {
        let connection = Connection::open(state.join(format!("{name}.db")))?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute(sql, []).map(|_| ())
    };
    for name in ["orders", "payments", "billing", "transactions"] {
        // One that is busy just now is hurried the next time.
        let _ = hurry(name, "UPDATE outbox SET next_attempt_at = 0 WHERE attempts > 0");
    }
    for table in ["attempts", "transfers", "receipts"] {
        let started =
            if table == "attempts" { "AND state IN ('pending', 'processing', 'voiding')" } else { "" };
        let _ =
            hurry("payments", &format!("UPDATE {table} SET ask_at = 0 WHERE ask_at IS NOT NULL {started}"));
    }
    // What was given up may still be carried out for half a minute; nobody is at it any more.
    let given_up = "UPDATE attempts SET created_at = created_at - 60000, updated_at = updated_at - 60000 WHERE state = 'voiding'";
    let _ = hurry("payments", given_up);
    let _ = hurry("orders", "UPDATE steps SET due_at = 0 WHERE kind <> 'await_payment'");
}

fn found(connection: &Connection, questions: &[(&str, &str)]) -> rusqlite::Result<Vec<String>> {
    let mut findings = Vec::new();
    for (what, sql) in questions {
        let mut statement = connection.prepare(sql)?;
        let rows: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        findings.extend(rows.first().map(|first| format!("{what} ({} of them): {first}", rows.len())));
    }
    Ok(findings)
}

impl crate::Suite {
    /// Waits until nothing is under way, and says what of the books is wrong then.
    pub async fn has_sound_books(&self) {
        let started = Instant::now();
        loop {
            self.ticks().await;
            let under_way = self.asks(UNDER_WAY);
            if under_way.is_empty() {
                break;
            }
            assert!(started.elapsed() < SETTLES, "after a minute there is still {under_way:#?}");
            if started.elapsed() > PAUSES_END {
                end_pauses(self.state());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let broken = self.asks(BROKEN);
        assert!(broken.is_empty(), "the books are wrong: {broken:#?}");
    }

    fn asks(&self, questions: &[(&str, &str)]) -> Vec<String> {
        let answer = open(self.state()).and_then(|connection| found(&connection, questions));
        answer.unwrap_or_else(|error| panic!("the databases cannot be read: {error}"))
    }
}
