//! The service kit: what every Souk service needs, once.
//!
//! A component is a [`Service`] (its name, database, routes and refusals) handed to [`serve`]. The kit gives its
//! handlers validated input ([`Valid`], [`Submit`], [`ValidQuery`]), the caller's proven identity ([`Caller`]), a
//! transaction ([`Tx`]), repeatable writes ([`Once`]), pages, entity tags and events, and turns every refusal into one
//! error format ([`Problem`], RFC 9457).
//!
//! What the kit never does: know a service by name, or hold state that may not be lost with the instance.

pub mod caller;
pub mod client;
pub mod context;
pub mod db;
pub mod etag;
pub mod events;
pub mod form;
pub mod guest;
pub mod id;
mod json;
pub mod language;
mod log;
mod metrics;
mod migrate;
pub mod money;
pub mod network;
pub mod once;
pub mod page;
pub mod permission;
pub mod problem;
pub mod row;
pub mod secret;
pub mod service;
pub mod settings;
pub mod settlement;
mod task;
pub mod text;
pub mod time;
pub mod turn;
mod unique;
pub mod valid;
pub mod wire;
pub mod words;

pub use caller::{Caller, Subject};
pub use client::Call;
pub use context::Ctx;
pub use db::{Conn, Db, DbError, Tx};
pub use etag::{IfMatch, IfNoneMatch, Tagged};
pub use events::Event;
pub use form::{BadForm, Form};
pub use language::Language;
pub use money::{Currency, Money};
pub use once::{Attempt, Once};
pub use page::{Cursor, Page, PageQuery};
pub use problem::{FieldError, Problem, Refusal, Result, Spec};
pub use row::Row;
pub use secret::Secret;
pub use service::{Database, Service, Subscription, serve};
pub use task::GRACE;
pub use time::Timestamp;
pub use valid::{PathId, PathIds, Submit, Valid, ValidQuery};

pub use log::{Level, log};
