//! Prices' SQL. Lists go to SQLite as one JSON parameter each.

pub mod book;
pub mod history;
pub mod instrument;
pub mod provider;
pub mod quote;
pub mod rate;
