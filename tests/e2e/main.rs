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
mod orders;
mod passwords;
mod payments;
mod payments_races;
mod payments_refusals;
mod payments_webhooks;
mod products;
mod races;
mod refresh;
mod rules;
mod schema;
mod security;
mod strangers;
mod users;
