//! Tamper evidence: the export of the ledger, its roots, and the proof of a transaction, judged by the verifier.

use serde_json::Value;
use souk_ledger::{Audit, Record};
use souk_tests::ledger::{Bank, transfer};

#[tokio::test]
async fn the_ledger_can_be_verified_by_whoever_has_its_export() {
    let Some(bank) = Bank::opens_with(|_| (204, Value::Null), &[("root_entries", "7")]).await else { return };
    let (ana, from) = bank.customer("ana", 10_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    let mut made = Vec::new();
    for cents in 1..=11 {
        let answer = ana.moves_money(&transfer(&from, &to, cents)).await.is(201);
        made.push(answer.text("/id").to_owned());
    }
    bank.suite.ticks().await;
    let admin = bank.admin().await;
    let roots = admin.get("/api/v1/ledger/roots?limit=2").await.is(200);
    assert_eq!(roots.json()["items"].as_array().map(Vec::len), Some(2));
    assert!(roots.json()["next_cursor"].is_string(), "24 entries have three roots");
    // In parts, as a large ledger would be.
    let (mut audit, mut after, mut lines) = (Audit::default(), 0, 0);
    loop {
        let part = admin.get(format!("/api/v1/ledger/entries?after={after}&limit=5")).await.is(200);
        let text = String::from_utf8(part.body.to_vec()).expect("UTF-8");
        let before = after;
        for line in text.lines() {
            audit.line(line).unwrap_or_else(|wrong| panic!("{wrong}: {line}"));
            if let Record::Entry(entry) = serde_json::from_str(line).expect("a record") {
                after = entry.facts.seq;
                lines += 1;
            }
        }
        if after == before {
            break;
        }
    }
    assert_eq!(lines, 24);
    for id in [&made[0], &made[10]] {
        let proof = ana.get(format!("/api/v1/transactions/{id}/proof")).await.is(200);
        let proof = serde_json::from_value(proof.json().clone()).expect("a proof");
        audit.record(&Record::Proof(proof)).unwrap_or_else(|wrong| panic!("{wrong}"));
    }
    let found = audit.finish().unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!((found.transactions, found.roots, found.proofs, found.uncovered), (12, 3, 2, 3));
    ana.get("/api/v1/ledger/entries").await.is_refused(403, "insufficient-scope");
    let (eve, _) = bank.customer("eve", 0).await;
    eve.get(format!("/api/v1/transactions/{}/proof", made[0])).await.is_refused(404, "not-found");
}

#[tokio::test]
async fn the_database_refuses_to_rewrite_history() {
    let Some(bank) = Bank::opens().await else { return };
    let (ana, from) = bank.customer("ana", 1_000).await;
    let (_, to) = bank.customer("bob", 0).await;
    ana.transfers(&from, &to, 10).await.is(201).accept();
    bank.suite.ticks().await;
    let database = bank.database();
    for sql in [
        "UPDATE entries SET amount = amount + 1",
        "DELETE FROM entries",
        "UPDATE transactions SET lines = '[]' WHERE state = 'posted'",
        "UPDATE transactions SET state = 'pending' WHERE state = 'posted'",
        "DELETE FROM transactions",
        "INSERT INTO entries (seq, number, account, amount, balance, at, hash) VALUES (99, 1, 1, 5, 5, 0, zeroblob(32))",
        "UPDATE accounts SET balance = -1 WHERE owner IS NOT NULL",
        "UPDATE accounts SET state = 'closed' WHERE balance <> 0",
    ] {
        assert!(database.execute(sql, []).is_err(), "{sql}");
    }
}
