//! The actors and the stage of the end-to-end tests.
//!
//! A test starts a [`Suite`] and lets people act in it; every answer is judged as it comes in ([`Answer`]), and dropping
//! the suite checks that nothing was left broken:
//!
//! ```no_run
//! # async fn a_customer_finds_a_lamp() {
//! use souk_tests::{Suite, lamp};
//!
//! let shop = Suite::start().await;
//! let lamp = shop.admin().await.adds_product(lamp()).await;
//! let ana = shop.sign_up("ana").await;
//! ana.searches("lamp").await.finds(&lamp);
//! # }
//! ```
//!
//! By default each test has its own suite: the real components on the embedded host, in this process, with an empty
//! state folder. With `SOUK_URL` (and `SOUK_ADMIN_EMAIL`, `SOUK_ADMIN_PASSWORD`) all tests share the suite at that
//! address, embedded or real Spin; those that need power over the process begin with [`Suite::own`] and are skipped.

mod accounts;
mod answer;
pub mod billing;
mod books;
pub mod browser;
mod catalogue;
pub mod contract;
pub mod customers;
mod ending;
pub mod feeds;
pub mod inventory;
pub mod ledger;
pub mod oauth;
pub mod opened;
pub mod orders;
pub mod payments;
pub mod paypal;
mod person;
pub mod post;
pub mod prices;
pub mod process;
mod project;
mod raw;
mod request;
pub mod rules;
pub mod standin;
mod suite;
pub mod token;
pub mod wallets;

pub use accounts::{PASSWORD, user};
pub use answer::{Answer, Refused};
pub use catalogue::{Product, lamp};
pub use person::Person;
pub use project::{components, root, unique};
pub use raw::RawAnswer;
pub use request::Request;
pub use souk_host::{Faults, SqliteFault, Until};
pub use suite::{Keys, Suite};
