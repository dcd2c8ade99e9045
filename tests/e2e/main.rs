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
mod keys;
mod passwords;
mod products;
mod races;
mod refresh;
mod rules;
mod schema;
mod security;
mod strangers;
mod users;
