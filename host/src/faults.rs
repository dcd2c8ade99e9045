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
    mute: HashMap<String, Until>,
    /// How many statements a component of the database gets to make yet.
    traps: HashMap<String, u32>,
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

    /// `component` does what it is asked to, but whoever asked it within the application gets no answer.
    pub fn mute(&self, component: &str, until: Until) {
        self.change(|table| _ = table.mute.insert(component.to_owned(), until));
    }

    /// The component that makes the `nth` statement from now, counted from 1, on the database `label` traps instead, with
    /// whatever else its instance was doing.
    pub fn trap_at(&self, label: &str, nth: u32) {
        self.change(|table| _ = table.traps.insert(label.to_owned(), nth));
    }

    /// How many statements on the database `label` are left until its trap: what it was set to, less those made since.
    pub fn trap_in(&self, label: &str) -> Option<u32> {
        self.table().traps.get(label).copied()
    }

    /// Whether a trap waits for a statement on the database `label` that has not come yet.
    pub fn trap_is_set(&self, label: &str) -> bool {
        self.table().traps.contains_key(label)
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
        self.spend(|table| is_due(&mut table.unreachable, target)).is_some()
    }

    pub(crate) fn is_mute(&self, component: &str) -> bool {
        self.spend(|table| is_due(&mut table.mute, component)).is_some()
    }

    /// Counts one statement on the database `label`; whether it is the one to trap at.
    pub(crate) fn traps(&self, label: &str) -> bool {
        let left = self.spend(|table| {
            let left = table.traps.get_mut(label)?;
            *left = left.saturating_sub(1);
            let left = *left;
            if left == 0 {
                table.traps.remove(label);
            }
            Some(left)
        });
        left == Some(0)
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

fn is_due(faults: &mut HashMap<String, Until>, key: &str) -> Option<()> {
    let until = faults.get_mut(key)?;
    if !one_less(until) {
        faults.remove(key);
    }
    Some(())
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
    fn a_trap_waits_for_its_statement() {
        let faults = Faults::default();
        faults.trap_at("a", 3);
        assert_eq!(faults.trap_in("a"), Some(3));
        assert_eq!([(); 4].map(|()| faults.traps("a")), [false, false, true, false]);
        assert!(!faults.traps("b") && !faults.trap_is_set("a"));
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
