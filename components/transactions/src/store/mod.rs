//! The SQL, one file for each part of the schema.

pub mod account;
pub mod beneficiary;
pub mod book;
pub mod chain;
pub mod hold;
pub mod settlement;
pub mod statement;
pub mod transaction;
