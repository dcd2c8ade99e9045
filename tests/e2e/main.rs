//! The end-to-end tests: the real components, over HTTP. What the actors can do is in `tests/src/`.

mod auth;
mod gateway;
mod products;
mod users;
