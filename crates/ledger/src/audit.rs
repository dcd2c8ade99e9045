//! The audit of an exported ledger, line by line: the chain, the sums, the roots and the proofs.

use crate::entry::{Entry, Proof, Root};
use crate::hash::Hash;
use crate::merkle;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// A line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The next entry.
    Entry(Entry),
    /// A root over entries before it.
    Root(Root),
    /// The proof of a transaction, of this ledger.
    Proof(Proof),
}

/// What is wrong with a ledger, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong(pub String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

/// What was found to be sound.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Entries whose chain holds.
    pub entries: usize,
    /// Transactions whose entries sum to zero in every currency.
    pub transactions: usize,
    /// Accounts whose balances follow from their entries.
    pub accounts: usize,
    /// Currencies, whose entries sum to zero.
    pub currencies: usize,
    /// Roots that are those of their entries.
    pub roots: usize,
    /// Entries at the end that no root covers yet.
    pub uncovered: usize,
    /// Proofs that hold.
    pub proofs: usize,
    /// The hash of the last entry: who knows it from elsewhere knows that nothing was cut off.
    pub head: Option<Hash>,
}

/// An audit under way.
#[derive(Debug, Default)]
pub struct Audit {
    hashes: Vec<Hash>,
    last_at_ms: i64,
    /// Of each account: its currency and balance.
    accounts: HashMap<String, (String, i64)>,
    /// The transaction under way, and its sum in each currency.
    current: Option<(String, BTreeMap<String, i128>)>,
    finished: HashSet<String>,
    currencies: BTreeMap<String, i128>,
    roots: BTreeMap<i64, Root>,
    covered: usize,
    proofs: usize,
}

fn wrong<T>(what: String) -> Result<T, Wrong> {
    Err(Wrong(what))
}

impl Audit {
    /// Takes in the next line of an export, or a proof as the service answers it.
    pub fn line(&mut self, line: &str) -> Result<(), Wrong> {
        if let Ok(proof) = serde_json::from_str::<Proof>(line) {
            return self.proof(&proof);
        }
        let record = serde_json::from_str(line).map_err(|error| Wrong(format!("not a record: {error}")))?;
        self.record(&record)
    }

    /// Takes in the next record.
    pub fn record(&mut self, record: &Record) -> Result<(), Wrong> {
        match record {
            Record::Entry(entry) => self.entry(entry),
            Record::Root(root) => self.root(root),
            Record::Proof(proof) => self.proof(proof),
        }
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), Wrong> {
        let facts = &entry.facts;
        let (seq, expected) = (facts.seq, self.hashes.len() as i64 + 1);
        if seq != expected {
            return wrong(format!(
                "entry {seq} stands where {expected} should: one is missing, or out of order"
            ));
        }
        if entry.previous_hash != self.hashes.last().copied().unwrap_or(Hash::ZERO) {
            return wrong(format!("entry {seq} does not follow the entry before it: the chain is broken"));
        }
        if facts.hash(&entry.previous_hash) != entry.hash {
            return wrong(format!("entry {seq} is not what its hash says: it was changed"));
        }
        if facts.at_ms < self.last_at_ms {
            return wrong(format!("entry {seq} is older than the entry before it"));
        }
        self.balance(entry)?;
        self.sum(entry)?;
        self.last_at_ms = facts.at_ms;
        self.hashes.push(entry.hash);
        Ok(())
    }

    /// The balance of the account follows from the one before.
    fn balance(&mut self, entry: &Entry) -> Result<(), Wrong> {
        let facts = &entry.facts;
        let new = || (facts.currency.clone(), 0);
        let (currency, balance) = self.accounts.entry(facts.account_id.clone()).or_insert_with(new);
        if *currency != facts.currency {
            return wrong(format!("entry {} is in {}, its account in {currency}", facts.seq, facts.currency));
        }
        if balance.checked_add(facts.amount) != Some(facts.balance) {
            return wrong(format!("entry {}: the balance does not follow from {balance}", facts.seq));
        }
        *balance = facts.balance;
        Ok(())
    }

    /// The entries of a transaction stand together, and sum to zero in each currency.
    fn sum(&mut self, entry: &Entry) -> Result<(), Wrong> {
        let facts = &entry.facts;
        if self.current.as_ref().is_none_or(|(id, _)| *id != facts.transaction_id) {
            self.finish_transaction()?;
            if self.finished.contains(&facts.transaction_id) {
                return wrong(format!("entry {} belongs to a transaction that was over", facts.seq));
            }
            self.current = Some((facts.transaction_id.clone(), BTreeMap::new()));
        }
        if let Some((_, sums)) = &mut self.current {
            *sums.entry(facts.currency.clone()).or_default() += i128::from(facts.amount);
        }
        *self.currencies.entry(facts.currency.clone()).or_default() += i128::from(facts.amount);
        Ok(())
    }

    fn finish_transaction(&mut self) -> Result<(), Wrong> {
        let Some((id, sums)) = self.current.take() else { return Ok(()) };
        if let Some((currency, sum)) = sums.iter().find(|(_, sum)| **sum != 0) {
            return wrong(format!("transaction {id} does not sum to zero: {sum} {currency} are left"));
        }
        self.finished.insert(id);
        Ok(())
    }

    fn root(&mut self, root: &Root) -> Result<(), Wrong> {
        let number = root.number;
        let expected = (self.roots.len() as i64 + 1, self.covered as i64 + 1);
        if (number, root.first_seq) != expected {
            return wrong(format!(
                "root {number} over {} does not follow the root before it",
                root.first_seq
            ));
        }
        let last = usize::try_from(root.last_seq).unwrap_or_default();
        let Some(leaves) = self.hashes.get(self.covered..last).filter(|leaves| !leaves.is_empty()) else {
            return wrong(format!("root {number} is over entries that are not before it"));
        };
        if merkle::root(leaves) != root.root {
            return wrong(format!("root {number} is not that of its entries"));
        }
        self.covered = last;
        self.roots.insert(number, root.clone());
        Ok(())
    }

