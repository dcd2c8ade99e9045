//! The host, tried with the fixtures of `tests/fixtures` and refused with the manifests of `tests/manifests`.
//!
//! The first test that needs them builds the fixtures with cargo, which does nothing when they are fresh.

mod access;
mod bench;
mod command;
mod databases;
mod faults;
mod instances;
mod lifecycle;
mod manifests;
mod requests;
mod stores;
