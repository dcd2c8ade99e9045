//! What makes the ledger evident to tampering: the canonical form of an entry, the chain of their hashes, Merkle roots over
//! them (RFC 6962), and the audit of an exported ledger.
//!
//! The service `transactions` writes by it, `cargo xtask verify-ledger` checks by it, without asking the service anything.
//! No I/O, no clock.

mod audit;
mod entry;
mod hash;
mod merkle;

pub use audit::{Audit, Record, Summary, Wrong};
pub use entry::{Entry, Facts, Proof, Proven, Root};
pub use hash::Hash;
pub use merkle::{leads_to, path, root};
