//! Runs a Spin application without Spin: a local runner (`souk-host`) and a test bench ([`Host`]).
//!
//! It reads `spin.toml` and `runtime-config.toml` and behaves as `spin up` does for what Souk's components use. What
//! it does not support stops the start, by name. Nothing in a component may know which of the two it runs on.
//!
//! A request's way: [`server`] takes it off a connection, [`app`] finds its component by [`routes`], adds Spin's
//! [`headers`] and hands it to the component's [`pool`] of instances; what the component does comes out at
//! [`sqlite`], [`key_value`], [`variables`] and [`outbound`], which see only what [`prepare`] granted it.

mod allowed_hosts;
mod app;
mod bindings;
pub mod cli;
mod compose;
mod dotenv;
mod engine;
mod fate;
mod faults;
mod files;
mod guest;
mod headers;
mod host;
mod key_value;
mod logs;
mod maintenance;
mod manifest;
mod options;
mod outbound;
mod phase;
mod pool;
mod prepare;
mod problem;
mod routes;
mod runtime_config;
mod section;
mod server;
mod setup;
mod sqlite;
mod template;
mod variables;

pub use faults::{Faults, SqliteFault, Until};
pub use host::Host;
pub use logs::LogTarget;
pub use maintenance::Tick;
pub use options::{Between, Limits, Options};
