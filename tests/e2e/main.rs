//! The end-to-end tests: the real components, over HTTP. What the actors can do is in `tests/src/`.

mod auth;
mod bad_input;
mod catalogue;
mod crash;
mod documents;
mod edge;
mod faults;
mod gateway;
mod products;
mod races;
mod schema;
mod security;
mod strangers;
mod users;
