//! Entries, roots and proofs, as the ledger exports them.

use crate::hash::Hash;
use crate::merkle;
use serde::{Deserialize, Serialize};

/// What an entry says; its hash is over all of it and the hash of the entry before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its place in the ledger: 1, 2, 3, … without a gap.
    pub seq: i64,
    /// The transaction that it is part of.
    pub transaction_id: String,
    /// What kind of transaction that is.
    pub kind: String,
    /// The account.
    pub account_id: String,
    /// The account's currency.
    pub currency: String,
    /// In minor units: above zero is a credit, below zero a debit.
    pub amount: i64,
    /// The sum of the account's entries, with this one.
    pub balance: i64,
    /// When, in milliseconds since the Unix epoch; never before the entry before.
    pub at_ms: i64,
}

impl Facts {
    /// The hash of the canonical form: a line for each of these, in this order, each ended by a line feed: the text
    /// `souk-ledger-entry:1`; `seq`, `transaction_id`, `kind`, `account_id`, `currency`, `amount`, `balance`, `at_ms` (numbers
    /// in decimal); the hash of the entry before in lower-case hexadecimal, 64 zeros for the first.
    ///
    /// Labels and names are not in it: they can be erased with the person, and the chain still holds.
    pub fn hash(&self, previous: &Hash) -> Hash {
        let Self { seq, transaction_id, kind, account_id, currency, amount, balance, at_ms } = self;
        let text = format!(
            "souk-ledger-entry:1\n{seq}\n{transaction_id}\n{kind}\n{account_id}\n{currency}\n{amount}\n{balance}\n{at_ms}\n\
             {previous}\n"
        );
        Hash::of(&[text.as_bytes()])
    }
}

/// An entry with its link into the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it says.
    #[serde(flatten)]
    pub facts: Facts,
    /// The hash of the entry before.
    pub previous_hash: Hash,
    /// Its own.
    pub hash: Hash,
}

/// The root of a Merkle tree (RFC 6962, section 2.1) whose leaves are the hashes of entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// 1, 2, 3, …
    pub number: i64,
    /// The first entry under it.
    pub first_seq: i64,
    /// The last one.
    pub last_seq: i64,
    /// The root.
    pub root: Hash,
    /// When it was made, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// An entry, and what leads from it to its root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// The entry.
    pub entry: Entry,
    /// The root that it is under; none while that is still to be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// The audit path (RFC 6962, section 2.1.1): the hashes beside the way up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Hash>,
}

impl Proven {
    /// Whether the entry's hash is its own, and its path leads to its root.
    pub fn holds(&self) -> bool {
        let own = self.entry.facts.hash(&self.entry.previous_hash) == self.entry.hash;
        own && self.root.as_ref().is_none_or(|root| {
            let index =
                self.entry.facts.seq.checked_sub(root.first_seq).and_then(|it| usize::try_from(it).ok());
            let size = root.last_seq.checked_sub(root.first_seq).and_then(|it| usize::try_from(it).ok());
            index.zip(size).is_some_and(|(index, size)| {
                merkle::leads_to(&self.entry.hash, index, size + 1, &self.path, &root.root)
            })
        })
    }
}

/// That a transaction is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The transaction.
    pub transaction_id: String,
    /// Its entries.
    pub entries: Vec<Proven>,
}
