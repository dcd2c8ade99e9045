//! A stand-in for PayPal that follows its published OpenAPI documents (`openapi/`, unchanged): for tests, and for trying
//! PayPal without an account.
//!
//! Every request is validated against the documents, and what they do not have, down to a field that is in no schema, is
//! refused as PayPal refuses; so is every answer before it leaves. Behind that stand books like PayPal's: an order is
//! approved on a page by its buyer, captured or authorized once, refunded within what was taken; a `PayPal-Request-Id`
//! repeats its answer. Webhooks are signed with a key whose certificate is served where PayPal serves its own.
//!
//! Nothing of Souk is known here.

pub mod books;
pub mod contract;
mod desk;
mod hooks;
mod money;
mod moves;
mod notify;
mod page;
mod server;
mod signing;
#[cfg(test)]
mod tests;
mod trouble;

pub use books::{Authorization, Capture, Funding, Order, Refund, now};
pub use desk::Call;
pub use money::Money;
pub use notify::Delivery;
pub use server::{Options, Sandbox, Signed};
pub use signing::Term;
pub use trouble::Trouble;
