//! The end-to-end tests: the real components, over HTTP. What the actors can do is in `tests/src/`.

mod administration;
mod auth;
mod auth_alone;
mod bad_input;
mod billing;
mod catalogue;
mod crash;
mod customers;
mod documents;
mod edge;
mod faults;
mod gateway;
mod guessing;
mod keys;
mod passwords;
mod personal_data;
mod products;
mod races;
mod refresh;
mod schema;
mod security;
mod strangers;
mod users;
