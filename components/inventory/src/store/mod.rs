//! Inventory's SQL. Lists go to SQLite as one JSON parameter each.

pub mod item;
pub mod location;
pub mod movement;
pub mod reservation;
