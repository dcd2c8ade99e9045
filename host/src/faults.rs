//! Faults that a test can inject. Costs one atomic read while there are none.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong with a SQLite database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqliteFault {
    /// Every statement fails as if another connection kept the lock for the whole busy timeout.
    Busy,
    /// Every statement fails as if the disk were full.
    Full,
}

/// For how long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until [`Faults::clear`].
    Cleared,
    /// For this many requests (or statements).
    Times(u32),
}

/// The faults of one running host. Clones share them.
#[derive(Clone, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Default)]
struct Inner {
    any: AtomicBool,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    requests: HashMap<String, (RequestFault, Until)>,
    delays: HashMap<String, (Duration, Until)>,
    unreachable: HashMap<String, Until>,
    databases: HashMap<String, (SqliteFault, Until)>,
}

/// What happens to a request instead of its component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestFault {
    Fail(u16),
    Trap,
}

impl Faults {
    /// `component` takes `delay` longer to answer.
    pub fn slow(&self, component: &str, delay: Duration, until: Until) {
        self.change(|table| _ = table.delays.insert(component.to_owned(), (delay, until)));
    }

    /// `component` answers `status` without being asked.
    pub fn fail(&self, component: &str, status: u16, until: Until) {
        self.change(|table| {
            _ = table.requests.insert(component.to_owned(), (RequestFault::Fail(status), until))
        });
    }

    /// `component` answers as one that trapped.
    pub fn trap(&self, component: &str, until: Until) {
        self.change(|table| _ = table.requests.insert(component.to_owned(), (RequestFault::Trap, until)));
    }

    /// Connections to `target`, a host name or the id of a component that others call, are refused.
    pub fn unreachable(&self, target: &str, until: Until) {
        self.change(|table| _ = table.unreachable.insert(target.to_owned(), until));
    }

    /// The statements on the database `label` fail.
    pub fn sqlite(&self, label: &str, fault: SqliteFault, until: Until) {
        self.change(|table| _ = table.databases.insert(label.to_owned(), (fault, until)));
    }

    /// Everything works again.
    pub fn clear(&self) {
        *self.table() = Table::default();
        self.0.any.store(false, Ordering::Release);
    }

    pub(crate) fn delay(&self, component: &str) -> Option<Duration> {
        self.spend(|table| spend(&mut table.delays, component))
    }

    pub(crate) fn request(&self, component: &str) -> Option<RequestFault> {
        self.spend(|table| spend(&mut table.requests, component))
    }

    pub(crate) fn is_unreachable(&self, target: &str) -> bool {
        self.spend(|table| {
            let until = table.unreachable.get_mut(target)?;
            if !one_less(until) {
                table.unreachable.remove(target);
            }
            Some(())
        })
        .is_some()
    }

    pub(crate) fn database(&self, label: &str) -> Option<SqliteFault> {
        self.spend(|table| spend(&mut table.databases, label))
    }

    fn change(&self, change: impl FnOnce(&mut Table)) {
        change(&mut self.table());
        self.0.any.store(true, Ordering::Release);
    }

    fn spend<T>(&self, find: impl FnOnce(&mut Table) -> Option<T>) -> Option<T> {
        if !self.0.any.load(Ordering::Acquire) {
            return None;
        }
        find(&mut self.table())
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spend<T: Copy>(faults: &mut HashMap<String, (T, Until)>, key: &str) -> Option<T> {
    let (fault, until) = faults.get_mut(key)?;
    let fault = *fault;
    if !one_less(until) {
        faults.remove(key);
    }
    Some(fault)
}

/// Counts one use; whether more are left.
fn one_less(until: &mut Until) -> bool {
    match until {
        Until::Cleared => true,
        Until::Times(left) => {
            *left = left.saturating_sub(1);
            *left > 0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_ends_by_itself() {
        let faults = Faults::default();
        assert_eq!(faults.request("a"), None);
        faults.fail("a", 503, Until::Times(2));
        assert_eq!(faults.request("b"), None);
        assert_eq!(faults.request("a"), Some(RequestFault::Fail(503)));
        assert_eq!(faults.request("a"), Some(RequestFault::Fail(503)));
        assert_eq!(faults.request("a"), None);
    }

    #[test]
    fn clearing_ends_all() {
        let faults = Faults::default();
        faults.unreachable("a", Until::Cleared);
        faults.sqlite("default", SqliteFault::Busy, Until::Cleared);
        assert!(faults.is_unreachable("a"));
        faults.clear();
        assert!(!faults.is_unreachable("a"));
        assert_eq!(faults.database("default"), None);
    }
}
