//! What ails the stand-in, for those who want to see what comes of it.

use std::time::Duration;

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The connection breaks before anything was done.
    LostBefore,
    /// It is done, and the connection breaks before the answer.
    LostAfter,
    /// It is answered with 429, 500 or 503, and not done.
    Status(u16),
    /// It is done, and answered after a while.
    Slow(Duration),
}

/// Troubles to come, each for one call of an operation, the first first.
#[derive(Debug, Default)]
pub struct Troubles(Vec<(String, Trouble)>);

impl Troubles {
    /// Something will happen to the next call of an operation that nothing is to happen to yet.
    pub fn add(&mut self, operation: &str, trouble: Trouble) {
        self.0.push((operation.to_owned(), trouble));
    }

    /// What happens to this call.
    pub fn next(&mut self, operation: &str) -> Option<Trouble> {
        let index = self.0.iter().position(|(name, _)| name == operation)?;
        Some(self.0.remove(index).1)
    }
}
