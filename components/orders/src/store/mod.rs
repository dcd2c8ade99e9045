//! The SQL.

pub mod cart;
pub mod coupon;
pub mod group;
pub mod order;
pub mod step;
