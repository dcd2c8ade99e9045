//! The end-to-end tests: the real components, over HTTP. What the actors can do is in `tests/src/`.

mod administration;
mod auth;
mod auth_alone;
mod bad_input;
mod catalogue;
mod crash;
mod documents;
mod edge;
mod faults;
mod gateway;
mod guessing;
mod inventory;
mod keys;
mod passwords;
mod products;
mod races;
mod refresh;
mod reservations;
mod schema;
mod security;
mod stock_crash;
mod strangers;
mod users;