    fn proof(&mut self, proof: &Proof) -> Result<(), Wrong> {
        let id = &proof.transaction_id;
        if proof.entries.is_empty() {
            return wrong(format!("the proof of {id} has no entry"));
        }
        for proven in &proof.entries {
            let seq = proven.entry.facts.seq;
            let known = usize::try_from(seq).ok().and_then(|seq| self.hashes.get(seq.checked_sub(1)?));
            if !proven.holds() || proven.entry.facts.transaction_id != *id {
                return wrong(format!("the proof of {id} does not hold at entry {seq}"));
            }
            if known != Some(&proven.entry.hash) {
                return wrong(format!("the proof of {id} is of another ledger: entry {seq} differs"));
            }
            if let Some(root) = &proven.root
                && self.roots.get(&root.number) != Some(root)
            {
                return wrong(format!("the proof of {id} names a root {} that is not there", root.number));
            }
        }
        self.proofs += 1;
        Ok(())
    }

    /// Ends the audit: what was found to be sound.
    pub fn finish(mut self) -> Result<Summary, Wrong> {
        self.finish_transaction()?;
        if let Some((currency, sum)) = self.currencies.iter().find(|(_, sum)| **sum != 0) {
            return wrong(format!("the entries do not sum to zero: {sum} {currency} are left"));
        }
        Ok(Summary {
            entries: self.hashes.len(),
            transactions: self.finished.len(),
            accounts: self.accounts.len(),
            currencies: self.currencies.len(),
            roots: self.roots.len(),
            uncovered: self.hashes.len() - self.covered,
            proofs: self.proofs,
            head: self.hashes.last().copied(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Facts, Proven};

    /// Two transactions between two accounts, with a root over the first three entries.
    fn ledger() -> Vec<Record> {
        let facts = |seq, transaction: &str, account: &str, amount, balance| Facts {
            seq,
            transaction_id: transaction.into(),
            kind: "transfer".into(),
            account_id: account.into(),
            currency: "EUR".into(),
            amount,
            balance,
            at_ms: 1000 + seq,
        };
        let all = [
            facts(1, "trx_1", "acc_1", -5, -5),
            facts(2, "trx_1", "acc_2", 5, 5),
            facts(3, "trx_2", "acc_1", -1, -6),
            facts(4, "trx_2", "acc_2", 1, 6),
        ];
        let mut entries = Vec::new();
        let mut previous_hash = Hash::ZERO;
        for facts in all {
            let hash = facts.hash(&previous_hash);
            entries.push(Entry { facts, previous_hash, hash });
            previous_hash = hash;
        }
        let leaves: Vec<Hash> = entries.iter().take(3).map(|entry| entry.hash).collect();
        let root = Root { number: 1, first_seq: 1, last_seq: 3, root: merkle::root(&leaves), at_ms: 2000 };
        let proven = |index: usize| Proven {
            entry: entries[index].clone(),
            root: Some(root.clone()),
            path: merkle::path(&leaves, index),
        };
        let proof = Proof { transaction_id: "trx_1".into(), entries: vec![proven(0), proven(1)] };
        let entries = entries.into_iter().map(Record::Entry);
        entries.chain([Record::Root(root), Record::Proof(proof)]).collect()
    }

    fn audited(records: &[Record]) -> Result<Summary, Wrong> {
        let mut audit = Audit::default();
        for record in records {
            audit.line(&serde_json::to_string(record).unwrap())?;
        }
        audit.finish()
    }

    #[test]
    fn a_sound_ledger_is_found_sound() {
        let found = audited(&ledger()).unwrap();
        assert_eq!((found.entries, found.transactions, found.accounts, found.currencies), (4, 2, 2, 1));
        assert_eq!((found.roots, found.uncovered, found.proofs), (1, 1, 1));
    }

    #[test]
    fn whatever_is_changed_is_found() {
        let changes: [fn(&mut Entry); 8] = [
            |entry| entry.facts.amount += 1,
            |entry| entry.facts.at_ms += 1,
            |entry| entry.facts.account_id.push('x'),
            |entry| entry.facts.kind = "deposit".into(),
            |entry| entry.facts.seq += 1,
            |entry| entry.hash = Hash::ZERO,
            |entry| entry.previous_hash = Hash::of(&[b"x"]),
            // Even with a hash that fits.
            |entry| {
                entry.facts.amount -= 1;
                entry.hash = entry.facts.hash(&entry.previous_hash);
            },
        ];
        for (number, change) in changes.iter().enumerate() {
            for index in 0..4 {
                let mut records = ledger();
                if let Record::Entry(entry) = &mut records[index] {
                    change(entry);
                }
                assert!(audited(&records).is_err(), "change {number} of entry {index}");
            }
        }
        for index in 0..4 {
            let mut records = ledger();
            records.remove(index);
            assert!(audited(&records).is_err(), "without {index}");
        }
    }

    #[test]
    fn a_forged_root_or_proof_is_found() {
        let mut records = ledger();
        if let Record::Root(root) = &mut records[4] {
            root.root = Hash::ZERO;
        }
        assert!(audited(&records).unwrap_err().0.contains("root 1"));
        let mut records = ledger();
        if let Record::Proof(proof) = &mut records[5] {
            proof.entries[1].path.clear();
        }
        assert!(audited(&records).unwrap_err().0.contains("does not hold"));
    }
}
