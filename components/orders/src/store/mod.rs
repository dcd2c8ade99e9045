//! The SQL.

pub mod cart;
pub mod order;
pub mod step;
