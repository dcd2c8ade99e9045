//! What a transaction leaves to be done, such as telling others: begun as soon as it is committed and its request answered.

use crate::context::Ctx;
use crate::problem::Result;
use futures::future::BoxFuture;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// For how long nobody else does what a transaction left to be done: it is begun at once by whoever committed it.
pub const GRACE: Duration = Duration::from_secs(2);

/// It needs a context of its own: the request's is over by then.
type Task = Box<dyn FnOnce(Ctx) -> BoxFuture<'static, Result<()>> + Send>;

/// Tasks in the order in which they were left.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<Vec<Task>>);

/// What this instance has committed and not begun.
static LEFT: Tasks = Tasks(Mutex::new(Vec::new()));

impl Tasks {
    pub fn add<F>(&self, task: impl FnOnce(Ctx) -> F + Send + 'static)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(|ctx| Box::pin(task(ctx))));
    }

    fn take(&self) -> Vec<Task> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Their transaction is committed: they may begin.
    pub fn may_begin(&self) {
        LEFT.0.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.take());
    }
}

/// What may begin. Whoever takes it begins it.
pub(crate) fn left() -> Vec<Task> {
    LEFT.take()
}
