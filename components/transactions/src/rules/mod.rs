//! Pure decisions: account numbers, states, and what may be entered into the books.

pub mod book;
pub mod clearing;
pub mod draft;
pub mod iban;
pub mod reconcile;
pub mod settlement;
pub mod state;
